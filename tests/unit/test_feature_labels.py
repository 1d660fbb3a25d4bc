"""Labels: by triple barrier, against a slow second implementation; and what the table says beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.errors import ConfError
from tapewire.bus.messages import LONG, SHORT, Direction, Session
from tapewire.bus.testing import bar, session
from tapewire.replay.features.barriers import TripleBarrier, labelled
from tapewire.replay.features.export import Rows

ATR = 4.0
TWO = TripleBarrier(profit_atr=2.0, loss_atr=1.0, bars=3)


class Expected(NamedTuple):
    label: float
    ends: str
    move_atr: float


def minutes(*prices: tuple[float, float, float, float], first: str = "11:00", volume: int = 1_000) -> list[Session]:
    """Sessions of consecutive minutes with these opens, highs, lows and closes."""
    hour, minute = map(int, first.split(":"))
    found = []
    for at, (opens, high, low, close) in enumerate(prices, hour * 60 + minute):
        clock = f"{at // 60:02}:{at % 60:02}"
        made = bar(clock, opens, close, high=high, low=low, volume=volume)
        found.append(session(clock, bar=made, atr14=ATR, rth_high=high if at > 570 else None))
    return found


def flat(price: float) -> tuple[float, float, float, float]:
    return price, price, price, price


def first_label(rule: TripleBarrier, sessions: Sequence[Session]) -> Expected:
    """The label of the first bar: value, the wall time of the last bar it looks at, the move."""
    rows = Rows([])
    for s in sessions:
        rows.take(s)
    made = labelled(rule, rows.path())
    clock = next(s.minute for s in sessions if s.bar.close_ns == made.ends_ns[0])
    return Expected(made.label[0], f"{clock // 60:02}:{clock % 60:02}", made.move_atr[0])


@pytest.mark.parametrize(
    ("next_bars", "expected"),
    [
        ([(100, 108, 100, 101)], Expected(1.0, "11:01", 2.0)),  # the high touches the profit exactly
        ([(100, 107.75, 100, 101)] * 3, Expected(0.0, "11:03", 0.25)),  # a tick short of it, until the time is over
        ([(100, 100, 96, 99)], Expected(-1.0, "11:01", -1.0)),  # the low touches the loss exactly
        ([(100, 108, 96, 100)], Expected(-1.0, "11:01", -1.0)),  # both in one bar: the worse
        ([(109, 110, 90, 100)], Expected(1.0, "11:01", 2.25)),  # it opens beyond the profit: that was first, at the open
        ([(94, 120, 94, 100)], Expected(-1.0, "11:01", -1.5)),  # it opens beyond the loss: at the open
        ([flat(100), flat(100), (100, 108, 100, 108)], Expected(1.0, "11:03", 2.0)),  # the last bar in time counts
        ([flat(100), flat(100), flat(100), (100, 108, 100, 108)], Expected(0.0, "11:03", 0.0)),  # the one behind it does not
    ],
)
def test_the_first_touch_decides(next_bars: list[tuple[float, float, float, float]], expected: Expected) -> None:
    """Of a long from 100 with a profit at 108, a loss at 96 and three bars."""
    assert first_label(TWO, minutes(flat(100), *next_bars, flat(100), flat(100), flat(100))) == expected


@pytest.mark.parametrize(
    ("prices", "label"), [((100, 100, 92, 93), 1.0), ((100, 104, 100, 103), -1.0), ((100, 104, 92, 100), -1.0)]
)
def test_a_short_has_its_profit_below(prices: tuple[float, float, float, float], label: float) -> None:
    """The same barriers upside down; both in one bar is the loss there, too."""
    rule = TripleBarrier(profit_atr=2.0, loss_atr=1.0, bars=3, side=SHORT)

    assert first_label(rule, minutes(flat(100), prices)).label == label


def test_a_bar_that_nobody_traded_touches_nothing() -> None:
    """As nothing fills there; it counts as time."""
    quiet = minutes(flat(100), (100, 120, 80, 100), flat(100), first="11:00", volume=0)

    assert first_label(TripleBarrier(bars=1), quiet) == Expected(0.0, "11:01", 0.0)


def test_a_time_that_no_session_has_ends_with_the_session() -> None:
    """A thousand billion bars are as many as there are, and take no longer."""
    quiet = minutes(*[flat(100)] * 6, first="15:55")

    assert first_label(TripleBarrier(bars=10**12), quiet) == first_label(TripleBarrier(bars=6), quiet)


def test_without_a_bar_behind_it_or_an_atr_there_is_no_label() -> None:
    """NaN, and it looks at nothing but itself."""
    (label, ends, move) = first_label(TWO, minutes(flat(100)))

    assert math.isnan(label)
    assert math.isnan(move)
    assert ends == "11:00"
    alone = [session("11:00", atr14=None), session("11:01", bar=bar("11:01", 21_000.0, high=22_000.0), atr14=None)]
    assert math.isnan(first_label(TWO, alone).label)


def test_the_label_of_regular_hours_does_not_look_beyond_their_end() -> None:
    """What is touched at 16:01 is not of the session; the time was over at 16:00."""
    late = minutes(flat(100), flat(100), (100, 120, 100, 100), first="15:59")

    assert first_label(TWO, late) == Expected(0.0, "16:00", 0.0)


def test_a_label_never_looks_into_the_next_trade_date() -> None:
    """The last bar of a date ends the time."""
    evening = [session("16:58", bar=bar("16:58", 100.0), atr14=ATR), session("17:00", bar=bar("17:00", 100.0), atr14=ATR)]
    beyond = session("18:01", bar=bar("18:01", 100.0, high=200.0), session="2026-03-04", atr14=ATR)

    assert first_label(TWO, [*evening, beyond]) == Expected(0.0, "17:00", 0.0)


def test_where_the_recording_ends_within_the_hours_the_label_is_not_known() -> None:
    """Unless a barrier was touched before."""
    cut = minutes(flat(100), flat(100), first="11:00")

    assert math.isnan(first_label(TWO, cut).label)
    assert first_label(TWO, [*cut, *minutes((100, 108, 100, 100), first="11:02")]).label == 1.0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"profit_atr": 0.0}, "profit_atr = 0.0: write a distance above 0"),
        ({"loss_atr": math.inf}, "loss_atr = inf"),
        ({"loss_atr": math.nan}, "loss_atr = nan"),
        ({"bars": 0}, "bars = 0: write 1 or more"),
    ],
)
def test_barriers_that_are_none_are_refused(wrong: dict[str, float], words: str) -> None:
    """With the name of the field."""
    with pytest.raises(ConfError, match=words):
        TripleBarrier(**wrong)  # type: ignore[arg-type]


# --- a second implementation --------------------------------------------------------------------------------------------------


def slow(rule: TripleBarrier, sessions: Sequence[Session], at: int) -> tuple[float, int]:
    """The label of one bar and the place of the last bar it looks at, as the book tells it: bar after bar, one at a time."""
    s = sessions[at]
    if not s.atr14:
        return math.nan, at
    close, up, down = s.bar.close, rule.profit_atr * s.atr14, rule.loss_atr * s.atr14
    later = [i for i in range(at + 1, len(sessions)) if sessions[i].session == s.session and (sessions[i].rth or not s.rth)]
    for i in later[: rule.bars]:
        of = sessions[i].bar
        moves = [(price - close) * (1 if rule.side == LONG else -1) for price in (of.open, of.high, of.low)]
        if not of.volume:
            continue
        if moves[0] <= -down:
            return -1.0, i
        if moves[0] >= up:
            return 1.0, i
        if min(moves) <= -down:
            return -1.0, i
        if max(moves) >= up:
            return 1.0, i
    end = sessions[-1]
    over = end.minute >= end.closes if end.rth else end.rth_high is not None
    ended = s.session != end.session or (s.rth and over)
    if not later or (len(later) < rule.bars and not ended):
        return math.nan, at
    return 0.0, later[: rule.bars][-1]


@st.composite
def recordings(draw: st.DrawFn) -> list[Session]:
    """Two dates with the end of RTH in them, in quarters of a point, with holes, quiet bars and bars without ATR."""
    found: list[Session] = []
    price = 100.0
    for date in ("2026-03-03", "2026-03-04"):
        clocks = [at for at in range(945, 970) if draw(st.integers(0, 5))]
        for at in clocks[: draw(st.integers(1, len(clocks)))] if clocks else []:
            opens, high, low, close = (price + draw(st.integers(-6, 6)) / 4 for _ in range(4))
            clock = f"{at // 60:02}:{at % 60:02}"
            made = bar(
                clock,
                opens,
                close,
                day=date,
                high=max(opens, high, low, close),
                low=min(opens, high, low, close),
                volume=draw(st.sampled_from([0, 5, 5, 5])),
            )
            atr = draw(st.sampled_from([None, 0.0, 0.5, 1.0, 1.0]))
            found.append(session(clock, bar=made, session=date, atr14=atr, rth_high=price))
            price = close
    return found


@given(
    recordings(),
    st.sampled_from([0.25, 0.5, 1.0, 2.0]),
    st.sampled_from([0.25, 0.5, 1.0, 2.0]),
    st.integers(1, 12),
    st.sampled_from([LONG, SHORT]),
)
def test_labels_are_those_of_a_slow_second_implementation(
    sessions: list[Session], profit: float, loss: float, bars: int, side: Direction
) -> None:
    """With ties, gaps, quiet bars, missing minutes, and the ends of RTH, of a date and of the recording."""
    rule = TripleBarrier(profit, loss, bars, side)
    rows = Rows([])
    for s in sessions:
        rows.take(s)
    if not sessions:
        return
    made = labelled(rule, rows.path())
    expected = [slow(rule, sessions, at) for at in range(len(sessions))]

    np.testing.assert_array_equal(made.label, [label for label, _ in expected])
    np.testing.assert_array_equal(made.ends_ns, [sessions[end].bar.close_ns for _, end in expected])
    moved = {1.0: made.move_atr >= profit, -1.0: made.move_atr <= -loss}
    assert all(moved[label][at] for at, label in enumerate(made.label) if label in moved)
