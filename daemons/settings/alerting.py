"""The section [alerts]: who is told what, and when. An address is a secret, so it stands elsewhere: a run keeps its settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from tapewire.strategies.clock import minute_of

NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}\Z")
LOG, SOUND = "log", "sound"
BUILT_IN = (LOG, SOUND)  # channels without an address
HEARTBEAT = "heartbeat"  # the address in the same file that is no channel


class Level(StrEnum):
    """How much an alert matters. INFO: what happens in trading. WARNING: look when you can. CRITICAL: look now."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS: Mapping[str, int] = MappingProxyType({"info": 0, "warning": 1, "critical": 2})


class Channel(Struct, frozen=True, forbid_unknown_fields=True):
    """What one channel gets.

    level: the least that it takes. quiet: times of day, "22:00-07:00", in the zone of [alerts]; what comes then is sent as one
    alert when they are over. quiet_level: what is sent at once even then. per_minute: more than so many are sent together as one.
    """

    level: Level = Level.INFO
    quiet: tuple[str, ...] = ()
    quiet_level: Level = Level.CRITICAL
    per_minute: int = 20

    def __post_init__(self) -> None:
        for each in self.quiet:
            window(each)
        if not 1 <= self.per_minute <= 600:
            raise ValueError(f"per_minute = {self.per_minute}: write 1 to 600")


class Rule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Alerts on `topics` go to `channels`.

    topics: prefixes, such as "signal." or "fill.MNQ."; "" is every one. channels: names. level: the least. instruments: only these;
    empty for all, and for alerts without one.
    """

    topics: tuple[str, ...]
    channels: tuple[str, ...]
    level: Level = Level.INFO
    instruments: tuple[str, ...] = ()


class Alerting(Struct, frozen=True, forbid_unknown_fields=True):
    """The alerts daemon (daemons/alerts).

    addresses: the file with the channels' addresses; empty for `alerts.toml` in the user's configuration folder.
    zone: of quiet hours. repeat_s: seconds of market time in which the same type and instrument is told once.
    digest_at: when the day is summed up, New York; empty for never. silent_s: a daemon that has sent no heartbeat for so long is
    reported. position_min: minutes after which an open position is reported; 0 for never. heartbeat_s: seconds between two calls of
    the outside service, while all is well.
    """

    enabled: bool = False
    addresses: str = ""
    zone: str = "America/New_York"
    repeat_s: float = 300.0
    digest_at: str = "17:05"
    silent_s: float = 10.0
    position_min: float = 120.0
    heartbeat_s: float = 60.0
    channels: dict[str, Channel] = {}
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        for name in (*self.channels, *(name for rule in self.rules for name in rule.channels)):
            if not NAME.match(name) or name == HEARTBEAT:  # the name may be an address, so it is not repeated
                raise ValueError(
                    "a channel's name has a-z, 0-9, _ and -, 32 at most; `tapewire alert add NAME` asks for its address"
                )
        for rule in self.rules:
            if unknown := [name for name in rule.channels if name not in self.channels]:
                raise ValueError(f"rules: no channel {unknown[0]!r}; write [alerts.channels.{unknown[0]}]")
            if not rule.topics or not rule.channels:
                raise ValueError("rules: each one needs topics and channels")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"zone = {self.zone!r} is unknown; write a name such as Europe/Berlin") from error
        if self.digest_at:
            minute_of(self.digest_at)
        if not 3.0 <= self.silent_s <= 3_600:
            raise ValueError(f"silent_s = {self.silent_s:g}: write seconds from 3 to 3600; a heartbeat comes once a second")
        if self.repeat_s < 0 or self.position_min < 0:
            raise ValueError("repeat_s and position_min are 0 or more")
        if not 5.0 <= self.heartbeat_s <= 86_400:
            raise ValueError(f"heartbeat_s = {self.heartbeat_s:g}: write seconds from 5 to 86400")


def window(text: str) -> tuple[int, int]:
    """`22:00-07:00` as minutes after midnight. Raises ValueError."""
    begin, dash, end = text.partition("-")
    if not dash or begin == end:
        raise ValueError(f"quiet = {text!r}: write HH:MM-HH:MM, such as 22:00-07:00")
    return minute_of(begin), minute_of(end)


def within(minute: int, windows: tuple[str, ...]) -> bool:
    """Whether a minute of the day lies in one of these; the end does not belong to it, and it may lie behind midnight."""
    return any(begin <= minute < end if begin < end else minute >= begin or minute < end for begin, end in map(window, windows))
