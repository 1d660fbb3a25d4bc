"""The runs of this machine: one small file each, so that the commands find them from any folder.

The file of a replay goes with its supervisord. That of a live run stays until `down` or the next `up`: a supervisord that died
alone leaves a run on which `kill` must still act.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from tapewire.bus import disk, private
from tapewire.bus.errors import ConfError

LIVE = "live"
MODULE = "tapewire.daemons"  # as in supervisord.conf


class Instance(Struct, frozen=True):
    """A running set of daemons.

    kind: "live" or "replay". run: the folder with its journal and logs. base_port: the first of its ports. pid: its supervisord's.
    socket: the path of the unix socket on which supervisord listens. ready: its daemons have all been ready; until then it starts.
    """

    name: str
    kind: str
    run: str
    host: str
    base_port: int
    pid: int
    socket: str
    ready: bool = False


def folder() -> Path:
    """The folder of these files, in the user's state directory."""
    return Path.home() / ".local" / "state" / "tapewire" / "instances"


def register(instance: Instance) -> None:
    """Write the file of a run. It replaces an older one of the same name in one step."""
    private.folder(folder())
    disk.replace(folder() / f"{instance.name}.json", msgspec.json.encode(instance))


def forget(name: str) -> None:
    """Remove the file of a run that has ended. One that the disk keeps names no process that lives, and does no harm."""
    with suppress(OSError):
        (folder() / f"{name}.json").unlink(missing_ok=True)


def running() -> list[Instance]:
    """All runs that are up, oldest first: supervisord is alive, or a daemon that it left behind."""
    return [each for each in known() if alive(each.pid) or daemons(each.run)]


def known() -> list[Instance]:
    """The runs that are up, and the live ones that were, oldest first. Removes the files of replays that have ended."""
    found = []
    for path in sorted(folder().glob("*.json"), key=_written):
        try:
            instance = msgspec.json.decode(path.read_bytes(), type=Instance)
        except (FileNotFoundError, msgspec.DecodeError):  # it ended meanwhile, or a power cut has harmed the file
            continue
        if instance.kind != LIVE and not alive(instance.pid) and not daemons(instance.run):
            with suppress(OSError):  # a disk that is read-only: it is looked at again next time
                path.unlink(missing_ok=True)
        else:
            found.append(instance)
    return found


def daemons(run: str) -> dict[str, int]:
    """The daemons of a run that live, by name, whoever started them: process ids from /proc (proc(5))."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:  # it ended meanwhile, or is another user's
            continue
        if MODULE in words and run in words and alive(pid := int(path.parent.name)):
            found[words[words.index(MODULE) + 1]] = pid
    return found


def chosen(name: str | None) -> list[Instance]:
    """The named run, or all that are up.

    Raises:
        ConfError: no run is up, or none has that name.
    """
    return running() if name is None and running() else [choose(name)]


def choose(name: str | None) -> Instance:
    """The named run, or the only one that is up.

    Raises:
        ConfError: no run is up, several are and no name was given, or none has that name. The text gives the remedy.
    """
    found = running()
    names = ", ".join(each.name for each in found)
    if not found:
        ended = "".join(f"; {each.name} has ended without `tapewire down` ({each.run}/logs says why)" for each in known())
        raise ConfError(f"nothing is running{ended}; start the daemons with `tapewire up`, or a replay with `tapewire replay`")
    if name is None:
        if len(found) > 1:
            raise ConfError(f"several runs are up ({names}); choose one with --instance NAME")
        return found[0]
    return _named(found, name)


def processes(instance: Instance) -> str:
    """What lives of a run, in words: its supervisord, or the daemons that one left behind."""
    if alive(instance.pid):
        return f"supervisord {instance.pid}"
    return "left behind: " + (", ".join(f"{name} {pid}" for name, pid in daemons(instance.run).items()) or "nothing")


def for_money(name: str | None, default: Path) -> Instance:
    """The run that `kill`, `arm`, `send` and `ready` mean: the named one, or the live one, whether it is up or not.

    Without a live run it is the only one that is up: a replay, to try the commands on.

    Args:
        default: where a live run lies that this machine has not registered.

    Raises:
        ConfError: there is none, or several live ones and no name.
    """
    found = all_for_money(name, default)
    if len(found) > 1:
        names = ", ".join(each.name for each in found)
        raise ConfError(f"several live runs are known ({names}); choose one with --instance NAME")
    return found[0]


def all_for_money(name: str | None, default: Path) -> list[Instance]:
    """As `for_money`, but without a name every live run that is up, or if none is, every one that this machine has registered.

    Raises:
        ConfError: there is none.
    """
    if name is not None:
        return [_named([*known(), *_at(Path(name))], name)]
    up = running()
    live = [each for each in up if each.kind == LIVE] or [each for each in known() if each.kind == LIVE]
    if live:
        return live
    if len(up) == 1:
        return up
    if found := _at(default):
        return found
    names = f"; several replays are up ({', '.join(each.name for each in up)}): choose one with --instance NAME" if up else ""
    raise ConfError(f"no live run is known, and none lies in {default}{names or '; start one with `tapewire up`'}")


def _at(run: Path) -> list[Instance]:
    """The run in a folder that this machine has not registered, because it is down."""
    return [Instance(LIVE, LIVE, str(run.resolve()), "", 0, 0, "")] if (run / "run.json").exists() else []


def _named(found: list[Instance], name: str) -> Instance:
    """By its name, or by its folder."""
    for each in found:
        if each.name == name or Path(each.run) == Path(name).resolve():
            return each
    raise ConfError(f"no run named {name!r} is up; choose one of: {', '.join(each.name for each in found) or 'none'}")


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # it ended meanwhile
        return 0.0


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
