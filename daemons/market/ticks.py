"""Prices to the tick, in one place (playbook 5.1).

A stop is rounded away from the entry and a target toward it: both down for a long, both up for a short. A setup may request its
stop rounded toward the entry instead (playbook 8.4), which is the opposite direction. Ledgers count ticks as integers, so this
module also turns a price into a number of ticks.
"""

from __future__ import annotations

import math

from tapewire.bus.wire import finite

# A formula such as VWAP - 0.40R may miss a multiple of the tick by a few units of the last place. A result nearer than this share
# of a tick counts as that multiple; a real price between two ticks is never so close to one of them.
NEARLY = 1e-6

HIGHEST = 1e9  # points; far above any contract, far below where a float loses the tick


def ticks(price: float, tick: float) -> int:
    """The nearest number of ticks. For prices that are already on the grid (fills, bars)."""
    return round(price / tick)


def price(count: float, tick: float) -> float:
    """A number of ticks (or an average of some) as a price. Rounded to ten places, so that 3 ticks of 0.1 are 0.3."""
    return round(count * tick, 10)


def on_grid(at: float, tick: float) -> bool:
    """Whether a price is a multiple of the tick."""
    count = at / tick
    return abs(count - round(count)) <= NEARLY


def protective(at: float, tick: float, direction: int) -> float:
    """A stop or target on the grid: down for a long (direction 1), up for a short (-1). A multiple of the tick does not change."""
    count = at / tick
    nearest = round(count)
    if abs(count - nearest) <= NEARLY:
        return price(nearest, tick)
    return price(math.floor(count) if direction > 0 else math.ceil(count), tick)


def real(*prices: float | None) -> bool:
    """Whether every given price is finite and smaller than HIGHEST in size. None counts as absent, not as wrong."""
    return finite(*prices) and all(price is None or abs(price) < HIGHEST for price in prices)
