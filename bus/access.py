"""How a process reaches the sockets of a run: where they are, and which key it shows there.

Inside the machine they are unix sockets in a short folder that only this user can enter, beside supervisord's. The link `sockets`
in the run's folder leads to it, because the path of a unix socket may have 107 bytes and a run's folder is often longer. For
NinjaTrader, and for programs elsewhere, some ports are bound on tcp as well, under CURVE.
"""

from __future__ import annotations

import hashlib
import os
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import zmq

from tapewire.bus import keys, private
from tapewire.bus.errors import ConfError, Transient
from tapewire.bus.keys import Credential, Key, Keys

LINK = "sockets"
SOCKETS = "tapewire-"  # begins the name of the folder of a run's sockets
MAX_PATH = 107  # bytes of a unix socket's path (unix(7))
LONGEST_NAME = len("/control.evaluator")
RETRY_MS = 2_000  # how long a handshake may take; refused for now, a client comes back after it


class Line(NamedTuple):
    """A client's way to one port.

    server: the daemons' public key, on tcp; empty inside the machine.
    """

    address: str
    key: Key | Credential
    server: str = ""

    def connect(self, to: zmq.Socket[bytes]) -> None:
        """Show the key, and connect."""
        to.setsockopt(zmq.HANDSHAKE_IVL, RETRY_MS)
        if self.server and isinstance(self.key, Key):
            to.setsockopt(zmq.CURVE_SERVERKEY, self.server.encode())
            to.setsockopt(zmq.CURVE_PUBLICKEY, self.key.public.encode())
            to.setsockopt(zmq.CURVE_SECRETKEY, self.key.secret.encode())
        else:
            to.setsockopt(zmq.PLAIN_USERNAME, self.key.name.encode())
            to.setsockopt(zmq.PLAIN_PASSWORD, self.key.phrase)
        to.connect(self.address)


class Access:
    """The ports of a run as one key's owner reaches them. Make one with `local` or `remote`."""

    def __init__(self, key: Key | Credential, line: Callable[[str], Line]) -> None:
        self.key = key
        self._line = line

    def to(self, port: str) -> Line:
        """The way to a port (a key of `PORTS`, or of the ports that exist inside the machine only)."""
        return self._line(port)


def local(run: Path, name: str, found: Keys | None = None) -> Access:
    """The ports of a run on this machine.

    Args:
        name: of the key to show: a daemon's, `nt`, `operator` or `reader`. found: the run's keys, where they are known already.

    Raises:
        ConfError: the run has no such key. Transient: the run is not up.
    """
    folder = place(run)
    key = (found or Keys(run)).named(name)
    if key is None:
        raise ConfError(f"{run / keys.FOLDER}: no key {name!r}; `tapewire up` makes the keys that a run needs")
    return Access(key, lambda port: Line(unix(folder, port), key))


def lent(run: Path, credential: Credential) -> Access:
    """The ports of a run on this machine, for a process that passes on what somebody has shown it. The daemons judge it."""
    folder = place(run)
    return Access(credential, lambda port: Line(unix(folder, port), credential))


def remote(path: Path, ports: Callable[[str], int], *, host: str = "") -> Access:
    """The tcp ports of a run by an exported key.

    Args:
        ports: the offset of a port from the base port. host: instead of the one in the file.
    """
    key = keys.parse(path)
    server, its_host, base = keys.server_of(path)
    return Access(key, lambda port: Line(f"tcp://{host or its_host}:{base + ports(port)}", key, server))


def prepare(run: Path) -> Path:
    """Make what a run needs before its first socket: its keys, and the folder of its sockets. Returns that folder.

    Raises:
        ConfError: the folder for sockets cannot be made private, or its path is too long.
    """
    run = run.resolve()
    keys.make(run)
    folder = Path(tempfile.gettempdir()) / f"{SOCKETS}{hashlib.sha256(str(run).encode()).hexdigest()[:16]}"
    if len(os.fsencode(folder)) + LONGEST_NAME > MAX_PATH:
        raise ConfError(f"{folder}: too long for the path of a unix socket; set TMPDIR to a folder with a shorter path")
    private.own_folder(folder)
    link = run / LINK
    if not (link.is_symlink() and os.readlink(link) == str(folder)):
        link.unlink(missing_ok=True)
        link.symlink_to(folder)
    return folder


def tidy(run: Path) -> None:
    """Remove the folder of a stopped run's sockets, and the link to it."""
    with suppress(Transient, OSError):
        folder = place(run)
        (run / LINK).unlink()
        for path in folder.iterdir():
            if path.is_socket():
                path.unlink()
        folder.rmdir()


def place(run: Path) -> Path:
    """The folder of a run's sockets.

    Raises:
        Transient: there is none; the run is not up.
    """
    try:
        return Path(os.readlink(run / LINK))
    except OSError:
        raise Transient(
            f"{run} is not up; start it with `tapewire up`, after `tapewire down` if the folder was removed while it ran"
        ) from None


def unix(folder: Path, port: str) -> str:
    """ZeroMQ's address of a port inside the machine."""
    return f"ipc://{folder}/{port}"


def answers(path: str) -> bool:
    """Whether a process listens on a unix socket. A killed one leaves its file behind."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
    return True
