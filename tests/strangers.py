"""Peers that must not get in. Each tries once, and is over when the other side has ended its connection."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import zmq

from tapewire.bus.access import RETRY_MS, Line
from tapewire.bus.keys import Key
from tapewire.bus.roles import Role

STEP_MS = 20
PATIENCE_MS = 20_000  # only ends a test that would never pass
HTTP = b"POST /kill HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nflatten=1"
SAYS = (b"", b"operator.word.", b"x")
OPPOSITE = {zmq.ROUTER: zmq.DEALER, zmq.XSUB: zmq.XPUB, zmq.XPUB: zmq.SUB}
Options = Mapping[int, bytes | int]


class Knock(NamedTuple):
    """One attempt. mine: the options that show a key. address: where to. kind: of the socket that knocks.

    refused: whether the other side has decided by now. It may wait until the peer gives up, a second here.
    """

    mine: Options
    address: str
    kind: int
    refused: Callable[[], bool] = lambda: False


def greeting(mechanism: bytes, *, major: int = 3) -> bytes:
    """How a peer begins (RFC 23), with the mechanism that it wants."""
    return b"\xff" + bytes(8) + b"\x7f" + bytes((major, 0)) + mechanism.ljust(20, b"\0") + bytes(32)


def command(name: bytes, data: bytes) -> bytes:
    """A ZMTP command of at most 255 bytes."""
    body = bytes((len(name),)) + name + data
    return bytes((4, len(body))) + body


def metadata(**properties: bytes) -> bytes:
    """Properties of a connection; `_` in a name stands for `-`."""
    pairs = ((name.replace("_", "-").encode(), value) for name, value in properties.items())
    return b"".join(bytes((len(name),)) + name + len(value).to_bytes(4, "big") + value for name, value in pairs)


def plain(key: Key) -> bytes:
    """The first command of the mechanism PLAIN."""
    name = key.name.encode()
    return command(b"HELLO", bytes((len(name),)) + name + bytes((len(key.phrase),)) + key.phrase)


RAW: Mapping[str, Sequence[bytes]] = {
    "an HTTP request": (HTTP,),
    "bytes that are no greeting": (bytes(64),),
    "text": (b"hello daemon, this is a friend of the operator\n" * 4,),
    "a greeting of ZMTP 1": (b"\x01\x00" + b"\x05\x00kill",),
    "a greeting of ZMTP 2": (greeting(b"", major=1),),
    "a greeting for NULL and a message": (greeting(b"NULL"), command(b"READY", metadata(Socket_Type=b"DEALER")), b"\0\1x"),
    "an unknown mechanism": (greeting(b"PASSPORT"),),
    "a mechanism without a name": (greeting(b""),),
    "a giant command for PLAIN": (greeting(b"PLAIN"), b"\x06" + b"\x7f" + b"\xff" * 7 + bytes(1_000)),
    "a giant command for CURVE": (greeting(b"CURVE"), b"\x06" + b"\x7f" + b"\xff" * 7 + bytes(1_000)),
    "a broken HELLO for PLAIN": (greeting(b"PLAIN"), command(b"HELLO", b"\xffoperator")),
    "a broken HELLO for CURVE": (greeting(b"CURVE"), command(b"HELLO", b"\1\0" + bytes(100))),
    "the second step first for PLAIN": (greeting(b"PLAIN"), command(b"INITIATE", metadata(Socket_Type=b"DEALER"))),
    "the second step first for CURVE": (greeting(b"CURVE"), command(b"INITIATE", bytes(240))),
    "an ERROR": (greeting(b"PLAIN"), command(b"ERROR", b"\x05sorry")),
    "no byte": (),
    "half a greeting": (greeting(b"PLAIN")[:11],),
}
HANGS_UP = ("no byte", "half a greeting")  # these would wait for the server's patience


def raw(address: str, sends: Sequence[bytes], *, hangs_up: bool = False) -> None:
    """Connect with a plain socket, send, and read until the other side closes; or close at once."""
    with connected(address) as peer, suppress(ConnectionError):
        for data in sends:
            peer.sendall(data)
        if not hangs_up:
            read_to_end(peer)


def connected(address: str) -> socket.socket:
    """A plain socket, connected to a tcp or an ipc address."""
    kind, _, place = address.partition("://")
    if kind == "ipc":
        peer = socket.socket(socket.AF_UNIX)
        try:
            peer.connect(place)  # blocking: with a time-out, a full queue of connections is an error at once
        except OSError:
            peer.close()
            raise
        peer.settimeout(PATIENCE_MS / 1000)
        return peer
    host, _, port = place.rpartition(":")
    return socket.create_connection((host, int(port)), PATIENCE_MS / 1000)


def read(peer: socket.socket, size: int) -> bytes:
    """So many bytes that the other side sends."""
    received = b""
    while len(received) < size:
        data = peer.recv(size - len(received))
        assert data, f"closed after {received!r}"
        received += data
    return received


def read_command(peer: socket.socket) -> bytes:
    """The name of the next command that the other side sends."""
    _, size = read(peer, 2)
    body = read(peer, size)
    return body[1 : 1 + body[0]]


def admitted(peer: socket.socket, key: Key, **properties: bytes) -> None:
    """Shake hands as PLAIN wants it (RFC 24), with these properties of the connection. From then on every byte is the caller's."""
    peer.sendall(greeting(b"PLAIN"))
    read(peer, len(greeting(b"PLAIN")))
    peer.sendall(plain(key))
    assert read_command(peer) == b"WELCOME"
    peer.sendall(command(b"INITIATE", metadata(**properties)))
    assert read_command(peer) == b"READY"


def read_to_end(peer: socket.socket) -> bytes:
    """What the other side sent until it closed."""
    received = b""
    while data := peer.recv(4096):
        received += data
    return received


def knock(attempt: Knock, says: Sequence[bytes] = SAYS, *, routing_id: bytes = b"") -> bool:
    """Connect with ZeroMQ, once, with a message under way. Returns whether the peer was let in."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    peer = context.socket(attempt.kind)
    try:
        peer.setsockopt(zmq.LINGER, 0)
        peer.setsockopt(zmq.RECONNECT_IVL, -1)
        peer.setsockopt(zmq.HANDSHAKE_IVL, RETRY_MS)
        if routing_id:
            peer.setsockopt(zmq.ROUTING_ID, routing_id)
        if attempt.kind == zmq.SUB:
            peer.setsockopt(zmq.SUBSCRIBE, b"")
        for option, value in attempt.mine.items():
            peer.setsockopt(option, value)
        monitor = peer.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        peer.connect(attempt.address)
        if attempt.kind == zmq.DEALER:
            with suppress(zmq.Again):  # refused already
                peer.send_multipart(list(says), zmq.NOBLOCK)
        for _ in range(PATIENCE_MS // STEP_MS):
            if monitor.poll(STEP_MS):
                break
            if attempt.refused():
                return False
        else:
            raise AssertionError(f"neither let in nor turned away at {attempt.address}")
        return int.from_bytes(monitor.recv_multipart()[0][:2], "little") == zmq.EVENT_HANDSHAKE_SUCCEEDED
    finally:
        context.destroy(linger=0)


def shows(line: Line) -> Options:
    """The options with which a key's owner connects."""
    if line.server:
        return {
            zmq.CURVE_SERVERKEY: line.server.encode(),
            zmq.CURVE_PUBLICKEY: line.key.public.encode(),
            zmq.CURVE_SECRETKEY: line.key.secret.encode(),
        }
    return {zmq.PLAIN_USERNAME: line.key.name.encode(), zmq.PLAIN_PASSWORD: line.key.phrase}


def unknown(name: str = "anna") -> Key:
    """A key of no run."""
    public, secret = zmq.curve_keypair()
    return Key(name, Role.OPERATOR, public.decode(), secret.decode())


Refused = Callable[[], bool]
Stranger = Callable[[Line, int, Refused], None]
"""Tries once at an address. Takes the way of a key that would be let in there, the kind of the socket that is bound there, and
whether it was refused by now (`Knock`)."""


def folded(why: str) -> str:
    """The reason as the tables below have it: who sees that the mechanism is another may hang up before he has shown his own."""
    return "no_lock" if why == "gave_up" else why


def _knocks(mine: Callable[[Line], Options]) -> Stranger:
    def tries(line: Line, bound: int, refused: Refused) -> None:
        assert not knock(Knock(mine(line), line.address, OPPOSITE[bound], refused))

    return tries


def _raw(name: str) -> Stranger:
    return lambda line, bound, refused: raw(line.address, RAW[name], hangs_up=name in HANGS_UP)


ANYWHERE: Mapping[str, tuple[str, Stranger]] = {
    **{name: ("no_lock", _raw(name)) for name in RAW},
    "NULL": ("no_lock", _knocks(lambda line: {})),
}
OVER_TCP: Mapping[str, tuple[str, Stranger]] = {
    **ANYWHERE,
    "PLAIN with a key of the run": ("no_lock", _knocks(lambda line: shows(line._replace(server="")))),
    "an unknown key": ("unknown_key", _knocks(lambda line: shows(line._replace(key=unknown())))),
    "the name of a key and other halves": ("unknown_key", _knocks(lambda line: shows(line._replace(key=unknown(line.key.name))))),
    "another server's key": ("wrong_server", _knocks(lambda line: shows(line._replace(server=unknown().public)))),
}
INSIDE: Mapping[str, tuple[str, Stranger]] = {
    **ANYWHERE,
    "CURVE with a key of the run": ("no_lock", _knocks(lambda line: shows(line._replace(server=unknown().public)))),
    "an unknown name": ("unknown_key", _knocks(lambda line: {**shows(line), zmq.PLAIN_USERNAME: b"anna"})),
    "the longest name": ("unknown_key", _knocks(lambda line: {**shows(line), zmq.PLAIN_USERNAME: b"\xff" * 255})),
    "a short pass phrase": ("unknown_key", _knocks(lambda line: {**shows(line), zmq.PLAIN_PASSWORD: b"x"})),
    "another's pass phrase": ("unknown_key", _knocks(lambda line: {**shows(line), zmq.PLAIN_PASSWORD: unknown().phrase})),
    "the secret half": ("unknown_key", _knocks(lambda line: {**shows(line), zmq.PLAIN_PASSWORD: line.key.secret.encode()})),
}
"""Why each is turned away, and how it tries."""
