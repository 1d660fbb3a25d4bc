"""Where every daemon stands: what supervisord knows, joined with the daemon's own last heartbeat."""

from __future__ import annotations

import time

import zmq
from msgspec import Struct
from rich.table import Table

from bus import topics
from bus.client import Reader
from bus.messages import Beat
from daemons import supervise
from daemons.instances import Instance
from daemons.settings import PORTS

SILENT_S = 5.0
LISTEN_S = 2.0


class Row(Struct, frozen=True):
    """One daemon. Ages in seconds. last: its furthest-written topic as `topic@epoch:seq`; empty if it writes none."""

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

    @property
    def healthy(self) -> bool:
        return self.state == "RUNNING" and self.beat_age_s is not None and self.beat_age_s < SILENT_S and self.note == "ready"


def collect(instance: Instance) -> list[Row]:
    """Ask supervisord, and listen for one heartbeat of everybody."""
    known = supervise.processes(instance)
    beats = listen(instance, {each["name"] for each in known})
    now_s = time.time()
    rows = []
    for each in known:
        name = each["name"]
        beat = beats.get(name)
        fresh = beat if beat is not None and beat.pid == each["pid"] else None
        rows.append(
            Row(
                name=name,
                state=each["statename"],
                pid=each["pid"],
                uptime_s=round(max(0.0, now_s - each["start"]), 1) if each["pid"] else 0.0,
                beat_age_s=None if fresh is None else round(max(0.0, now_s - fresh.wall_ns / 1e9), 1),
                last="" if fresh is None else furthest(fresh),
                note="" if fresh is None else fresh.note,
                received=0 if fresh is None else fresh.received,
                healed=0 if fresh is None else fresh.healed,
                lost=0 if fresh is None else fresh.lost,
            )
        )
    return rows


def listen(instance: Instance, names: set[str]) -> dict[str, Beat]:
    """The newest heartbeat of each name, from the broker's last values and at most LISTEN_S of live ones."""
    beats: dict[str, Beat] = {}
    until = time.monotonic() + LISTEN_S
    with zmq.Context() as context:
        address = f"tcp://{instance.host}:{instance.base_port + PORTS['broker.out']}"
        reader = Reader(context, address, (topics.BEAT,), name="status")
        try:
            while time.monotonic() < until and not _all_fresh(beats, names):
                for message, _ in reader.receive(0.1):
                    if isinstance(message.body, Beat):
                        beats[message.body.name] = message.body
        finally:
            reader.close()
    return beats


def furthest(beat: Beat) -> str:
    """The topic a daemon has written most of, with its last number."""
    if not beat.last:
        return ""
    topic, (epoch, seq) = max(beat.last.items(), key=lambda item: (item[1][1], item[0]))
    return f"{topic}@{epoch}:{seq}"


def table(instance: Instance, rows: list[Row]) -> Table:
    """The rows for a person."""
    made = Table(title=f"{instance.name} ({instance.kind}), ports from {instance.base_port}, {instance.run}", title_justify="left")
    for heading in ("daemon", "state", "pid", "uptime", "heartbeat", "last", "received", "healed", "lost"):
        made.add_column(heading, justify="left" if heading in ("daemon", "state", "last") else "right", no_wrap=True)
    for row in rows:
        age = "none" if row.beat_age_s is None else f"{row.beat_age_s:.1f} s"
        state = row.state.lower() if row.note in ("ready", "") else f"{row.state.lower()}, {row.note}"
        colour = "green" if row.healthy else "red"
        uptime = str(int(row.uptime_s // 3600)) + f":{int(row.uptime_s) // 60 % 60:02}:{int(row.uptime_s) % 60:02}"
        numbers = (str(row.received), str(row.healed), str(row.lost))
        made.add_row(row.name, f"[{colour}]{state}[/]", str(row.pid or ""), uptime, age, row.last, *numbers)
    return made


def _all_fresh(beats: dict[str, Beat], names: set[str]) -> bool:
    now_ns = time.time_ns()
    return all(name in beats and now_ns - beats[name].wall_ns < SILENT_S * 1e9 for name in names)
