"""The figures by which traders judge a run, each in one place, with its formula and its source.

Money is dollars. A session is a trade date of the recording, whether anything was traded in it or not: a day without a trade is a
return of 0, and counts. A trade belongs to the session in which it was closed. Net is after commission and slippage; all of it is
realised, so the open profit between two bars is in no figure here (`mae` and `mfe` of a trade have it).

    win_rate             trades with a net above 0, as a share of all trades; a trade of exactly 0 is neither won nor lost
    average_win          mean net of the trades above 0; average_loss of those below 0, a negative number
    profit_factor        sum of the wins over the sum of the losses, both positive; None without a loss
    expectancy           mean net of a trade; expectancy_r the mean of R, over the trades that have one
    sharpe               mean net of a session over its standard deviation (n - 1), times sqrt(252); the rate without risk is 0
                         (Sharpe 1994, "The Sharpe Ratio", with returns on a constant capital, so that the capital cancels out)
    sortino              mean net of a session over the root of the mean of min(net, 0)^2 over all sessions, times sqrt(252)
                         (Sortino and Price 1994; the target is 0)
    max_drawdown         the deepest fall of the realised equity below its highest value so far, trade by trade, the initial capital
                         being the first value; a positive number
    drawdown_sessions    of the deepest fall session by session: the sessions from its peak until that was reached again, or until
                         the end; recovery_sessions those from its deepest point, None if it has not been reached again
    calmar               mean net of a session times 252, over max_drawdown (Young 1991); None without a drawdown
    exposure             bars with a position, as a share of all bars
    longest_losing_row   the most trades below 0 in a row
    confidence           low and high: the interval that holds the mean net of a session with a probability of 95 %, by the
                         bootstrap over sessions (Efron 1979; percentiles of 10,000 means, always of the same random numbers)
    sessions_needed      so many sessions would it take to tell this mean from 0, in a two-sided test of 5 % with a power of 80 %:
                         ((1.960 + 0.842) * deviation / mean)^2 (Cohen 1988); None if the mean is 0

252 sessions a year is a convention. Other programs annualise bars in place of sessions, leave out the first session, or take the
value after the first return as the first peak; their figures are then other ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from tapewire.replay.equity import drawdown

SESSIONS_A_YEAR = 252
RESAMPLED = 10_000
SEED = 1
TWO_SIDED, POWER = 1.959964, 0.841621  # quantiles of the normal distribution at 97.5 % and 80 %


class ClosedTrade(Struct, frozen=True):
    """One finished trade, as far as figures need it. at: its place in the order of exits. r: None where unknown."""

    session: str
    net: float
    gross: float
    commission: float
    r: float | None
    bars_held: int


def figures(
    trades: Sequence[ClosedTrade], sessions: Sequence[str], *, capital: float, bars: int = 0, bought_and_held: float | None = None
) -> dict[str, Any]:
    """Every figure above, by name. None where there is nothing to divide by.

    Args:
        trades: in the order of their exits. sessions: of the recording, oldest first; all of the trades' are among them.
        capital: at the beginning. bars: of the recording. bought_and_held: what one contract held from the first open to the last
            close would have brought.
    Raises:
        ValueError: a trade of a session that is not among them.
    """
    nets = [trade.net for trade in trades]
    of_sessions = by_session(trades, sessions)
    wins, losses = [net for net in nets if net > 0], [net for net in nets if net < 0]
    multiples = [trade.r for trade in trades if trade.r is not None]
    average = mean(of_sessions)
    spread = deviation(of_sessions)
    below = math.sqrt(math.fsum(min(net, 0.0) ** 2 for net in of_sessions) / len(of_sessions)) if of_sessions else 0.0
    fall = drawdown(map(_cents, nets))
    daily = drawdown(map(_cents, of_sessions))
    low, high = confidence(of_sessions)
    return {
        "sessions": len(sessions),
        "bars": bars,
        "trades": len(trades),
        "trades_a_session": _over(len(trades), len(sessions)),
        "net": total(nets),
        "gross": total(trade.gross for trade in trades),
        "commission": total(trade.commission for trade in trades),
        "return": _over(total(nets), capital),
        "win_rate": _over(len(wins), len(trades)),
        "average_win": mean(wins),
        "average_loss": mean(losses),
        "profit_factor": _over(math.fsum(wins), -math.fsum(losses)),
        "expectancy": mean(nets),
        "expectancy_r": mean(multiples),
        "longest_losing_row": longest_losing_row(nets),
        "sharpe": _annual(average, spread),
        "sortino": _annual(average, below),
        "max_drawdown": fall.cents / 100,
        "drawdown_sessions": (len(of_sessions) if daily.until is None else daily.until) - daily.peak,
        "recovery_sessions": None if daily.until is None else daily.until - daily.deepest,
        "calmar": None if average is None else _over(average * SESSIONS_A_YEAR, fall.cents / 100),
        "exposure": _over(sum(trade.bars_held for trade in trades), bars),
        "session_mean": average,
        "session_deviation": spread,
        "confidence_low": low,
        "confidence_high": high,
        "sessions_needed": sessions_needed(average, spread),
        "buy_and_hold": bought_and_held,
    }


def by_session(trades: Iterable[ClosedTrade], sessions: Sequence[str]) -> list[float]:
    """The net of each session, 0 where nothing was closed. Raises ValueError for a trade of another session."""
    found: dict[str, list[float]] = {session: [] for session in sessions}
    for trade in trades:
        if trade.session not in found:
            raise ValueError(f"a trade of the session {trade.session}, which is not among those of the recording")
        found[trade.session].append(trade.net)
    return [math.fsum(nets) for nets in found.values()]


def total(money: Iterable[float]) -> float:
    """A sum of dollars and cents, to the cent."""
    return round(math.fsum(money), 2)


def mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def deviation(values: Sequence[float]) -> float | None:
    """Standard deviation of a sample (n - 1); None of fewer than two values."""
    if len(values) < 2:
        return None
    middle = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1))


def longest_losing_row(nets: Iterable[float]) -> int:
    """The most trades below 0 in a row."""
    longest = row = 0
    for net in nets:
        row = row + 1 if net < 0 else 0
        longest = max(longest, row)
    return longest


def confidence(values: Sequence[float]) -> tuple[float | None, float | None]:
    """The interval of 95 % for the mean of these values; None of fewer than two."""
    if len(values) < 2:
        return None, None
    import numpy as np

    drawn = np.random.Generator(np.random.PCG64(SEED))
    sample = np.asarray(values, np.float64)
    # In parts: ten years of sessions would take 200 MB at once.
    part = max(1, 1_000_000 // len(sample))
    means = np.concatenate(
        [
            sample[drawn.integers(0, len(sample), (min(part, RESAMPLED - start), len(sample)))].mean(axis=1)
            for start in range(0, RESAMPLED, part)
        ]
    )
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def sessions_needed(average: float | None, spread: float | None) -> int | None:
    """How many sessions it takes to tell this mean from 0; see above."""
    if not average or spread is None:
        return None
    return max(2, math.ceil(((TWO_SIDED + POWER) * spread / average) ** 2))


def groups(trades: Sequence[ClosedTrade], names: Sequence[str]) -> Mapping[str, dict[str, Any]]:
    """Trades of each name: how many, net, win rate, profit factor, expectancy, mean of R. names: one for each trade."""
    found: dict[str, list[ClosedTrade]] = {}
    for trade, name in zip(trades, names, strict=True):
        found.setdefault(name, []).append(trade)
    return {name: of_group(of) for name, of in sorted(found.items())}


def of_group(trades: Sequence[ClosedTrade]) -> dict[str, Any]:
    """What `groups` tells of one of them."""
    nets = [trade.net for trade in trades]
    wins, losses = [net for net in nets if net > 0], [net for net in nets if net < 0]
    return {
        "trades": len(trades),
        "net": total(nets),
        "win_rate": _over(len(wins), len(trades)),
        "profit_factor": _over(math.fsum(wins), -math.fsum(losses)),
        "expectancy": mean(nets),
        "expectancy_r": mean([trade.r for trade in trades if trade.r is not None]),
    }


def _cents(dollars: float) -> int:
    return round(dollars * 100)


def _annual(average: float | None, spread: float | None) -> float | None:
    return None if average is None or not spread else average / spread * math.sqrt(SESSIONS_A_YEAR)


def _over(dividend: float, divisor: float) -> float | None:
    return dividend / divisor if divisor else None
