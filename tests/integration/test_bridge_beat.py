"""Only a heartbeat that arrives now proves a live bridge: the broker keeps the last one, and the bridge's clock may be wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq
from msgspec.structs import replace

from tapewire.bus import access, sockets, topics, wire
from tapewire.bus.messages import Beat, Header
from tapewire.daemons.operator.gather import listen
from tapewire.daemons.operator.snapshot import BridgeBeat
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell.doors import Doors
from tests import bridges
from tests.runs import begun

TOPIC = topics.of(topics.BEAT, "nt")
HOUR_NS = 3_600_000_000_000


def beat(ahead_ns: int = 0, number: int = 1, version: int = 1) -> list[bytes]:
    """A heartbeat of a bridge whose clock is `ahead_ns` ahead."""
    now_ns = time.time_ns() + ahead_ns
    header = Header(version, "nt", 1, number, now_ns)
    return [TOPIC.encode(), wire.encode(header, Beat("nt", 1, now_ns, now_ns, {}, note="ready"))]


@contextmanager
def broker(conf: Conf, run: Path, *messages: list[bytes]) -> Iterator[None]:
    """A broker that sends these messages to each new subscriber."""
    with zmq.Context() as context, Doors(context, run, conf.bus) as doors:
        out = sockets.broker_out(context, doors.both("broker.out"))

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


def received(run: Path, *messages: list[bytes]) -> BridgeBeat:
    conf = bridges.conf()
    with begun(conf, run), broker(conf, run, *messages), zmq.Context() as context:
        return listen(context, access.local(run, "reader"))


@pytest.mark.parametrize("ahead_ns", [0, 90 * 10**9, -90 * 10**9, HOUR_NS], ids=["right", "ahead", "behind", "an hour ahead"])
def test_a_bridge_with_a_wrong_clock_is_alive(home: object, tmp_path: Path, ahead_ns: int) -> None:
    """A heartbeat arrived while we listened, whatever its time; the difference of the clocks is reported as well."""
    found = received(tmp_path / "run", beat(ahead_ns, 1), beat(ahead_ns, 2))

    assert found.fresh
    assert found.ahead_s == pytest.approx(ahead_ns / 1e9, abs=5)


def test_the_brokers_last_value_is_no_sign_of_life(home: object, tmp_path: Path) -> None:
    """The last value arrives twice, the second time for another subscriber. The bridge is dead, although its time is recent."""
    last = beat(HOUR_NS)

    found = received(tmp_path / "run", last, last)

    assert not found.fresh
    assert found.beat is not None
    assert found.ahead_s is None


def test_a_bridge_of_another_protocol_version_is_alive(home: object, tmp_path: Path) -> None:
    """Its heartbeat cannot be read, and the result has the reason."""
    found = received(tmp_path / "run", beat(version=2), beat(number=2, version=2))

    assert found.fresh
    assert replace(found, age_s=None) == BridgeBeat(unreadable="protocol version 2, this side speaks 1")


def test_without_a_bridge_there_is_no_heartbeat(home: object, tmp_path: Path) -> None:
    """The broker has no last value of one."""
    assert received(tmp_path / "run") == BridgeBeat()
