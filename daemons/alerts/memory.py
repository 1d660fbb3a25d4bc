"""What the desk remembers, as a value that a file can hold: a restart goes on with it and tells nothing a second time."""

from __future__ import annotations

from msgspec import Struct, field

from tapewire.daemons.alerts.alert import Alert

MOST_HELD = 50  # lines that a channel's quiet hours keep; the rest is counted


class Day(Struct):
    """What the digest of a day says. date: its trade date by the digest's own clock."""

    date: str = ""
    bars: int = 0
    signals: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    fills: int = 0
    trades: int = 0
    won: int = 0
    net_cents: int = 0
    warnings: dict[str, int] = field(default_factory=dict)
    repeats: int = 0

    @property
    def empty(self) -> bool:
        """Nothing has happened that a digest could tell."""
        return not (self.bars or self.signals or self.refusals or self.fills or self.trades or self.warnings)


class Withheld(Struct):
    """What a channel was not told in its quiet hours: the first lines, and how many there are in all."""

    lines: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, line: str) -> None:
        self.count += 1
        if len(self.lines) < MOST_HELD:
            self.lines.append(line)


class Open(Struct):
    """A position. since_ns: market time from which on it is open. told: that it is old."""

    qty: int
    since_ns: int
    told: bool = False


class Memory(Struct):
    """What the desk knows.

    now_ns: market time reached. told: by type and symbol, when it was told last. bars: by type and symbol, the newest bar that was
    told. risk: by account, state and reason. feeds: instruments whose bars do not come. silent: daemons that do not beat.
    """

    now_ns: int = 0
    told: dict[str, int] = field(default_factory=dict)
    bars: dict[str, int] = field(default_factory=dict)
    risk: dict[str, tuple[str, str]] = field(default_factory=dict)
    positions: dict[str, Open] = field(default_factory=dict)
    feeds: dict[str, str] = field(default_factory=dict)
    silent: list[str] = field(default_factory=list)
    held: dict[str, Withheld] = field(default_factory=dict)
    day: Day = field(default_factory=Day)
    recent: list[Alert] = field(default_factory=list)
