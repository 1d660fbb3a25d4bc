"""The bounds of a message, each with the last value inside and the first one outside (PROTOCOL.md 2)."""

import math

import msgpack
import pytest

from tapewire.bus import bounds, wire
from tapewire.bus.bounds import (
    AHEAD_NS,
    DAY_NS,
    MAX_JUMP,
    MAX_MESSAGE,
    MAX_SIGNED,
    MAX_TIME_NS,
    MAX_TOPIC,
    MAX_WORDS,
    REPLAY_AHEAD_NS,
    Bound,
    Limits,
    OutOfBounds,
    Refusals,
)
from tapewire.bus.daemon import Event
from tapewire.bus.errors import PeerError
from tapewire.bus.messages import Alarm, Execution, Gap, Header, HistoryRequest, Resend
from tapewire.bus.sequence import Sequencer
from tapewire.bus.testing import bar, intents
from tapewire.daemons.publisher.core import Publisher
from tapewire.daemons.settings.load import instruments
from tests.golden.examples import EXAMPLES

NOW_NS = 1_800_000_000_000_000_000
RUN = 7
EXECUTION = Execution("1", "2", "Sim101", "MNQ", 1, 21_000.0, "ENTRY", 0, 0)


def encoded(body, **changed):
    """A message as bytes, with some of its fields replaced."""
    plain = msgpack.unpackb(wire.encode(Header(1, "nt", 1, 1, NOW_NS), body))
    return msgpack.packb(plain | changed)


def refused(code, call, *arguments):
    with pytest.raises(OutOfBounds) as raised:
        call(*arguments)
    assert raised.value.code is code


@pytest.mark.parametrize(
    "inside, outside",
    [
        pytest.param(b"a" * (MAX_TOPIC - 1) + b".", b"a" * MAX_TOPIC + b".", id="length"),
        pytest.param(b"a." * MAX_WORDS, b"a." * (MAX_WORDS + 1), id="words"),
        pytest.param(b"raw.bar.MNQ_1-a.", b"raw.bar.MNQ/1.", id="alphabet"),
        pytest.param(b"a.", b"a", id="end"),
        pytest.param(b"a.", b"a.\n", id="line"),
    ],
)
def test_a_topic_is_a_safe_file_name(inside, outside):
    """The journal makes a file of it, and a file name has 255 bytes."""
    assert bounds.topic(inside) == inside.decode()
    refused(Bound.TOPIC, bounds.topic, outside)


def test_a_message_fits_a_page():
    """A reader refuses what a page of history could not hold."""
    room = MAX_MESSAGE - len(wire.encode(Header(1, "x", 1, 1, 0), Alarm("", ""))) - 4

    def read(size):
        return wire.decode_message([b"sys.alarm.x.", wire.encode(Header(1, "x", 1, 1, 0), Alarm("", "x" * size))])

    assert read(room).body == Alarm("", "x" * room)
    refused(Bound.FRAME, read, room + 1)


@pytest.mark.parametrize(
    "body, field, inside, outside",
    [
        (Alarm("a", "b"), "epoch", MAX_SIGNED, MAX_SIGNED + 1),
        (Alarm("a", "b"), "epoch", 0, -1),
        (Alarm("a", "b"), "seq", MAX_SIGNED, MAX_SIGNED + 1),
        (Alarm("a", "b"), "seq", 0, -1),
        (Alarm("a", "b"), "event_ns", MAX_TIME_NS, MAX_TIME_NS + 1),
        (Alarm("a", "b"), "event_ns", 0, -1),
        (bar(), "close_ns", MAX_TIME_NS, MAX_TIME_NS + 1),
        (bar(), "open", 1e7, math.nextafter(1e7, math.inf)),
        (bar(), "close", -1e7, math.nan),
        (bar(), "high", 0.0, math.inf),
        (bar(), "low", 0.25, -math.inf),
        (bar(), "volume", 10**12, 10**12 + 1),
        (bar(), "volume", 0, -1),
        (EXECUTION, "price", 1e7, 1e300),
        (EXECUTION, "qty", 10_000, 10_001),
        (EXECUTION, "qty", -10_000, -10_001),
        (EXECUTION, "bar_ns", MAX_TIME_NS, MAX_TIME_NS + 1),
        (EXAMPLES["trade"][2], "exit_price", 21_000.0, math.nan),
        (EXAMPLES["trade"][2], "net_cents", -(10**15), -(10**15) - 1),
        (EXAMPLES["trade"][2], "entry_ns", 0, -1),
        (intents(), "instrument", "x" * 64, "x" * 65),
        (intents(), "instrument", "MNQ", "MNQ.\n"),
        (Gap("a.", 1, 2, 3, "x"), "last", MAX_SIGNED, MAX_SIGNED + 1),
        (Resend("a.", 1, 2, 3), "first", 0, -1),
        (HistoryRequest("1", "a.", 0, 10), "start", 0, -1),
        (HistoryRequest("1", "a.", 0, 10), "count", MAX_SIGNED, -1),
    ],
)
def test_a_number_is_refused_outside_its_bounds(body, field, inside, outside):
    """The decoder checks it, so no process has to."""
    assert wire.decode(encoded(body, **{field: inside}))

    with pytest.raises(PeerError, match=rf"Expected .* - at `\$\.{field}`"):
        wire.decode(encoded(body, **{field: outside}))


def test_a_fact_of_the_run_has_the_epoch_of_the_run():
    """A later epoch would make everything that the real daemon publishes a duplicate."""
    limits = Limits(RUN)
    limits.check("session.MNQ.", RUN, 0, lambda: NOW_NS)
    limits.check("intent.MNQ.", RUN - 1, 0, lambda: NOW_NS)

    refused(Bound.EPOCH, limits.check, "session.MNQ.", RUN + 1, 0, lambda: NOW_NS)
    refused(Bound.EPOCH, limits.check, "intent.MNQ.", RUN + 1, 0, lambda: NOW_NS)


@pytest.mark.parametrize("name", ["raw.bar.MNQ.1m.", "venue.MNQ.", "operator.word.", "ingress.ask.", "yours."])
def test_an_epoch_from_a_clock_is_at_most_a_day_ahead(name):
    """NinjaTrader, operators and external senders do not know the run's epoch."""
    limits = Limits(RUN)
    limits.check(name, NOW_NS + AHEAD_NS, 0, lambda: NOW_NS)

    refused(Bound.EPOCH, limits.check, name, NOW_NS + AHEAD_NS + 1, 0, lambda: NOW_NS)


def test_a_market_time_is_at_most_a_day_ahead_of_the_clock():
    """A bar of another century would make every bar after it late. A refused time is not reached."""
    limits = Limits(RUN)
    limits.check("raw.", 1, NOW_NS, lambda: NOW_NS)
    limits.check("raw.", 1, NOW_NS + AHEAD_NS, lambda: NOW_NS)

    refused(Bound.TIME, limits.check, "raw.", 1, NOW_NS + AHEAD_NS + 1, lambda: NOW_NS)
    refused(Bound.TIME, limits.check, "raw.", 1, NOW_NS + AHEAD_NS + 1, lambda: NOW_NS)
    limits.check("raw.", 1, NOW_NS + AHEAD_NS + 1, lambda: NOW_NS + 1)


def test_a_recording_may_be_dated_ahead_of_the_clock():
    """Its first message sets the time, and its holes may be as long as a month."""
    start_ns = NOW_NS + 100 * DAY_NS
    limits = Limits(RUN)
    limits.check("raw.", 1, start_ns, lambda: NOW_NS)
    limits.check("raw.", 1, start_ns + REPLAY_AHEAD_NS, lambda: NOW_NS)

    refused(Bound.TIME, limits.check, "raw.", 1, start_ns + 2 * REPLAY_AHEAD_NS + 1, lambda: NOW_NS)


@pytest.mark.parametrize("name", ["ops.event.", "feed.status.MNQ.", "sys.gap.logger.", "sys.alarm.gate."])
def test_what_carries_the_time_of_a_clock_reaches_no_market_time(name):
    """It may come before the first bar. A recording that is dated ahead begins after it all the same, and goes on."""
    start_ns = NOW_NS + 100 * DAY_NS
    limits = Limits(RUN)
    limits.check(name, 1, NOW_NS, lambda: NOW_NS)
    limits.check("raw.", 1, start_ns, lambda: NOW_NS)
    limits.check(name, 1, NOW_NS + 1, lambda: NOW_NS + 1)

    limits.check("raw.", 1, start_ns + 60_000_000_000, lambda: NOW_NS + 1)


def test_a_restarted_reader_keeps_the_time_that_it_had_reached():
    """The first message after a restart is not the first of the run."""
    limits = Limits(RUN)
    limits.reached(NOW_NS)

    refused(Bound.TIME, limits.check, "raw.", 1, NOW_NS + AHEAD_NS + 1, lambda: NOW_NS)


@pytest.mark.parametrize("complete", [True, False], ids=["every message", "a tap"])
def test_a_number_far_above_the_last_one_changes_nothing(complete):
    """As a hole it would turn the real messages of its writer into duplicates, two seconds later and for ever."""
    reader = Sequencer("reader", complete=complete, heal_ns=0)
    reader.admit("a.", Header(1, "x", 1, 1, 0), "1", 0)

    refused(Bound.SEQUENCE, reader.admit, "a.", Header(1, "x", 1, 2 + MAX_JUMP, 0), "far", 0)
    refused(Bound.SEQUENCE, reader.announced, "a.", 1, 2 + MAX_JUMP, 0)

    assert (reader.whole, reader.given_up(1), reader.last) == (True, [], {"a.": (1, 1)})
    assert reader.admit("a.", Header(1, "x", 1, 2, 0), "2", 0) == ["2"]


def test_the_longest_step_opens_a_hole():
    """The limit itself is inside."""
    reader = Sequencer("reader", complete=True, heal_ns=0)

    assert reader.admit("a.", Header(1, "x", 1, MAX_JUMP, 0), "far", 0) == []
    assert reader.given_up(0) == [(Gap("a.", 1, 1, MAX_JUMP - 1, "reader"), ["far"])]


def test_a_new_epoch_begins_near_its_first_number():
    """A far number of a new epoch does not end the old one."""
    reader = Sequencer("reader", complete=True)
    reader.admit("a.", Header(1, "x", 1, 1, 0), "1", 0)

    refused(Bound.SEQUENCE, reader.admit, "a.", Header(1, "x", 2, 1 + MAX_JUMP, 0), "far", 0)
    refused(Bound.SEQUENCE, reader.announced, "a.", 2, 1 + MAX_JUMP, 0)

    assert reader.last == {"a.": (1, 1)}


def test_a_refusal_is_reported_once_for_its_source_and_code():
    """Every one is counted; a flood of them writes one line."""
    refusals = Refusals()
    far, long = OutOfBounds(Bound.EPOCH, "far"), OutOfBounds(Bound.TOPIC, "long")

    assert [refusals.count(*each) for each in [("x", far), ("x", far), ("y", far), ("x", long), ("x", PeerError("?"))]] == [
        True,
        False,
        True,
        True,
        True,
    ]
    assert (refusals.total, refusals.counts) == (5, {"epoch": 3, "topic": 1, "unreadable": 1})


def test_reports_are_bounded():
    """A sender that takes a new name for each message is counted and fills no log."""
    refusals = Refusals()

    assert sum(refusals.count(str(name), PeerError("?")) for name in range(1_000)) == bounds.MAX_SOURCES
    assert refusals.total == 1_000


@pytest.mark.parametrize("name", ["signal", "trade"])
def test_the_publisher_ignores_an_instrument_that_it_does_not_know(name):
    """It has no tick for it; the message is counted, and the next one is published."""
    publisher = Publisher(instruments())
    topic, header, body = EXAMPLES[name]
    foreign = type(body)(**{field: getattr(body, field) for field in body.__struct_fields__} | {"instrument": "XYZ"})

    assert publisher.step(Event(topic, header, foreign)) == ()
    assert publisher.foreign == 1
    assert len(publisher.step(Event(topic, header, body))) == 1
