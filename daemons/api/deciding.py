"""Decisions on bars: the one that the bus has taken, or one on bars that come with the question. NONE on any doubt."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tapewire.bus.bounds import MAX_MESSAGE
from tapewire.bus.messages import Action, Bar, CrossBar, Intent, Levels, Position, StopRounding
from tapewire.daemons.api.bodies import wrong
from tapewire.daemons.api.decided import DecidedBar, none, told
from tapewire.daemons.api.door import OpenDoor
from tapewire.daemons.api.problems import Problem
from tapewire.daemons.api.shapes import BarShape, CrossShape, DatedBar, PositionShape, SignalAnswer, SignalRequest
from tapewire.daemons.gate.books import sizing
from tapewire.daemons.gate.books.orders import ENTRIES
from tapewire.daemons.market import ticks
from tapewire.daemons.settings.structs import Conf, RiskLimits
from tapewire.strategies.clock import MINUTE_NS, NEW_YORK, SECOND_NS

DECIDE_S = 2.0
GRACE_S = 0.5  # the evaluator itself gives up after two seconds, and says so
LEVELS = frozenset(Levels.__struct_fields__)
ROOM = MAX_MESSAGE - 1_024
COMPARED = ("open", "high", "low", "close", "volume")
LATEST = dt.datetime(2100, 1, 1, tzinfo=dt.UTC).timestamp()

_encode = msgspec.json.Encoder().encode


async def decision(door: OpenDoor, asked: SignalRequest) -> SignalAnswer:
    """The signal of a bar.

    Raises:
        Problem: a time, a direction or a level is none.
    """
    close_ns, position = close_of(asked.timestamp), position_of(door.conf, asked.position)
    if (elsewhere := _elsewhere(door, asked, close_ns)) is not None:
        return elsewhere
    if asked.bars is None:
        return await _decided(door, asked, close_ns, position)
    bar = bar_of(asked.instrument, close_ns, asked.bar, asked.cross_instruments)
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


def at_once(door: OpenDoor, asked: SignalRequest) -> bytes | None:
    """The same as JSON where nothing is waited for and nobody is asked; None elsewhere. Raises Problem, as `decision`."""
    if asked.bars is not None:
        return None
    close_ns, position = close_of(asked.timestamp), position_of(door.conf, asked.position)
    found = _elsewhere(door, asked, close_ns) or door.decided.of(asked.instrument, close_ns)
    if isinstance(found, DecidedBar):
        differs = _differs(asked.bar, position, found.bar)
        return found.text if differs is None else _encode(differs)
    return None if isinstance(found, str) else _encode(found)


def _elsewhere(door: OpenDoor, asked: SignalRequest, close_ns: int) -> SignalAnswer | None:
    """Why a bar is none of this run's, if it is none."""
    if asked.instrument not in door.conf.traded:
        return none("UNKNOWN_INSTRUMENT", f"{asked.instrument[:40]!r} is not traded here; traded: {', '.join(door.conf.traded)}")
    if asked.session_date and asked.session_date != (date := door.clocks[asked.instrument].read(close_ns)[0].date):
        return none("SESSION_DATE", f"the bar of {asked.timestamp} is of the trade date {date}, not {asked.session_date[:20]}")
    return None


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


async def _decided(door: OpenDoor, asked: SignalRequest, close_ns: int, position: Position | None) -> SignalAnswer:
    """What the daemons have decided on this bar. It waits for them if they have not."""
    until = time.monotonic() + DECIDE_S
    while isinstance(found := door.decided.of(asked.instrument, close_ns), str):
        if not await door.news(max(0.0, until - time.monotonic())):
            return none("TIMEOUT", f"not within {DECIDE_S:g} s: {found}")
    if isinstance(found, SignalAnswer):
        return found
    return _differs(asked.bar, position, found.bar) or found.answer


def _differs(asked: BarShape, position: Position | None, there: Bar) -> SignalAnswer | None:
    """Why a bar or a position is not that of the bus; None if it is. A position that was not told is none to compare."""
    for name in COMPARED:
        if getattr(asked, name) != (known := getattr(there, name)):
            return none("DIFFERENT", f"the bar on the bus differs: {name} is {known:.12g} there")
    held = there.position
    if position is None or held is None or (position.qty > 0) - (position.qty < 0) == (held.qty > 0) - (held.qty < 0):
        return None
    return none("DIFFERENT", f"the bar on the bus differs: the position is {held.qty:+d} there")


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
        return told(intent, None, None, size)
    return told(intent, intent.stop if toward else stop, target, size)


def close_of(timestamp: str) -> int:
    """The close of a bar, UTC ns. Raises Problem."""
    try:
        at = dt.datetime.fromisoformat(timestamp)
        seconds = (at if at.tzinfo else at.replace(tzinfo=NEW_YORK)).timestamp()
    except (ValueError, OverflowError):
        raise wrong(
            f"{timestamp[:40]!r} is no time; write 2026-02-19T10:31:00 (New York), or with an offset", "timestamp"
        ) from None
    if not 0 <= seconds < LATEST:
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
