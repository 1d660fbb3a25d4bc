"""Requests to a gate: a duplicate gets the stored reply, and a reused name with another body gets a decision of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from tapewire.bus import access, sockets, topics, wire
from tapewire.bus.messages import Decisions, Header, Intents
from tapewire.bus.testing import intents
from tests import bridges

pytestmark = pytest.mark.slow

TOPIC = topics.of(topics.INTENT, "MNQ")
PATIENCE_S = 10.0


class Requester:
    """The evaluator's end of the gate's service: sends given requests under given numbers."""

    def __init__(self, run: Path) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.dealer = sockets.requester(self.context, access.local(run, "evaluator").to("gate"), "evaluator")

    def request(self, number: int, body: Intents) -> str | None:
        """The id of the reply; None without one."""
        frame = wire.encode(Header(1, "evaluator", 1, number, body.bar_ns), body)
        sockets.send(self.dealer, (b"", TOPIC.encode(), frame))
        if not self.dealer.poll(PATIENCE_S * 1000):
            return None
        _, _, reply = wire.decode_message(self.dealer.recv_multipart()[-2:])
        assert isinstance(reply, Decisions)
        return reply.id


@pytest.fixture
def requester(home: Path, tmp_path: Path) -> Iterator[Requester]:
    conf = bridges.conf()
    with bridges.bus(conf, tmp_path / "run", ("broker", "logger", "gate")):
        made = Requester(tmp_path / "run")
        yield made
        made.context.destroy(linger=0)


def test_an_evaluator_that_lost_its_history_gets_a_reply(requester: Requester) -> None:
    """Power failed before the journal was synced: the gate has a first request that the evaluator has lost. The evaluator's next
    request reuses that number. It once got the old reply, which did not match, and its exit was never executed."""
    lost, next_one = intents(at="11:00"), intents(at="11:04")

    assert requester.request(1, lost) == lost.id
    assert requester.request(1, next_one) == next_one.id
    assert requester.request(1, next_one) == next_one.id
    assert requester.request(2, intents(at="11:08")) == intents(at="11:08").id
