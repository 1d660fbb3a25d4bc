"""Tables of prices as bars, and the tracker's sessions of those bars, for strategies that read every bar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tapewire.bus.daemon import Event
from tapewire.bus.messages import Bar, Body, Header, Session
from tapewire.bus.testing import MINUTE_NS, eastern
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.gate import core as gate
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.publisher import core as publisher
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.tracker import core as tracker
from tapewire.daemons.tracker.session_model import SessionModel
from tapewire.replay import loop, runs
from tapewire.strategies import registry
from tapewire.strategies.protocol import Strategy

Row = tuple[float, ...]
"""open, high, low, close, and the volume if it is not 1000."""


def bars(at: str, rows: Iterable[Row], *, day: str, instrument: str = "ES") -> list[Bar]:
    """One-minute bars without order flow, the first of which closes at `at` (New York)."""
    first_ns = eastern(at, day)
    made = []
    for number, (opened, high, low, close, *volume) in enumerate(rows):
        close_ns = first_ns + number * MINUTE_NS
        size = int(volume[0]) if volume else 1000
        made.append(Bar(instrument, close_ns - MINUTE_NS, close_ns, opened, high, low, close, size, index=number))
    return made


def mirrored(rows: Iterable[Row], around: float) -> list[Row]:
    """Up and down exchanged: each price p becomes `around - p`, and high and low change places."""
    return [(around - o, around - low, around - high, around - c, *volume) for o, high, low, c, *volume in rows]


def sessions(feed: Iterable[Bar], calendar: Calendar | None = None) -> list[Session]:
    """The tracker's sessions of these bars."""
    market = SessionModel(SessionClock(calendar or Calendar()))
    return [session for bar in feed if (session := market.fold(bar)) is not None]


def strategy(name: str, preset: str, **changes: Any) -> Strategy:
    """A strategy as a shipped preset has it; `changes` replaces single parameters."""
    shipped = configuration.preset(preset)
    (built,) = registry.build([name], {name: {**shipped.parameters[name], **changes}}, shipped.day_type)
    return built


def settings(preset: str, instrument: str = "ES", *, fill: str = "next_open") -> Conf:
    """A replay's configuration."""
    return configuration.load("replay", instance="test", traded=[instrument], preset=configuration.preset(preset), fill=fill)


def backtest(conf: Conf, feed: Sequence[Bar]) -> list[Event]:
    """Every message of an in-process run over these bars, in order."""
    events: list[Event] = []

    def record(topic: str, header: Header, body: Body) -> None:
        events.append(Event(topic, header, body))

    daemons = [tracker.daemon(conf), evaluator.daemon(conf), gate.daemon(conf), publisher.daemon(conf)]
    loop.run(daemons, runs.venue(conf), feed, record)
    return events
