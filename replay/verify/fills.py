"""The venue's fills beside those of the simulated venue: slippage of each trade, missed and extra fills.

Every entry that was sent is played alone through the simulated venue (replay/venue), from its deciding bar on, with the moves
and closes that were sent for it at their times. So one fill that differs changes no other comparison. Slippage is in points,
positive against us, and is measured between two fills: the simulated one has its own slippage in it, as in a backtest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from tapewire.bus import topics
from tapewire.bus.messages import (
    Action,
    Bar,
    CancelOrder,
    ClosePosition,
    Command,
    Execution,
    MoveBracket,
    OrderEvent,
    PlaceOrder,
    Signal,
)
from tapewire.daemons.settings.structs import Conf, Instrument
from tapewire.daemons.shell import recovery
from tapewire.replay import tapes
from tapewire.replay.venue import core as venues
from tapewire.replay.verify import again, record
from tapewire.replay.verify.again import Given
from tapewire.replay.verify.record import DatedFrames, Dates, Epoch

ENTRY, FOREIGN = "ENTRY", "FOREIGN"

State = Literal["both", "missed", "extra", "neither"]
T = TypeVar("T")

Sent = tuple[int, Command]
"""A command and its market time."""


class Leg(Struct, frozen=True):
    """The fills of one side, real and simulated: contracts, average price, what filled it. executions: ids of the real ones.
    slippage: None without both."""

    qty: int = 0
    price: float | None = None
    role: str = ""
    executions: tuple[str, ...] = ()
    simulated_qty: int = 0
    simulated_price: float | None = None
    simulated_role: str = ""
    slippage: float | None = None
    ticks: float | None = None


class TradeFills(Struct, frozen=True):
    """One entry. state: of its entry; missed: only the simulated venue filled it, extra: only the real one. dollars: the slippage
    of both sides. detail: the venue's own text, where it gave one."""

    order: str
    instrument: str
    strategy: str
    direction: str
    state: State
    entry: Leg
    exit: Leg
    dollars: float
    detail: str = ""


class FillsOfDay(Struct, frozen=True):
    """All entries of a date. foreign: fills that belong to no order of ours."""

    trades: tuple[TradeFills, ...] = ()
    both: int = 0
    missed: int = 0
    extra: int = 0
    foreign: int = 0
    entry_ticks: float = 0.0
    exit_ticks: float = 0.0
    dollars: float = 0.0


def measure(recorded: DatedFrames, epochs: Sequence[Epoch], date: str, sent: Given) -> FillsOfDay:
    """The fills of a date. Without a gate's log there are none to measure.

    Args:
        sent: the gate's messages of the date, its commands among them.
    """
    executions, foreign = _executions(epochs, date)
    commands = _commands(sent)
    strategies = {each.order_id: each.strategy for each in _facts(recorded, topics.SIGNAL, Signal, date)}
    details = {each.order_id: each.detail for each in _facts(recorded, topics.ORDER, OrderEvent, date) if each.detail}
    bars: dict[str, list[Bar]] = {}
    conf = epochs[-1].conf
    found = []
    for at_ns, order in commands:
        if not isinstance(order, PlaceOrder) or order.instrument not in conf.instruments:
            continue
        if order.instrument not in bars:
            bars[order.instrument] = list(_facts(recorded, topics.bar(order.instrument), Bar, date))
        its = [(at, each) for at, each in commands if _concerns(each, order.id)]
        simulated = _simulated(conf, at_ns, order, its, bars[order.instrument])
        ours = {order.id, *(each.id for _, each in its)}
        real = [each for each in executions if each.order_id in ours]
        detail = details.get(order.id, "")
        found.append(_beside(order, conf.instruments[order.instrument], real, simulated, strategies.get(order.id, ""), detail))
    return FillsOfDay(
        trades=tuple(found),
        **{state: sum(each.state == state for each in found) for state in ("both", "missed", "extra")},
        foreign=foreign,
        entry_ticks=_mean(each.entry.ticks for each in found),
        exit_ticks=_mean(each.exit.ticks for each in found),
        dollars=round(sum(each.dollars for each in found), 2),
    )


def _executions(epochs: Iterable[Epoch], date: str) -> tuple[list[Execution], int]:
    """The venue's words about fills of the date, each once, and how many belong to no order of ours."""
    dates, found = Dates(), dict[str, Execution]()
    for epoch in epochs:
        if again.path_of_log(epoch).exists():
            for _, event in recovery.inputs(again.log_of(epoch)):
                if isinstance(event.body, Execution) and dates.of(event.body.bar_ns) == date:
                    found.setdefault(event.body.id, event.body)
    ours = [each for each in found.values() if each.role != FOREIGN and each.order_id]
    return ours, len(found) - len(ours)


def _commands(sent: Given) -> list[Sent]:
    decoder: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
    frames = (frame for topic, found in sent.items() if topic.startswith(topics.COMMAND) for frame in found.values())
    return sorted(((record.header_of(frame).event_ns, decoder.decode(frame)) for frame in frames), key=lambda each: each[0])


def _facts(recorded: DatedFrames, prefix: str, kind: type[T], date: str) -> list[T]:
    decoder = msgspec.msgpack.Decoder(kind)
    found = (recorded.of(topic, date) for topic in tapes.topics(recorded.run, prefix))
    return [decoder.decode(frame) for messages in found for frame in messages.values()]


def _concerns(command: Command, entry: str) -> bool:
    if isinstance(command, CancelOrder):
        return command.order_id == entry
    return isinstance(command, ClosePosition | MoveBracket) and command.entry_id == entry


def _simulated(conf: Conf, at_ns: int, order: PlaceOrder, sent: Sequence[Sent], bars: Sequence[Bar]) -> list[Execution]:
    """What the simulated venue makes of an entry and what followed it."""
    venue = venues.of(conf, [order.instrument], order.account)
    found: list[Execution] = []
    waiting: list[Sent] = [(at_ns, order), *sent]
    for number, bar in enumerate(bars):
        following = bars[number + 1].close_ns if number + 1 < len(bars) else None
        if following is not None and following <= at_ns:
            continue
        reports = [*venue.on_bar(bar)]
        while waiting and (following is None or waiting[0][0] < following):
            reports += venue.on_order(waiting.pop(0)[1])
        found += [each for each in reports if isinstance(each, Execution)]
        position = venue.position(order.instrument)
        if not waiting and not position.qty and not position.working:
            return found
    return [*found, *(each for each in venue.finish() if isinstance(each, Execution))]


def _beside(
    order: PlaceOrder, terms: Instrument, real: Sequence[Execution], simulated: Sequence[Execution], strategy: str, detail: str
) -> TradeFills:
    side = 1 if order.action is Action.ENTER_LONG else -1
    entry = _leg(_side(real, entry=True), _side(simulated, entry=True), terms, side)
    left = _leg(_side(real, entry=False), _side(simulated, entry=False), terms, -side)
    states: dict[tuple[bool, bool], State] = {(True, True): "both", (False, True): "missed", (True, False): "extra"}
    points = sum((leg.slippage or 0.0) * abs(leg.qty) for leg in (entry, left))
    return TradeFills(
        order=order.id,
        instrument=order.instrument,
        strategy=strategy,
        direction="LONG" if side > 0 else "SHORT",
        state=states.get((entry.qty != 0, entry.simulated_qty != 0), "neither"),
        entry=entry,
        exit=left,
        dollars=round(points * terms.point_value, 2),
        detail=detail if entry.qty == 0 else "",
    )


def _side(fills: Sequence[Execution], *, entry: bool) -> list[Execution]:
    return [each for each in fills if (each.role == ENTRY) is entry]


def _leg(real: Sequence[Execution], simulated: Sequence[Execution], terms: Instrument, side: int) -> Leg:
    """side: 1 if these fills buy, -1 if they sell."""
    price, other = _average(real), _average(simulated)
    slippage = None if price is None or other is None else round((price - other) * side, 10)
    return Leg(
        qty=sum(each.qty for each in real),
        price=price,
        role="/".join(dict.fromkeys(each.role for each in real)),
        executions=tuple(each.id for each in real),
        simulated_qty=sum(each.qty for each in simulated),
        simulated_price=other,
        simulated_role="/".join(dict.fromkeys(each.role for each in simulated)),
        slippage=slippage,
        ticks=None if slippage is None else round(slippage / terms.tick, 4),
    )


def _average(fills: Sequence[Execution]) -> float | None:
    contracts = sum(abs(each.qty) for each in fills)
    return round(sum(each.price * abs(each.qty) for each in fills) / contracts, 10) if contracts else None


def _mean(ticks: Iterable[float | None]) -> float:
    known = [each for each in ticks if each is not None]
    return round(sum(known) / len(known), 4) if known else 0.0
