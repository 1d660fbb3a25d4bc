"""Orders are counted by market time, in sliding windows."""

import pytest

from tapewire.daemons.gate.books.rates import Rates
from tapewire.strategies.clock import MINUTE_NS, SECOND_NS

T = 1_000 * MINUTE_NS


def after(*sent_ns: int, session: str = "2026-03-03") -> Rates:
    rates = Rates()
    for at_ns in sent_ns:
        rates.sent(at_ns, session)
    return rates


@pytest.mark.parametrize(
    ("window_ns", "now_ns", "count"),
    [
        (SECOND_NS, T, 1),
        (SECOND_NS, T + SECOND_NS - 1, 1),
        (SECOND_NS, T + SECOND_NS, 0),
        (MINUTE_NS, T + MINUTE_NS - 1, 1),
        (MINUTE_NS, T + MINUTE_NS, 0),
    ],
)
def test_an_order_counts_until_the_window_has_passed(window_ns: int, now_ns: int, count: int) -> None:
    """Just inside it does, exactly a window later it does not."""
    assert after(T).within(window_ns, now_ns) == count


def test_orders_of_one_moment_all_count() -> None:
    """Bars stamp whole minutes, so several orders share one."""
    assert after(T, T, T).within(SECOND_NS, T) == 3


def test_old_orders_are_forgotten() -> None:
    """What no window can hold any more takes no memory, and still counts for its session."""
    rates = after(*(T + minute * MINUTE_NS for minute in range(1_000)))

    assert len(rates._lately) == 1
    assert rates.in_session("2026-03-03") == 1_000


def test_a_new_session_starts_at_zero() -> None:
    """Yesterday's orders are no part of today's."""
    rates = after(T, T)
    rates.sent(T, "2026-03-04")

    assert (rates.in_session("2026-03-03"), rates.in_session("2026-03-04")) == (0, 1)
