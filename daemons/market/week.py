"""When a product trades in an ordinary week, by the name of its calendar. Holidays and early closes: daemons/settings/calendar.py.

All times are New York wall-clock time in minutes after midnight, as everywhere (strategies/clock.py). The rules of the playbook do
not use this: they speak of RTH, 09:30 to 16:00, for every product.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from tapewire.bus.errors import ConfError, suggest
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock
from tapewire.strategies.clock import DAY, EVENING, FRIDAY, RTH_CLOSE, RTH_OPEN

SUNDAY = 6
CLOSE = 17 * 60
LATER = 15
AFTER_HALF_DAY = 15  # minutes that a market still trades after an early close


class TradingWeek(NamedTuple):
    """An ordinary week: from Sunday's `opens` to Friday's `closes`, with a break from `closes` to `opens` on the days between.

    weekend: the weekend's hours are traded as well, and there is no daily break.
    """

    opens: int = EVENING
    closes: int = CLOSE
    weekend: bool = False

    @property
    def pause(self) -> tuple[int, int] | None:
        """The break of each day: bars close up to the first of these minutes, and again after the second. None without one."""
        return None if self.weekend else (self.closes, self.opens)

    def trades(self, weekday: int, minute: int) -> bool:
        """Whether the minute that closes at this stamp is traded. weekday: of the stamp, Monday is 0; minute: 0 is midnight."""
        if self.weekend:
            return True
        before = minute <= self.closes and weekday <= FRIDAY
        after = minute > self.opens and (weekday < FRIDAY or weekday == SUNDAY)
        return before or after


class Product(NamedTuple):
    """One calendar. library: its name in pandas_market_calendars.

    always_open_from: the first day that did not close at 17:00. later_before: until this trade date it closed at 17:15.
    """

    library: str
    always_open_from: dt.date | None = None
    later_before: dt.date | None = None


# The daily maintenance of index futures, energy and metals began at 16:15 Chicago until 2015-09-18 (NinjaTrader's advisory 25 of
# 2015-09-15; atas.net). Crypto trades around the clock since 16:00 Chicago of 2026-05-29 (CME Group's press release of 2026-02-19;
# alphawire.xyz of 2026-06-04), on weekends and holidays as well, but for up to two hours of maintenance on the weekend. The
# library knows neither.
_SINCE_2015 = dt.date(2015, 9, 21)
PRODUCTS: Mapping[str, Product] = {
    "equity": Product("CME Globex Equity", later_before=_SINCE_2015),
    "energy": Product("CMEGlobex_Energy", later_before=_SINCE_2015),
    "metals": Product("CMEGlobex_Metals", later_before=_SINCE_2015),
    "currencies": Product("CMEGlobex_FX"),
    "rates": Product("CME Globex Fixed Income"),
    "crypto": Product("CME Globex Crypto", always_open_from=dt.date(2026, 5, 29)),
}


def product(name: str) -> Product:
    """A calendar by name. Raises ConfError, with the names there are."""
    try:
        return PRODUCTS[name]
    except KeyError:
        raise ConfError(f"unknown calendar {name!r}{suggest(name, PRODUCTS)}; known: {', '.join(PRODUCTS)}") from None


def hours_of(name: str, on: dt.date | None = None) -> TradingWeek:
    """The trading week of a calendar. on: the week of this trade date; None for today's rules.

    Raises:
        ConfError: no calendar has this name.
    """
    known = product(name)
    since, before = known.always_open_from, known.later_before
    later = on is not None and before is not None and on < before
    return TradingWeek(closes=CLOSE + LATER * later, weekend=since is not None and (on is None or on > since))


def market_open(calendar: Calendar, week: TradingWeek, now_ns: int) -> bool:
    """Whether a market trades: from 18:00 to 17:00 New York, on a half day until shortly after its close, crypto all week.

    Holiday hours differ from holiday to holiday, so no bars are due on a holiday.
    """
    day, at = SessionClock(calendar).read(now_ns)
    if day.closes == RTH_OPEN:
        return False
    return week.weekend or week.opens - DAY < at <= (week.closes if day.closes == RTH_CLOSE else day.closes + AFTER_HALF_DAY)
