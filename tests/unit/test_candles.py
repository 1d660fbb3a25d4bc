"""Candles of several minutes: which bars belong together, and on which bar a candle closes."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.testing import bar
from tapewire.strategies.candles import Candles, bucket_end


def closes(stamps: list[str], *, late: bool = False) -> list[tuple[float, ...]]:
    """The quarter-hour candles that each bar closes. A bar's close is its minute. late: the last minute does not close a candle."""
    candles = Candles[int]()
    found = []
    for at in stamps:
        minute = int(at[:2]) * 60 + int(at[3:])
        end = bucket_end(minute, 15)
        bars = msgspec.structs.replace(bar(at), close=float(at[3:]))
        found.append(tuple(candle.close for candle in candles.fold(end, bars, last=minute == end and not late)))
    return found


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        (["10:14", "10:15", "10:16"], [(), (15.0,), ()]),
        (["10:14", "10:16", "10:30"], [(), (14.0,), (30.0,)]),  # its last minute is missing
        (["10:14", "10:30"], [(), (14.0, 30.0)]),  # a late bar that closes its own candle, too
        (["10:15", "10:46"], [(15.0,), ()]),  # a candle without bars does not exist
    ],
)
def test_candles_close_by_the_clock(stamps: list[str], expected: list[tuple[float, ...]]) -> None:
    """With the bar on the last minute, or with the first bar of a later candle."""
    assert closes(stamps) == expected


def test_a_caller_may_wait_for_the_bar_after_a_candle() -> None:
    """Without the mark for the last minute, only the first bar of a later candle closes one."""
    assert closes(["10:14", "10:15", "10:16", "10:30", "10:31"], late=True) == [(), (), (15.0,), (), (30.0,)]


@given(st.integers(-2000, 2000), st.integers(1, 720))
def test_a_bucket_holds_the_minutes_up_to_its_end(minute: int, length: int) -> None:
    """The end is a multiple of the length, not before the minute, and nearer than one length; before midnight as well."""
    end = bucket_end(minute, length)

    assert end % length == 0
    assert minute <= end < minute + length
