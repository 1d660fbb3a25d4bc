"""Cells as their trades, from which the result of any window follows without another run.

A cell runs once, over the whole recording. What it would have done on a new account from some session on is then arithmetic,
because little of an account outlives a session:

    tracker, strategies      see the bars alone, and have seen all of them on either account
    limits of a session      start anew with it: day_loss, day_profit, max_trades, loss_streak, orders_per_day, strategy_day_loss
    risk.drawdown            outlives it. A cell runs without this limit, and `LimitedAccount` applies it: it looks at the realised
                             equity when an entry is decided, and that changes only when a trade is closed, so that all trades
                             until it is reached are the same with and without it, and after it there are none
    a position over night    outlives it. A trade counts for a window that has both its ends; see replay/research/walk.py
    a prop firm's program    outlives it, and no sweep has one

A plug-in that remembers its own trades beyond a session remembers those of its cell's whole run.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Trade
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.settings.structs import Conf
from tapewire.replay.excursion import Entered
from tapewire.replay.research import cell as cells
from tapewire.replay.research import grid
from tapewire.replay.research.cell import Job
from tapewire.replay.research.grid import Cell
from tapewire.replay.research.sessions import Stream
from tapewire.replay.sources.options import Options
from tapewire.strategies import registry


class CellTrades(Struct, frozen=True):
    """A finished cell. sessions: of the recording, with an RTH bar. entries: of the trades. refused, off: as of a `Result`."""

    key: str
    sessions: tuple[str, ...]
    trades: tuple[Trade, ...]
    entries: tuple[Entered | None, ...]
    refused: int
    off: tuple[str, ...]


class PlacedTrade(NamedTuple):
    """A trade with the sessions in which it was decided and closed, as indexes of the recording's, and what its entry asked for."""

    trade: Trade
    opened: int
    closed: int
    entry: Entered | None = None


_jobs = msgspec.json.Decoder(tuple[Job, ...])


def jobs(conf: Conf, files: str, data: Path, source: Options, chosen: Sequence[Cell]) -> list[Job]:
    """As `sweep.jobs`, of cells without their limit of the drawdown."""
    code = cells.code_digest(conf.preset.strategies)
    made = []
    for each in chosen:
        applied = grid.applied(conf, each)
        free = replace(applied, preset=replace(applied.preset, risk=replace(applied.preset.risk, drawdown=None)))
        made.append(Job(cells.key(free, files, f"{code} trades, entries"), str(data), source, files, code, free))
    return made


def limit_cents(conf: Conf, cell: Cell) -> int | None:
    """A cell's limit of the drawdown; None if it has none, or if no strategy of it is under the limits of the account.

    Raises:
        ConfError: some of its strategies are: those that are not would go on, and what they then do only another run could tell.
    """
    preset = grid.applied(conf, cell).preset
    if preset.risk.drawdown is None:
        return None
    free = [name for name in preset.strategies if registry.load(name).name in conf.trading.unlimited]
    if not free:
        return round(preset.risk.drawdown * 100)
    if len(free) < len(preset.strategies):
        raise ConfError(
            f"risk.drawdown = {preset.risk.drawdown} does not hold for {', '.join(free)}, but for the strategies beside it; "
            "write --set risk.drawdown=none, or leave it out"
        )
    return None


def compute(encoded: bytes) -> list[bytes]:
    """Run cells of one recording: `Job`s in, `CellTrades` of each out, both encoded, in any worker process.

    Raises:
        ConfError: as `cell.stream`.
    """
    wanted = _jobs.decode(encoded)
    return [msgspec.json.encode(each) for each in run(wanted, cells.stream(wanted[0]))]


def run(wanted: Sequence[Job], stream: Stream) -> list[CellTrades]:
    """As `compute`, over a stream that is there already."""
    playing, sessions = cells.played([job.conf for job in wanted], stream, entries=True)
    return [
        CellTrades(
            job.key,
            tuple(sessions),
            tuple(each.trades),
            tuple(each.entries.get(trade.id) for trade in each.trades),
            each.refused,
            tuple(each.off),
        )
        for job, each in zip(wanted, playing, strict=True)
    ]


def placed(made: CellTrades, calendar: Calendar) -> list[PlacedTrade]:
    """Trades in the order of their signals. One of a date without RTH counts for the session after it, or for the last one."""
    sessions = made.sessions
    clock, last = SessionClock(calendar), len(sessions) - 1
    found = [
        PlacedTrade(
            trade,
            min(bisect_left(sessions, trade.session), last),
            min(bisect_left(sessions, clock.read(trade.exit_ns)[0].date), last),
            entry,
        )
        for trade, entry in zip(made.trades, made.entries, strict=True)
    ]
    return sorted(found, key=lambda each: (each.trade.signal_ns, each.trade.exit_ns))


class LimitedAccount:
    """A new account, which decides by its realised equity alone which of given trades it would have entered.

    Trades are offered in the order of their signals. `crossed` counts those that it could not enter because a position of another
    owner was still open; `limited` those that the drawdown forbade.
    """

    def __init__(self) -> None:
        self.crossed = 0
        self.limited = 0
        self._total = self._peak = 0
        self._open: list[tuple[int, int, int]] = []  # exit_ns, net in cents, owner

    def enters(self, trade: Trade, limit: int | None, owner: int = 0) -> bool:
        """Whether it enters this trade.

        Args:
            limit: cents below the highest realised equity from which on nothing is entered. owner: whose trade it is; one owner's
                trades do not stand in each other's way.
        """
        self._close(trade.signal_ns)
        if any(of != owner for _, _, of in self._open):
            self.crossed += 1
            return False
        if limit is not None and self._peak - self._total >= limit:
            self.limited += 1
            return False
        self._open.append((trade.exit_ns, trade.net_cents, owner))
        return True

    def _close(self, until_ns: int) -> None:
        """Book what has ended. A fill of the bar that decides comes before the decision."""
        self._open.sort()
        while self._open and self._open[0][0] <= until_ns:
            _, net, _ = self._open.pop(0)
            self._total += net
            self._peak = max(self._peak, self._total)


def of_window(trades: Sequence[PlacedTrade], first: int, end: int, limit: int | None) -> list[PlacedTrade]:
    """The trades of a new account in these sessions, the end excluded: those that were decided and closed there.

    Args:
        trades: of a cell, in the order of their signals. limit: as of `LimitedAccount.enters`.
    """
    account = LimitedAccount()
    return [
        each
        for each in trades
        if each.opened >= first and each.opened < end and account.enters(each.trade, limit) and each.closed < end
    ]
