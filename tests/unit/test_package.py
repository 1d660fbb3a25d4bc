"""The layout of the checkout: one package, whose parts are the folders of the repository."""

from __future__ import annotations

from pathlib import Path

import tapewire

ROOT = Path(__file__).parents[2]
FOLDERS = ("bus", "conf", "daemons", "replay", "strategies")


def test_every_folder_of_modules_is_a_package() -> None:
    """A room without `__init__.py` would work in a checkout and be missing in an installation."""
    rooms = {module.parent for folder in FOLDERS for module in (ROOT / folder).rglob("*.py")}

    assert [room for room in rooms if not (room / "__init__.py").is_file()] == []


def test_the_checkout_links_to_its_own_folders() -> None:
    """`tapewire.bus` of a checkout is `bus/` beside it, and no copy."""
    for name in (*FOLDERS, "ninjascript", "supervisord.conf"):
        link = ROOT / "tapewire" / name
        assert link.is_symlink(), link
        assert not link.readlink().is_absolute()
        assert link.resolve() == ROOT / name


def test_the_package_has_its_version() -> None:
    """The number that setup.cfg reads."""
    assert tapewire.__version__.count(".") == 2
