"""Replays in which processes die, stop and stall, compared byte for byte with an undisturbed run.

Two kinds. The kill matrix kills every daemon at every step of its round, flat, with an entry in flight and with a position open:
each cell is one SIGKILL at an exact place (daemons/shell/faults.py), during a trade of its own. The storm kills and freezes whole
processes at moments drawn from a printed seed, so that a failure can be reproduced.

In lockstep a dead daemon only makes the others wait, so the undisturbed run is the backtest.
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

from tapewire.bus.errors import Interrupted
from tapewire.bus.messages import Bar, Fill, PlaceOrder, Trade
from tapewire.daemons.operator import supervise
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf, Fault
from tapewire.daemons.shell import faults
from tapewire.daemons.shell.process import Stopped
from tapewire.replay import diff, runs, tapes
from tapewire.replay.player import Player
from tapewire.replay.sources.recording import Recording

# The steps of each daemon's round. Only the gate keeps a log of its own; the logger appends to the journal.
STEPS: dict[str, tuple[str, ...]] = {
    "broker": ("receive", "speak", "sent"),
    "logger": ("receive", "append", "sync"),
    "publisher": ("receive", "speak", "said", "sent"),
    "gate": ("receive", "append", "sync", "speak", "said", "sent"),
    "tracker": ("receive", "speak", "said", "sent"),
    "evaluator": ("receive", "speak", "said", "sent"),
}
STATES = ("flat", "in flight", "open")
STALL_BARS = 3  # a strike shows in its own bar or in one of the next


class Cell(Struct, frozen=True):
    """One strike of the matrix. struck: whether it happened. stall_s: the longest wait that it caused for one bar."""

    daemon: str
    step: str
    state: str
    at_ns: int
    struck: bool = False
    stall_s: float = 0.0


class Outcome(Struct, frozen=True):
    """A chaos run. difference: the first one from the undisturbed run, None if there is none.

    twice: order or execution ids that were used more than once. cells: of the matrix. strikes: of the storm, in words.
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
    """Run every cell of the kill matrix, in as many replays as are needed to give each a trade of its own."""
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
    """Assign the cells to trades of the undisturbed run: one list of cells for each replay needed.

    A trade is suitable if it was still open on the bar after its entry, so that each state occurs, and if another one follows, so
    that a later strike finds a trade. The daemons take turns: no process waits for a recovering publisher, and a fault cannot hit
    it while it folds.
    """
    trades = [trade for trade in tapes.facts(undisturbed, "trade.", Trade) if trade.exit_ns > trade.entry_ns][:-1]
    places = [(step, state) for step in faults.STEPS for state in STATES]
    left = [(daemon, step, state) for step, state in places for daemon, steps in STEPS.items() if step in steps]
    while left and trades:
        now, left = left[: len(trades)], left[len(trades) :]
        spread = max(1, len(trades) // len(now))
        yield [Cell(*cell, _moment(cell[2], trades[at * spread])) for at, cell in enumerate(now)]


def _moment(state: str, trade: Trade) -> int:
    """From which market time to strike: the deciding bar, the first after the entry, or the first after the exit."""
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
    _replay(conf, recording, run, progress, logger, _random_strikes(random.Random(seed), every, strikes))  # noqa: S311 - not a secret
    runs.finish(run, conf, recording)
    return Outcome(diff.compare(undisturbed, run), tuple(used_twice(run)), strikes=tuple(strikes))


Watcher = Callable[[Instance], Callable[[Bar], None]]


def _replay(
    conf: Conf, recording: Recording, run: Path, progress: runs.Progress, logger: structlog.stdlib.BoundLogger, watch: Watcher
) -> None:
    """Raises Interrupted: a person has ended it."""
    configuration.write(conf, run)
    done = runs.counting(len(recording.bars), progress)
    try:
        with (
            runs.supervised(conf, run, lambda text: None) as instance,
            Player(conf, run, runs.venue(conf), logger, runs.checked(instance)) as player,
        ):
            played = watch(instance)

            def each(bar: Bar) -> None:
                played(bar)
                done()

            player.join()
            player.play(recording.inputs(), played=each)
            player.finish()
    except (KeyboardInterrupt, Stopped):
        raise Interrupted(f"interrupted; the daemons are stopped; {run} holds an unfinished run") from None


def _timed(durations: list[tuple[int, float]]) -> Watcher:
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


def _random_strikes(dice: random.Random, every: int, strikes: list[str]) -> Watcher:
    """At random bars: kill a daemon, or freeze one for a moment, or for longer than any heartbeat allows."""

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
        threading.Timer(seconds, _resume, (pid,)).start()  # in a thread: the replay must meet the frozen process


def _resume(pid: int) -> None:
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


def lines(outcome: Outcome) -> Iterator[str]:
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
