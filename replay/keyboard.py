"""The keys of a replay that runs in a terminal: space pauses and plays on, the right arrow steps, up and down change the speed.

The terminal sends keys at once, and shows none, while a replay runs; afterwards it is as before. Ctrl-C stays Ctrl-C, and
after Ctrl-Z and `fg` the keys work again.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

HELP = "space pauses and plays on, right steps, up and down change the speed"
MOST = 64  # bytes read at a time

_KEY = re.compile(rb"\x1b[\[O][A-D]|[^\x1b]")
_NAMES = {b" ": "space", b"\x1b[A": "up", b"\x1b[B": "down", b"\x1b[C": "right", b"\x1b[D": "left"}


class Keyboard:
    """A terminal's keys, which a process can wait for.

    Args:
        descriptor: of the terminal. actions: what to do, by the key's name: space, up, down, right, left. Other keys do nothing.
        gone: called once when the terminal has gone.
    """

    def __init__(self, descriptor: int, actions: Mapping[str, Callable[[], object]]) -> None:
        self._descriptor = descriptor
        self._actions = actions
        self.gone: Callable[[], None] = lambda: None

    def fileno(self) -> int:
        return self._descriptor

    def read(self) -> None:
        """Act on the keys that were pressed."""
        try:
            text = os.read(self._descriptor, MOST)
        except OSError:
            text = b""
        if not text:
            self.gone()
        for name in names(text):
            if name in self._actions:
                self._actions[name]()


def names(text: bytes) -> Iterator[str]:
    """The names of the keys in what a terminal has sent; those that have none are left out."""
    for key in _KEY.findall(text):
        if name := _NAMES.get(key.replace(b"\x1bO", b"\x1b[")):
            yield name


@contextmanager
def keys(actions: Mapping[str, Callable[[], object]]) -> Iterator[Keyboard | None]:
    """The keys of this process's terminal until the end of the block. None if stdin is none, or belongs to another job.

    Only the main thread of a process can have them.
    """
    descriptor = _terminal()
    if descriptor is None:
        yield None
        return
    before = termios.tcgetattr(descriptor)

    def listen(*_: object) -> None:
        if _terminal() is not None:  # `bg` continues a job, too, and does not give it the terminal
            tty.setcbreak(descriptor, termios.TCSANOW)

    listen()
    continued = signal.signal(signal.SIGCONT, listen)  # meanwhile the shell had the terminal, and left it in its own mode
    try:
        yield Keyboard(descriptor, actions)
    finally:
        signal.signal(signal.SIGCONT, continued)
        with suppress(termios.error):  # the terminal has gone
            termios.tcsetattr(descriptor, termios.TCSANOW, before)


def _terminal() -> int | None:
    """stdin, if it is a terminal and this process is in its foreground: in the background reading it would stop the process."""
    try:
        descriptor = sys.stdin.fileno()
        return descriptor if os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp() else None
    except (AttributeError, OSError, ValueError):  # no stdin, a closed one, or one without a descriptor
        return None
