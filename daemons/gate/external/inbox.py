"""The queue of external signals: each one's life from the sender's word to the venue's (bus/PROTOCOL.md, section 7).

The queue is a fold over the gate's fsynced log, so it is durable without a file of its own: what was answered is there again after
a crash, and what was on its way is sent again by the runner's outbox, with the same order id, until the venue acknowledges it.
That is the retry; it has no count and no clock in here. What ends it is `valid_until_ns`: the venue refuses an entry that comes
later, and a signal of which the venue has said nothing by then is EXPIRED. All of this is market time, as far as the gate has heard
of it (sessions and the venue's words); a feed that stands still expires nothing, and lets nothing new in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any, NamedTuple

from msgspec import Struct

from tapewire.bus import topics
from tapewire.bus.daemon import Publish
from tapewire.bus.messages import (
    Action,
    Decision,
    ExternalAnswer,
    IngressError,
    IngressEvent,
    IngressState,
    Intent,
    Intents,
    Session,
)
from tapewire.daemons.gate.books.orders import Trigger
from tapewire.daemons.gate.external import ingress
from tapewire.daemons.gate.external.ingress import Refusal, Request
from tapewire.daemons.settings.structs import Conf

ASK = topics.of(topics.INGRESS, "ask")
ANSWERS = topics.of(topics.INGRESS, "answer")
SETUP = "EXTERNAL"
SECOND_NS = 1_000_000_000
SAME_NS = 60 * SECOND_NS
"""For so long a signal without a `request_id` is taken for the same one again."""

RECEIVED, QUEUED, APPROVED, REJECTED = (
    IngressState.RECEIVED,
    IngressState.QUEUED,
    IngressState.APPROVED,
    IngressState.REJECTED,
)
SENT, CONFIRMED, FAILED, EXPIRED = IngressState.SENT, IngressState.CONFIRMED, IngressState.FAILED, IngressState.EXPIRED


class Step(Enum):
    """What can happen to a signal."""

    QUEUE = auto()
    APPROVE = auto()
    REFUSE = auto()
    SEND = auto()
    CONFIRM = auto()
    FAIL = auto()
    LATE = auto()


TRANSITIONS: dict[tuple[IngressState, Step], IngressState] = {
    (RECEIVED, Step.QUEUE): QUEUED,
    (QUEUED, Step.APPROVE): APPROVED,
    (QUEUED, Step.REFUSE): REJECTED,
    (APPROVED, Step.SEND): SENT,
    (SENT, Step.CONFIRM): CONFIRMED,
    (SENT, Step.FAIL): FAILED,
    (SENT, Step.LATE): EXPIRED,
    (CONFIRMED, Step.FAIL): FAILED,  # real: the exchange refuses what the platform took
    (EXPIRED, Step.CONFIRM): CONFIRMED,  # real: the venue had it in time, and its word was late
    (FAILED, Step.CONFIRM): CONFIRMED,  # real: the fill won the race against the cancel
}

# The venue's words on the order, as far as they say something about the signal.
WORDS = {Trigger.ACCEPT: Step.CONFIRM, Trigger.REJECT: Step.FAIL, Trigger.CANCEL: Step.FAIL}


class Market(NamedTuple):
    """The latest session of an instrument, and its name on the bus: what a signal is decided by, and its cause."""

    ref: str
    session: Session


@dataclass(slots=True)
class Entry:
    """One signal in the queue. cause: the session it was decided by. valid_until_ns: market time."""

    request: Request
    ingress_id: str
    cause: str
    at_ns: int
    valid_until_ns: int
    state: IngressState = RECEIVED
    order_id: str = ""

    @property
    def intent(self) -> Intent:
        """What a strategy would have asked for. Its id is that of the order it may become."""
        request = self.request
        long = request.direction > 0
        return Intent(
            id=f"{self.ingress_id}-{'EL' if long else 'ES'}",
            action=Action.ENTER_LONG if long else Action.ENTER_SHORT,
            strategy=request.strategy,
            setup=SETUP,
            direction="LONG" if long else "SHORT",
            reason=f"{request.signal_id} from outside",
            valid_until_ns=self.valid_until_ns,
            entry=request.price,
            stop=request.stop,
            target=request.target,
            score=request.score,
        )

    def asked(self, session: Session) -> Intents:
        """The question that the evaluator would have asked on the same bar."""
        bar = session.bar
        return Intents(
            id=self.ingress_id,
            instrument=bar.instrument,
            session=session.session,
            bar_ns=bar.close_ns,
            bar_index=bar.index,
            close=bar.close,
            intents=(self.intent,),
            degraded=session.degraded,
            missing=session.missing,
        )

    def apply(self, step: Step, detail: str = "") -> Iterator[Publish]:
        """Take the transition and say so; nothing where the table has none."""
        after = TRANSITIONS.get((self.state, step))
        if after is not None:
            self.state = after
            yield self.fact(detail)

    def fact(self, detail: str = "") -> Publish:
        """The signal as it stands."""
        request = self.request
        body = IngressEvent(
            ingress_id=self.ingress_id,
            signal_id=request.signal_id,
            instrument=request.instrument,
            state=self.state,
            direction="LONG" if request.direction > 0 else "SHORT",
            price=request.price,
            tp_points=request.tp_points,
            sl_points=request.sl_points,
            strategy=request.strategy,
            valid_until_ns=self.valid_until_ns,
            request_id=request.request_id,
            order_id=self.order_id,
            detail=detail,
        )
        return Publish(topics.of(topics.INGRESS, request.instrument), body, self.cause)


class Queue(Struct, frozen=True):
    """An inbox as data.

    entries: signals that may still be asked about, by their ingress id, which stands for them in the rest. latest: the last of each
    signal id. by_order: those that became an order; sent: of these, the orders of which the venue has said nothing, oldest first.
    """

    count: int = 0
    markets: dict[str, Market] = {}
    answers: dict[str, ExternalAnswer] = {}
    entries: dict[str, Entry] = {}
    latest: dict[str, str] = {}
    by_order: dict[str, str] = {}
    sent: tuple[str, ...] = ()


class Inbox:
    """All external signals of this gate."""

    __slots__ = ("_answers", "_by_order", "_conf", "_count", "_latest", "_markets", "_sent")

    def __init__(self, conf: Conf) -> None:
        self._conf = conf
        self._count = 0
        self._markets: dict[str, Market] = {}
        self._answers: dict[str, ExternalAnswer] = {}
        self._latest: dict[str, Entry] = {}
        self._by_order: dict[str, Entry] = {}
        self._sent: dict[str, Entry] = {}

    @classmethod
    def restored(cls, queue: Queue, conf: Conf) -> Inbox:
        inbox = cls(conf)
        inbox._count = queue.count
        inbox._markets.update(queue.markets)
        inbox._answers.update(queue.answers)
        entries = {name: replace(entry) for name, entry in queue.entries.items()}
        inbox._latest.update((signal_id, entries[name]) for signal_id, name in queue.latest.items())
        inbox._by_order.update((order_id, entries[name]) for order_id, name in queue.by_order.items())
        inbox._sent.update((order_id, inbox._by_order[order_id]) for order_id in queue.sent)
        return inbox

    def snapshot(self) -> Queue:
        """The queue as it stands, with nothing in it that changes later."""
        kept = (*self._latest.values(), *self._by_order.values())
        return Queue(
            count=self._count,
            markets={**self._markets},
            answers={**self._answers},
            entries={entry.ingress_id: replace(entry) for entry in kept},
            latest={signal_id: entry.ingress_id for signal_id, entry in self._latest.items()},
            by_order={order_id: entry.ingress_id for order_id, entry in self._by_order.items()},
            sent=tuple(self._sent),
        )

    def market(self, market: Market) -> list[Publish]:
        """The next session of an instrument. Returns what has expired by it."""
        self._markets[market.session.bar.instrument] = market
        return self.late(market.session.bar.close_ns)

    def admit(self, fields: Mapping[str, Any], now_ns: int, *, link_up: bool) -> ExternalAnswer | tuple[Entry, Market]:
        """A new entry with the market it is decided by; or the answer at once, where there is nothing to decide.

        Args:
            now_ns: market time. link_up: the venue is connected.
        """
        if not self._conf.ingress.enabled:
            return refused(Refusal(IngressError.UNAVAILABLE, "", "external signals are off; set enabled = true in [ingress]"))
        request = ingress.read(fields, self._conf)
        if isinstance(request, Refusal):
            return refused(request)
        before = self._answers.get(request.request_id) if request.request_id else self._same(request, now_ns)
        if before is not None:
            return before
        market = self._markets.get(request.instrument)
        if market is None or not link_up:
            text = "the venue is not connected" if market else f"no bar of {request.instrument} has come yet"
            return refused(Refusal(IngressError.UNAVAILABLE, "", f"{text}; ask again"), request)
        self._count += 1
        session = market.session
        stamp = f"{session.session.replace('-', '')}-{session.minute // 60:02}{session.minute % 60:02}"
        ingress_id = f"{request.instrument}-{stamp}-EXT{self._count}"
        return Entry(request, ingress_id, market.ref, now_ns, now_ns + round(request.ttl_s * SECOND_NS)), market

    def queue(self, entry: Entry) -> list[Publish]:
        """Keep a new entry: what is said of it before anybody decides."""
        self._latest[entry.request.signal_id] = entry
        return [entry.fact(), *entry.apply(Step.QUEUE)]

    def decided(self, entry: Entry, decision: Decision) -> tuple[list[Publish], ExternalAnswer]:
        """The risk checks' word: what is said of it, and the answer for the sender, which stands from now on."""
        if decision.approved:
            entry.order_id = decision.order_id
            self._by_order[entry.order_id] = self._sent[entry.order_id] = entry
            said = [*entry.apply(Step.APPROVE, decision.detail), *entry.apply(Step.SEND)]
            text = f"queued, and approved with {decision.size} contract{'s' * (decision.size > 1)}"
        else:
            said = list(entry.apply(Step.REFUSE, f"{decision.reason}: {decision.detail}"))
            text = f"queued, and refused by the risk checks: {decision.detail}"
        request = entry.request
        answer = ExternalAnswer(
            success=True,
            message=text,
            signal_id=request.signal_id,
            ingress_id=entry.ingress_id,
            state=QUEUED,
            order_id=entry.order_id,
            reason=decision.reason,
        )
        if request.request_id:
            self._answers[request.request_id] = answer
        return said, answer

    def heard(self, order_id: str, step: Step | None, detail: str = "") -> list[Publish]:
        """What the venue's word on an order means for the signal behind it, if there is one."""
        entry = self._by_order.get(order_id)
        if entry is None or step is None:
            return []
        self._sent.pop(order_id, None)
        return list(entry.apply(step, detail))

    def late(self, now_ns: int) -> list[Publish]:
        """Signals of which the venue has said nothing in their time."""
        over = [order_id for order_id, entry in self._sent.items() if entry.valid_until_ns < now_ns]
        return [said for order_id in over for said in self._sent.pop(order_id).apply(Step.LATE, "no word from the venue in time")]

    def _same(self, request: Request, now_ns: int) -> ExternalAnswer | None:
        first = self._latest.get(request.signal_id)
        if first is None or now_ns - first.at_ns >= SAME_NS:
            return None
        ago_s = (now_ns - first.at_ns) / SECOND_NS
        return ExternalAnswer(
            success=False,
            message=f"asked {ago_s:.1f} s ago as {first.ingress_id}; give it a request_id of its own if it is meant twice",
            signal_id=request.signal_id,
            ingress_id=first.ingress_id,
            state=first.state,
            order_id=first.order_id,
            error=IngressError.DUPLICATE,
            field="request_id",
        )


def refused(why: Refusal, request: Request | None = None) -> ExternalAnswer:
    """The answer to a signal that does not enter the queue."""
    text = f"{why.field}: {why.text}" if why.field else why.text
    return ExternalAnswer(False, text, request.signal_id if request else "", error=why.error, field=why.field)
