"""Last trades as a process reads them: losses are counted, and in a storm most of the time is left to everything else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import zmq

from tapewire.bus import topics, wire
from tapewire.bus.clock import WallClock
from tapewire.bus.daemon import Event
from tapewire.bus.inlets import Inlets
from tapewire.bus.messages import Body, Gap, Header, Tick
from tapewire.bus.testing import bar
from tapewire.daemons.shell import logs
from tapewire.daemons.shell.entrance import Entrance
from tapewire.daemons.shell.ticks import NEVER_NS, REST, SLICE_NS, TickNumbers, TickReader

TOPIC = topics.tick("NQ")


def header(seq: int, epoch: int = 1) -> Header:
    return Header(1, "nt", epoch, seq, 10**18)


def frames(seq: int, body: Body | None = None, topic: str = TOPIC) -> list[bytes]:
    return [topic.encode(), wire.encode(header(seq), body or Tick("NQ", 10**18, 100.0, 1))]


def allow(port: str, who: str, body: Body) -> None:
    """Everything."""


class Reader:
    """A reader whose clock goes on by `tick_ns` with each trade that it takes."""

    def __init__(self, tick_ns: int = 0) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.feed = self.context.socket(zmq.PAIR)
        self.feed.bind("inproc://feed")
        socket = self.context.socket(zmq.PAIR)
        socket.connect("inproc://feed")
        self.now_ns = 0
        self.taken: list[Event] = []
        self.entrance = Entrance(1, WallClock(), allow, logs.configure("test"))
        self.inlets = Inlets()
        self.reader = TickReader("tracker", socket, self.inlets, self.entrance, self.take, lambda: self.now_ns)
        self.tick_ns = tick_ns

    def take(self, event: Event, frame: bytes) -> None:
        self.now_ns += self.tick_ns
        self.taken.append(event)

    def send(self, *messages: list[bytes]) -> None:
        for each in messages:
            self.feed.send_multipart(each)

    def round(self) -> None:
        """As `Process.pump`: what the inlets report, then the end of the round."""
        for handler in self.inlets.wait(0):
            handler()
        self.reader.round()


@pytest.fixture
def reader() -> Iterator[Reader]:
    made = Reader(tick_ns=SLICE_NS // 20)
    yield made
    made.context.destroy(linger=0)


def test_a_number_that_is_missing_is_lost() -> None:
    """A topic counts from the first number that is read, each for itself; a number that comes again is not counted."""
    numbers = TickNumbers()

    found = [numbers.missing(TOPIC, header(seq)) for seq in (7, 8, 11, 10, 12)]
    other = numbers.missing("raw.tick.ES.", header(90))

    assert found == [range(7, 7), range(8, 8), range(9, 11), None, range(12, 12)]
    assert (other, numbers.taken, numbers.lost) == (range(90, 90), 5, {TOPIC: 2, "raw.tick.ES.": 0})


def test_a_new_epoch_counts_from_1() -> None:
    """The bridge has started again: what it sent before our first one is lost, and the old epoch is over."""
    numbers = TickNumbers()

    assert [numbers.missing(TOPIC, header(*at)) for at in ((5, 1), (3, 2), (6, 1))] == [range(5, 5), range(1, 3), None]


def test_a_loss_comes_as_a_gap_before_the_next_trade(reader: Reader) -> None:
    """The core hears of it where it happened."""
    reader.send(frames(1), frames(4))
    reader.round()

    first, gap, last = (each.body for each in reader.taken)
    assert (type(first), type(last)) == (Tick, Tick)
    assert gap == Gap(TOPIC, 1, 2, 3, "tracker")


@pytest.mark.parametrize(
    "bad",
    [
        [b"raw.tick.NQ."],
        [b"raw.tick.NQ.", b"\x00"],
        frames(2, bar("10:00")),
        frames(2, topic="raw.tick.ES."),
        frames(2, Tick("N" * 5000, 10**18, 1.0, 1), topic="raw.tick.NQ."),
    ],
    ids=["no map", "no message", "no trade", "of another instrument", "too long"],
)
def test_what_is_no_trade_of_its_topic_is_refused(reader: Reader, bad: list[bytes]) -> None:
    """Counted, and nothing else happens."""
    reader.send(bad, frames(3))
    reader.round()

    assert [each.header.seq for each in reader.taken] == [3]
    assert reader.entrance.refusals.total == 1


def test_in_a_storm_most_of_the_time_is_left_to_everything_else(reader: Reader) -> None:
    """After a slice the reader rests several times as long, and no trade wakes the process meanwhile."""
    reader.send(*(frames(seq) for seq in range(1, 201)))
    reader.round()
    took = len(reader.taken)
    slept = [bool(reader.inlets.wait(0))]
    reader.round()  # for a bar, while it rests

    assert 20 <= took < 40
    assert slept == [False]
    assert len(reader.taken) == took
    assert reader.reader.next_ns - reader.now_ns >= REST * SLICE_NS

    reader.now_ns = reader.reader.next_ns
    reader.round()

    assert len(reader.taken) > took


def test_a_quiet_market_is_read_at_once(reader: Reader) -> None:
    """Trade by trade, without a rest."""
    for seq in (1, 2, 3):
        reader.send(frames(seq))
        reader.round()

    assert [each.header.seq for each in reader.taken] == [1, 2, 3]
    assert reader.reader.next_ns == NEVER_NS
