"""What the daybook sees of a run beside its journal: the feed, events, and how long bars took.

Feed and events are published of a live run only: the market time of a replay is not the clock's, and its journal stays that of a
backtest. How long bars took goes into the days' folders, `latency.jsonl`, and never onto the bus again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

import tapewire
from tapewire.bus import topics
from tapewire.bus.daemon import Event
from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Bar, Beat, FeedStatus, Header, Lap, OpsEvent
from tapewire.daemons.market.week import hours_of, market_open
from tapewire.daemons.operator.latency import figures, passage
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import epochs
from tapewire.daemons.shell.process import Process
from tapewire.replay import tapes
from tapewire.replay.days.events import BRIDGE, TOPICS, Events, Happened, changed
from tapewire.replay.days.feed import FeedWatch

RECENT = 1_000  # bars of which `doctor` is told
SHOWN = 5  # settings that an event names
NO_SETTINGS = ("since", "folds", "faults", "epoch", "calendar", "calendars", "rolls")

_header = msgspec.msgpack.Decoder(Header)
_told = msgspec.msgpack.Decoder(FeedStatus | OpsEvent)


class Fact(NamedTuple):
    """To be published by the daybook."""

    topic: str
    body: FeedStatus | OpsEvent
    cause: str = ""


class Published(NamedTuple):
    """A fact that an earlier life of the daybook has published in this epoch."""

    topic: str
    header: Header
    body: FeedStatus | OpsEvent
    frame: bytes


class Watched:
    """The feed and the events of a live run.

    Args:
        known: what was published in this epoch.
    """

    def __init__(self, conf: Conf, run: Path, known: list[Published], now_ns: int) -> None:
        self._events = Events(
            (each.body, each.header.event_ns, each.header.cause) for each in known if isinstance(each.body, OpsEvent)
        )
        calendars = {name: (conf.calendar_of(name), hours_of(conf.instruments[name].calendar)) for name in conf.traded}
        statuses = [each.body for each in known if isinstance(each.body, FeedStatus)]
        self._feed = FeedWatch(conf.traded, lambda name, wall_ns: market_open(*calendars[name], wall_ns), now_ns, statuses)
        self._begun = list(_begun(conf, run)) if not any(isinstance(each.body, OpsEvent) for each in known) else []

    def take(self, event: Event, now_ns: int, wall_ns: int) -> Iterator[Fact]:
        """A message was seen on the bus."""
        body = event.body
        if isinstance(body, Beat):
            if body.name == BRIDGE:
                self._feed.beat(now_ns)
            yield from _facts(self._events.beat(body, now_ns, wall_ns))
        elif isinstance(body, Bar):
            self._feed.bar(body, now_ns, wall_ns)
        else:
            yield from _facts(self._events.fact(event.ref, event.header.source, body))

    def look(self, now_ns: int, wall_ns: int) -> Iterator[Fact]:
        """What the clock tells; to be called once a second."""
        begun, self._begun = self._begun, []
        yield from _facts(Happened(each) for each in begun)
        yield from _facts(self._events.look(now_ns))
        for status in self._feed.changes(now_ns, wall_ns):
            yield Fact(topics.of(topics.FEED, status.instrument), status)


class Timed:
    """The laps of the newest bars."""

    def __init__(self) -> None:
        self._recent: dict[tuple[str, int], list[Lap]] = {}

    def take(self, laps: Iterable[Lap]) -> None:
        """The laps of a heartbeat."""
        for lap in laps:
            self._recent.setdefault((lap.instrument, lap.bar_ns), []).append(lap)
        for key in list(self._recent)[:-RECENT]:
            del self._recent[key]

    def state(self) -> dict[str, Any]:
        """The figures of these bars, by hop."""
        return {"bars": len(self._recent), "hops": msgspec.to_builtins(figures(map(passage, self._recent.values())))}


class Witness:
    """The daybook's eyes on the bus.

    topics: what it must see. passed: takes laps that belong into the folders.
    """

    def __init__(self, process: Process, run: Path, passed: Callable[[Iterable[Lap]], None]) -> None:
        self._process = process
        self._passed = passed
        self._timed = Timed()
        self._watched = self._watch(run) if process.conf.bus.clock_runs else None
        self.topics = (topics.BEAT,) if self._watched is None else TOPICS

    def take(self, event: Event, wall_ns: int) -> None:
        """A message has arrived."""
        if isinstance(event.body, Beat):
            self._timed.take(event.body.laps)
            self._passed(event.body.laps)
        if self._watched is not None:
            self._tell(self._watched.take(event, self._process.woke_ns, wall_ns), wall_ns)

    def look(self) -> None:
        """Publish what the clock tells; to be called once a second."""
        if self._watched is not None:
            wall_ns = self._process.clock.now_ns()
            self._tell(self._watched.look(self._process.clock.monotonic_ns(), wall_ns), wall_ns)

    def latency(self) -> dict[str, Any]:
        """For `doctor`."""
        return self._timed.state()

    def _watch(self, run: Path) -> Watched:
        """Go on with what an earlier life has published in this epoch."""
        process, known = self._process, past(run, self._process.conf)
        for topic, header, _, frame in known:
            process.stamper.resume(topic, header.seq)
            process.ring.keep(topic, header.epoch, header.seq, frame)
        return Watched(process.conf, run, known, process.clock.monotonic_ns())

    def _tell(self, facts: Iterable[Fact], wall_ns: int) -> None:
        for topic, body, cause in facts:
            self._process.publish(topic, body, wall_ns, cause)


def past(run: Path, conf: Conf) -> list[Published]:
    """What was published in this epoch, from the journal."""
    found: list[Published] = []
    if not (run / tapes.FOLDER).is_dir():
        return found
    for topic in (*tapes.topics(run, topics.OPS), *tapes.topics(run, topics.FEED)):
        for frame in tapes.frames(run, topic):
            header = _header.decode(frame)
            if header.epoch == conf.epoch:
                found.append(Published(topic, header, _told.decode(frame), frame))
    return found


def _facts(told: Iterator[Happened]) -> Iterator[Fact]:
    for event, cause in told:
        yield Fact(topics.OPS, event, cause)


def _begun(conf: Conf, run: Path) -> Iterator[OpsEvent]:
    """The events of an epoch that begins."""
    yield OpsEvent("started", "run", f"epoch {conf.epoch}, tapewire {tapewire.__version__}")
    try:
        before = configuration.read(epochs.folder(run, conf.epoch - 1))
    except ConfError:
        return
    differing = list(changed(_settings(before), _settings(conf)))
    if differing:
        more = f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
        yield OpsEvent("settings_changed", "run", f"{'; '.join(differing[:SHOWN])}{more}")


def _settings(conf: Conf) -> dict[str, Any]:
    return {key: value for key, value in msgspec.to_builtins(conf).items() if key not in NO_SETTINGS}
