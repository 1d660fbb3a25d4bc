"""Files that appear whole or not at all, and what is said when the disk refuses."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from tapewire.bus import disk
from tapewire.bus.disk import DiskError


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    """Until then the older one stands in its place; only this user can read the new one."""
    path = tmp_path / "run.json"
    path.write_bytes(b"old")

    with disk.whole(path) as file:
        file.write(b"new")
        before = path.read_bytes()

    assert (before, path.read_bytes()) == (b"old", b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert left(tmp_path) == ["run.json"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=["full", "Ctrl-C"])
def test_a_file_that_is_not_finished_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    """The older one stays."""
    path = tmp_path / "run.json"
    path.write_bytes(b"old")

    def write() -> None:
        with disk.whole(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises((DiskError, KeyboardInterrupt)):
        write()

    assert path.read_bytes() == b"old"
    assert left(tmp_path) == ["run.json"]


@pytest.mark.parametrize("path", ["", ".", "/"])
def test_a_folder_is_no_file_to_write(path: str) -> None:
    """As `--out .` of a command that writes one file."""
    with pytest.raises(DiskError, match=r"cannot be written \(Is a directory\); a folder stands where a file should be"):
        disk.replace(Path(path), b"")


def test_no_file_takes_the_place_of_a_pipe_or_a_device(tmp_path: Path) -> None:
    """A file would be renamed over it: as root, `--out /dev/null` took that from the whole machine."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")

    for name in ("pipe", "link"):
        with pytest.raises(DiskError, match=r"cannot be written \(it is a device, a pipe or a socket\); name a file"):
            disk.replace(tmp_path / name, b"")
    assert left(tmp_path) == ["link", "pipe"]
    assert disk.is_device(Path("/dev/null"))


@pytest.mark.parametrize("number", [*disk.REMEDIES, errno.EISDIR])
def test_an_error_is_one_sentence_with_file_reason_and_remedy(number: int) -> None:
    """For each reason that a disk has."""
    with pytest.raises(DiskError) as raised, disk.writing(Path("/var/run.json")):
        raise OSError(number, os.strerror(number))

    said = str(raised.value)
    assert said.startswith(f"/var/run.json: cannot be written ({os.strerror(number)}); ")
    assert not said.endswith("; ")
    assert "\n" not in said
    assert raised.value.status == 74


@pytest.mark.parametrize(
    "name, final",
    [
        (".signals.jsonl.4711.unfinished", "signals.jsonl"),
        (".signals.jsonl.unfinished", "signals.jsonl"),
        ("signals.jsonl", "signals.jsonl"),
        (".hidden", ".hidden"),
    ],
)
def test_an_unfinished_file_tells_its_final_name(name: str, final: str) -> None:
    """Also that of an earlier version."""
    assert disk.final(name) == final
