"""Messages that break the bounds of PROTOCOL.md 2, sent to a live run: no daemon ends, and none stops reading the real sender."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tapewire.bus import sockets, topics, wire
from tapewire.bus.client import request_control
from tapewire.bus.messages import Alarm, Beat, Body, Header
from tapewire.bus.testing import bar, intents, session
from tapewire.daemons.operator import instances, supervise
from tapewire.daemons.settings import load as conf
from tests.golden.examples import EXAMPLES
from tests.integration.test_gaps import BARS, Feed
from tests.integration.test_processes import eventually

pytestmark = pytest.mark.slow

FAR = 1 << 62
NEXT_CENTURY_NS = 4_000_000_000_000_000_000
BEATEN = {BARS: (1, FAR), "session.MNQ.": (FAR, 1), f"raw.{'x' * 300}.": (1, 1)}


@pytest.fixture
def feed(up: instances.Instance) -> Iterator[Feed]:
    made = Feed(conf.read(Path(up.run)))
    yield made
    made.context.destroy(linger=0)


def head(epoch: int = 1, seq: int = 1, event_ns: int = 0) -> Header:
    return Header(1, "stray", epoch, seq, event_ns)


def facts() -> Iterator[tuple[str, bytes]]:
    """Topic and map of each hostile fact."""
    trade = EXAMPLES["trade"][2]
    assert not isinstance(trade, Alarm)
    stray: list[tuple[str, Header, Body]] = [
        (BARS, head(epoch=FAR), bar()),
        (BARS, head(seq=FAR), bar()),
        (BARS, head(event_ns=NEXT_CENTURY_NS), bar(open_ns=NEXT_CENTURY_NS, close_ns=NEXT_CENTURY_NS)),
        (BARS, head(), bar(close=math.nan)),
        ("session.MNQ.", head(epoch=2), session()),
        ("session.MNQ.", head(epoch=FAR), session()),
        (
            "sys.beat.stray.",
            head(),
            Beat("stray", 1, 0, 0, BEATEN),
        ),
        (f"raw.{'long' * 60}.", head(), Alarm("a", "b")),
        ("raw." + "deep." * 30, head(), Alarm("a", "b")),
        ("trade.XYZ.", head(), msgspec.structs.replace(trade, instrument="XYZ")),  # type: ignore[type-var]
        ("trade.MNQ.", head(), msgspec.structs.replace(trade, exit_price=math.inf)),  # type: ignore[type-var]
    ]
    for topic, header, body in stray:
        yield topic, wire.encode(header, body)
    yield BARS, b"\x91" * 100_000


def test_no_message_stops_or_silences_a_daemon(up: instances.Instance, feed: Feed) -> None:
    """Every process lives on, has counted what it refused, and takes the real bars that follow."""
    before = pids(up)
    feed.publish(1)
    assert eventually(lambda: feed.has_reached(1))
    for topic, frame in facts():
        feed.out.send_multipart((topic.encode(), frame))
    with sockets.requester(feed.context, feed.run.bus.address("gate")) as stray:
        stray.send_multipart([b"", b"intent.MNQ.", wire.encode(head(epoch=FAR), intents())])
        assert eventually(lambda: state(feed, "gate")["refusals"] == {"epoch": 1})

    feed.publish(2, 3)

    assert eventually(lambda: feed.has_reached(3))
    assert eventually(lambda: state(feed, "evaluator")["last"].get(topics.of(topics.EVAL_DONE, "MNQ")) == [feed.run.epoch, 3])
    assert eventually(lambda: state(feed, "logger")["seen"][BARS] == [1, 3])
    assert not feed.session()["degraded"]
    assert pids(up) == before
    assert state(feed, "tracker")["refusals"] == {"epoch": 1, "sequence": 2, "time": 1, "unreadable": 2, "topic": 2}
    assert state(feed, "broker")["refused"] == 1  # the longest topic, which no reader would take
    assert state(feed, "publisher")["lost"] == 0


def pids(up: instances.Instance) -> dict[str, int]:
    return {each["name"]: each["pid"] for each in supervise.processes(up)}


def state(feed: Feed, name: str) -> dict[str, Any]:
    return dict(request_control(feed.context, feed.run.bus.address(f"control.{name}"), "state", timeout_s=10))
