"""Bars made from columns: what a source does not know is None in a bar, and never 0."""

import numpy as np
import pytest

from tapewire.bus.messages import Bar
from tapewire.replay.sources.barlist import BarList
from tapewire.replay.sources.table import Bars

MINUTE_NS = 60_000_000_000


def only_bar(volume=10, **flow) -> Bar:
    """A list of one bar, with some columns of order flow."""
    one, price = np.array([1]), np.array([100.0])
    sides = {name: np.array([value]) for name, value in flow.items()}
    (bar,) = BarList("MNQ", Bars(one * MINUTE_NS, price, price, price, price, one * volume, one, **sides))
    return bar


@pytest.mark.parametrize(
    "flow, expected",
    [
        ({}, (None, None, None)),
        ({"ask": 3, "bid": 7}, (-4, None, None)),
        ({"ask": 5, "bid": 5, "up": 0, "down": 0}, (0, 0, 0)),
        ({"ask": -1, "bid": -1, "up": -1, "down": -1}, (None, None, None)),
        ({"ask": 0, "bid": 0, "up": 4, "down": 2}, (None, 4, 2)),
    ],
    ids=["no columns", "sides alone", "all are known and 0", "a row without", "volume on neither side"],
)
def test_delta_and_ticks_are_what_the_source_knows(flow, expected):
    """The delta follows from both sides; up and down ticks need columns of their own."""
    bar = only_bar(**flow)

    assert (bar.delta, bar.up_ticks, bar.down_ticks) == expected


def test_a_bar_without_a_trade_has_a_delta_of_0():
    """Both sides are known: nothing was bought or sold."""
    assert only_bar(volume=0, ask=0, bid=0).delta == 0
