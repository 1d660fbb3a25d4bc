"""What a process lets in: messages within the bounds of PROTOCOL.md 2. The rest is counted, and the first of a kind is logged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from tapewire.bus import bounds, roles, topics, wire
from tapewire.bus.bounds import MAX_FRAMES, Bound, Limits, OutOfBounds, Refusals
from tapewire.bus.clock import Clock
from tapewire.bus.daemon import Event
from tapewire.bus.errors import PeerError
from tapewire.bus.messages import Beat, Body, Header
from tapewire.bus.sequence import Sequencer


class Entrance:
    """The bounds of one process, and its refusals.

    Args:
        epoch: of the run. allow: raises OutOfBounds if a key may not send a body to a port.
    """

    def __init__(
        self, epoch: int, clock: Clock, allow: Callable[[str, str, Body], None], logger: structlog.stdlib.BoundLogger
    ) -> None:
        self.limits = Limits(epoch)
        self.refusals = Refusals()
        self._clock = clock
        self._allow = allow
        self._logger = logger

    def event(self, port: str, who: str, sender: str, frames: list[bytes]) -> Event | None:
        """A message that came from a peer. None, counted and logged, if it cannot be decoded or its key's role may not send it.

        Args:
            port: where it came in; empty for a reply of a service, to which we have connected. who: the name of the peer's key, or
                the service. sender: where a reply goes.
        """
        try:
            _whole(frames)
            topic, header, body = wire.decode_message(frames[-2:])
            if port:
                self._allow(port, who, body)
            self.check(topic, header)
        except PeerError as error:
            self.refuse(who, error)
            return None
        return Event(topic, header, body, sender)

    def body(self, port: str, who: str, frames: list[bytes]) -> Body | None:
        """The body of a request that is no fact, whatever its topic. None as for `event`."""
        try:
            _whole(frames)
            body = wire.decode(frames[-1])[1]
            self._allow(port, who, body)
        except PeerError as error:
            self.refuse(who, error)
            return None
        return body

    def check(self, topic: str, header: Header) -> None:
        """Raises OutOfBounds: epoch or market time are not plausible now."""
        self.limits.check(topic, header.epoch, header.event_ns, self._clock.now_ns)

    def refuse(self, source: str, error: PeerError) -> None:
        """Count a message that is out of bounds. The first of its source and code is logged."""
        if self.refusals.count(source, error):
            code = error.code if isinstance(error, OutOfBounds) else Bound.UNREADABLE
            self._logger.warning("refused", source=source[:60], code=code, error=str(error))

    def announced(self, beat: Beat, subscribe: tuple[str, ...], sequencer: Sequencer[Any], now_ns: int) -> None:
        """Pass on what a heartbeat reports of the topics that we read. now_ns: monotonic."""
        wall_ns = self._clock.now_ns()
        role = roles.of_process(beat.name)
        for written, (epoch, seq) in beat.last.items():
            if not topics.matches(written, subscribe):
                continue
            try:
                bounds.topic(written.encode())
                if role is None or not roles.may_publish(role, beat.name, written):
                    raise OutOfBounds(Bound.ROLE, f"{written}: announced by {beat.name[:60]!r}, which does not write it")
                self.limits.epoch(written, epoch, wall_ns)
                sequencer.announced(written, epoch, seq, now_ns)
            except OutOfBounds as error:
                self.refuse(beat.name, error)

    def state(self) -> dict[str, Any]:
        """The number of refused messages, and the numbers by code."""
        return {"refused": self.refusals.total, "refusals": dict(self.refusals.counts)}


def _whole(frames: list[bytes]) -> None:
    if not 0 < len(frames) < MAX_FRAMES - 1:
        raise PeerError(f"a message of {len(frames)} frames or more; topic and map, with an empty frame before them")
