"""The keys of a terminal: their names, and a terminal that is afterwards as before."""

from __future__ import annotations

import os
import pty
import termios

import pytest

from tapewire.replay import keyboard
from tapewire.replay.keyboard import Keyboard, names


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (b" ", ["space"]),
        (b"\x1b[C\x1b[C", ["right", "right"]),
        (b"\x1bOA \x1b[B", ["up", "space", "down"]),
        (b"x\xff\x1b[5~\x1b", []),
    ],
)
def test_a_key_is_known_by_what_the_terminal_sends(text: bytes, keys: list[str]) -> None:
    """In either mode of the arrows; a key without a name, or half of one, is none."""
    assert list(names(text)) == keys


def test_each_key_does_its_own_until_the_terminal_has_gone() -> None:
    """A key without an action does nothing; an end is told once, and raises nothing."""
    ours, theirs = pty.openpty()
    pressed: list[str] = []
    keys = Keyboard(theirs, {"space": lambda: pressed.append("space"), "right": lambda: pressed.append("right")})
    keys.gone = lambda: pressed.append("gone")
    mode = termios.tcgetattr(theirs)
    mode[3] &= ~termios.ICANON
    termios.tcsetattr(theirs, termios.TCSANOW, mode)
    os.write(ours, b" \x1b[C\x1b[A")

    keys.read()
    os.close(ours)
    keys.read()

    assert pressed == ["space", "right", "gone"]
    os.close(theirs)


def test_a_pipe_is_no_keyboard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a closed stdin: a replay in a script reads none of it."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        with keyboard.keys({}) as found:
            assert found is None
    os.close(writer)
    with keyboard.keys({}) as found:  # closed
        assert found is None
