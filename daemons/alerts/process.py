"""The alerts daemon: it reads the bus, asks the desk who is told what, and hands that to the couriers.

A client of the bus: it publishes nothing but its heartbeat and what every reader says of its own losses, and nobody reads anything
of it. It may be killed at any moment: the facts since then come from the journal.
"""

from __future__ import annotations

import heapq
import socket
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec
import structlog
import zmq

from tapewire.bus import sockets, topics, wire
from tapewire.bus.client import History
from tapewire.bus.daemon import Event
from tapewire.bus.disk import DiskError
from tapewire.bus.errors import PeerError, Transient, raised_at
from tapewire.bus.messages import TopicLength
from tapewire.daemons import makers
from tapewire.daemons.alerts import addresses, senders, state
from tapewire.daemons.alerts.alert import Alert
from tapewire.daemons.alerts.courier import Courier, Delivery, Parcel
from tapewire.daemons.alerts.desk import AlertDesk, Post
from tapewire.daemons.alerts.following import Following, number
from tapewire.daemons.alerts.state import PendingAlert, State
from tapewire.daemons.market.week import hours_of, market_open
from tapewire.daemons.settings.alerting import HEARTBEAT, LOG
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell.process import BATCH, WELCOME, Process, Stopped
from tapewire.strategies.clock import SECOND_NS

NAME = "alerts"
READ = (
    topics.SIGNAL,
    topics.REJECT,
    topics.ORDER,
    topics.FILL,
    topics.POSITION,
    topics.TRADE,
    topics.RISK,
    topics.INGRESS,
    topics.GAP,
    topics.ALARM,
    topics.FEED,
    topics.OPS,
)
CLOCK = (topics.EVAL_DONE,)  # it tells that a bar is done, and with it market time; what was missed of it is not missed
ROUND_S = 1.0
ROUND_NS = int(ROUND_S * SECOND_NS)
GATHER_NS = SECOND_NS // 10  # alerts of a moment are written down together: the disk is the gate's, too, which waits for it
PAGE = 500
STOP_S = 2.0
PAUSE_S = 0.2
JOURNAL_S = 10.0
PATIENCE_NS = 5 * SECOND_NS  # a hole that the journal has as well by then stays one


class Alerts(Process):
    """Reads, decides, hands over."""

    def __init__(self, conf: Conf, run_dir: Path, logger: structlog.stdlib.BoundLogger) -> None:
        found = addresses.complete(conf.alerts)
        sends = {name: senders.of(name, found, logger) for name in conf.alerts.channels}
        super().__init__(NAME, conf, run_dir, subscribe=(), logger=logger)
        self.run = run_dir
        # Beside the numbered facts of a process: a client asks no writer to send anything again, it reads the journal.
        self._passing = sockets.subscriber(self.context, self.access.to("broker.out"), (*READ, *CLOCK))
        self.listen(self._passing, self._arrived)
        self._joined = False
        loaded = state.load(run_dir)
        self.begun = loaded is not None or not state.place(run_dir).exists()  # else it is damaged: nothing old is told again
        self.kept = State(read={**conf.since}) if loaded is None else loaded
        self.following = Following(self.kept.read, CLOCK, self._judge, self._missed)
        calendars = {name: (conf.calendar_of(name), hours_of(conf.instruments[name].calendar)) for name in conf.traded}
        self.desk = AlertDesk(
            conf.alerts,
            self.kept.memory,
            live=conf.bus.clock_runs,
            market_open=lambda name, at_ns: name in calendars and market_open(*calendars[name], at_ns),
            daemons=[name for name in makers.names(conf) if name != NAME],
        )
        self.counts = {name: {"sent": 0, "failed": 0, "dropped": 0} for name in sends}
        self._new: list[PendingAlert] = []  # of this round
        self._changed = self._delivered = False
        self._next_round_ns = 0
        self._gathered_ns = 0  # when the new ones are written down
        self._told: deque[Delivery] = deque()
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self.listen(self._woken, self._hear)
        paces = {name: 0 if name == LOG else channel.per_minute for name, channel in conf.alerts.channels.items()}
        self.couriers = {name: Courier(name, send, paces[name], self._tell) for name, send in sends.items()}
        self.pulse = Pulse(found.get(HEARTBEAT), conf.alerts.heartbeat_s, logger)

    # --- life ---------------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Go on where an earlier life has stopped: first what it has not delivered, then the facts that it has not seen."""
        for courier in self.couriers.values():
            courier.start()
        for each in self.kept.waiting:
            self._put(each)
        while not self._joined:
            self.pump(ROUND_S)
        count = self.catch_up()
        self.note = "ready"
        self.beat()
        self.logger.info("ready", missed=count, waiting=len(self.kept.waiting), channels=sorted(self.couriers))

    def catch_up(self) -> int:
        """Take from the journal what did not come over the bus, then what is held. Returns how many facts it was."""
        count, until_ns = 0, self.clock.monotonic_ns() + PATIENCE_NS
        while self.following.behind:
            try:
                facts = self._behind()
            except (Transient, PeerError) as error:  # a logger that is gone is a reason to tell, not to wait
                self.logger.error("no_journal", error=str(error))
                return count + self.following.caught_up((), patient=False)
            count += self.following.caught_up(facts, patient=self.clock.monotonic_ns() < until_ns)
            if self.following.behind:  # the logger has the same hole, and may heal it
                self.pump(PAUSE_S)
        return count

    def _behind(self) -> list[Event]:
        """What the journal has behind the last facts that were read, by time. Raises Transient: the logger does not reply."""
        with History(self.context, self.access.to("history"), wait=self._wait, deadline_s=JOURNAL_S) as history:
            lengths = [length for prefix in READ for length in history.topics(prefix)]
            if not self.begun:
                self.kept.read.update({length.topic: (length.epoch, length.seq) for length in lengths})
                self.begun = True
            missed = [missed_of(history, length, self.kept.read.get(length.topic, (0, 0))) for length in lengths]
            return [event for _, event in heapq.merge(*missed, key=itemgetter(0))]

    def finish(self) -> None:
        """What can be delivered at once is; the rest stays in the file."""
        self._hand_over()
        for courier in self.couriers.values():
            courier.stop(STOP_S / len(self.couriers))
        self._hear()
        self._hand_over()

    # --- reading ------------------------------------------------------------------------------------------------------------

    def _arrived(self) -> None:
        for frames in sockets.arrived(self._passing, BATCH):
            if frames[0] == WELCOME:
                self._joined = True
                continue
            try:
                event = Event(*wire.decode_message(frames))
            except PeerError:
                continue  # the logger counts it
            self.following.arrived(event)

    def finish_round(self, now_ns: int) -> None:
        due = self.note == "ready" and now_ns >= self._next_round_ns
        if due:
            self._next_round_ns = now_ns + ROUND_NS
            self._post(self.desk.look(now_ns, self.beats, self.beat_notes, self.clock.now_ns()))
            self.pulse.look(now_ns, well=self.desk.well)
        if self._new and not self._gathered_ns:
            self._gathered_ns = now_ns + GATHER_NS
        if (self._new and now_ns >= self._gathered_ns) or self._delivered or (due and self._changed):
            self._hand_over()

    def next_timer_ns(self) -> int:
        return min(self._next_round_ns, self._gathered_ns or self._next_round_ns)

    def state(self) -> dict[str, Any]:
        queued = dict.fromkeys(self.couriers, 0)
        for each in self.kept.waiting:
            queued[each.channel] = queued.get(each.channel, 0) + 1
        return {
            **super().state(),
            "channels": {
                name: {**counts, "queued": queued[name], "failing": name in self.kept.failing}
                for name, counts in self.counts.items()
            },
            "suppressed": self.desk.suppressed,
            "missed": self.following.lost,
            "pulses": self.pulse.count,
        }

    def _judge(self, event: Event) -> None:
        self._changed = True  # written down with the next alert, or within a second
        try:
            posts = self.desk.take(event)
        except Exception as error:  # a bug of ours: the others' alerts go on, and a restart does not meet it again
            self.logger.error("not_judged", ref=event.ref, error=type(error).__name__, at=raised_at(error))
            return
        self._post(posts)

    def _missed(self, topic: str, count: int) -> None:
        self.logger.error("lost", topic=topic, count=count)

    def _wait(self, waiting: zmq.Socket[bytes], timeout_s: float) -> bool:
        """Wait for a reply while control, heartbeats and signals go on."""
        if waiting.poll(0):
            return True
        self.listen(waiting, lambda: None)
        try:
            self.pump(timeout_s)
        finally:
            self.inlets.remove(waiting)
        return bool(waiting.poll(0))

    # --- telling ------------------------------------------------------------------------------------------------------------

    def _post(self, posts: Sequence[Post]) -> None:
        """Keep them; the round writes that down and hands them over."""
        for post in posts:
            if post.channel in self.couriers:
                self.kept.number += 1
                self._new.append(PendingAlert(self.kept.number, post.channel, self._named(post.alert)))

    def _hand_over(self) -> None:
        """Write down what the round has decided, then give it to the couriers."""
        new, self._new = self._new, []
        self._gathered_ns = 0
        self.kept.waiting += new
        for name in {each.channel for each in new}:
            own = [each for each in self.kept.waiting if each.channel == name]
            for each in own[: -state.MOST]:
                self.kept.waiting.remove(each)
                self.counts[name]["dropped"] += 1
        self._save()
        for each in new:
            self._put(each)

    def _named(self, alert: Alert) -> Alert:
        """With the run's name, unless it is the one live run that most people have."""
        if self.conf.instance == "live":
            return alert
        return msgspec.structs.replace(alert, title=f"[{self.conf.instance}] {alert.title}")

    def _put(self, each: PendingAlert) -> None:
        if each.channel in self.couriers:
            self.couriers[each.channel].put(Parcel(each.number, each.alert))

    def _tell(self, told: Delivery) -> None:
        """In a courier's thread."""
        self._told.append(told)
        with suppress(BlockingIOError):  # enough signs are there
            self._wake.send(b"\0")

    def _hear(self) -> None:
        self._woken.setblocking(False)
        with suppress(BlockingIOError):
            self._woken.recv(4096)
        while self._told:
            self._heard(self._told.popleft())
            self._delivered = True

    def _heard(self, told: Delivery) -> None:
        name, counts = told.channel, self.counts[told.channel]
        if told.over:
            gone = {*told.numbers}
            self.kept.waiting = [each for each in self.kept.waiting if each.number not in gone]
            counts["dropped" if told.error else "sent"] += len(gone)
            self._changed = True
        if told.error:
            counts["failed"] += 1
            self.logger.warning("not_delivered", channel=name, error=told.error, again=not told.over)
        if bool(told.error) != (name in self.kept.failing):
            (self.kept.failing.add if told.error else self.kept.failing.discard)(name)
            self._post(self.desk.failed(name, works=not told.error))

    def _save(self) -> None:
        self._changed = self._delivered = False
        try:
            state.save(self.run, self.kept)
        except DiskError as error:  # alerts go on: a full disk is when they are needed
            self.logger.error("not_kept", error=str(error))


class Pulse:
    """Calls an outside service while all is well, in a thread of its own; it tells people when the calls stay away."""

    def __init__(self, address: addresses.Address | None, every_s: float, logger: structlog.stdlib.BoundLogger) -> None:
        self.count = 0
        self._address = address
        self._every_ns = int(every_s * SECOND_NS)
        self._logger = logger
        self._next_ns = 0
        self._thread: threading.Thread | None = None

    def look(self, now_ns: int, *, well: bool) -> None:
        """Call it, if it is time."""
        if self._address is None or not well or now_ns < self._next_ns or (self._thread is not None and self._thread.is_alive()):
            return
        self._next_ns = now_ns + self._every_ns
        self._thread = threading.Thread(target=self._call, args=(self._address,), name="alerts-heartbeat", daemon=True)
        self._thread.start()

    def _call(self, address: addresses.Address) -> None:
        try:
            senders.called(address)
            self.count += 1
        except Exception as error:
            text = str(error) if isinstance(error, senders.Undelivered) else type(error).__name__
            self._logger.warning("heartbeat_failed", error=text)


def missed_of(history: History, length: TopicLength, read: tuple[int, int]) -> Iterator[tuple[int, Event]]:
    """The facts of a topic behind the last one that was read, from the journal, each with its time. Read from its end backwards."""
    found: list[Event] = []
    count, start = PAGE, length.records
    while (length.epoch, length.seq) > read and start > 0 and (not found or number(found[0]) > read):
        start = max(0, length.records - count)
        found = [Event(length.topic, *wire.decode(frame)) for frame in history.read(length.topic, start)]
        count *= 4
    for event in found:
        if read < number(event) <= (length.epoch, length.seq):
            yield event.header.event_ns, event


def run(conf: Conf, run_dir: Path, logger: structlog.stdlib.BoundLogger) -> int:
    """Tell people until told to stop. Returns the exit status."""
    with Alerts(conf, run_dir, logger) as process:
        try:
            process.join()
            process.begin()
            while True:
                process.catch_up()
                process.pump(ROUND_S)
        except Stopped:
            process.finish()
            logger.info("stopped", **{name: counts["sent"] for name, counts in process.counts.items()})
            return 0
