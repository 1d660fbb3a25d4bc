"""Stamps as nanoseconds: how files write them, and from wall-clock time of a zone to UTC."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tapewire.bus.errors import ConfError
from tapewire.replay.sources.table import UTC, Flags, Whole
from tapewire.replay.sources.text import Column, Convert, Wanted, runs
from tapewire.strategies.clock import SECOND_NS

QUARTER_NS = 900 * SECOND_NS
FIRST_NS, END_NS = 0, 7_258_118_400 * SECOND_NS  # 1970 up to 2200: no other year can be right
PLACES = {"%Y": "YYYY", "%m": "MM", "%d": "DD", "%H": "hh", "%M": "mm", "%S": "ss"}
PLAIN = "YYYY-MM-DD hh:mm:ss"
PAIRS = np.full((256, 256), -1, np.int16)  # the number of two digits
PAIRS[48:58, 48:58] = np.arange(100).reshape(10, 10)
FIRST_DAY = {"Y": 1970, "M": 1, "D": 1}
LONGER = 17  # signs that a stamp in another form may have more, with an end
CLOCK_TIME = re.compile(r"(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?", re.ASCII)
WHOLE = re.compile(r"-?\d{1,18}|[1-8]\d{18}|9[01]\d{17}|9223372036854775807", re.ASCII)  # fits 64 bits
ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)

FORMS = (
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y%m%d %H%M%S",
)
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


def fixed(form: str, why: str, otherwise: Convert | None = None) -> Wanted:
    """A column of stamps whose digits stand in the same places in each row: nanoseconds as written, to the last digit.

    form: such as `YYYYMMDD hhmmss`; Y, M, D, h, m, s and f (of a second) are digits, every other sign stands for itself. A form
    without a date is a time of day, since midnight. otherwise: converts the cells that are written in another way.
    """
    places = {letter: [at for at, sign in enumerate(form) if sign == letter] for letter in "YMDhmsf"}
    signs = [(at, ord(sign)) for at, sign in enumerate(form) if sign not in places]
    fraction = 10 ** (9 - len(places["f"]))
    dated = sorted(places["Y"] + places["M"] + places["D"])
    date = slice(dated[0], dated[-1] + 1) if dated else slice(0)

    def number(letters: NDArray[np.uint8], letter: str, wrong: Flags) -> Whole:
        where = places[letter]
        found = np.full(len(letters), 0 if where else FIRST_DAY.get(letter, 0), np.int64)
        for first, last in zip(where[::2], where[1::2], strict=False):
            two = PAIRS[letters[:, first], letters[:, last]]
            wrong |= two < 0
            found = found * 100 + two
        if len(where) % 2:
            digit = letters[:, where[-1]] - np.uint8(ord("0"))  # what is below 0 becomes more than 9
            wrong |= digit > 9
            found = found * 10 + digit
        return found

    def days_of(letters: NDArray[np.uint8]) -> tuple[Whole, Flags]:
        wrong: Flags = np.zeros(len(letters), np.bool_)
        year, month, day = (number(letters, letter, wrong) for letter in "YMD")
        wrong |= (month < 1) | (month > 12) | (day < 1)
        months = np.where(wrong, 0, (year - 1970) * 12 + month - 1).astype("datetime64[M]")
        days = months.astype("datetime64[D]") + np.where(wrong, 0, day - 1)
        wrong |= days.astype("datetime64[M]") != months
        return days.astype(np.int64), wrong

    def convert(letters: NDArray[np.uint8]) -> tuple[Column, Flags]:
        starts, counts = runs(letters[:, date])
        first_days, first_wrong = days_of(letters[starts])
        days: Whole = np.repeat(first_days, counts)
        wrong: Flags = np.repeat(first_wrong, counts)
        wrong |= letters[:, len(form)] != 0
        for at, sign in signs:
            wrong |= letters[:, at] != sign
        hour, minute, second = (number(letters, letter, wrong) for letter in "hms")
        wrong |= (hour > 23) | (minute > 59) | (second > 59)
        seconds = days * 86_400 + hour * 3_600 + minute * 60 + second
        wrong |= (seconds < FIRST_NS // SECOND_NS) | (seconds >= END_NS // SECOND_NS)
        ns = seconds * SECOND_NS
        if places["f"]:
            ns += number(letters, "f", wrong) * fraction
        if wrong.any():
            ns[wrong] = 0
        if otherwise is not None and (others := np.flatnonzero(wrong & (letters[:, -1] == 0))).size:
            texts = [bytes(each).rstrip(b"\0").decode(errors="replace") for each in letters[others]]
            ns[others], wrong[others] = otherwise(pd.Series(texts, dtype=str))
        return ns, wrong

    return Wanted(convert, why, width=len(form) + (1 if otherwise is None else LONGER))


def checked(form: str, why: str) -> Wanted:
    """A column of stamps that must be written so, and are not needed: nothing of them is kept."""
    full = fixed(form, why)

    def convert(letters: NDArray[np.uint8]) -> tuple[Column, Flags]:
        return np.zeros(len(letters), np.int8), full.convert(letters)[1]

    return full._replace(convert=convert)


def repeated(convert: Convert, why: str) -> Wanted:
    """A column of few different cells, such as dates and times of day: each is converted once a block."""

    def once(cells: pd.Series[Any]) -> tuple[Column, Flags]:
        values, wrong = convert(pd.Series(cells.cat.categories, dtype=str))
        codes = cells.cat.codes.to_numpy(np.int64)
        return values[codes], wrong[codes]

    return Wanted(once, why, few=True)


def written(form: str, why: str) -> Wanted:
    """A column of stamps in one `strftime` form: nanoseconds as written."""
    slow = pattern(form)
    quick = re.sub("%[YmdHMS]", lambda found: PLACES[found[0]], form)
    if "%" in quick or set("".join(re.split("%[YmdHMS]", form))) & set("".join(PLACES.values())):
        return Wanted(slow, why, raw=True)
    return fixed(quick, why, slow)


def clock_pattern(form: str) -> Convert:
    """A converter of times of day in one `strftime` form, such as `%I:%M %p`: nanoseconds since midnight."""

    def convert(cells: pd.Series[Any]) -> tuple[Column, Flags]:
        times = pd.to_datetime(cells.astype(str).str.strip(), format=form, errors="coerce")
        missing = times.isna().to_numpy(np.bool_)
        since = (times - times.dt.normalize()).to_numpy().astype("timedelta64[ns]").astype(np.int64)
        return np.where(missing, 0, since), missing

    return convert


def time_of_day(first: str, why: str) -> Wanted:
    """A column of times of day, most of them written as the first one is: nanoseconds since midnight."""
    found = CLOCK_TIME.fullmatch(first)
    if found is None or len(found[1]) == 1:
        return Wanted(clock_time, why, raw=True)
    return fixed("hh:mm" + (":ss" if found[3] else "") + ("." + "f" * len(found[4]) if found[4] else ""), why, clock_time)


def clock_time(cells: pd.Series[Any]) -> tuple[Column, Flags]:
    """`9:31`, `09:31:00`, `09:31:00.250`: nanoseconds since midnight."""
    found = [CLOCK_TIME.fullmatch(text.strip()) for text in cells.astype(str).tolist()]
    parts = [(int(m[1]), int(m[2]), int(m[3] or 0), int((m[4] or "").ljust(9, "0"))) if m else (24, 0, 0, 0) for m in found]
    hour, minute, second, fraction = np.array(parts or [(0, 0, 0, 0)], np.int64)[: len(parts)].T
    wrong = (hour > 23) | (minute > 59) | (second > 59)
    return np.where(wrong, 0, ((hour * 60 + minute) * 60 + second) * SECOND_NS + fraction), wrong


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
    values, wrong = integers(cells)
    wrong |= values <= 0
    values = np.where(wrong, 1, values)
    scale = np.select([values < 10**11, values < 10**14, values < 10**17], [10**9, 10**6, 10**3], 1)
    ns = values * scale
    return ns, wrong | (ns >= END_NS)


def integers(cells: pd.Series[Any]) -> tuple[Column, Flags]:
    """Whole numbers to the last digit: a float would round nanoseconds."""
    if cells.dtype.kind == "i":
        return cells.to_numpy(np.int64), np.zeros(len(cells), np.bool_)
    texts = [text.strip() for text in cells.astype(str).tolist()]
    wrong = np.array([not WHOLE.fullmatch(text) for text in texts], np.bool_)
    values = [0 if bad else int(text) for text, bad in zip(texts, wrong, strict=True)]
    return np.array(values, np.int64), wrong


def _ns(times: pd.Series[Any], wrong: Flags) -> tuple[Column, Flags]:
    """Nanoseconds since 1970 of the years that can be right."""
    missing = times.isna().to_numpy(np.bool_)
    known = times.dt.tz_localize(None).to_numpy()
    micros = known.astype("datetime64[us]").astype(np.int64)
    outside = missing | wrong | (micros < FIRST_NS // 1000) | (micros >= END_NS // 1000)
    fine = np.where(outside, np.datetime64(0, "us"), known).astype("datetime64[ns]").astype(np.int64)
    return fine, outside


def form_of(text: str) -> str:
    """The `strptime` form in which people write such a stamp; empty if it is none of the usual ones."""
    for form in FORMS:
        try:
            dt.datetime.strptime(text, form)
        except ValueError:
            continue
        return form
    return ""


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


def from_utc(stamp: Whole, zone: str) -> Whole:
    """Nanoseconds UTC as wall-clock nanoseconds of a zone."""
    if zone == UTC or not len(stamp):
        return stamp
    quarters, counts = _quarters(stamp)
    wall = pd.DatetimeIndex(quarters.astype("datetime64[ns]")).tz_localize(UTC).tz_convert(zone).tz_localize(None)
    return stamp + np.repeat(_whole(wall) - quarters, counts)


def _localized(stamp: Whole, zone: str, *, first_pass: bool) -> tuple[Whole, Flags]:
    quarters, counts = _quarters(stamp)
    wall = pd.DatetimeIndex(quarters.astype("datetime64[ns]"))
    there = wall.tz_localize(zone, ambiguous=np.full(len(quarters), first_pass), nonexistent="NaT")
    skipped = np.asarray(there.isna(), np.bool_)
    offset = np.where(skipped, 0, _whole(there.tz_convert(UTC).tz_localize(None)) - quarters)
    return stamp + np.repeat(offset, counts), np.repeat(skipped, counts)


def _quarters(stamp: Whole) -> tuple[Whole, Whole]:
    """The quarter of an hour of each run of stamps that share one, and how many do. A zone's offset changes only between two."""
    quarter = stamp // QUARTER_NS
    starts = np.flatnonzero(np.concatenate(([True], quarter[1:] != quarter[:-1])))
    return quarter[starts] * QUARTER_NS, np.diff(starts, append=len(stamp))


def _whole(times: pd.DatetimeIndex) -> Whole:
    return np.asarray(times.to_numpy().astype("datetime64[ns]").astype(np.int64))
