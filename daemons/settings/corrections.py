"""conf/calendar.toml: trade dates on which the library's calendar is wrong or knows nothing. Its header says how to add one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from tapewire.bus.errors import ConfError
from tapewire.daemons.market.week import CLOSE, product
from tapewire.daemons.settings.files import FOLDER, convert, read_table
from tapewire.strategies.clock import minute_of

FILE = FOLDER / "calendar.toml"
CLOSED, REGULAR = "closed", "regular"


class Correction(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One trade date of some calendars. close: "HH:MM" New York, `closed` or `regular`."""

    date: dt.date
    calendars: tuple[str, ...]
    close: str
    why: str
    sources: tuple[str, ...]


class Corrections(Struct, frozen=True, forbid_unknown_fields=True):
    day: tuple[Correction, ...] = ()


def corrections(name: str, path: Path | None = None) -> Mapping[dt.date, str]:
    """What `close` says, by trade date, for one calendar.

    Raises:
        ConfError: the file is malformed; the error names the date, the field, the value and the remedy.
    """
    path = path or FILE
    found: dict[tuple[str, dt.date], str] = {}
    for each in convert(read_table(path), Corrections, str(path)).day:
        where = f"{path} [[day]] {each.date}"
        if not each.calendars or not each.sources or not each.why:
            empty = next(key for key in ("calendars", "sources", "why") if not getattr(each, key))
            raise ConfError(f"{where}: {empty} is empty; the file's header says what it holds")
        if each.date.weekday() > 4:
            raise ConfError(f"{where}: is a {each.date:%A}, which is no trade date; an evening's trading belongs to the next one")
        _check_close(each.close, where)
        for calendar in each.calendars:
            try:
                product(calendar)
            except ConfError as error:
                raise ConfError(f"{where}: calendars: {error}") from None
            if (calendar, each.date) in found:
                raise ConfError(f"{where}: {calendar} stands there twice; keep one")
            found[calendar, each.date] = each.close
    return {date: close for (calendar, date), close in found.items() if calendar == name}


def _check_close(close: str, where: str) -> None:
    if close in (CLOSED, REGULAR):
        return
    try:
        early = minute_of(close) < CLOSE
    except ValueError:
        early = False
    if not early:
        raise ConfError(f"{where}: close = {close!r}: write HH:MM New York before 17:00, such as 13:15, or {CLOSED}, or {REGULAR}")
