"""What a single trade says: which bar it belongs to, who began it, and where the price went.

The rules are written once, for numbers and for numpy's columns alike: a live feed brings one trade after the other
(daemons/tracker/timeframes.py), a recording brings millions at once (replay/sources/candles.py).
"""

from __future__ import annotations

from typing import Any


def closes(at_ns: Any, span_ns: int) -> Any:
    """The close of the bar of `span_ns` that a trade belongs to. A trade at a boundary begins a bar, as NinjaTrader has it."""
    return (at_ns // span_ns + 1) * span_ns


def side(price: Any, bid: Any, ask: Any) -> Any:
    """By the quote: 1 at the ask or above (bought), -1 at the bid or below (sold).

    0 where nobody knows: between the two, at both (a locked or crossed quote), and where a quote is NaN.
    """
    return 1 * (price >= ask) - 1 * (price <= bid)


def moved(before: Any, price: Any) -> Any:
    """1 for an up tick, a price above that of the trade before, -1 for a down tick, 0 for the same price."""
    return 1 * (price > before) - 1 * (price < before)
