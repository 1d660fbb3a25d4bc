"""What external signals leave behind in the gate: bounded memory, and every repeat is still a repeat."""

from __future__ import annotations

import tracemalloc
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tapewire.bus import topics, wire
from tapewire.bus.daemon import Event, Output, Reply
from tapewire.bus.messages import ExternalAnswer, ExternalSignal, Header, IngressError, PlaceOrder
from tapewire.bus.ring import Ring
from tapewire.bus.served import Served
from tapewire.bus.stamp import Stamper
from tapewire.bus.testing import bar, eastern, event, session
from tapewire.bus.voice import Voice
from tapewire.daemons.gate import state
from tapewire.daemons.gate.core import Gate
from tapewire.daemons.gate.external.answers import DIGEST, KEPT, Answers
from tapewire.daemons.gate.external.inbox import SAME_NS, Queue
from tapewire.daemons.settings.structs import Conf, Ingress, RiskLimits
from tests.gates import conf

SECOND_NS = 1_000_000_000
START_NS = eastern("11:00")
ASK = topics.of(topics.INGRESS, "ask")
BUY = {"action": "buy", "instrument": "MNQ", "price": 21_000.0, "tp_points": 40, "sl_points": 20}


def taking() -> Conf:
    return conf(ingress=Ingress(enabled=True), risk=RiskLimits(contracts=1, loosened=("one_entry_per_bar",)))


class Shelf:
    """A gate with what its process keeps around it: numbers, ring, and answers for repeats."""

    def __init__(self, ring: int = 128, served: int = 128) -> None:
        self.gate = Gate(taking())
        self.gate.step(event(session("11:00", bar=bar("11:00", 21_000.0, index=90))))
        self.ring = Ring(ring)
        self.served = Served(served)
        self.voice = Voice(Stamper("gate"))

    def send(self, at_ns: int, **fields: Any) -> list[Output]:
        """One signal as it arrives on the wire. Returns the gate's outputs."""
        sent = wire.encode(Header(1, "outside", at_ns, 1, at_ns), ExternalSignal({**BUY, **fields}))
        request = Event(ASK, *wire.decode(sent), "a client")
        outputs = list(self.gate.step(request))
        for output in outputs:
            header = self.voice.header(request, output)
            frame = wire.encode(header, output.body)
            self.ring.keep(output.topic, header.epoch, header.seq, frame)
            if isinstance(output, Reply):
                self.served.store(request.ref, request.body, [b"", output.topic.encode(), frame])
        return outputs

    def answer(self, at_ns: int, **fields: Any) -> ExternalAnswer:
        (reply,) = (output.body for output in self.send(at_ns, **fields) if isinstance(output, Reply))
        assert isinstance(reply, ExternalAnswer)
        return reply


# --- memory -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [False, True], ids=["without a request_id", "with one"])
def test_memory_does_not_grow_with_signals(named: bool) -> None:
    """Once the stores are full, a signal adds only the ids that make its repeat a repeat: fewer than 400 bytes.

    Signals come with a price each, once a second, and nearly all are refused, as in a flood.
    """
    shelf = Shelf()
    shelf.gate.inbox._answers = Answers(kept=128 * 400)
    half = 1_000

    def more(first: int) -> int:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(first, first + half):
            name = {"request_id": f"request-{number}"} if named else {}
            shelf.send(START_NS + number * SECOND_NS, price=21_000.0 + 0.25 * number, **name)
        return tracemalloc.get_traced_memory()[0] - before

    tracemalloc.start(1)
    try:
        shares = more(0) / half, more(half) / half
    finally:
        tracemalloc.stop()

    assert shares[1] < 400, f"bytes a signal in each half: {shares}"
    assert shares[1] < 0.75 * shares[0], f"bytes a signal in each half: {shares}"


# --- repeats ----------------------------------------------------------------------------------------------------------------


def test_the_repeat_of_a_signal_whose_reply_is_no_longer_kept_is_a_duplicate() -> None:
    """No second order, whatever came in between, and in a gate that was restored from its state as well."""
    shelf = Shelf()
    first = shelf.answer(START_NS, request_id="R-1")
    count = 0
    while shelf.gate.inbox._answers.get("R-1") is not None:
        count += 1
        shelf.send(START_NS + count * SECOND_NS, request_id=f"other-{count}", price=21_000.25)
    restored, _ = Gate.restored(taking(), state.decode(state.encode(shelf.gate.snapshot())))

    for gate in (shelf.gate, restored):
        shelf.gate = gate
        outputs = shelf.send(START_NS + (count + 1) * SECOND_NS, request_id="R-1")
        (reply,) = (output.body for output in outputs)

        assert first.success
        assert isinstance(reply, ExternalAnswer)
        assert (reply.success, reply.error, reply.field) == (False, IngressError.DUPLICATE, "request_id")
        assert not any(isinstance(output.body, PlaceOrder) for output in outputs)


@given(ids=st.lists(st.integers(0, 30), max_size=80), kept=st.integers(1, 2_000))
def test_an_id_that_had_a_reply_has_one_for_ever(ids: list[int], kept: int) -> None:
    """Against a store without bounds: the same ids are repeats, and a reply that is kept is the first one."""
    answers, every = Answers(kept), dict[str, ExternalAnswer]()
    for number, each in enumerate(ids):
        name = f"R-{each}"

        assert (name in answers) is (name in every)
        if name not in every:
            every[name] = ExternalAnswer(True, f"reply {number}")
            answers.keep(name, every[name])
        assert answers.get(name) in (every[name], None)

    again = Answers(kept)
    again.restore(answers.all(), answers.forgotten)
    assert (again.all(), again.forgotten) == (answers.all(), answers.forgotten)
    assert all(len(digest) == DIGEST for digest in answers.forgotten)
    assert len(answers.all()) + len(answers.forgotten) == len(every)


@settings(max_examples=60, deadline=None)
@given(signals=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), max_size=40))
def test_the_same_signal_is_a_duplicate_for_a_minute_and_no_longer(signals: list[tuple[int, int]]) -> None:
    """Against a memory of all signals: pairs of seconds passed and which of four signals is sent."""
    shelf, admitted = Shelf(), dict[int, int]()
    now_ns = START_NS
    for passed_s, which in signals:
        now_ns += passed_s * SECOND_NS
        reply = shelf.answer(now_ns, price=21_000.0 + which)
        same = which in admitted and now_ns - admitted[which] < SAME_NS

        assert (reply.error is IngressError.DUPLICATE) is same
        if not same:
            admitted[which] = now_ns


def test_a_state_of_an_earlier_version_is_read() -> None:
    """It has replies and no digests. Every id in it stays a repeat, also where the replies take more than is kept now."""
    replies = {f"R-{number}": ExternalAnswer(True, "x" * 500) for number in range(2 * KEPT // 700)}
    data = state.encode(state.GateState(inbox=Queue(answers=replies))).replace(b"\xa9forgotten\x90", b"\xa9elsewhere\x90")
    gate, _ = Gate.restored(taking(), state.decode(data))

    assert b"forgotten" not in data
    assert all(name in gate.inbox._answers for name in replies)
    assert gate.inbox._answers.get(list(replies)[-1]) == list(replies.values())[-1]
