"""One cell of a sweep: a whole recording under one configuration, computed in any worker process.

A cell's name is the hash of everything that its result depends on: the configuration, the bytes of the recording, the calendar and
the code that decides, plug-ins included. So a finished cell never has to be computed again, and never stands for another result.
"""

from __future__ import annotations

import functools
import gc
import hashlib
import inspect
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tapewire import bus, daemons, form, strategies
from tapewire.bus import topics
from tapewire.bus.errors import ConfError, InvariantError
from tapewire.bus.messages import Alarm, Bar, Body, Header, Reject, Signal, Trade
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.gate import core as gate
from tapewire.daemons.settings.structs import Conf, Preset
from tapewire.replay import excursion, lines, loop, outputs, runs, venue
from tapewire.replay import sources as reading
from tapewire.replay.excursion import Entered, Measures
from tapewire.replay.research import sessions
from tapewire.replay.research.sessions import FoldedWindow, Stream
from tapewire.replay.sources.options import Options
from tapewire.replay.sources.recording import Recording
from tapewire.strategies import registry

SELDOM = (20_000, 50, 100)
"""When a worker looks for garbage in cycles: by then a cell has allocated some megabytes."""

RECORDED = (topics.TRADE, topics.REJECT, topics.ALARM)
ENTERED = (*RECORDED, topics.SIGNAL)
NOTHING = Preset(name="", description="", day_type="", strategies=())


class Job(Struct, frozen=True):
    """A cell to compute. data: the recording's file or folder, under a path that the worker can read; source: how to read it.

    recording, code: digests to match.
    """

    key: str
    data: str
    source: Options
    recording: str
    code: str
    conf: Conf


class DayResult(Struct, frozen=True):
    """The result of one session, in cents. A session without a trade is a day of zeros."""

    session: str
    trades: int = 0
    wins: int = 0
    gross_cents: int = 0
    net_cents: int = 0


class Result(Struct, frozen=True):
    """A finished cell. refused: intents that the gate refused. off: strategies that were switched off, with the error."""

    key: str
    days: tuple[DayResult, ...]
    refused: int
    drawdown_cents: int
    off: tuple[str, ...]


_jobs = msgspec.json.Decoder(tuple[Job, ...])


def compute(encoded: bytes) -> list[bytes]:
    """Run cells of one recording: `Job`s in, a `Result` of each out, both encoded, so that any kind of worker can carry them.

    Raises:
        ConfError: this worker has another recording or other code than the jobs require.
    """
    jobs = _jobs.decode(encoded)
    return [msgspec.json.encode(result) for result in run([(job.key, job.conf) for job in jobs], stream(jobs[0]))]


def stream(job: Job) -> Stream:
    """The recording of a job, with its sessions, kept for the next one.

    Raises:
        ConfError: this worker has another recording or other code than the job requires.
    """
    found = code_digest(job.conf.preset.strategies)
    if found != job.code:
        raise ConfError(
            f"a worker has other code ({found[:12]}) than this command ({job.code[:12]}); install the same version there"
        )
    return _stream(job)


def run(cells: Sequence[tuple[str, Conf]], stream: Stream) -> list[Result]:
    """Run cells, by their keys, over a recording from its first bar to its last: one after another, and window by window.

    Sessions do not start again: history, limits and drawdown carry over. The bars are folded once for all cells, because nothing
    that a cell may vary changes what the tracker makes of a bar. So all must have the settings of the stream.
    """
    playing, days = played([conf for _, conf in cells], stream)
    return [each.result(key, days) for (key, _), each in zip(cells, playing, strict=True)]


def played(confs: Sequence[Conf], stream: Stream, *, entries: bool = False) -> tuple[list[CellRun], list[str]]:
    """As `run`: the cells after the last bar, and the recording's sessions with an RTH bar, in order. entries: keep those, too."""
    if any(_shared(conf) != _shared(stream.conf) for conf in confs):
        raise InvariantError("cells of one recording have different settings beside preset and fill")
    playing = [CellRun(conf, entries=entries) for conf in confs]
    days: dict[str, None] = {}
    for window in stream.windows():
        days |= window.days
        for each in playing:
            each.play(window)
    for each in playing:
        each.finish()
    return playing, list(days)


class CellRun:
    """One cell: the cores behind the tracker, and a venue, as in a backtest. The bars come with their sessions.

    trades: in the order of their exits. entries: by the ids of their trades, if they are kept. refused: intents that the gate
    refused. off: strategies that were switched off.
    """

    def __init__(self, conf: Conf, *, entries: bool = False) -> None:
        decides, limits = evaluator.daemon(conf), gate.daemon(conf)
        self._instruments = conf.instruments
        self._venue = runs.venue(conf)
        self._loop = loop.Loop([decides, limits], self._venue, self._record, conf.epoch, ENTERED if entries else RECORDED)
        self._rests = decides.core.rests if isinstance(decides.core, evaluator.Evaluator) and not limits.subscribe else None
        self.trades: list[Trade] = []
        self.entries: dict[str, Entered] = {}
        self.off: list[str] = []
        self.refused = 0

    def play(self, window: FoldedWindow) -> None:
        """Take the next bars. Those that can change nothing are left out: at night a flat account of RTH strategies rests."""
        rests, idle, take = self._rests, self._venue.idle, self._loop.folded
        bars, beyond = window.bars, window.beyond
        at, end = 0, len(bars)
        while at < end:
            bar, session, made = bars[at]
            if session is not None and not session.rth and rests is not None and idle(bar.instrument) and rests(session):
                at = beyond[at]
            else:
                take(bar, made)
                at += 1

    def finish(self) -> None:
        """The recording has ended: the venue closes what is open."""
        self._loop.finish()

    def result(self, key: str, days: Iterable[str]) -> Result:
        """What a finished cell comes to. days: the recording's sessions with an RTH bar."""
        found = {session: DayResult(session) for session in days}
        for trade in self.trades:
            day = found.get(trade.session, DayResult(trade.session))
            found[trade.session] = DayResult(
                trade.session,
                day.trades + 1,
                day.wins + (trade.net_cents > 0),
                day.gross_cents + trade.gross_cents,
                day.net_cents + trade.net_cents,
            )
        drawdown = outputs.max_drawdown_cents(trade.net_cents for trade in self.trades)
        return Result(key, tuple(found[session] for session in sorted(found)), self.refused, drawdown, tuple(self.off))

    def measured(self, trade: Trade, bars: Sequence[Bar]) -> Measures:
        """How far a trade went, of a run that has kept its entries. bars: of the recording."""
        return excursion.measure(trade, self.entries.get(trade.id), bars, self._instruments.get(trade.instrument))

    def _record(self, topic: str, header: Header, body: Body) -> None:
        if type(body) is Trade:
            self.trades.append(body)
        elif type(body) is Signal:
            if body.action in lines.ENTRIES:
                self.entries[body.order_id] = Entered(body.entry, body.stop, body.limit)
        elif type(body) is Reject:
            self.refused += 1
        elif type(body) is Alarm and body.name == evaluator.STRATEGY_OFF:
            self.off.append(body.text)


def _shared(conf: Conf) -> Conf:
    """The settings that all cells share: without those that a cell may vary."""
    return replace(conf, preset=replace(NOTHING, auction_row_ticks=conf.preset.auction_row_ticks), fill="")


def key(conf: Conf, recording: str, code: str) -> str:
    """The name of a cell. It leaves out run names, ports and other settings that decide nothing."""
    decides = {
        "trading": conf.trading,
        "instruments": {symbol: conf.instruments[symbol] for symbol in conf.traded},
        "preset": conf.preset,
        "calendars": {symbol: conf.calendar_of(symbol) for symbol in conf.traded},
        "fill": conf.fill,
        "fill_empty": conf.fill_empty,
        "program": conf.program,
    }
    text = msgspec.json.encode([decides, recording, code], order="sorted")
    return hashlib.sha256(text).hexdigest()[:32]


def recording_digest(data: Path, source: Options, files: Iterable[str]) -> str:
    """The digest of a recording: how it is read, and the names and bytes of its files."""
    whole = hashlib.sha256(msgspec.json.encode(source))
    if source.mapping:
        whole.update(Path(source.mapping).read_bytes())
    for name in files:
        whole.update(f"{name}\n".encode())
        with (data / name if data.is_dir() else data).open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


@functools.cache
def code_digest(names: tuple[str, ...]) -> str:
    """The digest of all source that decides, and of the plug-ins among these strategies."""
    packages = [Path(str(package.__file__)).parent for package in (bus, daemons, strategies, reading, venue)]
    sources = [(f"{path.relative_to(folder.parent)}", path) for folder in packages for path in folder.rglob("*.py")]
    sources += [(module.__name__, form.source(module)) for module in (loop, sessions, sys.modules[__name__])]
    for name in registry.packages(names):
        file = Path(str(inspect.getsourcefile(registry.load(name))))
        files = file.parent.rglob("*.py") if (file.parent / "__init__.py").exists() else [file]
        sources += [(f"{name}/{path.relative_to(file.parent)}", path) for path in files]
    whole = hashlib.sha256()
    for label, path in sorted(sources):
        whole.update(f"{label}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


_held: dict[tuple[str, Options, str, bytes], Stream] = {}
"""The recording that this process computes cells of, by what the jobs say of it."""


def hold(job: Job, recording: Recording) -> None:
    """Fold a recording for the cells of it, and hold no other. Processes that are forked from this one share it.

    Args:
        job: of any cell of it.
    """
    gc.disable()  # nothing of a stream is garbage; looking for it takes half of the time
    try:
        _held.clear()
        _held[_name(job)] = Stream(_shared(job.conf), recording)
    finally:
        gc.enable()
        gc.freeze()


def _stream(job: Job) -> Stream:
    """The recording of a job, read once per worker that was not forked with it."""
    gc.set_threshold(*SELDOM)
    if (held := _held.get(_name(job))) is not None:
        return held
    data = Path(job.data)
    recording, _ = runs.read(data, job.conf.traded[0], lambda share: None, job.source, job.conf.instruments)
    if recording_digest(data, job.source, [file.file for file in recording.files]) != job.recording:
        raise ConfError(f"a worker finds other files in {data} than this command; give it the same recording under the same path")
    hold(job, recording)
    return _held[_name(job)]


def _name(job: Job) -> tuple[str, Options, str, bytes]:
    """What a recording and its fold depend on."""
    return job.data, job.source, job.recording, msgspec.json.encode(_shared(job.conf))
