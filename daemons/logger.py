"""The logger: every fact on disk, one file per topic in the order of its numbers, and history on request.

One file per topic because a topic has one writer and one order. So the same run leaves the same bytes, whatever the processes'
timing was, and a hole in a file is a hole in the numbers. Heartbeats and resend requests are not kept: they are not about the
market and change with every run. Last trades are kept only if a setting says so (`bus.journal_ticks`).

Each batch is flushed to the operating system at once, so a killed process loses nothing. It is synced to the disk once a second, so
a power cut loses at most that. The gate must lose nothing: it syncs its own log before it publishes.

A file that is deleted, moved or replaced is written anew, at the latest with the next beat. That beat says so in its note, and the
gate refuses entries until the beat after it. A file that was cut short has lost bytes: the logger ends and starts again, as after a
kill, keeps the whole records that are left and requests the others from their writers' rings.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import zmq

from tapewire.bus import roles, sockets, topics
from tapewire.bus.daemon import Event
from tapewire.bus.errors import JournalError, Transient
from tapewire.bus.journal import JournalLost
from tapewire.bus.messages import Alarm, Body, HistoryRequest, Report, Topics, TopicsRequest
from tapewire.bus.roles import Role
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import ticks
from tapewire.daemons.shell.faults import Faults
from tapewire.daemons.shell.process import Process, Stopped
from tapewire.daemons.shell.readers import Readers
from tapewire.daemons.shell.tape import Tape
from tapewire.daemons.shell.watch import NOT_WHOLE
from tapewire.strategies.clock import SECOND_NS

ALARM = topics.of(topics.ALARM, "logger")
HISTORY = "history"  # the port


class Logger(Process):
    """Writes every fact and serves pages of them."""

    def __init__(self, conf: Conf, run_dir: Path, logger: structlog.stdlib.BoundLogger) -> None:
        super().__init__("logger", conf, run_dir, subscribe=("",), logger=logger)
        self.tape = Tape(run_dir / "journal")
        for topic, (epoch, seq) in self.tape.ends.items():
            self.sequencer.prime(topic, epoch, seq)
            if epoch == conf.epoch and topic in (ALARM, topics.of(topics.GAP, "logger")):
                self.stamper.resume(topic, seq)
        self._fault = ""  # of the journal, for the next beat
        self._next_sync_ns = 0
        self._newest_ns = 0  # market time, of what is written
        self.faults = Faults("logger", conf.faults, run_dir)
        self.readers = Readers(conf.bus.history_readers, self._gone)
        if conf.bus.journal_ticks:
            ticks.read(self, (topics.TICK,), self._tick)
        for door in self.doors.apart(HISTORY):
            socket = self.bind(sockets.page_server, door)
            self.listen(socket, partial(self._asked, socket))

    def take(self, event: Event, frame: bytes) -> None:
        self._strike("receive", event.header.event_ns)
        self.tape.append(event.topic, event.header.epoch, event.header.seq, frame)
        self._strike("append", event.header.event_ns)
        self._newest_ns = max(self._newest_ns, event.header.event_ns)

    def _tick(self, event: Event, frame: bytes) -> None:
        if frame:  # not a gap: the numbers tell of it
            self.tape.append(event.topic, event.header.epoch, event.header.seq, frame)

    def finish_round(self, now_ns: int) -> None:
        self.tape.flush()
        self._strike("sync", self._newest_ns)
        if now_ns >= self._next_sync_ns:
            self._next_sync_ns = now_ns + SECOND_NS
            self.tape.sync()
        if self._tell_restored():
            self._next_beat_ns = 0

    def beat(self) -> None:
        self.tape.restore()
        self._tell_restored()
        if self._fault:
            self.note = NOT_WHOLE + self._fault
        elif self.note.startswith(NOT_WHOLE):
            self.note = "ready"
            self.logger.info("journal_whole")
        super().beat()
        self._fault = ""

    def report(self, error: JournalError) -> None:
        """The last beat of a logger that cannot go on: the gate need not wait for its silence."""
        self.note = NOT_WHOLE + str(error)
        super().beat()

    def _tell_restored(self) -> bool:
        """Report each file that was written anew. Returns whether there was one."""
        restored = self.tape.restored()
        for path, fault in restored:
            self._fault = f"{path.name} {fault}"
            self.logger.error("journal_restored", file=str(path), why=fault)
            text = f"{path} {fault} while the logger wrote it; it was written anew and holds every record"
            self.publish(ALARM, Alarm("journal_restored", text), self._newest_ns)
        return bool(restored)

    def _strike(self, step: str, event_ns: int) -> None:
        if self.faults:
            self.faults.strike(step, event_ns)

    def state(self) -> dict[str, Any]:
        return {
            **super().state(),
            "records": {topic: len(reel) for topic, reel in self.tape.reels.items()},
            "readers": self.readers.count(self.clock.monotonic_ns()),
            "refused_readers": self.readers.refused,
        }

    def _asked(self, socket: zmq.Socket[bytes]) -> None:
        for who, (sender, *rest) in sockets.from_peers(socket, 1, self.doors.guard):
            asked = self.entrance.body(HISTORY, who, rest)
            if not isinstance(asked, TopicsRequest | HistoryRequest):
                return
            ours = self.doors.guard.role(who) in roles.DAEMONS | {Role.BRIDGE}
            answer: Body
            if not self.readers.admit((socket, sender), self.clock.monotonic_ns(), ours=ours):
                answer = Report(
                    asked.id, False, f"BUSY: {self.readers.most} readers of the history at a time; try again in a minute"
                )
            elif isinstance(asked, TopicsRequest):
                answer = Topics(asked.id, self.tape.lengths(asked.prefix))
            else:
                answer = self.tape.page(asked)
            with suppress(zmq.ZMQError):  # the asker has gone, or does not read: it asks again
                frames = (sender, b"", b"history.", self.passing("history.", answer, 0))
                self.send(socket, frames, sockets.NOBLOCK)

    def _gone(self, reader: Any) -> bool:
        """Whether a reader has closed its connection: a reply to no request, which it ignores, does not reach it."""
        socket, sender = reader
        try:
            self.send(socket, (sender, b"", b"history.", self.passing("history.", Report("", True, ""), 0)), sockets.NOBLOCK)
        except zmq.Again:
            return False  # it does not read, and is there
        except zmq.ZMQError:
            return True
        return False


def run(conf: Conf, run_dir: Path, logger: structlog.stdlib.BoundLogger) -> int:
    """Record until told to stop. Returns the exit status."""
    with Logger(conf, run_dir, logger) as process:
        try:
            process.join()
            process.note = "ready"
            process.beat()
            logger.info("ready", topics=len(process.tape.files))
            while True:
                process.pump(1.0)
        except Stopped:
            logger.info("stopped", **{k: process.state()[k] for k in ("received", "healed", "lost")})
            return 0
        except JournalError as error:
            process.report(error)
            if not isinstance(error, JournalLost):
                raise
            with suppress(JournalError):
                process.tape.close()
            raise Transient(f"{error}; starts again with the records that are left and requests the others") from error
        finally:
            process.tape.close()
