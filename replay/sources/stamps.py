"""Stamps as nanoseconds, as files write them; zones.py brings them from the wall clock of a zone to UTC."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from tapewire.replay.sources import cells
from tapewire.replay.sources.cells import Cells, Column, Wanted
from tapewire.replay.sources.digits import WORD, Words
from tapewire.replay.sources.table import Flags, Whole
from tapewire.strategies.clock import SECOND_NS

if TYPE_CHECKING:
    import pandas as pd

FIRST_NS, END_NS = 0, 7_258_118_400 * SECOND_NS  # 1970 up to 2200: no other year can be right
DAY_S = 86_400
DAY_NS = DAY_S * SECOND_NS
PLACES = {"%Y": "YYYY", "%m": "MM", "%d": "DD", "%H": "hh", "%M": "mm", "%S": "ss"}
LETTERS = "YMDhmsf"
PLAIN = "YYYY-MM-DD hh:mm:ss"
FIRST_DAY = {"Y": 1970, "M": 1, "D": 1}
CLOCK_TIME = re.compile(r"(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?", re.ASCII)
DATE = re.compile(r"(\d{4})/(\d\d?)/(\d\d?)", re.ASCII)
ISO = re.compile(r"(\d{4}-\d\d-\d\d)([T ])(\d\d:\d\d)(:\d\d)?(?:\.(\d+))?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII)
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

OneByOne: TypeAlias = Callable[[Sequence[str]], tuple[Column, Flags]]
"""Texts as nanoseconds, and which of them are none."""


class _Places:
    """Where the digits and the other signs of a form stand, in words of eight signs. See `fixed`."""

    def __init__(self, form: str) -> None:
        self.size = len(form)
        self.count = -(-len(form) // WORD)
        self._at = {letter: [at for at, sign in enumerate(form) if sign == letter] for letter in LETTERS}
        digits = [at for at, sign in enumerate(form) if sign in LETTERS]
        signs = {at: (0xFF, ord(sign)) for at, sign in enumerate(form) if sign not in LETTERS}
        self._written = self._masks(signs | dict.fromkeys(digits, (0xF0, 0x30)))
        self._digits = self._masks(dict.fromkeys(digits, (0xF0, 0x30)))
        self._sixes = self._masks(dict.fromkeys(digits, (0, 6)))
        self._dated = self._masks(dict.fromkeys(self._at["Y"] + self._at["M"] + self._at["D"], (0xFF, 0)))
        self.fraction = 10 ** (9 - len(self._at["f"]))

    def _masks(self, bytes_at: dict[int, tuple[int, int]]) -> list[tuple[np.uint64, np.uint64]]:
        """For each word a mask, and what its bytes are then."""
        words = [[0, 0] for _ in range(self.count)]
        for at, pair in bytes_at.items():
            for number, value in enumerate(pair):
                words[at // WORD][number] |= value << 8 * (at % WORD)
        return [(np.uint64(mask), np.uint64(value)) for mask, value in words]

    def fit(self, words: Sequence[Words]) -> Flags:
        """Which rows have digits and signs where the form has them."""
        fits = np.ones(1, np.bool_)
        for at, ((mask, value), (digits, zeros), (_, sixes)) in enumerate(
            zip(self._written, self._digits, self._sixes, strict=True)
        ):
            word = words[at]
            fits = fits & ((word & mask) == value) & (((word + sixes) & digits) == zeros)
        return fits

    def number(self, words: Sequence[Words], letter: str) -> Whole:
        """The number whose digits stand at a letter's places."""
        where = self._at[letter]
        if not where:
            return np.full(1, FIRST_DAY.get(letter, 0), np.int64)
        value = np.zeros(1, np.uint64)
        while where:
            at, two = where[0], len(where) > 1 and where[1] == where[0] + 1 and where[0] % WORD < WORD - 1
            digits = words[at // WORD] >> np.uint64(8 * (at % WORD))
            digits &= np.uint64(0x0F0F if two else 0x0F)
            if two:  # the first digit is in the lower byte
                digits *= np.uint64(10 * 256 + 1)
                digits >>= np.uint64(8)
                digits &= np.uint64(0xFF)
            value = value * np.uint64(100 if two else 10) + digits
            where = where[1 + two :]
        return value.view(np.int64)

    def dates(self, words: Sequence[Words], rows: int) -> Whole:
        """Where each run of rows of one date begins."""
        changed = np.zeros(rows, np.bool_)
        changed[:1] = True
        for (mask, _), word in zip(self._dated, words, strict=True):
            if mask and len(word) == rows:
                day = word & mask
                changed[1:] |= day[1:] != day[:-1]
        return np.flatnonzero(changed)


def fixed(form: str, why: str, otherwise: OneByOne | None = None) -> Wanted:
    """A column of stamps whose digits stand in the same places in each row: nanoseconds as written, to the last digit.

    form: such as `YYYYMMDD hhmmss`; Y, M, D, h, m, s and f (of a second) are digits, every other sign stands for itself. A form
    without a date is a time of day, since midnight. otherwise: converts the cells that are written in another way.
    """
    places = _Places(form)

    def days_of(words: Sequence[Words]) -> tuple[Whole, Flags]:
        year, month, day = (places.number(words, letter) for letter in "YMD")
        wrong = (month < 1) | (month > 12) | (day < 1)
        months = np.where(wrong, 0, (year - 1970) * 12 + month - 1).astype("datetime64[M]")
        days = months.astype("datetime64[D]") + np.where(wrong, 0, day - 1)
        wrong |= days.astype("datetime64[M]") != months
        since = days.astype(np.int64)
        return since, wrong | (since < FIRST_NS // DAY_NS) | (since >= END_NS // DAY_NS)

    def convert(column: Cells) -> tuple[Column, Flags]:
        # A word that is the same in all rows, as seconds and their parts are in bars of minutes, is looked at once.
        words = [word[:1] if (word == word[:1]).all() else word for word in column.words(places.count)]
        wrong = ~places.fit(words) | (column.ends - column.starts != places.size)
        starts = places.dates(words, len(column))
        of_starts = days_of([word if len(word) < len(column) else word[starts] for word in words])
        first_days, first_wrong = np.broadcast_to(of_starts[0], starts.shape), np.broadcast_to(of_starts[1], starts.shape)
        counts = np.diff(starts, append=len(column))
        seconds: Whole = np.repeat(first_days * DAY_S, counts)
        if first_wrong.any():
            wrong |= np.repeat(first_wrong, counts)
        hour, minute, second = (places.number(words, letter) for letter in "hms")
        wrong |= (hour > 23) | (minute > 59) | (second > 59)
        seconds += hour * 3_600 + minute * 60 + second
        ns = seconds * SECOND_NS
        if places.fraction < SECOND_NS:
            ns += places.number(words, "f") * places.fraction
        if wrong.any():
            ns[wrong] = 0
            if otherwise is not None:
                others = np.flatnonzero(wrong)
                ns[others], wrong[others] = otherwise(column.at(others).texts())
        return ns, wrong

    return Wanted(convert, why)


def shaped(first: str, why: str) -> Wanted:
    """A column of ISO stamps, most of them written as the first one is."""
    found = ISO.fullmatch(first)
    if found is None or found[6] not in (None, "Z") or len(found[5] or "") > 9:
        return loose(iso, why)
    fraction = "." + "f" * len(found[5]) if found[5] else ""
    return fixed(f"YYYY-MM-DD{found[2]}hh:mm{':ss' if found[4] else ''}{fraction}{found[6] or ''}", why, iso)


def time_of_day(first: str, why: str) -> Wanted:
    """A column of times of day, most of them written as the first one is: nanoseconds since midnight."""
    found = CLOCK_TIME.fullmatch(first)
    if found is None or len(found[1]) == 1:
        return loose(clock_time, why)
    return fixed("hh:mm" + (":ss" if found[3] else "") + ("." + "f" * len(found[4]) if found[4] else ""), why, clock_time)


def written(form: str, why: str) -> Wanted:
    """A column of stamps in one `strftime` form: nanoseconds as written."""
    slow = pattern(form)
    quick = re.sub("%[YmdHMS]", lambda found: PLACES[found[0]], form)
    if "%" in quick or set("".join(re.split("%[YmdHMS]", form))) & set("".join(PLACES.values())):
        return loose(slow, why)
    return fixed(quick, why, slow)


def loose(convert: OneByOne, why: str) -> Wanted:
    """A column of stamps that are converted one by one."""
    return Wanted(lambda column: convert(column.texts()), why)


def repeated(convert: OneByOne, why: str) -> Wanted:
    """A column of few different cells, such as dates and times of day: each is converted once a block."""
    return Wanted(cells.repeated(convert), why)


def unix(column: Cells) -> tuple[Column, Flags]:
    """Whole seconds, milliseconds, microseconds or nanoseconds since 1970, by their size: nanoseconds UTC."""
    values, wrong = cells.integers(column)
    wrong |= values <= 0
    values = np.where(wrong, 1, values)
    scale = np.select([values < 10**11, values < 10**14, values < 10**17], [10**9, 10**6, 10**3], 1)
    ns = values * scale
    return ns, wrong | (ns >= END_NS)


def iso(texts: Sequence[str]) -> tuple[Column, Flags]:
    """`2026-02-05T18:01:00.000`, with a blank for T, without seconds, with Z or an offset: nanoseconds as written, or UTC."""
    return _each(_iso, texts)


def date(texts: Sequence[str]) -> tuple[Column, Flags]:
    """`2026/2/5`: nanoseconds of its midnight."""
    return _each(_date, texts)


def clock_time(texts: Sequence[str]) -> tuple[Column, Flags]:
    """`9:31`, `09:31:00`, `09:31:00.250`: nanoseconds since midnight."""
    return _each(_clock_time, texts)


def pattern(form: str) -> OneByOne:
    """A converter of stamps in one `strftime` form, such as `%Y%m%d %H%M%S`: nanoseconds as written."""

    def convert(texts: Sequence[str]) -> tuple[Column, Flags]:
        times = _parsed(texts, form, utc=True)
        known = times.tz_localize(None).to_numpy()
        micros = known.astype("datetime64[us]").astype(np.int64)
        wrong = np.asarray(times.isna(), np.bool_) | (micros < FIRST_NS // 1000) | (micros >= END_NS // 1000)
        return np.where(wrong, np.datetime64(0, "us"), known).astype("datetime64[ns]").astype(np.int64), wrong

    return convert


def clock_pattern(form: str) -> OneByOne:
    """A converter of times of day in one `strftime` form, such as `%I:%M %p`: nanoseconds since midnight."""

    def convert(texts: Sequence[str]) -> tuple[Column, Flags]:
        times = _parsed(texts, form, utc=False)
        wrong = np.asarray(times.isna(), np.bool_)
        since = (times - times.normalize()).to_numpy().astype("timedelta64[ns]").astype(np.int64)
        return np.where(wrong, 0, since), wrong

    return convert


def zoned(stamp: str) -> bool:
    """Whether an ISO stamp carries its zone."""
    found = ISO.fullmatch(stamp.strip())
    return found is not None and bool(found[6])


def form_of(text: str) -> str:
    """The `strptime` form in which people write such a stamp; empty if it is none of the usual ones."""
    for form in FORMS:
        try:
            dt.datetime.strptime(text, form)
        except ValueError:
            continue
        return form
    return ""


def _parsed(texts: Sequence[str], form: str, *, utc: bool) -> pd.DatetimeIndex:
    """Texts in one `strftime` form; only a table that a person describes has such, so that nothing else waits for pandas."""
    import pandas as pd

    return pd.DatetimeIndex(pd.to_datetime(pd.Series(texts, dtype=str), format=form, errors="coerce", utc=utc))


def _each(convert: Callable[[str], int], texts: Sequence[str]) -> tuple[Column, Flags]:
    """Texts one by one; those for which `convert` raises a ValueError are none."""
    values, wrong = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.bool_)
    for at, text in enumerate(texts):
        try:
            values[at] = convert(text)
        except ValueError:
            wrong[at] = True
    return values, wrong


def _iso(text: str) -> int:
    found = ISO.fullmatch(text)
    if found is None:
        raise ValueError(text)
    day, _, minute, second, fraction, zone = found.groups(default="")
    moment = dt.datetime.fromisoformat(f"{day}T{minute}{second or ':00'}{zone or 'Z'}")
    ns = int(moment.timestamp()) * SECOND_NS + int(fraction[:9].ljust(9, "0"))
    if not FIRST_NS <= ns < END_NS:
        raise ValueError(text)
    return ns


def _date(text: str) -> int:
    found = DATE.fullmatch(text)
    if found is None:
        raise ValueError(text)
    day = dt.datetime(*map(int, found.groups()), tzinfo=dt.UTC)  # type: ignore[arg-type, misc]
    ns = int(day.timestamp()) * SECOND_NS
    if not FIRST_NS <= ns < END_NS:
        raise ValueError(text)
    return ns


def _clock_time(text: str) -> int:
    found = CLOCK_TIME.fullmatch(text)
    if found is None:
        raise ValueError(text)
    hour, minute, second = (int(part or 0) for part in found.group(1, 2, 3))
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(text)
    return ((hour * 60 + minute) * 60 + second) * SECOND_NS + int((found[4] or "").ljust(9, "0"))
