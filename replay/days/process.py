"""The daybook: a daemon that keeps the days' folders beside the journal.

It is a process of its own, so that nothing that it does can slow or stop the logger. The journal's files are its only source. From
the bus it takes only the moment at which a message arrives; what it misses there, it lacks as a null. A start reads the journal of
the last days again, and what the folders hold already stays as it is; the days before are left out if they are proved to be whole
(checkpoint.py).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import structlog

from tapewire.bus import private, sockets, topics, wire
from tapewire.bus.daemon import Event
from tapewire.bus.errors import JournalError, PeerError, Transient
from tapewire.bus.journal import extent, scan
from tapewire.bus.messages import Header, Lap
from tapewire.bus.stamp import ref
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import limits
from tapewire.daemons.shell.process import BATCH, WELCOME, Process, Stopped
from tapewire.replay import tapes
from tapewire.replay.days import checkpoint
from tapewire.replay.days.book import READ as TOPICS
from tapewire.replay.days.book import Book, DayFacts
from tapewire.replay.days.files import STAMPED, over_ns
from tapewire.replay.days.folders import FOLDER, Folders
from tapewire.replay.days.follow import Follower
from tapewire.replay.days.witness import Witness
from tapewire.replay.mirror.passes import Passes
from tapewire.replay.tapes import SUFFIX
from tapewire.replay.verify.evening import Evening
from tapewire.strategies.clock import SECOND_NS

ALARM = topics.of(topics.ALARM, "daybook")
QUIET_NS = 60 * SECOND_NS
ROUND_S = 1.0  # what is in the journal is in the folders at most so much later
ROUND_NS = int(ROUND_S * SECOND_NS)
NICENESS = 10


class Days:
    """The days of a run, from its journal into its folders."""

    def __init__(self, run: Path, conf: Conf) -> None:
        known = checkpoint.load(run)
        self._known = known if checkpoint.proved(run, known) else checkpoint.Checkpoint()
        places = {name: each.place for name, each in self._known.places.items()}
        reached = {f"{name.removesuffix(SUFFIX)}.": place.reached for name, place in places.items()}
        self.book = Book(self._known.dropped, reached)
        self.folders = Folders(run, conf)
        self._run = run
        self._follower = Follower(run / "journal", self.book, places)
        self._open: set[str] = set()
        self._first = True
        self.closed: list[str] = []  # since the reader of this list has emptied it

    def round(self, now_ns: int, *, quiet: bool) -> bool:
        """Read on and write what has changed. Returns whether the journal holds more.

        Args:
            now_ns: wall-clock time. quiet: nothing more is expected of a date whose evening has come.
        """
        seen = self.book.changes
        more = self._follower.round()
        if self._first and more:  # until the journal has been read once, the folders hold more than we know
            past = self.book.forget()
            for day, after in zip(past, [*past[1:], self.book.after(self.book.dropped)], strict=False):
                if day.begun:
                    self.folders.write(day, after, closed=True)
            self._over(past)
            return True
        self._first = False
        for day in self.book.settle():
            self._write(day)
        over = quiet and self.book.changes == seen
        for date in sorted(self._open):
            if date < self.book.newest or (over and now_ns >= over_ns(date)):
                self._write(self.book.days[date], closed=True)
                self._open.discard(date)
                self.closed.append(date)
        self._over(self.book.forget())
        return more

    def finish(self, now_ns: int) -> None:
        """Write what the journal of a run that ends holds, and how far that is."""
        while self.round(now_ns, quiet=True):
            pass
        self.round(now_ns, quiet=True)  # nothing is new any more: what is over is closed
        self._note(self._follower.read())

    def arrived(self, topic: str, header: Header, wall_ns: int) -> None:
        """A message was seen on the bus."""
        date = self.book.date_of(header.event_ns)
        self.folders.stamp(date, ref(topic, header), wall_ns)
        self.book.touch(date)

    def passed(self, laps: Iterable[Lap]) -> None:
        """A heartbeat has told how long bars took."""
        for date, of_date in groupby(laps, key=lambda lap: self.book.date_of(lap.bar_ns)):
            self.folders.passed(date, of_date)

    def _over(self, past: list[DayFacts]) -> None:
        """These days take no more, and a later start need not read them again."""
        for day in past:
            self.folders.forget(day.date)
        if past:
            self._note({})

    def _note(self, read: dict[str, int]) -> None:
        dropped = self.book.dropped
        self._known = checkpoint.write(self._run, self._known, dropped, self._follower.behind(dropped), read)

    def _write(self, day: DayFacts, *, closed: bool = False) -> None:
        self.folders.write(day, self.book.after(day.date), closed=closed)
        if not closed and not self.folders.is_closed(day.date):
            self._open.add(day.date)


class Daybook(Process):
    """Keeps the folders at most a round behind the journal."""

    def __init__(self, conf: Conf, run_dir: Path, logger: structlog.stdlib.BoundLogger) -> None:
        super().__init__("daybook", conf, run_dir, subscribe=(), logger=logger)
        self.days = Days(run_dir, conf)
        private.folder(run_dir / FOLDER)  # a run that keeps days has its report before the first bar
        self._next_round_ns = 0
        self._quiet_from_ns = self.clock.monotonic_ns() + QUIET_NS
        # The broker hands a new reader the last message of each topic, long after it was sent: that is no arrival.
        self._old = numbers(run_dir / tapes.FOLDER, STAMPED)
        # Beside the numbered facts: nothing is requested again here, because a late arrival would be a wrong time.
        self.witness = Witness(self, run_dir, self.days.passed)
        self._passing = sockets.subscriber(self.context, self.access.to("broker.out"), (*STAMPED, *self.witness.topics))
        self.listen(self._passing, self._arrived)
        self.evening = Evening(run_dir, logger, wanted=conf.bus.clock_runs)
        self.mirror = Passes(run_dir, conf.mirror, logger)
        epoch, seq = numbers(run_dir / tapes.FOLDER, (ALARM,)).get(ALARM, (0, 0))
        if epoch == conf.epoch:
            self.stamper.resume(ALARM, seq)

    def catch_up(self) -> None:
        """A round, if one is due: once a second, or at once while the journal holds more."""
        now_ns = self.clock.monotonic_ns()
        if now_ns < self._next_round_ns:
            return
        self.witness.look()
        before = self.days.book.changes
        more = self.days.round(self.clock.now_ns(), quiet=now_ns > self._quiet_from_ns)
        if self.days.book.changes != before:
            self._quiet_from_ns = now_ns + QUIET_NS
        self._next_round_ns = now_ns + (0 if more else ROUND_NS)
        while self.days.closed:
            self.evening.over(self.days.closed.pop(0), now_ns)
        self.mirror.look(now_ns)
        if (alarm := self.evening.look(now_ns)) is not None:
            self.logger.error(alarm.name, text=alarm.text)
            self.publish(ALARM, alarm, self.clock.now_ns())

    def next_timer_ns(self) -> int:
        return self._next_round_ns

    def state(self) -> dict[str, Any]:
        return {
            **super().state(),
            "newest": self.days.book.newest,
            "unread": self.days.book.unread,
            "latency": self.witness.latency(),
        }

    def _arrived(self) -> None:
        wall_ns = self.clock.now_ns()
        for frames in sockets.arrived(self._passing, BATCH):
            if frames[0] == WELCOME:
                continue
            try:
                topic, header, body = wire.decode_message(frames)
            except PeerError:
                continue  # the logger counts it
            if not topic.startswith(STAMPED):
                self.witness.take(Event(topic, header, body), wall_ns)
            elif (header.epoch, header.seq) > self._old.get(topic, (0, 0)):
                self.days.arrived(topic, header, wall_ns)


def numbers(journal: Path, prefixes: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    """The last number of each topic with one of these prefixes; none of a journal that the logger has not begun."""
    found: dict[str, tuple[int, int]] = {}
    for path in (path for prefix in prefixes for path in journal.glob(f"{prefix.removesuffix('.')}*{SUFFIX}")):
        with suppress(JournalError):  # the follower tells it
            for last in deque(scan(path), maxlen=1):
                header = msgspec.msgpack.decode(last, type=Header)
                found[f"{path.name.removesuffix(SUFFIX)}."] = (header.epoch, header.seq)
    return found


def complete(run: Path, conf: Conf) -> None:
    """The days of a run that has ended. Its daybook has written them, unless it was stopped before it could."""
    journal = run / "journal"
    sizes = {path.name: extent(path) for path in journal.glob("*.tape") if path.name.startswith(TOPICS)}
    if sizes and checkpoint.load(run).read != sizes:
        Days(run, conf).finish(time.time_ns())


def run(conf: Conf, run_dir: Path, logger: structlog.stdlib.BoundLogger) -> int:
    """Keep the days until told to stop. Returns the exit status."""
    # Nobody waits for the daybook, and each second it works in a burst. Where it shares a core with the decision chain, it must not
    # take the core away. It still has a tenth of a core that is always busy.
    limits.give_way(NICENESS, batch=True)
    with Daybook(conf, run_dir, logger) as process:
        try:
            process.join()
            process.note = "ready"
            process.beat()
            logger.info("ready")
            while True:
                process.catch_up()
                process.pump(ROUND_S)
        except Stopped:
            process.evening.stop()
            process.mirror.stop()
            process.days.finish(process.clock.now_ns())
            logger.info("stopped", newest=process.days.book.newest)
            return 0
        except JournalError as error:
            time.sleep(ROUND_S)
            raise Transient(f"{error}; starts again from the journal's beginning") from error
