"""What holds for every feature: causal, restarted by the date, never infinite, whatever the session lacks, in bounded memory."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from itertools import groupby

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from tapewire.bus.messages import Levels, Position, Session
from tapewire.bus.testing import bar, session
from tapewire.replay.research.sessions import sessions
from tapewire.strategies.features import FEATURES, FeatureStream
from tapewire.strategies.features.moment import LONGEST, Last
from tests import invented

NAMES = tuple(FEATURES)
MAY_LACK = (
    *("vwap", "vwap_eth", "drive", "or15", "or30", "ib", "flow", "rth_high", "rth_low", "vwap_sigma", "vwap_eth_sigma"),
    *("ema20", "ema50", "ema200", "atr14", "i", "k", "first_side"),
)


def values(taken: Iterable[Session]) -> list[bytes]:
    """The values after each bar, in bits: NaN is equal to NaN."""
    stream = FeatureStream(NAMES)
    return [struct.pack(f"<{len(NAMES)}d", *stream.take(s)) for s in taken]


def test_a_stream_that_begins_with_a_date_has_the_values_of_one_that_ran_for_long() -> None:
    """No feature needs more than what the session carries."""
    whole = values(invented.folded())
    alone = [each for _, date in groupby(invented.folded(), key=lambda s: s.session) for each in values(date)]

    assert alone == whole


@settings(max_examples=8)
@given(st.integers(900, 1_500), st.integers(-40, 40))
def test_later_bars_change_nothing(cut: int, ticks: int) -> None:
    """From the tracker on: up to the cut the values are the same, whatever comes then."""
    before, later = invented.bars()[800:cut], invented.bars()[cut : cut + 100]
    other = [replace(each, close=each.high + ticks / 4, high=each.high + abs(ticks) / 4, volume=7) for each in later]
    conf = invented.conf()

    assert values(sessions(conf, (*before, *later)))[: len(before)] == values(sessions(conf, (*before, *other)))[: len(before)]


@settings(max_examples=60)
@given(st.integers(0, 7_000), st.sets(st.sampled_from((*MAY_LACK, "levels", "auction", "asks", "cross"))))
def test_a_session_may_lack_anything(first: int, lacking: set[str]) -> None:
    """Every field that may be None: the features that need it are missing, and none is infinite."""
    empty = dict.fromkeys(lacking & set(MAY_LACK))
    stream = FeatureStream(NAMES)
    for s in invented.folded()[first : first + 25]:
        poor = replace(s, **empty)
        if "levels" in lacking:
            poor = replace(poor, levels=Levels())
        if "auction" in lacking:
            poor = replace(poor, auction=UNSET)
        if "asks" in lacking:
            poor = replace(poor, bar=replace(poor.bar, ask_volume=None, bid_volume=None, up_ticks=None, down_ticks=None))
        if "cross" in lacking:
            poor = replace(poor, bar=replace(poor.bar, cross=()))
        assert not any(map(math.isinf, stream.take(poor)))


PRICE = st.one_of(st.just(0.0), st.floats(-1e9, 1e9), st.floats(-1e-6, 1e-6))


@given(st.lists(st.tuples(PRICE, PRICE, PRICE, PRICE, st.sampled_from([0, 1, 10**12])), min_size=1, max_size=20))
def test_any_price_gives_a_number_or_nothing(rows: list[tuple[float, float, float, float, int]]) -> None:
    """Back-adjusted prices below 0, tiny ones, huge ones, none traded."""
    bars = []
    for at, (opens, a, b, close, volume) in enumerate(rows, 571):
        high, low = max(opens, a, b, close), min(opens, a, b, close)
        clock = f"{at // 60:02}:{at % 60:02}"
        bars.append(
            bar(clock, opens, close, high=high, low=low, volume=volume, ask_volume=volume // 3, bid_volume=volume - volume // 3)
        )
    stream = FeatureStream(NAMES)

    for s in sessions(invented.conf(), bars):
        assert not any(map(math.isinf, stream.take(s)))


def test_memory_is_bounded() -> None:
    """However long a date is; and what is kept is enough for the longest look back."""
    last = Last()
    for value in range(10_000):
        last.add(value)
        assert len(last._kept) <= 2 * LONGEST + 1
        if value > LONGEST:
            assert last.back(LONGEST) == value - LONGEST
            assert last.last(LONGEST + 1) == list(range(value - LONGEST, value + 1))


def test_the_position_is_no_input() -> None:
    """A feature must not depend on what the account did: training has none."""
    flat, held = session("11:00", atr14=2.0), Position("Sim101", 3, 21_000.0, realised=-500.0)

    assert values([flat]) == values([replace(flat, bar=replace(flat.bar, position=held))])
