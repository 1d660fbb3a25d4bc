"""The queue of external signals, from the sender's message to the venue's report (bus/PROTOCOL.md, section 7).

The queue is a fold over the gate's fsynced log, so it is durable without a file of its own. After a crash the replies are there
again, and the runner's outbox resends pending orders, with the same order ids, until the venue acknowledges them. That is the
retry; this module has no count and no clock for it. `valid_until_ns` ends a signal: the venue refuses an entry that arrives later,
and a signal without any venue report by then is EXPIRED. All of this is market time, as far as the gate has observed it (sessions
and venue messages). A feed that has stopped expires nothing, and admits nothing new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from tapewire.bus import topics
from tapewire.bus.daemon import Publish
from tapewire.bus.messages import (
    LONG,
    SHORT,
    Action,
    Decision,
    Direction,
    ExternalAnswer,
    IngressError,
    IngressEvent,
    IngressState,
    Intent,
    Intents,
    Session,
)
from tapewire.daemons.gate.books.ledger import Ledger
from tapewire.daemons.gate.books.orders import Trigger
from tapewire.daemons.gate.external import ingress
from tapewire.daemons.gate.external.answers import Answers
from tapewire.daemons.gate.external.ingress import Refusal, TradeRequest, Verb
from tapewire.daemons.settings.structs import Conf
from tapewire.strategies.clock import SECOND_NS, bar_stamp, new_york

ANSWERS = topics.of(topics.INGRESS, "answer")
SETUP = "EXTERNAL"
SAME_NS = 60 * SECOND_NS
"""Within this time a signal without a `request_id` counts as a duplicate of the same signal."""

RECEIVED, QUEUED, APPROVED, REJECTED = (
    IngressState.RECEIVED,
    IngressState.QUEUED,
    IngressState.APPROVED,
    IngressState.REJECTED,
)
SENT, CONFIRMED, FAILED, EXPIRED = IngressState.SENT, IngressState.CONFIRMED, IngressState.FAILED, IngressState.EXPIRED


class SignalEvent(Enum):
    """What can happen to a signal."""

    QUEUE = auto()
    APPROVE = auto()
    REFUSE = auto()
    SEND = auto()
    CONFIRM = auto()
    FAIL = auto()
    LATE = auto()


TRANSITIONS: dict[tuple[IngressState, SignalEvent], IngressState] = {
    (RECEIVED, SignalEvent.QUEUE): QUEUED,
    (QUEUED, SignalEvent.APPROVE): APPROVED,
    (QUEUED, SignalEvent.REFUSE): REJECTED,
    (APPROVED, SignalEvent.SEND): SENT,
    (SENT, SignalEvent.CONFIRM): CONFIRMED,
    (SENT, SignalEvent.FAIL): FAILED,
    (SENT, SignalEvent.LATE): EXPIRED,
    (CONFIRMED, SignalEvent.FAIL): FAILED,  # real: the exchange refuses what the platform took
    (EXPIRED, SignalEvent.CONFIRM): CONFIRMED,  # real: the venue had it in time, and its report was late
    (EXPIRED, SignalEvent.FAIL): FAILED,
    (FAILED, SignalEvent.CONFIRM): CONFIRMED,  # real: the fill won the race against the cancel
}

# The venue's updates of the order, as far as they concern the signal.
EVENTS = {
    Trigger.ACCEPT: SignalEvent.CONFIRM,
    Trigger.CARRY_OUT: SignalEvent.CONFIRM,
    Trigger.REJECT: SignalEvent.FAIL,
    Trigger.CANCEL: SignalEvent.FAIL,
}

ENDINGS = {Verb.ENTER: "E", Verb.CLOSE: "X", Verb.MOVE_STOP: "MS", Verb.MOVE_TARGET: "MT"}
"""The last part of an order's id; of an entry with the first letter of its side: `EL`, `ES`."""
ACTIONS = {Verb.CLOSE: Action.EXIT, Verb.MOVE_STOP: Action.MOVE_STOP, Verb.MOVE_TARGET: Action.MOVE_TARGET}


class LatestSession(NamedTuple):
    """The latest session of an instrument, and its name on the bus. A signal is decided by it, and has it as its cause."""

    ref: str
    session: Session


@dataclass(slots=True)
class QueuedSignal:
    """One signal in the queue.

    cause: the session that it was decided by. at_ns, valid_until_ns: market time. entry_id, held: of a close or a move, the
    position that it found: its entry, and its quantity, signed.
    """

    request: TradeRequest
    ingress_id: str
    cause: str
    at_ns: int
    valid_until_ns: int
    state: IngressState = RECEIVED
    order_id: str = ""
    entry_id: str = ""
    held: int = 0

    @property
    def direction(self) -> Direction:
        """Of the position to be, or of the one that is closed or whose bracket is moved."""
        return LONG if (self.request.direction or self.held) > 0 else SHORT

    @property
    def intent(self) -> Intent:
        """The signal as a strategy's intent. Its id is that of the order that it may become."""
        request, enters = self.request, self.request.verb is Verb.ENTER
        entry = Action.ENTER_LONG if self.direction == LONG else Action.ENTER_SHORT
        ending = ENDINGS[request.verb] + (self.direction[0] if enters else "")
        intent = Intent(
            id=f"{self.ingress_id}-{ending}",
            action=ACTIONS.get(request.verb, entry),
            strategy=request.strategy,
            setup=SETUP,
            direction=self.direction,
            reason=f"{request.signal_id} from outside" if enters else SETUP,
            valid_until_ns=self.valid_until_ns,
            entry_id=self.entry_id,
            score=request.score,
        )
        if enters:
            return msgspec.structs.replace(intent, entry=request.price, stop=request.stop, target=request.target)
        stop = request.price if request.verb is Verb.MOVE_STOP else None
        return msgspec.structs.replace(intent, stop=stop, target=request.price if request.verb is Verb.MOVE_TARGET else None)

    def as_request(self, session: Session) -> Intents:
        """The request that the evaluator would have sent on the same bar."""
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
            contract=self.request.contract,
        )

    def apply(self, event: SignalEvent, detail: str = "") -> Iterator[Publish]:
        """Take the transition and publish the signal; nothing where the table has none."""
        after = TRANSITIONS.get((self.state, event))
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
            direction=self.direction,
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

    answers: the newest replies, oldest first; forgotten: digests of the `request_id`s of older ones. entries: signals that a later
    message may concern, by their ingress id, by which the other fields refer to them. latest: the last one of each signal id.
    by_order: the signals that became orders. sent: the orders of these without any venue report, oldest first. held: entries that
    wait for the end of their bar, by instrument, oldest first.
    """

    count: int = 0
    markets: dict[str, LatestSession] = {}
    answers: dict[str, ExternalAnswer] = {}
    entries: dict[str, QueuedSignal] = {}
    latest: dict[str, str] = {}
    by_order: dict[str, str] = {}
    sent: tuple[str, ...] = ()
    forgotten: tuple[bytes, ...] = ()
    held: dict[str, tuple[str, ...]] = {}


class Inbox:
    """The external signals of this gate that a later message may concern.

    Memory does not grow with signals that became no order, except by the ids that make a repeat a repeat: the signals of the last
    `SAME_NS` are kept, and replies as in `Answers`.
    """

    __slots__ = ("_answers", "_by_order", "_conf", "_count", "_held", "_latest", "_markets", "_sent")

    def __init__(self, conf: Conf) -> None:
        self._conf = conf
        self._count = 0
        self._markets: dict[str, LatestSession] = {}
        self._answers = Answers()
        self._latest: dict[str, QueuedSignal] = {}
        self._by_order: dict[str, QueuedSignal] = {}
        self._sent: dict[str, QueuedSignal] = {}
        self._held: dict[str, list[QueuedSignal]] = {}

    @classmethod
    def restored(cls, queue: Queue, conf: Conf) -> Inbox:
        inbox = cls(conf)
        inbox._count = queue.count
        inbox._markets.update(queue.markets)
        inbox._answers.restore(queue.answers, queue.forgotten)
        signals = {name: replace(signal) for name, signal in queue.entries.items()}
        inbox._latest.update((signal_id, signals[name]) for signal_id, name in queue.latest.items())
        inbox._by_order.update((order_id, signals[name]) for order_id, name in queue.by_order.items())
        inbox._sent.update((order_id, inbox._by_order[order_id]) for order_id in queue.sent)
        inbox._held.update((name, [signals[each] for each in names]) for name, names in queue.held.items())
        return inbox

    def snapshot(self) -> Queue:
        """The queue as it stands. Nothing in the snapshot changes later."""
        kept = (*self._latest.values(), *self._by_order.values(), *(each for held in self._held.values() for each in held))
        return Queue(
            count=self._count,
            markets={**self._markets},
            answers=self._answers.all(),
            entries={signal.ingress_id: replace(signal) for signal in kept},
            latest={signal_id: signal.ingress_id for signal_id, signal in self._latest.items()},
            by_order={order_id: signal.ingress_id for order_id, signal in self._by_order.items()},
            sent=tuple(self._sent),
            forgotten=self._answers.forgotten,
            held={name: tuple(signal.ingress_id for signal in held) for name, held in self._held.items()},
        )

    def session(self, latest: LatestSession) -> list[Publish]:
        """Keep an instrument's next session. Returns the signals that have expired by its time."""
        self._markets[latest.session.bar.instrument] = latest
        return self.late(latest.session.bar.close_ns)

    def admit(
        self, fields: Mapping[str, Any], now_ns: int, book: Ledger, *, link_up: bool
    ) -> ExternalAnswer | tuple[QueuedSignal, LatestSession]:
        """A new signal with the session that it is decided by; or the reply at once, where there is nothing to decide.

        Args:
            now_ns: market time. book: the positions. link_up: the venue is connected. A close or a move does not wait for it.
        """
        if not self._conf.ingress.enabled:
            return refused(Refusal(IngressError.UNAVAILABLE, "", "external signals are off; set enabled = true in [ingress]"))
        request = ingress.read(fields, self._conf, new_york(now_ns).date())
        if isinstance(request, Refusal):
            return refused(request)
        enters, entry_id = request.verb is Verb.ENTER, book.entry_id(request.instrument)
        before = self._replied(request) if request.request_id else self._same(request, entry_id, now_ns)
        if before is not None:
            return before
        latest = self._markets.get(request.instrument)
        if latest is None or (enters and not link_up):
            text = "the venue is not connected" if latest else f"no bar of {request.instrument} has come yet"
            return refused(Refusal(IngressError.UNAVAILABLE, "", f"{text}; send the signal again"), request)
        self._count += 1
        session = latest.session
        stamp = bar_stamp(session.session, session.minute)
        ingress_id = f"{request.instrument}-{stamp}-EXT{self._count}"
        signal = QueuedSignal(request, ingress_id, latest.ref, now_ns, now_ns + round(request.ttl_s * SECOND_NS))
        return signal if enters else replace(signal, entry_id=entry_id, held=book.qty(request.instrument)), latest

    def queue(self, signal: QueuedSignal) -> list[Publish]:
        """Keep a new signal. Returns what to publish before the decision."""
        self._latest.pop(signal.request.signal_id, None)
        self._latest[signal.request.signal_id] = signal
        while signal.at_ns - (oldest := next(iter(self._latest.values()))).at_ns >= SAME_NS:  # market time never falls
            del self._latest[oldest.request.signal_id]
        return [signal.fact(), *signal.apply(SignalEvent.QUEUE)]

    def hold(self, signal: QueuedSignal) -> ExternalAnswer:
        """Keep an entry until its bar has closed. Returns the reply to the sender."""
        self._held.setdefault(signal.request.instrument, []).append(signal)
        text = "queued; of the signals of this bar the latest is decided when it has closed"
        reply = ExternalAnswer(True, text, signal.request.signal_id, signal.ingress_id, QUEUED)
        if signal.request.request_id:
            self._answers.keep(signal.request.request_id, reply)
        return reply

    def released(self, latest: LatestSession) -> list[QueuedSignal]:
        """The entries that waited for the end of the bar before this session, oldest first. Their validity begins now."""
        session = latest.session
        held = self._held.pop(session.bar.instrument, [])
        for signal in held:
            signal.cause = latest.ref
            signal.valid_until_ns = session.bar.close_ns + round(signal.request.ttl_s * SECOND_NS)
        return held

    def decided(self, signal: QueuedSignal, decision: Decision) -> tuple[list[Publish], ExternalAnswer]:
        """Enter the decision of the risk checks. Returns what to publish, and the reply to the sender, which is final."""
        if decision.approved:
            signal.order_id = decision.order_id
            self._by_order[signal.order_id] = self._sent[signal.order_id] = signal
            published = [*signal.apply(SignalEvent.APPROVE, decision.detail), *signal.apply(SignalEvent.SEND)]
            size = f"{decision.size} contract{'s' * (decision.size > 1)}"
            text = (
                f"queued, and approved{' with' if signal.request.verb is Verb.ENTER else ','} {size}"
                if decision.size
                else "queued, and approved"
            )
        else:
            published = list(signal.apply(SignalEvent.REFUSE, f"{decision.reason}: {decision.detail}"))
            text = f"queued, and refused by the risk checks: {decision.detail}"
        request = signal.request
        reply = ExternalAnswer(
            success=True,
            message=text,
            signal_id=request.signal_id,
            ingress_id=signal.ingress_id,
            state=QUEUED,
            order_id=signal.order_id,
            reason=decision.reason,
        )
        if request.request_id:
            self._answers.keep(request.request_id, reply)
        return published, reply

    def venue_reported(self, order_id: str, event: SignalEvent | None, detail: str = "") -> list[Publish]:
        """Apply the venue's report on an order to the signal that it came of, if there is one."""
        signal = self._by_order.get(order_id)
        if signal is None or event is None:
            return []
        self._sent.pop(order_id, None)
        return list(signal.apply(event, detail))

    def late(self, now_ns: int) -> list[Publish]:
        """Expire the signals without any venue report within their time."""
        over = [self._sent.pop(order_id) for order_id, signal in [*self._sent.items()] if signal.valid_until_ns < now_ns]
        return [fact for signal in over for fact in signal.apply(SignalEvent.LATE, "no report from the venue in time")]

    def _replied(self, request: TradeRequest) -> ExternalAnswer | None:
        reply = self._answers.get(request.request_id)
        if reply is None and request.request_id in self._answers:
            text = f"{request.request_id!r} was sent before; its reply is no longer kept, `tapewire ingress list` has its states"
            return refused(Refusal(IngressError.DUPLICATE, "request_id", text), request)
        return reply

    def _same(self, request: TradeRequest, entry_id: str, now_ns: int) -> ExternalAnswer | None:
        first = self._latest.get(request.signal_id)
        if first is None or now_ns - first.at_ns >= SAME_NS:
            return None
        if request.verb is not Verb.ENTER and (first.entry_id != entry_id or first.state in (REJECTED, FAILED, EXPIRED)):
            return None  # of another position, or without effect: nothing keeps a position from being closed
        ago_s = (now_ns - first.at_ns) / SECOND_NS
        return ExternalAnswer(
            success=False,
            message=f"sent {ago_s:.1f} s ago as {first.ingress_id}; give it a request_id of its own if it is meant twice",
            signal_id=request.signal_id,
            ingress_id=first.ingress_id,
            state=first.state,
            order_id=first.order_id,
            error=IngressError.DUPLICATE,
            field="request_id",
        )


def refused(why: Refusal, request: TradeRequest | None = None) -> ExternalAnswer:
    """The reply to a signal that does not enter the queue."""
    text = f"{why.field}: {why.text}" if why.field else why.text
    return ExternalAnswer(False, text, request.signal_id if request else "", error=why.error, field=why.field)
