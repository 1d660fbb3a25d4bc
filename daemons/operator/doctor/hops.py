"""The checks of the running daemons: disk, supervision, each hop of the bus, each control port, journal, and the gate's log."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path

import msgspec

from tapewire.bus import contexts, topics
from tapewire.bus import disk as disks
from tapewire.bus.access import Access
from tapewire.bus.client import History, Reader, request_control
from tapewire.bus.journal import scan
from tapewire.bus.messages import Beat
from tapewire.daemons.operator import instances, status, supervise
from tapewire.daemons.operator.doctor.findings import Found, broken, ok
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.operator.latency import BUDGET_MS, DECISION, SIGNAL, HopFigures, slowest
from tapewire.daemons.settings.structs import Conf

FREE_BYTES = 1 << 30
HOP_S = 3.0
WRITERS = tuple(topics.of(topics.BEAT, name) for name in supervise.DAEMONS if name != "broker")


def disk(run: Path) -> Found:
    if os.statvfs(run).f_flag & os.ST_RDONLY:
        return broken(f"{run} lies on a read-only file system", disks.REMEDIES[errno.EROFS])
    if not os.access(run, os.W_OK):
        return broken(f"{run} is not writable, so the journal cannot grow", "make the user who runs the daemons its owner")
    free = shutil.disk_usage(run).free
    if free < FREE_BYTES:
        return broken(
            f"{free >> 20} MiB free at {run}", f"free at least {FREE_BYTES >> 20} MiB; `tapewire prune` compresses old days"
        )
    return ok(f"{run} writable, {free >> 30} GiB free")


def supervised(instance: Instance) -> Found:
    if not instances.alive(instance.pid):
        return broken(f"{instance.pid} is dead; {instances.processes(instance)}", "`tapewire down`, then `tapewire up`")
    down = [
        f"{each['name']}{supervise.last_error(instance, each['name'])}"
        for each in supervise.processes(instance)
        if each["statename"] != "RUNNING"
    ]
    if down:
        return broken(f"not running: {', '.join(down)}", "remove the cause, then `tapewire restart NAME`")
    return ok(f"supervisord {instance.pid}, all {len(supervise.names(instance))} daemons running")


def bus(way: Access) -> Found:
    """A heartbeat that arrives went from a publishing daemon through the broker to this subscriber: both directions work."""
    with contexts.brief() as context:
        reader = Reader(context, way.to("broker.out"), WRITERS, name="doctor")
        try:
            start = time.monotonic()
            while time.monotonic() - start < HOP_S:
                if any(isinstance(message.body, Beat) for message, _ in reader.receive(0.1)):
                    return ok(f"{way.to('broker.in').address} to {way.to('broker.out').address}")
            state = "accepts subscribers, but no daemon publishes" if reader.joined else "does not reply"
        finally:
            reader.close()
    return broken(f"the broker {state} at {way.to('broker.out').address}", "`tapewire status` shows the missing daemon")


def control(way: Access, name: str) -> Found:
    with contexts.brief() as context:
        report = request_control(context, way.to(f"control.{name}"), "ping")
    if report["note"] != "ready":
        return broken(
            f"pid {report['pid']} is {report['note']}", "it may still be recovering; run the doctor again in some seconds"
        )
    return ok(f"pid {report['pid']}, ready")


def beats(instance: Instance) -> Found:
    silent = [row.name for row in status.collect(instance).daemons if not row.healthy]
    if silent:
        return broken(f"no fresh heartbeat from {', '.join(silent)}", f"read the last line of its log in {instance.run}/logs")
    return ok(f"all younger than {status.SILENT_S:g} s")


def channels(way: Access) -> Found:
    """Whether people are reached."""
    with contexts.brief() as context:
        told = request_control(context, way.to("control.alerts"), "state")["channels"]
    failing = [name for name, each in told.items() if each["failing"]]
    if failing:
        return broken(
            f"cannot deliver: {', '.join(failing)}", "`tapewire alert test` says why, `tapewire alert add NAME` corrects it"
        )
    return ok(f"{', '.join(told) or 'none'}; {sum(each['queued'] for each in told.values())} alerts wait")


def history(way: Access) -> Found:
    with contexts.brief() as context, History(context, way.to("history"), deadline_s=HOP_S) as journal:
        lengths = journal.topics()
    return ok(f"{len(lengths)} topics, {sum(length.records for length in lengths)} records")


def latency(way: Access) -> Found:
    """The budget of a bar's way to its signal, or to the decision that there is none, over the newest bars."""
    with contexts.brief() as context:
        report = request_control(context, way.to("control.daybook"), "state")["latency"]
    hops = msgspec.convert(report["hops"], dict[str, HopFigures])
    name = SIGNAL if SIGNAL in hops else DECISION
    if name not in hops:
        return ok("no bar yet")
    found = hops[name]
    text = f"a bar {name}: p50 {found.p50_ms:g}, p99 {found.p99_ms:g}, worst {found.worst_ms:g} ms of {found.count:,}"
    if found.p99_ms <= BUDGET_MS:
        return ok(f"{text}; the budget is {BUDGET_MS:g} ms")
    remedy = f"most of it at `{slowest(hops)}` (`tapewire latency`): see what else this machine does, and [bus] pin"
    return broken(f"{text}; the budget is {BUDGET_MS:g} ms", remedy)


def gate_log(run: Path) -> Found:
    path = run / "gate.log"
    if not path.exists():
        return broken(f"{path} is missing: the gate has not opened its log", f"read the last line of {run}/logs/gate.log")
    return ok(f"{sum(1 for _ in scan(path))} records, readable")


def trading(conf: Conf) -> Found:
    if not conf.trading.enabled:
        return ok("off (conf/live.toml: set account and enabled in [trading])")
    return ok(f"on, account {conf.trading.account}")
