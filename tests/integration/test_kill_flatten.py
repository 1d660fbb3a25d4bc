"""`kill --flatten` tells the truth about the venue: each answer to the close, with the real gate and the test as the venue."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import zmq

from tapewire.bus import access, sockets, wire
from tapewire.bus.messages import Ack, Body, ClosePosition, Execution, Header, Hello, Lease, OrderStatus, OrderUpdate
from tapewire.bus.stamp import ref
from tapewire.daemons.operator import instances
from tapewire.daemons.operator.instances import Instance
from tests import bridges
from tests.integration.conftest import TAPEWIRE

pytestmark = pytest.mark.slow

HELD = Execution("X-0", "", "Replay", "MNQ", 2, 24_987.75, "FOREIGN", 0, 0)
CLOSE = "MNQ-KILL1-X"


def fill(number: int, qty: int, price: float) -> Execution:
    return Execution(f"X-{number}", CLOSE, "Replay", "MNQ", qty, price, "EXIT", 0, 0)


def update(status: OrderStatus) -> OrderUpdate:
    return OrderUpdate(f"U-{status}", CLOSE, "MNQ", status)


ACCEPTED, REJECTED = update(OrderStatus.ACCEPTED), update(OrderStatus.REJECTED)


class Market:
    """The venue's end of the link: it holds two contracts, and answers the close as it is told."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], run: Path, answer: Sequence[Body]) -> None:
        self.link = sockets.requester(context, access.local(run, "nt").to("venue"), "nt")
        self._answer = answer
        self._sent: dict[str, int] = {}
        self._pending: dict[str, tuple[bytes, bytes, bytes]] = {}
        self._answered = False

    def send(self, topic: str, body: Body) -> None:
        self._sent[topic] = self._sent.get(topic, 0) + 1
        header = Header(1, "nt", 1, self._sent[topic], 0)
        frames = (b"", topic.encode(), wire.encode(header, body))
        self._pending[ref(topic, header)] = frames
        sockets.send(self.link, frames)

    def serve(self, process: subprocess.Popen[str] | None = None) -> None:
        """Until all is acknowledged, or until this process has ended."""
        until = time.monotonic() + 60
        while self._pending if process is None else process.poll() is None:
            assert time.monotonic() < until
            if not self.link.poll(100):
                continue
            _, topic, frame = self.link.recv_multipart()
            header, body = wire.decode(frame)
            if isinstance(body, Ack):
                self._pending.pop(body.ref, None)
            elif not isinstance(body, Lease):
                ack = wire.encode(Header(1, "nt", 1, 1, 0), Ack(ref(topic.decode(), header)))
                sockets.send(self.link, (b"", b"ack.", ack))
                if isinstance(body, ClosePosition) and not self._answered:
                    self._answered = True
                    for each in self._answer:
                        self.send("venue.MNQ.", each)


@pytest.mark.parametrize(
    "answer, status, line",
    [
        pytest.param(
            (ACCEPTED, fill(1, -1, 24_990.0), fill(2, -1, 24_991.0)), 0, "closed: MNQ +2 at 24990.5", id="filled in two parts"
        ),
        pytest.param((ACCEPTED,), 1, "STILL OPEN: MNQ +2 of +2; close it in NinjaTrader", id="accepted and never filled"),
        pytest.param((ACCEPTED, fill(1, -1, 24_990.0)), 1, "STILL OPEN: MNQ +1 of +2 at 24990; close", id="filled in part"),
        pytest.param((REJECTED,), 1, "STILL OPEN: MNQ +2 of +2; close it in NinjaTrader", id="rejected"),
        pytest.param((), 1, "STILL OPEN: MNQ +2 of +2; close it in NinjaTrader", id="no word"),
    ],
)
def test_flatten_says_what_the_venue_has_done(answer: Sequence[Body], status: int, line: str, home: Path, tmp_path: Path) -> None:
    """Closed at what price, or still open with how many; the exit status says which. The switch is latched in every case."""
    conf, run = bridges.conf(), tmp_path / "run"
    with bridges.bus(conf, run, ("broker", "logger", "gate")), zmq.Context() as context:
        instances.register(Instance("live", "live", str(run), conf.bus.host, conf.bus.base_port, os.getpid(), ""))
        market = Market(context, run, answer)
        market.send("venue.nt.", Hello("NinjaTrader", "1", ("Replay",)))
        market.send("venue.MNQ.", HELD)
        market.serve()
        command = [TAPEWIRE, "kill", "--flatten", "--wait", "3"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            market.serve(process)
            said, _ = process.communicate()
        market.link.close(linger=0)
        instances.forget("live")

    assert line in said
    assert "latched on disk and in the gate" in said
    assert process.returncode == status
