"""Stamps as nanoseconds: how files write them, and from wall-clock time of a zone to UTC."""

from __future__ import annotations

import re
import zoneinfo
from typing import Any

import numpy as np
import pandas as pd

from tapewire.bus.errors import ConfError
from tapewire.replay.sources.table import UTC, Flags, Whole
from tapewire.replay.sources.text import Column, Convert
from tapewire.strategies.clock import SECOND_NS

FIRST_NS, END_NS = 0, 7_258_118_400 * SECOND_NS  # 1970 up to 2200: no other year can be right
ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)

SHORT_ZONES = {
    "ET": "America/New_York",
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "CT": "America/Chicago",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "GMT": "UTC",
    "Z": "UTC",
}


def zone_named(text: str) -> str:
    """A zone by its IANA name ("America/Chicago"), or by what people write ("CT"). Raises ConfError for any other text."""
    name = SHORT_ZONES.get(text.upper(), text)
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfError(
            f"--zone {text!r}: not a time zone; write an IANA name such as America/Chicago, America/New_York, UTC"
        ) from None
    return name


def iso(cells: pd.Series[Any]) -> tuple[Column, Flags]:
    """`2026-02-05T18:01:00.000`, with a blank for T, without seconds, with Z or an offset: nanoseconds as written, or UTC."""
    texts = cells.astype(str)
    try:
        letters = texts.to_numpy(dtype="S16")
    except UnicodeEncodeError:
        letters = np.array([text.encode("ascii", "replace") for text in texts], "S16")
    signs = letters.view(np.uint8).reshape(-1, 16)
    # pandas reads shorter forms, too: a date alone, an hour alone. Those are no stamps of bars.
    shaped = (signs[:, 4] == ord("-")) & (signs[:, 13] == ord(":"))
    return _ns(pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True), ~shaped)


def date(cells: pd.Series[Any]) -> tuple[Column, Flags]:
    """`2026-02-05`: nanoseconds of its midnight."""
    return _ns(pd.to_datetime(cells.astype(str), format="%Y-%m-%d", errors="coerce", utc=True), np.zeros(len(cells), np.bool_))


def zoned(stamp: str) -> bool:
    """Whether an ISO stamp carries its zone."""
    found = ISO.fullmatch(stamp.strip())
    return found is not None and bool(found[3])


def pattern(form: str) -> Convert:
    """A converter of stamps in one `strftime` form, such as `%Y%m%d %H%M%S`: nanoseconds as written."""

    def convert(cells: pd.Series[Any]) -> tuple[Column, Flags]:
        texts = cells.astype(str).str.strip()
        return _ns(pd.to_datetime(texts, format=form, errors="coerce", utc=True), np.zeros(len(cells), np.bool_))

    return convert


def unix(cells: pd.Series[Any]) -> tuple[Column, Flags]:
    """Whole seconds, milliseconds, microseconds or nanoseconds since 1970, by their size: nanoseconds UTC."""
    numbers = pd.to_numeric(cells, errors="coerce").fillna(0)
    wrong = np.asarray((numbers <= 0) | (numbers % 1 != 0), np.bool_)
    values = np.where(wrong, 1, numbers).astype(np.int64)
    scale = np.select([values < 10**11, values < 10**14, values < 10**17], [10**9, 10**6, 10**3], 1)
    ns = values * scale
    return ns, wrong | (ns >= END_NS)


def _ns(times: pd.Series[Any], wrong: Flags) -> tuple[Column, Flags]:
    """Nanoseconds since 1970 of the years that can be right."""
    missing = times.isna().to_numpy(np.bool_)
    seconds = times.dt.tz_localize(None).astype("datetime64[us]").to_numpy().astype("datetime64[us]").astype(np.int64)
    outside = missing | wrong | (seconds < FIRST_NS // 1000) | (seconds >= END_NS // 1000)
    fine = np.where(outside, 0, seconds) * 1000
    return fine, outside


def to_utc(stamp: Whole, zone: str) -> tuple[Whole, Flags]:
    """Wall-clock nanoseconds of a zone as UTC, and which of them the zone's clock skips.

    An hour that a clock change repeats is read as its first pass, and as its second where the stamps have gone back.
    """
    if zone == UTC or not len(stamp):
        return stamp, np.zeros(len(stamp), np.bool_)
    first, skipped = _localized(stamp, zone, first_pass=True)
    second, _ = _localized(stamp, zone, first_pass=False)
    repeated = np.flatnonzero(second != first)
    for rows in np.split(repeated, np.flatnonzero(np.diff(repeated) > 1) + 1):
        back = np.flatnonzero(np.diff(stamp[rows]) < 0)
        if len(back):
            after = rows[back[0] + 1 :]
            first[after] = second[after]
    return first, skipped


def _localized(stamp: Whole, zone: str, *, first_pass: bool) -> tuple[Whole, Flags]:
    wall = pd.DatetimeIndex(stamp.astype("datetime64[ns]"))
    there = wall.tz_localize(zone, ambiguous=np.full(len(stamp), first_pass), nonexistent="NaT")
    skipped = np.asarray(there.isna(), np.bool_)
    utc = there.tz_convert(UTC).tz_localize(None).to_numpy().astype("datetime64[ns]").astype(np.int64)
    return np.where(skipped, stamp, utc), skipped
