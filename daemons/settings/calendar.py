"""Half days and holidays: from the exchange's calendar, or from the file beside the data.

The exchange's calendar is the library pandas_market_calendars, by product (daemons/market/week.py), with the corrections of
conf/calendar.toml laid over it. It covers real dates only. A recording of invented dates therefore brings its own
`calendar.json`. Where that file exists, it replaces the exchange's calendar; nothing is merged.

    {"half_days": {"2027-03-11": "13:00"}, "holidays": ["2027-03-26"]}
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec

from tapewire.bus.errors import DataError, suggest
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.week import product
from tapewire.daemons.settings.corrections import corrections
from tapewire.daemons.settings.structs import Conf
from tapewire.strategies.clock import NEW_YORK

FILE = "calendar.json"
KEYS = ("half_days", "holidays")
RTH_OPENS = dt.time(9, 30)
RTH_CLOSES = dt.time(16, 0)
CLOSES = dt.time(17, 0)


def calendar_for(folder: Path | None, first: dt.date, last: dt.date, name: str = "equity") -> Calendar:
    """Half days and holidays of the trade dates first to last.

    Args:
        folder: the recording's folder; its calendar.json, if it exists, replaces the exchange's calendar. None: the exchange's.
        name: the calendar of the instrument (daemons/market/week.py).
    Raises:
        DataError: calendar.json is malformed; the error names the key, the value and the remedy.
        ConfError: no calendar has this name, or conf/calendar.toml is malformed.
    """
    if folder is not None and (folder / FILE).exists():
        return _read(folder / FILE)
    closes = closes_of(name, first, last)
    # A close before the bell (09:15 on Good Friday when jobs are reported) leaves a trade date without RTH.
    return Calendar(
        half_days={day.isoformat(): f"{at:%H:%M}" for day, at in closes.items() if at is not None and RTH_OPENS < at < RTH_CLOSES},
        holidays=tuple(day.isoformat() for day, at in closes.items() if at is None or at <= RTH_OPENS),
        corrected=tuple(day.isoformat() for day in corrections(name) if first <= day <= last),
    )


def dated(conf: Conf, today: dt.date) -> Conf:
    """With the half days and holidays of every product that is traded, from 31 days ago to two years ahead. See `Conf.calendar`."""
    span = today - dt.timedelta(31), today + dt.timedelta(731)
    names = dict.fromkeys(conf.instruments[symbol].calendar for symbol in conf.traded)
    account, *others = (calendar_for(None, *span, name) for name in names)
    return msgspec.structs.replace(conf, calendar=account, calendars=dict(zip([*names][1:], others, strict=True)))


def closes_of(name: str, first: dt.date, last: dt.date) -> dict[dt.date, dt.time | None]:
    """When trading ends on each trade date from first to last, in New York; None for a day without trading.

    Raises:
        ConfError: no calendar has this name, or conf/calendar.toml is malformed.
    """
    # A late import, because it imports pandas: commands without a calendar should not wait for it.
    import pandas_market_calendars

    corrected = corrections(name)
    schedule = pandas_market_calendars.get_calendar(product(name).library).schedule(start_date=first, end_date=last)
    known = {day.date(): close.astimezone(NEW_YORK).time() for day, close in schedule["market_close"].items()}
    days = [first + dt.timedelta(number) for number in range((last - first).days + 1)]
    since = product(name).always_open_from
    known |= {day: CLOSES for day in days if since is not None and day > since}
    return {day: _corrected(known.get(day), corrected.get(day)) for day in days if day.weekday() < 5}


def _corrected(known: dt.time | None, close: str | None) -> dt.time | None:
    match close:
        case None:
            return known
        case "closed":
            return None
        case "regular":
            return CLOSES
    return dt.time.fromisoformat(close)


def _read(path: Path) -> Calendar:
    try:
        table: Any = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f'{path}: {error}; write {{"half_days": {{"2027-03-11": "13:00"}}}}') from error
    if not isinstance(table, dict):
        raise DataError(f"{path}: an object is needed; write {{}} for a calendar without special days")
    for key in table:
        if key not in KEYS:
            raise DataError(f"{path}: unknown key {key!r}{suggest(key, KEYS)}; known: {', '.join(KEYS)}")
    half_days, holidays = table.get("half_days", {}), table.get("holidays", [])
    if not isinstance(half_days, dict):
        raise DataError(f'{path}: half_days {half_days!r}: write dates with their close, {{"2027-03-11": "13:00"}}')
    if not isinstance(holidays, list):
        raise DataError(f'{path}: holidays {holidays!r}: write a list of dates, ["2027-03-26"]')
    for day in (*half_days, *holidays):
        _check_date(day, path)
    for day, close in half_days.items():
        _check_close(day, close, path)
    return Calendar(half_days=half_days, holidays=tuple(holidays))


def _check_date(day: Any, path: Path) -> None:
    try:
        if not isinstance(day, str) or dt.date.fromisoformat(day).isoformat() != day:
            raise ValueError(day)
    except ValueError:
        raise DataError(f"{path}: {day!r} is not a date; write YYYY-MM-DD") from None


def _check_close(day: str, close: Any, path: Path) -> None:
    try:
        at = dt.datetime.strptime(close, "%H:%M").time()
    except (TypeError, ValueError):
        raise DataError(f"{path}: half_days {day}: {close!r} is not a time; write HH:MM Eastern, such as 13:00") from None
    if not RTH_OPENS < at <= RTH_CLOSES or f"{at:%H:%M}" != close:
        raise DataError(f"{path}: half_days {day}: {close!r} is not a close; write HH:MM Eastern, after 09:30 and not after 16:00")
