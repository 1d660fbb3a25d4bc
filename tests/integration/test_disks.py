"""Every command on a full and on a read-only disk: one sentence with file, reason and remedy, a status, and nothing half-written.

Two small disks are mounted where only the commands of this test see them (mount namespaces; `man 1 unshare`). Both hold a live run
that is down, and a finished run. Other faults of a run that is up are in test_kill_faults.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tapewire.bus import keys, private
from tapewire.bus.roles import Role
from tapewire.daemons.settings import load as configuration
from tapewire.replay import outputs
from tests import command, runs
from tests.integration.conftest import home_in
from tests.integration.test_processes import eventually

pytestmark = pytest.mark.slow

PAGE, DISK_PAGES, LIVE_PAGES = 4_096, 2_048, 64
MOUNTED = """
set -e
mount -t tmpfs -o size=8m tmpfs "$1/full"
mount -t tmpfs -o size=8m tmpfs "$1/read-only"
cp -a "$1/before/." "$1/full"
cp -a "$1/before/." "$1/read-only"
mount -o remount,ro "$1/read-only"
shift
exec "$@"
"""
REASONS = {
    "full": "No space left on device); make room there (`df -h ",
    "read-only": "Read-only file system); Linux mounts a disk with a fault so",
}


class Disks:
    """Two disks, `full` and `read-only`, and the command that sees them."""

    def __init__(self, folder: Path, alone: list[str], bars: Path) -> None:
        self.folder = folder
        self.bars = bars
        self.command = command.Command((*alone, "sh", "-c", MOUNTED, "sh", str(folder)))
        self.command.run("--version", timeout=60)  # from here on the disks are mounted
        assert self.seen("full").stat().st_dev != folder.stat().st_dev

    def run(self, state: str, line: str, *, full: bool = True) -> command.Done:
        """Run a command on one of the disks, which is its working directory."""
        if full:
            self.fill()
        words = [word.replace("BARS", str(self.bars)) for word in line.split()]
        return self.command.run(*words, timeout=120, cwd=str(self.folder / state))

    def files(self, state: str) -> dict[str, bytes]:
        """What lies on one of the disks, but for what fills it."""
        top = self.seen(state)
        return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file() and path.name != "fill"}

    def fill(self) -> None:
        """Take what room a command has left on the full disk."""
        with suppress(OSError), (self.seen("full") / "fill").open("ab", buffering=0) as file:
            for _ in range(DISK_PAGES):
                file.write(bytes(PAGE))

    def seen(self, state: str) -> Path:
        """A disk's folder, as this process reaches it."""
        return Path(f"/proc/{self.command.process.pid}/root{self.folder}") / state


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory, bars: Path) -> Iterator[Disks]:
    folder = tmp_path_factory.mktemp("disks")
    for name in ("full", "read-only", "before"):
        (folder / name).mkdir()
    live, finished = folder / "before" / "var" / "live", folder / "before" / "run"
    live.mkdir(mode=private.FOLDER, parents=True)
    keys.make(live)
    keys.new(live, "anna", Role.READER)
    preset = configuration.preset("seed")
    configuration.write(configuration.load("live", instance="live", traded=["MNQ"], preset=preset), live)
    outputs.write(runs.finished(finished), runs.conf())
    configuration.write(runs.conf(), finished)
    alone = next((way for way in (["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]) if mounts(way, folder)), None)
    if alone is None:
        pytest.skip("this machine lets its users mount no disk of their own (`unshare --mount`)")
    with home_in(folder):
        made = Disks(folder, alone, bars)
        yield made
        made.command.end()


def mounts(way: list[str], folder: Path) -> bool:
    """Whether a small disk can be mounted this way."""
    words = [*way, "mount", "-t", "tmpfs", "tmpfs", str(folder / "full")]
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    "line, file",
    [
        ("up", "var/live/epochs/1"),
        ("up --var other", "other/live"),
        ("replay --data BARS --strategies pipeline --out played", "played"),
        ("backtest --data BARS --strategies pipeline --out tested", "tested"),
        ("demo --out shown --sessions 1", "shown"),
        ("chaos --data BARS --strategies pipeline --out struck", "struck"),
        ("signals --data BARS --out alone", "alone"),
        ("sweep --data BARS --set edge_fade.ib_under_points=150,200 --jobs 1 --out swept", "swept"),
        ("report run", "run/report.html"),
        ("keys new bob --role reader", "var/live/keys/bob.key"),
        ("keys export anna --to .", "anna.key"),
        ("keys bridge --to .", "tapewire.key"),
    ],
)
def test_a_command_that_cannot_write_says_so_in_one_sentence(disks: Disks, line: str, file: str) -> None:
    """The path that it could not write, why, and what to do; status 74. No file is left unfinished, no older one is harmed."""
    for state, reason in REASONS.items():
        before = disks.files(state)

        done = disks.run(state, line)

        said = done.stderr.strip().splitlines()[-1]
        assert done.returncode == 74, (state, done.stderr)
        assert said.startswith("tapewire: ")
        assert f"{file}" in said
        assert reason in said
        assert "Traceback" not in done.stderr
        after = disks.files(state)
        assert not [name for name in after if name.endswith(".unfinished")]
        assert {name: after[name] for name in before} == before


@pytest.mark.parametrize(
    "line, full, read_only",
    [
        pytest.param("keys list", 0, 0, id="keys list"),
        pytest.param("status", 78, 78, id="status"),
        pytest.param("down", 78, 78, id="down"),
        pytest.param("doctor", 1, 1, id="doctor"),
        pytest.param("ready", 75, 75, id="ready"),
        pytest.param("kill", 75, 69, id="kill"),
        pytest.param("arm", 75, 74, id="arm"),
        pytest.param("keys revoke anna", 0, 74, id="keys revoke"),
    ],
)
def test_a_command_that_need_not_write_does_what_it_can(disks: Disks, line: str, full: int, read_only: int) -> None:
    """Its own status, as with any disk where it can do all; a full disk has room for an empty file, and that is a latch."""
    for state, status in (("full", full), ("read-only", read_only)):
        done = disks.run(state, line)

        assert done.returncode == status, (state, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
    if line == "kill":
        assert "killed" in {Path(name).name for name in disks.files("full")}
        assert "the latch is NOT ON DISK: " in done.stderr
    if line == "doctor":
        assert "broken   disk" in done.stdout


def test_a_live_run_whose_disk_fills_is_killed_and_says_what_is_wrong(disks: Disks) -> None:
    """The logger ends at its next fact; supervisord and the others live on, and every command tells it."""
    with (disks.seen("full") / "fill").open("r+b") as file:
        file.truncate(file.seek(0, os.SEEK_END) - LIVE_PAGES * PAGE)  # room to start
    up = disks.run("full", "up --var mine", full=False)
    if "in use" in up.stderr:
        pytest.skip("the live ports are in use on this machine; this test starts the live configuration")
    assert up.returncode == 0, up.stderr

    killed = disks.run("full", "kill --flatten --wait 1")
    ended = eventually(lambda: "logger has ended: " in disks.run("full", "status").stdout)
    status, ready, doctor = (disks.run("full", line) for line in ("status", "ready", "doctor"))
    down = disks.run("full", "down")

    assert ended
    assert killed.returncode in (0, 75), killed.stderr  # the gate has its last record on disk, or has ended for want of room
    assert "latched on disk" in killed.stdout + killed.stderr
    assert "mine/live/killed" in disks.files("full")
    assert (status.returncode, ready.returncode, doctor.returncode) == (1, 1, 1)
    assert REASONS["full"] in status.stdout
    assert "broken   disk               0 MiB free" in doctor.stdout
    assert "broken   supervisord        not running: " in doctor.stdout
    assert (down.returncode, down.stdout[:10]) == (0, "down: live")
    for done in (killed, status, ready, doctor, down):
        assert "Traceback" not in done.stderr


def test_output_that_cannot_be_written_is_told(disks: Disks) -> None:
    """A file of the shell's own, on a full disk: no traceback at the end of the program either."""
    words = [sys.executable, "-P", "-m", "tapewire", "--version"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert done.returncode == 74
    assert done.stderr.startswith("tapewire: standard output: cannot be written (No space left on device)")
    assert len(done.stderr.splitlines()) == 1
