"""Folders and files that only their user can read, and what is done where that is not possible."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tapewire.bus import private
from tapewire.bus.errors import ConfError
from tapewire.daemons.operator.doctor import installation
from tapewire.daemons.operator.doctor.findings import CheckState

MOUNTS = """\
24 1 8:32 / / rw,relatime - ext4 /dev/sdc rw,discard
111 24 0:53 / /mnt/c rw,noatime - 9p C:\\134 rw,dirsync,aname=drvfs;path=C:\\;uid=1000;gid=1000;symlinkroot=/mnt/,mmap
112 24 0:54 / /mnt/d rw,noatime - 9p D:\\134 rw,dirsync,aname=drvfs;path=D:\\;uid=1000;gid=1000;metadata;symlinkroot=/mnt/,mmap
113 24 0:55 / /mnt/e rw,noatime - drvfs E: rw,noatime
114 111 8:48 / /mnt/c/linux rw,relatime - ext4 /dev/sdd rw
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder as the version before left it."""
    folder = tmp_path / "live"
    (folder / "journal").mkdir(parents=True)
    (folder / "gate.log").write_bytes(b"log")
    (folder / "journal" / "raw.tape").write_bytes(b"tape")
    for path in (folder, folder / "journal"):
        path.chmod(0o755)
    for path in (folder / "gate.log", folder / "journal" / "raw.tape"):
        path.chmod(0o644)
    return folder


def test_a_folder_of_the_version_before_is_made_private(run: Path) -> None:
    """Every folder becomes 0700 and every file 0600; nothing is reported."""
    warning = private.tighten(run)

    assert warning == ""
    assert {mode(path) for path in (run, run / "journal")} == {0o700}
    assert {mode(path) for path in (run / "gate.log", run / "journal" / "raw.tape")} == {0o600}
    assert private.readable(run) is None


def test_a_run_folder_that_does_not_exist_yet_is_private(tmp_path: Path) -> None:
    """The first `up` has nothing to change."""
    assert private.tighten(tmp_path / "new") == ""
    assert private.readable(tmp_path / "new") is None


def test_the_first_readable_path_is_named(run: Path) -> None:
    """One file that others can read in a private folder is found, and the doctor's line names it and the remedy."""
    private.tighten(run)
    tape = run / "journal" / "raw.tape"
    tape.chmod(0o640)

    found = installation.files(run)

    assert private.readable(run) == tape
    assert found.state is CheckState.BROKEN
    assert found.value == f"{tape}: others can access it (mode 0640)"
    assert "chmod -R go-rwx" in found.remedy


def test_the_doctor_names_the_private_folders(run: Path) -> None:
    """All is private: the line is ok."""
    private.tighten(run)

    assert installation.files(run).state is CheckState.OK


def test_a_mode_that_cannot_be_changed_stops_with_path_mode_and_remedy(run: Path) -> None:
    """The system refuses the change, as for a file of another user."""

    def refuses(path: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    with pytest.raises(ConfError) as error:
        private.tighten(run, refuses)

    assert str(error.value).startswith(f"{run}: others can access it (mode 0755)")
    assert "Operation not permitted" in str(error.value)
    assert f"sudo chown -R $USER {run}" in str(error.value)


def test_a_mode_that_stays_is_a_warning(run: Path) -> None:
    """A disk that keeps no modes accepts the change and does nothing: the start goes on with a warning."""
    warning = private.tighten(run, lambda path, mode: None)

    assert warning.startswith(f"{run}: others can access it (mode 0755); ")


def test_a_link_to_an_open_place_is_refused_and_the_place_is_left_alone(run: Path, tmp_path: Path) -> None:
    """A journal on another disk is the operator's to close: what lies outside the run folder is not changed."""
    place = tmp_path / "disk"
    place.mkdir()
    place.chmod(0o755)
    (run / "more").symlink_to(place)

    with pytest.raises(ConfError, match="links to a place that others can access"):
        private.tighten(run)

    assert mode(place) == 0o755


def test_links_that_lead_nowhere_or_to_a_private_place_are_fine(run: Path, tmp_path: Path) -> None:
    """Neither stops a start."""
    place = private.folder(tmp_path / "disk")
    (run / "more").symlink_to(place)
    (run / "gone").symlink_to(tmp_path / "nothing")

    assert private.tighten(run) == ""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/home/me/var", False),
        ("/mnt/c/var", True),
        ("/mnt/d/var", False),
        ("/mnt/e/var", True),
        ("/mnt/c/linux/var", False),
        ("/mnt/cc/var", False),
    ],
)
def test_a_windows_drive_without_metadata_is_recognised(path: str, expected: bool) -> None:
    """The longest mount point counts; a drive that is mounted with metadata keeps modes."""
    assert private.on_windows(Path(path), MOUNTS) is expected


def test_a_folder_that_another_user_made_is_refused(tmp_path: Path) -> None:
    """In /tmp somebody else may have made the folder before us: a supervisord that listens there would be theirs to command."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    path = tmp_path / "sockets"
    path.mkdir()
    os.chown(path, 12_345, 12_345)

    with pytest.raises(ConfError, match="belongs to another user \\(uid 12345\\)"):
        private.own_folder(path)


def test_the_mask_holds_for_files_folders_and_children(tmp_path: Path) -> None:
    """One call at the entry point: what this process and its children make is private."""
    code = (
        "import subprocess, pathlib, sys; from tapewire.bus import private; private.limit(); "
        "p = pathlib.Path(sys.argv[1]); (p / 'a' / 'b').mkdir(parents=True); (p / 'a' / 'file').touch(); "
        "subprocess.run(['touch', str(p / 'a' / 'child')], check=True)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)

    assert {mode(tmp_path / name) for name in ("a", "a/b")} == {0o700}
    assert {mode(tmp_path / name) for name in ("a/file", "a/child")} == {0o600}
