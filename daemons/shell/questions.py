"""The port where subscribers of every tier ask, and what a feed on the disk answers (PROTOCOL.md 15)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import zmq

from tapewire.bus import feed, sockets, wire
from tapewire.bus.backlog import Backlog
from tapewire.bus.bounds import MAX_FRAME
from tapewire.bus.errors import PeerError, Refused
from tapewire.bus.feed import HEAD, FeedLine
from tapewire.bus.feed_files import FeedFiles
from tapewire.bus.messages import Body, Control, PublicSignal, Report
from tapewire.bus.roles import ASK, SubscriberTier
from tapewire.daemons.shell import control
from tapewire.daemons.shell.asking import Allowance
from tapewire.daemons.shell.host import Host
from tapewire.strategies.clock import SECOND_NS

FREE = "public.summary."
PAGE, PAGE_BYTES = 200, 256 << 10
ROUND, ROUND_NS = 8, SECOND_NS // 50  # questions answered, and time spent on it, before the facts are looked at again
UNREAD, UNREAD_BYTES = 8, 16 << 20  # answers that a peer may leave unread, and bytes that all of them may
LONGEST = MAX_FRAME - 4_096  # of an answer; subscribers' sockets may refuse a longer frame


class Questions:
    """The port. A peer gets one answer for each question, and none if it chose a routing id.

    Args:
        tier: whose answers the owner of a key without a tier gets. answers: those of a tier.

    Raises:
        Transient: the port is taken.
    """

    def __init__(self, host: Host, tier: SubscriberTier, answers: Callable[[SubscriberTier], control.Answers]) -> None:
        self._host = host
        self._tier = tier
        self._answers = answers
        self._allowance = Allowance()
        door = host.doors.both(ASK)
        self._socket = host.bind(partial(sockets.outside_responder, hwm=UNREAD), door)
        self._backlog = Backlog(door.addresses, UNREAD_BYTES)
        host.listen(self._socket, self._arrived)

    def watch(self) -> None:
        """Begin a new second."""
        self._allowance.renew()

    def _arrived(self) -> None:
        guard, clock = self._host.doors.guard, self._host.clock
        began_ns = clock.monotonic_ns()
        for who, (peer, *rest) in sockets.from_peers(self._socket, ROUND, guard):
            if not guard.may(who, ASK):
                continue
            if peer[:1] != b"\0":
                # The name of another peer would bring its answers here.
                self._host.entrance.refuse(who, PeerError("a subscriber with a routing id of its own; leave it to the library"))
                continue
            body = self._host.entrance.body(ASK, who, rest)
            if not isinstance(body, Control):
                continue
            since_ns = clock.monotonic_ns()
            if refusal := self._allowance.refusal(who):
                report = Report(body.id, False, refusal)
            else:
                report = control.answered(body, self._answers(self._tier_of(who)))
            if len(report.text) > LONGEST:
                report = Report(body.id, False, "SIZE: the answer is too long; ask for fewer days, or page with `since`")
            self._reply(peer, report)
            now_ns = clock.monotonic_ns()
            self._allowance.worked(who, now_ns - since_ns)
            if now_ns - began_ns > ROUND_NS:
                return

    def _reply(self, peer: bytes, report: Report) -> None:
        frame = self._host.passing("control.", report, 0)
        with suppress(zmq.ZMQError):  # he has gone, or does not read
            self._host.send(self._socket, (peer, b"", b"control.", frame), sockets.NOBLOCK)
        if cut := self._backlog.sent(len(frame)):
            self._host.logger.warning("asker_cut", port=ASK, connections=cut, total=self._backlog.cut)

    def _tier_of(self, who: str) -> SubscriberTier:
        key = self._host.doors.guard.keys.named(who)
        return self._tier if key is None or key.tier is None else key.tier


class FeedPast:
    """What the subscribers of each tier may read of a feed, up to the last line that the tier has been sent.

    Args:
        sent: that line's number, by tier. now_ns: market time.
    """

    def __init__(self, files: FeedFiles, sent: Mapping[SubscriberTier, int], now_ns: Callable[[], int]) -> None:
        self._files = files
        self._sent = sent
        self._now_ns = now_ns

    def since(self, tier: SubscriberTier, argument: str) -> dict[str, Any]:
        """What follows a number, a page at most. `more`: ask again from the last number.

        Raises:
            Refused: it is no number.
        """
        if not (argument.isascii() and argument.isdigit() and len(argument) < 19):
            raise Refused("NUMBER", f"{argument[:20]!r} is no number of a line; write the last one that you have, 0 for none")
        found: list[dict[str, Any]] = []
        size = 0
        last = int(argument)
        for line in self._files.since(last):
            if line.number > self._sent[tier]:
                break
            if len(found) == PAGE or (found and size > PAGE_BYTES):
                break
            last = line.number
            if tier is SubscriberTier.FREE and not is_free(line):
                continue
            shown = self._shown(line)
            size += len(shown["frame"])
            found.append(shown)
        return {"lines": found, "last": last, "more": last < self._sent[tier]}

    def visible(self, tier: SubscriberTier, days: int) -> list[Body]:
        """The messages of the last trade dates that a tier may see by now; the free one those of dates that are over."""
        found: list[Body] = []
        for date in self._files.dates(days):
            for line in self._files.lines(date):
                if line.number > self._sent[tier]:
                    return found
                if (body := body_of(line)) is not None:
                    found.append(body)
        return found

    def expired(self, line: FeedLine) -> bool:
        """Whether it is a signal whose time is over."""
        body = body_of(line)
        return isinstance(body, PublicSignal) and body.valid_until_ns <= self._now_ns()

    def _shown(self, line: FeedLine) -> dict[str, Any]:
        return {
            "number": line.number,
            "topic": line.topic,
            "previous": line.previous,
            "frame": base64.b64encode(line.frame).decode(),
            "expired": self.expired(line),
        }


def is_free(line: FeedLine) -> bool:
    """Whether the tier `free` gets a line."""
    return feed.head_of(line).closed if line.topic == HEAD else line.topic.startswith(FREE)


def body_of(line: FeedLine) -> Body | None:
    """The message of a line; None for a head, and for a message of a later version of tapewire."""
    if line.topic == HEAD:
        return None
    try:
        return wire.decode(line.frame)[1]
    except PeerError:
        return None
