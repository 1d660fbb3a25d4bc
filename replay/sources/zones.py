"""Wall-clock time of a zone and UTC, for columns of stamps: by the moments at which the zone's offset changes."""

from __future__ import annotations

import datetime as dt
import functools
import zoneinfo
from typing import Any, NamedTuple

import numpy as np

from tapewire.bus.errors import ConfError
from tapewire.replay.sources.table import UTC, Flags, Whole
from tapewire.strategies.clock import SECOND_NS

DAY_S = 86_400
PIECE = 1 << 13  # stamps, of which most lie between two changes of an offset
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


class Offsets(NamedTuple):
    """A zone's offsets from UTC in a span. starts: the moment from which each holds, UTC; the first holds before, too."""

    starts: Whole
    offsets: Whole


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


def to_utc(stamp: Whole, zone: str) -> tuple[Whole, Flags]:
    """Wall-clock nanoseconds of a zone as UTC, and which of them the zone's clock skips.

    An hour that a clock change repeats is read as its first pass, and as its second where the stamps have gone back.
    """
    none = np.zeros(len(stamp), np.bool_)
    if zone == UTC or not len(stamp):
        return stamp, none
    starts, offsets = _offsets(zone, stamp)
    if len(offsets) == 1:
        return stamp - offsets[0], none
    # Each offset holds for a span of wall time: two overlap where an hour is repeated, none holds where one is skipped.
    first = _reached(starts[1:] + offsets[:-1], stamp)
    second = _reached((starts + offsets)[1:], stamp)
    utc = _moved(stamp, -offsets, first)
    repeated = np.flatnonzero(second > first)
    for rows in np.split(repeated, np.flatnonzero(np.diff(repeated) > 1) + 1):
        back = np.flatnonzero(np.diff(stamp[rows]) < 0)
        if len(back):
            after = rows[back[0] + 1 :]
            utc[after] = stamp[after] - offsets[second[after]]
    return utc, second < first


def from_utc(stamp: Whole, zone: str) -> Whole:
    """Nanoseconds UTC as wall-clock nanoseconds of a zone."""
    if zone == UTC or not len(stamp):
        return stamp
    starts, offsets = _offsets(zone, stamp)
    return _moved(stamp, offsets, _reached(starts[1:], stamp))


def at(stamp_ns: int, zone: str) -> dt.datetime:
    """A moment on a zone's clock, to the second."""
    return dt.datetime.fromtimestamp(stamp_ns // SECOND_NS, zoneinfo.ZoneInfo(zone))


def _reached(edges: Whole, stamp: Whole) -> Whole:
    """How many of some rising moments each stamp has reached."""
    reached: Any = np.empty(len(stamp), np.int16)
    for start in range(0, len(stamp), PIECE):
        piece = stamp[start : start + PIECE]
        low, high = np.searchsorted(edges, (piece.min(), piece.max()), side="right")
        reached[start : start + PIECE] = low if low == high else np.searchsorted(edges, piece, side="right")
    return reached  # type: ignore[no-any-return]


def _moved(stamp: Whole, offsets: Whole, which: Whole) -> Whole:
    """Each stamp moved by one of the offsets; piece by piece, as the processor keeps a piece at hand."""
    moved = np.empty(len(stamp), np.int64)
    for start in range(0, len(stamp), PIECE):
        piece = slice(start, start + PIECE)
        np.add(stamp[piece], offsets[which[piece]], out=moved[piece])
    return moved


def _offsets(zone: str, stamp: Whole) -> Offsets:
    """The offsets of a zone from a day before the first stamp to a day after the last, in nanoseconds."""
    starts, offsets = _changes(zone, int(stamp.min()) // (DAY_S * SECOND_NS) - 1, int(stamp.max()) // (DAY_S * SECOND_NS) + 2)
    return Offsets(np.array(starts, np.int64) * SECOND_NS, np.array(offsets, np.int64) * SECOND_NS)


@functools.lru_cache(maxsize=64)
def _changes(zone: str, first: int, last: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The moments between two days, since 1970, at which a zone's offset changes, and the offsets; both in seconds."""
    info = zoneinfo.ZoneInfo(zone)

    def offset(moment: int) -> int:
        found = (dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(seconds=moment)).astimezone(info).utcoffset()
        assert found is not None
        return round(found.total_seconds())

    starts, offsets = [first * DAY_S], [offset(first * DAY_S)]
    for day in range(first, last):
        low, high = day * DAY_S, (day + 1) * DAY_S
        if (new := offset(high)) == offsets[-1]:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == offsets[-1] else (low, middle)
        starts.append(high)
        offsets.append(new)
    return tuple(starts), tuple(offsets)
