"""A daemon that joins while others publish: messages between its subscription and its reading of the journal are not lost."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import zmq

from tapewire.bus import sockets, topics, wire
from tapewire.bus.messages import Header, HistoryRequest, Page, Session, TopicLength, Topics, TopicsRequest
from tapewire.bus.testing import MINUTE_NS, bar
from tapewire.daemons.operator import supervise
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell.doors import Doors
from tests import bridges
from tests.runs import begun

pytestmark = pytest.mark.slow

BARS, SESSIONS = topics.bar("MNQ"), topics.of(topics.SESSION, "MNQ")
PATIENCE_S = 20.0


def frame(number: int) -> bytes:
    """The bar with this number, as NinjaTrader published it."""
    close_ns = bar("11:00").close_ns + number * MINUTE_NS
    body = bar("11:00", index=number, open_ns=close_ns - MINUTE_NS, close_ns=close_ns)
    return wire.encode(Header(1, "nt", 1, number, close_ns), body)


class Bus:
    """Broker and logger of the test's: the broker subscribes to writers on request, the journal holds one bar."""

    def __init__(self, conf: Conf, run: Path) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.doors = Doors(self.context, run, conf.bus)
        self.incoming = self.context.socket(zmq.XSUB)
        self.doors.inside("broker.in").bind(self.incoming)
        self.outgoing = sockets.broker_out(self.context, self.doors.inside("broker.out"))
        self.history = sockets.responder(self.context, self.doors.inside("history"))

    def received(self, socket: zmq.Socket[bytes]) -> list[bytes]:
        assert socket.poll(PATIENCE_S * 1000), "nothing came"
        return socket.recv_multipart()

    def answer(self) -> None:
        """Reply to one request about the journal."""
        sender, *_, request = self.received(self.history)
        body = wire.decode(request)[1]
        if isinstance(body, TopicsRequest):
            lengths = (TopicLength(BARS, 1, 1, 1),) if BARS.startswith(body.prefix) else ()
            answer: Topics | Page = Topics(body.id, lengths)
        else:
            assert isinstance(body, HistoryRequest)
            held = [frame(1)] if body.topic == BARS else []
            answer = Page(body.id, body.topic, body.start, tuple(held[body.start :]), len(held))
        with suppress(zmq.ZMQError):  # the reader has left
            self.history.send_multipart((sender, b"", b"history.", wire.encode(Header(1, "logger", 1, 1, 0), answer)))

    def sessions(self, upto: int) -> list[int]:
        """The bars of the published sessions, until this one or a pause. Replies to journal requests meanwhile."""
        published: list[int] = []
        until = time.monotonic() + PATIENCE_S
        while upto not in published and time.monotonic() < until:
            if self.history.poll(0):
                self.answer()
            if not self.incoming.poll(20):
                continue
            topic, payload = self.incoming.recv_multipart()
            body = wire.decode(payload)[1]
            if topic == SESSIONS.encode() and isinstance(body, Session):
                published.append(body.bar.index)
        return published


@pytest.fixture
def bus(home: Path, tmp_path: Path) -> Iterator[Bus]:
    """A run with only a tracker, which waits for a broker."""
    conf = bridges.conf()
    with begun(conf, tmp_path / "run") as run:
        made = Bus(conf, run)
        command = [sys.executable, "-m", "tapewire.daemons", "tracker", "--run", str(run)]
        tracker = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        yield made
        tracker.kill()
        tracker.wait()
        made.doors.close()
        made.context.destroy(linger=0)
    supervise.release(conf.bus.host, conf.bus.base_port)


def test_a_fact_behind_a_hole_that_the_journal_fills_is_delivered(bus: Bus) -> None:
    """The second bar arrives as soon as the tracker has subscribed, the first is in the journal. Once it was dropped unnoticed."""
    while bus.received(bus.outgoing) != [b"\x01" + topics.RAW.encode()]:
        pass
    bus.outgoing.send_multipart((BARS.encode(), frame(2)))
    bus.incoming.send(b"\x01")

    assert bus.sessions(upto=2) == [2]
