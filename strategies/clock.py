"""Wall clock times of day, as the rules write them: "HH:MM" US Eastern, compared as minutes after midnight."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta

Clock: TypeAlias = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM, such as 13:00")]


def minute_of(clock: Clock) -> int:
    """`HH:MM` as minutes after midnight. Raises ValueError on anything else."""
    hours, colon, minutes = clock.partition(":")
    if not (colon and len(hours) == len(minutes) == 2 and hours.isdigit() and minutes.isdigit()) or hours > "23" or minutes > "59":
        raise ValueError(f"{clock!r} is not a time; write HH:MM, such as 13:00")
    return int(hours) * 60 + int(minutes)
