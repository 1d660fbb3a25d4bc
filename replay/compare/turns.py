"""Fills into round turns: a fold, first in, first out, for each account and instrument.

A turn is what one entry order opened; without order ids, what was opened in one direction at one time. So contracts added by a
second order are a turn of their own (scaling in), a turn may end in several exits (scaling out), and a fill that passes through
zero ends one turn and opens the next (a reversal). Sizes, money and fees of the fills are those of the turns, to the last digit.

A file may begin in the middle of a position. Where it states the position after each fill, and the statements follow from the
fills, the contracts held before its first fill are known: what closes them opens nothing. They are counted as unseen.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from msgspec import structs

from tapewire.replay.compare.history import AccountFill, AccountHistory, AccountTurn, ContractName, contract_name
from tapewire.replay.tapes import wall

FEE_STEP = Decimal("0.0001")


@dataclass(slots=True)
class _Held:
    """A turn in the making. Decimals are sums over contracts."""

    fill: AccountFill
    size: int = 0
    closed: int = 0
    exit_ns: int = 0
    entered: Decimal = Decimal(0)
    left: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)

    def opened_by(self, fill: AccountFill) -> bool:
        """Whether the fill belongs to the same entry."""
        first = self.fill
        same = fill.order == first.order if fill.order or first.order else fill.at_ns == first.at_ns
        return same and fill.side == first.side

    def turn(self) -> AccountTurn:
        return AccountTurn(
            account=self.fill.account,
            instrument=self.fill.instrument,
            direction=self.fill.side,
            size=self.size,
            closed=self.closed,
            entry_ns=self.fill.at_ns,
            exit_ns=self.exit_ns,
            entered=self.entered,
            left=self.left,
            fees=self.fees,
        )


def fold(history: AccountHistory, fills: Iterable[AccountFill]) -> AccountHistory:
    """The history with the round turns of these fills. Fills of one time keep their order."""
    groups: dict[tuple[str, ContractName], list[AccountFill]] = {}
    for fill in sorted(fills, key=lambda fill: fill.at_ns):
        groups.setdefault((fill.account, contract_name(fill.instrument)), []).append(fill)
    turns: list[AccountTurn] = []
    held: list[AccountTurn] = []
    unseen: Counter[str] = Counter()
    doubts: list[str] = []
    for (account, _), group in groups.items():
        before, known, doubt = _before(group)
        closed, still, missed = _fold(group, before, known)
        turns += closed
        held += still
        unseen[account] += missed
        doubts += [doubt] if doubt else []
    return structs.replace(
        history,
        turns=tuple(sorted(turns, key=_entry)),
        open=tuple(sorted(held, key=_entry)),
        unseen=+unseen,
        doubts=(*history.doubts, *doubts),
    )


def joined(rows: Iterable[AccountTurn]) -> tuple[AccountTurn, ...]:
    """Closed pairs of an entry and an exit as turns: the pairs of one entry time and direction are one turn."""
    whole: dict[tuple[str, ContractName, int, int], AccountTurn] = {}
    for row in rows:
        key = (row.account, contract_name(row.instrument), row.direction, row.entry_ns)
        other = whole.get(key)
        whole[key] = row if other is None else _together(other, row)
    return tuple(sorted(whole.values(), key=_entry))


def _together(a: AccountTurn, b: AccountTurn) -> AccountTurn:
    return AccountTurn(
        account=a.account,
        instrument=a.instrument,
        direction=a.direction,
        size=a.size + b.size,
        closed=a.closed + b.closed,
        entry_ns=a.entry_ns,
        exit_ns=max(a.exit_ns, b.exit_ns),
        entered=a.entered + b.entered,
        left=a.left + b.left,
        fees=a.fees + b.fees,
    )


def _entry(turn: AccountTurn) -> tuple[int, int, str, str]:
    return turn.entry_ns, turn.exit_ns, turn.account, turn.instrument


def _fold(group: list[AccountFill], before: int, known: bool) -> tuple[list[AccountTurn], list[AccountTurn], int]:
    """The closed and the open turns of one account and instrument, and how many contracts closed what was not seen.

    Args:
        before: the signed position before the first fill. known: whether that is certain; if not, a fill that is marked as an exit
            opens nothing.
    """
    held: deque[_Held] = deque()
    closed: list[AccountTurn] = []
    missed = 0
    for fill in group:
        size, fees = fill.size, fill.fees
        if before * fill.side < 0:  # the oldest contracts, so the first out
            part = min(size, abs(before))
            fees -= _share(fees, part, size)
            before += part * fill.side
            size -= part
            missed += part
        while size and held and held[0].fill.side != fill.side:
            first = held[0]
            part = min(size, first.size - first.closed)
            share = _share(fees, part, size)
            first.closed += part
            first.left += part * fill.price
            first.fees += share
            first.exit_ns = fill.at_ns
            size, fees = size - part, fees - share
            if first.closed == first.size:
                closed.append(held.popleft().turn())
        if size and not known and fill.closes:
            missed += size
        elif size:
            own = next((each for each in held if each.opened_by(fill)), None)
            if own is None:
                own = _Held(fill)
                held.append(own)
            own.size += size
            own.entered += size * fill.price
            own.fees += fees
    return closed, [each.turn() for each in held], missed


def _share(fees: Decimal, part: int, size: int) -> Decimal:
    """The fees of a part of a fill. The last part takes what is left, so nothing is lost."""
    return fees if part == size else (fees * part / size).quantize(FEE_STEP)


def _before(group: list[AccountFill]) -> tuple[int, bool, str]:
    """The position before the first fill, whether it is certain, and the doubt if the stated positions do not follow."""
    first = group[0]
    if first.position is None:
        return 0, False, ""
    before = running = first.position - first.side * first.size
    strange = first if before * first.side < 0 and first.closes is False else None
    for fill in group:
        running += fill.side * fill.size
        if fill.position is not None and fill.position != running:
            strange = strange or fill
    if strange is None:
        return before, True, ""
    what = f"{first.account}, {first.instrument}: the position stated at {wall(strange.at_ns)} New York time"
    return 0, False, f"{what} does not follow from the fills before it; fills are missing, so round turns may be wrong"
