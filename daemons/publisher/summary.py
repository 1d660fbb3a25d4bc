"""What a trade date, and a month, brought to who follows the public signals: counts and ticks, per contract and before costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from tapewire.bus.messages import Action, EvalDone, PublicSignal, PublicSummary, PublicTrade
from tapewire.strategies.clock import EVENING, new_york

ENTRIES = frozenset({Action.ENTER_LONG, Action.ENTER_SHORT})
CLOSE = 17 * 60  # the market's, New York; from then to the evening nothing of the trade date follows


class DayTally(Struct):
    """The signals and trades of a trade date. said: its summary was published, and nothing has come since."""

    signals: int = 0
    trades: list[tuple[str, int]] = field(default_factory=list)
    said: bool = False


class TickFigures(Struct, frozen=True):
    """Figures of trades in the order of their exits, in ticks per contract.

    drawdown: the largest fall of the running sum from its highest value, which begins at 0. profit_factor: won by lost ticks; None
    without a lost one.
    """

    trades: int
    won: int
    lost: int
    ticks: int
    drawdown: int
    profit_factor: float | None


def figures(results: Sequence[int]) -> TickFigures:
    """Of the result of each trade in ticks."""
    total = highest = drawdown = 0
    for each in results:
        total += each
        highest = max(highest, total)
        drawdown = max(drawdown, highest - total)
    gained, given = sum(each for each in results if each > 0), -sum(each for each in results if each < 0)
    return TickFigures(
        trades=len(results),
        won=sum(each > 0 for each in results),
        lost=sum(each < 0 for each in results),
        ticks=total,
        drawdown=drawdown,
        profit_factor=round(gained / given, 4) if given else None,
    )


def by_strategy(trades: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Ticks by strategy, in alphabetical order."""
    found: dict[str, int] = {}
    for strategy, ticks in sorted(trades, key=lambda trade: trade[0]):
        found[strategy] = found.get(strategy, 0) + ticks
    return found


class Summaries:
    """Counts what is published, by instrument and trade date, and says when there is a summary to publish.

    A trade date is over with the market's close at 17:00 New York or, on a half day, with the first bar of the next one. A trade
    that is booked later brings a second summary. A month is over with the first bar of the next one.
    """

    def __init__(self) -> None:
        self._days: dict[str, dict[str, DayTally]] = {}
        self._months: dict[str, set[str]] = {}  # those that have not been summed up

    def take(self, body: PublicSignal | PublicTrade) -> None:
        """Count a message that is published."""
        day = self._days.setdefault(body.instrument, {}).setdefault(body.session, DayTally())
        day.said = False
        if isinstance(body, PublicTrade):
            day.trades.append((body.strategy, body.ticks))
        elif body.action in ENTRIES:
            day.signals += 1

    def passed(self, done: EvalDone) -> list[PublicSummary]:
        """A bar is done: the summaries of what is over with it, oldest first, a month after its last day."""
        days = self._days.setdefault(done.instrument, {})
        days.setdefault(done.session, DayTally())
        closed = CLOSE <= (at := new_york(done.bar_ns)).hour * 60 + at.minute < EVENING
        found = []
        months = self._months.setdefault(done.instrument, set())
        for session in sorted(days):
            day = days[session]
            if not day.said and (session < done.session or (session == done.session and closed)):
                day.said = True
                months.add(session[:7])
                found.append(_summary(done.instrument, session, {session: day}))
        for month in sorted(each for each in months if each < done.session[:7]):
            months.remove(month)
            found.append(_summary(done.instrument, month, {name: day for name, day in days.items() if name.startswith(month)}))
            for name in [name for name in days if name < month]:
                del days[name]  # the month's own stay for a trade that is booked late
        return found


def _summary(instrument: str, period: str, days: dict[str, DayTally]) -> PublicSummary:
    trades = [trade for name in sorted(days) for trade in days[name].trades]
    found = figures([ticks for _, ticks in trades])
    return PublicSummary(
        instrument=instrument,
        session=max(days),
        period=period,
        days=len(days),
        signals=sum(day.signals for day in days.values()),
        trades=found.trades,
        won=found.won,
        lost=found.lost,
        ticks=found.ticks,
        drawdown=found.drawdown,
        profit_factor=found.profit_factor,
        by_strategy=by_strategy(trades),
    )
