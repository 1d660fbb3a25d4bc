"""The relay as a process: what comes from above goes to the disk, then on.

    above.py    the stream above         held.py        the lines on the disk
    uptake.py   which line is the next   ports.py       subscribers
                                         jetstream.py   a NATS server instead of them

It knows no bus and needs no run beside it. Its folder has the files of a run's feed, its own keys, and who was there:

    relay.json      what it serves, and where       keys/     the relay's own, and those of its subscribers
    above.json      what the stream above said last feed/     the lines, a file for each trade date, and usage.json
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec
import structlog
import zmq

from tapewire.bus import access, disk, keys, private, sockets, wire
from tapewire.bus.clock import Clock, WallClock
from tapewire.bus.errors import ConfError, Refused, Transient
from tapewire.bus.feed import FeedLine
from tapewire.bus.guard import Door
from tapewire.bus.inlets import Handler, Inlets
from tapewire.bus.keys import FeedAddress, Key
from tapewire.bus.messages import PROTOCOL_VERSION, Body, Control, Header
from tapewire.daemons.relay import settings as kept
from tapewire.daemons.relay.above import Above, Hears, Link
from tapewire.daemons.relay.held import HeldFeed
from tapewire.daemons.relay.settings import RelaySettings
from tapewire.daemons.shell import control
from tapewire.daemons.shell.doors import Doors
from tapewire.daemons.shell.entrance import Entrance
from tapewire.daemons.shell.signals import Signals
from tapewire.strategies.clock import SECOND_NS

NAME = "relay"
CONTROL = "control.relay"
STRATEGIES_NS = 5 * SECOND_NS  # between two tries to be told the strategies
START_NS = 3 * SECOND_NS  # so long a key may be refused before a relay that was never let in gives up


class RelayOutput(Protocol):
    """Where lines go on to."""

    def send(self, lines: list[FeedLine], *, filling: bool) -> None:
        """These are on the disk. filling: they are of the past of a feed of which nobody has got a line here."""

    def watch(self) -> None:
        """Once a second. Raises TapewireError: it cannot go on."""

    def shown(self) -> dict[str, Any]:
        """What a person may want to know."""

    def close(self) -> None: ...


class AboveFile(msgspec.Struct, frozen=True):
    """A person's key file, as a relay uses it. server: the public key of the daemons above."""

    key: Key
    server: str
    at: FeedAddress

    @classmethod
    def read(cls, path: Path) -> AboveFile:
        """Raises ConfError: it is no file of a subscriber."""
        try:
            key = keys.parse(path)
        except FileNotFoundError:
            raise ConfError(f"{path}: no such file; `tapewire subscribers export` above writes it") from None
        if key.tier is None:
            raise ConfError(f"{path}: the role is {key.role.value}; a relay takes the file of a subscriber")
        return cls(key, keys.server_of(path)[0], keys.feed_of(path))


class Relay:
    """A relay from its start to its stop. Use as a context manager.

    Args:
        run: its folder, prepared. output: makes where the lines go on to.

    Raises:
        JournalError: its files are not what was written. Transient: another relay has the folder, or a port is taken.
    """

    def __init__(
        self,
        above: AboveFile,
        settings: RelaySettings,
        run: Path,
        logger: structlog.stdlib.BoundLogger,
        output: Callable[[Relay], RelayOutput],
    ) -> None:
        self.settings = settings
        self.folder = run
        self.logger = logger
        self.clock: Clock = WallClock()
        self.held = HeldFeed(run, settings, self.clock, logger)
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.doors = Doors(self.context, run, settings.bus)
        self.entrance = Entrance(1, self.clock, self.doors.allow, logger)
        self.inlets = Inlets()
        self.stopping = False
        self._strategies = ""  # the answer from above, JSON
        self._strategies_ns = 0
        self._told = Link.NEW
        self._was_up = False
        self._began_ns = self.clock.monotonic_ns()
        self._signals = Signals(self._stop)
        self.control = self.bind(sockets.responder, self.doors.inside(CONTROL))
        self.output = output(self)
        hears = Hears(self.held.begun, self.held.line, self.held.heard, self.held.page, self._take_strategies, self.entrance.refuse)
        self.above = Above(self.context, above.key, above.server, above.at, self.inlets, hears)
        self.listen(self._signals.socket, self._signals.drain)
        self.listen(self.control, self._controlled)

    def __enter__(self) -> Self:
        self._signals.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.output.close()
        self.above.close()
        self.held.close()
        self._signals.close()
        self.inlets.close()
        self.doors.close()
        self.context.destroy(linger=sockets.LINGER_MS)

    def run(self) -> int:
        """Relay until told to stop. Returns the exit status.

        Raises:
            ConfError: the key was refused from the start. JournalError: the stream above is not the one that is held here.
        """
        self.logger.info("ready", tier=self.settings.tier.value, above=self.settings.stream, number=self.held.number)
        next_ns = self.clock.monotonic_ns()
        while not self.stopping:
            now_ns = self.clock.monotonic_ns()
            for handler in self.inlets.wait(max(0, -(-(next_ns - now_ns) // 1_000_000))):
                handler()
            filling = self.held.filling
            if lines := self.held.flush():
                self.output.send(lines, filling=filling)
            now_ns = self.clock.monotonic_ns()
            self._look(self.above.watch(now_ns), now_ns)
            if now_ns >= next_ns:
                next_ns = now_ns + SECOND_NS
                self.inlets.doubt()
                self.doors.watch(self.logger)
                self.output.watch()
            self._ask(now_ns)
        self.logger.info("stopped", number=self.held.number)
        return 0

    # --- for its parts --------------------------------------------------------------------------------------------------------

    def bind(self, make: Callable[[Any, Door], zmq.Socket[bytes]], door: Door) -> zmq.Socket[bytes]:
        """Bind a port. Raises Transient: another process has it."""
        try:
            return make(self.context, door)
        except zmq.ZMQError as error:
            self.doors.close()
            self.context.destroy(linger=0)
            where = ", ".join(door.addresses)
            raise Transient(f"relay: cannot bind {door.port} at {where}: {error}; is another relay there? (--base-port)") from error

    def listen(self, socket: Any, handler: Handler, *, seldom: bool = False) -> None:
        """Call `handler` whenever the socket may be readable (bus/inlets.py)."""
        self.inlets.add(socket, handler, seldom=seldom)

    def send(self, socket: zmq.Socket[bytes], frames: Sequence[bytes], flags: int = 0) -> None:
        """Send by a socket that is listened to. Raises as `sockets.send` does."""
        self.inlets.used(socket)
        sockets.send(socket, frames, flags)

    def passing(self, topic: str, body: Body, now_ns: int) -> bytes:
        """Encode an answer."""
        return wire.encode(Header(PROTOCOL_VERSION, NAME, 1, now_ns, now_ns), body)

    def strategies(self, argument: str) -> object:
        """The one query whose answer a feed does not have.

        Raises:
            Refused: the stream above has not told it yet.
        """
        if not self._strategies:
            raise Refused("AWAY", "the stream above has not told yet; ask again in a second")
        return msgspec.json.decode(self._strategies)

    # --- inside ---------------------------------------------------------------------------------------------------------------

    def _ask(self, now_ns: int) -> None:
        """Ask above for what is missing."""
        if not self.above.idle:
            return
        question = self.held.question
        if question is not None:
            self.above.ask("since", str(question))
        elif not self._strategies and self.held.whole and now_ns >= self._strategies_ns:
            self._strategies_ns = now_ns + STRATEGIES_NS
            self.above.ask("strategies", "")

    def _take_strategies(self, verb: str, text: str) -> None:
        self._strategies = text

    def _look(self, link: Link, now_ns: int) -> None:
        if link is self._told:
            if link in (Link.REFUSED, Link.OTHER) and not self._was_up and now_ns - self._began_ns > START_NS:
                raise ConfError(self.above.words(link))
            return
        self._told = link
        if link is Link.UP:
            self._was_up = True
            self.logger.info("above_there", address=self.settings.stream)
        else:
            self.held.lost()
            self.logger.error("above_lost", why=link.name.lower(), text=self.above.words(link), number=self.held.number)

    def _stop(self) -> None:
        self.stopping = True

    def _controlled(self) -> None:
        for who, (sender, *rest) in sockets.from_peers(self.control, 1, self.doors.guard):
            body = self.entrance.body(CONTROL, who, rest)
            if isinstance(body, Control):
                self.stopping = self.stopping or body.verb == "stop"
                report = control.report(body, NAME, self.above.link.name.lower(), self._shown)
                with suppress(zmq.ZMQError):  # the asker has gone
                    self.send(self.control, (sender, b"", b"control.", self.passing("control.", report, 0)), sockets.NOBLOCK)

    def _shown(self) -> dict[str, Any]:
        return {
            **self.held.state(),
            "pid": os.getpid(),
            "above": self.settings.stream,
            "link": self.above.link.name.lower(),
            "text": self.above.words(self.above.link),
            "whole": self.held.whole,
            **self.output.shown(),
            **self.entrance.state(),
            **self.doors.guard.state(),
        }


def prepared(run: Path, settings: RelaySettings) -> Path:
    """Make a relay's folder, or look whether it is the one of this feed. Returns its whole path.

    Raises:
        ConfError: it holds another feed, another tier, or is the folder of a run.
    """
    run = run.resolve()
    if (run / "run.json").exists():
        raise ConfError(f"{run} is the folder of a run; a relay needs one of its own (--run)")
    before = kept.read(run)
    if before is not None and (before.tier, before.signed_by) != (settings.tier, settings.signed_by):
        raise ConfError(f"{run} holds another feed, or another tier of it; name another folder (--run), or move it away")
    with disk.writing(run):
        private.folder(run)
    access.prepare(run)
    kept.write(run, settings)
    return run
