"""The header of an output: number, market time and cause."""

from __future__ import annotations

import pytest

from tapewire.bus.daemon import Command, Output, Publish, Reply, Request
from tapewire.bus.messages import Alarm
from tapewire.bus.stamp import Stamper
from tapewire.bus.testing import event
from tapewire.bus.voice import Voice

BODY = Alarm("name", "text")
CAUSE = "session.MNQ.@4:17"
EVENT = event(BODY, topic="sys.alarm.venue.", event_ns=1_000, epoch=3, seq=12)
LED = "sys.alarm.venue.@3:12"


@pytest.mark.parametrize(
    ("output", "cause", "event_ns"),
    [
        (Publish("a.", BODY), LED, 1_000),
        (Publish("a.", BODY, CAUSE), CAUSE, 1_000),
        (Publish("a.", BODY, at_ns=400), LED, 400),
        (Publish("a.", BODY, CAUSE, 400), CAUSE, 400),
        (Request("gate", "a.", BODY), LED, 1_000),
        (Request("gate", "a.", BODY, CAUSE), CAUSE, 1_000),
        (Command("a.", BODY), LED, 1_000),
        (Command("a.", BODY, CAUSE), CAUSE, 1_000),
        (Reply("a.", BODY), LED, 1_000),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, tuple) else str(each),
)
def test_cause_and_market_time_are_given_or_the_events(output: Output, cause: str, event_ns: int) -> None:
    """An output without a cause or a time of its own takes those of the event that led to it; a reply always does."""
    header = Voice(Stamper("gate", 5)).header(EVENT, output)

    assert (header.source, header.epoch, header.seq) == ("gate", 5, 1)
    assert (header.cause, header.event_ns) == (cause, event_ns)


def test_each_output_takes_the_next_number_of_its_topic() -> None:
    """Any kind of output: a reply and a fact on one topic share its numbers."""
    voice = Voice(Stamper("gate"))
    outputs: list[Output] = [Publish("a.", BODY), Command("b.", BODY), Reply("a.", BODY), Publish("a.", BODY)]

    assert [voice.header(EVENT, output).seq for output in outputs] == [1, 1, 2, 3]


def test_numbers_are_shared_with_what_no_event_led_to() -> None:
    """A gap that the process itself published lies between two outputs on the same topic."""
    stamper = Stamper("gate")
    voice = Voice(stamper)
    first = voice.header(EVENT, Publish("a.", BODY))
    between = stamper.header("a.", 0)
    last = voice.header(EVENT, Publish("a.", BODY))

    assert [first.seq, between.seq, last.seq] == [1, 2, 3]
