"""Whether the bridge is there, told by our own clock: what lies at the broker is no sign of life, and its clock may be wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import zmq
from msgspec.structs import replace

from tapewire.bus import sockets, topics, wire
from tapewire.bus.messages import Beat, Header
from tapewire.daemons.operator.gather import listen
from tapewire.daemons.operator.snapshot import BridgeBeat
from tapewire.daemons.settings.structs import Conf
from tests import bridges

TOPIC = topics.of(topics.BEAT, "nt")
HOUR_NS = 3_600_000_000_000


def beat(ahead_ns: int = 0, number: int = 1, version: int = 1) -> list[bytes]:
    """A heartbeat of a bridge whose clock is so far ahead."""
    now_ns = time.time_ns() + ahead_ns
    header = Header(version, "nt", 1, number, now_ns)
    return [TOPIC.encode(), wire.encode(header, Beat("nt", 1, now_ns, now_ns, {}, note="ready"))]


@contextmanager
def broker(conf: Conf, *messages: list[bytes]) -> Iterator[None]:
    """What a broker says to whoever joins."""
    with zmq.Context() as context:
        out = sockets.broker_out(context, conf.bus.address("broker.out"))

        def joined() -> None:
            while out.recv() != b"\x01" + TOPIC.encode():
                pass
            for message in messages:
                out.send_multipart(message)

        thread = threading.Thread(target=joined)
        thread.start()
        yield
        thread.join()
        out.close()


def told(*messages: list[bytes]) -> BridgeBeat:
    conf = bridges.conf()
    with broker(conf, *messages), zmq.Context() as context:
        return listen(context, conf)


@pytest.mark.parametrize("ahead_ns", [0, 90 * 10**9, -90 * 10**9, HOUR_NS], ids=["right", "ahead", "behind", "an hour ahead"])
def test_a_bridge_with_a_wrong_clock_is_there(home: object, ahead_ns: int) -> None:
    """A heartbeat has come while we listened, whatever time it bears; how far the clocks are apart is told beside it."""
    found = told(beat(ahead_ns, 1), beat(ahead_ns, 2))

    assert found.fresh
    assert found.ahead_s == pytest.approx(ahead_ns / 1e9, abs=5)


def test_a_heartbeat_that_lay_at_the_broker_is_no_life(home: object) -> None:
    """It is all that comes, and comes again for another reader: the bridge is dead, even if its clock says it speaks right now."""
    last = beat(HOUR_NS)

    found = told(last, last)

    assert not found.fresh
    assert found.beat is not None
    assert found.ahead_s is None


def test_a_bridge_that_speaks_another_protocol_is_heard(home: object) -> None:
    """Its heartbeat cannot be read, and why is told."""
    found = told(beat(version=2), beat(number=2, version=2))

    assert found.fresh
    assert replace(found, age_s=None) == BridgeBeat(unreadable="protocol version 2, this side speaks 1")


def test_of_nobody_nothing_is_heard(home: object) -> None:
    """A broker that has no heartbeat of a bridge."""
    assert told() == BridgeBeat()
