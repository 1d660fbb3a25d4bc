"""Replays in which processes die, stop and stall, compared byte for byte with one in which nobody did.

Two kinds. The kill matrix strikes every daemon at every step of its round, flat, with an entry in flight and with a position
open: each cell is one SIGKILL at an exact place (daemons/shell/faults.py), laid on a trade of its own. The random kind
kills and freezes
whole processes at moments drawn from a seed, which is printed, so that a failure can be had again.

In lockstep a dead daemon only makes the others wait, so the undisturbed run is simply the backtest.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from tapewire.bus.messages import Bar, Fill, PlaceOrder, Trade
from tapewire.daemons.operator import supervise
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf, Fault
from tapewire.daemons.shell import faults
from tapewire.replay import diff, runs, tapes
from tapewire.replay.player import Player
from tapewire.replay.sources.recording import Recording

# Which steps a daemon's round has. Only the gate keeps a log it must not lose; the logger's log is its work.
STEPS: dict[str, tuple[str, ...]] = {
    "broker": ("receive", "speak", "sent"),
    "logger": ("receive", "append", "sync"),
    "publisher": ("receive", "speak", "said", "sent"),
    "gate": ("receive", "append", "sync", "speak", "said", "sent"),
    "tracker": ("receive", "speak", "said", "sent"),
    "evaluator": ("receive", "speak", "said", "sent"),
}
STATES = ("flat", "in flight", "open")
STALL_BARS = 3  # a strike shows in the bar it falls into or one of the next


class Cell(Struct, frozen=True):
    """One strike of the matrix. struck: it happened. stall_s: the longest wait it caused for one bar."""

    daemon: str
    step: str
    state: str
    at_ns: int
    struck: bool = False
    stall_s: float = 0.0


class Outcome(Struct, frozen=True):
    """A chaos run. difference: the first one from the undisturbed run, None if there is none.

    twice: order or execution ids that were used more than once. strikes: what was done, in words (random kind) or as cells.
    """

    difference: diff.Difference | None
    twice: tuple[str, ...]
    cells: tuple[Cell, ...] = ()
    strikes: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        return self.difference is None and not self.twice and all(cell.struck for cell in self.cells)


Tell = Callable[[str], None]


def matrix(
    conf: Conf, recording: Recording, out: Path, progress: runs.Progress, tell: Tell, logger: structlog.stdlib.BoundLogger
) -> Outcome:
    """Every cell of the kill matrix, over as many replays as it takes to give each a trade of its own."""
    undisturbed = out / "undisturbed"
    tell("undisturbed run")
    runs.backtest(conf, recording, undisturbed, progress)
    cells: list[Cell] = []
    difference: diff.Difference | None = None
    twice: list[str] = []
    plans = list(plan(undisturbed))
    for number, planned in enumerate(plans, 1):
        tell(f"kill matrix, replay {number} of {len(plans)}")
        ordered = tuple(Fault(cell.daemon, cell.step, cell.at_ns) for cell in planned)
        run = runs.prepare(out / f"disturbed-{number}")
        durations: list[tuple[int, float]] = []
        _replay(msgspec.structs.replace(conf, faults=ordered), recording, run, progress, logger, _timed(durations))
        cells += [_struck(cell, run, durations) for cell in planned]
        runs.finish(run, conf, recording)
        difference = difference or diff.compare(undisturbed, run)
        twice += used_twice(run)
    return Outcome(difference, tuple(twice), cells=tuple(cells))


def plan(undisturbed: Path) -> Iterator[list[Cell]]:
    """Lay the cells on the trades of the undisturbed run: lists of cells, one list for each replay needed.

    A trade serves if it was still open on the bar after its entry, so that there is a moment of each state, and if another one
    follows, so that there is something left to be struck in. The daemons take turns: nobody waits for a publisher that recovers,
    and what it folds meanwhile cannot strike it.
    """
    trades = [trade for trade in tapes.facts(undisturbed, "trade.", Trade) if trade.exit_ns > trade.entry_ns][:-1]
    places = [(step, state) for step in faults.STEPS for state in STATES]
    wanted = [(daemon, step, state) for step, state in places for daemon, steps in STEPS.items() if step in steps]
    while wanted and trades:
        now, wanted = wanted[: len(trades)], wanted[len(trades) :]
        spread = max(1, len(trades) // len(now))
        yield [Cell(*cell, _moment(cell[2], trades[at * spread])) for at, cell in enumerate(now)]


def _moment(state: str, trade: Trade) -> int:
    """When to strike at the first event: the deciding bar, the first after the entry, or the first after the exit."""
    return {"in flight": trade.signal_ns, "open": trade.entry_ns + 1, "flat": trade.exit_ns + 1}[state]


def storm(
    conf: Conf,
    recording: Recording,
    out: Path,
    seed: int,
    every: int,
    progress: runs.Progress,
    tell: Tell,
    logger: structlog.stdlib.BoundLogger,
) -> Outcome:
    """Kill and freeze processes at random, about every `every` bars, from a seed."""
    undisturbed, run = out / "undisturbed", runs.prepare(out / "disturbed")
    tell("undisturbed run")
    runs.backtest(conf, recording, undisturbed, progress)
    tell(f"storm of seed {seed}")
    strikes: list[str] = []
    _replay(conf, recording, run, progress, logger, _weather(random.Random(seed), every, strikes))  # noqa: S311 - weather, not secrets
    runs.finish(run, conf, recording)
    return Outcome(diff.compare(undisturbed, run), tuple(used_twice(run)), strikes=tuple(strikes))


Watch = Callable[[Instance], Callable[[Bar], None]]


def _replay(
    conf: Conf, recording: Recording, run: Path, progress: runs.Progress, logger: structlog.stdlib.BoundLogger, watch: Watch
) -> None:
    configuration.write(conf, run)
    done = runs.counting(len(recording.bars), progress)
    with runs.supervised(conf, run, lambda text: None) as instance, Player(conf, runs.venue(conf), logger) as player:
        played = watch(instance)

        def each(bar: Bar) -> None:
            played(bar)
            done()

        player.join()
        player.play(recording.bars, played=each)
        player.settle_all()


def _timed(durations: list[tuple[int, float]]) -> Watch:
    """Note how long each bar took."""

    def watch(instance: Instance) -> Callable[[Bar], None]:
        last = time.monotonic()

        def played(bar: Bar) -> None:
            nonlocal last
            now = time.monotonic()
            durations.append((bar.close_ns, now - last))
            last = now

        return played

    return watch


def _struck(cell: Cell, run: Path, durations: list[tuple[int, float]]) -> Cell:
    after = [seconds for at_ns, seconds in durations if at_ns >= cell.at_ns][:STALL_BARS]
    mark = run / "faults" / f"{cell.daemon}-{cell.step}-{cell.at_ns}"
    return msgspec.structs.replace(cell, struck=mark.exists(), stall_s=round(max(after, default=0.0), 2))


def _weather(dice: random.Random, every: int, strikes: list[str]) -> Watch:
    """Every so many bars: kill one, or freeze one for a moment, or for longer than any heartbeat allows."""

    def watch(instance: Instance) -> Callable[[Bar], None]:
        left = dice.randint(1, every)

        def played(bar: Bar) -> None:
            nonlocal left
            left -= 1
            if left > 0:
                return
            left = dice.randint(1, 2 * every)
            name = dice.choice(supervise.DAEMONS)
            kind = dice.choice(("kill", "kill", "stall", "stop"))
            seconds = {"kill": 0.0, "stall": dice.uniform(0.05, 0.5), "stop": dice.uniform(1.0, 6.0)}[kind]
            pid = next(each["pid"] for each in supervise.processes(instance) if each["name"] == name)
            strikes.append(f"{tapes.wall(bar.close_ns)} {kind} {name}" + (f" for {seconds:.2f} s" if seconds else ""))
            if pid:
                _strike(pid, kind, seconds)

        return played

    return watch


def _strike(pid: int, kind: str, seconds: float) -> None:
    with suppress(ProcessLookupError):
        if kind == "kill":
            os.kill(pid, signal.SIGKILL)
            return
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(seconds, _let_go, (pid,)).start()  # not us: the replay must meet the frozen process


def _let_go(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def used_twice(run: Path) -> list[str]:
    """Order ids commanded more than once, and execution ids booked more than once."""
    orders = Counter(order.id for order in _placed(run))
    executions = Counter(fill.execution_id for fill in tapes.facts(run, "fill.", Fill))
    return [name for counts in (orders, executions) for name, count in counts.items() if count > 1]


def _placed(run: Path) -> Iterator[PlaceOrder]:
    decoder = msgspec.msgpack.Decoder(PlaceOrder)
    for topic in tapes.topics(run, "command."):
        for frame in tapes.frames(run, topic):
            with suppress(msgspec.ValidationError):  # another kind of command
                yield decoder.decode(frame)


def account(outcome: Outcome) -> Iterator[str]:
    """The outcome in lines for a person; the matrix as a table of the seconds each strike cost."""
    if outcome.cells:
        steps = [step for step in faults.STEPS if any(cell.step == step for cell in outcome.cells)]
        yield f"{'daemon':<10} {'state':<10} " + " ".join(f"{step:>8}" for step in steps)
        for daemon in STEPS:
            for state in STATES:
                row = {cell.step: cell for cell in outcome.cells if (cell.daemon, cell.state) == (daemon, state)}
                yield f"{daemon:<10} {state:<10} " + " ".join(f"{_figure(row.get(step)):>8}" for step in steps)
        struck = sum(cell.struck for cell in outcome.cells)
        yield f"{struck} of {len(outcome.cells)} strikes hit; figures are seconds until the bar was done, - has no such step"
    else:
        yield from outcome.strikes
        yield f"{len(outcome.strikes)} strikes"
    if outcome.twice:
        yield f"used twice: {', '.join(outcome.twice)}"
    yield "every message and every result equals the undisturbed run" if outcome.difference is None else str(outcome.difference)


def _figure(cell: Cell | None) -> str:
    return "-" if cell is None else f"{cell.stall_s:.2f}" if cell.struck else "missed"
