"""Messages that are wrong in many ways, from a seed: broken maps, headers and bodies, nesting, lengths that are only claimed,
extremes of numbers, other topics, other numbers of frames, and bytes that mean nothing."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from typing import Any

import msgpack

from tapewire.bus.bounds import MAX_FRAME, MAX_MESSAGE
from tests.golden.examples import EXAMPLES
from tests.property.test_hostile_values import FLOATS, INTEGERS, NESTS, PLAIN, TIMES, WORDS, at, places

HEADER = ("v", "source", "epoch", "seq", "event_ns", "cause", "type")
VALUES = (*INTEGERS, *FLOATS, *TIMES, *WORDS, *NESTS, None, True, False, b"", b"\xff" * 9)
TOPICS = (
    *(topic.encode() for topic, _, _ in EXAMPLES.values()),
    *(b"", b".", b"raw", b"raw..", b"../../x.", b"raw.\x00.", b"\xff\xfe.", b"sys.welcome.", b"x" * 201 + b".", b"a." * 17),
    *(b"session.XYZ.", b"public.x.", b"sys.beat.gate.", b"sys.beat.nobody.", b"operator.word.", b"raw.bar.MNQ.1m."),
)
# Markers of MessagePack with a length of 32 bits, and of an extension.
CLAIMS = (b"\xdf", b"\xdd", b"\xdb", b"\xc6", b"\xc9")


class Fuzz:
    """A stream of messages. Each is a list of frames, as a peer sends them to a port: topic and map, if it is in one piece."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._kinds: Sequence[Callable[[], list[bytes]]] = (
            *(self.broken_body,) * 6,
            *(self.broken_header,) * 4,
            *(self.cut, self.flipped, self.noise, self.claimed, self.nested, self.doubled) * 2,
            *(self.intact, self.parts, self.swapped),
        )

    def message(self) -> list[bytes]:
        """The next one."""
        if self.chance.random() < 1 / 20_000:
            return [b"raw.bar.MNQ.1m.", bytes(self.chance.choice((MAX_MESSAGE + 1, MAX_FRAME, MAX_FRAME + 1)))]
        return self.chance.choice(self._kinds)()

    def noise(self) -> list[bytes]:
        """Random bytes, in one to four frames."""
        return [self.bytes(200) for _ in range(self.chance.randint(1, 4))]

    def bytes(self, most: int) -> bytes:
        """At most so many random bytes."""
        return self.chance.randbytes(self.chance.randint(0, most))

    def intact(self) -> list[bytes]:
        """A valid message, for whoever may not send it."""
        name, topic = self._example()
        return [topic, msgpack.packb(PLAIN[name])]

    def swapped(self) -> list[bytes]:
        """A valid map under any topic."""
        return [self.chance.choice(TOPICS), self.intact()[1]]

    def broken_body(self) -> list[bytes]:
        """A valid header; up to four values of the body are extremes, or of another kind."""
        name, topic = self._example()
        plain = copy.deepcopy(PLAIN[name])
        paths = [path for path in places(plain) if path[0] not in HEADER]
        for path in self.chance.sample(paths, min(len(paths), self.chance.randint(1, 4))):
            self._put(plain, path, self.chance.choice(VALUES))
        return [topic, _packed(plain)]

    def broken_header(self) -> list[bytes]:
        """A valid body; one or two fields of the header are missing, extremes, or of another kind."""
        name, topic = self._example()
        plain = copy.deepcopy(PLAIN[name])
        for field in self.chance.sample(HEADER, self.chance.randint(1, 2)):
            if self.chance.random() < 0.2:
                del plain[field]
            else:
                plain[field] = self.chance.choice(VALUES)
        return [topic, _packed(plain)]

    def cut(self) -> list[bytes]:
        """The beginning of a map."""
        topic, frame = self.intact()
        return [topic, frame[: self.chance.randrange(len(frame))]]

    def flipped(self) -> list[bytes]:
        """A map in which a few bits are others."""
        topic, frame = self.intact()
        changed = bytearray(frame)
        for _ in range(self.chance.randint(1, 4)):
            changed[self.chance.randrange(len(changed))] ^= 1 << self.chance.randrange(8)
        return [topic, bytes(changed)]

    def doubled(self) -> list[bytes]:
        """A map twice over, a map with each field twice, or bytes behind its end."""
        topic, frame = self.intact()
        pairs = frame[1:] if frame[0] < 0x90 else frame[3:]
        count = frame[0] & 0x0F if frame[0] < 0x90 else int.from_bytes(frame[1:3], "big")
        twice = b"\xde" + (2 * count).to_bytes(2, "big") + pairs * 2
        return [topic, self.chance.choice((frame + frame, twice, frame + self.bytes(20)))]

    def claimed(self) -> list[bytes]:
        """A marker that claims a length of up to 4 GiB, alone or as the value of a field."""
        marker = self.chance.choice(CLAIMS) + self.chance.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x10\x00\x00"))
        topic, frame = self.intact()
        place = self.chance.randrange(len(frame))
        return [topic, self.chance.choice((marker, frame[:place] + marker + frame[place:]))]

    def nested(self) -> list[bytes]:
        """Lists or maps in each other, thousands deep, alone or as the value of a field."""
        deep = self.chance.choice((b"\x91", b"\x81\xa1a", b"\xdc\x00\x01")) * self.chance.choice((10, 500, 2_000, 20_000))
        _, topic = self._example()
        return [topic, self.chance.choice((deep, deep + b"\xc0", b"\x81\xa4last" + deep + b"\xc0"))]

    def parts(self) -> list[bytes]:
        """No, or too many, frames."""
        topic, frame = self.intact()
        return self.chance.choice(
            ([b""], [topic], [frame], [topic, frame, frame], [b""] * 30, [topic, b"", frame], [b"", topic, frame])
        )

    def _example(self) -> tuple[str, bytes]:
        name = self.chance.choice(NAMES)
        return name, EXAMPLES[name][0].encode()

    def _put(self, plain: Any, path: tuple[Any, ...], value: Any) -> None:
        *outer, last = path
        try:
            holder = at(plain, outer)
            value = copy.deepcopy(value)  # another replacement may go into it
            holder[last] = [value] * self.chance.choice((0, 1, 50)) if self.chance.random() < 0.1 else value
        except (TypeError, LookupError):
            return  # an earlier replacement has taken this place away


NAMES = sorted(PLAIN)


def _packed(plain: Any) -> bytes:
    return bytes(msgpack.packb(plain))
