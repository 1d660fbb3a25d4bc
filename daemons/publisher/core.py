"""The publisher: approved signals, closed trades and summaries for external subscribers, without account, order or size."""

from __future__ import annotations

from collections.abc import Sequence

from tapewire.bus import topics
from tapewire.bus.daemon import Daemon, Event, Output, PublicPolicy, Publish
from tapewire.bus.fields import copied
from tapewire.bus.messages import LONG, EvalDone, PublicSignal, PublicTrade, Signal, Trade
from tapewire.daemons.publisher import queries
from tapewire.daemons.publisher.summary import Summaries
from tapewire.daemons.settings.structs import Conf, Instrument


class Publisher:
    """Publishes one public message for each Signal and Trade of the gate, in their order, and a summary of what is over.

    foreign: signals and trades of an instrument that the configuration does not define. They are counted and otherwise ignored.

    Args:
        summaries: publish them; it needs to see every bar's end.
    """

    def __init__(self, instruments: dict[str, Instrument], *, summaries: bool = False) -> None:
        self._instruments = instruments
        self._summaries = Summaries() if summaries else None
        self.foreign = 0

    def step(self, event: Event) -> Sequence[Output]:
        body = event.body
        if isinstance(body, EvalDone):
            return self._over(body)
        if not isinstance(body, Signal | Trade):
            return ()
        terms = self._instruments.get(body.instrument)
        if terms is None:
            self.foreign += 1
            return ()
        if isinstance(body, Signal):
            return (self._published(topics.SIGNAL, public_signal(body)),)
        return (self._published(topics.TRADE, public_trade(body, terms.tick)),)

    def _published(self, kind: str, body: PublicSignal | PublicTrade) -> Publish:
        if self._summaries is not None:
            self._summaries.take(body)
        return Publish(topics.of(f"{topics.PUBLIC}{kind}", body.instrument), body)

    def _over(self, done: EvalDone) -> Sequence[Output]:
        if self._summaries is None:
            return ()
        topic = topics.of(f"{topics.PUBLIC}{topics.SUMMARY}", done.instrument)
        return [Publish(topic, summary) for summary in self._summaries.passed(done)]


def public_signal(signal: Signal) -> PublicSignal:
    """The fields of a signal that a subscriber needs to follow it."""
    return copied(PublicSignal, signal)


def public_trade(trade: Trade, tick: float) -> PublicTrade:
    """A closed trade without its size. ticks: the result per contract before costs, in ticks of `tick` points."""
    points = trade.exit_price - trade.entry_price
    return copied(PublicTrade, trade, ticks=round(points / tick) * (1 if trade.direction == LONG else -1))


def daemon(conf: Conf) -> Daemon:
    """The publisher of a run."""
    feed = conf.subscribers.enabled
    reads = (topics.SIGNAL, topics.TRADE, topics.EVAL_DONE) if feed else (topics.SIGNAL, topics.TRADE)
    policy = PublicPolicy(feed=feed, queries=queries.of(conf) if feed else {})
    return Daemon("publisher", Publisher(conf.instruments, summaries=feed), subscribe=reads, public=policy, recover=reads)
