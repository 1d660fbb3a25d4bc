"""Why the first message that differs does: from what the run itself has kept. What can be shown comes before what can be concluded.

bar         the session was made of another bar than the one that the journal has now
lost_bar    the session was made of a bar that the journal lacks
fill        the fill as booked is not the venue's recorded word
settings    run.json is not what the daemons had read
code        the code that decides is not the code of that day
record      none of these: the message itself was changed, or the code does not give the same twice
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from tapewire.bus import topics
from tapewire.bus.messages import Execution
from tapewire.daemons.shell import recovery
from tapewire.replay import diff, tapes
from tapewire.replay.diff import FieldDifference
from tapewire.replay.verify import again, bars, record
from tapewire.replay.verify.bars import LostBars
from tapewire.replay.verify.comparison import Chain, Mismatch
from tapewire.replay.verify.fills import ENTRY, FillsOfDay
from tapewire.replay.verify.record import Epoch, Number
from tapewire.replay.verify.versions import Versions

Kind = Literal["code", "settings", "bar", "lost_bar", "fill", "record"]
WORDS: Mapping[Kind, str] = {
    "code": "code changed",
    "settings": "settings changed",
    "bar": "a bar changed",
    "lost_bar": "a bar lost",
    "fill": "a fill differs",
    "record": "the record changed",
}
MOST = 6  # of what changed, that a sentence names


class Explained(Struct, frozen=True):
    """The first message of a date that differs, and why.

    message: its name; empty if no message differs and only run.json was changed. why: a sentence. changed: files, settings or
    fields. fields: a as published, b as it comes out again. chain: from it back to its bar, newest first.
    """

    kind: Kind
    daemon: str
    message: str
    time: str
    why: str
    changed: tuple[str, ...] = ()
    fields: tuple[FieldDifference, ...] = ()
    chain: tuple[Chain, ...] = ()


def of_difference(
    run: Path,
    epoch: Epoch,
    found: Mismatch,
    chain: tuple[Chain, ...],
    *,
    versions: Versions,
    lost: Sequence[LostBars],
    fills: FillsOfDay,
    equal_then: Callable[[], bool],
) -> Explained:
    """Why a message differs.

    Args:
        equal_then: whether this daemon gives what was published under the settings that it had read.
    """
    kind, why, changed = (
        _bar(run, found)
        or _lost(run, found, lost)
        or _fill(epoch, found, fills)
        or _version(found.daemon, versions, equal_then)
        or _record(found, versions)
    )
    return Explained(kind, found.daemon, found.name, tapes.wall(found.at_ns), why, changed, found.fields, chain)


def of_error(error: again.Unstepped, versions: Versions, equal_then: Callable[[], bool]) -> Explained:
    """A core that raises on an event that it once took."""
    found = _version(error.daemon, versions, equal_then)
    kind, why, changed = found or ("record", "code and settings are those of the day", ())
    text = f"{error.daemon} ends on {error.event.ref}: {error.text}; {why}"
    return Explained(kind, error.daemon, error.event.ref, tapes.wall(error.event.header.event_ns), text, changed)


def of_settings(epoch: Epoch, versions: Versions) -> Explained:
    """run.json was changed, and every message still comes out as it was published."""
    changed = _values(versions.settings)
    why = f"{epoch.folder / 'run.json'} is not what the daemons had read, and no message depends on it: {listed(changed)}"
    return Explained("settings", "", "", "", why, changed)


_Found = tuple[Kind, str, tuple[str, ...]]


def _bar(run: Path, found: Mismatch) -> _Found | None:
    if not found.topic.startswith(topics.SESSION) or found.a is None:
        return None
    cause, raw = _cause(run, found.a)
    if raw is None:
        return None
    decided: dict[str, Any] = record.fields(found.a)["bar"]
    there = {key: value for key, value in record.fields(raw).items() if key in decided}
    changed = _values(tuple(diff.fields_of("", decided, there)))
    return ("bar", f"{cause} is not the bar that was decided on: {listed(changed)}", changed) if changed else None


def _lost(run: Path, found: Mismatch, lost: Sequence[LostBars]) -> _Found | None:
    """A bar that the record lacks, at or before the one of this session."""
    if found.daemon != "tracker" or found.a is None:
        return None
    cause, raw = _cause(run, found.a)
    upto = _number(cause)
    for each in lost:
        if each.who in ("record", "logger") and _number(each.first) <= upto:
            return "lost_bar", bars.lost_line(each), (each.first, each.last)
    if raw is None:
        return "lost_bar", f"{cause} is not in the journal, and {found.name} was made of it", (cause,)
    return None


def _fill(epoch: Epoch, found: Mismatch, fills: FillsOfDay) -> _Found | None:
    if not found.topic.startswith(topics.FILL):
        return None
    booked = record.fields(found.frame)
    word = _word(epoch, booked["execution_id"])
    name = f"fill {booked['execution_id']} of {booked['order_id'] or 'no order of ours'}"
    if found.a is None:
        return "fill", f"{name} is in the venue's words and was not published", ()
    if word is None:
        return "fill", f"{name} was published and is not in the venue's words", ()
    changed = tuple(
        f"{key}: booked {booked[key]}, the venue's word {getattr(word, key)}"
        for key in ("price", "qty", "role", "order_id", "bar_ns")
        if key in booked and booked[key] != getattr(word, key)
    )
    if not changed:
        return None
    apart = f"{booked['price'] - word.price:+g} points apart"
    return "fill", f"{name}: {listed(changed)}, {apart}{_simulated(word, booked['price'], fills)}", changed


def _simulated(word: Execution, booked: float, fills: FillsOfDay) -> str:
    """How far a fill is from the simulated venue's: by the venue's word, and as booked."""
    for trade in fills.trades:
        leg = trade.entry if word.role == ENTRY else trade.exit
        if word.id in leg.executions and leg.simulated_price is not None:
            of_word, of_book = word.price - leg.simulated_price, booked - leg.simulated_price
            at = f"{leg.simulated_price:g}"
            return f"; the simulated venue fills at {at}, which is {of_word:+g} to the word and {of_book:+g} to the booking"
    return ""


def _version(daemon: str, versions: Versions, equal_then: Callable[[], bool]) -> _Found | None:
    files, values = versions.code.get(daemon, ()), _values(versions.settings)
    if values and (not files or equal_then()):
        return "settings", f"run.json is not what the daemons had read: {listed(values)}", values
    if files:
        return "code", f"the {daemon} had other code: {listed(files)}", files
    return None


def _record(found: Mismatch, versions: Versions) -> _Found:
    if found.witness:
        return "record", f"{found.name} in the journal is not what {found.witness} has", ()
    if not versions.known:
        return "record", f"it is not known which code and settings the {found.daemon} ran with (an earlier version noted none)", ()
    return (
        "record",
        f"code, settings, bars and fills are those of the day: {found.name} was changed in the journal, an earlier day was, or the "
        f"{found.daemon} does not give the same twice",
        (),
    )


def _word(epoch: Epoch, execution: str) -> Execution | None:
    """The venue's first word about a fill."""
    for _, event in recovery.inputs(again.log_of(epoch)):
        if isinstance(event.body, Execution) and event.body.id == execution:
            return event.body
    return None


def _cause(run: Path, frame: bytes) -> tuple[str, bytes | None]:
    """The bar that a session names as its cause, if the journal has it."""
    cause = record.header_of(frame).cause
    topic, _, _ = cause.partition("@")
    if topic not in tapes.topics(run, topic):
        return cause, None
    wanted = _number(cause)
    return cause, next((each for each in tapes.frames(run, topic) if record.number(each) == wanted), None)


def _number(name: str) -> Number:
    epoch, _, seq = name.partition("@")[2].partition(":")
    return (int(epoch), int(seq)) if epoch.isdigit() and seq.isdigit() else (0, 0)


def _values(fields: Sequence[FieldDifference]) -> tuple[str, ...]:
    return tuple(f"{each.path} was {each.a}, is {each.b}" for each in fields)


def listed(changed: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = len(changed) - MOST
    return ", ".join(changed[:MOST]) + (f", and {more} more" if more > 0 else "")
