"""What a prop firm's program lets an account enter now: whether at all, and how many contracts (playbook 6).

Reads a `ProgramAccount` as it stands and never changes it. A program that has ended allows no entry.
"""

from __future__ import annotations

import math

from tapewire.daemons.gate.firm.program import ProgramAccount, cents, money
from tapewire.daemons.gate.firm.progress import ENDED


def refusal(account: ProgramAccount, instrument: str, strategy: str, bar_ns: int, contracts: int, stake_cents: int) -> str | None:
    """Why the program does not allow an entry, or None. Call `account.on` with the trade date first.

    Args:
        bar_ns: close of the bar it was decided on. contracts: its size.
        stake_cents: what the account loses if the entry and everything open or in flight are stopped. An entry whose stop would be
            a breach is refused.
    """
    name = account.program.name
    if account.state in ENDED:
        why = f" by {account.failure.rule}: {account.failure.detail}" if account.failure else ""
        return f"program {name}: {account.state}{why}"
    if account.today is not None and account.today.paused:
        return f"program {name}: the day is at {money(account.today.pnl_cents)} and paused until tomorrow"
    left = account.flat_by.minutes_left(bar_ns)
    if left is not None and left <= 0:
        return f"program {name}: flat by {account.program.flat_by} (on a half day by its close), no entries from then on"
    if account.program.contracts and instrument not in account.program.contracts:
        return f"program {name} names no contracts for {instrument}"
    if _figure(account, strategy) == 0:
        drawdown, profit = money(account.drawdown_cents), money(account.profit_cents)
        return f"program {name}: no size left, {drawdown} below the mark at a profit of {profit}"
    most = most_contracts(account, instrument)
    if most is not None and contracts > most:
        return f"program {name}: {contracts} contracts, at most {most} at a profit of {money(account.profit_cents)}"
    return _too_close(account, stake_cents)


def size(account: ProgramAccount, instrument: str, strategy: str, risk_cents: int) -> int | None:
    """Contracts for an entry that risks this much per contract; None if the program leaves that to the preset.

    A table in dollars: as many contracts as they pay for, at least one while the figure is above 0. A table in contracts: the
    figure itself. Never above the cap.
    """
    table, figure = account.terms.sizing, _figure(account, strategy)
    if table is None or figure is None:
        return None
    in_contracts = table.unit == "contracts" or figure == 0
    wanted = int(figure) if in_contracts else max(1, cents(figure) // max(risk_cents, 1))
    most = most_contracts(account, instrument)
    return wanted if most is None else min(wanted, most)


def most_contracts(account: ProgramAccount, instrument: str) -> int | None:
    """The cap of one entry at the account's realised profit; None without one."""
    tiers = account.program.contracts.get(instrument)
    if not tiers:
        return None
    return next((tier for tier in reversed(tiers) if account.profit_cents >= cents(tier.profit)), tiers[0]).at_most


def _figure(account: ProgramAccount, strategy: str) -> float | None:
    """The figure of the table of sizes now, in its unit (whole contracts, or dollars); None without a table."""
    table = account.terms.sizing
    if table is None:
        return None
    tier = next((each for each in reversed(table.tiers) if account.profit_cents >= cents(each.profit)), table.tiers[0])
    cut = next((each for each in reversed(table.cuts) if account.drawdown_cents > cents(each.drawdown_over)), None)
    figure = (tier.a if strategy in table.a else tier.b) * (cut.share if cut else 1.0)
    return math.floor(figure) if table.unit == "contracts" else figure


def _too_close(account: ProgramAccount, stake_cents: int) -> str | None:
    name, floor = account.program.name, account.floor_cents
    if floor is not None and account.equity_cents - stake_cents <= floor:
        room = money(account.equity_cents - floor)
        return f"program {name}: {money(stake_cents)} at stake, {room} above the floor of {money(floor)}"
    daily = account.terms.daily_loss
    pnl = account.today.pnl_cents if account.today is not None else 0
    if daily is not None and pnl - stake_cents <= -cents(daily.limit):
        return f"program {name}: {money(stake_cents)} at stake with the day at {money(pnl)}, limit {money(-cents(daily.limit))}"
    return None
