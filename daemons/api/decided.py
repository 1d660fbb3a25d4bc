"""What the bus has decided on each bar, as an answer that is made when the decision comes, not when somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec
from msgspec import Struct

from tapewire.bus import topics, wire
from tapewire.bus.messages import Bar, Body, Decisions, EvalDone, Intent, Intents, Session, Signal
from tapewire.daemons.api.memory import KEPT, Recent, SeenFact
from tapewire.daemons.api.shapes import QualityShape, SignalAnswer

PARTS = (topics.SESSION, topics.INTENT, topics.DECISION, topics.SIGNAL, topics.EVAL_DONE)
"""The facts that an answer is made of."""
MOST = KEPT[topics.SESSION]
Kind = TypeVar("Kind", bound=Body)

_encode = msgspec.json.Encoder().encode


class DecidedBar(Struct, frozen=True, gc=False):
    """A bar as the bus had it, and the answer to a question about it. text: the same as JSON."""

    bar: Bar
    answer: SignalAnswer
    text: bytes


class DecidedBars:
    """The answers of each instrument, by the close of the bar.

    Args:
        recent: the facts that they are made of. edge: the day type of the answer is that of the edge model.
    """

    def __init__(self, recent: Recent, *, edge: bool) -> None:
        self._recent = recent
        self._edge = edge
        self._made: dict[str, dict[int, DecidedBar]] = {}

    def take(self, facts: Iterable[SeenFact]) -> None:
        """These are new among the recent ones: bars that are decided with them are answered, earlier answers are made again."""
        for name, at_ns in {(fact.topic.split(".")[-2], fact.at_ns) for fact in facts if fact.topic.startswith(PARTS)}:
            self._made.get(name, {}).pop(at_ns, None)
            self.of(name, at_ns)

    def of(self, instrument: str, close_ns: int) -> DecidedBar | SignalAnswer | str:
        """The answer, an answer without a bar because the bus has none, or what the daemons have not done yet."""
        made = self._made.get(instrument)
        if made is not None and (found := made.get(close_ns)) is not None:
            return found
        settled = self._settled(instrument, close_ns)
        if isinstance(settled, DecidedBar):
            made = self._made.setdefault(instrument, {})
            made[close_ns] = settled
            if len(made) > MOST:
                del made[next(iter(made))]
        return settled

    def _settled(self, name: str, at_ns: int) -> DecidedBar | SignalAnswer | str:
        done = [*self._bodies(self._recent.last(topics.of(topics.EVAL_DONE, name)), EvalDone)]
        if not done or done[-1].bar_ns < at_ns:
            return "nothing is decided on this bar; send the earlier bars, too, if no bridge does"
        sessions = [*self._bodies(self._recent.of(topics.of(topics.SESSION, name), at_ns), Session)]
        if not sessions:
            return none("UNKNOWN_BAR", "the bus had no bar at this time, or it was too long ago")
        session = sessions[-1]
        answer = self._answer(name, at_ns, session)
        return answer if isinstance(answer, str) else DecidedBar(session.bar, answer, _encode(answer))

    def _answer(self, name: str, at_ns: int, session: Session) -> SignalAnswer | str:
        intents = [*self._bodies(self._recent.of(topics.of(topics.INTENT, name), at_ns), Intents)]
        if not intents:
            day_type = session.day_type_edge if self._edge else session.day_type_midpoint
            return SignalAnswer(code="NO_SETUP", reasoning="no strategy proposes anything on this bar", day_type=str(day_type))
        all_decisions = self._bodies(self._recent.since(topics.of(topics.DECISION, name), at_ns), Decisions)
        decisions = next((each for each in all_decisions if each.id == intents[-1].id), None)
        if decisions is None:
            return "the gate has not decided on what was proposed"
        first = decisions.decisions[0]
        if not first.approved:
            return none(first.reason or "REFUSED", first.detail)
        signals = self._bodies(self._recent.since(topics.of(topics.SIGNAL, name), at_ns), Signal)
        signal = next((each for each in signals if each.id == first.intent_id), None)
        if signal is None:
            return "the gate has approved an order and not told its signal"
        return told(signal, signal.stop, signal.target, signal.size)

    @staticmethod
    def _bodies(facts: Iterable[SeenFact], kind: type[Kind]) -> Iterator[Kind]:
        """Each is decoded when it is looked at."""
        return (body for fact in facts if isinstance(body := wire.decode(fact.frame)[1], kind))


def none(code: str, why: str) -> SignalAnswer:
    """No signal, and why."""
    return SignalAnswer(code=code, reasoning=why)


def told(decided: Signal | Intent, stop: float | None, target: float | None, size: int) -> SignalAnswer:
    """What was decided, in the words of the answer."""
    quality = decided.quality
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
        of_quality=QualityShape(quality.delta_percentile, quality.imbalance_ratio, quality.volume_spike, quality.score),
        id=decided.id,
        score=decided.score,
        valid_until_ns=decided.valid_until_ns,
    )
