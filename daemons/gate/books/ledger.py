"""The account's books: executions in, positions, round turns and profit out. Integer ticks and cents, so sums are exact.

A round turn runs from flat to flat. Its profit is exact, to the tick, when it is flat again, and is booked then and not before:
while it is open no entry is allowed anyway, so no limit waits for it. A fill that passes through zero ends one turn and
opens the next. A turn belongs to the order that opened it: one that an entry of ours opened is a trade of its strategy, however it
is closed. Any other turn is the account's alone (a trade by hand), which counts as profit but not as a trade.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from msgspec import Struct

from tapewire.bus.messages import Execution
from tapewire.daemons.market.ticks import price, ticks
from tapewire.daemons.settings.structs import Instrument


@dataclass(slots=True)
class Turn:
    """A round turn. Ticks are sums over contracts, so that averages lose nothing.

    direction: 1 long, -1 short. entry_id, strategy: our entry order that opened it and its strategy, "" if none did. first_ns: the
    bar of the first fill. opened, closed: contracts so far.
    """

    direction: int
    entry_id: str
    strategy: str
    first_ns: int
    opened: int = 0
    opened_ticks: int = 0
    closed: int = 0
    closed_ticks: int = 0

    @property
    def qty(self) -> int:
        """The open position, signed."""
        return self.direction * (self.opened - self.closed)

    @property
    def gross_ticks(self) -> int:
        """Profit in ticks over all contracts, once flat."""
        return self.direction * (self.closed_ticks - self.opened_ticks)


@dataclass(slots=True)
class SessionResult:
    """Realised money of one session, of the account or of one strategy, and the closed trades behind it.

    losses: losing trades in a row, up to now; lost_ns: the bar in which the last of them ended.
    """

    realised_cents: int = 0
    trades: int = 0
    losses: int = 0
    lost_ns: int = 0


NOTHING = SessionResult()


class Books(Struct, frozen=True):
    """A ledger as data.

    seen: ids of executions. turns: open round turns by instrument. sessions, strategies: results of the finished ones.
    """

    seen: tuple[str, ...] = ()
    turns: dict[str, Turn] = {}
    sessions: dict[str, SessionResult] = {}
    strategies: dict[str, dict[str, SessionResult]] = {}
    total_cents: int = 0
    peak_cents: int = 0


class Ledger:
    """The books of one account. Only `book` changes the position, and it counts each execution once."""

    __slots__ = ("_instruments", "_seen", "_sessions", "_strategies", "_turns", "peak_cents", "total_cents")

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments
        self._seen: set[str] = set()
        self._turns: dict[str, Turn] = {}
        self._sessions: defaultdict[str, SessionResult] = defaultdict(SessionResult)
        self._strategies: defaultdict[str, defaultdict[str, SessionResult]] = defaultdict(lambda: defaultdict(SessionResult))
        self.total_cents = 0
        self.peak_cents = 0

    @classmethod
    def restored(cls, books: Books, instruments: Mapping[str, Instrument]) -> Ledger:
        """The ledger of these books. Every instrument with an open turn must be defined, with the tick that it had then."""
        ledger = cls(instruments)
        ledger._seen.update(books.seen)
        ledger._turns.update((name, replace(turn)) for name, turn in books.turns.items())
        ledger._sessions.update(_copied(books.sessions))
        for session, results in books.strategies.items():
            ledger._strategies[session].update(_copied(results))
        ledger.total_cents, ledger.peak_cents = books.total_cents, books.peak_cents
        return ledger

    def snapshot(self) -> Books:
        """The books as they stand. Nothing in the snapshot changes later."""
        return Books(
            seen=tuple(sorted(self._seen)),
            turns={name: replace(turn) for name, turn in self._turns.items()},
            sessions=_copied(self._sessions),
            strategies={session: _copied(results) for session, results in self._strategies.items()},
            total_cents=self.total_cents,
            peak_cents=self.peak_cents,
        )

    def seen(self, execution_id: str) -> bool:
        return execution_id in self._seen

    def book(self, execution: Execution, entry_id: str = "", strategy: str = "") -> Turn | None:
        """Move the position. Each execution counts once: callers check `seen` first, and a duplicate changes nothing.

        Args:
            execution: a fill in a defined instrument; its price is on the tick grid.
            entry_id, strategy: our entry order if this fill belongs to one, and its strategy, else "".
        Returns:
            The round turn that this fill ended, or None.
        """
        if execution.id in self._seen:
            return None
        self._seen.add(execution.id)
        at = ticks(execution.price, self._instruments[execution.instrument].tick)
        qty = abs(execution.qty)
        direction = 1 if execution.qty > 0 else -1
        turn = self._turns.get(execution.instrument)
        ended = None
        if turn is not None and turn.direction != direction:
            closing = min(qty, abs(turn.qty))
            turn.closed += closing
            turn.closed_ticks += closing * at
            qty -= closing
            if turn.qty == 0:
                ended = self._turns.pop(execution.instrument)
                turn = None
        if qty:
            if turn is None:
                turn = self._turns[execution.instrument] = Turn(direction, entry_id, strategy, execution.bar_ns)
            turn.opened += qty
            turn.opened_ticks += qty * at
        return ended

    def realise(self, turn: Turn, instrument: str, session: str, at_ns: int = 0) -> tuple[int, int]:
        """Count a finished round turn in its session, and in its strategy's if it has one.

        Args:
            at_ns: the bar in which it ended.
        Returns:
            Gross and commission in cents.
        """
        terms = self._instruments[instrument]
        gross = terms.cents(turn.gross_ticks)
        commission = (turn.opened + turn.closed) * terms.commission_cents
        net = gross - commission
        self.total_cents += net
        self.peak_cents = max(self.peak_cents, self.total_cents)
        day = self._sessions[session]
        day.realised_cents += net
        if turn.strategy:
            own = self._strategies[session][turn.strategy]
            own.realised_cents += net
            for result in (day, own):
                result.trades += 1
                result.losses = result.losses + 1 if net < 0 else 0
                result.lost_ns = at_ns if net < 0 else result.lost_ns
        return gross, commission

    def qty(self, instrument: str) -> int:
        """The position in contracts, signed."""
        turn = self._turns.get(instrument)
        return turn.qty if turn else 0

    @property
    def held(self) -> Iterable[str]:
        """Instruments with an open position."""
        return self._turns.keys()

    def average(self, instrument: str) -> float | None:
        """The average entry price of the open position, None when flat."""
        turn = self._turns.get(instrument)
        return self.entry_price(turn, instrument) if turn else None

    def entry_id(self, instrument: str) -> str:
        """The entry order that opened the position, "" when flat or when no order of ours did."""
        turn = self._turns.get(instrument)
        return turn.entry_id if turn else ""

    def entry_price(self, turn: Turn, instrument: str) -> float:
        return price(turn.opened_ticks / turn.opened, self._instruments[instrument].tick)

    def exit_price(self, turn: Turn, instrument: str) -> float:
        return price(turn.closed_ticks / turn.closed, self._instruments[instrument].tick)

    def open_cents(self, instrument: str, close: float) -> int:
        """Profit of the open round turn if the rest of it closed at `close`, before commissions; 0 when flat."""
        turn = self._turns.get(instrument)
        if turn is None:
            return 0
        terms = self._instruments[instrument]
        rest = (turn.opened - turn.closed) * ticks(close, terms.tick)
        return terms.cents(turn.direction * (turn.closed_ticks + rest - turn.opened_ticks))

    def realised_cents(self, session: str) -> int:
        """Net profit of the session's finished round turns, after commissions."""
        return self.day(session).realised_cents

    def trades(self, session: str) -> int:
        """Finished round turns of the session that our strategies opened."""
        return self.day(session).trades

    def day(self, session: str) -> SessionResult:
        """The account's session, to be read only."""
        return self._sessions.get(session, NOTHING)

    def strategies(self, session: str) -> list[str]:
        """Strategies that closed a trade in the session or hold a position, by name."""
        holding = {turn.strategy for turn in self._turns.values() if turn.strategy}
        return sorted(holding.union(self._strategies.get(session, ())))

    def strategy_day(self, session: str, strategy: str) -> SessionResult:
        """One strategy's session, to be read only."""
        return self._strategies[session].get(strategy, NOTHING) if session in self._strategies else NOTHING

    def strategy_cents(self, session: str, strategy: str) -> int:
        """Net profit of one strategy in the session."""
        return self.strategy_day(session, strategy).realised_cents

    def strategy_open_cents(self, strategy: str, closes: Mapping[str, float]) -> int:
        """`open_cents` of one strategy's positions at the last closes."""
        own = (name for name, turn in self._turns.items() if turn.strategy == strategy)
        return sum(self.open_cents(name, closes[name]) for name in own if name in closes)

    @property
    def drawdown_cents(self) -> int:
        """Highest realised equity minus current. The start counts as the first high."""
        return self.peak_cents - self.total_cents


def _copied(results: Mapping[str, SessionResult]) -> dict[str, SessionResult]:
    return {name: replace(result) for name, result in results.items()}
