"""The publisher: approved signals and closed trades for external subscribers, without account, order or size."""

from __future__ import annotations

from collections.abc import Sequence

from tapewire.bus import topics
from tapewire.bus.daemon import Daemon, Event, Output, Publish
from tapewire.bus.messages import LONG, PublicSignal, PublicTrade, Signal, Trade
from tapewire.daemons.settings.structs import Conf, Instrument


class Publisher:
    """Publishes one public message for each Signal and Trade of the gate, in their order."""

    def __init__(self, instruments: dict[str, Instrument]) -> None:
        self._instruments = instruments

    def step(self, event: Event) -> Sequence[Output]:
        match event.body:
            case Signal() as signal:
                return (Publish(topics.of(f"{topics.PUBLIC}{topics.SIGNAL}", signal.instrument), public_signal(signal)),)
            case Trade() as trade:
                tick = self._instruments[trade.instrument].tick
                return (Publish(topics.of(f"{topics.PUBLIC}{topics.TRADE}", trade.instrument), public_trade(trade, tick)),)
        return ()


def public_signal(signal: Signal) -> PublicSignal:
    """The fields of a signal that a subscriber needs to follow it."""
    return PublicSignal(
        id=signal.id,
        instrument=signal.instrument,
        session=signal.session,
        bar_ns=signal.bar_ns,
        action=signal.action,
        strategy=signal.strategy,
        setup=signal.setup,
        direction=signal.direction,
        reason=signal.reason,
        confidence=signal.confidence,
        valid_until_ns=signal.valid_until_ns,
        entry=signal.entry,
        stop=signal.stop,
        target=signal.target,
        limit=signal.limit,
        score=signal.score,
        pattern=signal.pattern,
    )


def public_trade(trade: Trade, tick: float) -> PublicTrade:
    """A closed trade without its size. ticks: the result per contract before costs, in ticks of `tick` points."""
    points = trade.exit_price - trade.entry_price
    return PublicTrade(
        id=trade.id,
        instrument=trade.instrument,
        session=trade.session,
        strategy=trade.strategy,
        setup=trade.setup,
        direction=trade.direction,
        entry_ns=trade.entry_ns,
        entry_price=trade.entry_price,
        exit_ns=trade.exit_ns,
        exit_price=trade.exit_price,
        reason=trade.reason,
        ticks=round(points / tick) * (1 if trade.direction == LONG else -1),
    )


def daemon(conf: Conf) -> Daemon:
    """The publisher of a run."""
    reads = (topics.SIGNAL, topics.TRADE)
    return Daemon("publisher", Publisher(conf.instruments), subscribe=reads, recover=reads)
