"""Time as the rules count it: New York wall time as "HH:MM", compared as minutes after midnight; bar stamps in nanoseconds."""

from __future__ import annotations

from typing import Annotated, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Meta

NEW_YORK = ZoneInfo("America/New_York")
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS

Clock: TypeAlias = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM, such as 13:00")]


def minute_of(clock: Clock) -> int:
    """`HH:MM` as minutes after midnight. Raises ValueError on anything else."""
    hours, colon, minutes = clock.partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and hours.isdigit() and minutes.isdigit()) or hours > "23" or minutes > "59":
        raise ValueError(f"{clock!r} is not a time; write HH:MM, such as 13:00")
    return int(hours) * 60 + int(minutes)


def hhmm(minute: int) -> str:
    """Minutes after midnight as `HH:MM`. Negative minutes lie in the evening before: -359 is 18:01."""
    return f"{minute // 60 % 24:02}:{minute % 60:02}"
