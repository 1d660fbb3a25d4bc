"""What trades brought, as sums that can be joined: a month is the join of its days, and equals what its trades give at once.

Money is whole cents here, and dollars where it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

from msgspec import Struct

from tapewire.bus.messages import Trade
from tapewire.strategies.clock import new_york


class Sum(Struct, frozen=True):
    """Trades in the order of their exits. won, lost: the sums of net profits and of net losses, both 0 or more.

    drawdown: the deepest fall of realised net profit below its highest value so far. highest, lowest: of its way from 0, which make
    the drawdown of joined results exact.
    """

    trades: int = 0
    wins: int = 0
    gross: int = 0
    commission: int = 0
    won: int = 0
    lost: int = 0
    drawdown: int = 0
    highest: int = 0
    lowest: int = 0

    @property
    def net(self) -> int:
        return self.won - self.lost

    def then(self, later: Sum) -> Sum:
        """Both, one after the other."""
        return Sum(
            trades=self.trades + later.trades,
            wins=self.wins + later.wins,
            gross=self.gross + later.gross,
            commission=self.commission + later.commission,
            won=self.won + later.won,
            lost=self.lost + later.lost,
            drawdown=max(self.drawdown, later.drawdown, self.highest - self.net - later.lowest),
            highest=max(self.highest, self.net + later.highest),
            lowest=min(self.lowest, self.net + later.lowest),
        )

    def shown(self) -> dict[str, Any]:
        """For a person, in dollars. Shares and means are null where there is nothing to divide by."""
        return {
            "trades": self.trades,
            "wins": self.wins,
            "win_rate": round(self.wins / self.trades, 4) if self.trades else None,
            "gross": self.gross / 100,
            "commission": self.commission / 100,
            "net": self.net / 100,
            "profit_factor": round(self.won / self.lost, 4) if self.lost else None,
            "expectancy": round(self.net / self.trades / 100, 2) if self.trades else None,
            "max_drawdown": self.drawdown / 100,
        }


def of(trade: Trade) -> Sum:
    """One trade."""
    net = trade.net_cents
    return Sum(
        trades=1,
        wins=int(net > 0),
        gross=trade.gross_cents,
        commission=trade.commission_cents,
        won=max(net, 0),
        lost=max(-net, 0),
        drawdown=max(-net, 0),
        highest=max(net, 0),
        lowest=min(net, 0),
    )


class Sums(Struct, frozen=True):
    """All trades, and the same by strategy, by exit, by weekday of the trade date and by the hour (New York) of the entry."""

    total: Sum = Sum()
    by_strategy: Mapping[str, Sum] = {}
    by_reason: Mapping[str, Sum] = {}
    by_weekday: Mapping[str, Sum] = {}
    by_hour: Mapping[str, Sum] = {}

    def then(self, later: Sums) -> Sums:
        """Both, one after the other."""
        return Sums(
            self.total.then(later.total),
            _joined(self.by_strategy, later.by_strategy),
            _joined(self.by_reason, later.by_reason),
            _joined(self.by_weekday, later.by_weekday),
            _joined(self.by_hour, later.by_hour),
        )

    def shown(self) -> dict[str, Any]:
        groups = {name: getattr(self, name) for name in self.__struct_fields__ if name != "total"}
        return {
            **self.total.shown(),
            **{name: {key: each.shown() for key, each in group.items()} for name, group in groups.items()},
        }


def joined(results: Iterable[Sums]) -> Sums:
    """All of them, in this order."""
    return reduce(Sums.then, results, Sums())


def of_trades(trades: Iterable[Trade], weekday: str) -> Sums:
    """The trades of one session, in the order of their exits."""
    return joined(_alone(trade, weekday) for trade in trades)


def _alone(trade: Trade, weekday: str) -> Sums:
    one = of(trade)
    hour = f"{new_york(trade.entry_ns):%H}:00"
    return Sums(one, {trade.strategy: one}, {trade.reason: one}, {weekday: one}, {hour: one})


def _joined(first: Mapping[str, Sum], later: Mapping[str, Sum]) -> dict[str, Sum]:
    return {key: first.get(key, Sum()).then(later.get(key, Sum())) for key in sorted({*first, *later})}
