"""How many contracts an entry gets (playbook 6)."""

from __future__ import annotations

from daemons.gate.rounding import ticks
from daemons.settings import Instrument, RiskLimits


def risk_cents(instrument: Instrument, entry: float, stop: float) -> int:
    """What one contract loses between the proposal's price and its rounded stop, in cents, before costs."""
    return abs(ticks(entry, instrument.tick) - ticks(stop, instrument.tick)) * instrument.tick_cents


def size(limits: RiskLimits, instrument: Instrument, entry: float, stop: float) -> int:
    """Contracts for an entry at `entry` with its stop, rounded to the tick, at `stop`.

    Fixed where the limits say `contracts`. By risk otherwise: as many as the budget pays for, but at least one, so that a single
    contract may risk more than the budget; 0 when one contract risks more than `risk_cap`. Never more than `max_contracts`.
    """
    if limits.contracts is not None:
        return min(limits.contracts, limits.max_contracts)
    risk = risk_cents(instrument, entry, stop)
    if risk > round(limits.risk_cap * 100):
        return 0
    affordable = round(limits.budget * 100) // risk if risk else limits.max_contracts
    return min(max(1, affordable), limits.max_contracts)
