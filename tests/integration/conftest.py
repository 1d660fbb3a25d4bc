"""Real processes for the tests: a home of their own, the installed command, and a check that nothing is left behind."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tapewire.daemons.operator import supervise
from tapewire.replay.sources import synthetic

TAPEWIRE = Path(sys.executable).with_name("tapewire")
START = dt.date(2026, 3, 2)

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two synthetic sessions as an export folder."""
    folder = tmp_path_factory.mktemp("bars")
    synthetic.generate(folder, sessions=2, seed=7, start=START)
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home for the registry of runs. Afterwards no process that was started under it may be left; ports are given back."""
    place = tmp_path / "home"
    place.mkdir()
    monkeypatch.setenv("HOME", str(place))
    yield place
    supervise.release_all()
    left = processes_with(str(tmp_path))
    for pid in left:
        os.kill(pid, 9)
    assert not left, f"processes left behind: {left}"


@pytest.fixture
def tapewire(home: Path) -> Run:
    """Run the installed command to its end."""

    def run(*arguments: object, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        command = [str(TAPEWIRE), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL)

    return run


def processes_with(text: str) -> list[int]:
    """Processes whose command line or environment names this path: ours, started for this test."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            state = (entry / "stat").read_text("latin-1").rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z" and text.encode() in told:
            found.append(int(entry.name))
    return found
