"""The auction of one instrument's RTH session: its rows (strategies/auction.py) in prices, the session before, and the messages.

A bracket is over with the bar of its last minute, or with the next bar where that one is missing, and RTH with the bar of its close
likewise. Then its rows go out as a `profile`. A date whose prices lie further apart than any market's has no profile.
"""

from __future__ import annotations

from typing import NamedTuple

from tapewire.bus.messages import Auction, OpenRelation, Prints, PriorValue, Profile, ValueArea, ValueRelation
from tapewire.daemons.market import ticks
from tapewire.strategies.auction import BRACKET, AuctionRows, single_prints, tails, value_area
from tapewire.strategies.clock import RTH_OPEN


class RowSize(NamedTuple):
    """Of the rows of one instrument: the tick in points, and how many make a row."""

    tick: float
    ticks: int


class AuctionState:
    """Takes the RTH bars of one instrument, date by date. What it reads from its rows it works out when it is asked for it."""

    __slots__ = (
        "_auction",
        "_closed",
        "_date",
        "_final",
        "_grown",
        "_high",
        "_instrument",
        "_low",
        "_opened",
        "_over",
        "_prior",
        "_row",
        "_rows",
        "_singles",
        "_size",
        "_stale",
        "_tails",
        "_tpo",
        "_volume",
    )

    def __init__(self, instrument: str, size: RowSize) -> None:
        self._instrument = instrument
        self._size = size
        self._row = ticks.price(size.ticks, size.tick)
        self._closed: list[Profile] = []
        self._begin("", None)

    def _begin(self, date: str, prior: PriorValue | None) -> None:
        self._date = date
        self._rows: AuctionRows | None = AuctionRows(self._size.ticks)  # None: beyond any market
        self._over = 0  # brackets that are over
        self._final = False
        self._high = self._low = 0.0
        self._prior = prior
        self._opened: OpenRelation | None = None
        self._tpo: ValueArea | None = None
        self._volume: ValueArea | None = None
        self._tails = (0, 0)
        self._singles: tuple[Prints, ...] = ()
        self._grown = False  # TPOs came, or a bracket is over, since these were worked out
        self._stale = False  # something came since `_auction` was
        self._auction = Auction(self._row, prior=prior)

    @property
    def auction(self) -> Auction:
        """As it stands after the newest bar."""
        rows = self._rows
        if self._stale and rows is not None:
            self._stale = False
            if self._grown:
                self._grown = False
                self._tpo = self._area(rows, rows.counts, rows.tpos)
                self._tails = tails(rows, self._over)
                self._singles = tuple(
                    Prints(self._low_of(rows, first), self._high_of(rows, last)) for first, last in single_prints(rows, self._over)
                )
            self._volume = self._area(rows, rows.volumes, rows.volume)
            self._auction = self._read(rows)
        return self._auction

    def turn(self, date: str, *, counts: bool) -> None:
        """A new trade date. counts: the last session becomes the one before, as its levels do."""
        self.end()
        self._begin(date, self._left() if counts else self._prior)

    def fold(self, at: int, closes: int, opens: float, high: float, low: float, volume: int) -> None:
        """Take an RTH bar: its place in the trade date, that of the close, its prices and its contracts."""
        rows = self._rows
        if rows is None:
            return
        bracket = (at - 1 - RTH_OPEN) // BRACKET
        if bracket > rows.bracket >= self._over:  # its last minute is missing
            self._close(rows)
            self._tell(rows)
        tick = self._size.tick
        real = ticks.real(high, low) and low <= high
        first, last = (ticks.ticks(low, tick), ticks.ticks(high, tick)) if real else (0, 0)
        if not real or not rows.fits(first, last):
            self._give_up()
            return
        if rows.bracket < 0:
            self._high, self._low = high, low
            self._opened = _opened(opens, self._prior)
        else:
            self._high, self._low = max(self._high, high), min(self._low, low)
        if rows.fold(bracket, first, last, volume):
            self._grown = True
        self._stale = True
        self._over = bracket  # those before it
        self._final = at == closes
        if at == closes or at == RTH_OPEN + (bracket + 1) * BRACKET:
            self._over = bracket + 1
            self._grown = True
            self._tell(rows)

    def end(self) -> None:
        """RTH is over, whether or not its last bar came."""
        rows = self._rows
        if rows is None or self._final or rows.bracket < 0:
            return
        self._final = True
        self._close(rows)
        self._tell(rows)

    def closed(self) -> list[Profile]:
        """The profiles that the last bar closed, oldest first."""
        closed, self._closed = self._closed, []
        return closed

    def _close(self, rows: AuctionRows) -> None:
        """The newest bracket is over."""
        if self._over <= rows.bracket:
            self._over = rows.bracket + 1
            self._stale = self._grown = True

    def _tell(self, rows: AuctionRows) -> None:
        self._closed.append(
            Profile(
                self._instrument,
                self._date,
                self._over - 1,
                self._final,
                self._row,
                self._price(rows.lowest * rows.row_ticks),
                tuple(rows.letters),
                tuple(rows.volumes),
                self.auction,
            )
        )

    def _read(self, rows: AuctionRows) -> Auction:
        tail_low, tail_high = self._tails
        # Positional, in the order of the fields.
        return Auction(
            self._row,
            rows.bracket,
            rows.tpos,
            self._tpo,
            self._volume,
            self._singles,
            tail_high,
            tail_low,
            rows.counts[-1] > 1,
            rows.counts[0] > 1,
            self._prior,
            self._opened,
            _value(self._tpo, self._prior),
        )

    def _left(self) -> PriorValue | None:
        """What the date leaves to the next; None without a profile."""
        made = self.auction
        if made.tpo is None:
            return None
        return PriorValue(self._date, made.tpo, made.volume, self._high, self._low, made.poor_high, made.poor_low, made.singles)

    def _give_up(self) -> None:
        self._rows = None
        self._auction = Auction(self._row, prior=self._prior, opened=self._opened)

    def _area(self, rows: AuctionRows, by: list[int], total: int) -> ValueArea | None:
        area = value_area(by, total)
        if area is None:
            return None
        poc, low, high = area
        middle = (rows.lowest + poc) * rows.row_ticks + (rows.row_ticks - 1) // 2
        return ValueArea(self._price(middle), self._high_of(rows, high), self._low_of(rows, low))

    def _low_of(self, rows: AuctionRows, at: int) -> float:
        return self._price((rows.lowest + at) * rows.row_ticks)

    def _high_of(self, rows: AuctionRows, at: int) -> float:
        return self._price((rows.lowest + at + 1) * rows.row_ticks - 1)

    def _price(self, count: int) -> float:
        return ticks.price(count, self._size.tick)


def _opened(price: float, prior: PriorValue | None) -> OpenRelation | None:
    """Dalton, Mind over Markets, chapter 4: the open's relation to the day before."""
    if prior is None:
        return None
    if price > prior.high:
        return "above_range"
    if price < prior.low:
        return "below_range"
    if price > prior.tpo.high:
        return "above_value"
    return "below_value" if price < prior.tpo.low else "in_value"


def _value(tpo: ValueArea | None, prior: PriorValue | None) -> ValueRelation | None:
    """Dalton, Mind over Markets, chapter 4: value-area relationships."""
    if tpo is None or prior is None:
        return None
    before = prior.tpo
    if tpo.low > before.high:
        return "higher"
    if tpo.high < before.low:
        return "lower"
    if tpo.high == before.high and tpo.low == before.low:
        return "unchanged"
    if tpo.high <= before.high and tpo.low >= before.low:
        return "inside"
    if tpo.high >= before.high and tpo.low <= before.low:
        return "outside"
    return "overlapping_higher" if tpo.high > before.high else "overlapping_lower"
