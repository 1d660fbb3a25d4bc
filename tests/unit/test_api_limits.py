"""What the door allows in a time: requests, connections, the past of a key, and lines in the log."""

from __future__ import annotations

from typing import Any

import pytest

from tapewire.daemons.api import slow
from tapewire.daemons.api.allotment import Allotment
from tapewire.daemons.api.slow import SlowKeys
from tapewire.daemons.api.turned_away import CODES, TOLD_S, TurnedAway


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_an_allotment_fills_with_time() -> None:
    """Two a second: four at once, then one each half second."""
    allotment = Allotment(2.0)

    first = [allotment.take(10.0) for _ in range(5)]

    assert first == [0.0, 0.0, 0.0, 0.0, 0.5]
    assert (allotment.take(10.5), allotment.take(10.5)) == (0.0, 0.5)


def test_less_than_one_request_a_second_are_some() -> None:
    """One in four seconds: the first at once. It has room for one, or nobody would ever be let in."""
    allotment = Allotment(0.25)

    assert [allotment.take(10.0), allotment.take(10.0), allotment.take(14.0)] == [0.0, 4.0, 0.0]


def test_an_allotment_is_of_bytes_as_well() -> None:
    """What does not fit takes nothing, so that less may still come."""
    allotment = Allotment(100.0)

    assert [allotment.take(10.0, 150), allotment.take(10.0, 60), allotment.take(10.0, 50)] == [0.0, 0.1, 0.0]


def test_a_key_waits_longer_each_time_it_does_not_read(clock: Clock) -> None:
    """Twice as long as before, up to a limit; another key does not wait."""
    keys = SlowKeys(clock)
    waits = []
    for _ in range(7):
        waits.append(keys.cut("reader"))
        clock.now_s += keys.wait("reader")

    assert waits == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert (keys.wait("reader"), keys.wait("operator")) == (0.0, 0.0)


def test_readers_that_are_cut_together_count_once(clock: Clock) -> None:
    """Sixty pages of one key behind a line that breaks are one mishap."""
    keys = SlowKeys(clock)
    waits = [keys.cut("reader") for _ in range(60)]

    assert waits == [slow.FIRST_S] + [0.0] * 59
    assert keys.wait("reader") == slow.FIRST_S


@pytest.mark.parametrize(("calm_s", "wait_s"), [(slow.CALM_S - 1, 4.0), (slow.CALM_S, 2.0)])
def test_a_key_that_has_read_for_a_while_begins_anew(calm_s: float, wait_s: float, clock: Clock) -> None:
    """A laptop that sleeps once a day waits as if it were the first time."""
    keys = SlowKeys(clock)
    clock.now_s += keys.cut("reader") + calm_s

    assert keys.cut("reader") == wait_s


def test_the_past_of_a_key_has_a_budget(clock: Clock) -> None:
    """Two seconds' worth at once, then as much as a second allows; another key has its own."""
    keys = SlowKeys(clock)
    first = [keys.past("reader", slow.PAST_PER_S) for _ in range(3)]
    other = keys.past("operator", slow.PAST_PER_S)
    clock.now_s += 1.0

    assert (first, other) == ([0.0, 0.0, 1.0], 0.0)
    assert keys.past("reader", slow.PAST_PER_S) == 0.0


def test_a_refusal_is_counted_each_time_and_told_once_in_a_while(clock: Clock) -> None:
    """A thousand that are refused are a number, and a line a minute for each code."""
    told: list[dict[str, Any]] = []

    class Logger:
        def warning(self, event: str, **about: Any) -> None:
            told.append({"event": event, **about})

    refused = TurnedAway(Logger(), clock)  # type: ignore[arg-type]
    for _ in range(1_000):
        refused.add("FULL")
    refused.add("SLOW")
    clock.now_s += TOLD_S
    refused.add("FULL")

    assert (refused.counts["FULL"], refused.counts["SLOW"], refused.counts["HOST"]) == (1_001, 1, 0)
    assert [(each["event"], each["code"], each["so_far"]) for each in told] == [
        ("turned_away", "FULL", 1),
        ("turned_away", "SLOW", 1),
        ("turned_away", "FULL", 1_001),
    ]
    assert told[0]["why"] == CODES["FULL"]
