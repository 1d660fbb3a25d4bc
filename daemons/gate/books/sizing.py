"""How many contracts an entry gets: by the account's rule (playbook 6), or by the strategy's own where the limits name one.

`wanted` is the rule's size; `rooms` is what each limit leaves. An entry gets the least of all.
"""

from __future__ import annotations

from tapewire.bus.bounds import MAX_CENTS
from tapewire.daemons.gate.books.account import Account
from tapewire.daemons.market.ticks import ticks
from tapewire.daemons.settings.structs import Instrument, RiskLimits

UNBOUNDED = 1 << 31


def risk_cents(instrument: Instrument, entry: float, stop: float) -> int:
    """What one contract loses between the proposal's price and its rounded stop, in cents, before costs."""
    return instrument.cents(abs(ticks(entry, instrument.tick) - ticks(stop, instrument.tick)))


def cap_cents(limits: RiskLimits, strategy: str) -> int:
    """What one contract of a strategy may risk at most, in cents; above it the size is 0. Only where it is sized by risk."""
    own = limits.sizing.get(strategy)
    if own is not None:
        return round(own.account * own.risk_share * 100)
    return MAX_CENTS if limits.risk_cap is None else round(limits.risk_cap * 100)


def wanted(limits: RiskLimits, instrument: Instrument, entry: float, stop: float, strategy: str = "") -> int:
    """Contracts for an entry at `entry` with its stop, rounded to the tick, at `stop`.

    Fixed where the limits say `contracts`. By risk otherwise: as many as the budget pays for, but at least one, so that a single
    contract may risk more than the budget; 0 when one contract risks more than `risk_cap`.

    A strategy with a `Sizing` of its own: fixed, or as many as its share of its account pays for, without a forced minimum
    (playbook 9.5): 0 when one contract risks more. Never more than its own maximum.
    """
    own = limits.sizing.get(strategy)
    if own is not None:
        most = own.max_contracts or UNBOUNDED
        by_risk = cap_cents(limits, strategy) // (risk_cents(instrument, entry, stop) or 1)
        return min(by_risk if own.contracts is None else own.contracts, most)
    if limits.contracts is not None:
        return limits.contracts
    risk = risk_cents(instrument, entry, stop)
    if risk > cap_cents(limits, strategy):
        return 0
    return max(1, round(limits.budget * 100) // max(risk, 1))


def rooms(account: Account, instrument: str, risk_cents: int, leaving: int = 0) -> list[tuple[int, str]]:
    """What each limit leaves for an entry, in contracts, with its name and value; never below 0.

    Args:
        risk_cents: what one contract of it loses at its stop; 0 if unknown, which `trade_risk` then does not limit.
        leaving: contracts of the instrument that are gone when the entry works.
    """
    limits = account.limits
    left = [(UNBOUNDED, "nothing")]
    if limits.max_contracts is not None:
        left.append((limits.max_contracts, f"max_contracts = {limits.max_contracts}"))
    if limits.trade_risk is not None and risk_cents:
        left.append((round(limits.trade_risk * 100) // risk_cents, f"trade_risk = {limits.trade_risk}"))
    if limits.instrument_contracts is not None:
        room = limits.instrument_contracts - account.contracts(instrument) + leaving
        left.append((room, f"instrument_contracts = {limits.instrument_contracts}"))
    if limits.account_contracts is not None:
        room = limits.account_contracts - account.all_contracts + leaving
        left.append((room, f"account_contracts = {limits.account_contracts}"))
    return [(max(0, room), name) for room, name in left]
