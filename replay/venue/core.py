"""A venue simulated from bars: accepts orders, fills them by a model (rules.py; docs/fills.md), and keeps the account's position.

Pure: bars and orders in, order updates and executions out, the same ones for the same input. Per instrument it holds at most one
working entry, one position with its bracket, and one working exit; with `adds` more entries on the same side. The order of one bar:

    a new trade date     positions of the last one are closed at its last close
    the open             the working exit fills, then the working entries
    the bracket          open beyond the stop, open beyond the target, then stop and target by the model's path: first match
    the close            the rules run; their orders arrive through `on_order`; with the model `close` they fill at once

An entry that follows a close (`after`) waits for it. A stop or target that is a distance from the fill is put in its place by the
fill, slippage included.

Every fill costs slippage, targets only where the model charges them. The one exception is an entry with a limit (playbook 8.5),
which has rules of its own in all models:

    it rests         the bar that decided is over; the first bar that may fill it is the next one
    the fill         a bar that trades at the limit (or beyond): at the limit, or better at the open; never worse, so no slippage
    the fill's bar   its stop counts if touched, its target by the model's path: bars do not record the order of their prices
    too late         after the last bar that closes by `valid_until_ns` what is left of it is CANCELLED

Where a bar offers fewer contracts than an order has, the rest waits: of an entry until its validity, of a target at its price, of
an exit or a stop for the next open. What closes a position cancels the rest of its entry.

Nothing fills on a bar with volume 0 (playbook 5.1), unless the venue is told to: nobody traded at its prices. Orders wait for the
next bar that trades, where they fill as on any bar; an entry whose validity ends meanwhile is CANCELLED. A date always ends flat:
what is open then ends at the last close that traded, whatever that bar offered.

With `adds` the position is one, as the gate's books have it: a round turn from flat to flat, which belongs to the entry that began
it. Each entry keeps a bracket of its own for its contracts; a close is of all of them, and so is a move (a stop only where it is
tighter).

Each order id is acted on once. A duplicate gets the first reply again, with the same event ids, so that its reader can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from msgspec import UNSET
from mypy_extensions import mypyc_attr

from tapewire.bus.errors import InvariantError
from tapewire.bus.messages import (
    Action,
    Bar,
    Body,
    CancelOrder,
    ClosePosition,
    MoveBracket,
    OrderStatus,
    PlaceOrder,
    Position,
    VenuePosition,
)
from tapewire.bus.wire import finite
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.market.ticks import HIGHEST
from tapewire.daemons.settings.fills import NEXT_OPEN, FillOptions
from tapewire.daemons.settings.structs import Conf, Instrument
from tapewire.replay.venue.book import WHOLE, InstrumentBook, Working, side
from tapewire.replay.venue.matching import Matching, follows, working_entry
from tapewire.replay.venue.reports import NumberedReports, VenueReport
from tapewire.replay.venue.rules import rules

Order: TypeAlias = PlaceOrder | ClosePosition | MoveBracket | CancelOrder


def of(conf: Conf, traded: Iterable[str], account: str) -> Venue:
    """The venue that a run's configuration describes, for these instruments and this account."""
    terms = {symbol: conf.instruments[symbol] for symbol in traded}
    adds = conf.preset.conflict == "additive"
    return Venue(terms, account, conf.fill, conf.preset.fills, fill_empty=conf.fill_empty, adds=adds)


@mypyc_attr(allow_interpreted_subclasses=True)
class Venue:
    """The simulated venue for one account.

    Args:
        instruments: terms by symbol; orders in any other are refused.
        account: the only account there is.
        fill: the name of the model. options: what a run changes of it.
        fill_empty: bars with volume 0 fill, too.
        adds: an entry may add to a position, or to another entry, on the same side.

    `now_ns` is the close of the last bar it took, 0 before the first. `no_entries`, when not empty, is why every new entry is
    refused: the holder of the venue link sets it when the gate's lease has expired or its kill switch is latched.

    Raises:
        ConfError: an unknown fill model.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        account: str,
        fill: str = NEXT_OPEN,
        options: FillOptions | None = None,
        *,
        fill_empty: bool = False,
        adds: bool = False,
    ) -> None:
        self.account = account
        self._rules = rules(fill, options or FillOptions())
        self._shares = self._rules.partial_share > 0
        self._follows_atr = self._rules.slippage_atr > 0
        self._fills_empty = fill_empty
        self._adds = adds
        self._books = {name: InstrumentBook(terms, terms.slippage_ticks * terms.tick) for name, terms in instruments.items()}
        self._answers: dict[str, list[VenueReport]] = {}
        self._numbered = NumberedReports(account)
        self._matching = Matching(self._rules, self._numbered)
        self._clock = SessionClock(Calendar())
        self.now_ns = 0
        self.no_entries = ""

    def on_bar(self, bar: Bar) -> list[VenueReport]:
        """Take the next bar. Returns its effect on our orders; nothing for a bar that is not later than the last one."""
        book, close_ns = self._books[bar.instrument], bar.close_ns
        if book.bar is not None and close_ns <= book.bar.close_ns:
            return []
        reports: list[VenueReport] = []
        date = self._clock.read(close_ns)[0].date
        if date != book.date:
            self._matching.end_date(book, reports)
            book.date = date
            book.realised_cents = 0
            book.cached = None
        book.bar = bar
        self.now_ns = close_ns
        if self._fills(bar):
            before, book.traded = book.traded, bar
            if book.entries or book.lots:
                self._matching.trade(book, bar, reports)
            elif self._shares:
                self._matching.offer(book, bar)
            if self._follows_atr:
                book.measure(bar, before)
        elif book.entries:
            for working in [each for each in book.entries if close_ns >= each.order.valid_until_ns]:
                self._matching.expire(book, working, "nothing was traded in time", reports)
        if reports:
            book.cached = None
        return reports

    def _fills(self, bar: Bar) -> bool:
        """Whether anything was traded at this bar's prices."""
        return bar.volume > 0 or self._fills_empty

    def on_order(self, order: Body) -> list[VenueReport]:
        """Take an order. Returns the reply: accepted, carried out or refused with a reason, and any immediate fill.

        Raises:
            InvariantError: the message is not an order.
        """
        if not isinstance(order, PlaceOrder | ClosePosition | MoveBracket | CancelOrder):
            raise InvariantError(f"the venue takes orders, not {type(order).__name__}")
        before = self._answers.get(order.id)
        if before is not None:
            return before
        reports: list[VenueReport] = []
        book = self._books.get(order.instrument)
        refusal = self._refusal(book, order) or self._rejection(order)
        if refusal or book is None or book.bar is None:
            reports.append(self._numbered.update(order.instrument, order.id, OrderStatus.REJECTED, detail=refusal))
        elif isinstance(order, PlaceOrder):
            self._place(book, order, book.bar, reports)
        elif isinstance(order, ClosePosition):
            self._take_exit(book, order, book.bar, reports)
        elif isinstance(order, MoveBracket):
            self._move(book, order, reports)
        else:
            self._cancel(book, order, reports)
        if book is not None:
            book.cached = None
        self._answers[order.id] = reports
        return reports

    def position(self, instrument: str) -> Position:
        """The account's position now, as it is stamped on a bar. Its bracket is that of its oldest contracts."""
        book = self._books[instrument]
        if book.cached is None:
            working = [each.order.id for each in book.entries]
            if book.exit is not None:
                working.append(book.exit.id)
            held = book.lots[0] if book.lots else None
            book.cached = Position(
                account=self.account,
                qty=book.qty,
                price=book.price if held else None,
                entry_id=book.entry_id,
                stop=held.stop if held else None,
                target=held.target if held else None,
                working=tuple(working),
                realised=book.realised_cents / 100,
            )
        return book.cached

    def idle(self, instrument: str) -> bool:
        """Whether it holds no position and no order there: the next bars then have no effect on any order but one to come.

        Never where slippage follows the ATR, of which every bar is a part.
        """
        book = self._books[instrument]
        return not (book.lots or book.entries or book.exit is not None or self._follows_atr)

    def snapshot(self) -> tuple[tuple[VenuePosition, ...], tuple[str, ...]]:
        """The venue's state for a Hello: open positions, and the ids of working orders."""
        positions = [(name, self.position(name)) for name in self._books]
        return (
            tuple(VenuePosition(name, position) for name, position in positions if position.qty),
            tuple(order for _, position in positions for order in position.working),
        )

    def finish(self) -> list[VenueReport]:
        """End the data: open positions and orders end as at the end of a trade date."""
        reports: list[VenueReport] = []
        for book in self._books.values():
            self._matching.end_date(book, reports)
            book.cached = None
        return reports

    # --- orders ------------------------------------------------------------------------------------------------------

    def _refusal(self, book: InstrumentBook | None, order: Order) -> str:
        """Why this order is refused, or ""."""
        if book is None:
            return f"{order.instrument} is not traded here"
        if order.account != self.account:
            return f"account {order.account!r} is not known here, only {self.account!r}"
        if book.bar is None:
            return f"no bar of {order.instrument} yet, so there is no market"
        if isinstance(order, PlaceOrder):
            return self.no_entries or _entry_refusal(book, order, book.bar) or self._occupied(book, order)
        if isinstance(order, CancelOrder):
            return "" if working_entry(book, order.order_id) else f"{order.order_id} is not working"
        if not book.lots:
            return f"no position in {order.instrument}"
        if order.entry_id and order.entry_id != book.entry_id:
            return f"the position was opened by {book.entry_id}, not by {order.entry_id}"
        if isinstance(order, ClosePosition):
            return f"{book.exit.id} is closing it already" if book.exit else ""
        return "" if finite(order.stop, order.target) else f"stop {order.stop}, target {order.target}: not prices"

    def _occupied(self, book: InstrumentBook, order: PlaceOrder) -> str:
        """Why there is no room for an entry beside what is open and working, or ""."""
        if book.entries:
            earlier = book.entries[0].order
        elif book.lots and not follows(book, order):
            earlier = book.lots[0].entry
        else:
            return ""
        if not self._adds or (book.exit is not None and not follows(book, order)):
            return f"{earlier.id} is open or working; one position per instrument"
        if side(earlier) != side(order):
            return f"{earlier.id} is open or working; an entry may add to it, not work against it"
        return ""

    def _rejection(self, order: Order) -> str:
        """Why the options reject an order that the rules allow, or ""."""
        if not isinstance(order, PlaceOrder | ClosePosition) or not self._rules.rejects(order.id):
            return ""
        return f"rejected by fills.reject_share = {self._rules.reject_share:g} with seed {self._rules.seed}"

    def _place(self, book: InstrumentBook, order: PlaceOrder, bar: Bar, reports: list[VenueReport]) -> None:
        working = Working(order, order.qty)
        book.entries.append(working)
        reports.append(self._numbered.update(order.instrument, order.id, OrderStatus.ACCEPTED))
        waits = bool(book.lots) and (not self._adds or follows(book, order))
        if self._rules.fills_close and order.limit is None and self._fills(bar) and not waits:
            self._matching.price_slippage(book, bar)
            self._matching.fill(book, working, bar, bar.close, WHOLE, reports)

    def _take_exit(self, book: InstrumentBook, order: ClosePosition, bar: Bar, reports: list[VenueReport]) -> None:
        book.exit = order
        reports.append(self._numbered.update(order.instrument, order.id, OrderStatus.ACCEPTED))
        for working in book.entries.copy():
            self._matching.expire(book, working, f"its position is being closed by {order.id}", reports)
        if self._rules.fills_close and self._fills(bar):
            self._matching.price_slippage(book, bar)
            self._matching.leave(book, order, bar, bar.close, bar, reports)

    def _move(self, book: InstrumentBook, order: MoveBracket, reports: list[VenueReport]) -> None:
        """Replace the resting orders. The bar that decided is closed, so the new prices protect from the next one."""
        for lot in book.lots:
            lot.moved(order.stop, order.target, tightens=len(book.lots) > 1)
        first = book.lots[0]
        reports.append(self._numbered.update(order.instrument, order.id, OrderStatus.DONE, stop=first.stop, target=first.target))

    def _cancel(self, book: InstrumentBook, order: CancelOrder, reports: list[VenueReport]) -> None:
        working = working_entry(book, order.order_id)
        if working is not None:
            self._matching.expire(book, working, "cancelled on request", reports)
        reports.append(self._numbered.update(order.instrument, order.id, OrderStatus.DONE))


def _entry_refusal(book: InstrumentBook, order: PlaceOrder, bar: Bar) -> str:
    direction = {Action.ENTER_LONG: 1, Action.ENTER_SHORT: -1}.get(order.action)
    if direction is None:
        return f"{order.action} opens no position"
    if order.qty <= 0:
        return f"quantity {order.qty}; at least 1 contract"
    if not finite(order.stop, order.target, order.limit):
        limit = "" if order.limit is None else f", limit {order.limit}"
        return f"stop {order.stop}, target {order.target}{limit}: not prices"
    if not all(points is UNSET or 0 < points < HIGHEST for points in (order.stop_points, order.target_points)):
        return f"stop_points {order.stop_points}, target_points {order.target_points}: not distances"
    enters = bar.close if order.limit is None else order.limit
    if (enters - order.stop) * direction <= 0:
        where = f"the market at {enters}" if order.limit is None else f"its limit {enters}"
        return f"stop {order.stop} is on the wrong side of {where}"
    if order.valid_until_ns < bar.close_ns:
        return f"valid until {order.valid_until_ns}, it is {bar.close_ns}"
    return ""
