"""The days that count toward a target or a payout, and how even they are (playbook 6). Integer cents."""

from __future__ import annotations

from dataclasses import dataclass

from tapewire.daemons.settings.programs import Consistency


@dataclass(slots=True)
class Cycle:
    """The days since the phase began or the last payout.

    winning_days: days with at least the payout's profit. best_cents: the best day's result, 0 or more. cycle_cents: of all days.
    """

    winning_days: int = 0
    best_cents: int = 0
    cycle_cents: int = 0

    def add(self, pnl_cents: int) -> None:
        """A day has ended with this result."""
        self.cycle_cents += pnl_cents
        self.best_cents = max(self.best_cents, pnl_cents)

    @property
    def best_share(self) -> float | None:
        """The best day's share of the profit. None without a profit."""
        return self.best_cents / self.cycle_cents if self.cycle_cents > 0 else None

    def consistent(self, rule: Consistency | None) -> bool:
        """Whether the best day is no larger a share of the profit than the rule allows."""
        if rule is None or not rule.enforce:
            return True
        return self.best_cents * 10_000 <= round(rule.share * 10_000) * self.cycle_cents
