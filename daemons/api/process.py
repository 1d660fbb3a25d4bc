"""The api as a process of a run: one thread, in which an event loop serves, reads the bus, and beats."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog
import uvloop
import zmq

from tapewire.bus import sockets, topics, wire
from tapewire.bus.client import History
from tapewire.bus.errors import PeerError, Transient
from tapewire.bus.messages import Beat, Header
from tapewire.bus.roles import VENUE
from tapewire.daemons.api import app, live, server
from tapewire.daemons.api.door import OpenDoor
from tapewire.daemons.api.memory import LEFT_OUT, READ, SeenFact, most
from tapewire.daemons.api.ports import BusPorts
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell.process import BATCH, WELCOME, Process, Stopped

TURN_S = 0.2  # at most between two rounds of the shell: its heartbeat is due although nothing comes
JOURNAL_S = 10.0  # a logger that does not answer within this time is gone on without

BEATS = topics.BEAT.encode()
BRIDGE = topics.of(topics.BEAT, VENUE).encode()

_header = msgspec.msgpack.Decoder(Header).decode


class ApiProcess(Process):
    """Serves until it is told to stop.

    It reads the bus beside the shell's own readers: nothing is requested again here and no gap is told, so that the journal is the
    same with it and without.
    """

    def __init__(self, conf: Conf, run: Path, logger: structlog.stdlib.BoundLogger) -> None:
        super().__init__("api", conf, run, subscribe=(), logger=logger)
        self.listening = server.listening(conf.api)
        self.door = OpenDoor(conf, run, BusPorts(run, self.access, self.context), self.doors.guard.keys, logger)
        self._stream = sockets.subscriber(self.context, self.access.to("broker.out"), READ)
        self._joined = False
        self._held: list[SeenFact] | None = []  # what comes before the past is known

    def remember(self) -> None:
        """Wait for the subscription, then read what the journal has of the recent past."""
        while not self._joined:
            self._drain()
            if not self._joined:
                self.pump(0.02)
        found: list[tuple[int, bool, SeenFact]] = []
        try:
            with History(self.context, self.access.to("history"), wait=self._wait, deadline_s=JOURNAL_S) as history:
                for length in history.topics():
                    if length.topic.startswith(LEFT_OUT):
                        continue
                    for frame in history.read(length.topic, max(0, length.records - most(length.topic))):
                        header = _header(frame)
                        told = SeenFact(length.topic, header.epoch, header.seq, header.event_ns, frame)
                        found.append((header.event_ns, not length.topic.startswith(topics.SESSION), told))
        except Transient as error:
            self.logger.warning("no_past", error=str(error))
        for _, _, told in sorted(found, key=lambda each: each[:2]):
            self.door.recent.take(told)
        held, self._held = self._held or [], None
        self.door.take(held)

    async def serve(self) -> None:
        """Serve until it is stopped."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._stream.fileno(), self.drain_all)
        application = app.made(self.door)
        serving = server.made(application, self.conf.api, application)
        task = asyncio.create_task(serving.serve(sockets=[self.listening]))
        watching = asyncio.create_task(live.watch(self.door))
        over: asyncio.Future[None] = loop.create_future()
        turning = Turning(self, over)
        try:
            await asyncio.wait((task, over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            serving.should_exit = True
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await task
            turning.close()
            loop.remove_reader(self._stream.fileno())
            self.door.ports.close()
        if over.done():
            with suppress(Stopped):
                over.result()

    def state(self) -> dict[str, Any]:
        return {
            **super().state(),
            "streams": len(self.door.hub.listeners),
            "streams_cut": self.door.hub.cut_off,
            "http_turned_away": {code: count for code, count in self.door.turned_away.counts.items() if count},
            "stream_lost": self.door.recent.lost,
            "refused_keys": self.door.callers.refused,
        }

    def drain_all(self) -> None:
        """Take all that has come over the bus."""
        while self._drain() == BATCH:
            pass

    def _drain(self) -> int:
        """Take what has come. Returns how much."""
        count, told = 0, []
        for frames in sockets.arrived(self._stream, BATCH):
            count += 1
            if frames[0] == WELCOME:
                self._joined = True
                continue
            if frames[0] == BRIDGE:
                self.door.bridge_beat()
            if frames[0].startswith(BEATS):
                self._laps(frames)
            if len(frames) == 2 and (fact := _read(frames)) is not None:
                told.append(fact)
        if self._held is None:
            self.door.take(told)
        else:
            self._held += told
        return count

    def _laps(self, frames: list[bytes]) -> None:
        """A heartbeat: how long bars took."""
        with suppress(PeerError):
            body = wire.decode_message(frames).body
            if isinstance(body, Beat):
                self.door.passing.take(body.laps, self.woke_ns)

    def _wait(self, socket: zmq.Socket[bytes], timeout_s: float) -> bool:
        if not socket.poll(0):
            self.pump(min(timeout_s, 0.005))
        return bool(socket.poll(0))


class Turning:
    """The rounds of the shell inside an event loop: when something has come for it, and now and then.

    Args:
        over: gets what ends the process.
    """

    def __init__(self, process: ApiProcess, over: asyncio.Future[None]) -> None:
        self._process = process
        self._over = over
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._loop.add_reader(process.inlets.fileno(), self._turn)
        self._turn()

    def close(self) -> None:
        """No more."""
        self._loop.remove_reader(self._process.inlets.fileno())
        if self._timer is not None:
            self._timer.cancel()

    def _turn(self) -> None:
        if self._over.done():
            return
        process = self._process
        try:
            process.drain_all()  # its descriptor tells each arrival once; here what it may have kept to itself
            process.pump(0.0)
        except Exception as error:
            self._over.set_exception(error)
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(0.0 if process.inlets.unsure else TURN_S, self._turn)


def _read(frames: list[bytes]) -> SeenFact | None:
    try:
        header = _header(frames[1])
    except msgspec.MsgspecError:
        return None
    return SeenFact(frames[0].decode("ascii", "replace"), header.epoch, header.seq, header.event_ns, frames[1])


def run(conf: Conf, run_dir: Path, logger: structlog.stdlib.BoundLogger) -> int:
    """Serve until told to stop. Returns the exit status."""
    with ApiProcess(conf, run_dir, logger) as process:
        try:
            process.join()
            process.remember()
            process.note = "ready"
            process.beat()
            gc.freeze()  # a full collection over all that was imported costs milliseconds: not between a bar and its answer
            logger.info("ready", address=f"{conf.api.host}:{conf.api.port}")
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(process.serve())
        except Stopped:
            pass
        logger.info("stopped")
        return 0
