"""Values that are made for each bar: equal by their fields, printed with them, and copied with other values of some."""

from __future__ import annotations

import pytest

from tapewire.bus.daemon import Command, Event, Publish, Reply, Request
from tapewire.bus.messages import PROTOCOL_VERSION, Gap, Header
from tapewire.bus.value import Value
from tapewire.daemons.market.clock import TradeDate
from tapewire.daemons.tracker.ranges import InitialBalance

GAP = Gap("raw.bar.MNQ.1m.", 1, 2, 3, "tracker")
HEADER = Header(PROTOCOL_VERSION, "nt", 1, 7, 0)
MADE = [
    Event("a.", HEADER, GAP, "gate"),
    Publish("a.", GAP, "b.@1:2", 5),
    Request("gate", "a.", GAP, "b.@1:2"),
    Reply("a.", GAP),
    Command("a.", GAP, "b.@1:2"),
    TradeDate("2026-03-02", 960),
    InitialBalance(110.0, 100.0, 105.0, 10.0),
]


@pytest.mark.parametrize("value", MADE, ids=lambda value: type(value).__name__)
def test_a_value_is_equal_to_one_that_is_made_of_its_fields(value: Value) -> None:
    """By keyword as well, with the same hash; nothing else is equal to it."""
    other = type(value)(**value.fields())

    assert other == value
    assert hash(other) == hash(value)
    assert [each for each in MADE if each == value] == [value]
    assert value != "a."


def test_a_value_is_printed_with_its_fields() -> None:
    """As it would be written."""
    assert repr(Reply("a.", GAP)) == f"Reply(topic='a.', body={GAP!r})"


def test_a_copy_has_other_values_of_some_fields() -> None:
    """The value itself stays."""
    event = Event("a.", HEADER, GAP)

    assert event.but(sender="gate") == Event("a.", HEADER, GAP, "gate")
    assert event == Event("a.", HEADER, GAP)
