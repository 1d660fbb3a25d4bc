"""`GET /metrics`: the run in the words of Prometheus.

Where the numbers come from says what a restart does to them:

    the journal          facts, refusals, orders, alarms, gaps: counted in the logger, so no restart of any daemon turns them back
    a heartbeat, a       what a daemon counts of itself: begins anew with its process, as a counter may; `rate` and `increase` know
    daemon's report
    laps in heartbeats   the histograms: begin anew with this process
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NamedTuple, cast

from fastapi import APIRouter, Depends, Request, Security
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily as Counter
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.core import HistogramMetricFamily as Histogram
from prometheus_client.core import InfoMetricFamily as Info
from prometheus_client.exposition import choose_encoder
from starlette.responses import Response

from tapewire import __version__
from tapewire.bus import contexts, topics
from tapewire.bus.client import History
from tapewire.bus.errors import PeerError, Transient
from tapewire.bus.messages import Beat, Risk, Session, TradingState
from tapewire.bus.roles import CONTROL_PORT, VENUE, Role
from tapewire.daemons import makers
from tapewire.daemons.api import measures
from tapewire.daemons.api.callers import HEADER, Caller
from tapewire.daemons.api.door import OpenDoor
from tapewire.daemons.api.keyed import door_of
from tapewire.daemons.api.problems import Problem

router = APIRouter()

REPORT_S = 1.0  # a daemon that does not report within this time is told as one that is down
JOURNAL_S = 5.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

_bearer = HTTPBearer(auto_error=False, description="The token of a key, as Prometheus sends it (`authorization`).")


async def scraper(request: Request, bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]) -> Caller:
    """A reader, by the header that all endpoints take, or by the one that Prometheus has for it."""
    token = request.headers.get(HEADER) or (bearer.credentials if bearer else None)
    address = request.client.host if request.client else ""
    return door_of(request).callers.admit(token, address, Role.READER, Role.OPERATOR)


class ProcessFigures(NamedTuple):
    """What the kernel says of a process."""

    memory_bytes: int
    cpu_s: float
    files: int


class Scrape(NamedTuple):
    """What was found for one answer.

    reports: of each daemon that has replied. records: of the journal, by topic; None if the logger has not replied. beats: the last
    heartbeat of each source, and its age in seconds by this machine's clock.
    """

    daemons: tuple[str, ...]
    reports: dict[str, dict[str, Any]]
    records: dict[str, int] | None
    beats: dict[str, tuple[Beat, float]]
    processes: dict[str, ProcessFigures]
    risk: Risk | None
    bars: dict[str, float]


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request, caller: Annotated[Caller, Depends(scraper)]) -> Response:
    """Counters, gauges and histograms for Prometheus, in its text format or in OpenMetrics."""
    door = door_of(request)
    content, content_type = exposed(door, await scrape(door), request.headers.get("accept", ""))
    return Response(content, media_type=content_type)


def exposed(door: OpenDoor, found: Scrape, accept: str = "") -> tuple[bytes, str]:
    """The answer and its type, in the format that is accepted."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Found(door, found))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Found:
    """One answer as Prometheus' library wants it."""

    def __init__(self, door: OpenDoor, found: Scrape) -> None:
        self._door = door
        self._found = found

    def collect(self) -> Iterator[Any]:
        return families(self._door, self._found)


async def scrape(door: OpenDoor) -> Scrape:
    """Ask every daemon for its report, and read on in the journal."""
    daemons = tuple(name for name in makers.names(door.conf) if name != "api")
    replies = await asyncio.gather(*(_report(door, name) for name in daemons))
    reports = {name: reply for name, reply in zip(daemons, replies, strict=True) if reply is not None}
    records = reports["logger"].get("records") if "logger" in reports else None
    if records is not None:
        with suppress(Transient, PeerError):  # what is missing now is counted the next time
            await asyncio.to_thread(read_on, door, records)
    now_s = time.time()
    beats = {beat.name: (beat, max(0.0, now_s - beat.wall_ns / 1e9)) for beat in door.last(topics.BEAT, Beat).values()}
    pids = {name: report["pid"] for name, report in reports.items()} | {"api": os.getpid()}
    processes = {name: found for name, pid in pids.items() if (found := process(pid)) is not None}
    risk = next(iter(door.last(topics.RISK, Risk).values()), None)
    sessions = door.last(topics.SESSION, Session).values()
    bars = {each.bar.instrument: now_s - each.bar.close_ns / 1e9 for each in sessions}
    return Scrape(daemons, reports, records, beats, processes, risk, bars)


async def _report(door: OpenDoor, name: str) -> dict[str, Any] | None:
    try:
        return cast("dict[str, Any]", await door.ask(f"{CONTROL_PORT}{name}", "state", timeout_s=REPORT_S))
    except Problem:
        return None


def read_on(door: OpenDoor, records: dict[str, int]) -> None:
    """Count what the journal has more of the folded topics. In a thread of its own: the first time it may be much.

    Raises:
        Transient: the logger does not reply, or has too many readers.
    """
    contents = door.contents
    behind = {
        topic: contents.read.get(topic, 0)
        for topic, count in records.items()
        if topic.startswith(measures.FOLDED) and count > contents.read.get(topic, 0)
    }
    if not behind or not door.counting.acquire(blocking=False):
        return
    try:
        with contexts.brief() as context, History(context, door.history, deadline_s=JOURNAL_S) as history:
            for topic, start in behind.items():
                contents.take(topic, start, history.read(topic, start))
    finally:
        door.counting.release()


def process(pid: int) -> ProcessFigures | None:
    """What /proc says of a process (proc(5)); None if it has ended, or is another user's."""
    place = Path(f"/proc/{pid}")
    try:
        memory = int((place / "statm").read_text().split()[1]) * PAGE_BYTES
        fields = (place / "stat").read_text("latin-1").rpartition(")")[2].split()
        return ProcessFigures(memory, (int(fields[11]) + int(fields[12])) / TICKS_PER_S, len(os.listdir(place / "fd")))
    except (OSError, IndexError, ValueError):
        return None


# --- families -------------------------------------------------------------------------------------------------------------------

COUNTED = (
    ("tapewire_bars", "Bars in the journal.", topics.BAR, "instrument"),
    ("tapewire_signals", "Signals that the gate has approved.", topics.SIGNAL, "instrument"),
    ("tapewire_commands", "Commands to the venue.", topics.COMMAND, "instrument"),
    ("tapewire_fills", "Executions that were booked.", topics.FILL, "instrument"),
    ("tapewire_gaps", "Losses that did not heal, by who has lost.", topics.GAP, "process"),
)


def families(door: OpenDoor, found: Scrape) -> Iterator[Any]:
    """All metrics of one answer. Each has a line in the dashboard's test, which knows their names."""
    yield Info("tapewire", "The run.", value=_about(door))
    yield from _journal(door, found)
    yield from _health(found)
    yield from _trading(door, found)
    yield from _latency(door)
    yield from _clients(door, found)


def _journal(door: OpenDoor, found: Scrape) -> Iterator[Any]:
    for name, text, prefix, what in COUNTED if found.records is not None else ():
        family = Counter(name, text, labels=[what])
        known = found.daemons if what == "process" else door.conf.traded
        for subject, count in measures.kinds(found.records or {}, prefix, known).items():
            family.add_metric([subject], count)
        yield family
    contents = door.contents
    for name, text, counts, labels in (
        ("tapewire_rejects", "Intents that the gate has refused, by the first reason.", contents.refused, ["instrument", "reason"]),
        ("tapewire_orders", "Changes of orders, by the status that they got.", contents.orders, ["instrument", "status"]),
        ("tapewire_trades", "Round turns that have ended.", contents.trades, ["instrument", "result"]),
        ("tapewire_alarms", "Alarms, by who has raised them.", contents.alarms, ["process", "alarm"]),
    ):
        family = Counter(name, text, labels=labels)
        for key, count in counts.items():
            family.add_metric([*key], count)
        yield family


def _health(found: Scrape) -> Iterator[Any]:
    up = Gauge("tapewire_up", "1 if the daemon reports that it is ready.", labels=["process"])
    for name in found.daemons:
        up.add_metric([name], float(found.reports.get(name, {}).get("note") == "ready"))
    yield up
    ages = Gauge("tapewire_heartbeat_age_seconds", "Age of the last heartbeat, by this machine's clock.", labels=["process"])
    healed = Counter("tapewire_healed", "Messages that were missing and came again.", labels=["process"])
    lost = Counter("tapewire_lost", "Messages that were missing for good.", labels=["process"])
    received = Counter("tapewire_received", "Facts that a daemon has read.", labels=["process"])
    for name, (beat, age_s) in found.beats.items():
        if name in (*found.daemons, VENUE, "api"):
            ages.add_metric([name], round(age_s, 3))
            for family, value in ((healed, beat.healed), (lost, beat.lost), (received, beat.received)):
                family.add_metric([name], value)
    yield from (ages, healed, lost, received)
    yield from _processes(found)
    waits = Gauge("tapewire_pending", "Messages that wait for an answer, by who has to give it.", labels=["process", "for"])
    turned = Counter("tapewire_turned_away", "Peers that did not get in.", labels=["process"])
    for name, report in found.reports.items():
        turned.add_metric([name], report.get("turned_away", 0))
        for whom, count in measures.pending(report).items():
            waits.add_metric([name, whom], count)
    yield from (waits, turned)
    yield from _bridge(found)


def _processes(found: Scrape) -> Iterator[Any]:
    memory = Gauge("tapewire_memory_bytes", "Resident memory.", labels=["process"])
    cpu = Counter("tapewire_cpu_seconds", "Processor time.", labels=["process"])
    files = Gauge("tapewire_open_files", "Open descriptors.", labels=["process"])
    for name, each in found.processes.items():
        memory.add_metric([name], each.memory_bytes)
        cpu.add_metric([name], each.cpu_s)
        files.add_metric([name], each.files)
    yield from (memory, cpu, files)


def _bridge(found: Scrape) -> Iterator[Any]:
    if VENUE not in found.beats:
        return
    beat, _ = found.beats[VENUE]
    yield Gauge("tapewire_bridge_queued", "Messages that wait in the bridge.", value=beat.queued)
    yield Counter("tapewire_bridge_failed", "Messages of the bridge that found a queue full.", value=beat.failed)
    yield Counter("tapewire_bridge_dropped", "Messages that the bridge has given up.", value=beat.dropped)


def _trading(door: OpenDoor, found: Scrape) -> Iterator[Any]:
    gate = found.reports.get("gate")
    if gate is not None:
        yield Gauge("tapewire_venue_up", "1 if the order link stands.", value=float(gate["venue_up"]))
        yield Gauge("tapewire_killed", "1 if no entry is approved until a person acts.", value=float(gate["killed"]))
        if gate.get("lease_age_s") is not None:
            yield Gauge("tapewire_lease_age_seconds", "Since the venue was sent its last lease.", value=gate["lease_age_s"])
        held = Gauge("tapewire_position_contracts", "The position by our books, signed.", labels=["instrument"])
        for name, each in gate["books"].get("positions", {}).items():
            held.add_metric([name], each["qty"])
        yield held
        yield Gauge("tapewire_working_orders", "Orders that have not ended.", value=len(gate["books"].get("working", ())))
    risk = found.risk
    if risk is not None:
        state = Gauge("tapewire_trading_state", "1 for the state that holds.", labels=["state"])
        for each in TradingState:
            state.add_metric([each.value], float(each is risk.state))
        yield state
        result = Gauge("tapewire_profit_dollars", "Of the trade date: realised, and of open positions.", labels=["part"])
        result.add_metric(["realised"], risk.realised_cents / 100)
        result.add_metric(["open"], risk.open_cents / 100)
        yield result
    left = Gauge("tapewire_limit_left", "What is left of a limit.", labels=["limit", "unit"])
    whole = Gauge("tapewire_limit", "The limit.", labels=["limit", "unit"])
    for room in measures.rooms(door.conf.preset.risk, risk):
        left.add_metric([room.name, room.unit], room.left)
        whole.add_metric([room.name, room.unit], room.limit)
    yield from (left, whole)
    if door.mode == "live":
        ages = Gauge("tapewire_bar_age_seconds", "Since the close of the newest bar.", labels=["instrument"])
        for name, age_s in found.bars.items():
            ages.add_metric([name], round(age_s, 3))
        yield ages


def _latency(door: OpenDoor) -> Iterator[Any]:
    family = Histogram("tapewire_latency_seconds", "How long a bar takes at and between the daemons.", labels=["hop"])
    for name, hop in door.passing.hops.items():
        family.add_metric([name], buckets=hop.buckets, sum_value=hop.sum_s)
    yield family


def _clients(door: OpenDoor, found: Scrape) -> Iterator[Any]:
    yield Gauge("tapewire_streams", "Readers of the stream.", value=len(door.hub.listeners))
    yield Counter("tapewire_streams_cut", "Readers of the stream that read too slowly.", value=door.hub.cut_off)
    yield Counter("tapewire_refused_keys", "HTTP requests without a valid key.", value=door.callers.refused)
    away = Counter("tapewire_http_turned_away", "HTTP clients that did not get in, by why.", labels=["code"])
    for code, count in door.turned_away.counts.items():
        away.add_metric([code], count)
    yield away
    channels = found.reports.get("alerts", {}).get("channels")
    if channels is None:
        return
    told = Counter("tapewire_alerts", "Alerts, by channel and by what became of them.", labels=["channel", "result"])
    queued = Gauge("tapewire_alerts_queued", "Alerts that wait for their channel.", labels=["channel"])
    for name, counts in channels.items():
        queued.add_metric([name], counts["queued"])
        for result in ("sent", "failed", "dropped"):
            told.add_metric([name, result], counts[result])
    yield from (told, queued)


def _about(door: OpenDoor) -> dict[str, str]:
    conf = door.conf
    return {"version": __version__, "run": conf.instance, "mode": door.mode, "preset": conf.preset.name, "form": conf.form}
