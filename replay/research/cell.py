"""One cell of a sweep: a whole recording under one configuration, computed in any worker process.

A cell's name is the hash of everything that its result depends on: the configuration, the bytes of the recording, the calendar and
the code that decides, plug-ins included. So a finished cell never has to be computed again, and never stands for another result.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from tapewire import bus, daemons, form, strategies
from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Alarm, Body, Header, Reject, Session, Trade
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.gate import core as gate
from tapewire.daemons.settings.structs import Conf, Instrument
from tapewire.daemons.tracker import core as tracker
from tapewire.replay import loop, outputs, runs, venue
from tapewire.replay import sources as reading
from tapewire.replay.sources.options import Options
from tapewire.replay.sources.recording import Recording
from tapewire.strategies import registry


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


def compute(encoded: bytes) -> bytes:
    """Run one cell: an encoded `Job` in, an encoded `Result` out. Bytes, so that any kind of worker can carry them.

    Raises:
        ConfError: this worker has another recording or other code than the job requires.
    """
    job = msgspec.json.decode(encoded, type=Job)
    conf = job.conf
    found = code_digest(conf.preset.strategies)
    if found != job.code:
        raise ConfError(
            f"a worker has other code ({found[:12]}) than this command ({job.code[:12]}); install the same version there"
        )
    recording = _recording(job.data, job.source, conf.traded[0], job.recording, tuple(conf.instruments.items()))
    return msgspec.json.encode(run(conf, recording, job.key))


def run(conf: Conf, recording: Recording, key: str) -> Result:
    """Run the recording from its first bar to its last. Sessions do not start again: history, limits and drawdown carry over."""
    days: dict[str, DayResult] = {}
    trades: list[Trade] = []
    off: list[str] = []
    refused = 0

    def record(topic: str, header: Header, body: Body) -> None:
        nonlocal refused
        if type(body) is Session:
            if body.i == 0:
                days[body.session] = DayResult(body.session)
        elif type(body) is Trade:
            trades.append(body)
        elif type(body) is Reject:
            refused += 1
        elif type(body) is Alarm and body.name == evaluator.STRATEGY_OFF:
            off.append(body.text)

    daemons_of_run = [tracker.daemon(conf), evaluator.daemon(conf), gate.daemon(conf)]
    loop.run(daemons_of_run, runs.venue(conf), recording.inputs(), record, conf.epoch)
    for trade in trades:
        day = days.get(trade.session, DayResult(trade.session))
        days[trade.session] = DayResult(
            trade.session,
            day.trades + 1,
            day.wins + (trade.net_cents > 0),
            day.gross_cents + trade.gross_cents,
            day.net_cents + trade.net_cents,
        )
    drawdown = outputs.max_drawdown_cents(trade.net_cents for trade in trades)
    return Result(key, tuple(days[session] for session in sorted(days)), refused, drawdown, tuple(off))


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
    packages = [Path(str(package.__file__)).parent for package in (bus, daemons, strategies, reading)]
    sources = [(f"{path.relative_to(folder.parent)}", path) for folder in packages for path in folder.rglob("*.py")]
    sources += [(module.__name__, form.source(module)) for module in (loop, venue, sys.modules[__name__])]
    for name in registry.packages(names):
        file = Path(str(inspect.getsourcefile(registry.load(name))))
        files = file.parent.rglob("*.py") if (file.parent / "__init__.py").exists() else [file]
        sources += [(f"{name}/{path.relative_to(file.parent)}", path) for path in files]
    whole = hashlib.sha256()
    for label, path in sorted(sources):
        whole.update(f"{label}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


@functools.lru_cache(maxsize=1)
def _recording(
    data: str, source: Options, instrument: str, digest: str, instruments: tuple[tuple[str, Instrument], ...]
) -> Recording:
    """The recording, read once per worker."""
    recording, _ = runs.read(Path(data), instrument, lambda share: None, source, dict(instruments))
    if recording_digest(Path(data), source, [file.file for file in recording.files]) != digest:
        raise ConfError(f"a worker finds other files in {data} than this command; give it the same recording under the same path")
    return recording
