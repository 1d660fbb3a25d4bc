"""Bars that are lost for good, over real processes: the session is degraded, and a restart does not forget it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from tapewire.bus import sockets, topics, wire
from tapewire.bus.client import request_control
from tapewire.bus.messages import Header
from tapewire.bus.testing import MINUTE_NS, bar
from tapewire.daemons.operator import instances, supervise
from tapewire.daemons.settings import load as conf
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import tapes
from tests.integration.conftest import Run
from tests.integration.test_processes import eventually, is_back

pytestmark = pytest.mark.slow

BARS = topics.bar("MNQ")


class Feed:
    """NinjaTrader's end of the bus, with nothing to say again: what it leaves out is lost."""

    def __init__(self, run: Conf) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.run = run
        self.out = sockets.publisher(self.context, run.bus.address("broker.in"))
        assert self.out.poll(10_000), "the broker does not listen"
        self.out.recv()

    def say(self, *numbers: int) -> None:
        """Publish the bars with these numbers, a minute each."""
        first = bar("11:00")
        for number in numbers:
            close_ns = first.close_ns + number * MINUTE_NS
            each = bar("11:00", index=number, open_ns=close_ns - MINUTE_NS, close_ns=close_ns)
            self.out.send_multipart((BARS.encode(), wire.encode(Header(1, "nt", 1, number, close_ns), each)))

    def session(self) -> dict[str, Any]:
        """The last session of the tracker, in its own words; empty before the first."""
        told = request_control(self.context, self.run.bus.address("tracker"), "state", topics.SESSION, timeout_s=10)
        return dict(told.get("session.MNQ.", {}))

    def has_come_to(self, number: int) -> bool:
        return bool(self.session().get("bar", {}).get("index") == number)

    def sessions_said(self) -> int:
        told = request_control(self.context, self.run.bus.address("control.tracker"), "state", timeout_s=10)
        return int(told["last"]["session.MNQ."][1])


@pytest.fixture
def feed(up: instances.Instance) -> Iterator[Feed]:
    made = Feed(conf.read(Path(up.run)))
    yield made
    made.context.destroy(linger=0)


def test_a_restarted_tracker_is_degraded_as_before(tapewire: Run, up: instances.Instance, feed: Feed) -> None:
    """The same session under the same number; the next gap is told under a new number of its own."""
    feed.say(1, 2, 3, 6, 7)
    assert eventually(lambda: feed.has_come_to(7))
    before, said = feed.session(), feed.sessions_said()
    pid = next(each["pid"] for each in supervise.processes(up) if each["name"] == "tracker")

    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: is_back(tapewire, "tracker", pid))

    assert before["degraded"]
    assert (feed.session(), feed.sessions_said()) == (before, said) == (before, 5)
    feed.say(8, 10)
    assert eventually(lambda: feed.has_come_to(10))
    gaps = "sys.gap.tracker."
    assert eventually(lambda: sum(1 for _ in tapes.frames(Path(up.run), gaps)) == 2)
    told = [wire.decode(frame) for frame in tapes.frames(Path(up.run), gaps)]
    assert [(header.seq, body.first, body.last) for header, body in told] == [(1, 4, 5), (2, 9, 9)]  # type: ignore[union-attr]
