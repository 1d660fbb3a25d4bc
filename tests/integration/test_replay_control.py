"""A replay that is paused, stepped, sped up and sought, from its own terminal and from a second one, ends with the same bytes."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tapewire.bus.errors import ConfError, DataError
from tapewire.daemons.operator import instances
from tests.integration.conftest import TAPEWIRE, Run
from tests.integration.test_parity import made
from tests.integration.test_processes import eventually

pytestmark = pytest.mark.slow


@contextmanager
def in_a_terminal(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A command in the foreground of a terminal of its own, and the end on which a person types."""
    person, terminal = pty.openpty()

    def controlled() -> None:
        os.setsid()
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

    command = [str(TAPEWIRE), *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=controlled
    ) as process:
        try:
            yield process, person
        finally:
            process.kill()
    os.close(person)
    os.close(terminal)


def asked(tapewire: Run, *words: object) -> dict[str, Any]:
    done = tapewire("ask", "replay", *words)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_replay_under_control_ends_with_the_same_bytes(tapewire: Run, home: Path, bars: Path, tmp_path: Path) -> None:
    """Keys step and start it; words step, speed up, seek, pause and start. A seek back is refused. The terminal is as before."""
    common = ("--data", bars, "--strategies", "pipeline")
    assert tapewire("backtest", *common, "--out", tmp_path / "alone").returncode == 0

    with in_a_terminal("replay", *common, "--out", tmp_path / "out", "--control") as (process, person):
        before = termios.tcgetattr(person)
        assert before[3] & termios.ICANON

        def stands(bar: int, status: str = "paused") -> bool:
            if not any(each.ready for each in instances.running()):
                return process.poll() is not None
            now = tapewire("ask", "replay", "state")
            shown = {} if now.returncode else json.loads(now.stdout)["playback"] or {}
            return (shown.get("bar"), shown.get("status")) == (bar, status)

        assert eventually(lambda: stands(0)), process.communicate()
        os.write(person, b"\x1b[C\x1b[C")
        assert eventually(lambda: stands(2))
        process.send_signal(signal.SIGSTOP)  # Ctrl-Z: the shell takes the terminal, in its own mode
        termios.tcsetattr(person, termios.TCSANOW, before)
        process.send_signal(signal.SIGCONT)
        assert eventually(lambda: not termios.tcgetattr(person)[3] & termios.ICANON)
        os.write(person, b"\x1b[C")
        assert eventually(lambda: stands(3))
        asked(tapewire, "step", 2)
        assert eventually(lambda: stands(5))
        assert asked(tapewire, "speed", 120)["speed"] == "120"
        assert asked(tapewire, "seek", "11:00")["status"] in ("seeking", "paused")
        assert eventually(lambda: asked(tapewire, "state")["playback"]["time"].endswith("11:00-05:00"))
        back = tapewire("ask", "replay", "seek", "2026-03-02 09:00")
        os.write(person, b" ")
        assert eventually(lambda: asked(tapewire, "state")["playback"]["status"] == "playing")
        asked(tapewire, "pause")
        asked(tapewire, "speed", "max")
        asked(tapewire, "start")
        _, errors = process.communicate(timeout=240)

        assert process.returncode == 0, errors
        assert back.returncode == DataError.status
        assert "BACKWARD: the replay stands at 2026-03-02T11:00-05:00" in back.stderr
        assert termios.tcgetattr(person) == before
    assert made(tmp_path / "out") == made(tmp_path / "alone")


def test_without_a_replay_the_verbs_are_listed_and_nothing_is_asked(tapewire: Run, home: Path) -> None:
    """`ask` alone names services and verbs; a word that is none is refused with the nearest; without a run the remedy is told."""
    listed = tapewire("ask")
    unknown = tapewire("ask", "replay", "puase")
    nowhere = tapewire("ask", "replay", "pause")

    assert {line.split()[0] for line in listed.stdout.splitlines()} == {"tracker", "evaluator", "gate", "replay"}
    assert (unknown.returncode, nowhere.returncode) == (ConfError.status, ConfError.status)
    assert "did you mean 'pause'?" in unknown.stderr
    assert "tapewire replay" in nowhere.stderr
