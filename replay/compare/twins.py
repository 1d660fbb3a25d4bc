"""Which round turns of an account have a twin among a run's trades, and how they differ.

Twins have the same instrument (the same contract where both name one) and direction, and entries at most a window apart. A run
knows its fills to the bar, so the account's entry is measured against the run's bar: anywhere within it they are 0 s apart. The
nearest pair is taken first, each trade once; of equally near pairs the one whose exits are nearer, then the earlier one.

Slippage is signed against us: bought dearer or sold cheaper than in the run is positive.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from msgspec import Struct

from tapewire.bus.errors import ConfError
from tapewire.replay.compare.history import AccountTurn, ContractName, Terms, contract_name
from tapewire.replay.tapes import wall
from tapewire.strategies.clock import MINUTE_NS, NEW_YORK, SECOND_NS
from tapewire.strategies.figures import LONGEST

BAR_NS = MINUTE_NS


class RunTrade(Struct, frozen=True):
    """The fields of a line of trades.jsonl that are compared. Times: Eastern wall stamps of bars' closes; money: dollars."""

    session: str
    strategy: str
    direction: str
    size: int
    signal_time: str
    entry_time: str
    entry_price: float
    exit_time: str
    exit_price: float
    reason: str
    commission: float
    net: float
    id: str
    instrument: str

    @property
    def side(self) -> int:
        return 1 if self.direction == "LONG" else -1


class Lone(Struct, frozen=True):
    """A round turn of the account without a twin. Prices are averages; net: dollars, None without the contract's terms."""

    account: str
    instrument: str
    direction: str
    size: int
    entry_time: str
    entry_price: float
    exit_time: str
    exit_price: float
    fees: float
    net: float | None


class Twin(Struct, frozen=True):
    """A trade of the account and its twin in the run.

    entry_ticks, exit_ticks: of each price, per contract, against us. slippage_ticks, slippage: both for the contracts that both
    traded, and the same in dollars. entry_s, exit_s: seconds by which the account was later than the run's bar, negative if
    earlier, 0 within it. delay_s: from the close of the signal's bar to the account's entry. size: contracts more than in the run.
    fees: dollars more than in the run.
    """

    account: Lone
    run: RunTrade
    entry_ticks: float
    exit_ticks: float
    slippage_ticks: float
    slippage: float
    entry_s: float
    exit_s: float
    delay_s: float
    size: int
    fees: float


class Pairing(Struct, frozen=True):
    """Twins by the account's entries, and what has none on either side."""

    twins: tuple[Twin, ...]
    account_only: tuple[Lone, ...]
    run_only: tuple[RunTrade, ...]


class _Timed(Struct, frozen=True):
    trade: RunTrade
    entry_ns: int
    exit_ns: int


def pair(turns: Sequence[AccountTurn], trades: Sequence[RunTrade], window_s: float, terms: Mapping[str, Terms]) -> Pairing:
    """Find the twins.

    Args:
        turns: closed ones. window_s: largest distance of the entries. terms: by instrument or symbol.
    Raises:
        ConfError: there are no terms of an instrument that the run traded.
    """
    timed = [_Timed(trade, stamp_ns(trade.entry_time), stamp_ns(trade.exit_time)) for trade in trades]
    chosen = _nearest(turns, timed, round(window_s * SECOND_NS))
    twins = [_twin(turns[at], timed[chosen[at]], terms) for at in sorted(chosen, key=lambda at: (turns[at].entry_ns, at))]
    taken = set(chosen.values())
    return Pairing(
        twins=tuple(twins),
        account_only=tuple(lone(turn, terms) for at, turn in enumerate(turns) if at not in chosen),
        run_only=tuple(each.trade for at, each in enumerate(timed) if at not in taken),
    )


def count(turns: Sequence[AccountTurn], trades: Sequence[RunTrade], window_s: float, shift_ns: int) -> int:
    """How many twins there would be if the account's times were later by so much."""
    timed = [_Timed(trade, stamp_ns(trade.entry_time), stamp_ns(trade.exit_time)) for trade in trades]
    return len(_nearest(turns, timed, round(window_s * SECOND_NS), shift_ns))


def _nearest(turns: Sequence[AccountTurn], trades: Sequence[_Timed], window_ns: int, shift_ns: int = 0) -> dict[int, int]:
    """The places of the twins, turn to trade."""
    groups: dict[tuple[str, int], list[tuple[int, int]]] = {}
    contracts: list[ContractName] = []
    for at, each in enumerate(trades):
        contracts.append(contract_name(each.trade.instrument))
        groups.setdefault((contracts[at].symbol, each.trade.side), []).append((each.entry_ns, at))
    for group in groups.values():
        group.sort()
    near: list[tuple[int, int, int, int, int, int]] = []
    for at, turn in enumerate(turns):
        own = contract_name(turn.instrument)
        group = groups.get((own.symbol, turn.direction), [])
        entry, left = turn.entry_ns + shift_ns, turn.exit_ns + shift_ns
        begin = bisect_left(group, (entry - window_ns, -1))
        end = bisect_right(group, (entry + window_ns + BAR_NS, len(trades)))
        for entry_ns, other in group[begin:end]:
            apart = abs(_outside(entry, entry_ns))
            if apart <= window_ns and own.matches(contracts[other]):
                near.append((apart, abs(_outside(left, trades[other].exit_ns)), turn.entry_ns, entry_ns, at, other))
    chosen: dict[int, int] = {}
    taken: set[int] = set()
    for *_, at, other in sorted(near):
        if at not in chosen and other not in taken:
            chosen[at] = other
            taken.add(other)
    return chosen


def _outside(at_ns: int, close_ns: int) -> int:
    """How much later than a bar a time is, negative if earlier, 0 within it."""
    return max(0, at_ns - close_ns) + min(0, at_ns - close_ns + BAR_NS)


def _twin(turn: AccountTurn, timed: _Timed, terms: Mapping[str, Terms]) -> Twin:
    trade = timed.trade
    known = terms_of(trade.instrument, terms)
    if known is None:
        raise ConfError(f"the run traded {trade.instrument!r}, which neither its run.json nor conf/instruments.toml defines")
    tick, point_value = known
    entry = turn.direction * (turn.entry_price - trade.entry_price) / tick
    left = turn.direction * (trade.exit_price - turn.exit_price) / tick
    ticks = (entry + left) * min(turn.size, trade.size)
    return Twin(
        account=lone(turn, terms),
        run=trade,
        entry_ticks=_rounded(entry),
        exit_ticks=_rounded(left),
        slippage_ticks=_rounded(ticks),
        slippage=_rounded(ticks * tick * point_value),
        entry_s=_outside(turn.entry_ns, timed.entry_ns) / SECOND_NS,
        exit_s=_outside(turn.exit_ns, timed.exit_ns) / SECOND_NS,
        delay_s=(turn.entry_ns - stamp_ns(trade.signal_time)) / SECOND_NS,
        size=turn.size - trade.size,
        fees=_rounded(float(turn.fees) - trade.commission),
    )


def lone(turn: AccountTurn, terms: Mapping[str, Terms]) -> Lone:
    """A round turn as it is shown."""
    known = terms_of(turn.instrument, terms)
    return Lone(
        account=turn.account,
        instrument=turn.instrument,
        direction="LONG" if turn.direction > 0 else "SHORT",
        size=turn.size,
        entry_time=wall(turn.entry_ns),
        entry_price=round(turn.entry_price, LONGEST),
        exit_time=wall(turn.exit_ns),
        exit_price=round(turn.exit_price, LONGEST),
        fees=_rounded(float(turn.fees)),
        net=None if known is None else _rounded(float(turn.points) * known.point_value - float(turn.fees)),
    )


def terms_of(instrument: str, terms: Mapping[str, Terms]) -> Terms | None:
    """The terms of an instrument, by its full name or by its symbol."""
    return terms.get(instrument) or terms.get(contract_name(instrument).symbol)


def stamp_ns(stamp: str) -> int:
    """An Eastern wall stamp in UTC nanoseconds."""
    return int(dt.datetime.fromisoformat(stamp).replace(tzinfo=NEW_YORK).timestamp()) * SECOND_NS


def _rounded(value: float) -> float:
    return round(value, 6) + 0.0
