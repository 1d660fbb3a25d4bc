"""One intent before the gate, with everything a check may look at."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass

from tapewire.bus.messages import Action, Intent, Intents, StopRounding
from tapewire.daemons.gate.books import sizing
from tapewire.daemons.gate.books.account import Account
from tapewire.daemons.gate.books.ledger import Ledger
from tapewire.daemons.gate.books.orders import ENTRIES, Order, Orders
from tapewire.daemons.gate.firm import allowance
from tapewire.daemons.gate.firm.program import ProgramAccount
from tapewire.daemons.gate.observed import Heard
from tapewire.daemons.market import ticks as rounding
from tapewire.daemons.market.hours import Hours
from tapewire.daemons.settings.structs import Conf, Instrument, RiskLimits


@dataclass(frozen=True, slots=True)
class Case:
    """One intent and its surroundings.

    account: as it stands, those intents of the bar that were approved before this one included. decided: ids of all intents before
    this one. entered: the bar of the last approved entry of each instrument. killed: the latched kill switch. program: the
    account's way through its prop-firm program, if it is in one.
    """

    asked: Intents
    intent: Intent
    account: Account
    heard: Heard
    hours: Hours
    decided: Container[str]
    entered: Mapping[str, int]
    killed: bool
    program: ProgramAccount | None = None

    @property
    def conf(self) -> Conf:
        return self.account.conf

    @property
    def book(self) -> Ledger:
        return self.account.book

    @property
    def orders(self) -> Orders:
        return self.account.orders

    @property
    def limits(self) -> RiskLimits:
        return self.account.limits

    @property
    def now_ns(self) -> int:
        """The market time of the question."""
        return self.account.now_ns

    @property
    def terms(self) -> Instrument:
        """The instrument's terms. Only for checks that come after UNKNOWN_INSTRUMENT."""
        return self.conf.instruments[self.asked.instrument]

    @property
    def unlimited(self) -> bool:
        """Whether the account's daily limits leave this strategy alone: the plumbing test on recorded bars."""
        return self.intent.strategy in self.conf.trading.unlimited

    @property
    def direction(self) -> int:
        """1 for a long position (to be) and -1 for a short one."""
        if self.intent.action is Action.ENTER_LONG:
            return 1
        if self.intent.action is Action.ENTER_SHORT:
            return -1
        return 1 if self.qty > 0 else -1

    @property
    def qty(self) -> int:
        """The open position by our books, or by the venue's word where the two differ."""
        return self.account.disputed.get(self.asked.instrument) or self.book.qty(self.asked.instrument)

    @property
    def measurable(self) -> bool:
        """Whether there is a tick to round to, and prices that can be rounded."""
        return self.asked.instrument in self.conf.instruments and rounding.real(self.intent.stop, self.intent.target)

    @property
    def enters(self) -> float | None:
        """The price from which risk and sides are measured: where the entry rests, else the close that it was proposed at."""
        return self.intent.entry if self.intent.limit is None else self.intent.limit

    @property
    def stop(self) -> float | None:
        """The stop as it would be sent, on the tick."""
        toward = self.intent.stop_rounding is StopRounding.TOWARD
        return self._on_grid(self.intent.stop, -self.direction if toward else self.direction)

    @property
    def target(self) -> float | None:
        """The target as it would be sent, on the tick."""
        return self._on_grid(self.intent.target, self.direction)

    @property
    def risk_cents(self) -> int:
        """What one contract of the entry loses at its stop; 0 without an entry price or a stop to measure it with."""
        if self.enters is None or self.stop is None:
            return 0
        return sizing.risk_cents(self.terms, self.enters, self.stop)

    @property
    def wanted(self) -> int:
        """Contracts the entry would get by the rule for sizes, before any limit."""
        if self.enters is None or self.stop is None:
            return 0
        if self.program is not None:
            granted = allowance.size(self.program, self.asked.instrument, self.intent.strategy, self.risk_cents)
            if granted is not None:
                return granted
        return sizing.wanted(self.limits, self.terms, self.enters, self.stop, self.intent.strategy)

    @property
    def size(self) -> int:
        """Contracts the entry gets: what is wanted, cut to what every limit on contracts and risk leaves; never below 0."""
        return min(self.wanted, *(room for room, _ in sizing.rooms(self.account, self.asked.instrument, self.risk_cents)))

    @property
    def cut(self) -> str:
        """Both numbers of an entry that got less than wanted, and what cut it; empty if nothing did."""
        wanted = self.wanted
        room, limit = min(sizing.rooms(self.account, self.asked.instrument, self.risk_cents))
        return f"{room} of {wanted} contracts, by {limit}" if room < wanted else ""

    def order(self, cause: str) -> Order:
        """What it becomes once it has passed every check. cause: the name of the question."""
        asked, intent = self.asked, self.intent
        closes = intent.action is Action.EXIT
        return Order(
            order_id=intent.id,
            instrument=asked.instrument,
            account=self.conf.trading.account,
            intent=intent,
            session=asked.session,
            bar_ns=asked.bar_ns,
            bar_index=asked.bar_index,
            cause=cause,
            qty=self.size if intent.action in ENTRIES else abs(self.qty) if closes else 0,
            stop=None if closes else self.stop,
            target=None if closes else self.target,
            at_ns=self.now_ns,
        )

    def _on_grid(self, price: float | None, direction: int) -> float | None:
        return None if price is None else rounding.protective(price, self.terms.tick, direction)
