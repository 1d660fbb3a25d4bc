"""What bridge and daemons say of themselves at one moment: the ground on which `ready` and `doctor` judge."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from tapewire.bus import topics
from tapewire.bus.messages import Bar, Beat, Risk, Session
from tapewire.daemons.market.clock import Calendar, Clock
from tapewire.strategies.clock import RTH_CLOSE, RTH_OPEN

FRESH_S = 5.0  # as long as a lease
STALE_S = 180.0  # three minutes without a bar in an open market
MARKET_OPENS, MARKET_CLOSES = -6 * 60, 17 * 60  # CME's equity index futures, minutes from the trade date's midnight
AFTER_HALF_DAY = 15  # minutes that they trade on after an early close

NO_LEASE, KILLED, HALTED = "no lease", "killed", "halted: "  # in the note of the bridge's heartbeat (PROTOCOL.md 12)


class BridgeBeat(Struct, frozen=True):
    """The bridge's heartbeat, as one listener has heard it.

    age_s: since it was last heard, by our clock; None if it never was. ahead_s: how far its clock is ahead of ours, None if no
    heartbeat came while we listened. unreadable: why the newest one cannot be read; empty if it can.
    """

    beat: Beat | None = None
    age_s: float | None = None
    ahead_s: float | None = None
    unreadable: str = ""

    @property
    def fresh(self) -> bool:
        """Whoever sends it is there."""
        return self.age_s is not None and self.age_s < FRESH_S

    @property
    def noted(self) -> tuple[tuple[str, ...], str]:
        """What stops entries on its side: NO_LEASE, KILLED; and in words, empty if nothing else does."""
        words, _, why = ("" if self.beat is None else self.beat.note).partition(HALTED)
        return tuple(words.split("; ")), why


class Snapshot(Struct, frozen=True, kw_only=True):
    """All of it.

    heard: of the bridge. gate: the state of its control port, None if it does not answer. risk: the account's standing, None if
    nothing was said yet. sessions: the latest of each instrument, by topic. now_ns: of our clock. live: bars come as the market
    makes them, and not out of a recording.
    """

    bridge: BridgeBeat
    gate: dict[str, Any] | None
    risk: Risk | None
    sessions: dict[str, Session]
    now_ns: int = 0
    live: bool = True

    @property
    def linked(self) -> bool:
        """The bridge is there and takes orders."""
        return self.bridge.fresh and self.gate is not None and bool(self.gate["venue_up"])

    @property
    def hello(self) -> dict[str, Any] | None:
        """What the bridge on the link has said of itself: venue, version, accounts. None before it has."""
        return self.gate["venue"] if self.linked and self.gate is not None else None

    def session(self, instrument: str) -> Session | None:
        """The instrument's latest, None before its first bar."""
        return self.sessions.get(topics.of(topics.SESSION, instrument))

    def expected(self, calendar: Calendar, bar: Bar) -> bool:
        """Whether a bar as old as this one should have been followed by others: they come live, and the market is open."""
        return self.live and bar.phase != "playback" and market_open(calendar, self.now_ns)

    def stale(self, calendar: Calendar, bar: Bar) -> bool:
        """No bar has come for too long."""
        return self.expected(calendar, bar) and self.age_s(bar) > STALE_S

    def age_s(self, bar: Bar) -> float:
        """How long ago it closed, by our clock; never below 0."""
        return max(0.0, (self.now_ns - bar.close_ns) / 1e9)


def market_open(calendar: Calendar, now_ns: int) -> bool:
    """Whether the market makes bars: from 18:00 to 17:00 New York, on a half day until shortly after its close. What trades on a
    holiday depends on the holiday, so nothing is expected then.
    """
    day, at = Clock(calendar).read(now_ns)
    if day.closes == RTH_OPEN:
        return False
    return MARKET_OPENS < at <= (MARKET_CLOSES if day.closes == RTH_CLOSE else day.closes + AFTER_HALF_DAY)


def span(seconds: float) -> str:
    """A duration for a person."""
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
