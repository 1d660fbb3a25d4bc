"""Time as the rules count it: New York wall-clock time ("HH:MM") as minutes after midnight, and bar stamps in nanoseconds."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Meta

NEW_YORK = ZoneInfo("America/New_York")
SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS

DAY: Final = 24 * 60
EVENING: Final = 18 * 60  # a later stamp belongs to the next trade date
RTH_OPEN: Final = 9 * 60 + 30  # the first RTH bar is stamped one minute later
RTH_CLOSE: Final = 16 * 60
FRIDAY: Final = 4

TimeOfDay: TypeAlias = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM, such as 13:00")]


def minute_of(clock: TimeOfDay) -> int:
    """`HH:MM` as minutes after midnight. Raises ValueError on anything else."""
    hours, colon, minutes = clock.partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and hours.isdigit() and minutes.isdigit()) or hours > "23" or minutes > "59":
        raise ValueError(f"{clock!r} is not a time; write HH:MM, such as 13:00")
    return int(hours) * 60 + int(minutes)


def new_york(at_ns: int) -> dt.datetime:
    """A stamp in nanoseconds since 1970 as New York wall-clock time, to the second."""
    return dt.datetime.fromtimestamp(at_ns // SECOND_NS, NEW_YORK)


def is_friday(session: str) -> bool:
    """Whether a trade date, YYYY-MM-DD, is a Friday."""
    return dt.date.fromisoformat(session).weekday() == FRIDAY


def bar_stamp(session: str, minute: int) -> str:
    """A bar by its trade date and close stamp, as ids carry it: `20270224-1031`."""
    return f"{session.replace('-', '')}-{hhmm(minute).replace(':', '')}"


def hhmm(minute: int) -> str:
    """Minutes after midnight as `HH:MM`. Negative minutes lie in the evening before: -359 is 18:01."""
    return f"{minute // 60 % 24:02}:{minute % 60:02}"
