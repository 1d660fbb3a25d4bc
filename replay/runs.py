"""A run from beginning to end: recording in, journal and results out. Backtest and replay differ only in how messages travel."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from tapewire.bus import access, keys, private
from tapewire.bus.errors import ConfError, DataError
from tapewire.bus.messages import Bar, Body, Header
from tapewire.bus.wire import encode
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.gate import core as gate
from tapewire.daemons.market.clock import Calendar
from tapewire.daemons.operator import supervise
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.publisher import core as publisher
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.calendar import calendar_for
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell.tape import Tape
from tapewire.daemons.tracker import core as tracker
from tapewire.replay import loop, outputs, program, report
from tapewire.replay.outputs import Summary
from tapewire.replay.player import Player
from tapewire.replay.sources import ninjatrader
from tapewire.replay.sources.recording import Recording
from tapewire.replay.venue import Venue

Progress = Callable[[float], None]
RESULTS = ("summary.json", "signals.jsonl", "intents.jsonl", "trades.jsonl", program.NAME, "report.html")
OURS = (
    *("journal", "logs", "run.json", "gate.log", "supervisord.pid", "faults", "killed", "bars", "poisoned", *RESULTS, access.LINK),
    *(f"gate.log.{why}" for why in ("torn", "quarantined", "replaced")),
)
# Files of `tapewire signals`. It may share a folder with a run: each replaces only its own files.
RESEARCH = ("session.jsonl", "levels.jsonl", "proposals.jsonl", "research.json")


def prepare(out: Path, *, keep: str = "", writes: tuple[str, ...] = OURS) -> Path:
    """Make a folder ready for a run: removes what an earlier run wrote (`writes`, except `keep`). Its keys stay valid.

    Raises:
        ConfError: the folder holds files that no run writes, or it cannot be created.
    """
    try:
        out.mkdir(mode=private.FOLDER, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfError(f"--out {out}: {error.strerror}; name a folder that can be written") from error
    foreign = sorted(path.name for path in out.iterdir() if _whole(path) not in (*OURS, *RESEARCH, keys.FOLDER))
    if foreign:
        raise ConfError(f"--out {out} holds files that are not a run's ({', '.join(foreign[:3])}); name a new or empty folder")
    for path in out.iterdir():
        if path.name == keep or _whole(path) not in writes:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    private.tighten(out)
    return out.resolve()


def _whole(path: Path) -> str:
    """The file's final name; a crash may leave `.signals.jsonl.unfinished`."""
    return path.name.removeprefix(".").removesuffix(".unfinished")


def read(data: Path, instrument: str, progress: Progress) -> tuple[Recording, Calendar]:
    """The recording of an instrument and the calendar of its dates.

    Raises:
        ConfError, DataError: with file, line, field and remedy.
    """
    configuration.instrument(instrument)
    recording = ninjatrader.read(data, instrument, configuration.instruments(), progress)
    if not recording.bars:
        raise DataError(f"{data}: no bars of {recording.root} were read; the export is empty")
    first, last = (dt.datetime.fromtimestamp(bar.close_ns / 1e9, dt.UTC).date() for bar in (recording.bars[0], recording.bars[-1]))
    return recording, calendar_for(data, first, last + dt.timedelta(1))


def backtest(conf: Conf, recording: Recording, out: Path, progress: Progress) -> Summary:
    """Run the recording in this process: the same daemon values, with a queue instead of sockets."""
    prepare(out)
    configuration.write(conf, out)
    tape = Tape(out / "journal")

    def record(topic: str, header: Header, body: Body) -> None:
        tape.append(topic, header.epoch, header.seq, encode(header, body))

    daemons = [tracker.daemon(conf), evaluator.daemon(conf), gate.daemon(conf), publisher.daemon(conf)]
    try:
        loop.run(daemons, venue(conf), counted(recording.bars, progress), record)
    finally:
        tape.close()
    return finish(out, conf, recording)


def replay(
    conf: Conf,
    recording: Recording,
    out: Path,
    progress: Progress,
    *,
    speed: float | None,
    logger: structlog.stdlib.BoundLogger,
    tell: Callable[[str], None],
) -> Summary:
    """Run the recording over the bus: supervised processes, in lockstep."""
    prepare(out, keep="bars")
    configuration.write(conf, out)
    with supervised(conf, out, tell), Player(conf, out, venue(conf), logger) as player:
        player.join()
        tell("replaying")
        done = counting(len(recording.bars), progress)
        player.play(recording.bars, speed=speed, played=lambda bar: done())
        tell("waiting for the journal")
        player.finish()
    return finish(out, conf, recording)


@contextmanager
def supervised(conf: Conf, run: Path, tell: Callable[[str], None]) -> Iterator[Instance]:
    """The supervised daemons of a run; they stop at the end of the block."""
    tell("starting the daemons")
    instance, process = supervise.start(conf, run, "replay", attached=True)
    try:
        supervise.wait_ready(instance, lambda name: tell(f"waiting for {name}"))
        yield instance
    finally:
        tell("stopping the daemons")
        supervise.stop(instance)
        process.wait()


def venue(conf: Conf) -> Venue:
    """The simulated venue of a run."""
    return Venue({symbol: conf.instruments[symbol] for symbol in conf.traded}, conf.trading.account, conf.fill)


def finish(out: Path, conf: Conf, recording: Recording) -> Summary:
    """Write the results from the journal, then the report."""
    if conf.program is not None:
        program.write(out, conf)
    summary = outputs.write(out, conf, recording)
    report.write(out)
    return summary


def counted(bars: list[Bar], progress: Progress) -> Iterator[Bar]:
    """The bars; reports progress as they are consumed."""
    done = counting(len(bars), progress)
    for bar in bars:
        yield bar
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
