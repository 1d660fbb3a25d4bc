"""The checks of the installation, which need no running daemon."""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import zmq

from tapewire.bus import keys, private
from tapewire.daemons.operator import gather, supervise
from tapewire.daemons.operator.doctor import bridge
from tapewire.daemons.operator.doctor.findings import Found, broken, ok, unknown
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import PORTS, Conf

PACKAGES = ("zmq", "msgspec", "msgpack", "structlog", "supervisor", "typer", "rich", "numpy", "pandas")
CLOCK_STEP_S = 0.5


def python() -> Found:
    return ok(f"Python {sys.version.split()[0]}, libzmq {zmq.zmq_version()}, pyzmq {zmq.pyzmq_version()}")


def packages() -> Found:
    missing = []
    for name in PACKAGES:
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name)
    if missing:
        return broken(f"missing: {', '.join(missing)}", "install with `make install`")
    return ok(f"{len(PACKAGES)} found")


def zone() -> Found:
    try:
        ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:
        return broken("no zone data for America/New_York", "install the system package tzdata")
    return ok("America/New_York found")


def clock() -> Found:
    """Over a short interval the wall clock must advance as the monotonic clock does; a virtual machine's may jump after sleep."""
    wall, steady = time.time(), time.monotonic()
    for _ in range(200_000):
        pass
    step = abs((time.time() - wall) - (time.monotonic() - steady))
    if step > CLOCK_STEP_S:
        return broken(f"the wall clock jumped by {step:.1f} s during the check", "synchronise it (under WSL2: `sudo hwclock -s`)")
    year = time.gmtime().tm_year
    if year < 2024:
        return broken(f"the clock shows the year {year}", "set it (under WSL2: `sudo hwclock -s`)")
    return ok(f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} UTC, steady")


def settings() -> Found:
    names = configuration.preset_names()
    read = [configuration.preset(name) for name in names]
    # One that leaves the choice of strategies is checked with one that trades on any data.
    presets = [preset if preset.strategies else configuration.preset(preset.name, ["pipeline"]) for preset in read]
    for overlay in ("live", "replay"):
        for preset in presets:
            configuration.load(overlay, instance="doctor", traded=["MNQ"], preset=preset)
    return ok(f"live, replay, {len(configuration.instruments())} instruments, presets {', '.join(names)}")


def files(*folders: Path) -> Found:
    """Nobody but this user may read the account, the orders and the logs of a run."""
    for folder in folders:
        path = private.readable(folder)
        if path is not None:
            return broken(f"{path}: {private.reason(path)}", private.remedy(path))
    return ok(f"only this user can read {', '.join(map(str, folders))}")


def supervision() -> Found:
    return ok(str(supervise.conf_file()))


def ports() -> Found:
    bus = _live().bus
    if held := supervise.in_use(bus.host, bus.base_port):
        return broken(f"in use: {held}", "stop that process, or set bus.base_port in conf/live.toml")
    return ok(f"{bus.base_port} to {bus.base_port + max(PORTS.values())} on {bus.host} are free")


def reach(live: Path) -> Found:
    """While no daemon runs, a running bridge still connects to the port on which its chart is requested."""
    conf = _live()
    if not (live / keys.FOLDER).is_dir():
        return unknown(
            f"no daemon runs, and {live} has no keys", "start with `tapewire up`, then `tapewire keys bridge --to FOLDER`"
        )
    charts = gather.charts(conf, live)
    if charts is None:
        return unknown(f"no daemon runs, and no bridge connects to {conf.bus.address('backfill')}", bridge.connect(conf))
    there = ", ".join(f"{each.topic.removeprefix('chart.')[:-1]} with {each.records} bars" for each in charts.topics)
    return ok(f"a bridge connects to {conf.bus.address('backfill')}, charts: {there or 'none with bars'}; start with `tapewire up`")


def _live() -> Conf:
    return configuration.load("live", instance="doctor", traded=["MNQ"], preset=configuration.preset("seed"))
