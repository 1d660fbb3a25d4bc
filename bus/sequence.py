"""Order and completeness of what a reader receives: drops duplicates, requests missing numbers, and reports what stays lost.

One writer numbers each topic from 1 within an epoch. A reader tracks, per topic, the highest number that it has seen or
been told of, and the holes below it:

    delivered ... | hole | held | hole | held       <- numbers of one epoch, rising

Messages in order are delivered at once. Behind a hole everything is held, while the shell requests a resend (`missing`). A hole
that fills releases what it held back; one that does not fill in time becomes a `Gap` (`given_up`), which the reader's core receives
before anything that follows it. So a core sees every number exactly once, in order, as a message or inside a Gap. A new epoch means
that the writer has restarted: numbers still missing from the old epoch can no longer arrive and become a Gap.

A number further than `MAX_JUMP` above the last one is refused (`OutOfBounds`) and changes nothing: as a hole it would make
every later message of its writer a duplicate.

Nothing here reads a clock: `now_ns` is a monotonic reading, of the same clock in every call.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from tapewire.bus import bounds
from tapewire.bus.messages import Gap, Header, Resend

T = TypeVar("T")

RESEND_EVERY_NS = 250_000_000


class _Hole:
    """Numbers first to last (inclusive) that the writer has published and we have not received."""

    __slots__ = ("first", "last", "requested_ns", "since_ns")

    def __init__(self, first: int, last: int, since_ns: int, requested_ns: int | None = None) -> None:
        self.first = first
        self.last = last
        self.since_ns = since_ns
        self.requested_ns = requested_ns


class _Track(Generic[T]):
    """One topic: numbers up to `done` are delivered or given up; from there to `highest` they are held or in a hole.

    `owed` holds gaps and messages of an earlier epoch; they are delivered before anything of this epoch.
    """

    __slots__ = ("done", "epoch", "held", "highest", "holes", "owed")

    def __init__(self, epoch: int, highest: int) -> None:
        self.epoch = epoch
        self.highest = highest
        self.done = highest
        self.holes: list[_Hole] = []
        self.held: dict[int, T] = {}
        self.owed: list[tuple[Gap, list[T]]] = []

    @property
    def blocked(self) -> bool:
        return bool(self.holes or self.owed)

    def release(self) -> list[T]:
        """The held items in front of the first hole, in order."""
        last = self.holes[0].first - 1 if self.holes else self.highest
        ready = [self.held.pop(seq) for seq in range(self.done + 1, last + 1)]
        self.done = max(self.done, last)
        return ready

    def abandon(self) -> _Hole:
        """Give the first hole up, so that `release` passes over it."""
        hole = self.holes.pop(0)
        self.done = hole.last
        return hole

    def hole_at(self, seq: int) -> int | None:
        for index, hole in enumerate(self.holes):
            if hole.first <= seq <= hole.last:
                return index
        return None

    def fill(self, index: int, seq: int) -> None:
        """Remove one number from a hole: it shrinks, splits or closes."""
        hole = self.holes[index]
        parts = [(hole.first, seq - 1), (seq + 1, hole.last)]
        self.holes[index : index + 1] = [
            _Hole(first, last, hole.since_ns, hole.requested_ns) for first, last in parts if first <= last
        ]


class Sequencer(Generic[T]):
    """Puts the messages of many topics into each topic's order. T is what the shell keeps with each header.

    Args:
        reader: our own name, for the Gap.
        complete: every topic is expected from number 1 of its epoch, or from where `prime` puts it. False for a tap: a topic starts
            at the first number received.
        heal_ns: how long a hole may stay open before it is given up; None waits for ever.
        hold: messages held per topic behind a hole. Further messages are dropped and requested again when there is room.

    Attributes:
        repeats: messages dropped as duplicates or as of an old epoch.
        healed: messages that arrived late, into a hole.
        lost: numbers given up.
    """

    def __init__(self, reader: str, *, complete: bool, heal_ns: int | None = 2_000_000_000, hold: int = 4096) -> None:
        self.reader = reader
        self.complete = complete
        self.heal_ns = heal_ns
        self.hold = hold
        self.repeats = 0
        self.healed = 0
        self.lost = 0
        self._tracks: dict[str, _Track[T]] = {}

    @property
    def last(self) -> dict[str, tuple[int, int]]:
        """Epoch and number of the last delivered (or given up) message of each topic."""
        return {topic: (track.epoch, track.done) for topic, track in self._tracks.items()}

    @property
    def whole(self) -> bool:
        """Whether nothing is missing in any topic. Stays true while each `admit` returns its item without calls of `announced`."""
        return not any(track.blocked for track in self._tracks.values())

    def prime(self, topic: str, epoch: int, seq: int) -> list[T]:
        """Mark everything up to `seq` of this epoch as received, from the journal. Returns the held items that this releases."""
        track = self._tracks.get(topic)
        if track is None or epoch > track.epoch:
            self._tracks[topic] = _Track(epoch, seq)
            return []
        if epoch < track.epoch:
            return []
        track.highest = max(track.highest, seq)
        track.done = max(track.done, seq)
        track.holes = [hole for hole in track.holes if hole.last > seq]
        if track.holes and track.holes[0].first <= seq:
            track.holes[0].first = seq + 1
        for old in [held for held in track.held if held <= seq]:
            del track.held[old]
        return [] if track.owed else track.release()

    def admit(self, topic: str, header: Header, item: T, now_ns: int) -> list[T]:
        """Take one message.

        Returns:
            The items that can now be delivered, in order: usually just this one; none for a duplicate, an old epoch or behind a
            hole; several when this one closed a hole.

        Raises:
            OutOfBounds: the number is further above the last one than MAX_JUMP. Nothing has changed.
        """
        seq = header.seq
        track = self._tracks.get(topic)
        if track is None or header.epoch > track.epoch:
            before = 0 if self.complete else seq - 1
            bounds.jump(topic, before, seq)
            if track is None:
                track = self._tracks[topic] = _Track(header.epoch, before)
            else:
                track = self._turn(topic, track, header.epoch, before)
        if header.epoch < track.epoch:
            self.repeats += 1
            return []
        if seq == track.highest + 1 and not track.blocked:
            track.highest = seq
            track.done = seq
            return [item]
        bounds.jump(topic, track.highest, seq)
        return self._out_of_turn(track, seq, item, now_ns)

    def announced(self, topic: str, epoch: int, seq: int, now_ns: int) -> None:
        """The writer's heartbeat reports this last number; what we lack up to it is a hole from now on.

        The caller passes only topics it subscribes to. A tap ignores topics and epochs it has not seen.

        Raises:
            OutOfBounds: the number is further above the last one than MAX_JUMP. Nothing has changed.
        """
        track = self._tracks.get(topic)
        new = track is None or epoch > track.epoch
        if new and not self.complete:
            return
        if new or (track is not None and epoch == track.epoch):
            bounds.jump(topic, 0 if new or track is None else track.highest, seq)
        if track is None or epoch > track.epoch:
            if track is None:
                track = self._tracks[topic] = _Track(epoch, 0)
            else:
                track = self._turn(topic, track, epoch, 0)
        if epoch == track.epoch and seq > track.highest:
            track.holes.append(_Hole(track.highest + 1, seq, now_ns))
            track.highest = seq

    def missing(self, now_ns: int) -> list[Resend]:
        """The resend requests to send now. Each hole is returned at once and then every quarter of a second."""
        requests: list[Resend] = []
        for topic, track in self._tracks.items():
            # With no room to hold more, request only the first hole: filling it makes room.
            for hole in track.holes[:1] if self._full(track) else track.holes:
                if hole.requested_ns is None or now_ns - hole.requested_ns >= RESEND_EVERY_NS:
                    hole.requested_ns = now_ns
                    requests.append(Resend(topic, track.epoch, hole.first, hole.last))
        return requests

    def given_up(self, now_ns: int) -> list[tuple[Gap, list[T]]]:
        """The holes that are too old, each with the held items that follow it, in order. They are not requested again.

        With `heal_ns=None` only what was missing when the writer started a new epoch.
        """
        out: list[tuple[Gap, list[T]]] = []
        for topic, track in self._tracks.items():
            if not track.blocked:
                continue
            if track.owed:
                out += track.owed
                track.owed = []
                out[-1][1].extend(track.release())
            while track.holes and self.heal_ns is not None and now_ns - track.holes[0].since_ns >= self.heal_ns:
                gap = self._gap(topic, track.epoch, track.abandon())
                out.append((gap, track.release()))
        return out

    def _out_of_turn(self, track: _Track[T], seq: int, item: T, now_ns: int) -> list[T]:
        full = self._full(track)
        if seq > track.highest:
            self._reach(track, seq, full, now_ns)
            if full:
                return []
        else:
            index = track.hole_at(seq)
            if index is None:
                self.repeats += 1
                return []
            if full and (track.owed or seq != track.holes[0].first):
                return []  # no room, and it would make none: it stays in its hole
            track.fill(index, seq)
            self.healed += 1
        track.held[seq] = item
        return [] if track.owed else track.release()

    def _full(self, track: _Track[T]) -> bool:
        return len(track.held) >= self.hold

    @staticmethod
    def _reach(track: _Track[T], seq: int, full: bool, now_ns: int) -> None:
        """The writer has reached `seq`: the numbers between are missing, and `seq` itself if there is no room for it."""
        last = seq if full else seq - 1
        if full and track.holes and track.holes[-1].last == track.highest:
            track.holes[-1].last = last  # one growing hole, not one per dropped message
            track.holes[-1].since_ns = now_ns
        elif last > track.highest:
            track.holes.append(_Hole(track.highest + 1, last, now_ns))
        track.highest = seq

    def _turn(self, topic: str, track: _Track[T], epoch: int, highest: int) -> _Track[T]:
        """Restart the topic in a new epoch. Holes of the old one become Gaps, delivered before everything new."""
        turned: _Track[T] = _Track(epoch, highest)
        turned.owed = track.owed
        if track.owed:
            track.owed[-1][1].extend(track.release())
        while track.holes:
            gap = self._gap(topic, track.epoch, track.abandon())
            turned.owed.append((gap, track.release()))
        self._tracks[topic] = turned
        return turned

    def _gap(self, topic: str, epoch: int, hole: _Hole) -> Gap:
        self.lost += hole.last - hole.first + 1
        return Gap(topic, epoch, hole.first, hole.last, self.reader)
