"""Prices to the tick, once, in one place (playbook 5.1).

A stop is rounded away from the entry and a target toward it: both down for a long, both up for a short. A setup may ask for
its stop toward the entry instead (playbook 8.4), which is the other way. Ledgers count ticks as integers, so this module is
also where a price becomes a number of ticks.
"""

from __future__ import annotations

import math

from tapewire.bus.wire import finite

# A formula such as VWAP - 0.40R may land a few units of the last place beside a multiple of the tick. Anything nearer than this
# share of a tick is that multiple; a genuine price between two ticks is never so close to one of them.
NEARLY = 1e-6

HIGHEST = 1e9  # points; far above any contract, far below where a float loses the tick


def ticks(price: float, tick: float) -> int:
    """The nearest number of ticks. For prices that are on the grid already (fills, bars)."""
    return round(price / tick)


def price(count: float, tick: float) -> float:
    """A number of ticks (or an average of some) as a price. Rounded to ten places, so that 3 ticks of 0.1 are 0.3."""
    return round(count * tick, 10)


def on_grid(at: float, tick: float) -> bool:
    """Whether a price is a multiple of the tick."""
    count = at / tick
    return abs(count - round(count)) <= NEARLY


def protective(at: float, tick: float, direction: int) -> float:
    """A stop or target on the grid: down for a long (direction 1), up for a short (-1). A multiple of the tick stays as it is."""
    count = at / tick
    nearest = round(count)
    if abs(count - nearest) <= NEARLY:
        return price(nearest, tick)
    return price(math.floor(count) if direction > 0 else math.ceil(count), tick)


def real(*prices: float | None) -> bool:
    """Whether every given price is a number that something could trade at. None counts as absent, not as wrong."""
    return finite(*prices) and all(price is None or abs(price) < HIGHEST for price in prices)
