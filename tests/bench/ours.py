"""tapewire's side of the measurements: bars to play, the real daemons of a run, and a player that measures time."""

from __future__ import annotations

import datetime as dt
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
import zmq

from tapewire.bus import topics, wire
from tapewire.bus.daemon import Daemon, Event
from tapewire.bus.messages import Bar, Body, EvalDone, Header, Session, Signal
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.gate import core as gate
from tapewire.daemons.operator import supervise
from tapewire.daemons.publisher import core as publisher
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import logs
from tapewire.daemons.tracker import core as tracker
from tapewire.replay import loop, runs
from tapewire.replay.player import Player
from tapewire.replay.sources import synthetic
from tests.bench.bare import Lengths

SEED = 7
START = dt.date(2026, 3, 2)
INSTRUMENT = "MNQ"
PORTS_FROM = 21_050  # apart from the ports of live daemons and replays


class Recorded:
    """Synthetic sessions, made once per run of the benches. rth: for each bar, whether it belongs to regular trading hours."""

    def __init__(self, folder: Path, sessions: int) -> None:
        synthetic.generate(folder, sessions=sessions, seed=SEED, start=START)
        recording, self.calendar = runs.read(folder, INSTRUMENT, lambda share: None)
        self.folder = folder
        self.bars = recording.bars
        conf = settings("seed")
        seen: list[bool] = []

        def look(topic: str, header: Header, body: Body) -> None:
            if isinstance(body, Session):
                seen.append(body.rth)

        loop.run([tracker.daemon(conf)], runs.venue(conf), self.bars, look)
        self.rth = seen


def settings(preset: str, strategies: Iterable[str] | None = None, **bus: object) -> Conf:
    """A replay's configuration; `bus` are changes to its [bus] section. Unless `pin` is off, the chain has the bare hops' core."""
    if (core := chain_core()) is not None and bus.get("pin", "auto") == "auto":
        bus["pin"] = core
    chosen = configuration.preset(preset, strategies)
    return configuration.load("replay", instance="bench", traded=[INSTRUMENT], preset=chosen, changes={"bus": bus})


def daemons(conf: Conf) -> list[Daemon]:
    """New values of the daemons that a backtest runs."""
    return [tracker.daemon(conf), evaluator.daemon(conf), gate.daemon(conf), publisher.daemon(conf)]


def lengths(conf: Conf, bars: Iterable[Bar]) -> Lengths:
    """The median length of the messages of these bars on the wire."""
    taken: dict[str, list[int]] = {}

    def record(topic: str, header: Header, body: Body) -> None:
        taken.setdefault(topic.partition(".")[0], []).append(len(wire.encode(header, body)))

    loop.run(daemons(conf), runs.venue(conf), bars, record)
    middle = {kind: sorted(each)[len(each) // 2] for kind, each in taken.items()}
    defaults = Lengths()
    return Lengths(
        middle["raw"],
        middle["session"],
        middle.get("intent", defaults.intents),
        middle.get("signal", defaults.signal),
        middle["eval"],
    )


@contextmanager
def running(conf: Conf, run: Path, **sections: dict[str, object]) -> Iterator[Conf]:
    """The supervised daemons of a run on free ports, for the duration of the block. Yields the configuration with its ports.

    sections: changes to other sections of the configuration than [bus].
    """
    base = supervise.free_base_port(conf.bus.host, PORTS_FROM)
    conf = configuration.load(
        "replay",
        instance=f"bench-{base}",
        traded=conf.traded,
        preset=conf.preset,
        changes={"bus": {"base_port": base, "pin": conf.bus.pin}, **sections},
    )
    run.mkdir()
    configuration.write(conf, run)
    with runs.supervised(conf, run, lambda text: None):
        yield conf


class TimedPlayer(Player):
    """Plays bars and measures, for each, from just before it is encoded until its reply has been decoded here.

    Args:
        run: the folder of the running daemons. rest_s: leave the machine alone for so long before each bar, as a live feed would.
    """

    def __init__(self, conf: Conf, run: Path, *, rest_s: float = 0.0) -> None:
        super().__init__(conf, run, runs.venue(conf), quiet())
        self.rest_s = rest_s
        self.signal_us: list[float] = []
        self.done_us: list[float] = []
        self.idle_us: list[float] = []
        self._start_ns = 0
        self._expected = 0
        self.subscribe = (topics.EVAL_DONE, topics.SIGNAL)
        self.facts_in.setsockopt(zmq.SUBSCRIBE, topics.SIGNAL.encode())

    def publish(self, topic: str, body: Body, event_ns: int, cause: str = "") -> str:
        if self.rest_s:
            time.sleep(self.rest_s)
        self._start_ns = time.perf_counter_ns()
        return super().publish(topic, body, event_ns, cause)

    def take(self, event: Event, frame: bytes) -> None:
        spent = (time.perf_counter_ns() - self._start_ns) / 1000
        super().take(event, frame)
        if isinstance(event.body, Signal):
            self.signal_us.append(spent)
            self._expected -= 1
        elif isinstance(event.body, EvalDone):
            (self.done_us if event.body.intents else self.idle_us).append(spent)
            self._expected += len(event.body.orders)

    def bar(self, bar: Bar) -> None:
        super().bar(bar)
        self._until(lambda: self._expected <= 0, "the signals of the bar")


def blocks(bars: list[Bar], size: int, between: Callable[[], None], on: Callable[[float], None]) -> Iterator[Bar]:
    """The bars, with `between` called after every `size` of them. `on` gets the microseconds per bar of each block."""
    for first in range(0, len(bars), size):
        block = bars[first : first + size]
        start = time.perf_counter_ns()
        yield from block
        on((time.perf_counter_ns() - start) / 1000 / len(block))
        between()


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Pin this process to a core; afterwards restore its former cores."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def apart() -> Iterator[None]:
    """Keep this process, and those that it starts, off the chain's core; afterwards restore its former cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before - {chain_core()} or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def now_us() -> float:
    """The clock of all measurements, in microseconds."""
    return time.perf_counter_ns() / 1000


def chain_core() -> int | None:
    """The core of the measured chain, None where there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[-1] if len(cores) > 1 else None


def quiet() -> structlog.stdlib.BoundLogger:
    """A logger for warnings and errors only."""
    return logs.configure("bench", level=logging.WARNING)
