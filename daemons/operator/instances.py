"""Which runs are up on this machine: one small file each, so that `tap`, `status` and `down` find them from any folder."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from tapewire.bus.errors import ConfError


class Instance(Struct, frozen=True):
    """A running set of daemons. kind: "live" or "replay". pid: its supervisord. socket: where that listens."""

    name: str
    kind: str
    run: str
    host: str
    base_port: int
    pid: int
    socket: str


def folder() -> Path:
    """Where the files lie: the user's state directory."""
    return Path.home() / ".local" / "state" / "tapewire" / "instances"


def register(instance: Instance) -> None:
    """Make a run known."""
    folder().mkdir(parents=True, exist_ok=True)
    path = folder() / f"{instance.name}.json"
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_bytes(msgspec.json.encode(instance))
    temporary.replace(path)


def forget(name: str) -> None:
    """The run has ended."""
    (folder() / f"{name}.json").unlink(missing_ok=True)


def running() -> list[Instance]:
    """All runs whose supervisord is alive, oldest first. Files of dead ones (a power cut) are removed."""
    found = []
    for path in sorted(folder().glob("*.json"), key=lambda path: path.stat().st_mtime):
        instance = msgspec.json.decode(path.read_bytes(), type=Instance)
        if alive(instance.pid):
            found.append(instance)
        else:
            path.unlink(missing_ok=True)
    return found


def choose(name: str | None) -> Instance:
    """The named run, or the only one there is.

    Raises:
        ConfError: none is up, several are and no name was given, or there is none of that name. The text says what to do.
    """
    known = running()
    names = ", ".join(each.name for each in known)
    if not known:
        raise ConfError("nothing is running; start the daemons with `tapewire up`, or a replay with `tapewire replay`")
    if name is None:
        if len(known) > 1:
            raise ConfError(f"several runs are up ({names}); choose one with --instance NAME")
        return known[0]
    for each in known:
        if each.name == name:
            return each
    raise ConfError(f"no run named {name!r} is up; running: {names}")


def alive(pid: int) -> bool:
    """Whether a process with this number exists and is not a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("latin-1")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
