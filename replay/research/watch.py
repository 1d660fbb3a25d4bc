"""Which files, connections and processes a plug-in uses. A strategy that reads beside the stream may read the future.

Python reports every such use to its audit hooks (PEP 578). A hook cannot be removed, so only a process of its own installs one
(replay/research/withheld.py). It looks for a frame of the plug-in on the stack. Files that Python itself opens, to import modules
and to find time zones, do not count.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import PurePath
from types import FrameType
from typing import Any

from msgspec import Struct

USES = {
    "open": "opens",
    "sqlite3.connect": "opens",
    "os.listdir": "lists",
    "os.scandir": "lists",
    "socket.connect": "connects to",
    "socket.getaddrinfo": "looks up",
    "subprocess.Popen": "starts",
    "os.system": "starts",
    "os.exec": "starts",
    "os.posix_spawn": "starts",
}
IMPORTERS = ("importlib._bootstrap", "_frozen_importlib")
IMPORTED = {".py", ".pyc", ".so", ".pth"}


class Use(Struct, frozen=True, order=True):
    """A plug-in read beside the stream. deciding: during a decision on a bar; else while it was imported or built."""

    plug_in: str
    what: str
    deciding: bool


class PlugInWatch:
    """Records what plug-ins use. plug_ins: top-level package by registry name. Set `deciding` while strategies decide."""

    def __init__(self, plug_ins: Mapping[str, str]) -> None:
        self._names = {package: name for name, package in plug_ins.items()}
        self._seen: set[Use] = set()
        self._new: list[Use] = []
        self.deciding = False

    def install(self) -> None:
        """Watch for the rest of this process."""
        if self._names:
            sys.addaudithook(self._audit)

    def new(self) -> list[Use]:
        """Uses that were not returned before."""
        new, self._new = self._new, []
        return new

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        verb = USES.get(event)
        if verb is None or not arguments or isinstance(arguments[0], int):
            return
        target = _target(event, arguments)
        if PurePath(target).suffix in IMPORTED or "zoneinfo" in target:
            return
        plug_in = self._plug_in_on_stack()
        if plug_in is not None:
            use = Use(plug_in, f"{verb} {target}", self.deciding)
            if use not in self._seen:
                self._seen.add(use)
                self._new.append(use)

    def _plug_in_on_stack(self) -> str | None:
        """The plug-in on the stack, innermost first."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            module = str(frame.f_globals.get("__name__", ""))
            if module.startswith(IMPORTERS):
                return None
            if (package := module.partition(".")[0]) in self._names:
                return self._names[package]
            frame = frame.f_back
        return None


def _target(event: str, arguments: tuple[Any, ...]) -> str:
    what = arguments[1] if event == "socket.connect" else arguments[0]
    return what.decode(errors="replace") if isinstance(what, bytes) else str(what)
