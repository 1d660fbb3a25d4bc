"""A publisher of lines without a run beside it: the ports of one tier, and a signed feed behind them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog
import zmq

from tapewire.bus import access, feed_files, sockets, wire
from tapewire.bus.clock import WallClock
from tapewire.bus.feed import FeedLine
from tapewire.bus.feed_files import FeedLog
from tapewire.bus.guard import Door
from tapewire.bus.inlets import Handler, Inlets
from tapewire.bus.messages import Body, Header
from tapewire.bus.roles import STREAMS, SubscriberTier
from tapewire.daemons.settings.structs import Bus
from tapewire.daemons.shell.doors import Doors
from tapewire.daemons.shell.entrance import Entrance
from tapewire.daemons.shell.outlet import Outlet, ReaderLimits
from tapewire.daemons.shell.questions import FeedPast, Questions
from tests.golden.examples import EXAMPLES

TOPIC = "public.signal.MNQ."
SESSION = "2026-03-02"
SIGNAL = EXAMPLES["public_signal"][2]


class Feeding:
    """Sends lines, and answers `state` and `since`, while `pump` is called. Use as a context manager.

    Args:
        run: its folder, with keys.
    """

    def __init__(self, run: Path, bus: Bus, tier: SubscriberTier = SubscriberTier.PREMIUM) -> None:
        access.prepare(run)
        self.run = run
        self.tier = tier
        self.logger = structlog.get_logger()
        self.clock = WallClock()
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.doors = Doors(self.context, run, bus)
        self.entrance = Entrance(1, self.clock, self.doors.allow, self.logger)
        self.inlets = Inlets()
        self.log = FeedLog(run)
        self.key = feed_files.signing_key(run)
        self.sent = dict.fromkeys(SubscriberTier, 0)
        past = FeedPast(self.log, self.sent, lambda: 0)
        self.outlet = Outlet(self, STREAMS[tier], ReaderLimits(bus.reader_mib, None))
        self.questions = Questions(self, tier, lambda asks: {"since": lambda text: past.since(asks, text)})
        self._told = 0.0

    def __enter__(self) -> Feeding:
        return self

    def __exit__(self, *error: object) -> None:
        self.log.close()
        self.inlets.close()
        self.doors.close()
        self.context.destroy(linger=0)
        access.tidy(self.run)

    def publish(self, body: Body = SIGNAL) -> FeedLine:
        """The next line, to whoever is there."""
        seq = 1 + (0 if self.log.last is None else self.log.last.number)
        line = self.log.add(TOPIC, wire.encode(Header(1, "publisher", 1, seq, time.time_ns()), body), 1, seq, SESSION)
        assert line is not None
        return self.send_line(line)

    def sign(self) -> FeedLine:
        """A head that closes the trade date."""
        line = self.log.sign(self.key, market_ns=time.time_ns(), closed=True)
        assert line is not None
        return self.send_line(line)

    def send_line(self, line: FeedLine) -> FeedLine:
        """Send it, whatever it is."""
        self.sent[self.tier] = line.number
        place = msgspec.msgpack.encode({"number": line.number, "previous": line.previous})
        self.outlet.send((line.topic.encode(), line.frame, place))
        return line

    def pump(self, timeout_s: float) -> None:
        """Answer what is asked, and once a second say where the stream stands."""
        for handler in self.inlets.wait(int(timeout_s * 1000)):
            handler()
        if time.monotonic() - self._told >= 1:
            self._told = time.monotonic()
            self.inlets.doubt()
            self.doors.watch(self.logger)
            self.outlet.watch()
            self.questions.watch()
            self.outlet.send((b"public.state.", msgspec.msgpack.encode(self.state())))

    def state(self) -> dict[str, Any]:
        about = {"type": "state", "tier": self.tier, "delay_s": 0.0, "contracts": {}, "number": self.sent[self.tier]}
        return {**about, "market_ns": time.time_ns(), "key": feed_files.public_text(self.key)}

    # --- what the ports need of a process -------------------------------------------------------------------------------------

    def bind(self, make: Callable[[Any, Door], zmq.Socket[bytes]], door: Door) -> zmq.Socket[bytes]:
        return make(self.context, door)

    def listen(self, socket: Any, handler: Handler, *, seldom: bool = False) -> None:
        self.inlets.add(socket, handler, seldom=seldom)

    def send(self, socket: zmq.Socket[bytes], frames: Sequence[bytes], flags: int = 0) -> None:
        self.inlets.used(socket)
        sockets.send(socket, frames, flags)

    def passing(self, topic: str, body: Body, now_ns: int) -> bytes:
        return wire.encode(Header(1, "publisher", 1, now_ns, now_ns), body)
