"""The stream above a relay, as a subscriber has it: lines, the state that comes once a second, and answers to questions.

ZeroMQ connects again by itself, and tells a client nothing of why it is not let in. What it does tell (its monitor) and the bytes
that the kernel has counted give the reason in words: nobody is there, another server is there, or the key is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import NamedTuple

import msgspec
import zmq
from msgspec import Struct

from tapewire.bus import bounds, connections, feed, sockets, topics, wire
from tapewire.bus.access import Line
from tapewire.bus.bounds import MAX_MESSAGE
from tapewire.bus.client import request_frames
from tapewire.bus.clock import WallClock
from tapewire.bus.errors import DataError, PeerError
from tapewire.bus.feed import FeedLine
from tapewire.bus.inlets import Inlets
from tapewire.bus.keys import FeedAddress, Key
from tapewire.bus.messages import Control, Report
from tapewire.bus.monitor import event
from tapewire.bus.roles import SubscriberTier
from tapewire.strategies.clock import SECOND_NS

STATE = b"public.state."
BATCH = 512
SILENT_NS = 5 * SECOND_NS  # the state comes once a second
ANSWER_NS = 5 * SECOND_NS  # a question without an answer is asked again
GREETING_NS = SECOND_NS // 2  # a key that is let in is let in sooner
ODD = 3  # connections that end at the first step of the handshake, one after the other, before it is taken for another server
WATCHED = (
    zmq.EVENT_CONNECTED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_CLOSED
)


class AboveState(Struct, frozen=True):
    """What `public.state.` says (PROTOCOL.md 15)."""

    tier: SubscriberTier
    delay_s: float
    contracts: dict[str, str]
    number: int
    market_ns: int
    key: str
    relays: int = 0
    late_s: float | None = 0.0


class FeedPage(Struct, frozen=True):
    """The answer to `since`. last: ask on from there while `more` is true."""

    lines: list[FeedLine]
    last: int
    more: bool


class Link(StrEnum):
    """How it stands with the stream above."""

    NEW = "not there yet"
    UP = "there"
    LOST = "the connection to {address} has ended; it is tried again without end"
    AWAY = "nobody answers at {address}; it is tried again without end"
    SILENT = "{address} has sent nothing for 5 s; its connection stands"
    OTHER = "{address} is not the server of this key file, or speaks no CURVE; ask for a new file"
    REFUSED = (
        "{address} refuses the key {name}: it was revoked, has expired{expired}, or is for another tier; renewed, it works again "
        "by itself; with a new key, start the relay with the new file"
    )


class Hears(NamedTuple):
    """Whom to tell: a new connection; a line; the state; the answer to `since` with the number it was asked from; another answer
    with its verb and the JSON."""

    begun: Callable[[], None]
    line: Callable[[FeedLine], None]
    told: Callable[[AboveState], None]
    page: Callable[[int, FeedPage], None]
    answer: Callable[[str, str], None]
    refuse: Callable[[str, PeerError], None]


class Above:
    """The stream and the port for questions.

    link: how it stands.
    """

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], key: Key, server: str, at: FeedAddress, inlets: Inlets, hears: Hears
    ) -> None:
        self._clock = WallClock()
        self.link = Link.NEW
        self._heard_ns = 0
        self._waits = False
        self._key = key
        self._at = at
        self._hears = hears
        self._inlets = inlets
        self._in = False
        self._odd = 0
        self._greeting: tuple[int, int, int] | None = None  # descriptor, inode, since when
        self._asked: tuple[str, str, str, int] = ("", "", "", 0)  # id, verb, argument, when
        self._count = 0
        self._rests_ns = 0
        self._stream = sockets.subscriber(context, Line(at.stream, key, server), (topics.PUBLIC,), watched=WATCHED)
        self._monitor = self._stream.get_monitor_socket(WATCHED)
        self._ask = sockets.requester(context, Line(at.ask, key, server))
        inlets.add(self._monitor, self._connection)
        inlets.add(self._stream, self._arrived)
        inlets.add(self._ask, self._answered)

    @property
    def idle(self) -> bool:
        """Whether a question can be asked now: it is there, none waits for its answer, and none was refused within a second."""
        return self.link is Link.UP and not self._waits and self._clock.monotonic_ns() >= self._rests_ns

    def ask(self, verb: str, argument: str) -> None:
        """Ask a question; one at a time."""
        self._count += 1
        self._asked = (str(self._count), verb, argument, self._clock.monotonic_ns())
        self._waits = True
        self._inlets.used(self._ask)
        with suppress(zmq.Again):  # then it is asked again
            sockets.send(self._ask, request_frames(Control(self._asked[0], verb, argument)), sockets.NOBLOCK)

    def watch(self, now_ns: int) -> Link:
        """How it stands. To be called about once a second."""
        if self._waits and now_ns - self._asked[3] > ANSWER_NS:
            self._waits = False
        if self._in:
            self.link = Link.UP if now_ns - self._heard_ns < SILENT_NS else Link.SILENT
        elif self._greeting is not None:
            fd, inode, since_ns = self._greeting
            if now_ns - since_ns >= GREETING_NS:
                answered = connections.received(fd, inode) >= connections.HANDSHAKE
                self._odd = 0
                self.link = Link.REFUSED if answered else Link.AWAY
        return self.link

    def words(self, link: Link) -> str:
        """What a person should know of it."""
        expired = "" if self._key.expires is None else f" (by its file at {self._key.expires:%Y-%m-%d %H:%M} UTC)"
        return link.format(address=self._at.stream, name=self._key.name, expired=expired)

    def close(self) -> None:
        """Nothing more comes."""
        self._stream.disable_monitor()

    # --- what comes -----------------------------------------------------------------------------------------------------------

    def _connection(self) -> None:
        while self._monitor.poll(0):
            kind, value, _ = event(self._monitor)
            if kind == zmq.EVENT_CONNECTED:
                self._greeting = (value, connections.inode(value), self._clock.monotonic_ns())
            elif kind == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._greeting, self._in, self._waits, self._odd = None, True, False, 0
                self._heard_ns = self._clock.monotonic_ns()
                self._hears.begun()
            elif kind == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL and value != zmq.EAGAIN:
                self._odd += 1
                if self._odd >= ODD:
                    self.link = Link.OTHER
            elif kind == zmq.EVENT_CLOSED:
                self.link = Link.AWAY
            elif kind == zmq.EVENT_DISCONNECTED:
                if self._in:
                    self.link = Link.LOST
                self._greeting, self._in = None, False

    def _arrived(self) -> None:
        for frames in sockets.arrived(self._stream, BATCH):
            try:
                if frames[0] == STATE:
                    self._state(frames)
                elif len(frames) == 3:
                    self._hears.line(_line(frames))
            except PeerError as error:
                self._hears.refuse(frames[0][:60].decode("latin-1"), error)

    def _state(self, frames: list[bytes]) -> None:
        try:
            state = _state_decoder.decode(frames[-1])
        except msgspec.MsgspecError as error:
            raise PeerError(f"no state of a stream: {error}") from None
        self._heard_ns = self._clock.monotonic_ns()
        self._hears.told(state)

    def _answered(self) -> None:
        for frames in sockets.arrived(self._ask, BATCH):
            number, verb, argument, _ = self._asked
            try:
                report = wire.decode(frames[-1])[1]
                if not isinstance(report, Report) or report.id != number or not self._waits:
                    continue
                self._waits = False
                if not report.ok:
                    self._rests_ns = self._clock.monotonic_ns() + SECOND_NS
                    if report.text.startswith(("RATE:", "AWAY:")):
                        continue
                    raise PeerError(f"{verb}: {report.text[:200]}")
                if verb != "since":
                    self._hears.answer(verb, report.text)
                    continue
                self._hears.page(int(argument), _page(report.text))
            except PeerError as error:
                self._hears.refuse(self._at.ask, error)


_state_decoder = msgspec.msgpack.Decoder(AboveState)
_page_decoder = msgspec.json.Decoder(FeedPage)
_place_decoder = msgspec.msgpack.Decoder(dict[str, int | str | bool])


def _line(frames: list[bytes]) -> FeedLine:
    """A line from its frames: topic, map, place."""
    try:
        place = _place_decoder.decode(frames[2])
        number, previous = place["number"], place["previous"]
        if not isinstance(number, int) or not isinstance(previous, str):
            raise ValueError("number or previous is missing")
        line = FeedLine(number, frames[0].decode(), previous, frames[1])
        return _whole(line)
    except (msgspec.MsgspecError, ValueError, KeyError) as error:
        raise PeerError(f"no line of a feed: {error}") from None


def _page(text: str) -> FeedPage:
    try:
        page = _page_decoder.decode(text)
    except msgspec.MsgspecError as error:
        raise PeerError(f"no page of a feed: {error}") from None
    for line in page.lines:
        _whole(line)
    return page


def _whole(line: FeedLine) -> FeedLine:
    """The line, if others may have it."""
    bounds.topic(line.topic.encode())
    if len(line.frame) > MAX_MESSAGE:
        raise PeerError(f"number {line.number}: a message of {len(line.frame)} bytes")
    try:
        return feed.right(line)
    except DataError as error:
        raise PeerError(str(error)) from None
