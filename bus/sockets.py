"""The one place that makes sockets. Every option is set here, with its reason; other modules name a purpose.

Shape (PROTOCOL.md describes it): facts go PUB -> broker -> SUB; requests go DEALER -> ROUTER to one service; history is pulled.
Publishers are XPUB because XPUB can see its subscriber: a PUB that has just connected drops everything in silence until the
broker's subscription has arrived, an XPUB waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import zmq
from zmq import backend

from tapewire.bus import connections, topics
from tapewire.bus.access import Line
from tapewire.bus.bounds import MAX_FRAME, MAX_FRAMES
from tapewire.bus.guard import Door, Guard

# Messages queued per peer before a publisher drops (facts) or a dealer refuses (requests). A dropped fact shows as a hole in its
# topic's numbers and is resent from the writer's ring, so it costs no data. It counts messages; bus/backlog.py bounds the bytes.
FACTS_HWM = 20_000
REQUESTS_HWM = 10_000
# Pages of history queued per peer. A page is the longest message that we write; a reader has a few under way and asks again.
PAGES_HWM = 64
# Last trades queued per peer. They are dropped before anything else, and an old one has no value.
TICKS_HWM = 1_000
LINGER_MS = 500  # how long a stopping process may go on sending
RECONNECT_MS = 50
RECONNECT_MAX_MS = 500
# A peer on tcp that vanished (a sleeping machine) is disconnected after 8 s, to free its queue. The kernel finds out. libzmq's own
# heartbeat stays off: in libzmq 4.3.5 an assertion of it can end the process.
PEER_IDLE_S, PEER_PROBES = 2, 3

# Plain numbers: to combine two of pyzmq's enum flags takes longer than to send a message.
NOBLOCK = int(zmq.NOBLOCK)
_MORE = int(zmq.SNDMORE)
_EVENTS = int(zmq.EVENTS)
_READABLE = int(zmq.POLLIN)
_send = backend.Socket.send  # pyzmq's layer above it looks for options that we never use, and takes as long again


def broker_in(context: zmq.Context[zmq.Socket[bytes]], door: Door) -> zmq.Socket[bytes]:
    """XSUB to which every writer connects. Subscribes to everything at once: the broker keeps last values of all topics."""
    socket = _socket(context, zmq.XSUB)
    socket.setsockopt(zmq.RCVHWM, FACTS_HWM)
    door.bind(socket)
    socket.send(b"\x01")
    return socket


def broker_out(context: zmq.Context[zmq.Socket[bytes]], door: Door) -> zmq.Socket[bytes]:
    """XPUB to which every reader connects.

    XPUB_VERBOSE: without it a second subscription to a prefix is not reported, and the joiner would get no last values.
    XPUB_WELCOME_MSG: confirms a joiner's subscription, so that it need not sleep and hope.
    """
    return _welcoming(context, door)


def public_out(context: zmq.Context[zmq.Socket[bytes]], door: Door) -> zmq.Socket[bytes]:
    """XPUB that subscribers of the public streams connect to. A slow one loses only its own messages."""
    return _welcoming(context, door)


def ticks_in(context: zmq.Context[zmq.Socket[bytes]], door: Door) -> zmq.Socket[bytes]:
    """SUB to which the feed of last trades connects. SUB, because it lets no other topic through."""
    socket = _socket(context, zmq.SUB)
    socket.setsockopt(zmq.RCVHWM, TICKS_HWM)
    door.bind(socket)
    socket.setsockopt(zmq.SUBSCRIBE, topics.TICK.encode())
    return socket


def ticks_out(context: zmq.Context[zmq.Socket[bytes]], door: Door) -> zmq.Socket[bytes]:
    """PUB to which readers of last trades connect. A slow one loses trades, and nobody waits for it."""
    socket = _socket(context, zmq.PUB)
    socket.setsockopt(zmq.SNDHWM, TICKS_HWM)
    door.bind(socket)
    return socket


def tick_reader(context: zmq.Context[zmq.Socket[bytes]], line: Line, prefixes: tuple[str, ...]) -> zmq.Socket[bytes]:
    """A reader of last trades."""
    socket = _socket(context, zmq.SUB)
    socket.setsockopt(zmq.RCVHWM, TICKS_HWM)
    for prefix in prefixes:
        socket.setsockopt(zmq.SUBSCRIBE, prefix.encode())
    line.connect(socket)
    return socket


def publisher(context: zmq.Context[zmq.Socket[bytes]], line: Line) -> zmq.Socket[bytes]:
    """A writer of facts, connected to the broker. Wait until it is readable (the broker's subscription) before the first one."""
    socket = _socket(context, zmq.XPUB)
    socket.setsockopt(zmq.SNDHWM, FACTS_HWM)
    line.connect(socket)
    return socket


def subscriber(
    context: zmq.Context[zmq.Socket[bytes]], line: Line, prefixes: tuple[str, ...], *, hwm: int = FACTS_HWM, watched: int = 0
) -> zmq.Socket[bytes]:
    """A reader of facts. The first message it gets is `sys.welcome.`: from then on every loss shows in the numbers.

    Args:
        watched: events of its connection that its monitor is to tell, from the first one on.
    """
    socket = _socket(context, zmq.SUB)
    socket.setsockopt(zmq.RCVHWM, hwm)
    if watched:
        socket.get_monitor_socket(watched)
    for prefix in (*prefixes, topics.WELCOME):
        socket.setsockopt(zmq.SUBSCRIBE, prefix.encode())
    line.connect(socket)
    return socket


def responder(context: zmq.Context[zmq.Socket[bytes]], door: Door, *, hwm: int = REQUESTS_HWM) -> zmq.Socket[bytes]:
    """ROUTER of a service or of the venue link.

    ROUTER_MANDATORY: sending to a peer that has gone is an error; the default is a silent drop.
    ROUTER_HANDOVER: a restarted peer with its old name takes its old place at once.
    """
    socket = _socket(context, zmq.ROUTER)
    socket.setsockopt(zmq.SNDHWM, hwm)
    socket.setsockopt(zmq.RCVHWM, REQUESTS_HWM)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
    door.bind(socket)
    return socket


def outside_responder(context: zmq.Context[zmq.Socket[bytes]], door: Door, *, hwm: int) -> zmq.Socket[bytes]:
    """ROUTER for many people outside, of whom none may take the place of another: no peer takes over a routing id in use."""
    socket = _socket(context, zmq.ROUTER)
    socket.setsockopt(zmq.SNDHWM, hwm)
    socket.setsockopt(zmq.RCVHWM, hwm)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    door.bind(socket)
    return socket


def page_server(context: zmq.Context[zmq.Socket[bytes]], door: Door) -> zmq.Socket[bytes]:
    """ROUTER of the history service: a `responder` whose peers cannot leave more than `PAGES_HWM` pages unread."""
    return responder(context, door, hwm=PAGES_HWM)


def requester(context: zmq.Context[zmq.Socket[bytes]], line: Line, name: str = "", *, waits: bool = True) -> zmq.Socket[bytes]:
    """DEALER towards a service.

    Args:
        name: its routing id (empty: the library picks a fresh one, right for one-off tools). waits: what is sent before the service
            is there waits for it; otherwise sending fails.
    """
    socket = _socket(context, zmq.DEALER)
    socket.setsockopt(zmq.IMMEDIATE, int(not waits))
    socket.setsockopt(zmq.SNDHWM, REQUESTS_HWM)
    socket.setsockopt(zmq.RCVHWM, REQUESTS_HWM)
    if name:
        socket.setsockopt(zmq.ROUTING_ID, name.encode())
    line.connect(socket)
    return socket


def send(socket: zmq.Socket[bytes], frames: Sequence[bytes], flags: int = 0) -> None:
    """`send_multipart` for bytes in a third of the time: no type checks, no enum arithmetic, no options for other patterns.

    Raises:
        zmq.Again: with NOBLOCK, when the peer's queue is full. Nothing was sent: only the first frame can fail.
    """
    last = len(frames) - 1
    for at in range(last):
        _send(socket, frames[at], flags | _MORE)
    _send(socket, frames[last], flags)


def arrived(socket: zmq.Socket[bytes], limit: int) -> Iterator[list[bytes]]:
    """The frames of each message that has arrived, `limit` messages at most; the rest waits for the next round."""
    for _ in range(limit):
        try:
            first = socket.recv(NOBLOCK, False)
        except zmq.Again:
            return
        yield _frames(socket, first)
        if not readable(socket):
            return


def from_peers(socket: zmq.Socket[bytes], limit: int, guard: Guard | None = None) -> Iterator[tuple[str, list[bytes]]]:
    """As `arrived`, of a socket that a guard bound, each with the name of the key whose owner sent it; empty if nobody's did.

    Args:
        guard: ends the connection of an owner whose key was revoked, and hears that the message has come.
    """
    for _ in range(limit):
        try:
            first = socket.recv(NOBLOCK, False)
        except zmq.Again:
            return
        who = _sender(first)
        if guard is not None:
            if who and guard.role(who) is None:
                connections.end(_connection(first))
            if guard.endless.suspects:
                guard.endless.heard(_connection(first))
        yield who, _frames(socket, first)
        if not readable(socket):
            return


def subscriptions(socket: zmq.Socket[bytes], limit: int) -> Iterator[tuple[str, int, bytes]]:
    """What an XPUB reports: the name of the peer's key, the descriptor of its connection or -1, and the subscription.

    A reader may send other messages. They mean nothing, and are left out.
    """
    for _ in range(limit):
        try:
            first = socket.recv(NOBLOCK, False)
        except zmq.Again:
            return
        asked, *more = _frames(socket, first)
        if asked[:1] in (b"\x00", b"\x01") and not more:
            yield _sender(first), _connection(first), asked
        if not readable(socket):
            return


def _sender(first: zmq.Frame) -> str:
    try:
        return cast(str, first.get("User-Id"))
    except zmq.ZMQError:  # libzmq's own message, such as the unsubscription of a reader that has gone
        return ""


def _connection(first: zmq.Frame) -> int:
    try:
        return first.get(zmq.SRCFD)
    except zmq.ZMQError:  # as above
        return -1


def _frames(socket: zmq.Socket[bytes], first: zmq.Frame) -> list[bytes]:
    """The message that begins with this frame.

    Of a message with more than `MAX_FRAMES` frames the first are kept, and no reader takes so many.
    """
    frames = [first.bytes]
    frame = first
    while frame.more:
        frame = socket.recv(NOBLOCK, False)
        if len(frames) < MAX_FRAMES:
            frames.append(frame.bytes)
    return frames


def readable(socket: zmq.Socket[bytes]) -> bool:
    """Whether a message is there. To receive and to be told by an exception that there is none takes twice as long."""
    return cast(int, socket.getsockopt(_EVENTS)) & _READABLE != 0


def _welcoming(context: zmq.Context[zmq.Socket[bytes]], door: Door) -> zmq.Socket[bytes]:
    """XPUB that tells of every subscription and confirms it to the joiner."""
    socket = _socket(context, zmq.XPUB)
    socket.setsockopt(zmq.SNDHWM, FACTS_HWM)
    socket.setsockopt(zmq.XPUB_VERBOSE, 1)
    socket.setsockopt(zmq.XPUB_WELCOME_MSG, topics.WELCOME.encode())
    door.bind(socket)
    return socket


def _socket(context: zmq.Context[zmq.Socket[bytes]], kind: int) -> zmq.Socket[bytes]:
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, LINGER_MS)
    socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS)
    socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
    socket.setsockopt(zmq.TCP_KEEPALIVE_IDLE, PEER_IDLE_S)
    socket.setsockopt(zmq.TCP_KEEPALIVE_INTVL, PEER_IDLE_S)
    socket.setsockopt(zmq.TCP_KEEPALIVE_CNT, PEER_PROBES)
    socket.setsockopt(zmq.TCP_MAXRT, PEER_IDLE_S * (PEER_PROBES + 1) * 1000)  # with unacknowledged data no probes are sent
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME)  # a longer frame closes its connection; a guard sets less
    return socket
