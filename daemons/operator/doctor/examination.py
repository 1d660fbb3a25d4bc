"""All checks, in the order in which a person would make them: the installation, the running daemons, NinjaTrader's side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tapewire.bus import access
from tapewire.bus.access import Access
from tapewire.bus.errors import TapewireError
from tapewire.daemons import makers
from tapewire.daemons.operator import gather, instances
from tapewire.daemons.operator.doctor import bridge, hops, installation, locks
from tapewire.daemons.operator.doctor.findings import CheckState, Finding, Found, broken, ok, unknown
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf

THREADS = 8

Check = tuple[str, Callable[[], Found]]


def examine(instance: Instance | None, live: Path) -> list[Finding]:
    """The findings about the installation and, if an instance runs, about its daemons and its bridge.

    Args:
        live: the folder of the live run, for its keys while no instance runs.
    """
    found = _made(
        [
            ("python", installation.python),
            ("packages", installation.packages),
            ("time zone", installation.zone),
            ("clock", installation.clock),
            ("configuration", installation.settings),
            ("supervisord.conf", installation.supervision),
        ]
    )
    if instance is None:
        ended = ", ".join(f"{each.name} has ended without `tapewire down`, see {each.run}/logs" for each in instances.known())
        none_up = broken(ended, "`tapewire up` goes on with it") if ended else ok("none is up (start one with `tapewire up`)")
        return found + _made(
            [
                ("files", lambda: installation.files(instances.folder())),
                ("disk", lambda: hops.disk(next(each for each in (live, *live.parents) if each.exists()))),
                ("ports", installation.ports),
                ("instance", lambda: none_up),
                ("bridge", lambda: installation.reach(live)),
            ]
        )
    run = Path(instance.run)
    conf = configuration.read(run)
    with ThreadPoolExecutor(THREADS) as pool:  # most of them wait
        looked = pool.submit(lambda: bridge.judge(conf, gather.look(instance)))
        made = pool.map(_finding, _hops(instance, run, conf))
    found += made
    try:
        return found + looked.result()
    except TapewireError as error:  # without a key, or without sockets, nothing can be requested
        return [*found, Finding("bridge", *unknown(str(error)))]


def _hops(instance: Instance, run: Path, conf: Conf) -> list[Check]:
    """The checks of the running daemons."""

    def way() -> Access:
        return access.local(run, "reader")

    return [
        ("files", lambda: installation.files(run, instances.folder(), access.place(run))),
        ("keys", lambda: locks.keys(run)),
        ("disk", lambda: hops.disk(run)),
        ("supervisord", lambda: hops.supervised(instance)),
        ("bus", lambda: hops.bus(way())),
        *((f"{name} control", lambda name=name: hops.control(way(), name)) for name in makers.names(conf)),
        *([("channels", lambda: hops.channels(way()))] if conf.alerts.enabled else []),
        ("bound", lambda: locks.bound(way())),
        ("open files", lambda: locks.open_files(way())),
        ("turned away", lambda: locks.strangers(way())),
        ("heartbeats", lambda: hops.beats(instance)),
        ("history", lambda: hops.history(way())),
        ("latency", lambda: hops.latency(way())),
        ("gate log", lambda: hops.gate_log(run)),
        ("trading", lambda: hops.trading(conf)),
    ]


def _made(checks: Iterable[Check]) -> list[Finding]:
    return [*map(_finding, checks)]


def _finding(check: Check) -> Finding:
    name, make = check
    return Finding(name, *_result(make))


def _result(check: Callable[[], Found]) -> Found:
    try:
        return check()
    except (TapewireError, OSError, ImportError) as error:
        return Found(CheckState.BROKEN, str(error))
