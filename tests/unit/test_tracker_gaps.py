"""Fair value gaps: when one opens, when a bar trades in it, when it is filled or too old (playbook 2.6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.testing import bar
from tapewire.daemons.tracker.gaps import MinuteGaps, QuarterHourGaps
from tapewire.daemons.tracker.prices import BarPrices

G = 1.0  # the least gap after a close of 10,000: 0.0001 of it; a quarter-hour gap needs twice that


def candle(low, high, close):
    return bar(open=close, low=low, high=high, close=close)


def minute_gaps(*candles):
    """(fvg_bull, fvg_bear) of each one-minute bar."""
    gaps = MinuteGaps()
    return [gaps.fold(BarPrices(candle(*given))) for given in candles]


FIRST = (9990.0, 9995.0, 9992.0)
MIDDLE = (9990.0, 10000.0, 10000.0)
OPENED = (9996.25, 10005.0, 10002.0)  # a bull gap from 9995 up to 9996.25
NONE, BULL, BEAR = (False, False), (True, False), (False, True)


@pytest.mark.parametrize(
    "low, expected",
    [(9995.0 + G, NONE), (9995.0 + G + 0.25, BULL)],
    ids=["a gap of exactly g", "a tick more"],
)
def test_a_bull_gap_is_wider_than_g_and_traded_by_its_own_bar(low, expected):
    """`L[j] > H[j-2] + 0.0001*C[j-1]`; the breakaway bar itself has fvg_bull."""
    assert minute_gaps(FIRST, MIDDLE, (low, 10005.0, 10002.0))[-1] == expected


@pytest.mark.parametrize(
    "high, expected",
    [(10005.0 - G, NONE), (10005.0 - G - 0.25, BEAR)],
    ids=["a gap of exactly g", "a tick more"],
)
def test_a_bear_gap_is_the_mirror_image(high, expected):
    """`H[j] < L[j-2] - g`; the breakaway bar itself has fvg_bear."""
    assert minute_gaps((10005.0, 10010.0, 10008.0), MIDDLE, (9995.0, high, 9998.0))[-1] == expected


@pytest.mark.parametrize(
    "later, expected",
    [
        ((9996.5, 10005.0, 10000.0), NONE),
        ((9996.25, 10005.0, 10000.0), BULL),
        ((9990.0, 10005.0, 9995.25), BULL),
        ((9990.0, 10005.0, 9995.0), NONE),
        ((9990.0, 10005.0, 9994.75), NONE),
    ],
    ids=["stays above", "touches the top", "closes just inside", "closes on the bottom", "closes through it"],
)
def test_a_bar_trades_in_a_bull_gap_if_it_reaches_down_and_closes_above_the_bottom(later, expected):
    """`L <= top` and `C > bottom`; a close on the bottom does nothing."""
    assert minute_gaps(FIRST, MIDDLE, OPENED, later)[-1] == expected


@pytest.mark.parametrize("close, expected", [(9995.0, BULL), (9994.75, NONE)], ids=["on the bottom", "through the bottom"])
def test_only_a_close_through_the_bottom_fills_a_gap(close, expected):
    """Afterwards a bar that reaches down again trades in it, or it no longer exists."""
    overlapping = (9990.0, 10005.0, close)

    assert minute_gaps(FIRST, MIDDLE, OPENED, overlapping, (9990.0, 10005.0, 9999.0))[-1] == expected


@pytest.mark.parametrize("age, expected", [(30, BULL), (31, NONE)])
def test_a_gap_lasts_for_thirty_bars(age, expected):
    """It is created on the bar before its own; a bar 30 later still trades in it, one 31 later does not."""
    above = (10001.0, 10005.0, 10002.0)
    waiting = [above] * (age - 2)

    assert minute_gaps(FIRST, MIDDLE, OPENED, *waiting, (9990.0, 10005.0, 9999.0))[-1] == expected


CANDLES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=80)


@given(CANDLES)
def test_minute_gaps_follow_the_playbooks_three_steps(shapes):
    """Against a literal transcription: open, drop, test, on random candles around 10,000."""
    candles = [(9990.0 + low, 9990.0 + low + body + top, 9990.0 + low + body) for low, body, top in shapes]

    assert minute_gaps(*candles) == three_steps(candles)


def three_steps(candles):
    """Playbook 2.6 as written, with plain lists."""
    bulls, bears, flags = [], [], []
    for j, (low, high, close) in enumerate(candles):
        if j < 2:
            flags.append((False, False))
            continue
        g = 0.0001 * candles[j - 1][2]
        low2, high2, _ = candles[j - 2]
        if low > high2 + g:
            bulls.append({"top": low, "bottom": high2, "born": j - 1, "filled": False})
        if high < low2 - g:
            bears.append({"top": low2, "bottom": high, "born": j - 1, "filled": False})
        bulls = [zone for zone in bulls if not zone["filled"] and j - zone["born"] <= 30]
        bears = [zone for zone in bears if not zone["filled"] and j - zone["born"] <= 30]
        bull = bear = False
        for zone in bulls:
            if low <= zone["top"]:
                zone["filled"] = close < zone["bottom"]
                bull |= close > zone["bottom"]
        for zone in bears:
            if high >= zone["bottom"]:
                zone["filled"] = close > zone["top"]
                bear |= close < zone["top"]
        flags.append((bull, bear))
    return flags


def quarter_gaps(*stamped):
    """fvg_bull_15m of each RTH bar given as (place, low, high, close)."""
    gaps = QuarterHourGaps()
    return [gaps.fold(at, candle(low, high, close)) for at, low, high, close in stamped]


X = [(571, 9990.0, 9994.0, 9992.0), (585, 9990.0, 9995.0, 9992.0)]
Y = [(586, 9990.0, 10000.0, 9995.0), (600, 9990.0, 10000.0, 10000.0)]
Z = [(601, 9997.25, 10005.0, 10002.0), (615, 9999.0, 10005.0, 10002.0)]
TRADES_IN = (9997.25, 10005.0, 9995.25)


@pytest.mark.parametrize(
    "bars, expected",
    [
        ([*X, *Y, *Z, (616, *TRADES_IN)], True),
        ([*X, *Y, *Z, (615, *TRADES_IN)], False),
        ([*X, *Y, *Z, (616, 9997.5, 10005.0, 10000.0)], False),
        ([*X, *Y, *Z, (616, 9990.0, 10005.0, 9995.0)], False),
        ([X[1], Y[1], Z[0], (616, *TRADES_IN)], True),
        ([*X, *Y, *Z, (640, *TRADES_IN)], True),
        ([*X, *Y, (601, 9997.0, 10005.0, 10002.0), (616, *TRADES_IN)], False),
        ([*X, *Z, (616, *TRADES_IN)], False),
    ],
    ids=[
        "the first bar of a later bucket closes it and trades in the gap",
        "10:15 still belongs to the third bucket",
        "above the top",
        "a close on the bottom",
        "bars missing inside the buckets",
        "the whole next bucket missing",
        "a gap of exactly 0.0002 of the middle close",
        "two buckets are not enough",
    ],
)
def test_a_quarter_hour_gap_opens_when_its_third_bucket_closes(bars, expected):
    """Buckets follow the clock: 09:31-09:45, 09:46-10:00, ...; `L[z] > H[x] + 0.0002*C[y]` on the last three closed."""
    assert quarter_gaps(*bars)[-1] is expected


@pytest.mark.parametrize("close, expected", [(9995.0, True), (9994.75, False)])
def test_a_quarter_hour_gap_lasts_until_a_close_below_it(close, expected):
    """No expiry: at the end of the day it still counts, unless a bar closed through its bottom."""
    later = quarter_gaps(*X, *Y, *Z, (616, 9990.0, 10005.0, close), (960, *TRADES_IN))

    assert later[-1] is expected


def test_an_empty_bucket_does_not_exist():
    """The last three closed buckets are the last three that had bars."""
    moved = [(at + 15, low, high, close) for at, low, high, close in Z]

    assert quarter_gaps(*X, *Y, *moved, (631, *TRADES_IN))[-1] is True
