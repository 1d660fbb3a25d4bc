"""The runs that are up on this machine: one small file each, so that `tap`, `status` and `down` find them from any folder."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from tapewire.bus import private
from tapewire.bus.errors import ConfError


class Instance(Struct, frozen=True):
    """A running set of daemons.

    kind: "live" or "replay". run: the folder with its journal and logs. base_port: the first of its ports. pid: its supervisord's.
    socket: the path of the unix socket on which supervisord listens.
    """

    name: str
    kind: str
    run: str
    host: str
    base_port: int
    pid: int
    socket: str


def folder() -> Path:
    """The folder of these files, in the user's state directory."""
    return Path.home() / ".local" / "state" / "tapewire" / "instances"


def register(instance: Instance) -> None:
    """Write the file of a run. It replaces an older one of the same name in one step."""
    private.folder(folder())
    path = folder() / f"{instance.name}.json"
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_bytes(msgspec.json.encode(instance))
    temporary.replace(path)


def forget(name: str) -> None:
    """Remove the file of a run that has ended."""
    (folder() / f"{name}.json").unlink(missing_ok=True)


def running() -> list[Instance]:
    """All runs whose supervisord is alive, oldest first. Removes the files of dead ones, which a power cut leaves behind."""
    found = []
    for path in sorted(folder().glob("*.json"), key=lambda path: path.stat().st_mtime):
        instance = msgspec.json.decode(path.read_bytes(), type=Instance)
        if alive(instance.pid):
            found.append(instance)
        else:
            path.unlink(missing_ok=True)
    return found


def choose(name: str | None) -> Instance:
    """The named run, or the only one that is up.

    Raises:
        ConfError: no run is up, several are and no name was given, or none has that name. The text gives the remedy.
    """
    found = running()
    names = ", ".join(each.name for each in found)
    if not found:
        raise ConfError("nothing is running; start the daemons with `tapewire up`, or a replay with `tapewire replay`")
    if name is None:
        if len(found) > 1:
            raise ConfError(f"several runs are up ({names}); choose one with --instance NAME")
        return found[0]
    for each in found:
        if each.name == name:
            return each
    raise ConfError(f"no run named {name!r} is up; choose one of: {names}")


def alive(pid: int) -> bool:
    """Whether a process with this id exists and has not ended.

    A zombie has ended, unless it has threads left: the first thread of a killed process is a zombie while the others still hold its
    files and locks.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("latin-1")
    except OSError:
        return False
    fields = stat.rpartition(")")[2].split()  # from field 3, the state, on (proc(5)); field 20 is the number of threads
    return fields[0] != "Z" or int(fields[17]) > 1
