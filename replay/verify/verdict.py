"""The verdict on one trade date: equal, or the first message that differs with its cause; what was lost; and the fills measured.

    RUN/days/YYYY/MM/DD/verdict.json

Two questions, and only the first decides. Given the venue's real words, do the same bars give every session, decision, signal and
booking that was published? And how do the venue's fills compare with the simulated venue's?
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from msgspec import Struct, structs

from tapewire.bus import disk, private, topics
from tapewire.bus.errors import ConfError
from tapewire.daemons import makers
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import recovery
from tapewire.replay import tapes
from tapewire.replay.days import folders
from tapewire.replay.days.files import Performance, pretty
from tapewire.replay.verify import again, bars, causes, comparison, fills, record, versions
from tapewire.replay.verify.again import DaemonFold, Given, JournalFold, LogFold, Unstepped
from tapewire.replay.verify.bars import LostBars
from tapewire.replay.verify.causes import WORDS, Explained
from tapewire.replay.verify.comparison import Mismatch, Ways
from tapewire.replay.verify.fills import FillsOfDay
from tapewire.replay.verify.record import JUDGED, DatedFrames, Dates, Epoch, Number
from tapewire.replay.verify.versions import Versions

GATE = "gate"
RESTS_ON_HISTORY = ("tracker", "evaluator")
AT_ONCE = 20
"""Dates whose messages are held in memory together: about 3 MB each."""

KINDS = tuple(prefix for prefixes in JUDGED.values() for prefix in prefixes)

Answer = Literal["equal", "diverged", "unproved"]


class DayVerdict(Struct, frozen=True):
    """The content of verdict.json.

    verdict: unproved if a part of the record is missing, which `unjudged` names. summary: the verdict in one line. closed: nothing
    more is expected of the date. checked: messages that came out as they were published, by kind. lost: bars. unrecorded: messages
    that only the logger lost, or that it had not written when everything was killed; they come out again. code: files of the
    deciding code that have changed since, if any. divergences: in how many topics a message differs.
    """

    session: str
    verdict: Answer
    summary: str
    closed: bool
    epochs: tuple[int, ...]
    checked: dict[str, int]
    lost: tuple[LostBars, ...]
    unrecorded: tuple[str, ...]
    unjudged: tuple[str, ...]
    code: tuple[str, ...]
    first: Explained | None
    divergences: int
    fills: FillsOfDay


class _Folds:
    """Each daemon of each epoch, folded once for all dates that are judged."""

    def __init__(self, run: Path, dates: Sequence[str]) -> None:
        self._run = run
        self._dates = dates
        self._open: dict[tuple[int, str], DaemonFold] = {}

    def of(self, epoch: Epoch, daemon: str) -> DaemonFold:
        key = (epoch.conf.epoch, daemon)
        if key not in self._open:
            self._open[key] = self.new(epoch, daemon)
        return self._open[key]

    def new(self, epoch: Epoch, daemon: str, conf: Conf | None = None, besides: Given | None = None) -> DaemonFold:
        """One that no other date shares. Arguments as for `JournalFold`."""
        if daemon == GATE:
            return LogFold(self._run, epoch, self._dates, conf)
        return JournalFold(self._run, epoch, makers.maker(daemon), self._dates, conf, besides)


class _Judgement:
    """All epochs of a date, folded and compared."""

    def __init__(self, recorded: DatedFrames, date: str, epochs: list[Epoch], folds: _Folds, *, whole: bool) -> None:
        self.recorded = recorded
        self.run = recorded.run
        self.date = date
        self._folds = folds
        self.whole = whole
        self.published: dict[str, Given] = {daemon: again.published(recorded, daemon, date) for daemon in JUDGED}
        self.given: Given = {}
        self.differences: list[Mismatch] = []
        self.errors: list[tuple[Epoch, Unstepped]] = []
        self.unrecorded: Given = {}
        self.unjudged: list[str] = []
        self.epochs = [each for each in epochs if self._touched(each)]
        self._lost = record.gaps(self.run, "logger")
        for epoch in self.epochs:
            for daemon in JUDGED:
                self._judge(epoch, daemon)
            self._cross(epoch)

    def fold(self, epoch: Epoch, daemon: str, conf: Conf | None = None) -> Given:
        """What a daemon gives for the date."""
        besides = {} if daemon == GATE else again.of_epoch(self.unrecorded, epoch.conf.epoch)
        alone = conf is not None or besides  # what only the logger lost of this date is not known to another date's fold
        fold = self._folds.new(epoch, daemon, conf, besides) if alone else self._folds.of(epoch, daemon)
        return fold.of(self.date, again.of_epoch(self.published[daemon], epoch.conf.epoch))

    def found(self, epoch: Epoch, daemon: str, given: Given) -> tuple[list[Mismatch], Given]:
        """Where that differs from what was published, and what only the logger lost."""
        number = epoch.conf.epoch
        published = again.judgeable(again.of_epoch(self.published[daemon], number), given)
        newest_ns = cache(lambda: record.newest_ns(self.run, epoch))

        def cut(topic: str, at: Number, frame: bytes) -> bool:
            return at > record.end(self.run, topic, number) and record.header_of(frame).event_ns >= newest_ns()

        return comparison.differences(daemon, number, published, given, self._lost, whole=self.whole, cut=cut)

    def checked(self) -> dict[str, int]:
        """How many messages of each kind came out as they were published."""
        found: dict[str, int] = {}
        everything = self.all_published()
        for topic, messages in sorted(self.given.items()):
            published = everything.get(topic, {})
            kind = next(prefix for prefix in KINDS if topic.startswith(prefix)).removesuffix(".")
            same = sum(at in published and not comparison.different(published[at], frame) for at, frame in messages.items())
            found[kind] = found.get(kind, 0) + same
        return found

    def sent(self) -> Given:
        """The gate's messages: as published, and those that were not recorded."""
        published = self.published[GATE]
        return {topic: {**self.unrecorded.get(topic, {}), **published.get(topic, {})} for topic in {*published, *self.unrecorded}}

    def all_published(self) -> Given:
        """What every daemon has published on the date."""
        return {topic: messages for given in self.published.values() for topic, messages in given.items()}

    def _judge(self, epoch: Epoch, daemon: str) -> None:
        if daemon == GATE and not again.path_of_log(epoch).exists():
            self.unjudged.append(f"the gate in epoch {epoch.conf.epoch}: {again.path_of_log(epoch)} is missing")
            return
        try:
            given = self.fold(epoch, daemon)
        except Unstepped as error:
            self.errors.append((epoch, error))
            return
        for topic, messages in given.items():
            self.given.setdefault(topic, {}).update(messages)
        differences, unrecorded = self.found(epoch, daemon, given)
        if differences and daemon in RESTS_ON_HISTORY and (gone := record.pruned(self.run)):
            self.unjudged.append(f"the {daemon}: the journal begins with {gone}, and what was before it may have decided")
            return
        self.differences += differences
        for topic, messages in unrecorded.items():
            self.unrecorded.setdefault(topic, {}).update(messages)

    def _cross(self, epoch: Epoch) -> None:
        """What the gate took, beside what the journal has of it under the same names."""
        if not again.path_of_log(epoch).exists():
            return
        dates, journal = Dates(), {**self.published["evaluator"], **self.published["tracker"]}
        for entry, event in recovery.inputs(again.log_of(epoch)):
            at = (event.header.epoch, event.header.seq)
            a = journal.get(event.topic, {}).get(at)
            if a is not None and dates.of(event.header.event_ns) == self.date and comparison.different(a, entry.frame):
                daemon = "evaluator" if event.topic.startswith(topics.INTENT) else "tracker"
                self.differences.append(Mismatch(daemon, epoch.conf.epoch, event.topic, at, a, entry.frame, "gate.log"))
                return

    def _touched(self, epoch: Epoch) -> bool:
        """Whether an epoch has published on the date, or bars of it came in the epoch."""
        if any(again.of_epoch(each, epoch.conf.epoch) for each in self.published.values()):
            return True
        dates = Dates()
        raw = ((topic, frame) for topic in tapes.topics(self.run, topics.BAR) for frame in tapes.frames(self.run, topic))
        return any(
            epoch.holds(topic, record.number(frame)) and dates.of(record.header_of(frame).event_ns) == self.date
            for topic, frame in raw
        )


def judge(run: Path, date: str) -> DayVerdict:
    """Judge a trade date of a run. Errors as of `judged`."""
    return next(judged(run, [date]))


def judged(run: Path, dates: Iterable[str]) -> Iterator[DayVerdict]:
    """Judge trade dates of a run, in their order; each epoch is folded once for all of them.

    Raises:
        ConfError: the run has no such day. DataError, JournalError: a part of the record cannot be read.
    """
    known, asked = record.dates_of(run), sorted(set(dates))
    for date in asked:
        if date not in known:
            raise ConfError(f"{run} has no bar of {date}; it has {known[0]} to {known[-1]} ({len(known)} days)")
    epochs, folds = record.of_epochs(run), _Folds(run, asked)
    for start in range(0, len(asked), AT_ONCE):
        some = asked[start : start + AT_ONCE]
        recorded = DatedFrames(run, some)
        for date in some:
            yield _verdict(_Judgement(recorded, date, epochs, folds, whole=_closed(run, date, known[-1])))


def _verdict(judgement: _Judgement) -> DayVerdict:
    run, date = judgement.run, judgement.date
    lost = tuple(each for of in bars.of_record(judgement.recorded, date).instruments for each in of.lost)
    measured = fills.measure(judgement.recorded, judgement.epochs, date, judgement.sent())
    changes = {epoch.conf.epoch: versions.of(run, epoch) for epoch in judgement.epochs}
    first = _first(judgement, changes, lost, measured)
    code = tuple(sorted({path for each in changes.values() for paths in each.code.values() for path in paths}))
    found = DayVerdict(
        session=date,
        verdict="diverged" if first is not None else "unproved" if judgement.unjudged or not judgement.epochs else "equal",
        summary="",
        closed=judgement.whole,
        epochs=tuple(epoch.conf.epoch for epoch in judgement.epochs),
        checked=judgement.checked(),
        lost=lost,
        unrecorded=tuple(record.name(topic, at) for topic, messages in judgement.unrecorded.items() for at in messages),
        unjudged=tuple(judgement.unjudged),
        code=code,
        first=first,
        divergences=len(judgement.differences) + len(judgement.errors),
        fills=measured,
    )
    return structs.replace(found, summary=_summary(found))


def write(run: Path, found: DayVerdict) -> Path:
    """Write verdict.json into the folder of its day. Returns its path.

    Raises:
        DiskError: the disk refuses.
    """
    path = private.folder(folders.place(run, found.session)) / folders.VERDICT
    disk.replace(path, pretty(found))
    return path


def _summary(found: DayVerdict) -> str:
    """`2026-03-02: equal; 4,140 messages, 31 entries`."""
    if found.first is not None:
        where = f" at {found.first.message}, {found.first.time}" if found.first.message else ""
        return f"{found.session}: {WORDS[found.first.kind]}{where}: {found.first.why}"
    if found.verdict == "unproved":
        return f"{found.session}: unproved: {'; '.join(found.unjudged) or 'no epoch of the run has anything of it'}"
    lost = sum(each.count for each in found.lost)
    told = f", {lost} {'bar' if lost == 1 else 'bars'} lost" if lost else ""
    return f"{found.session}: equal; {sum(found.checked.values()):,} messages, {len(found.fills.trades)} entries{told}"


def _first(
    judgement: _Judgement, changes: dict[int, Versions], lost: tuple[LostBars, ...], measured: FillsOfDay
) -> Explained | None:
    """The divergence that the verdict names."""
    by_number = {epoch.conf.epoch: epoch for epoch in judgement.epochs}
    if judgement.differences:
        ways = Ways(judgement.recorded, judgement.date, judgement.all_published(), judgement.given)
        found = ways.first(judgement.differences)
        epoch = by_number[found.epoch]
        return causes.of_difference(
            judgement.run,
            epoch,
            found,
            ways.back(found),
            versions=changes[found.epoch],
            lost=lost,
            fills=measured,
            equal_then=lambda: _equal_then(judgement, epoch, found.daemon),
        )
    for epoch, error in judgement.errors:
        return causes.of_error(error, changes[epoch.conf.epoch], lambda e=epoch, d=error.daemon: _equal_then(judgement, e, d))  # type: ignore[misc]
    return next(
        (causes.of_settings(each, changes[each.conf.epoch]) for each in judgement.epochs if changes[each.conf.epoch].settings), None
    )


def _equal_then(judgement: _Judgement, epoch: Epoch, daemon: str) -> bool:
    conf = versions.then(judgement.run, epoch)
    if conf is None:
        return False
    try:
        return not judgement.found(epoch, daemon, judgement.fold(epoch, daemon, conf))[0]
    except Unstepped:
        return False


def _closed(run: Path, date: str, newest: str) -> bool:
    """Whether nothing more is expected of a date: a later one has begun, or the daybook has closed it."""
    done = folders.read(folders.place(run, date) / "performance.json", Performance)
    return date < newest or (done is not None and done.closed)
