"""Fetching the bars of a chart from NinjaTrader, as an export that `backtest` and `replay` read.

NinjaTrader only connects, so this command binds (PROTOCOL.md 7, port `backfill`) while it runs. It keeps two page requests pending
and writes each page as it arrives: memory stays flat, and live bars pass meanwhile. An unfinished export lies beside its place,
as `.NQ_Volumetric_1.csv.unfinished`; after a kill the command continues behind its last whole line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import zmq
from msgspec import Struct

from tapewire.bus import disk, sockets, wire
from tapewire.bus.client import RETRY_S, request_frames
from tapewire.bus.credit import Pager
from tapewire.bus.errors import ConfError, DataError, PeerError, Transient, suggest
from tapewire.bus.guard import Door
from tapewire.bus.messages import Bar, Body, HistoryRequest, Page, TopicLength, Topics, TopicsRequest
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.settings.structs import Instrument
from tapewire.strategies.clock import new_york

PEER = b"nt"
UNITS = {"days": 1, "weeks": 7, "months": 30, "years": 365}
LEAST, MOST = 100, 1_100_000  # bars
DAY = 24 * 60
HEADER = "timestamp,instrument,period,open,high,low,close,volume,vol_ask,vol_bid,session_date"


class Filled(Struct, frozen=True):
    """What a backfill wrote: the file, its bars, and how many of them an earlier, interrupted one had written."""

    path: str
    bars: int
    resumed: int


def bars(lookback: int, unit: str, minutes: int) -> int:
    """The number of a chart's bars in a lookback: 30 days of one minute are 43,200, 7 days of five minutes 2,016; 100 at least.

    Args:
        minutes: a bar's length; 1,440 for a daily chart.
    Raises:
        ConfError: an unknown unit, or a lookback below 1.
    """
    if unit not in UNITS:
        raise ConfError(f"--unit {unit!r}{suggest(unit, UNITS)}; known: {', '.join(UNITS)}")
    if lookback < 1:
        raise ConfError(f"--lookback {lookback}: write 1 or more")
    return min(max(lookback * UNITS[unit] * DAY // minutes, LEAST), MOST)


class Charts:
    """NinjaTrader's charts, requested over a socket of ours to which its bridge connects.

    Args:
        deadline_s: how long to wait for the bridge to connect, and for each reply.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], door: Door, *, deadline_s: float = 6.0) -> None:
        self.address = door.addresses[0]
        self.deadline_s = deadline_s
        try:
            self.socket = sockets.responder(context, door)
        except zmq.ZMQError as error:
            raise Transient(f"cannot bind {self.address}: {error}; is another backfill under way?") from error

    def __enter__(self) -> Charts:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.socket.close()

    def topics(self) -> tuple[TopicLength, ...]:
        """The available charts, with the number of their bars.

        Raises:
            Transient: no bridge connected, or none replied, in time.
        """
        request_topics = TopicsRequest("charts", "chart.")
        while True:
            body = self._receive([request_topics])
            if isinstance(body, Topics):
                return body.topics

    def read(self, topic: str, start: int, *, chunk: int = 500, window: int = 2) -> Iterator[list[Bar]]:
        """The bars from number `start` to the chart's end, in order, page by page.

        Raises:
            Transient: no reply in time. PeerError: the reply is not what was requested.
        """
        pager = Pager(topic, start=start, chunk=chunk, window=window)
        while not pager.done:
            self._send(pager.requests())
            body = self._receive(pager.resend())
            if isinstance(body, Page) and body.topic == topic:
                yield [_bar(frame) for frame in pager.take(body)]

    def _send(self, asked: Sequence[HistoryRequest | TopicsRequest]) -> None:
        for each in asked:
            with suppress(zmq.ZMQError):  # not connected yet: repeated below
                sockets.send(self.socket, (PEER, *request_frames(each)), sockets.NOBLOCK)

    def _receive(self, again: Sequence[HistoryRequest | TopicsRequest]) -> Body:
        for _ in range(int(self.deadline_s / RETRY_S)):
            if self.socket.poll(int(RETRY_S * 1000)):
                return wire.decode(self.socket.recv_multipart()[-1])[1]
            self._send(again)
        raise Transient(
            f"NinjaTrader did not answer at {self.address} within {self.deadline_s:g} s; "
            "put TapewireBridge or TapewireBars on the chart, with this host, base port and key (`tapewire keys bridge`)"
        )


def write(
    chart: Charts,
    instrument: str,
    terms: Instrument,
    folder: Path,
    *,
    wanted: Callable[[int], int],
    progress: Callable[[float], None],
) -> Filled:
    """Write a chart's bars as an export of its root.

    Args:
        instrument: the bridge's name for it. wanted: how many bars, from the end, given the length of one in minutes.
    Raises:
        ConfError: no such chart, or the file exists. DataError: the unfinished file does not continue in this chart.
    """
    length, minutes = _find(chart.topics(), instrument)
    path = folder / f"{terms.root}_Volumetric_{minutes}.csv"
    if path.exists():
        raise ConfError(f"{path} exists; name another folder, or move it away")
    with disk.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    start, stamp, resumed = _left(unfinished, max(0, length.records - wanted(minutes)))
    position = start + resumed
    line = _Lines(terms.root, minutes)
    with disk.writing(unfinished), unfinished.open("a", encoding="utf-8", newline="\n") as out:
        if not resumed:
            out.write(f"#schema: tapewire backfill, volumetric=True, {length.topic} from {start}\n{HEADER}\n")
        elif line.stamp(_one(chart, length.topic, position - 1)) != stamp:
            raise DataError(f"{unfinished}: the chart has changed since, its bar {position - 1} is not of {stamp}; remove the file")
        for page in chart.read(length.topic, position):
            out.writelines(map(line, page))
            position += len(page)
            progress(min((position - start) / max(length.records - start, 1), 1.0))
    with disk.writing(path):
        unfinished.rename(path)
    return Filled(str(path), position - start, resumed)


def _one(chart: Charts, topic: str, number: int) -> Bar:
    for page in chart.read(topic, number, chunk=1, window=1):
        for bar in page:
            return bar
    raise DataError(f"{topic} has no bar {number} any more; remove the unfinished file")


def _find(lengths: Sequence[TopicLength], instrument: str) -> tuple[TopicLength, int]:
    for length in lengths:
        _, name, timeframe, _ = length.topic.split(".")
        if name == instrument and length.records:
            return length, int(timeframe.removesuffix("m"))
    there = ", ".join(length.topic for length in lengths) or "none"
    raise ConfError(f"NinjaTrader has no chart of {instrument} with bars; charts: {there}")


def _left(path: Path, start: int) -> tuple[int, str, int]:
    """What an interrupted backfill left: its first number, last stamp, number of bars. Removes a line that was cut short."""
    if not path.exists():
        return start, "", 0
    first, count, size, last = b"", 0, 0, b""
    with path.open("r+b") as file:
        for line in file:  # never the whole of it: a million bars are a hundred megabytes
            if not line.endswith(b"\n"):
                break
            first = first or line
            last = line
            size += len(line)
            count += 1
        file.truncate(size)
    if count < 3:
        path.unlink()
        return start, "", 0
    try:
        number = int(first.rpartition(b" ")[2])
    except ValueError as error:
        raise DataError(f"{path}: its first line names no first bar; remove the file") from error
    return number, last.partition(b",")[0].decode(), count - 2


class _Lines:
    """Bars as lines of an export. Missing order flow is written as 0 and 0, as NinjaTrader's exports do (playbook 1.1)."""

    def __init__(self, root: str, minutes: int) -> None:
        self.names = f"{root},Volumetric_{minutes}"
        self.clock = SessionClock(Calendar())

    def stamp(self, bar: Bar) -> str:
        return f"{new_york(bar.close_ns):%Y-%m-%dT%H:%M:%S.000}"

    def __call__(self, bar: Bar) -> str:
        prices = f"{bar.open!r},{bar.high!r},{bar.low!r},{bar.close!r},{bar.volume},{bar.ask_volume or 0},{bar.bid_volume or 0}"
        return f"{self.stamp(bar)},{self.names},{prices},{self.clock.read(bar.close_ns)[0].date}\n"


def _bar(frame: bytes) -> Bar:
    _, body = wire.decode(frame)
    if not isinstance(body, Bar):
        raise PeerError(f"a chart's page holds {type(body).__name__}, expected Bar")
    return body
