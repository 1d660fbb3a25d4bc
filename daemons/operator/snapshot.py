"""What the bridge and the daemons report at one moment. `ready` and `doctor` judge by it."""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec import Struct

from tapewire.bus import topics
from tapewire.bus.messages import Bar, Beat, Risk, Session
from tapewire.daemons.market.week import hours_of, market_open
from tapewire.daemons.settings.structs import Conf

FRESH_S = 5.0  # a heartbeat younger than this is fresh; the gate's lease lasts as long
STALE_S = 180.0  # three minutes without a bar in an open market

NO_LEASE, KILLED, HALTED = "no lease", "killed", "halted: "  # in the note of the bridge's heartbeat (PROTOCOL.md 12)


class BridgeBeat(Struct, frozen=True):
    """The bridge's newest heartbeat, as one listener received it.

    beat: its content; None if none was received or it cannot be read. age_s: seconds since the last one by this machine's clock;
    None if none was received. ahead_s: how many seconds the bridge's clock is ahead of this machine's; None if no heartbeat arrived
    while we listened. unreadable: why the newest one cannot be read; empty if it can.
    """

    beat: Beat | None = None
    age_s: float | None = None
    ahead_s: float | None = None
    unreadable: str = ""

    @property
    def fresh(self) -> bool:
        """The bridge is alive: its last heartbeat is younger than FRESH_S."""
        return self.age_s is not None and self.age_s < FRESH_S

    @property
    def noted(self) -> tuple[tuple[str, ...], str]:
        """What stops entries on the bridge's side: flags (NO_LEASE, KILLED), and any other cause as text, else empty."""
        flags, _, why = ("" if self.beat is None else self.beat.note).partition(HALTED)
        return tuple(flags.split("; ")), why


class BookPosition(NamedTuple):
    """A position in the gate's books. qty: signed. price: average; None when flat. venue_qty: the venue's, where it differs."""

    qty: int
    price: float | None
    venue_qty: int | None


class Snapshot(Struct, frozen=True, kw_only=True):
    """The state of bridge and daemons at one moment.

    bridge: its newest heartbeat. gate: the state that its control port reports, None if the gate does not reply. risk: the
    account's latest Risk message, None before the first. sessions: each instrument's latest Session, by topic. now_ns: the time of
    this machine's clock. live: bars come from the live market and not from a recording.
    """

    bridge: BridgeBeat
    gate: dict[str, Any] | None
    risk: Risk | None
    sessions: dict[str, Session]
    now_ns: int = 0
    live: bool = True

    @property
    def linked(self) -> bool:
        """The bridge is alive, and its order link to the gate is connected."""
        return self.bridge.fresh and self.gate is not None and bool(self.gate["venue_up"])

    @property
    def positions(self) -> dict[str, BookPosition]:
        """The position of each traded instrument in the gate's books; empty if the gate does not reply."""
        books = {} if self.gate is None else self.gate["books"].get("positions", {})
        return {name: BookPosition(each["qty"], each["price"], each["venue_qty"]) for name, each in books.items()}

    @property
    def differing(self) -> dict[str, BookPosition]:
        """Positions of which the venue's last report differs from our books."""
        return {name: held for name, held in self.positions.items() if held.venue_qty is not None}

    @property
    def position_text(self) -> str:
        """The positions of the gate's books, for a person: `MNQ +2 at 24987.75, MES flat`."""
        texts = [
            f"{name} {held.qty:+d} at {held.price:.12g}" if held.qty else f"{name} flat" for name, held in self.positions.items()
        ]
        return ", ".join(texts) or "no instrument is traded"

    @property
    def hello(self) -> dict[str, Any] | None:
        """The hello of the bridge on the order link: venue, version, accounts. None before it."""
        return self.gate["venue"] if self.linked and self.gate is not None else None

    def chart(self, instrument: str) -> dict[str, Any] | None:
        """The instrument's chart in the hello; None without one."""
        charts = self.hello.get("charts", []) if self.hello is not None else []
        return next((each for each in charts if each["instrument"] == instrument), None)

    def session(self, instrument: str) -> Session | None:
        """The instrument's latest Session; None before its first bar."""
        return self.sessions.get(topics.of(topics.SESSION, instrument))

    def expected(self, conf: Conf, bar: Bar) -> bool:
        """Whether new bars are due after this one: bars come live, and the instrument's market is open."""
        name = bar.instrument
        week = hours_of(conf.instruments[name].calendar)
        return self.live and bar.phase != "playback" and market_open(conf.calendar_of(name), week, self.now_ns)

    def stale(self, conf: Conf, bar: Bar) -> bool:
        """New bars are due, and this last one is older than STALE_S."""
        return self.expected(conf, bar) and self.age_s(bar) > STALE_S

    def age_s(self, bar: Bar) -> float:
        """Seconds since the bar closed, by this machine's clock; never below 0."""
        return max(0.0, (self.now_ns - bar.close_ns) / 1e9)


def span(seconds: float) -> str:
    """A duration in whole units, for a person: days, h, min or s; a unit is used from two of it on."""
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
