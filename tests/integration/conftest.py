"""Real processes for the tests: a home of their own, the installed command, and a check for leftover processes."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tapewire.daemons.operator import instances, supervise
from tapewire.replay.sources import synthetic
from tests import command

TAPEWIRE = Path(sys.executable).with_name("tapewire")
START = dt.date(2026, 3, 2)

ENDING_S = 10.0

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two synthetic sessions as an export folder."""
    folder = tmp_path_factory.mktemp("bars")
    synthetic.generate(folder, sessions=2, seed=7, start=START)
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home for the registry of runs. Afterwards no process of the test may still run; its ports are released."""
    with home_in(tmp_path) as place:
        yield place


@pytest.fixture
def tapewire(home: Path) -> Run:
    """Run the command to its end."""
    return run


@pytest.fixture
def up(home: Path, tmp_path: Path) -> Iterator[instances.Instance]:
    """The live daemons, up for one test."""
    with live(tmp_path) as instance:
        yield instance


@contextmanager
def home_in(folder: Path) -> Iterator[Path]:
    """The fixture `home` as a block, for several tests."""
    place = folder / "home"
    place.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(place))
        try:
            yield place
        finally:
            supervise.release_all()
            until = time.monotonic() + ENDING_S  # the last helper process of a command may still be ending
            while (left := processes_with(str(folder))) and time.monotonic() < until:
                time.sleep(0.05)
            for pid in left:
                os.kill(pid, 9)
    assert not left, f"processes left behind: {left}"


@contextmanager
def live(folder: Path) -> Iterator[instances.Instance]:
    """The daemons of the live configuration, in a folder with a space. The tests skip if its ports are in use."""
    done = run("up", "--var", folder / "my var")
    if "in use" in done.stderr:
        pytest.skip("the live ports are in use on this machine; this test starts the live configuration")
    assert done.returncode == 0, done.stderr
    yield instances.choose("live")
    run("down")


def run(*arguments: object, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    """Run the command in the current home. A search path of the test's own takes a start of its own."""
    if "PYTHONPATH" not in os.environ:
        return command.ready().run(*arguments, timeout=timeout)
    words = [str(TAPEWIRE), *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL)


def processes_with(text: str) -> list[int]:
    """Processes of this test: their command line or environment contains this path."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            content = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            state = (entry / "stat").read_text("latin-1").rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z" and text.encode() in content:
            found.append(int(entry.name))
    return found
