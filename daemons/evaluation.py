"""The evaluator's verb `evaluate`: bars, position and settings in, the signal of the last bar out. No state is touched.

A fresh tracker and a fresh evaluator fold the bars, the same code that decides from the stream. So the same bars give the same
signal either way. On any doubt the signal is NONE, with a code and a sentence: nothing that cannot be read, is out of order or took
too long ever reads as an entry.

The work is done in slices, between which the evaluator decides its own bars (daemons/shell/jobs.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from tapewire.bus import topics
from tapewire.bus.daemon import Daemon, Event, Job, Request
from tapewire.bus.errors import ConfError, Refused
from tapewire.bus.messages import PROTOCOL_VERSION, Alarm, Bar, GivenLevels, Header, Intent, Intents, Position, Session
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.evaluator.core import Evaluator
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.settings import load
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.tracker import core as tracking
from tapewire.daemons.tracker.core import Tracker
from tapewire.daemons.tracker.init import levels_of
from tapewire.strategies import registry

MOST_BARS = 5_000
SLICE = 16  # bars folded before the stream is looked at again: about a millisecond
FIELDS = (
    *("id", "action", "strategy", "setup", "direction", "entry", "stop", "target"),
    *("reason", "day_type", "quality", "confidence", "valid_until_ns"),
)
"""The thirteen fields of a signal."""


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """The argument of `evaluate`.

    bars: closed bars of one traded instrument, oldest first; the signal is that of the last one. position: of the account at its
    close; without it the bar's own. An earlier bar without a position counts as flat. settings: values by name that replace those
    of the preset in force (`edge_fade.ib_under_points`), as `--set` names them. levels: given for the last bar's trade date, as
    `init` of the tracker takes them.
    """

    bars: tuple[Bar, ...]
    position: Position | None = None
    settings: dict[str, Any] = {}
    levels: dict[str, float] = {}


def daemon(conf: Conf) -> Daemon:
    """The evaluator of a run, which also evaluates bars that it is given."""
    return evaluator.daemon(conf)._replace(jobs={"evaluate": lambda argument: evaluate(conf, argument)})


def evaluate(conf: Conf, argument: str) -> Job:
    """Yields None after each slice, and at last the reply. A TimeoutError that is thrown in ends it with NONE."""
    bars: Sequence[Bar] = ()
    try:
        asked = _read(argument)
        bars = asked.bars
        tracker, core = _fresh(conf, asked)
        last = len(bars) - 1
        session, intents, failed = None, None, ""
        for number, bar in enumerate(bars):
            given = asked.position if number == last and asked.position is not None else bar.position
            bar = msgspec.structs.replace(bar, position=given or Position(conf.trading.account))
            session, intents, failed = _fold(tracker, core, bar, failed)
            if session is None:
                raise Refused("BAR_ORDER", f"bar {number} is not later than the one before it, or has a price that is no number")
            if number % SLICE == SLICE - 1:
                yield None
        assert session is not None
        yield _reply(bars, *_judged(session, intents, failed))
    except Refused as doubt:
        yield _reply(bars, (), doubt.code, str(doubt).removeprefix(f"{doubt.code}: "))
    except TimeoutError:
        yield _reply(bars, (), "TIMEOUT", f"{len(bars)} bars took too long; send fewer")


def _read(argument: str) -> Question:
    try:
        asked = msgspec.json.decode(argument, type=Question)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Refused("INVALID", str(error)) from None
    if not 1 <= len(asked.bars) <= MOST_BARS:
        raise Refused("BARS", f"{len(asked.bars)} bars: send 1 to {MOST_BARS}")
    return asked


def _fresh(conf: Conf, asked: Question) -> tuple[Tracker, Evaluator]:
    symbol = asked.bars[-1].instrument
    if symbol not in conf.traded:
        raise Refused("UNKNOWN_INSTRUMENT", f"{symbol[:40]!r} is not traded here; traded: {', '.join(conf.traded)}")
    if any(bar.instrument != symbol for bar in asked.bars):
        raise Refused("UNKNOWN_INSTRUMENT", f"the bars are of several instruments; the last one is of {symbol}")
    if own := registry.local(conf.preset.strategies) & asked.settings.keys():
        raise Refused("SETTINGS", f"{min(own)} names a file of this machine, which no question may do; set it in the preset")
    calendars = {symbol: conf.calendar_of(symbol)}
    try:
        preset = load.changed(conf.preset, asked.settings)
        rows = tracking.rows(msgspec.structs.replace(conf, preset=preset))
        tracker = Tracker(calendars, rows=rows)
        if asked.levels:
            date, _ = SessionClock(calendars[symbol]).read(asked.bars[-1].close_ns)
            given = GivenLevels(symbol, date.date, levels_of(asked.levels))
            tracker.step(Event(topics.of(topics.LEVELS, symbol), Header(PROTOCOL_VERSION, "evaluate", 1, 1, 0), given))
        return tracker, Evaluator({symbol: conf.instruments[symbol]}, preset, calendars)
    except ConfError as error:
        raise Refused("SETTINGS", str(error)) from None


def _fold(tracker: Tracker, core: Evaluator, bar: Bar, failed: str) -> tuple[Session | None, Intents | None, str]:
    """One bar through both. Returns its session, its intents, and what switched a strategy off."""
    topic = topics.bar(bar.instrument)
    header = Header(PROTOCOL_VERSION, "evaluate", 1, 1, bar.close_ns)
    session, intents = None, None
    for record in tracker.step(Event(topic, header, bar)):
        if not isinstance(record.body, Session):
            continue
        session = record.body
        for output in core.step(Event(record.topic, header, session)):
            if isinstance(output, Request) and isinstance(output.body, Intents):
                intents = output.body
            elif isinstance(output.body, Alarm):
                failed = output.body.text
    return session, intents, failed


def _judged(s: Session, asked: Intents | None, failed: str) -> tuple[Sequence[Intent], str, str]:
    """The intents of the last bar, or why there is none."""
    if failed:
        return (), "STRATEGY_OFF", failed
    intents = () if asked is None else asked.intents
    entries = [each for each in intents if each.action.startswith("ENTER")]
    if entries and asked is not None and asked.degraded:
        return (), "DEGRADED", "the session is not reliable, so no entry is given"
    if intents:
        return intents, "", ""
    position = s.bar.position
    if s.bar.phase == "historical":
        return (), "WARM_UP", "the last bar is one of a warm-up"
    if position is not None and position.working:
        return (), "WORKING", f"an order works: {', '.join(position.working)}"
    return (
        (),
        "NO_SETUP",
        "no strategy proposes anything on this bar" if position is None or not position.qty else "nothing to change",
    )


def _reply(bars: Sequence[Bar], intents: Sequence[Intent], code: str, why: str) -> dict[str, Any]:
    """The signal, its code, and every intent of the bar as the stream publishes it."""
    plain: list[dict[str, Any]] = [msgspec.to_builtins(each) for each in intents]
    first = plain[0] if plain else dict.fromkeys(FIELDS) | {"id": "", "action": "NONE", "reason": why, "confidence": "normal"}
    return {
        "signal": {name: first[name] for name in FIELDS},
        "code": code,
        "bars": len(bars),
        "bar_ns": bars[-1].close_ns if bars else 0,
        "intents": plain,
    }
