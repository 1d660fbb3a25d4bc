"""Who holds the ports that a run needs: process id, command and user, from /proc (proc(5)).

The kernel shows to everybody which user a socket belongs to, but only to that user and to root which process holds it. So a port of
another user's process is told with the user's name. psutil would find the same processes, and not the user.
"""

from __future__ import annotations

import os
import pwd
import shlex
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
LONGEST = 120  # characters of a command that are shown
WINDOWS = "no process of this Linux; under WSL2 a program of Windows may (`netstat -abno` there names it)"
EVERY = ("00000000", "0" * 32)  # the addresses 0.0.0.0 and ::, which take a port on every address


class Holder(NamedTuple):
    """A process. pid, command: None and empty if the kernel does not show them, because it is another user's."""

    pid: int | None
    command: str
    user: str

    def __str__(self) -> str:
        if self.pid is None:
            return f"a process of {self.user} (`sudo ss -lxtnp` names it)"
        return f"pid {self.pid} `{self.command}`"


def of_ports(host: str, ports: Iterable[int], proc: Path = PROC) -> str:
    """Who holds ports that cannot be bound, for a person: "5550, 5551 by pid 4711 `nc -l 5550`"."""
    wanted = list(ports)
    sockets = dict(_tcp(host, set(wanted), proc))
    pids = _pids({each.inode for each in sockets.values()}, proc)
    by: dict[str, list[int]] = {}
    for port in wanted:
        found = sockets.get(port)
        holder = WINDOWS if found is None else str(_holder(pids.get(found.inode), _user(found.uid), proc))
        by.setdefault(holder, []).append(port)
    return "; ".join(f"{', '.join(map(str, taken))} by {holder}" for holder, taken in by.items())


def of_name(name: str, proc: Path = PROC) -> str:
    """Who listens on an abstract unix socket, for a person. Empty if nobody does."""
    rows = [line.split() for line in (proc / "net" / "unix").read_text("utf-8", "replace").splitlines()[1:]]
    inodes = {int(row[6]) for row in rows if row[7:] == [f"@{name}"]}
    pids = _pids(inodes, proc)
    return "; ".join(str(_holder(pids.get(inode), "another user", proc)) for inode in sorted(inodes))


def _holder(pid: int | None, user: str, proc: Path) -> Holder:
    return Holder(pid, "" if pid is None else command(pid, proc), user)


def command(pid: int, proc: Path = PROC) -> str:
    """The command line of a process, cut to LONGEST characters; its name if it shows none."""
    try:
        words = (proc / str(pid) / "cmdline").read_bytes().decode("utf-8", "replace").rstrip("\0").split("\0")
        text = shlex.join(words) if words != [""] else (proc / str(pid) / "comm").read_text("utf-8", "replace").strip()
    except OSError:  # it has ended
        return "ended meanwhile"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


class _Socket(NamedTuple):
    """A socket as the kernel lists it."""

    inode: int
    uid: int


def _tcp(host: str, ports: set[int], proc: Path) -> Iterator[tuple[int, _Socket]]:
    """The sockets that keep ports of a host from being bound, those that listen last: they count."""
    rows = []
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text("ascii").splitlines()[1:]
        except OSError:  # a kernel without IPv6
            continue
        for line in lines:
            fields = line.split()
            address, _, port = fields[1].rpartition(":")
            inode = int(fields[9])
            if int(port, 16) in ports and inode and address in (*EVERY, *_addresses(host)):
                rows.append((fields[3] == "0A", int(port, 16), _Socket(inode, int(fields[7]))))
    for _, number, found in sorted(rows, key=lambda row: row[0]):
        yield number, found


def _addresses(host: str) -> tuple[str, str]:
    """An IPv4 address as the kernel writes it in its two tables: words of four bytes, in the machine's own order."""
    try:
        packed = socket.inet_aton(socket.gethostbyname(host))
    except OSError:
        return "", ""
    text = f"{int.from_bytes(packed, 'little'):08X}"
    return text, f"0000000000000000FFFF0000{text}"


def _pids(inodes: set[int], proc: Path) -> dict[int, int]:
    """The oldest process that holds each socket, of those that the kernel shows to us."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[int, int] = {}
    for folder in sorted(proc.glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            descriptors = os.listdir(folder / "fd")
        except OSError:  # it ended meanwhile, or is another user's
            continue
        for descriptor in descriptors:
            with suppress(OSError):  # closed meanwhile
                if (inode := wanted.get(os.readlink(folder / "fd" / descriptor))) is not None:
                    found.setdefault(inode, int(folder.name))
    return found


def _user(uid: int) -> str:
    try:
        return f"the user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"the user {uid}"
