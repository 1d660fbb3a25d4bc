"""A run from beginning to end: recording in, journal and results out. Backtest and replay differ only in how messages travel."""

from __future__ import annotations

import dataclasses
import datetime as dt
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from tapewire.bus import access, disk, keys, private
from tapewire.bus.errors import ConfError, Interrupted
from tapewire.bus.messages import Alarm, Bar
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.gate import core as gate
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.operator import supervise
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.publisher import core as publisher
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.calendar import calendar_for
from tapewire.daemons.settings.structs import Conf, Instrument
from tapewire.daemons.shell import lives
from tapewire.daemons.shell.process import Stopped
from tapewire.daemons.tracker import core as tracker
from tapewire.replay import keeping, keyboard, loop, outputs, program, report, tapes
from tapewire.replay.days import process as daybook
from tapewire.replay.outputs import Summary
from tapewire.replay.pace import Pace
from tapewire.replay.player import Player
from tapewire.replay.sources.options import Options
from tapewire.replay.sources.recording import Input, Recording
from tapewire.replay.tapes import Kept
from tapewire.replay.venue import core as venues
from tapewire.replay.venue.core import Venue
from tapewire.strategies import registry
from tapewire.strategies.protocol import Learned

if TYPE_CHECKING:
    from tapewire.replay.sources.reading import Reading

Progress = Callable[[float], None]
RESULTS = (
    *("summary.json", "signals.jsonl", "intents.jsonl", "trades.jsonl", "trades.csv", "equity.csv"),
    *(program.NAME, "report.html"),
)
OURS = (
    *(
        tapes.FOLDER,
        tapes.MARK,
        "logs",
        "run.json",
        "gate.log",
        "gate.began",
        "feed",
        "mirror.json",
        "supervisord.pid",
        "faults",
        "killed",
        "bars",
        "ninjatrader",
        "ninjatrader-run",
        "poisoned",
        "days",
        lives.FOLDER,
        configuration.MODELS,
        *RESULTS,
        access.LINK,
    ),
    *(f"gate.log.{why}" for why in ("torn", "quarantined", "replaced")),
)
# Files of `tapewire signals`. It may share a folder with a run: each replaces only its own files.
RESEARCH = ("session.jsonl", "levels.jsonl", "proposals.jsonl", "research.json")


def prepare(out: Path, *, keep: str = "", writes: tuple[str, ...] = OURS) -> Path:
    """Make a folder ready for a run: removes what an earlier run wrote (`writes`, except `keep`). Its keys stay valid.

    No other process can prepare it until this run is finished, or this process has ended.

    Raises:
        ConfError: the folder holds files that no run writes, or another process runs in it. DiskError: it cannot be made ready.
    """
    with disk.writing(out):
        out.mkdir(mode=private.FOLDER, parents=True, exist_ok=True)
    _occupy(out.resolve())
    disk.only(out, (*OURS, *RESEARCH, keys.FOLDER), "a run")
    for path in out.iterdir():
        if path.name == keep or disk.final(path.name) not in writes:
            continue
        with disk.writing(path):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    private.tighten(out)
    return out.resolve()


_occupied: dict[Path, int] = {}  # folders of runs in progress, with the descriptor that holds the lock


def _occupy(out: Path) -> None:
    """Lock a folder for this process (flock(2)); its children do not inherit the lock."""
    if out in _occupied:
        return
    descriptor = os.open(out, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ConfError(f"--out {out}: another run writes there; wait for its end, or name another folder") from None
    except OSError:  # a file system without locks
        pass
    _occupied[out] = descriptor


def _leave(out: Path) -> None:
    if (descriptor := _occupied.pop(out.resolve(), None)) is not None:
        os.close(descriptor)


def read(
    data: Path,
    instrument: str,
    progress: Progress,
    options: Options | None = None,
    instruments: Mapping[str, Instrument] | None = None,
) -> tuple[Recording, Calendar]:
    """The recording of an instrument and the calendar of its dates.

    Args:
        data: a file or a folder, in any format that is known. options: what a person says of it.
        instruments: those of the run; None for those of the configuration.
    Raises:
        ConfError, DataError: with file, line, field and remedy.
    """
    # Here: numpy and pandas would make every other command start slower.
    from tapewire.replay.sources import gather, lived

    defined = configuration.instruments() if instruments is None else instruments
    how = reading(options or Options(), instrument, defined)
    recording = gather.recording(data, instrument, how, progress)
    if (own := lived.calendar(data, instrument, how)) is not None:
        return recording, own
    first, last = (dt.datetime.fromtimestamp(bar.close_ns / 1e9, dt.UTC).date() for bar in (recording.bars[0], recording.bars[-1]))
    folder = data if data.is_dir() else data.parent
    return recording, calendar_for(folder, first, last + dt.timedelta(1), defined[instrument].calendar)


def askable(conf: Conf, recording: Recording) -> None:
    """Refuse a recording that holds bars which a strategy was trained on: it would know the answers. Raises ConfError."""
    preset = conf.preset
    for strategy in registry.build(preset.strategies, preset.parameters, preset.day_type):
        if isinstance(strategy, Learned) and (why := strategy.knows(recording.bars[0].close_ns, recording.bars[-1].close_ns)):
            raise ConfError(f"{strategy.name}: {why}")


def reading(options: Options, instrument: str = "", instruments: Mapping[str, Instrument] | None = None) -> Reading:
    """What reading files depends on. instrument: only its root's bars and its companions' are wanted; empty: all."""
    from tapewire.replay.sources import gather
    from tapewire.replay.sources.reading import Reading

    defined = configuration.instruments() if instruments is None else instruments
    wanted: tuple[str, ...] = ()
    if instrument:
        options = dataclasses.replace(options, instrument=options.instrument or instrument)
        wanted = (*((defined[instrument].root,) if instrument in defined else ()), *gather.COMPANIONS)
    return Reading(options, defined, configuration.rolls(defined), dt.datetime.now(dt.UTC), wanted)


def backtest(
    conf: Conf,
    recording: Recording,
    out: Path,
    progress: Progress,
    journal: Kept = "all",
    alarm: Callable[[Alarm], None] | None = None,
) -> Summary:
    """Run the recording in this process: the same daemon values, with a queue instead of sockets.

    Args:
        journal: what its journal keeps; the results are the same. alarm: called with each alarm of the run, in the end.
    """
    prepare(out)
    configuration.write(conf, out)
    keeper = keeping.Keeper(out, journal)
    daemons = [tracker.daemon(conf), evaluator.daemon(conf), gate.daemon(conf), publisher.daemon(conf)]
    try:
        loop.run(daemons, venue(conf), counted(recording, progress), keeper.record)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; {_unfinished(out)}") from None
    finally:
        keeper.close()
    summary = finish(out, conf, recording, keeper)
    keeper.tidy()
    if alarm is not None:
        for each in keeper.alarms:
            alarm(each)
    return summary


def replay(
    conf: Conf,
    recording: Recording,
    out: Path,
    progress: Progress,
    *,
    pace: Pace,
    logger: structlog.stdlib.BoundLogger,
    tell: Callable[[str], None],
    hold: bool = False,
) -> Summary:
    """Run the recording over the bus: supervised processes, in lockstep, at a pace that keys of the terminal may change.

    hold: the daemons go on behind the last bar, until somebody stops the replay; it is whole then.
    """
    prepare(out, keep="bars")
    configuration.write(conf, out)
    try:
        with (
            supervised(conf, out, tell) as instance,
            Player(conf, out, venue(conf), logger, checked(instance)) as player,
            keyboard.keys(pace.keys) as keys,
        ):
            if keys is not None:
                player.hear(keys)
            player.join()
            tell("replaying")
            done = counting(len(recording.bars), progress)
            player.play(recording.inputs(), pace=pace, played=lambda bar: done(), told=tell)
            tell("waiting for the journal")
            player.finish()
            if hold:
                tell("held; Ctrl-C or `tapewire ask replay stop` ends it")
                player.hold_on()
    except (KeyboardInterrupt, Stopped):
        raise Interrupted(f"interrupted; the daemons are stopped; {_unfinished(out)}") from None
    return finish(out, conf, recording)


def _unfinished(out: Path) -> str:
    return f"{out} holds an unfinished run, which the next one with this --out replaces"


@contextmanager
def supervised(conf: Conf, run: Path, tell: Callable[[str], None]) -> Iterator[Instance]:
    """The supervised daemons of a run; they stop at the end of the block."""
    tell("starting the daemons")
    instance, process = supervise.start(conf, run, "replay", attached=True)
    try:
        supervise.wait_ready(instance, lambda waiting: tell(f"waiting for {waiting[0]}"))
        yield instance
    finally:
        tell("stopping the daemons")
        supervise.stop(instance)
        process.wait()
        daybook.complete(run, conf)


def checked(instance: Instance) -> Callable[[], None]:
    """For a player: raises what has ended a daemon of its run for good."""
    return lambda: supervise.check(instance, supervise.DAEMONS)


def venue(conf: Conf) -> Venue:
    """The simulated venue of a run."""
    return venues.of(conf, conf.traded, conf.trading.account)


def finish(out: Path, conf: Conf, recording: Recording, keeper: keeping.Keeper | None = None) -> Summary:
    """Write the results from the journal, then the report. keeper: where the journal may not keep all bars."""
    attendance = None if keeper is None else keeper.attendance
    if conf.program is not None and keeper is not None:
        bars = keeper.with_positions(recording.bars, conf.trading.account)
        program.write(out, conf, bars, keeper.attendance.last)
    elif conf.program is not None:
        program.write(out, conf)
    summary = outputs.write(out, conf, recording, attendance, None if keeper is None else keeper.suppressed)
    report.write(out)
    _leave(out)
    return summary


def counted(recording: Recording, progress: Progress) -> Iterator[Input]:
    """What a run takes of it; reports progress as bars are consumed."""
    done = counting(len(recording.bars), progress)
    for each in recording.inputs():
        yield each
        if isinstance(each, Bar):
            done()


def counting(total: int, progress: Progress) -> Callable[[], None]:
    """A counter that reports the share done, a few hundred times in all."""
    step = max(1, total // 400)
    count = 0

    def done() -> None:
        nonlocal count
        count += 1
        if count % step == 0 or count == total:
            progress(count / total)

    return done
