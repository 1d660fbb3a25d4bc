"""Epochs of a run that is started again and again in the same folder (`tapewire up`).

Every start is a new epoch: settings may have changed, so nothing that was decided may be decided again under them. What the last
epoch wrote is laid aside, and the new one goes on with the state that it left:

    run.json            this epoch: its number, and how far the journal went when it began (`since`)
    <name>.log          this epoch's inputs of a durable daemon (the gate), after the state that it began with
    <name>.began        this epoch's number, and how many records the log had at the last start
    epochs/<n>/         run.json and the logs of epoch n
    journal/            one for all: numbers start again from 1 with each epoch, so `topic@epoch:seq` stays unique

A daemon that folds the journal takes what was there before without publishing, and publishes only what follows from later facts
(daemons/shell/runner.py). It need not read all that was ever recorded: `folds` says where in each topic the last `[tracker]
history_days` begin. A daemon that dies and is started again by supervisord is in the same epoch.

A log that has begun and is not there is never begun anew: the books would be those of the epoch before, so orders of this one would
be foreign, its losses forgotten, and its decisions open to be taken a second time. The daemon ends, and `up` refuses, until a
person has put the log back or has decided to go without.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from tapewire.bus import disk, topics, wire
from tapewire.bus.bounds import DAY_NS
from tapewire.bus.daemon import Daemon, Event
from tapewire.bus.errors import JournalError
from tapewire.bus.journal import Journal
from tapewire.bus.messages import PROTOCOL_VERSION, Begun, Header
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import recovery
from tapewire.daemons.shell.aside import Aside
from tapewire.daemons.shell.tape import Reel, Tape

Make = Callable[[Conf], Daemon]

FOLDER = "epochs"
FOLDED = (topics.BAR, topics.SESSION, topics.DECISION, topics.SIGNAL, topics.TRADE)
TOPIC = "epoch."


def begin(conf: Conf, run: Path, durable: Mapping[str, Make]) -> Conf:
    """Lay the last epoch aside, if there was one, and write run.json for the next. To be called while no daemon of the run lives.

    Every step can be done again: a death on the way leaves the last epoch, whole or half laid aside, to the next call.

    Args:
        durable: how to make each daemon that keeps its own log, by name; its log is `<name>.log`.

    Returns:
        The configuration with its epoch and where that begins.

    Raises:
        ConfError: run.json of the last epoch cannot be read, or these settings cannot look after what it left open.
        JournalError: another process is writing there, the disk fails, or a log of the last epoch was damaged: no daemon may trade
            on a part of the books until a person has decided.
    """
    logs = [f"{name}.log" for name in durable]
    for name in durable:
        for damaged in sorted(run.glob(f"{name}.log.quarantined*")):
            raise JournalError(f"{damaged} is a damaged log that was set aside; {_remedy(run, name, f'{damaged}, ')}")
    before = configuration.read(run) if (run / "run.json").exists() else None
    last = before.epoch if before is not None else 0
    if before is not None:
        aside = folder(run, last)
        for name in durable:
            if not (run / f"{name}.log").exists() and not (aside / f"{name}.log").exists() and _began(run, name)[0] == last:
                raise _missing(run, name)
        _check(before, conf, run, durable)
        with disk.writing(aside):
            aside.mkdir(parents=True, exist_ok=True)
            for name in logs:
                if (run / name).exists():
                    os.replace(run / name, aside / name)
        disk.replace(aside / "run.json", (run / "run.json").read_bytes())
    since, folds = _journal(run / "journal", conf.tracker.history_days)
    begun = msgspec.structs.replace(conf, epoch=last + 1, since=since, folds=folds)
    configuration.write(begun, run)
    return begun


def opened(run: Path, name: str, epoch: int) -> Journal:
    """The log of a durable daemon in this epoch; a new one if it has not begun.

    Raises:
        JournalError: it has begun and is gone, or has fewer records than at the last start; or as `Journal.open`.
    """
    path = run / f"{name}.log"
    began, records = _began(run, name)
    if began == epoch and not path.exists():
        raise _missing(run, name)
    log = Journal.open(path)
    if began == epoch and len(log) < records:
        aside = log.set_aside() or path
        raise JournalError(
            f"{path} had {records} records at the last start and has fewer now; what is left is {aside}; {_remedy(run, name)}"
        )
    return log


def started(log: Journal, run: Path, name: str, epoch: int) -> None:
    """The log has begun in this epoch, with the records that it has."""
    log.sync()
    disk.replace(_mark(run, name), f"{epoch} {len(log)}\n".encode())


def take_over(log: Journal, name: str, make: Make, conf: Conf, run: Path) -> bool:
    """Write the first records of a later epoch into its empty log: what the last one left, and that a new one begins.

    Args:
        make: the daemon of a configuration; the last epoch's log is folded under that epoch's own.

    Returns:
        Whether there was an earlier epoch with a log.
    """
    aside = _latest(run, conf.epoch, log.path.name)
    if aside is None:
        return False
    before = configuration.read(aside)
    with Journal.open(aside / log.path.name) as old:
        ended = make(before)
        carried = recovery.left(old, ended, before.epoch, Aside(run, ended))
    if before.trading.account != conf.trading.account:  # its orders are not this account's
        carried = msgspec.structs.replace(carried, undelivered=())
    event = begun(name, conf.epoch, carried.market_ns)
    log.append(msgspec.msgpack.encode(carried.entry))
    log.append(msgspec.msgpack.encode(recovery.Entry(recovery.FACT, b"", event.topic, wire.encode(event.header, event.body))))
    log.sync()
    return True


def begun(name: str, epoch: int, market_ns: int) -> Event:
    """The first event of a new epoch."""
    return Event(TOPIC, Header(PROTOCOL_VERSION, name, epoch, 1, market_ns), Begun(epoch))


def _check(before: Conf, conf: Conf, run: Path, durable: Mapping[str, Make]) -> None:
    """Refuse settings that cannot look after what is open, here rather than in a daemon's log."""
    for name, make in durable.items():
        path = run / f"{name}.log"
        if not path.exists():
            continue
        with Journal.open(path) as log:
            policy = make(conf).durable
            if len(log) and policy is not None:
                ended = make(before)
                policy.restored(recovery.left(log, ended, before.epoch, Aside(run, ended)).core)


def _mark(run: Path, name: str) -> Path:
    return run / f"{name}.began"


def _began(run: Path, name: str) -> tuple[int, int]:
    """The epoch in which a log has begun, and its records at the last start; 0 for a log that never has."""
    try:
        epoch, records = _mark(run, name).read_text().split()
        return int(epoch), int(records)
    except (OSError, ValueError):
        return 0, 0


def _missing(run: Path, name: str) -> JournalError:
    return JournalError(f"{run / f'{name}.log'} has begun and is gone; {_remedy(run, name)}")


def _remedy(run: Path, name: str, left: str = "") -> str:
    return (
        f"restore {run / f'{name}.log'} from a copy; or, to start with empty books, move {left}{_mark(run, name)} and "
        f"{run / FOLDER} elsewhere (what stands at the venue is then adopted as foreign)"
    )


def folder(run: Path, epoch: int) -> Path:
    """Where an epoch that is over lies."""
    return run / FOLDER / str(epoch)


def _latest(run: Path, before: int, name: str) -> Path | None:
    """The last epoch before this one that has a file `name`; None if none has."""
    for epoch in range(before - 1, 0, -1):
        if (folder(run, epoch) / name).exists():
            return folder(run, epoch)
    return None


def _journal(folder: Path, days: int) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
    """How far each topic goes, and at which record of those that are folded the last days begin."""
    if not folder.is_dir():
        return {}, {}
    tape = Tape(folder)
    try:
        since = {topic: end for topic, end in tape.ends.items() if end != (0, 0)}
        newest = max((_at_ns(tape.reels[topic], -1) for topic in since if topic.startswith(topics.BAR)), default=0)
        from_ns = newest - days * DAY_NS
        folds = {topic: _first(tape.reels[topic], from_ns) for topic in since if topics.matches(topic, FOLDED)}
        return since, {topic: first for topic, first in folds.items() if first}
    finally:
        tape.close()


def _first(reel: Reel, from_ns: int) -> int:
    """The first record at or after this market time."""
    return bisect_left(range(len(reel)), from_ns, key=lambda record: _at_ns(reel, record))


def _at_ns(reel: Reel, record: int) -> int:
    frame = reel.last() if record < 0 else next(reel.read(record, 1))
    assert frame is not None
    return wire.decode(frame)[0].event_ns
