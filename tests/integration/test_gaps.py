"""Bars that are lost for good, over real processes: the session is degraded, and stays degraded after a restart."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from tapewire.bus import access, sockets, topics, wire
from tapewire.bus.client import request_control
from tapewire.bus.messages import Header
from tapewire.bus.testing import MINUTE_NS, bar
from tapewire.daemons.operator import instances, supervise
from tapewire.replay import tapes
from tests.integration.conftest import Run
from tests.integration.test_processes import eventually, is_back

pytestmark = pytest.mark.slow

BARS = topics.bar("MNQ")


class Feed:
    """NinjaTrader's end of the bus, which resends nothing: a skipped number is lost."""

    def __init__(self, run: Path) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.run = run
        self.reader = access.local(run, "reader")
        self.out = self.writer("nt")

    def writer(self, key: str) -> zmq.Socket[bytes]:
        """A publisher of facts with this key, once the broker listens to it."""
        out = sockets.publisher(self.context, access.local(self.run, key).to("broker.in"))
        assert out.poll(10_000), "the broker does not listen"
        out.recv()
        return out

    def publish(self, *numbers: int) -> None:
        """Publish the bars with these numbers, a minute each."""
        first = bar("11:00")
        for number in numbers:
            close_ns = first.close_ns + number * MINUTE_NS
            each = bar("11:00", index=number, open_ns=close_ns - MINUTE_NS, close_ns=close_ns)
            self.out.send_multipart((BARS.encode(), wire.encode(Header(1, "nt", 1, number, close_ns), each)))

    def session(self) -> dict[str, Any]:
        """The last session that the tracker reports; empty before the first."""
        reply = request_control(self.context, self.reader.to("tracker"), "state", topics.SESSION, timeout_s=10)
        return dict(reply.get("session.MNQ.", {}))

    def has_reached(self, number: int) -> bool:
        return bool(self.session().get("bar", {}).get("index") == number)

    def sessions_published(self) -> int:
        reply = request_control(self.context, self.reader.to("control.tracker"), "state", timeout_s=10)
        return int(reply["last"]["session.MNQ."][1])


@pytest.fixture
def feed(up: instances.Instance) -> Iterator[Feed]:
    made = Feed(Path(up.run))
    yield made
    made.context.destroy(linger=0)


def test_a_restarted_tracker_is_degraded_as_before(tapewire: Run, up: instances.Instance, feed: Feed) -> None:
    """The same session under the same number; the next gap is published under a new number of its own. The day is equal when it is
    decided again, with what was lost as lost."""
    feed.publish(1, 2, 3, 6, 7)
    assert eventually(lambda: feed.has_reached(7))
    before, published = feed.session(), feed.sessions_published()
    pid = next(each["pid"] for each in supervise.processes(up) if each["name"] == "tracker")

    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: is_back(tapewire, "tracker", pid))

    assert before["degraded"]
    assert (feed.session(), feed.sessions_published()) == (before, published) == (before, 5)
    feed.publish(8, 10)
    assert eventually(lambda: feed.has_reached(10))
    gaps = "sys.gap.tracker."
    assert eventually(lambda: sum(1 for _ in tapes.frames(Path(up.run), gaps)) == 2)
    gap_facts = [wire.decode(frame) for frame in tapes.frames(Path(up.run), gaps)]
    assert [(header.seq, body.first, body.last) for header, body in gap_facts] == [(1, 4, 5), (2, 9, 9)]  # type: ignore[union-attr]
    proved, judged = tapewire("prove", "--run", up.run), tapewire("verify", "--run", up.run)
    assert "2 bars lost by the bus, raw.bar.MNQ.1m.@1:4 to raw.bar.MNQ.1m.@1:5" in proved.stdout
    assert "1 bar lost by the bus, raw.bar.MNQ.1m.@1:9" in proved.stdout
    assert "equal" in judged.stdout
    assert (proved.returncode, judged.returncode) == (1, 0)
