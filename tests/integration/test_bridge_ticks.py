"""Last trades from NinjaTrader through the broker to the tracker's bars of seconds: in windows, bounded, behind everything else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
import zmq

from tapewire.bus import access, sockets, topics, wire
from tapewire.bus.client import History, Reader, request_control
from tapewire.bus.messages import Bar, Beat, Tick, TimeframeBar
from tapewire.daemons.settings.structs import Conf
from tests import bridges
from tests.bridges import Bridge
from tests.integration.conftest import home_in
from tests.integration.test_processes import eventually
from tests.links import plain as plain
from tests.mono import needs_mono
from tests.mono import program as program

pytestmark = [pytest.mark.slow, needs_mono]

FROM = 2_400
QUOTE = "20999.75 21000.25"


class Run(NamedTuple):
    conf: Conf
    folder: Path


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A broker, a logger that records trades, and a tracker that makes bars of seconds."""
    place = tmp_path_factory.mktemp("ticks")
    folder = place / "run"
    with home_in(place):
        loaded = bridges.conf()
        conf = msgspec.structs.replace(
            loaded,
            tracker=msgspec.structs.replace(loaded.tracker, timeframes=("5s",)),
            bus=msgspec.structs.replace(loaded.bus, journal_ticks=True),
        )
        with bridges.bus(conf, folder, ("broker", "logger", "tracker")):
            yield Run(conf, folder)


class Listener:
    """What a reader gets of trades, and of facts."""

    def __init__(self, run: Run) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.way = access.local(run.folder, "reader")
        self.ticks = sockets.tick_reader(self.context, self.way.to("ticks.out"), (topics.TICK,))
        self.facts = Reader(self.context, self.way.to("broker.out"), (topics.BAR, topics.TIMEFRAME, "sys.beat.nt."), name="test")
        self.trades: list[Tick] = []
        self.bars: list[Bar] = []
        self.longer: list[TimeframeBar] = []
        self.beat: Beat | None = None

    def read(self) -> None:
        """Take what has come."""
        while self.ticks.poll(0):
            body = wire.decode_message(self.ticks.recv_multipart()).body
            assert isinstance(body, Tick)
            self.trades.append(body)
        for message, _ in self.facts.receive(0.02):
            if isinstance(message.body, Bar):
                self.bars.append(message.body)
            elif isinstance(message.body, TimeframeBar):
                self.longer.append(message.body)
            elif isinstance(message.body, Beat):
                self.beat = message.body

    def tracker(self) -> dict[str, object]:
        return dict(request_control(self.context, self.way.to("control.tracker"), "state", timeout_s=5.0))

    def close(self) -> None:
        self.facts.close()
        self.ticks.close(linger=0)
        self.context.term()


@contextmanager
def sending(
    program: Path, run: Run, plain: Path, folder: Path, window_ms: int, *options: object, first: int = FROM
) -> Iterator[tuple[Bridge, Listener]]:
    """A chart that sends its trades, and somebody who reads them, once the first has come through."""
    given = ("--from", first, "--ticks", 1, "--tick-window", window_ms, *options)
    bridge = Bridge(program, run.conf, run.folder, plain, folder, *given)
    listener = Listener(run)
    try:
        bridge.done()

        def comes() -> bool:
            bridge.do(f"print 0 21000 1 {QUOTE}")
            listener.read()
            return bool(listener.trades)

        assert eventually(comes)
        yield bridge, listener
    finally:
        bridge.kill()
        listener.close()


def test_each_trade_is_a_message_with_its_quote(feed: Run, program: Path, plain: Path, tmp_path: Path) -> None:
    """Price, size, bid, ask, side, move; the tracker makes bars of five seconds of them, and the minute's bar counts the moves."""
    with sending(program, feed, plain, tmp_path / "nt", 0) as (bridge, listener):
        bridge.do("bar")  # from the next minute on every trade is seen
        for second, price, size in ((1, 21000.25, 3), (2, 21000.5, 2), (6, 20999.75, 4), (12, 20999.75, 1)):
            bridge.do(f"print {second} {price} {size} {QUOTE}")
        bridge.do("bar")
        wanted = ("5s", 4, -4)
        assert eventually(lambda: listener.read() or wanted in [(x.timeframe, x.volume, x.delta) for x in listener.longer])
        assert eventually(lambda: listener.read() or (listener.bars and listener.bars[-1].up_ticks))

        trade = listener.trades[-4]
        assert (trade.price, trade.size, trade.bid, trade.ask, trade.trades) == (21000.25, 3, 20999.75, 21000.25, 1)
        assert [(each.ask_volume, each.bid_volume, each.up_ticks, each.down_ticks) for each in listener.trades[-4:]] == [
            (3, 0, 1, 0),
            (2, 0, 1, 0),
            (0, 4, 0, 1),
            (0, 1, 0, 0),
        ]
        first, second = listener.longer[-2:]
        assert (first.volume, first.delta, first.ticks, first.complete) == (5, 5, 2, True)
        assert second.close_ns - second.open_ns == 5_000_000_000
        assert (listener.bars[-1].up_ticks, listener.bars[-1].down_ticks) == (2, 1)


def test_a_window_has_the_last_price_and_the_sum_of_the_volume(feed: Run, program: Path, plain: Path, tmp_path: Path) -> None:
    """A second of trades is one message, with the highest and the lowest price of the window."""
    with sending(program, feed, plain, tmp_path / "nt", 1000) as (bridge, listener):
        assert "lost 0" in bridge.do("lights")[0]
        for price, size in ((21000.25, 3), (21002.0, 2), (20999.0, 4), (21000.25, 1)):
            bridge.send(f"print 1 {price} {size} {QUOTE}")
        for _ in range(4):
            bridge.done()
        bridge.do(f"print 2 21000.5 7 {QUOTE}")
        assert eventually(lambda: listener.read() or listener.trades[-1].price == 21000.5)

        assert sum(each.size for each in listener.trades[1:]) >= 17
        assert len(listener.trades) <= 4  # of a dozen trades
        assert max(each.high or each.price for each in listener.trades) == 21002.0
        assert min(each.low or each.price for each in listener.trades) == 20999.0


def test_a_storm_drops_trades_and_nothing_else(feed: Run, program: Path, plain: Path, tmp_path: Path) -> None:
    """The bridge's queue is short: what does not fit is counted there, and the tracker counts by the numbers. Bars go on."""
    with sending(program, feed, plain, tmp_path / "nt", 0, "--most-ticks", 50, first=FROM + 100) as (bridge, listener):
        for _ in range(3):
            bridge.do("storm 20000")
            bridge.do("bar")
            bridge.do(f"print 59 21000 1 {QUOTE}")  # its number tells how many are missing before it
        assert eventually(lambda: listener.read() or len(listener.bars) >= 3)
        assert eventually(lambda: listener.read() or (listener.beat is not None and listener.beat.ticks_lost > 0))

        state = listener.tracker()
        lost = state["ticks_lost"]
        assert isinstance(lost, dict)
        assert lost["raw.tick.MNQ."] > 0
        assert state["lost"] == 0
        assert listener.beat is not None
        assert listener.beat.dropped == listener.beat.failed == 0
        assert [each.index for each in listener.bars[-3:]] == [listener.bars[-3].index + at for at in range(3)]


def test_recorded_trades_are_in_the_journal_and_in_no_recovery(feed: Run, program: Path, plain: Path, tmp_path: Path) -> None:
    """With `journal_ticks`; a tracker that starts again goes on behind the numbers of the bars it had made."""
    with sending(program, feed, plain, tmp_path / "nt", 0, first=FROM + 200) as (bridge, listener):
        for second in (1, 7, 13):
            bridge.do(f"print {second} 21000 1 {QUOTE}")
        with History(listener.context, listener.way.to("history")) as history:
            assert eventually(lambda: any(length.records for length in history.topics(topics.TICK)))
            made = {length.topic: length.seq for length in history.topics("bar.MNQ.5s.")}
        request_control(listener.context, access.local(feed.folder, "operator").to("control.tracker"), "stop", timeout_s=5.0)
        with bridges.daemons(feed.folder, ("tracker",)):
            for second in (21, 27, 33, 39):
                bridge.do(f"print {second} 21000 1 {QUOTE}")

            def goes_on() -> bool:
                last = listener.tracker()["last"]
                assert isinstance(last, dict)
                return "bar.MNQ.5s." in last and last["bar.MNQ.5s."][1] > made["bar.MNQ.5s."]

            assert eventually(goes_on)
