"""The bounds of PROTOCOL.md 2 in the C# codec: the last value inside and the first one outside, judged as Python judges them."""

import math

import msgpack
import pytest

from tapewire.bus import wire
from tapewire.bus.bounds import (
    AHEAD_NS,
    DAY_NS,
    MAX_JUMP,
    MAX_MESSAGE,
    MAX_PRICE,
    MAX_QTY,
    MAX_SIGNED,
    MAX_TIME_NS,
    MAX_TOPIC,
    MAX_VOLUME,
    MAX_WORDS,
    REPLAY_AHEAD_NS,
    Bound,
    OutOfBounds,
)
from tapewire.bus.errors import PeerError
from tapewire.bus.messages import Alarm, Header
from tests.golden.examples import EXAMPLES
from tests.mono import needs_mono, run
from tests.mono import program as program

pytestmark = [pytest.mark.slow, needs_mono]

NOW_NS = 1_800_000_000_000_000_000
ABOVE = math.nextafter(MAX_PRICE, math.inf)
PLAIN = {name: msgpack.unpackb(wire.encode(header, body)) for name, (_, header, body) in EXAMPLES.items()}
ROOM = MAX_MESSAGE - len(wire.encode(Header(1, "x", 1, 1, 0), Alarm("", ""))) - 4  # of a text with a length of four bytes

Line = tuple[bytes, bytes]


def message(name: str, *path: str | int, value: object) -> Line:
    """A golden message with one of its values replaced."""
    mapped = msgpack.unpackb(msgpack.packb(PLAIN[name]))
    place = mapped
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return b"fuzz.", msgpack.packb(mapped)


def alarm(length: int) -> Line:
    return b"sys.alarm.x.", wire.encode(Header(1, "x", 1, 1, 0), Alarm("", "x" * length))


def on(topic: bytes) -> Line:
    return topic, alarm(1)[1]


def python(line: Line) -> str:
    """How Python judges a message: `read`, or the code of its refusal."""
    try:
        wire.decode_message(list(line))
    except OutOfBounds as error:
        return error.code
    except PeerError:
        return Bound.UNREADABLE
    return "read"


def judged(program, lines: list[str], verb: str) -> list[str]:
    """How C# judges each line."""
    done = run(program, verb, given="".join(f"{line}\n" for line in lines))
    assert done.returncode == 0, done.stderr[-2000:]
    words = [answer.split() for answer in done.stdout.splitlines()]
    return [each[1] if each[0] == "refused" else " ".join(each) for each in words]


FIELDS = [
    ("lease", ("epoch",), [0, MAX_SIGNED], [-1, MAX_SIGNED + 1]),
    ("lease", ("seq",), [0, MAX_SIGNED], [-1, MAX_SIGNED + 1]),
    ("lease", ("event_ns",), [0, MAX_TIME_NS], [-1, MAX_TIME_NS + 1]),
    ("bar", ("open_ns",), [0, MAX_TIME_NS], [-1, MAX_TIME_NS + 1]),
    ("bar", ("close_ns",), [0, MAX_TIME_NS], [-1, MAX_TIME_NS + 1]),
    ("bar", ("open",), [MAX_PRICE, -MAX_PRICE], [ABOVE, -ABOVE, math.nan]),
    ("bar", ("high",), [MAX_PRICE, 0], [ABOVE, math.inf]),
    ("bar", ("low",), [-MAX_PRICE, 0.25], [-ABOVE, -math.inf]),
    ("bar", ("close",), [MAX_PRICE, 1], [10_000_001, math.nan]),
    ("bar", ("volume",), [0, MAX_VOLUME], [-1, MAX_VOLUME + 1]),
    ("bar", ("ask_volume",), [None, 0, MAX_VOLUME], [-1, MAX_VOLUME + 1]),
    ("bar", ("bid_volume",), [None, 0, MAX_VOLUME], [-1, MAX_VOLUME + 1]),
    ("bar", ("cross", 0, "close"), [MAX_PRICE], [ABOVE]),
    ("bar", ("cross", 0, "volume"), [MAX_VOLUME], [MAX_VOLUME + 1]),
    ("bar", ("position", "qty"), [MAX_QTY, -MAX_QTY], [MAX_QTY + 1, -MAX_QTY - 1]),
    ("bar", ("position", "price"), [None, MAX_PRICE], [ABOVE]),
    ("bar", ("position", "stop"), [None, -MAX_PRICE], [math.nan]),
    ("bar", ("position", "target"), [None, MAX_PRICE], [math.inf]),
    ("bar", ("position", "realised"), [1e13, -1e13], [2e13, math.nan]),
    ("place_order", ("qty",), [MAX_QTY], [MAX_QTY + 1]),
    ("order_update", ("stop",), [None, MAX_PRICE], [ABOVE]),
    ("order_update", ("target",), [None, MAX_PRICE], [math.nan]),
    ("execution", ("qty",), [MAX_QTY, -MAX_QTY], [MAX_QTY + 1, -MAX_QTY - 1]),
    ("execution", ("price",), [MAX_PRICE], [1e300]),
    ("execution", ("bar_ns",), [MAX_TIME_NS], [MAX_TIME_NS + 1]),
    ("resend", ("of_epoch",), [0, MAX_SIGNED], [-1]),
    ("resend", ("first",), [0, MAX_SIGNED], [-1]),
    ("resend", ("last",), [0, MAX_SIGNED], [-1]),
    ("eval_done", ("bar_ns",), [MAX_TIME_NS], [MAX_TIME_NS + 1]),
]


def test_a_number_is_refused_outside_its_bounds(program):
    """Every bounded field of the messages that the bridge speaks, as Python's decoder has it."""
    rows = [
        (name, path, value, verdict)
        for name, path, inside, outside in FIELDS
        for verdict, values in (("read", inside), ("unreadable", outside))
        for value in values
    ]
    lines = [message(name, *path, value=value) for name, path, value, _ in rows]

    answers = judged(program, [f"{topic.hex()} {frame.hex()}" for topic, frame in lines], "fuzz")

    assert [row for row, answer in zip(rows, answers, strict=True) if answer.split()[0] != row[3]] == []
    assert [row for row, line in zip(rows, lines, strict=True) if python(line) != row[3]] == []


@pytest.mark.parametrize(
    "inside, outside, code",
    [
        pytest.param(on(b"a" * (MAX_TOPIC - 1) + b"."), on(b"a" * MAX_TOPIC + b"."), "topic", id="length of a topic"),
        pytest.param(on(b"a." * MAX_WORDS), on(b"a." * (MAX_WORDS + 1)), "topic", id="words of a topic"),
        pytest.param(on(b"raw.bar.MNQ_1-a."), on(b"raw.bar.MNQ/1."), "topic", id="letters of a topic"),
        pytest.param(on(b"a."), on(b"a"), "topic", id="end of a topic"),
        pytest.param(on(b"a."), on(b"a..b."), "topic", id="an empty word"),
        pytest.param(alarm(ROOM), alarm(ROOM + 1), "frame", id="length of a message"),
    ],
)
def test_topic_and_frame_have_their_limits(program, inside, outside, code):
    """A refusal names the limit by its code, the same as in Python."""
    answers = judged(program, [f"{topic.hex()} {frame.hex()}" for topic, frame in (inside, outside)], "fuzz")

    assert [answer.split()[0] for answer in answers] == [python(inside), python(outside)] == ["read", code]


def test_a_command_is_plausible_now(program):
    """No epoch and no market time is more than a day ahead of the clock; one that is refused is not reached."""
    lines = [
        f"{NOW_NS + AHEAD_NS} {NOW_NS} {NOW_NS}",
        f"{NOW_NS + AHEAD_NS + 1} {NOW_NS} {NOW_NS}",
        f"1 {NOW_NS + AHEAD_NS} {NOW_NS}",
        f"1 {NOW_NS + AHEAD_NS + 1} {NOW_NS}",
        f"1 {NOW_NS + AHEAD_NS + 1} {NOW_NS}",
        f"1 {NOW_NS + AHEAD_NS + 1} {NOW_NS + 1}",
    ]

    assert judged(program, lines, "plausible") == ["read", "epoch", "read", "time", "time", "read"]


def test_a_recording_may_be_dated_ahead_of_the_clock(program):
    """Its first message sets the time, and its holes may be as long as a month."""
    start_ns = NOW_NS + 100 * DAY_NS
    times = [start_ns, start_ns + REPLAY_AHEAD_NS, start_ns + 2 * REPLAY_AHEAD_NS + 1]

    assert judged(program, [f"1 {time_ns} {NOW_NS}" for time_ns in times], "plausible") == ["read", "read", "time"]


def test_a_number_far_above_the_last_one_changes_nothing(program):
    """The command that follows is taken. In a new epoch the last one is 0."""
    lines = ["1 5", f"1 {6 + MAX_JUMP}", f"1 {5 + MAX_JUMP}", "1 6", f"2 {1 + MAX_JUMP}", "1 7", f"2 {MAX_JUMP}"]

    assert judged(program, lines, "ordered") == ["read 5", "sequence", "read", "read 6", "sequence", "read 7", f"read {MAX_JUMP}"]


def test_announced_counts_allocate_nothing(program, monkeypatch):
    """Arrays in arrays, each of which announces as many items as the frame has bytes: refused within little memory."""
    monkeypatch.setenv("MONO_GC_PARAMS", "max-heap-size=64m")
    deep = (b"\xdd" + (900_000).to_bytes(4, "big")) * 30 + b"\xc0" * 900_100

    assert judged(program, [deep.hex()], "fuzz") == ["unreadable"]
