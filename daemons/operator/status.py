"""The status of every daemon: its process as supervisord reports it, joined with the daemon's own last heartbeat."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct

from tapewire.bus import access, contexts, topics
from tapewire.bus.access import Access
from tapewire.bus.client import Reader, request_control
from tapewire.bus.errors import PeerError, Transient
from tapewire.bus.messages import Beat
from tapewire.daemons.operator import supervise
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.operator.tables import aligned

BRIDGE = "nt"  # its name as a source
SILENT_S = 5.0
LISTEN_S = 2.0
REPLY_S = 0.5


class DaemonStatus(Struct, frozen=True):
    """One daemon.

    state: of its process, as supervisord names it. uptime_s, beat_age_s: in seconds; None without a heartbeat of this process.
    last: the topic with the highest number that it has published, as `topic@epoch:seq`; empty if it publishes none. note: its own
    state, "ready" in regular operation. received, healed, lost: messages since the process started. turned_away: peers that did not
    get in, since the process started; None if it does not reply. instance: the run's name. readers, refused_readers: of the logger
    only; who has asked for history within the last minute, and requests that found no room. ticks, ticks_lost: last trades that it
    took, and lacks.
    """

    name: str
    state: str
    pid: int
    uptime_s: float
    beat_age_s: float | None
    last: str
    note: str
    received: int
    healed: int
    lost: int
    turned_away: int | None = None
    instance: str = ""
    readers: int | None = None
    refused_readers: int | None = None
    ticks: int = 0
    ticks_lost: int = 0

    @property
    def healthy(self) -> bool:
        return self.state == "RUNNING" and self.beat_age_s is not None and self.beat_age_s < SILENT_S and self.note == "ready"


class BridgeStatus(Struct, frozen=True):
    """The bridge in NinjaTrader, by its last heartbeat.

    beat_age_s: by this machine's clock. note: "ready", or what stops entries there. sent, failed, queued, dropped: bars, alarms and
    messages to the gate, as in `beat` (PROTOCOL.md 12). ticks, ticks_lost: last trades that it sent, and gave up.
    """

    name: str
    beat_age_s: float
    note: str
    sent: int
    failed: int
    queued: int
    dropped: int
    ticks: int = 0
    ticks_lost: int = 0

    @classmethod
    def of(cls, beat: Beat) -> BridgeStatus:
        counts = (beat.sent, beat.failed, beat.queued, beat.dropped, beat.ticks, beat.ticks_lost)
        return cls(beat.name, round(age_s(beat), 1), beat.note, *counts)


class RunStatus(NamedTuple):
    """The daemons, and the bridge; None if none has sent a heartbeat to this broker."""

    daemons: list[DaemonStatus]
    bridge: BridgeStatus | None


def collect(instance: Instance) -> RunStatus:
    """Request the processes from supervisord, and listen for one heartbeat of each daemon."""
    processes = supervise.processes(instance)
    way = access.local(Path(instance.run), "reader")
    beats = listen(way, {each["name"] for each in processes})
    now_s = time.time()
    rows = []
    for each in processes:
        name = each["name"]
        beat = beats.get(name)
        fresh = beat if beat is not None and beat.pid == each["pid"] else None
        state = None if fresh is None else reported(way, name)
        rows.append(
            DaemonStatus(
                name=name,
                state=each["statename"],
                pid=each["pid"],
                uptime_s=round(max(0.0, now_s - each["start"]), 1) if each["pid"] else 0.0,
                beat_age_s=None if fresh is None else round(age_s(fresh), 1),
                last="" if fresh is None else furthest(fresh),
                note="starting" if fresh is None and not instance.ready else "" if fresh is None else fresh.note,
                received=0 if fresh is None else fresh.received,
                healed=0 if fresh is None else fresh.healed,
                lost=0 if fresh is None else fresh.lost,
                turned_away=None if state is None else int(state["turned_away"]),
                instance=instance.name,
                readers=None if state is None else state.get("readers"),
                refused_readers=None if state is None else state.get("refused_readers"),
                ticks=0 if fresh is None else fresh.ticks,
                ticks_lost=0 if fresh is None else fresh.ticks_lost,
            )
        )
    return RunStatus(rows, BridgeStatus.of(beats[BRIDGE]) if BRIDGE in beats else None)


def reported(way: Access, name: str) -> dict[str, Any] | None:
    """What a daemon reports of itself; None if it does not reply."""
    try:
        with contexts.brief() as context:
            report: dict[str, Any] = request_control(context, way.to(f"control.{name}"), "state", timeout_s=REPLY_S)
            return report
    except (Transient, PeerError):
        return None


def listen(way: Access, names: set[str]) -> dict[str, Beat]:
    """The newest heartbeat of each name, and of a bridge, from the broker's last values and at most LISTEN_S of live ones."""
    beats: dict[str, Beat] = {}
    until = time.monotonic() + LISTEN_S
    with contexts.brief() as context:
        wanted = tuple(topics.of(topics.BEAT, name) for name in (BRIDGE, *sorted(names)))
        reader = Reader(context, way.to("broker.out"), wanted, name="status")
        try:
            while time.monotonic() < until and not _all_fresh(beats, names):
                for message, _ in reader.receive(0.1):
                    if isinstance(message.body, Beat):
                        beats[message.body.name] = message.body
        finally:
            reader.close()
    return beats


def age_s(beat: Beat) -> float:
    """How old a heartbeat is, by this machine's clock; never below 0."""
    return max(0.0, time.time() - beat.wall_ns / 1e9)


def furthest(beat: Beat) -> str:
    """The topic with the highest number that a daemon has published, as `topic@epoch:seq`; empty if it has published none."""
    if not beat.last:
        return ""
    topic, (epoch, seq) = max(beat.last.items(), key=lambda item: (item[1][1], item[0]))
    return f"{topic}@{epoch}:{seq}"


def lines(status: RunStatus) -> Iterator[tuple[str, bool]]:
    """The daemons as lines for a person, after a heading, then the bridge; each with whether it is healthy."""
    rows, bridge = status
    table = [
        ("daemon", "state", "pid", "uptime", "heartbeat", "last", "received", "healed", "lost", "turned away"),
        *map(_cells, rows),
    ]
    yield from zip(aligned(table), (True, *(row.healthy for row in rows)), strict=True)
    for row in rows:
        if row.readers is not None:
            refused = f", {row.refused_readers} requests refused" if row.refused_readers else ""
            yield f"history: {row.readers} readers within the last minute{refused}", not row.refused_readers
    readers = [row for row in rows if row.ticks or row.ticks_lost]
    yield from ((f"{row.name}: {row.ticks} ticks taken, {row.ticks_lost} lost", True) for row in readers)
    if bridge is None:
        yield "bridge: no heartbeat since the broker started", True
        return
    counted = f"{bridge.sent} sent, {bridge.failed} failed, {bridge.queued} queued, {bridge.dropped} dropped"
    if bridge.ticks or bridge.ticks_lost:
        counted += f"; {bridge.ticks} ticks sent, {bridge.ticks_lost} lost"
    yield f"bridge: {bridge.note}, heartbeat {bridge.beat_age_s:.1f} s, {counted}", not bridge.dropped


def _cells(row: DaemonStatus) -> tuple[str, ...]:
    state = row.state.lower() if row.note in ("ready", "") else f"{row.state.lower()}, {row.note}"
    seconds = int(row.uptime_s)
    uptime = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    age = "none" if row.beat_age_s is None else f"{row.beat_age_s:.1f} s"
    strangers = "-" if row.turned_away is None else str(row.turned_away)
    numbers = (str(row.received), str(row.healed), str(row.lost), strangers)
    return (row.name, state, str(row.pid or "-"), uptime, age, row.last or "-", *numbers)


def _all_fresh(beats: dict[str, Beat], names: set[str]) -> bool:
    now_ns = time.time_ns()
    return all(name in beats and now_ns - beats[name].wall_ns < SILENT_S * 1e9 for name in names)
