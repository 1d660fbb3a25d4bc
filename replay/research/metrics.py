"""The figures by which a search or a walk-forward may choose; more is better. Formulas: `tapewire.replay.desk.numbers`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tapewire.bus.errors import ConfError, suggest
from tapewire.replay import equity
from tapewire.replay.desk import numbers

METRICS = ("sharpe", "sortino", "calmar", "net", "expectancy", "profit_factor", "win_rate")

OF_SESSIONS = ("net", "sharpe", "sortino")
"""Those that need the sessions alone, and no trade."""


def checked(metric: str) -> str:
    """The name of a metric. Raises ConfError with the nearest one."""
    if metric not in METRICS:
        raise ConfError(f"unknown metric {metric!r}{suggest(metric, METRICS)}; known: {', '.join(METRICS)}")
    return metric


def value(metric: str, trades: Sequence[int], sessions: Sequence[int]) -> float | None:
    """A figure; infinite where there is a gain and nothing to divide it by, None without a trade or without either.

    Args:
        trades: net cents of each, in the order of their exits. sessions: net cents of each, also those without a trade.
    """
    nets = [cents / 100 for cents in trades]
    days = [cents / 100 for cents in sessions]
    average = numbers.mean(days)
    if average is None or not nets:
        return None
    match metric:
        case "sharpe":
            return _over(average * _ROOT, numbers.deviation(days))
        case "sortino":
            return _over(average * _ROOT, math.sqrt(math.fsum(min(day, 0.0) ** 2 for day in days) / len(days)))
        case "calmar":
            return _over(average * numbers.SESSIONS_A_YEAR, equity.drawdown(trades).cents / 100)
        case "net":
            return numbers.total(nets)
        case "expectancy":
            return numbers.mean(nets)
        case "profit_factor":
            return _over(math.fsum(net for net in nets if net > 0), -math.fsum(net for net in nets if net < 0))
        case "win_rate":
            return sum(net > 0 for net in nets) / len(nets)
    raise ValueError(f"no metric {metric!r}")


def best(values: Sequence[float | None]) -> int | None:
    """The place of the greatest value, of equal ones the first; None if there is no value at all."""
    found = [at for at, each in enumerate(values) if each is not None]
    return max(found, key=lambda at: (values[at], -at)) if found else None


_ROOT = math.sqrt(numbers.SESSIONS_A_YEAR)


def _over(dividend: float, divisor: float | None) -> float | None:
    if divisor:
        return dividend / divisor
    return math.inf if dividend > 0 and divisor is not None else None
