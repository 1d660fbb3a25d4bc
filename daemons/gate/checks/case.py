"""One intent at the gate, with everything that a check may look at."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from msgspec import UNSET, UnsetType

from tapewire.bus.errors import DataError
from tapewire.bus.messages import Action, Intent, Intents, StopRounding
from tapewire.daemons.gate.books import sizing
from tapewire.daemons.gate.books.account import Account
from tapewire.daemons.gate.books.ledger import Ledger
from tapewire.daemons.gate.books.orders import ENTRIES, WORKING, Order, Orders
from tapewire.daemons.gate.firm import allowance
from tapewire.daemons.gate.firm.program import ProgramAccount
from tapewire.daemons.gate.observed import Observed
from tapewire.daemons.market import ticks as rounding
from tapewire.daemons.market.contracts import Contract, Rolls
from tapewire.daemons.market.hours import Hours
from tapewire.daemons.settings.structs import Conf, Instrument, RiskLimits


@dataclass(slots=True)
class Case:
    """One intent and its surroundings. Nothing of it changes while it is looked at, so what many checks ask for is found once.

    request: the message that the intent came in. account: as it stands, with the intents of the bar that were approved before this
    one. decided: ids of all intents before this one. entered: the bar of the last approved entry of each instrument. killed: the
    latched kill switch. months: the contract months. program: the account's progress in its prop-firm program, None without one.
    superseded: the later entry of this bar that is traded instead, empty without one.
    """

    request: Intents
    intent: Intent
    account: Account
    observed: Observed
    hours: Hours
    months: Rolls
    decided: Container[str]
    entered: Mapping[str, int]
    killed: bool
    program: ProgramAccount | None = None
    superseded: str = ""
    _bracket: tuple[float | None, float | None] | None = field(default=None, init=False)
    _room: list[tuple[int, str]] | None = field(default=None, init=False)
    _chart: tuple[Contract | None] | None = field(default=None, init=False)

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
        """The market time of the request."""
        return self.account.now_ns

    @property
    def terms(self) -> Instrument:
        """The instrument's terms. Only for checks that come after UNKNOWN_INSTRUMENT."""
        return self.conf.instruments[self.request.instrument]

    @property
    def charted(self) -> Contract | None:
        """The contract on the venue's chart; where it names none, the one in front on the bar's trade date. None: unknown."""
        if self._chart is None:
            name = self.request.instrument
            there = self.observed.charts.get(name, "")
            self._chart = (self._month(there) or self.months.find_front(name, self.hours.trade_date(self.request.bar_ns)),)
        return self._chart[0]

    @property
    def contract(self) -> str:
        """The contract that an order gets, as the venue writes it; empty where it is not known."""
        charted = self.charted
        return self.observed.charts.get(self.request.instrument, "") or (charted.name if charted else "")

    @property
    def wanted_contract(self) -> Contract | None:
        """The contract that the request names; where it names none, the one on the chart. None: unknown."""
        return self._month(self.request.contract) if self.request.contract else self.charted

    @property
    def unlimited(self) -> bool:
        """Whether the account's daily limits do not apply to this strategy: the `pipeline` test on recorded bars."""
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
        """The open position by our books, or by the venue's report where the two differ."""
        return self.account.disputed.get(self.request.instrument) or self.book.qty(self.request.instrument)

    @property
    def leaves(self) -> Order | None:
        """The close in flight that this entry follows, so that the position is none when the entry works; None without one."""
        after = self.intent.after
        close = None if after is UNSET or self.intent.action not in ENTRIES else self.orders.get(after)
        if close is None or close.instrument != self.request.instrument or close.intent.action is not Action.EXIT:
            return None
        return close if close.status in WORKING and close.left >= abs(self.qty) else None

    @property
    def leaving(self) -> int:
        """Contracts of the position that are gone when this entry works."""
        return 0 if self.leaves is None else self.account.held(self.request.instrument)

    @property
    def measurable(self) -> bool:
        """Whether there is a tick to round to, and prices that can be rounded."""
        return self.request.instrument in self.conf.instruments and rounding.real(self.intent.stop, self.intent.target)

    @property
    def enters(self) -> float | None:
        """The price from which risk and sides are measured: the entry's limit price, else the close that it was proposed at."""
        return self.intent.entry if self.intent.limit is None else self.intent.limit

    @property
    def stop(self) -> float | None:
        """The stop as it would be sent, on the tick."""
        return self._on_tick()[0]

    @property
    def target(self) -> float | None:
        """The target as it would be sent, on the tick."""
        return self._on_tick()[1]

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
            granted = allowance.size(self.program, self.request.instrument, self.intent.strategy, self.risk_cents)
            if granted is not None:
                return granted
        return sizing.wanted(self.limits, self.terms, self.enters, self.stop, self.intent.strategy)

    @property
    def size(self) -> int:
        """Contracts the entry gets: `wanted`, cut to what every limit on contracts and risk leaves; never below 0."""
        return min(self.wanted, *(room for room, _ in self._rooms()))

    @property
    def cut(self) -> str:
        """Both numbers of an entry that gets less than `wanted`, and the limit that cut it; empty if none did."""
        wanted = self.wanted
        room, limit = min(self._rooms())
        return f"{room} of {wanted} contracts, by {limit}" if room < wanted else ""

    def order(self, cause: str) -> Order:
        """The order that the intent becomes once it has passed every check. cause: the name of the request."""
        request, intent = self.request, self.intent
        closes = intent.action is Action.EXIT
        return Order(
            order_id=intent.id,
            instrument=request.instrument,
            account=self.conf.trading.account,
            intent=intent,
            session=request.session,
            bar_ns=request.bar_ns,
            bar_index=request.bar_index,
            cause=cause,
            qty=self.size if intent.action in ENTRIES else abs(self.qty) if closes else 0,
            stop=None if closes else self.stop,
            target=None if closes else self.target,
            at_ns=self.now_ns,
            contract=self.contract,
            stop_points=self._distance(intent.stop_points, self.stop),
            target_points=self._distance(intent.target_points, self.target),
            after=self.leaves.order_id if self.leaves is not None else "",
        )

    def _distance(self, points: float | UnsetType, price: float | None) -> float | None:
        """How far the order on the tick grid is from its fill; None where it is a price."""
        return None if points is UNSET or price is None or self.enters is None else round(abs(self.enters - price), 10)

    def _rooms(self) -> list[tuple[int, str]]:
        if self._room is None:
            self._room = sizing.rooms(self.account, self.request.instrument, self.risk_cents, self.leaving)
        return self._room

    def _month(self, text: str) -> Contract | None:
        if not text:
            return None
        try:
            return self.months.read(text, self.hours.trade_date(self.request.bar_ns))[1]
        except DataError:
            return None

    def _on_tick(self) -> tuple[float | None, float | None]:
        if self._bracket is None:
            side = self.direction
            away = -side if self.intent.stop_rounding is StopRounding.TOWARD else side
            self._bracket = self._on_grid(self.intent.stop, away), self._on_grid(self.intent.target, side)
        return self._bracket

    def _on_grid(self, price: float | None, direction: int) -> float | None:
        return None if price is None else rounding.protective(price, self.terms.tick, direction)
