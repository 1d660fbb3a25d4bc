"""Order and completeness of what a reader receives: repeats dropped, holes seen, asked for, and in the end owned up to.

One writer numbers each topic from 1 within an epoch. A reader knows, per topic, the highest number it has heard of and the
holes below it:

    delivered ... | hole | held | hole | held       <- numbers of one epoch, rising

What comes in order is delivered at once. Behind a hole everything is held, while the shell asks the writer to send the hole again
(`missing`). A hole that fills releases what it held back; one that does not fill in time becomes a `Gap` (`given_up`), which the
reader's core is told before anything that follows it. So a core sees every number exactly once, in order, as a message or inside
a Gap. A new epoch means that the writer starts again: whatever the old one still owed can no longer come and becomes a Gap.

Nothing here reads a clock: `now_ns` is any monotonic reading, the same one in every call.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from tapewire.bus.messages import Gap, Header, Resend

T = TypeVar("T")

ASK_EVERY_NS = 250_000_000


class _Hole:
    """Numbers first to last (inclusive) that somebody has said and we have not received."""

    __slots__ = ("asked_ns", "first", "last", "since_ns")

    def __init__(self, first: int, last: int, since_ns: int, asked_ns: int | None = None) -> None:
        self.first = first
        self.last = last
        self.since_ns = since_ns
        self.asked_ns = asked_ns


class _Track(Generic[T]):
    """One topic: everything up to `done` is delivered or given up; from there to `known` it is held or in a hole.

    `owed` is what an earlier epoch left behind; nothing of this epoch comes out before it.
    """

    __slots__ = ("done", "epoch", "held", "holes", "known", "owed")

    def __init__(self, epoch: int, known: int) -> None:
        self.epoch = epoch
        self.known = known
        self.done = known
        self.holes: list[_Hole] = []
        self.held: dict[int, T] = {}
        self.owed: list[tuple[Gap, list[T]]] = []

    @property
    def blocked(self) -> bool:
        return bool(self.holes or self.owed)

    def release(self) -> list[T]:
        """The held items in front of the first hole, in order."""
        last = self.holes[0].first - 1 if self.holes else self.known
        ready = [self.held.pop(seq) for seq in range(self.done + 1, last + 1)]
        self.done = max(self.done, last)
        return ready

    def abandon(self) -> _Hole:
        """Take the first hole away, so that `release` passes over it."""
        hole = self.holes.pop(0)
        self.done = hole.last
        return hole

    def hole_at(self, seq: int) -> int | None:
        for index, hole in enumerate(self.holes):
            if hole.first <= seq <= hole.last:
                return index
        return None

    def fill(self, index: int, seq: int) -> None:
        """Take one number out of a hole: it shrinks, splits or closes."""
        hole = self.holes[index]
        parts = [(hole.first, seq - 1), (seq + 1, hole.last)]
        self.holes[index : index + 1] = [_Hole(first, last, hole.since_ns, hole.asked_ns) for first, last in parts if first <= last]


class Sequencer(Generic[T]):
    """Puts the messages of many topics into each topic's order. T is whatever the shell carries along with a header.

    Args:
        reader: our own name, for the Gap.
        complete: every topic is expected from number 1 of its epoch, unless `prime` says that more is known. False for a tap: a
            topic starts at the first number that is seen.
        heal_ns: how long a hole may stay open before it is given up; None waits for ever.
        hold: messages held per topic behind a hole. What comes on top is dropped and asked for again when there is room.

    Attributes:
        repeats: messages dropped because they were known, or of an old epoch.
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
        """Whether nothing is missing in any topic. Stays true while each `admit` gives its one item and `heard` is not called."""
        return not any(track.blocked for track in self._tracks.values())

    def prime(self, topic: str, epoch: int, seq: int) -> list[T]:
        """Everything up to `seq` of this epoch is known, from the journal. Returns what was held back for the lack of it."""
        track = self._tracks.get(topic)
        if track is None or epoch > track.epoch:
            self._tracks[topic] = _Track(epoch, seq)
            return []
        if epoch < track.epoch:
            return []
        track.known = max(track.known, seq)
        track.done = max(track.done, seq)
        track.holes = [hole for hole in track.holes if hole.last > seq]
        if track.holes and track.holes[0].first <= seq:
            track.holes[0].first = seq + 1
        for old in [held for held in track.held if held <= seq]:
            del track.held[old]
        return [] if track.owed else track.release()

    def admit(self, topic: str, header: Header, item: T, now_ns: int) -> list[T]:
        """Take a message in.

        Returns:
            The items that can now be delivered, in order: usually just this one; none for a repeat, an old epoch or behind a
            hole; several when this one closed a hole.
        """
        seq = header.seq
        track = self._tracks.get(topic)
        if track is None:
            track = self._tracks[topic] = _Track(header.epoch, 0 if self.complete else seq - 1)
        elif header.epoch > track.epoch:
            track = self._turn(topic, track, header.epoch, 0 if self.complete else seq - 1)
        if header.epoch < track.epoch:
            self.repeats += 1
            return []
        if seq == track.known + 1 and not track.blocked:
            track.known = seq
            track.done = seq
            return [item]
        return self._out_of_turn(track, seq, item, now_ns)

    def heard(self, topic: str, epoch: int, seq: int, now_ns: int) -> None:
        """The writer says (in its heartbeat) that it has come this far; what we lack of it is a hole from now on.

        The caller passes only topics it subscribes to. A tap takes no notice of topics and epochs it has not seen.
        """
        track = self._tracks.get(topic)
        if track is None or epoch > track.epoch:
            if not self.complete:
                return
            if track is None:
                track = self._tracks[topic] = _Track(epoch, 0)
            else:
                track = self._turn(topic, track, epoch, 0)
        if epoch == track.epoch and seq > track.known:
            track.holes.append(_Hole(track.known + 1, seq, now_ns))
            track.known = seq

    def missing(self, now_ns: int) -> list[Resend]:
        """What to ask for now. Asking is sending: each hole comes out at once and then every quarter of a second."""
        asks: list[Resend] = []
        for topic, track in self._tracks.items():
            # With no room to hold more, only the hole in front is worth asking for: filling it makes room.
            for hole in track.holes[:1] if self._full(track) else track.holes:
                if hole.asked_ns is None or now_ns - hole.asked_ns >= ASK_EVERY_NS:
                    hole.asked_ns = now_ns
                    asks.append(Resend(topic, track.epoch, hole.first, hole.last))
        return asks

    def given_up(self, now_ns: int) -> list[tuple[Gap, list[T]]]:
        """The holes that are too old, each with the held items that follow it, in order. They are not asked for again.

        With `heal_ns=None` only what a writer still owed when it started a new epoch.
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
        if seq > track.known:
            self._reach(track, seq, full, now_ns)
            if full:
                return []
        else:
            index = track.hole_at(seq)
            if index is None:
                self.repeats += 1
                return []
            if full and (track.owed or seq != track.holes[0].first):
                return []  # no room, and it would not make any: it stays in its hole
            track.fill(index, seq)
            self.healed += 1
        track.held[seq] = item
        return [] if track.owed else track.release()

    def _full(self, track: _Track[T]) -> bool:
        return len(track.held) >= self.hold

    @staticmethod
    def _reach(track: _Track[T], seq: int, full: bool, now_ns: int) -> None:
        """Somebody has said `seq`: what lies between is missing, and `seq` itself if there is no room for it."""
        last = seq if full else seq - 1
        if full and track.holes and track.holes[-1].last == track.known:
            track.holes[-1].last = last  # one growing hole, not one for each message that found no room
            track.holes[-1].since_ns = now_ns
        elif last > track.known:
            track.holes.append(_Hole(track.known + 1, last, now_ns))
        track.known = seq

    def _turn(self, topic: str, track: _Track[T], epoch: int, known: int) -> _Track[T]:
        """Start the topic again in a new epoch. What the old one left open becomes Gaps, in front of everything new."""
        turned: _Track[T] = _Track(epoch, known)
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
