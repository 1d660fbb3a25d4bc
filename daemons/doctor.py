"""The doctor: checks every hop, file, port and clock, and names the broken one with its remedy.

Each check is a function that returns a sentence if all is well and raises if it is not; the table below is the order in which a
person would look. Without a running instance the checks of the installation alone are made; NinjaTrader's side is last
(doctor_bridge.py).
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import zmq

from bus import topics
from bus.client import History, Reader, ask_control
from bus.errors import ConfError, JournalError, TapewireError, Transient
from bus.journal import scan
from bus.messages import Beat
from daemons import conf as configuration
from daemons import doctor_bridge, status, supervise
from daemons.doctor_bridge import Check
from daemons.instances import Instance
from daemons.settings import PORT_SPAN, PORTS, Conf
from daemons.tables import aligned

PACKAGES = ("zmq", "msgspec", "msgpack", "structlog", "supervisor", "typer", "rich", "numpy", "pandas")
FREE_BYTES = 1 << 30
CLOCK_STEP_S = 0.5
HOP_S = 3.0
MARKS = {True: "ok", False: "broken", None: "waiting"}


def examine(instance: Instance | None) -> list[Check]:
    """All checks of the installation, and of the running instance if there is one."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("python", _python),
        ("packages", _packages),
        ("time zone", _zone),
        ("clock", _clock),
        ("configuration", _configuration),
        ("supervisord.conf", lambda: str(supervise.conf_file())),
    ]
    if instance is None:
        checks += [("ports", _ports), ("instance", lambda: "none is up (start one with `tapewire up`)")]
        return [_look(name, check) for name, check in checks]
    run = Path(instance.run)
    conf = configuration.read(run)
    checks += [
        ("disk", lambda: _disk(run)),
        ("supervisord", lambda: _supervised(instance)),
        ("bus", lambda: _bus(conf)),
        *((f"{name} control", lambda name=name: _control(conf, name)) for name in supervise.DAEMONS),
        ("heartbeats", lambda: _beats(instance)),
        ("history", lambda: _history(conf)),
        ("gate log", lambda: _gate_log(run)),
        ("trading", lambda: _trading(conf)),
    ]
    findings = [_look(name, check) for name, check in checks]
    try:
        return [*findings, *doctor_bridge.examine(conf, doctor_bridge.look(instance, conf))]
    except (TapewireError, OSError) as error:
        return [*findings, Check("bridge", False, str(error))]


def lines(checks: list[Check]) -> Iterator[tuple[str, bool]]:
    """The findings for a person, each line with whether it is well."""
    rows = [(MARKS[check.ok], check.name, check.text) for check in checks]
    yield from zip(aligned(rows), (check.ok is not False for check in checks), strict=True)


def _look(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, True, check())
    except (TapewireError, OSError, ImportError) as error:
        return Check(name, False, str(error))


def _python() -> str:
    return f"Python {sys.version.split()[0]}, libzmq {zmq.zmq_version()}, pyzmq {zmq.pyzmq_version()}"


def _packages() -> str:
    missing = []
    for name in PACKAGES:
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name)
    if missing:
        raise ConfError(f"missing: {', '.join(missing)}; install with `make install`")
    return f"{len(PACKAGES)} found"


def _zone() -> str:
    try:
        ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError as error:
        raise ConfError("no zone data for America/New_York; install the system package tzdata") from error
    return "America/New_York is known"


def _clock() -> str:
    """Over a short interval the wall clock must advance as the monotonic one does; a virtual machine after sleep may jump."""
    wall, steady = time.time(), time.monotonic()
    for _ in range(200_000):
        pass
    step = abs((time.time() - wall) - (time.monotonic() - steady))
    if step > CLOCK_STEP_S:
        raise ConfError(f"the wall clock jumped by {step:.1f} s while we looked; synchronise it (under WSL2: `sudo hwclock -s`)")
    year = time.gmtime().tm_year
    if year < 2024:
        raise ConfError(f"the clock says it is {year}; set it")
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} UTC, steady"


def _configuration() -> str:
    names = configuration.preset_names()
    presets = [configuration.preset(name) for name in names]
    for overlay in ("live", "replay"):
        for preset in presets:
            configuration.load(overlay, instance="doctor", traded=["MNQ"], preset=preset)
    return f"live, replay, {len(configuration.instruments())} instruments, presets {', '.join(names)}"


def _ports() -> str:
    conf = configuration.load("live", instance="doctor", traded=["MNQ"], preset=configuration.preset("seed"))
    base = conf.bus.base_port
    taken = [f"{name} ({base + offset})" for name, offset in PORTS.items() if not supervise.port_free(conf.bus.host, base + offset)]
    if taken:
        raise Transient(f"in use by another program: {', '.join(taken)}; stop it, or set bus.base_port in conf/live.toml")
    return f"{base} to {base + PORT_SPAN - 1} on {conf.bus.host} are free"


def _disk(run: Path) -> str:
    if not os.access(run, os.W_OK):
        raise JournalError(f"{run} is not writable; the journal cannot go on")
    free = shutil.disk_usage(run).free
    if free < FREE_BYTES:
        raise JournalError(f"{free >> 20} MiB free at {run}; free at least {FREE_BYTES >> 20} MiB")
    return f"{run} writable, {free >> 30} GiB free"


def _supervised(instance: Instance) -> str:
    down = [each["name"] for each in supervise.processes(instance) if each["statename"] != "RUNNING"]
    if down:
        raise Transient(f"not running: {', '.join(down)}; see {instance.run}/logs")
    return f"supervisord {instance.pid}, all {len(supervise.DAEMONS)} daemons running"


def _bus(conf: Conf) -> str:
    """A heartbeat that arrives has gone from a writer through the broker to a reader: both directions of the bus stand."""
    with zmq.Context() as context:
        reader = Reader(context, conf.bus.address("broker.out"), (topics.BEAT,), name="doctor")
        try:
            start = time.monotonic()
            while time.monotonic() - start < HOP_S:
                for message, _ in reader.receive(0.1):
                    if isinstance(message.body, Beat) and message.body.name != "broker":
                        return f"{conf.bus.address('broker.in')} to {conf.bus.address('broker.out')}"
            joined = "answers, but nobody writes" if reader.joined else "does not answer"
        finally:
            reader.close()
    raise Transient(f"the broker {joined} at {conf.bus.address('broker.out')}")


def _control(conf: Conf, name: str) -> str:
    with zmq.Context() as context:
        answer = ask_control(context, conf.bus.address(f"control.{name}"), "ping")
    if answer["note"] != "ready":
        raise Transient(f"pid {answer['pid']} is {answer['note']}")
    return f"pid {answer['pid']}, ready"


def _beats(instance: Instance) -> str:
    silent = [row.name for row in status.collect(instance) if not row.healthy]
    if silent:
        raise Transient(f"no fresh heartbeat from {', '.join(silent)}")
    return f"all younger than {status.SILENT_S:g} s"


def _history(conf: Conf) -> str:
    with zmq.Context() as context, History(context, conf.bus.address("history"), deadline_s=HOP_S) as history:
        lengths = history.topics()
    return f"{len(lengths)} topics, {sum(length.records for length in lengths)} records"


def _gate_log(run: Path) -> str:
    path = run / "gate.log"
    if not path.exists():
        raise JournalError(f"{path} is missing; the gate has not opened its log")
    return f"{sum(1 for _ in scan(path))} records, readable"


def _trading(conf: Conf) -> str:
    if not conf.trading.enabled:
        return "off (conf/live.toml: name an account and set enabled)"
    return f"on, account {conf.trading.account}"
