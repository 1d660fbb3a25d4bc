"""`tapewire bridge install`: what it puts where, what it keeps, and what it says is left."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from tapewire.bus.errors import ConfError
from tapewire.daemons.operator import install
from tapewire.daemons.operator.install import LIBRARIES
from tests.integration.conftest import run
from tests.mono import SOURCES


@pytest.fixture
def platform(tmp_path: Path) -> Path:
    """NinjaTrader's folder as a first start leaves it, on a path with spaces."""
    made = tmp_path / "First Last" / "NinjaTrader 8"
    (made / "bin" / "Custom" / "AddOns").mkdir(parents=True)
    return made


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """The folder of a run that was never started."""
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def test_the_readme_lists_the_same_packages() -> None:
    """Each DLL with its package, the version and the folder."""
    text = (SOURCES / "README.md").read_text("utf-8")

    rows = [f"| `{each.file}` | {each.package} {each.version} | `lib\\{each.lib}` |" for each in LIBRARIES]
    assert [row for row in rows if row not in text] == []


def files(top: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path there."""
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def nupkg(folder: Path, library: install.Library) -> None:
    """A package with this DLL in the right folder, and another build of it."""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{library.package}.{library.version}.nupkg".lower(), "w") as archive:
        archive.writestr(f"lib/{library.lib}/{library.file}", f"right {library.file}")
        archive.writestr(f"lib/net35/{library.file}", "wrong")


@pytest.mark.slow
def test_scripts_and_key_are_put_in_place_and_the_rest_is_told(platform: Path, begun: Path) -> None:
    """Each script in its folder, the key in `tapewire`. Told: each DLL with its package, the references, the strategy's address."""
    done = run("bridge", "install", "--to", platform, "--run", begun)
    found = files(platform)
    custom = {name.removeprefix("bin/Custom/") for name in found if name.startswith("bin/Custom/")}

    assert done.returncode == 0, done.stderr
    assert {Path(name).name for name in custom} == {path.name for path in SOURCES.glob("*.cs")}
    assert {name for name in custom if not name.startswith("AddOns/")} == {
        "Strategies/TapewireBridge.cs",
        "Indicators/TapewireBars.cs",
    }
    assert b"secret" in found["tapewire/tapewire.key"]
    assert "NaCl.dll into bin\\Custom: package NaCl.Net 0.1.13 of NuGet, lib\\net472" in done.stdout
    assert "Host 127.0.0.1, Base port 5550" in done.stdout


@pytest.mark.slow
def test_a_second_time_writes_what_differs_and_keeps_the_former(platform: Path, begun: Path, tmp_path: Path) -> None:
    """An older script and another program's DLL are replaced and kept; the packages' DLLs are in place, so none is left to copy."""
    run("bridge", "install", "--to", platform, "--run", begun)
    custom = platform / "bin" / "Custom"
    (custom / "AddOns" / "Book.cs").write_text("older")
    (custom / "NetMQ.dll").write_text("another")
    for each in LIBRARIES:
        nupkg(tmp_path / "packages", each)

    done = run("bridge", "install", "--to", platform, "--run", begun, "--packages", tmp_path / "packages")
    (before,) = (platform / "tapewire").glob("before-*")

    assert f"{1 + len(LIBRARIES)} written" in done.stdout
    assert files(before) == {"bin/Custom/AddOns/Book.cs": b"older", "bin/Custom/NetMQ.dll": b"another"}
    assert (custom / "AddOns" / "Book.cs").read_bytes() == (SOURCES / "Book.cs").read_bytes()
    assert {(custom / each.file).read_text() for each in LIBRARIES} == {f"right {each.file}" for each in LIBRARIES}
    assert "into bin\\Custom" not in done.stdout


@pytest.mark.parametrize("at", [0, 1, 2])
def test_what_cannot_be_written_changes_nothing(platform: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Windows holds one of three files: the two others are as they were, and no half of a file is left."""
    wanted = {platform / "bin" / "Custom" / name: b"new" for name in ("a.cs", "b.cs", "c.cs")}
    held = list(wanted)[at]
    (platform / "bin" / "Custom" / "a.cs").write_bytes(b"old")
    replace = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if target == held:
            raise PermissionError(13, os.strerror(13), str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(ConfError, match="nothing was changed"):
        install.put(wanted, platform, platform / "tapewire" / "before")

    assert files(platform / "bin") == {"Custom/a.cs": b"old"}


@pytest.mark.slow
def test_another_folder_is_refused(begun: Path, tmp_path: Path) -> None:
    """The message says which folder it is."""
    done = run("bridge", "install", "--to", tmp_path, "--run", begun)

    assert done.returncode == 78
    assert "no bin/Custom in it" in done.stderr
    assert files(tmp_path / "run").keys() == set()
