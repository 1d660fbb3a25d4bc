"""Our books against the figures that the platform reports of the account. A difference is told, and stops nothing.

The platform's figures and its executions come over one link in topics of their own, so a report may be ahead of a fill. A
difference counts when two reports in a row show the same two figures. It is told once, and again only when it has grown by the
amount that is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from tapewire.bus.messages import AccountFigures
from tapewire.daemons.gate.firm.program import money
from tapewire.daemons.settings.structs import Trading


class TheirsAndOurs(Struct, frozen=True):
    """The platform's figure and ours, in cents."""

    theirs: int
    ours: int

    @property
    def apart(self) -> int:
        return self.theirs - self.ours


class Compared(Struct):
    """What was found of the account. realised, cash: the pairs of the last report. told: differences that were told, by alarm."""

    realised: TheirsAndOurs | None = None
    cash: TheirsAndOurs | None = None
    told: dict[str, int] = {}

    def copy(self) -> Compared:
        return Compared(self.realised, self.cash, {**self.told})

    def report(
        self, account: AccountFigures, trading: Trading, *, realised_cents: int, equity_cents: int
    ) -> Iterator[tuple[str, str]]:
        """Take a report. Yields the alarms that it gives: name and text.

        Args:
            realised_cents: of our books in the trade date. equity_cents: what the account holds by our settings and books.
        """
        if account.realised is not None:
            before, self.realised = self.realised, TheirsAndOurs(round(account.realised * 100), realised_cents)
            text = f"{account.name}: the platform has {{}} realised today, our books {{}}; trades by hand, other strategies or fees"
            yield from self._differs("account_differs", text, before, self.realised, trading.books_apart, "books_apart")
        if account.cash is not None:
            before, self.cash = self.cash, TheirsAndOurs(round(account.cash * 100), equity_cents)
            text = f"{account.name}: the platform has {{}} cash, [risk] start and our result are {{}}; correct [risk] start"
            yield from self._differs("account_size", text, before, self.cash, trading.account_apart, "account_apart")

    def _differs(
        self, name: str, text: str, before: TheirsAndOurs | None, now: TheirsAndOurs, most: float, setting: str
    ) -> Iterator[tuple[str, str]]:
        limit = round(most * 100)
        if limit == 0 or abs(now.apart) <= limit:
            self.told.pop(name, None)
        elif now == before and abs(now.apart - self.told.get(name, 0)) > limit:
            self.told[name] = now.apart
            words = text.format(money(now.theirs), money(now.ours))
            yield name, f"{words}; apart by {money(now.apart)}, at most {money(limit)} ([trading] {setting})"
