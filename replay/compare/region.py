"""Numbers and dates as Windows writes them. Each region has its own marks and orders, and no file says which one it is from.

The decimal mark and the order of day and month are proved from all values of a file together: one value that can be read in one way
only decides for all. Where no value decides, nothing is assumed: the dates need an option.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal, NamedTuple

from tapewire.bus.errors import ConfError, DataError

Order = Literal["dmy", "mdy"]
ORDERS: tuple[Order, ...] = ("dmy", "mdy")

_GROUPED = re.compile(r"\d{1,3}([.,])\d{3}")
_BODY = re.compile(r"\d[\d.,'’]*|[.,]\d+")
_MINUS = "-−"
_SPACES = str.maketrans("", "", " \t\xa0\u2009\u202f")
_UNITS = re.compile(r"USD|EUR|GBP|CHF|US(?=\$)")
_STAMP = re.compile(
    r"(?P<a>\d{1,4})(?P<mark>[./-]) ?(?P<b>\d{1,2})(?P=mark) ?(?P<c>\d{1,4})\.?[\sT]+"
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,](?P<part>\d{1,7}))?)?(?:\s*(?P<half>[AaPp])\.?\s?[Mm]\.?)?"
)


class _Stamp(NamedTuple):
    """The parts of a date and time. first, second: day and month in the file's order, or month and day after a leading year."""

    year: int
    first: int
    second: int
    leading_year: bool
    time: dt.time


def decimal_mark(texts: Iterable[str], separator: str) -> str:
    """The decimal mark of a file's numbers, `.` or `,`.

    Args:
        texts: all of them. separator: between the file's columns; where no number decides, `;` stands for a comma.
    Raises:
        DataError: one number proves a point and another one a comma.
    """
    proofs: dict[str, str] = {}
    for text in texts:
        body = _body(text)
        marks = [mark for mark in body if mark in ".,"]
        if not marks or (len(marks) == 1 and _GROUPED.fullmatch(body)):
            continue
        last, other = marks[-1], "." if marks[-1] == "," else ","
        mark = other if len(marks) > 1 and set(marks) == {last} else last
        proofs.setdefault(mark, text)
    if len(proofs) > 1:
        raise DataError(f"{proofs['.']!r} has a decimal point and {proofs[',']!r} a decimal comma; export the grid again")
    return next(iter(proofs), "," if separator == ";" else ".")


def number(text: str, mark: str) -> Decimal:
    """A number or an amount: `24,954.25`, `$1.00`, `($1.00)`, `-$ 1.250,00`, `0,62 €`. Raises ValueError on anything else."""
    body = _body(text)
    negative = any(sign in text for sign in _MINUS) or (text.strip().startswith("(") and text.strip().endswith(")"))
    whole, _, part = body.partition(mark)
    digits = re.sub(r"[.,'’]", "", whole)
    if not (digits or part) or (part and not part.isdigit()):
        raise ValueError(f"{text!r} is not a number")
    value = Decimal(f"{digits or '0'}.{part or '0'}")
    return -value if negative else value


def _body(text: str) -> str:
    """The digits and marks of an amount, without sign, currency and spaces; empty if it holds anything else."""
    compact = _UNITS.sub("", text.translate(_SPACES))
    bare = "".join(each for each in compact if unicodedata.category(each) != "Sc").strip(f"(){_MINUS}")
    return bare if _BODY.fullmatch(bare) else ""


def order(option: str, text: str | None) -> Order | None:
    """An option's order. Raises ConfError if it is none."""
    for known in ORDERS:
        if text == known:
            return known
    if text is None:
        return None
    raise ConfError(f"{option} {text!r}; write dmy for day.month.year, or mdy for month/day/year")


def day_order(texts: Iterable[str], asked: Order | None) -> tuple[Order, str]:
    """The order of day and month in a file's dates, and by what it is known.

    Args:
        texts: all stamps. asked: the order that the option --dates names.
    Raises:
        DataError: a text is no stamp, or two of them contradict each other or the option. ConfError: an option must say it.
    """
    proofs: dict[Order, str] = {}
    doubtful = ""
    for text in texts:
        stamp = _split(text)
        if stamp.leading_year:
            continue
        if stamp.first > 12:
            proofs.setdefault("dmy", text)
        elif stamp.second > 12:
            proofs.setdefault("mdy", text)
        elif stamp.first != stamp.second:
            doubtful = doubtful or text
    if len(proofs) > 1:
        raise DataError(f"{proofs['dmy']!r} has the day first and {proofs['mdy']!r} the month; export the grid again")
    for order, text in proofs.items():
        if asked not in (None, order):
            raise DataError(f"--dates {asked}: {text!r} is no such date; leave the option out, the file proves {order}")
        return order, f"day and month as in {text!r}"
    if asked is not None:
        return asked, f"--dates {asked}"
    if doubtful:
        raise ConfError(
            f"no date in the file says whether {doubtful!r} has the day or the month first (no day is above 12); "
            "say --dates dmy for day.month.year, or --dates mdy for month/day/year"
        )
    return "dmy", "every date reads in one way only"


def moment(text: str, order: Order) -> dt.datetime:
    """A stamp as wall-clock time, in 24 or 12 hours. Raises DataError if there is no such date."""
    stamp = _split(text)
    month, day = (stamp.second, stamp.first) if order == "dmy" and not stamp.leading_year else (stamp.first, stamp.second)
    try:
        return dt.datetime.combine(dt.date(stamp.year, month, day), stamp.time)
    except ValueError as error:
        raise DataError(f"{text!r} is not a date ({error})") from error


def _split(text: str) -> _Stamp:
    found = _STAMP.fullmatch(text.strip())
    if found is None or {len(found["a"]), len(found["c"])} not in ({1, 4}, {2, 4}):
        raise DataError(f"{text!r} is not a date with a year of four digits and a time, such as 2/24/2027 9:31:05 AM")
    hour = int(found["hour"])
    if found["half"]:
        if not 1 <= hour <= 12:
            raise DataError(f"{text!r}: {hour} is not an hour of a 12-hour clock")
        hour = hour % 12 + (12 if found["half"] in "Pp" else 0)
    try:
        time = dt.time(hour, int(found["minute"]), int(found["second"] or 0), int((found["part"] or "0").ljust(6, "0")[:6]))
    except ValueError as error:
        raise DataError(f"{text!r} is not a time ({error})") from error
    a, b, c = int(found["a"]), int(found["b"]), int(found["c"])
    if len(found["a"]) == 4:
        return _Stamp(a, b, c, True, time)
    return _Stamp(c, a, b, False, time)
