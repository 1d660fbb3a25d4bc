"""A prop firm's program as dated data: an account's targets, limits and payouts. Read from conf/programs (playbook 6).

Plain structs, safe for cores to import; `tapewire.daemons.gate.firm.program` is the engine that applies them to an account. Money
is dollars. Profit means equity minus the program's start, drawdown the distance of equity below the high-water mark. A rule that a
program leaves out does not apply.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from msgspec import Meta, Struct

from tapewire.strategies.clock import TimeOfDay

Dollars = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(gt=0, le=1)]
Count = Annotated[int, Meta(ge=1)]


class Lock(Struct, frozen=True, forbid_unknown_fields=True):
    """Where trailing ends: once equity moves the mark to start + `profit` or more, the floor is fixed at start + `floor`."""

    profit: float
    floor: float


class Trailing(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Trailing drawdown: a breach is an equity at or below the floor, which lies `distance` under the high-water mark.

    mode: with "end_of_day" the mark moves at the end of the day, and realised equity is tested after each trade and at the end of
        the day; with "intraday" open profit moves the mark, and open loss is tested, on every bar.
    """

    distance: Dollars
    mode: Literal["end_of_day", "intraday"]
    lock: Lock | None = None


class DailyLoss(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A day's loss of `limit` or more. breach: "fail" ends the account, "pause" ends its day only. open: open loss counts, too."""

    limit: Dollars
    breach: Literal["fail", "pause"] = "fail"
    open: bool = False


class Consistency(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The best day is at most `share` of the profit. enforce: until then there is no pass and no payout."""

    share: Share
    enforce: bool = False


class ContractTier(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From this profit on, at most so many contracts in an entry. The first tier also applies below its profit."""

    profit: float
    at_most: Count


class SizeTier(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From this profit on, the risk or size of a class A and a class B trade. The first tier also applies below its profit."""

    profit: float
    a: Annotated[float, Meta(ge=0)]
    b: Annotated[float, Meta(ge=0)]


class Cut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """At a larger drawdown than this, `share` of the tier's figure applies; 0: no entries."""

    drawdown_over: Dollars
    share: Annotated[float, Meta(ge=0, lt=1)]


class SizeTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The size of an entry, in place of the preset's own rule.

    unit: figures are "dollars" at risk per trade (as many contracts as they pay for, at least one) or "contracts".
    a: strategies of class A by their display names ("Trend Day Bull"); all others are class B.
    """

    unit: Literal["dollars", "contracts"]
    tiers: Annotated[tuple[SizeTier, ...], Meta(min_length=1)]
    a: tuple[str, ...] = ()
    cuts: tuple[Cut, ...] = ()


class Payouts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Once `days` days made `day_profit` or more: min(share of the profit, cap). Then the count of days and the mark restart.

    live_after: with this payout the firm turns the account into a live one; None: never. processing_days: calendar days until the
    money arrives. leave: the trader's own reserve; a payout is requested only if more than this stays above a fixed floor.
    """

    days: Count
    day_profit: Dollars
    share: Share
    cap: Dollars
    live_after: Count | None = None
    processing_days: Annotated[int, Meta(ge=0)] = 0
    leave: Annotated[float, Meta(ge=0)] = 0.0


class Evaluation(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The account before it has passed.

    target: profit at the end of a day that passes. minimum_days: days with a trade that a pass needs. time_limit_days: calendar
    days from the first trade on in which it must pass.
    """

    target: Dollars | None = None
    trailing: Trailing | None = None
    daily_loss: DailyLoss | None = None
    minimum_days: Annotated[int, Meta(ge=0)] = 0
    time_limit_days: Count | None = None
    sizing: SizeTable | None = None


class Funded(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The account after a pass. opens_at: a new one with the "start" again, or the evaluation's equity "carried" over."""

    opens_at: Literal["start", "carried"] = "start"
    trailing: Trailing | None = None
    daily_loss: DailyLoss | None = None
    sizing: SizeTable | None = None
    payouts: Payouts | None = None


class Fees(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Fees and counts. per_month: while the evaluation runs. resets: per slot. accounts: funded ones at the same time, at most."""

    per_month: Annotated[float, Meta(ge=0)] = 0.0
    resets: Annotated[int, Meta(ge=0)] = 0
    accounts: Count = 1


class Program(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One firm's terms on one date.

    as_of: the date of the terms. check: a warning for the user of these terms. contracts: caps per entry by instrument; if there
    are any, an instrument that is not named may not be traded. flat_by: "HH:MM" Eastern, on a half day not later than its close;
    from then on there is no position and no entry.
    """

    name: str
    description: str
    as_of: dt.date
    check: str
    start: Dollars
    evaluation: Evaluation
    funded: Funded | None = None
    fees: Fees = Fees()
    consistency: Consistency | None = None
    contracts: dict[str, Annotated[tuple[ContractTier, ...], Meta(min_length=1)]] = {}
    flat_by: TimeOfDay | None = None

    @property
    def sees_open_equity(self) -> bool:
        """Whether any rule reads open profit, so that the engine needs every bar."""
        phases = (self.evaluation, *((self.funded,) if self.funded else ()))
        trailing = any(each.trailing is not None and each.trailing.mode == "intraday" for each in phases)
        return trailing or any(each.daily_loss is not None and each.daily_loss.open for each in phases)
