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
            if self._differs("account_differs", before, self.realised, trading.books_apart):
                what = f"{_two(account, self.realised, 'realised today', 'our books')}; trades by hand, another strategy or fees"
                yield "account_differs", f"{what} may explain it; {_apart(self.realised, trading.books_apart, 'books_apart')}"
        if account.cash is not None:
            before, self.cash = self.cash, TheirsAndOurs(round(account.cash * 100), equity_cents)
            if self._differs("account_size", before, self.cash, trading.account_apart):
                what = f"{_two(account, self.cash, 'cash', '[risk] start and our result')}; correct [risk] start"
                yield "account_size", f"{what}; {_apart(self.cash, trading.account_apart, 'account_apart')}"

    def _differs(self, name: str, before: TheirsAndOurs | None, now: TheirsAndOurs, most: float) -> bool:
        """Whether to tell a difference now; remembers that it was told."""
        limit = round(most * 100)
        if limit == 0 or abs(now.apart) <= limit:
            self.told.pop(name, None)
            return False
        if now != before or abs(now.apart - self.told.get(name, 0)) <= limit:
            return False
        self.told[name] = now.apart
        return True


def _two(account: AccountFigures, pair: TheirsAndOurs, what: str, ours: str) -> str:
    return f"{account.name}: the platform has {money(pair.theirs)} {what}, {ours} {money(pair.ours)}"


def _apart(pair: TheirsAndOurs, most: float, setting: str) -> str:
    return f"apart by {money(pair.apart)}, at most {money(round(most * 100))} ([trading] {setting})"
