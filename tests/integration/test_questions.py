"""What is asked of a gate: a repeat is answered as before, and a name that is given again to another question as a new one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from tapewire.bus import sockets, topics, wire
from tapewire.bus.messages import Decisions, Header, Intents
from tapewire.bus.testing import intents
from tapewire.daemons.settings.structs import Conf
from tests import bridges

pytestmark = pytest.mark.slow

TOPIC = topics.of(topics.INTENT, "MNQ")
PATIENCE_S = 10.0


class Asker:
    """The evaluator's end of the gate's service, which asks what it is told, under the number it is told."""

    def __init__(self, conf: Conf) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.dealer = sockets.requester(self.context, conf.bus.address("gate"), "evaluator")

    def ask(self, number: int, question: Intents) -> str | None:
        """The id that the answer is for; None without one."""
        frame = wire.encode(Header(1, "evaluator", 1, number, question.bar_ns), question)
        sockets.send(self.dealer, (b"", TOPIC.encode(), frame))
        if not self.dealer.poll(PATIENCE_S * 1000):
            return None
        _, _, answer = wire.decode_message(self.dealer.recv_multipart()[-2:])
        assert isinstance(answer, Decisions)
        return answer.id


@pytest.fixture
def asker(home: Path, tmp_path: Path) -> Iterator[Asker]:
    conf = bridges.conf()
    with bridges.bus(conf, tmp_path / "run", ("broker", "logger", "gate")):
        made = Asker(conf)
        yield made
        made.context.destroy(linger=0)


def test_an_evaluator_that_lost_its_past_is_answered(asker: Asker) -> None:
    """Power failed, and the journal had not been synced: the gate knows a first question that the evaluator has forgotten. What it
    asks next bears that number again. It once got the old answer, which it had no use for, and its exit was never carried out."""
    forgotten, next_one = intents(at="11:00"), intents(at="11:04")

    assert asker.ask(1, forgotten) == forgotten.id
    assert asker.ask(1, next_one) == next_one.id
    assert asker.ask(1, next_one) == next_one.id
    assert asker.ask(2, intents(at="11:08")) == intents(at="11:08").id
