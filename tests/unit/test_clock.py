"""Clocks of the shells; a test's clock advances only on request."""

import pytest

from tapewire.bus.clock import ManualClock, WallClock


def test_a_manual_clock_stands_still_until_it_is_moved():
    """Waiting in a test is one call and takes no time."""
    clock = ManualClock(100)
    clock.advance(50)

    assert (clock.now_ns(), clock.monotonic_ns()) == (150, 150)


def test_a_manual_clock_does_not_go_back():
    """A step back would hide exactly the bug that it causes."""
    with pytest.raises(ValueError, match="only moves forward"):
        ManualClock(100).advance(-1)


def test_the_wall_clock_gives_utc_and_a_reading_that_never_goes_back():
    """now_ns is nanoseconds since 1970 (after 2020, in 64 bits); monotonic_ns does not fall."""
    clock = WallClock()
    first, second = clock.monotonic_ns(), clock.monotonic_ns()

    assert second >= first
    assert 1_577_836_800_000_000_000 < clock.now_ns() < 2**63
