"""What a bar does to the orders and contracts of an instrument, by the rules of a fill model (core.py says in which order)."""

from __future__ import annotations

from msgspec import UNSET

from tapewire.bus.messages import Bar, ClosePosition, OrderStatus, PlaceOrder, Role
from tapewire.replay.venue.book import OPENED, WHOLE, WITHIN, InstrumentBook, Lot, Working, side
from tapewire.replay.venue.reports import NumberedReports, VenueReport
from tapewire.replay.venue.rules import BEST, NEARER, UNLIMITED, WORST, FillRules, high_first


class Matching:
    """Fills, by these rules. Each method adds what happened to `reports`."""

    def __init__(self, rules: FillRules, numbered: NumberedReports) -> None:
        self._rules = rules
        self._numbered = numbered
        self._shares = rules.partial_share > 0
        self._varies = rules.slippage_atr > 0 or rules.slippage_range > 0

    def offer(self, book: InstrumentBook, bar: Bar) -> None:
        """Contracts that a bar has for us, where that is limited."""
        if self._shares:
            book.room = self._rules.offered(bar.volume)

    def trade(self, book: InstrumentBook, bar: Bar, reports: list[VenueReport]) -> None:
        """The working orders at the open, then the brackets."""
        if self._shares:
            self.offer(book, bar)
        if self._varies:
            self.price_slippage(book, bar)
        if book.exit is not None and book.lots:
            self.leave(book, book.exit, bar, bar.open, bar, reports)
        if book.entries:
            for working in book.entries.copy():
                self._work(book, working, bar, reports)
        if book.lots:
            for lot in book.lots.copy():
                self._test_bracket(book, lot, bar, reports)

    def price_slippage(self, book: InstrumentBook, bar: Bar) -> None:
        """Find what a fill on this bar costs where that varies. At its close the bar is a part of the ATR."""
        if self._varies:
            terms = book.instrument
            book.slippage = self._rules.slippage(terms.slippage_ticks, terms.tick, book.atr, bar)

    def _work(self, book: InstrumentBook, working: Working, bar: Bar, reports: list[VenueReport]) -> None:
        """Fill a working entry as far as this bar does; cancel what is left once no later bar can be in time."""
        order = working.order
        late = bar.close_ns >= order.valid_until_ns
        waits = bool(book.lots) and follows(book, order)
        why = "it was not filled in time"
        if order.limit is not None:
            if waits or bar.close_ns > order.valid_until_ns or not self._reach(book, working, order.limit, bar, reports):
                why = f"the limit {order.limit} was not reached in time"
        else:
            if not waits and not (self._rules.expires and bar.close_ns > order.valid_until_ns):
                self.fill(book, working, bar, bar.open, WHOLE, reports)
            late = late and (self._rules.expires or self._shares)
        if late and working.left:
            if working.left < order.qty:
                why = f"{working.left} of {order.qty} contracts were not filled in time"
            self.expire(book, working, why, reports)

    def _reach(self, book: InstrumentBook, working: Working, limit: float, bar: Bar, reports: list[VenueReport]) -> bool:
        """Fill a resting limit if the bar came to its price, and say whether it did. None of its fills is worse than the limit."""
        to = -side(working.order)  # the way on which the price comes
        if not self._rules.touched(bar.low if to < 0 else bar.high, limit, to):
            return False
        opened = self._rules.touched(bar.open, limit, to)
        at = bar.open if opened and self._rules.at_open else limit
        self.fill(book, working, bar, at, OPENED if opened else WITHIN, reports)
        return True

    def expire(self, book: InstrumentBook, working: Working, why: str, reports: list[VenueReport]) -> None:
        book.entries.remove(working)
        order = working.order
        reports.append(self._numbered.update(order.instrument, order.id, OrderStatus.CANCELLED, detail=why))

    def fill(self, book: InstrumentBook, working: Working, bar: Bar, at: float, since: int, reports: list[VenueReport]) -> None:
        """Fill an entry with what the bar still offers. An entry with a limit pays no slippage."""
        qty = min(working.left, book.room)
        if qty == 0:
            return
        order = working.order
        to = side(order)
        price = at if order.limit is not None else self._rules.slipped(at, to, book.slippage, bar)
        book.room -= qty
        working.left -= qty
        if working.left == 0:
            book.entries.remove(working)
        lot = book.entered(order, qty, price)
        lot.since, lot.since_ns = since, bar.close_ns
        reports.append(self._numbered.execution(bar, order.id, to * qty, price, "ENTRY"))

    def _test_bracket(self, book: InstrumentBook, lot: Lot, bar: Bar, reports: list[VenueReport]) -> None:
        """First match: what an earlier bar has stopped, open beyond the stop, open beyond the target, stop and target by the path.

        Contracts that came in at a limit within the bar have only the rest of it before them.
        """
        stop, target = lot.stop, lot.target
        if not lot.stopped and _misses(bar, stop, target, lot.side):
            return
        rules = self._rules
        since = lot.since if lot.since_ns == bar.close_ns else WHOLE
        if since != WHOLE and rules.path == WORST:
            target = None
        if lot.side > 0:
            beyond_stop = stop is not None and bar.open <= stop
            stopped = stop is not None and bar.low <= stop
            best = bar.high
        else:
            beyond_stop = stop is not None and bar.open >= stop
            stopped = stop is not None and bar.high >= stop
            best = bar.low
        stop_first = rules.path != BEST
        if rules.path == NEARER:
            adverse_first = high_first(bar) == (lot.side < 0)
            stop_first = adverse_first or since == WITHIN
            if since == WITHIN and not adverse_first:
                best = bar.close
        reached = target is not None and rules.touched(best, target, lot.side)
        if lot.stopped or (beyond_stop and since != WITHIN):
            self._stop(book, lot, bar, bar.open, reports)
        elif target is not None and since != WITHIN and rules.touched(bar.open, target, lot.side):
            self._close(book, lot, bar, bar.open if rules.at_open else target, "TARGET", reports)
        elif stopped and stop is not None and (stop_first or not reached):
            self._stop(book, lot, bar, stop, reports)
        elif reached and target is not None:
            self._close(book, lot, bar, target, "TARGET", reports)

    def _stop(self, book: InstrumentBook, lot: Lot, bar: Bar, at: float, reports: list[VenueReport]) -> None:
        lot.stopped = True
        self._close(book, lot, bar, at, "STOP", reports)

    def _close(self, book: InstrumentBook, lot: Lot, bar: Bar, at: float, role: Role, reports: list[VenueReport]) -> None:
        """Close a lot near `at` by its bracket, as far as the bar offers. The rest of its entry is cancelled."""
        qty = min(lot.qty, book.room)
        working = working_entry(book, lot.entry.id) if qty or lot.stopped else None
        if working is not None:
            self.expire(book, working, f"the {role.lower()} of its position came first", reports)
        if qty:
            book.room -= qty
            self._sell(book, lot, qty, bar, at, role, bar, reports)

    def _sell(
        self, book: InstrumentBook, lot: Lot, qty: int, bar: Bar, at: float, role: Role, traded: Bar, reports: list[VenueReport]
    ) -> None:
        price = at
        if role != "TARGET" or self._rules.charged:
            price = self._rules.slipped(at, -lot.side, book.slippage, traded)
        to = -lot.side
        order_id = lot.entry.id
        book.left(lot, qty, price)
        reports.append(self._numbered.execution(bar, order_id, to * qty, price, role))

    def leave(
        self, book: InstrumentBook, order: ClosePosition, bar: Bar, at: float, traded: Bar, reports: list[VenueReport]
    ) -> None:
        """Close the whole position near `at`, as far as the bar offers. The fill carries the closing order's id."""
        to = -book.lots[0].side
        qty = min(abs(book.qty), book.room)
        if qty == 0:
            return
        book.room -= qty
        price, left = self._rules.slipped(at, to, book.slippage, traded), qty
        for lot in book.lots.copy():
            part = min(lot.qty, left)
            if part:
                left -= part
                book.left(lot, part, price)
        reports.append(self._numbered.execution(bar, order.id, to * qty, price, "EXIT"))

    def end_date(self, book: InstrumentBook, reports: list[VenueReport]) -> None:
        """Cancel working entries; close what is open at the last close of the date that traded, as of its last bar."""
        if book.bar is None:
            return
        for working in book.entries.copy():
            self.expire(book, working, "the trade date ended before it could fill", reports)
        if not book.lots or book.traded is None:
            return
        book.room = UNLIMITED
        self.price_slippage(book, book.traded)
        if book.exit is not None:
            self.leave(book, book.exit, book.bar, book.traded.close, book.traded, reports)
            return
        for lot in book.lots.copy():
            self._sell(book, lot, lot.qty, book.bar, book.traded.close, "SESSION_END", book.traded, reports)


def _misses(bar: Bar, stop: float | None, target: float | None, side: int) -> bool:
    """Whether a bar comes to neither price, as most do."""
    if side > 0:
        return (stop is None or (bar.low > stop and bar.open > stop)) and (
            target is None or (bar.high < target and bar.open < target)
        )
    return (stop is None or (bar.high < stop and bar.open < stop)) and (target is None or (bar.low > target and bar.open > target))


def working_entry(book: InstrumentBook, order_id: str) -> Working | None:
    """The entry of this id, if it works."""
    return next((each for each in book.entries if each.order.id == order_id), None)


def follows(book: InstrumentBook, order: PlaceOrder) -> bool:
    """Whether an entry waits for the close that works."""
    return order.after is not UNSET and book.exit is not None and book.exit.id == order.after
