"""Which companion instruments are missing at a stamp: ES and YM beside MNQ."""

import pytest

from tapewire.bus.messages import CrossBar
from tapewire.bus.testing import bar, event
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.tracker import Tracker


def missing(*came, at=("10:00", "10:01", "10:02", "10:03")):
    """`missing_cross` bar by bar, if the named instruments came with each bar."""
    tracker = Tracker({"MNQ": Calendar()})
    bars = [
        bar(clock, cross=tuple(CrossBar(name, 1.0, 1.0, 1.0, 1.0, 1) for name in names.split()))
        for names, clock in zip(came, at, strict=False)
    ]
    return [output.body.missing_cross for each in bars for output in tracker.step(event(each))]


@pytest.mark.parametrize(
    "came, expected",
    [
        (["", "", ""], [(), (), ()]),
        (["ES YM", "ES YM"], [(), ()]),
        (["YM ES", "YM ES", "ES YM"], [(), (), ()]),
        (["ES YM", "ES", "ES YM"], [(), ("YM",), ()]),
        (["ES YM", "", ""], [(), ("ES", "YM"), ("ES", "YM")]),
        (["ES", "YM", "ES YM", "YM"], [(), ("ES",), (), ("ES",)]),
        (["", "ES", ""], [(), (), ("ES",)]),
    ],
    ids=["nobody ever", "both always", "in another order", "one missing once", "both gone", "one after the other", "joined late"],
)
def test_an_instrument_that_came_before_is_expected(came, expected):
    """An instrument that has come in this trade date is expected from then on, in alphabetical order; none is configured."""
    assert missing(*came) == expected


def test_a_new_trade_date_expects_no_companion():
    """The companions are learned again from 18:01 on."""
    assert missing("ES YM", "", "", "ES", at=("16:59", "17:00", "18:01", "18:02")) == [(), ("ES", "YM"), (), ()]


def test_a_missing_companion_does_not_degrade_the_session():
    """The flag is for readers of the companions; the traded instrument's own session is complete."""
    tracker = Tracker({"MNQ": Calendar()})
    es = CrossBar("ES", 1.0, 1.0, 1.0, 1.0, 1)

    said = [tracker.step(event(each))[0].body for each in (bar("10:00", cross=(es,)), bar("10:01"))]

    assert [(each.missing_cross, each.degraded) for each in said] == [((), False), (("ES",), False)]
