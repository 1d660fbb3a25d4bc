"""How many contracts an entry gets: by the account's rule (playbook 6), or by the strategy's own where the limits name one."""

from __future__ import annotations

from daemons.gate.rounding import ticks
from daemons.settings import Instrument, RiskLimits


def risk_cents(instrument: Instrument, entry: float, stop: float) -> int:
    """What one contract loses between the proposal's price and its rounded stop, in cents, before costs."""
    return abs(ticks(entry, instrument.tick) - ticks(stop, instrument.tick)) * instrument.tick_cents


def cap_cents(limits: RiskLimits, strategy: str) -> int:
    """What one contract of a strategy may risk at most, in cents, before it gets none; only where it is sized by risk."""
    own = limits.sizing.get(strategy)
    return round(limits.risk_cap * 100) if own is None else round(own.account * own.risk_share * 100)


def size(limits: RiskLimits, instrument: Instrument, entry: float, stop: float, strategy: str = "") -> int:
    """Contracts for an entry at `entry` with its stop, rounded to the tick, at `stop`.

    Fixed where the limits say `contracts`. By risk otherwise: as many as the budget pays for, but at least one, so that a single
    contract may risk more than the budget; 0 when one contract risks more than `risk_cap`. Never more than `max_contracts`.

    A strategy with a `Sizing` of its own: fixed, or as many as its share of its account pays for, without a forced minimum
    (capabilities B.5): 0 when one contract risks more. Never more than either maximum.
    """
    own = limits.sizing.get(strategy)
    if own is not None:
        most = min(own.max_contracts or limits.max_contracts, limits.max_contracts)
        if own.contracts is not None:
            return min(own.contracts, most)
        return min(cap_cents(limits, strategy) // (risk_cents(instrument, entry, stop) or 1), most)
    if limits.contracts is not None:
        return min(limits.contracts, limits.max_contracts)
    risk = risk_cents(instrument, entry, stop)
    if risk > cap_cents(limits, strategy):
        return 0
    affordable = round(limits.budget * 100) // risk if risk else limits.max_contracts
    return min(max(1, affordable), limits.max_contracts)
