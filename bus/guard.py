"""The lock on every socket that binds: who may come in, and who was turned away.

ZeroMQ asks a handler in the process about each peer that has shown its credentials (ZAP, RFC 27), and only then lets a message
through. The handler lives in a thread, so a busy daemon answers too. It must run before the first bind, and as long as a socket
lives. Three settings belong together on each socket, before each bind: the ZAP domain, its enforcement, and the mechanism. With
them libzmq refuses every peer of an older protocol, every byte that is no ZeroMQ, and every other mechanism by itself.

Two mechanisms, each where it fits. On tcp it is CURVE: encrypted, and both sides prove who they are. On a unix socket in a private
folder it is PLAIN: the peer shows its name and pass phrase, and messages cost nothing more (the file mode keeps others out, and no
byte leaves the kernel).

A refusal says "later" (status 300), not "never" (400): a peer whose key is put right comes in without being restarted.

What is turned away is counted, by port and reason. libzmq tells the handler nothing about a peer that never came to its credentials
(an HTTP request, another mechanism), so each socket's monitor is read as well (bus/monitor.py). What such a peer can take is small:
as one step of a handshake what `max_received` gives, for `HANDSHAKE_MS`.
"""

from __future__ import annotations

import errno
import hmac
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import zmq
from zmq.utils import z85

from tapewire.bus import access, roles
from tapewire.bus.bounds import max_received
from tapewire.bus.endless import Endless
from tapewire.bus.keys import NAME, Key, Keys
from tapewire.bus.monitor import MONITORED, Monitor, Turned, Why, event
from tapewire.bus.roles import Role

HANDSHAKE_MS = 3_000  # a peer that has not shown its credentials by then is disconnected
CLOSING = 3  # looks that libzmq may need to close an address
HANDLER = "inproc://zeromq.zap.01"  # the address is fixed by RFC 27
LATER = b"300"
WELCOME = b"200"


class Guard:
    """The handler and the monitors of one context.

    keys: the run's; a change of their folder is noticed at the next handshake, and by `refresh`. endless: is to hear of the
    messages that come.

    All methods are for the thread that owns the sockets. Close the guard before the context's sockets.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], keys: Keys) -> None:
        self.keys = keys
        self.endless = Endless()
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, Why], int] = {}
        self._last: dict[tuple[str, Why], Turned] = {}
        self._news: list[Turned] = []
        self._gone: set[Key] = set()
        self._fault = ""
        self._bound: list[tuple[zmq.Socket[bytes], str, tuple[str, ...]]] = []
        self._rebind: list[tuple[zmq.Socket[bytes], str]] = []
        self._tries: Counter[str] = Counter()
        self._monitors: dict[zmq.Socket[bytes], Monitor] = {}
        self._new_monitors: list[tuple[str, zmq.Socket[bytes]]] = []
        handler = context.socket(zmq.ROUTER)
        handler.setsockopt(zmq.LINGER, 0)
        handler.bind(HANDLER)
        self._bell = context.socket(zmq.PAIR)
        self._bell.bind(f"inproc://guard-{id(self)}")
        inside = context.socket(zmq.PAIR)
        inside.connect(f"inproc://guard-{id(self)}")
        self._thread = threading.Thread(target=self._run, args=(handler, inside), name="guard", daemon=True)
        self._thread.start()

    def bind(self, socket: zmq.Socket[bytes], port: str, addresses: Sequence[str]) -> None:
        """Bind a socket, locked.

        Args:
            port: its name, as roles.py lists it. addresses: tcp and ipc ones.

        Raises:
            zmq.ZMQError: an address is in use.
        """
        socket.setsockopt(zmq.ZAP_DOMAIN, port.encode())
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        socket.setsockopt(zmq.MAXMSGSIZE, max_received(port))
        monitor = socket.get_monitor_socket(MONITORED)
        with self._lock:
            self._new_monitors.append((port, monitor))
        self._bell.send(b"")
        self._bound.append((socket, port, tuple(address for address in addresses if address.startswith("tcp://"))))
        for address in sorted(addresses, reverse=True):  # tcp first: a port that is taken shows there
            self._bind(socket, address)

    @property
    def version(self) -> int:
        """Rises when the keys have changed; what was derived from them is out of date then."""
        return self.keys.version

    def role(self, name: str) -> Role | None:
        """The role of the peer that a message came from; None if its key was revoked or has expired."""
        key = self.keys.named(name)
        return None if key is None else key.role

    def may(self, name: str, port: str) -> bool:
        """Whether the key with this name still lets its owner in at a port."""
        key = self.keys.named(name)
        return key is not None and key.may_connect(port)

    def refresh(self) -> list[Turned]:
        """Look at the keys again, and cut off the owner of a key that is gone. To be called about once a second.

        libzmq has no way to close one connection. So each tcp address that such a key opens is unbound, which closes all of its
        connections, and bound again: those who still have a key come back at once, and recover what they missed as after any loss.
        The ports of the public are left alone. Their owner closes one connection itself, and thousands of others stay.

        Returns:
            The first peer of each port and reason that was turned away since the last call.
        """
        self._look()
        self._look_for_endless()
        with self._lock:
            gone, self._gone = self._gone, set()
            news, self._news = self._news, []
        if gone:
            self._bound = [each for each in self._bound if not each[0].closed]
            for socket, port, addresses in self._bound:
                if port in roles.PUBLIC or not any(key.may_connect(port) for key in gone):
                    continue
                for address in addresses:
                    with suppress(zmq.ZMQError):  # unbound already, and not bound again yet
                        socket.unbind(address)
                        self._rebind.append((socket, address))
        waiting, self._rebind = self._rebind, []
        for socket, address in waiting:
            try:
                self._bind(socket, address)
            except zmq.ZMQError:  # libzmq is still closing the old one
                self._rebind.append((socket, address))
        self._tries = Counter({address: self._tries[address] + 1 for _, address in self._rebind})
        return news

    @property
    def rebinding(self) -> bool:
        """Whether an address waits to be bound again; `refresh` tries."""
        return bool(self._rebind)

    @property
    def unbound(self) -> list[str]:
        """Addresses that should be bound again and could not be for `CLOSING` looks: something else has taken them."""
        return sorted(address for address, tries in self._tries.items() if tries > CLOSING)

    def state(self) -> dict[str, Any]:
        """What a control port shows.

        turned_away: number of peers. turned_away_last: the last one of each port and reason. broken_keys: files that are no key.
        unbound: addresses that nobody reaches since a key was revoked.
        guard_fault: the last exception in the handler, empty for none; it lets nobody in whom it concerns.
        """
        with self._lock:
            total = sum(self._counts.values())
            last = [{**turned._asdict(), "count": self._counts[at]} for at, turned in sorted(self._last.items())]
        return {
            "turned_away": total,
            "turned_away_last": last,
            "broken_keys": dict(self.keys.broken),
            "unbound": self.unbound,
            "guard_fault": self._fault,
        }

    def close(self) -> None:
        """End the thread. From now on nobody new comes in."""
        if self._bell.closed:
            return
        for socket, _, _ in self._bound:
            if not socket.closed:
                socket.disable_monitor()  # libzmq would wait for ever for a monitor that nobody reads
        self._bell.send(b"end")
        self._thread.join()
        self._bell.close(linger=0)

    def _bind(self, socket: zmq.Socket[bytes], address: str) -> None:
        if address.startswith("tcp://"):
            socket.setsockopt(zmq.PLAIN_SERVER, 0)
            socket.setsockopt(zmq.CURVE_SERVER, 1)
            socket.setsockopt(zmq.CURVE_SECRETKEY, self.keys.server.secret.encode())
        else:
            if access.answers(address.removeprefix("ipc://")):  # libzmq would take the path away from a living process
                raise zmq.ZMQError(errno.EADDRINUSE)
            socket.setsockopt(zmq.CURVE_SERVER, 0)
            socket.setsockopt(zmq.PLAIN_SERVER, 1)
        socket.bind(address)

    def _look(self) -> None:
        with self._lock:
            self._gone |= self.keys.refresh()

    def _look_for_endless(self) -> None:
        ports = {fd: (inode, each.port) for each in [*self._monitors.values()] for fd, inode in [*each.outside.items()]}
        for fd in self.endless.look({fd: inode for fd, (inode, _) in ports.items()}):
            self._turn_away(Turned(ports[fd][1], Why.ENDLESS, "", "", time.time()))

    # --- the thread -----------------------------------------------------------------------------------------------------------

    def _run(self, handler: zmq.Socket[bytes], bell: zmq.Socket[bytes]) -> None:
        poller = zmq.Poller()
        poller.register(handler, zmq.POLLIN)
        poller.register(bell, zmq.POLLIN)
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        monitors = self._monitors
        ending = False
        while not ending:
            for socket, _ in poller.poll():
                if socket is handler:
                    try:
                        self._decide(handler)
                    except Exception as error:  # this peer is not let in; the next one must be decided on, too
                        self._fault = f"{type(error).__name__}: {error}"
                elif socket is bell:
                    ending = bell.recv() == b"end"
                    with self._lock:
                        new, self._new_monitors = self._new_monitors, []
                    for port, monitor in new:
                        monitors[monitor] = Monitor(port, files, self._turn_away)
                        poller.register(monitor, zmq.POLLIN)
                elif monitors[socket].read(*event(socket)):
                    poller.unregister(socket)
                    del monitors[socket]
                    socket.close(linger=0)
        for socket in (handler, bell, *monitors):
            socket.close(linger=0)

    def _decide(self, handler: zmq.Socket[bytes]) -> None:
        """Reply to one request of ZAP 1.0: version, id, domain, address, identity, mechanism, credentials."""
        peer, empty, version, request, domain, address, _, mechanism, *credentials = handler.recv_multipart()
        port = domain.decode("latin-1")
        shown, key = "", None
        if mechanism == b"CURVE" and len(credentials) == 1:
            shown = z85.encode(credentials[0]).decode()
            key = self._current(self.keys.with_public, shown)
        elif mechanism == b"PLAIN" and len(credentials) == 2:
            name = credentials[0].decode("latin-1")
            shown = name if NAME.match(name) else "no name"
            key = self._current(self.keys.named, shown)
            if key is not None and not hmac.compare_digest(key.phrase, credentials[1]):
                key = None
        if key is not None and key.may_connect(port):
            reply = (WELCOME, b"", key.name.encode())
        else:
            late = self.keys.expired(shown) if key is None else None
            why = Why.ROLE if key is not None else Why.UNKNOWN if late is None else Why.EXPIRED
            known = key or late
            self._turn_away(Turned(port, why, address.decode("latin-1"), shown if known is None else known.name, time.time()))
            reply = (LATER, why.value.encode(), b"")
        handler.send_multipart((peer, empty, version, request, *reply, b""))

    def _current(self, find: Callable[[str], Key | None], shown: str) -> Key | None:
        """The key as the folder has it now. That of a known peer costs a look at one file: thousands may come back at once."""
        key = find(shown)
        if key is None or not self.keys.stands(key):
            self._look()
            key = find(shown)
        return key

    def _turn_away(self, turned: Turned) -> None:
        at = (turned.port, turned.why)
        with self._lock:
            if at not in self._counts:
                self._news.append(turned)
            self._counts[at] = self._counts.get(at, 0) + 1
            self._last[at] = turned


def both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The states of two guards of one process as one."""
    return {
        "turned_away": one["turned_away"] + other["turned_away"],
        "turned_away_last": [*one["turned_away_last"], *other["turned_away_last"]],
        "broken_keys": one["broken_keys"],
        "unbound": sorted({*one["unbound"], *other["unbound"]}),
        "guard_fault": one["guard_fault"] or other["guard_fault"],
    }


class Door(NamedTuple):
    """Where a port is bound."""

    guard: Guard
    port: str
    addresses: tuple[str, ...]

    def bind(self, socket: zmq.Socket[bytes]) -> None:
        """Bind the socket there, locked. Raises zmq.ZMQError: an address is in use."""
        self.guard.bind(socket, self.port, self.addresses)
