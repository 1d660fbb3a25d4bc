"""The publisher: approved signals and closed trades for external subscribers, without account, order or size."""

from __future__ import annotations

from collections.abc import Sequence

from tapewire.bus import topics
from tapewire.bus.daemon import Daemon, Event, Output, PublicPolicy, Publish
from tapewire.bus.fields import copied
from tapewire.bus.messages import LONG, PublicSignal, PublicTrade, Signal, Trade
from tapewire.daemons.settings.structs import Conf, Instrument


class Publisher:
    """Publishes one public message for each Signal and Trade of the gate, in their order.

    foreign: signals and trades of an instrument that the configuration does not define. They are counted and otherwise ignored.
    """

    def __init__(self, instruments: dict[str, Instrument]) -> None:
        self._instruments = instruments
        self.foreign = 0

    def step(self, event: Event) -> Sequence[Output]:
        body = event.body
        if not isinstance(body, Signal | Trade):
            return ()
        terms = self._instruments.get(body.instrument)
        if terms is None:
            self.foreign += 1
            return ()
        if isinstance(body, Signal):
            return (Publish(topics.of(f"{topics.PUBLIC}{topics.SIGNAL}", body.instrument), public_signal(body)),)
        return (Publish(topics.of(f"{topics.PUBLIC}{topics.TRADE}", body.instrument), public_trade(body, terms.tick)),)


def public_signal(signal: Signal) -> PublicSignal:
    """The fields of a signal that a subscriber needs to follow it."""
    return copied(PublicSignal, signal)


def public_trade(trade: Trade, tick: float) -> PublicTrade:
    """A closed trade without its size. ticks: the result per contract before costs, in ticks of `tick` points."""
    points = trade.exit_price - trade.entry_price
    return copied(PublicTrade, trade, ticks=round(points / tick) * (1 if trade.direction == LONG else -1))


def daemon(conf: Conf) -> Daemon:
    """The publisher of a run."""
    reads = (topics.SIGNAL, topics.TRADE)
    return Daemon("publisher", Publisher(conf.instruments), subscribe=reads, public=PublicPolicy(), recover=reads)
