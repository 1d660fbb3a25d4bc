"""Decisions on bars: the one that the bus has taken, or one on bars that come with the question. NONE on any doubt."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tapewire.bus import topics
from tapewire.bus.bounds import MAX_MESSAGE
from tapewire.bus.messages import (
    Action,
    Bar,
    CrossBar,
    Decisions,
    EvalDone,
    Intent,
    Intents,
    Levels,
    Position,
    Session,
    Signal,
    StopRounding,
)
from tapewire.daemons.api.bodies import wrong
from tapewire.daemons.api.door import OpenDoor
from tapewire.daemons.api.problems import Problem
from tapewire.daemons.api.shapes import (
    BarShape,
    CrossShape,
    DatedBar,
    PositionShape,
    QualityShape,
    SignalAnswer,
    SignalRequest,
)
from tapewire.daemons.gate.books import sizing
from tapewire.daemons.gate.books.orders import ENTRIES
from tapewire.daemons.market import ticks
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.settings.structs import Conf, RiskLimits
from tapewire.strategies.clock import MINUTE_NS, NEW_YORK, SECOND_NS

DECIDE_S = 2.0
GRACE_S = 0.5  # the evaluator itself gives up after two seconds, and says so
LEVELS = frozenset(Levels.__struct_fields__)
ROOM = MAX_MESSAGE - 1_024
LATEST = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


def none(code: str, why: str) -> SignalAnswer:
    """No signal, and why."""
    return SignalAnswer(code=code, reasoning=why)


async def decision(door: OpenDoor, asked: SignalRequest) -> SignalAnswer:
    """The signal of a bar.

    Raises:
        Problem: a time, a direction or a level is none.
    """
    read = _read(door, asked)
    if isinstance(read, SignalAnswer):
        return read
    bar, position = read
    if asked.bars is None:
        return await _decided(door, bar, position)
    earlier = [dated_bar(door.conf, asked.instrument, each) for each in asked.bars]
    levels = {name: price for name, price in asked.session_levels.items() if name in LEVELS and price is not None}
    found = await evaluated(door, [*earlier, bar], position, levels, asked.settings)
    if found.action not in ENTRIES:
        return found
    try:
        killed = await door.killed()
    except Problem as problem:
        return none(problem.code, problem.detail)
    return none("KILLED", "the kill switch is latched; `tapewire arm` releases it") if killed else found


def at_once(door: OpenDoor, asked: SignalRequest) -> SignalAnswer | None:
    """The same where nothing is waited for and nobody is asked; None elsewhere. Raises Problem, as `decision`."""
    if asked.bars is not None:
        return None
    read = _read(door, asked)
    found = read if isinstance(read, SignalAnswer) else _settled(door, *read)
    return found if isinstance(found, SignalAnswer) else None


def _read(door: OpenDoor, asked: SignalRequest) -> tuple[Bar, Position | None] | SignalAnswer:
    """The bar and the position of a question, or why it has no answer. Raises Problem, as `decision`."""
    close_ns = close_of(asked.timestamp)
    if asked.instrument not in door.conf.traded:
        return none("UNKNOWN_INSTRUMENT", f"{asked.instrument[:40]!r} is not traded here; traded: {', '.join(door.conf.traded)}")
    bar = bar_of(asked.instrument, close_ns, asked.bar, asked.cross_instruments)
    position = position_of(door.conf, asked.position)
    if asked.session_date and asked.session_date != (date := _date(door, asked.instrument, close_ns)):
        return none("SESSION_DATE", f"the bar of {asked.timestamp} is of the trade date {date}, not {asked.session_date[:20]}")
    return bar, position


async def evaluated(
    door: OpenDoor,
    bars: Sequence[Bar],
    position: Position | None,
    levels: Mapping[str, float],
    settings: Mapping[str, Any],
    limits: RiskLimits | None = None,
) -> SignalAnswer:
    """The signal of the last of these bars, made of them alone by the evaluator's own code.

    Args:
        limits: those of the run if they are not given.
    """
    question = {"bars": bars, "position": position, "levels": levels, "settings": settings}
    argument = msgspec.json.encode(question)
    if len(argument) > ROOM:
        return none("BARS", f"{len(bars)} bars are more than a request of the bus holds; send fewer")
    try:
        reply = await door.ask("evaluator", "evaluate", argument.decode(), timeout_s=DECIDE_S + GRACE_S)
    except Problem as problem:
        return none(problem.code, problem.detail)
    if not reply["intents"]:
        return none(reply["code"], reply["signal"]["reason"])
    return proposed(door.conf, msgspec.convert(reply["intents"][0], Intent), bars[-1].instrument, limits or door.conf.preset.risk)


async def _decided(door: OpenDoor, bar: Bar, position: Position | None) -> SignalAnswer:
    """What the daemons have decided on this bar. It waits for them if they have not."""
    until = time.monotonic() + DECIDE_S
    while not isinstance(found := _settled(door, bar, position), SignalAnswer):
        if not await door.news(max(0.0, until - time.monotonic())):
            return none("TIMEOUT", found)
    return found


def _settled(door: OpenDoor, bar: Bar, position: Position | None) -> SignalAnswer | str:
    """What the daemons have decided on this bar, or what they have not done yet."""
    if not _is_over(door, bar):
        return f"nothing was decided on this bar within {DECIDE_S:g} s; send the earlier bars, too, if no bridge does"
    name, at_ns = bar.instrument, bar.close_ns
    sessions = door.kept(topics.of(topics.SESSION, name), Session, at_ns)
    if not sessions:
        return none("UNKNOWN_BAR", "the bus had no bar at this time, or it was too long ago")
    if (differs := _difference(bar, sessions[-1].bar)) or (differs := _elsewhere(position, sessions[-1].bar.position)):
        return none("DIFFERENT", f"the bar on the bus differs: {differs}")
    intents = door.kept(topics.of(topics.INTENT, name), Intents, at_ns)
    if not intents:
        why = "no strategy proposes anything on this bar"
        return SignalAnswer(code="NO_SETUP", reasoning=why, day_type=_day_type(door, sessions[-1]))
    all_decisions = door.newest(topics.of(topics.DECISION, name), Decisions, at_ns)
    decisions = next((each for each in all_decisions if each.id == intents[-1].id), None)
    if decisions is None:
        return "the gate has not decided on what was proposed"
    first = decisions.decisions[0]
    if not first.approved:
        return none(first.reason or "REFUSED", first.detail)
    signals = door.newest(topics.of(topics.SIGNAL, name), Signal, at_ns)
    signal = next((each for each in signals if each.id == first.intent_id), None)
    return "the gate has approved an order and not told its signal" if signal is None else _approved(signal)


def _date(door: OpenDoor, instrument: str, close_ns: int) -> str:
    """The trade date of a bar."""
    return SessionClock(door.conf.calendar_of(instrument)).read(close_ns)[0].date


def _is_over(door: OpenDoor, bar: Bar) -> bool:
    done = door.last(topics.of(topics.EVAL_DONE, bar.instrument), EvalDone)
    return any(each.bar_ns >= bar.close_ns for each in done.values())


def _difference(asked: Bar, there: Bar) -> str:
    """The first field of a bar that differs; empty if none does."""
    for name in ("open", "high", "low", "close", "volume"):
        if getattr(asked, name) != getattr(there, name):
            return f"{name} is {getattr(there, name):.12g} there"
    return ""


def _elsewhere(asked: Position | None, there: Position | None) -> str:
    """How the position differs in its side; empty if it does not, or none was told."""
    if asked is None or there is None or (asked.qty > 0) - (asked.qty < 0) == (there.qty > 0) - (there.qty < 0):
        return ""
    return f"the position is {there.qty:+d} there"


def _day_type(door: OpenDoor, session: Session) -> str:
    return str(session.day_type_edge if door.conf.preset.day_type == "edge" else session.day_type_midpoint)


def _approved(signal: Signal) -> SignalAnswer:
    """A signal of the gate in the words of the answer."""
    return _told(signal, signal.stop, signal.target, signal.size)


def _told(decided: Signal | Intent, stop: float | None, target: float | None, size: int) -> SignalAnswer:
    return SignalAnswer(
        action=decided.action.value,
        model=decided.setup,
        strategy=decided.strategy,
        confidence=decided.confidence,
        entry_price=decided.entry,
        stop_loss=stop,
        target=target,
        position_size=size,
        reasoning=decided.reason,
        day_type=decided.day_type,
        day_confidence=decided.day_confidence,
        of_quality=quality_of(decided),
        id=decided.id,
        score=decided.score,
        valid_until_ns=decided.valid_until_ns,
    )


def proposed(conf: Conf, intent: Intent, instrument: str, limits: RiskLimits) -> SignalAnswer:
    """A proposal as the gate would tell it; the size is that of the rule for sizes, before any limit of the account."""
    tick = conf.instruments[instrument].tick
    direction = 1 if intent.direction == "LONG" else -1
    toward = intent.stop_rounding is StopRounding.TOWARD
    stop = None if intent.stop is None else ticks.protective(intent.stop, tick, -direction if toward else direction)
    target = None if intent.target is None else ticks.protective(intent.target, tick, direction)
    size = 0
    if intent.action in ENTRIES and intent.entry is not None and stop is not None:
        enters = intent.entry if intent.limit is None else intent.limit
        size = sizing.wanted(limits, conf.instruments[instrument], enters, stop, intent.strategy)
        if size == 0:
            return none("SIZE_ZERO", "not even one contract fits the risk of a trade")
    if intent.action is Action.EXIT:
        return _told(intent, None, None, size)
    return _told(intent, intent.stop if toward else stop, target, size)


def quality_of(told: Intent | Signal) -> QualityShape:
    """The order flow behind it."""
    quality = told.quality
    return QualityShape(quality.delta_percentile, quality.imbalance_ratio, quality.volume_spike, quality.score)


def close_of(timestamp: str) -> int:
    """The close of a bar, UTC ns. Raises Problem."""
    try:
        at = dt.datetime.fromisoformat(timestamp)
        at = at.replace(tzinfo=at.tzinfo or NEW_YORK)
        seconds = at.timestamp()
    except (ValueError, OverflowError):
        raise wrong(
            f"{timestamp[:40]!r} is no time; write 2026-02-19T10:31:00 (New York), or with an offset", "timestamp"
        ) from None
    if not 0 <= seconds < LATEST.timestamp():
        raise wrong(f"{timestamp[:40]!r} is no time of a bar", "timestamp")
    return int(seconds) * SECOND_NS


def bar_of(instrument: str, close_ns: int, bar: BarShape, cross: Mapping[str, CrossShape]) -> Bar:
    """A bar of the bus."""
    return Bar(
        instrument=instrument,
        open_ns=max(0, close_ns - MINUTE_NS),
        close_ns=close_ns,
        open=bar.open,
        high=bar.high,
        low=bar.low,
        close=bar.close,
        volume=bar.volume,
        ask_volume=bar.up_volume,
        bid_volume=bar.down_volume,
        cross=tuple(
            CrossBar(name, each.open, each.high, each.low, each.close, each.volume, each.up_volume, each.down_volume)
            for name, each in sorted(cross.items())
        ),
        delta=bar.delta,
        up_ticks=bar.up_ticks,
        down_ticks=bar.down_ticks,
    )


def dated_bar(conf: Conf, instrument: str, bar: DatedBar) -> Bar:
    """A bar of the bus. Raises Problem."""
    made = bar_of(instrument, close_of(bar.timestamp), bar, {})
    return made if bar.position is None else msgspec.structs.replace(made, position=position_of(conf, bar.position))


def position_of(conf: Conf, shape: PositionShape | None) -> Position | None:
    """A position of the bus. Raises Problem."""
    if shape is None:
        return None
    side = (shape.direction or "").upper()
    if shape.is_flat:
        return Position(conf.trading.account, working=shape.working, realised=shape.realised)
    if side not in ("LONG", "SHORT") or shape.quantity < 1:
        raise wrong("a position that is not flat is Long or Short, of 1 contract or more", "position.direction")
    return Position(
        conf.trading.account,
        shape.quantity if side == "LONG" else -shape.quantity,
        shape.entry_price,
        shape.entry_id,
        shape.stop,
        shape.target,
        shape.working,
        shape.realised,
    )
