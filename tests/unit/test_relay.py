"""The way of last trades through the broker: trades pass and nothing else, and it ends when it is told to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import zmq

from tapewire.bus import access, sockets, topics
from tapewire.daemons.operator import supervise
from tapewire.daemons.settings.structs import Bus
from tapewire.daemons.shell import logs
from tapewire.daemons.shell.relay import TickRelay

PATIENCE_MS = 20_000  # only ends a test that would never pass
TRADE = [topics.tick("NQ").encode(), b"a trade"]


class Way(NamedTuple):
    relay: TickRelay
    feed: zmq.Socket[bytes]
    reader: zmq.Socket[bytes]


@pytest.fixture
def way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    """A relay with a bridge before it and a reader behind it, of whom the relay knows."""
    monkeypatch.setenv("HOME", str(tmp_path))
    access.prepare(tmp_path)
    base = supervise.free_base_port("127.0.0.1", 41_050)
    with zmq.Context() as context:
        relay = TickRelay(context, tmp_path, Bus(base_port=base), sorted(os.sched_getaffinity(0)), logs.configure("test"))
        feed = context.socket(zmq.XPUB)
        access.local(tmp_path, "nt").to("ticks.in").connect(feed)
        reader = sockets.tick_reader(context, access.local(tmp_path, "reader").to("ticks.out"), ("",))
        assert feed.poll(PATIENCE_MS)
        while not reader.poll(10):
            feed.send_multipart([*TRADE[:1], b"first"])
        yield Way(relay, feed, reader)
        relay.close()
        feed.close(linger=0)
        reader.close(linger=0)
    supervise.release("127.0.0.1", base)
    access.tidy(tmp_path)


def after_the_first(reader: zmq.Socket[bytes]) -> list[bytes]:
    """The next message, without those that only showed that the way stands."""
    while True:
        assert reader.poll(PATIENCE_MS)
        found = reader.recv_multipart()
        if found[1] != b"first":
            return found


def test_trades_pass_and_no_other_topic(way: Way) -> None:
    """The bridge's key may come in, and its bars go another way."""
    for topic in (b"raw.bar.NQ.1m.", b"session.NQ.", b"raw.", b""):
        way.feed.send_multipart([topic, b"no trade"])
    way.feed.send_multipart(TRADE)

    assert after_the_first(way.reader) == TRADE


def test_it_counts_trades_when_it_is_rung(way: Way) -> None:
    """The bell also lets it look at the keys; forwarding goes on afterwards."""
    way.relay.ring()
    counted = False
    for _ in range(1_000):
        way.feed.send_multipart(TRADE)
        assert after_the_first(way.reader) == TRADE
        way.relay.ring()
        counted = counted or way.relay.forwarded > 0

    assert counted


def test_a_port_that_is_taken_is_told(way: Way, tmp_path: Path) -> None:
    """To the broker's own thread, which ends with the reason."""
    with zmq.Context() as context, pytest.raises(zmq.ZMQError, match="in use"):
        TickRelay(context, tmp_path, Bus(), sorted(os.sched_getaffinity(0)), logs.configure("test"))


def test_its_threads_have_a_lower_priority(way: Way) -> None:
    """The thread, and those of its context, which are born in it; the others of the process keep theirs."""
    nice = sorted(os.getpriority(os.PRIO_PROCESS, int(task)) for task in os.listdir("/proc/self/task"))

    assert nice[0] == os.getpriority(os.PRIO_PROCESS, 0)
    assert len([each for each in nice if each > nice[0]]) >= 3
