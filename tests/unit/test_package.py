"""What an installation holds: one package, whose parts are the folders of the repository."""

from __future__ import annotations

import configparser
from pathlib import Path

import tapewire

ROOT = Path(__file__).parents[2]
FOLDERS = ("bus", "conf", "daemons", "replay", "strategies")


def listed() -> set[str]:
    """The packages that setup.cfg names."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    return set(setup["options"]["packages"].split())


def test_every_folder_of_modules_is_installed() -> None:
    """A room that setup.cfg forgets would work in a checkout and be missing in an installation."""
    rooms = {
        ".".join(("tapewire", *init.parent.relative_to(ROOT).parts))
        for folder in FOLDERS
        for init in (ROOT / folder).rglob("__init__.py")
    }

    assert listed() == {"tapewire", *rooms}


def test_the_checkout_links_to_its_own_folders() -> None:
    """`tapewire.bus` of a checkout is `bus/` beside it, and no copy."""
    for name in (*FOLDERS, "supervisord.conf"):
        link = ROOT / "tapewire" / name
        assert link.is_symlink(), link
        assert not link.readlink().is_absolute()
        assert link.resolve() == ROOT / name


def test_the_package_knows_its_version() -> None:
    """The number that setup.cfg reads."""
    assert tapewire.__version__.count(".") == 2
