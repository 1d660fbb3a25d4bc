"""Messages that break the bounds of PROTOCOL.md 2, sent to a live run: no daemon ends, and none stops reading the real sender."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tapewire.bus import access, sockets, topics, wire
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


@pytest.fixture
def feed(up: instances.Instance) -> Iterator[Feed]:
    made = Feed(Path(up.run))
    yield made
    made.context.destroy(linger=0)


def head(epoch: int = 1, seq: int = 1, event_ns: int = 0) -> Header:
    return Header(1, "stray", epoch, seq, event_ns)


def facts() -> Iterator[tuple[str, str, bytes]]:
    """Each hostile fact: a key that may publish on its topic, the topic, and the map. So the broker forwards it."""
    trade = EXAMPLES["trade"][2]
    assert not isinstance(trade, Alarm)
    stray: list[tuple[str, str, Header, Body]] = [
        ("nt", BARS, head(epoch=FAR), bar()),
        ("nt", BARS, head(seq=FAR), bar()),
        ("nt", BARS, head(event_ns=NEXT_CENTURY_NS), bar(open_ns=NEXT_CENTURY_NS, close_ns=NEXT_CENTURY_NS)),
        ("nt", BARS, head(), bar(close=math.nan)),
        ("tracker", "session.MNQ.", head(epoch=2), session()),
        ("tracker", "session.MNQ.", head(epoch=FAR), session()),
        ("nt", "sys.beat.nt.", head(), Beat("nt", 1, 0, 0, {BARS: (1, FAR), f"raw.bar.{'x' * 300}.": (1, 1)})),
        ("tracker", "sys.beat.tracker.", head(), Beat("tracker", 1, 0, 0, {"session.MNQ.": (FAR, 1)})),
        ("nt", f"raw.{'long' * 60}.", head(), Alarm("a", "b")),
        ("nt", "raw.bar." + "deep." * 30, head(), Alarm("a", "b")),
        ("gate", "trade.XYZ.", head(), msgspec.structs.replace(trade, instrument="XYZ")),  # type: ignore[type-var]
        ("gate", "trade.MNQ.", head(), msgspec.structs.replace(trade, exit_price=math.inf)),  # type: ignore[type-var]
    ]
    for key, topic, header, body in stray:
        yield key, topic, wire.encode(header, body)
    yield "nt", BARS, b"\x91" * 100_000


def test_no_message_stops_or_silences_a_daemon(up: instances.Instance, feed: Feed) -> None:
    """Every process lives on, has counted what it refused, and takes the real bars that follow."""
    before = pids(up)
    feed.publish(1)
    assert eventually(lambda: feed.has_reached(1))
    with feed.writer("tracker") as tracker, feed.writer("gate") as gate:
        for key, topic, frame in facts():
            {"nt": feed.out, "tracker": tracker, "gate": gate}[key].send_multipart((topic.encode(), frame))
    with sockets.requester(feed.context, access.local(feed.run, "evaluator").to("gate")) as stray:
        stray.send_multipart([b"", b"intent.MNQ.", wire.encode(head(epoch=FAR), intents())])
        assert eventually(lambda: state(feed, "gate")["refusals"] == {"epoch": 1})

    feed.publish(2, 3)

    assert eventually(lambda: feed.has_reached(3))
    epoch = conf.read(feed.run).epoch
    assert eventually(lambda: state(feed, "evaluator")["last"].get(topics.of(topics.EVAL_DONE, "MNQ")) == [epoch, 3])
    assert eventually(lambda: state(feed, "logger")["seen"][BARS] == [1, 3])
    assert not feed.session()["degraded"]
    assert pids(up) == before
    assert state(feed, "tracker")["refusals"] == {"epoch": 1, "sequence": 2, "time": 1, "unreadable": 2, "topic": 2}
    assert state(feed, "broker")["refused"] == 1  # the longest topic, which no reader would take
    assert state(feed, "broker")["dropped"] == 0
    assert state(feed, "publisher")["lost"] == 0


def pids(up: instances.Instance) -> dict[str, int]:
    return {each["name"]: each["pid"] for each in supervise.processes(up)}


def state(feed: Feed, name: str) -> dict[str, Any]:
    return dict(request_control(feed.context, feed.reader.to(f"control.{name}"), "state", timeout_s=10))
