"""The gate's end of the venue link, with a venue of the test's that dies and restarts with a new epoch."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import zmq

from tapewire.bus import access, sockets, wire
from tapewire.bus.access import Line
from tapewire.bus.messages import Ack, Body, Execution, Header, Hello
from tapewire.bus.stamp import ref
from tests import bridges

pytestmark = pytest.mark.slow

ENTRY = Execution("X-1", "", "Replay", "MNQ", 1, 25000.0, "FOREIGN", 0, 0)


class Venue:
    """A DEALER named `nt` that sends given messages with given numbers."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], line: Line) -> None:
        self.link = sockets.requester(context, line, "nt")
        self.acked: set[str] = set()

    def send(self, topic: str, epoch: int, seq: int, body: Body) -> str:
        header = Header(1, "nt", epoch, seq, 0)
        sockets.send(self.link, (b"", topic.encode(), wire.encode(header, body)))
        return ref(topic, header)

    def acknowledged(self, name: str) -> bool:
        """Whether the gate acknowledges the message within ten seconds."""
        until = time.monotonic() + 10
        while name not in self.acked and time.monotonic() < until:
            if self.link.poll(100):
                _, _, body = wire.decode_message(self.link.recv_multipart()[-2:])
                if isinstance(body, Ack):
                    self.acked.add(body.ref)
        return name in self.acked


def test_a_venue_that_died_with_an_open_hole_is_accepted_again(home: Path, tmp_path: Path) -> None:
    """The first message was lost, the second waited for it, then the venue died. The gate accepts its next epoch."""
    conf = bridges.conf()
    with bridges.bus(conf, tmp_path / "run", ("broker", "logger", "gate")), zmq.Context() as context:
        venue = Venue(context, access.local(tmp_path / "run", "nt").to("venue"))
        hello = venue.send("venue.nt.", 1, 1, Hello("NinjaTrader", "1", ("Replay",)))
        assert venue.acknowledged(hello)
        venue.send("venue.MNQ.", 1, 2, ENTRY)

        restarted = venue.send("venue.MNQ.", 2, 1, ENTRY)

        assert venue.acknowledged(restarted)
        venue.link.close()
