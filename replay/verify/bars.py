"""Each bar of a date from the bridge's own numbers to its decision, as a record that another program can check.

The bridge gives each bar two numbers: one in its topic (`seq`), without holes, and the bar's own (`index`), which a bar that the
bridge had to drop leaves out. So what is missing shows, and where it was lost:

    who       how it shows                                                    what the run knew
    bridge    a hole in `index`, none in `seq`                                the alarm `dropped`
    bus       no record, and the tracker reports a gap                        the session is degraded
    tracker   a record, and the tracker reports a gap                         the session is degraded
    logger    no record, and only the logger reports a gap                    the bar was decided on
    record    no record, and nobody reports a gap                             the journal was changed later
    run       a record, and no session or no end of its decision; or a hole   the run ended before
              in `index` where the bridge began new numbers
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from tapewire.bus import topics
from tapewire.bus.messages import Alarm, Bar, EvalDone, Gap
from tapewire.replay import tapes
from tapewire.replay.attendance import Attendance
from tapewire.replay.days.files import utc
from tapewire.replay.verify import record
from tapewire.replay.verify.record import DatedFrames, Dates, Number

FORMAT = "tapewire bar completeness 1"
WHY = {
    "bridge": "the bridge dropped them before it sent them",
    "bus": "they reached neither the tracker nor the journal",
    "tracker": "they are in the journal and did not reach the tracker",
    "logger": "they reached the tracker and not the journal",
    "record": "the journal lacks them and no reader has reported a loss: it was changed after it was written",
    "run": "the run ended before they were decided",
}
UNSEEN = "the run ended, and the bridge began new numbers: if it had sent them, nothing has recorded them"

Who = Literal["bridge", "bus", "tracker", "logger", "record", "run"]


class _Attended(Struct, frozen=True):
    session: str
    minute: int
    rth: bool
    closes: int


class BarLine(Struct, frozen=True):
    """One recorded bar.

    bar, session, decided: names of messages; the last two are empty where there is none. close: UTC. sha256: of the bar's record in
    `file` (its payload, without length and checksum). late: repeated, or older than the bar before it: the tracker ignores it.
    """

    bar: str
    index: int
    close: str
    phase: str
    sha256: str
    session: str
    decided: str
    late: bool = False


class LostBars(Struct, frozen=True):
    """Bars that were not decided on, or are not recorded. first, last: names, for the bridge its own numbers. before: the close of
    the next bar that is recorded, UTC; empty at the end. told: what the run itself said."""

    who: Who
    count: int
    first: str
    last: str
    before: str
    why: str
    told: str = ""


class BarsOfInstrument(Struct, frozen=True):
    """sent: numbers that the bridge gave on the date, as far as the journal goes. dropped: holes in its own numbers. rth: how
    complete regular trading hours were, in words: a minute without a trade has no bar, and nothing is lost then. digest: over all
    lines."""

    instrument: str
    topic: str
    file: str
    sent: int
    dropped: int
    recorded: int
    late: int
    sessions: int
    decided: int
    rth: str
    lost: tuple[LostBars, ...]
    complete: bool
    digest: str
    bars: tuple[BarLine, ...]


class Completeness(Struct, frozen=True):
    """The bars of a date."""

    format: str
    date: str
    complete: bool
    instruments: tuple[BarsOfInstrument, ...]


def prove(run: Path, date: str) -> Completeness:
    """The bars of a trade date of a run.

    Raises:
        ConfError: there is no journal.
    """
    return of_record(DatedFrames(run, [date]), date)


def of_record(recorded: DatedFrames, date: str) -> Completeness:
    """The same, of a record that is read for more than this."""
    tracked = tapes.topics(recorded.run, topics.BAR)
    found = tuple(each for topic in tracked if (each := _of_topic(recorded, topic, date)) is not None)
    return Completeness(FORMAT, date, bool(found) and all(each.complete for each in found), found)


def lines(found: Completeness) -> Iterator[str]:
    """For a person."""
    for each in found.instruments:
        yield (
            f"{found.date}, {each.instrument}: {each.sent + each.dropped:,} bars of the bridge, {each.recorded:,} recorded, "
            f"{each.sessions:,} sessions, {each.decided:,} decided; " + ("complete" if each.complete else "not complete")
        )
        if each.late:
            yield f"  {each.late:,} of them repeated or late, and ignored"
        yield from (f"  {lost_line(lost)}" for lost in each.lost)
        yield f"  {each.rth}"


def lost_line(lost: LostBars) -> str:
    """`10 bars lost by the bridge, 41 to 50, before 2026-03-02T15:31:00Z: the bridge dropped them ...`."""
    which = lost.first if lost.count == 1 else f"{lost.first} to {lost.last}"
    where = f", before {lost.before}" if lost.before else ""
    bars = "1 bar" if lost.count == 1 else f"{lost.count} bars"
    return f"{bars} lost by the {lost.who}, {which}{where}: {lost.why}" + (f" ({lost.told})" if lost.told else "")


def _of_topic(recorded: DatedFrames, topic: str, date: str) -> BarsOfInstrument | None:
    run, dates = recorded.run, Dates()
    bar_of = msgspec.msgpack.Decoder(Bar)
    bars: list[tuple[Number, bytes, Bar]] = []
    before: bytes | None = None
    for frame in tapes.frames(run, topic):
        of = dates.of(record.header_of(frame).event_ns)
        if of > date:
            break
        if of == date:
            bars.append((record.number(frame), frame, bar_of.decode(frame)))
        else:
            before = frame
    if not bars:
        return None
    previous = None if before is None else (record.number(before), bar_of.decode(before))
    instrument = bars[0][2].instrument
    sessions = {
        record.header_of(frame).cause: name for name, frame in _named(recorded, topics.of(topics.SESSION, instrument), date)
    }
    decided = _decided(recorded, instrument, date)
    rows = tuple(_rows(topic, bars, sessions, decided))
    told = {reader: [gap for gap in record.gaps(run, reader) if gap.topic == topic] for reader in ("tracker", "logger")}
    holes = list(_holes(topic, previous, [(at, bar) for at, _, bar in bars], told, _alarm(run)))
    lost = (*holes, *_undecided(topic, rows, told["tracker"]))
    sent = len(bars) + sum(each.count for each in holes if each.who not in ("bridge", "run"))
    dropped = sum(each.count for each in holes if each.who == "bridge")
    digest = hashlib.sha256(b"".join(msgspec.json.encode(row) + b"\n" for row in rows)).hexdigest()
    return BarsOfInstrument(
        instrument=instrument,
        topic=topic,
        file=f"{tapes.FOLDER}/{topic.removesuffix('.')}{tapes.SUFFIX}",
        sent=sent,
        dropped=dropped,
        recorded=len(rows),
        late=sum(row.late for row in rows),
        sessions=sum(bool(row.session) for row in rows),
        decided=sum(bool(row.decided) for row in rows),
        rth=_attended(recorded, instrument, date),
        lost=lost,
        complete=not lost,
        digest=digest,
        bars=rows,
    )


def _rows(
    topic: str, recorded: Iterable[tuple[Number, bytes, Bar]], sessions: dict[str, str], decided: dict[int, str]
) -> Iterator[BarLine]:
    newest = 0
    for at, frame, bar in recorded:
        name = record.name(topic, at)
        session = sessions.get(name, "")
        yield BarLine(
            bar=name,
            index=bar.index,
            close=utc(bar.close_ns),
            phase=bar.phase,
            sha256=hashlib.sha256(frame).hexdigest(),
            session=session,
            decided=decided.get(bar.close_ns, "") if session else "",
            late=bar.close_ns <= newest and not session,
        )
        newest = max(newest, bar.close_ns)


def _holes(
    topic: str,
    previous: tuple[Number, Bar] | None,
    bars: Sequence[tuple[Number, Bar]],
    told: dict[str, list[Gap]],
    dropped: str,
) -> Iterator[LostBars]:
    """What is missing before each bar: first numbers of its topic, then what remains of the bars' own numbers."""
    for at, bar in bars:
        epoch, seq = at
        before = previous[0][1] if previous is not None and previous[0][0] == epoch else 0
        missing = range(before + 1, seq)
        for who, part in _by_loser(topic, epoch, missing, told):
            first, last = (record.name(topic, (epoch, number)) for number in part)
            yield LostBars(who, part[1] - part[0] + 1, first, last, utc(bar.close_ns), WHY[who], _gap_names(told, who))
        step = 0 if previous is None else bar.index - previous[1].index - 1 - len(missing)
        if step > 0 and previous is not None and bar.close_ns > previous[1].close_ns:
            first_index, last_index = str(previous[1].index + 1 + len(missing)), str(bar.index - 1)
            if previous[0][0] == epoch:
                yield LostBars("bridge", step, first_index, last_index, utc(bar.close_ns), WHY["bridge"], dropped)
            else:
                yield LostBars("run", step, first_index, last_index, utc(bar.close_ns), UNSEEN)
        previous = (at, bar)


def _by_loser(topic: str, epoch: int, missing: range, told: dict[str, list[Gap]]) -> Iterator[tuple[Who, tuple[int, int]]]:
    run: tuple[Who, tuple[int, int]] | None = None
    for seq in missing:
        at = (epoch, seq)
        who: Who = "record"
        if record.covers(told["tracker"], topic, at):
            who = "bus"
        elif record.covers(told["logger"], topic, at):
            who = "logger"
        if run is not None and run[0] == who:
            run = (who, (run[1][0], seq))
            continue
        if run is not None:
            yield run
        run = (who, (seq, seq))
    if run is not None:
        yield run


def _gap_names(told: dict[str, list[Gap]], who: Who) -> str:
    return {"bus": "sys.gap.tracker.", "logger": "sys.gap.logger."}.get(who, "")


def _undecided(topic: str, rows: Sequence[BarLine], told: list[Gap]) -> Iterator[LostBars]:
    """Bars that are recorded and have no session, or no end of their decision."""
    for row in rows:
        if row.late or (row.session and row.decided):
            continue
        epoch, _, seq = row.bar.partition("@")[2].partition(":")
        who: Who = "tracker" if record.covers(told, topic, (int(epoch), int(seq))) else "run"
        yield LostBars(who, 1, row.bar, row.bar, row.close, WHY[who])


def _named(recorded: DatedFrames, topic: str, date: str) -> Iterator[tuple[str, bytes]]:
    if topic in tapes.topics(recorded.run, topic):
        yield from ((record.name(topic, at), frame) for at, frame in recorded.of(topic, date).items())


def _decided(recorded: DatedFrames, instrument: str, date: str) -> dict[int, str]:
    """The end of each bar's decision, by the bar's close."""
    done = msgspec.msgpack.Decoder(EvalDone)
    return {done.decode(frame).bar_ns: name for name, frame in _named(recorded, topics.of(topics.EVAL_DONE, instrument), date)}


def _attended(recorded: DatedFrames, instrument: str, date: str) -> str:
    counted, minute = Attendance(), msgspec.msgpack.Decoder(_Attended)
    topic = topics.of(topics.SESSION, instrument)
    for _, frame in _named(recorded, topic, date):
        counted.minute(topic, minute.decode(frame))
    return next((each.note for each in counted.sessions() if each.session == date), "no session")


def _alarm(run: Path) -> str:
    """What the bridge itself said of bars that it dropped."""
    topic = topics.of(topics.ALARM, "nt")
    alarms = tapes.facts(run, topic, Alarm) if topic in tapes.topics(run, topic) else ()
    return next((f"alarm {each.name}" for each in alarms if each.name == "dropped"), "")
