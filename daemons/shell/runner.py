"""From a daemon value to a process: recover, then take events, step the core, and say what it says.

    run(make, conf, run_dir)

There is one way up. A durable daemon folds its own fsynced log; another one folds the journal of the topics that make its state.
Either way the core sees the same events in the same order as the first time, what was lost as lost, so it says the same things
with the same numbers; what it says while folding goes into the rings and outboxes only. The first heartbeat then shows readers
what they missed, and the ordinary healing of gaps brings it to them. Nothing is said twice, nothing is lost.

    dies before the append          the asker resends; nothing had happened
    dies after the sync, unsaid     the fold says it again into the ring and the outbox; readers heal, the outbox resends
    dies after saying it            the repeat is answered from `Served`; readers drop known numbers
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog
import zmq

from tapewire.bus import sockets, topics, wire
from tapewire.bus.client import History
from tapewire.bus.daemon import Answer, Ask, Daemon, Event, Output, Publish, Tell, ref
from tapewire.bus.errors import PeerError
from tapewire.bus.journal import Journal
from tapewire.bus.messages import (
    PROTOCOL_VERSION,
    Ack,
    Arm,
    Body,
    Control,
    ExternalSignal,
    Gap,
    Header,
    Hello,
    Intents,
    Kill,
    Lease,
    LinkState,
    Report,
)
from tapewire.bus.outbox import Outbox
from tapewire.bus.sequence import Sequencer
from tapewire.bus.served import Served
from tapewire.bus.voice import Voice
from tapewire.daemons.publisher.signal_files import SignalFiles
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import audit, epochs, latch, recovery
from tapewire.daemons.shell.faults import Faults
from tapewire.daemons.shell.process import BATCH, NEVER_NS, Process, Stopped, Taken
from tapewire.daemons.shell.recovery import ASKED, FACT, LINK, Carried, Entry
from tapewire.daemons.shell.venue_link import VenueLink
from tapewire.daemons.shell.watch import DUE, JOURNAL, Watch

EXTERNAL = topics.of(topics.INGRESS, "ask")


class Runner(Process):
    """A core with sockets around it."""

    def __init__(self, make: Callable[[Conf], Daemon], conf: Conf, run_dir: Path, logger: structlog.stdlib.BoundLogger) -> None:
        daemon = make(conf)
        # A reader's own gaps come to its core through `take`; another reader's gaps are not its business.
        subscribe = tuple(prefix for prefix in daemon.subscribe if prefix != topics.GAP)
        super().__init__(daemon.name, conf, subscribe=subscribe, logger=logger)
        self.make = make
        self.daemon = daemon
        self.core = daemon.core
        self.voice = Voice(self.stamper)
        self.run_dir = run_dir
        self.faults = Faults(daemon.name, conf.faults, run_dir)
        self.folding = True
        self.batch: list[Entry] = []
        self.batch_events: list[Event] = []
        self.acks: list[tuple[bytes, str]] = []
        self.served = Served()
        self.direct: Sequencer[Taken] = Sequencer(daemon.name, complete=True, heal_ns=None)
        self.outboxes: dict[str, Outbox] = {service: Outbox() for service in daemon.asks}
        self.dealers: dict[str, zmq.Socket[bytes]] = {}
        self.service: zmq.Socket[bytes] | None = None
        self.link: VenueLink | None = None
        self.public: zmq.Socket[bytes] | None = None
        self.files: SignalFiles | None = None
        self.log: Journal | None = None
        self.latest: dict[str, Body] = {}
        self.venue: Hello | None = None  # the last of this epoch
        self._notes = 0
        self._noted: list[tuple[str, str, Body]] = []
        self.watch = Watch(conf.bus.journal_s, self.clock.monotonic_ns())
        self._read_ns = 0  # market time of the latest fact taken
        self._parked: list[tuple[str, bytes, Event, bytes]] = []
        if daemon.venue:
            self.outboxes["venue"] = Outbox()
        self._encode = msgspec.msgpack.Encoder().encode
        self.hold()  # from the first subscription on: a fact that comes before its past is known would be one behind a hole

    # --- up -------------------------------------------------------------------------------------------------------------------

    def recover(self) -> None:
        """Fold what happened before, then open for business."""
        self.note = "recovering"
        folded = self._fold_log() if self.daemon.durable else self._fold_history()
        self.folding = False
        for service in self.daemon.asks:
            dealer = sockets.asker(self.context, self.conf.bus.address(service), self.name)
            self.dealers[service] = dealer
            self.listen(dealer, lambda dealer=dealer: self._answered(dealer))  # type: ignore[misc]
        if self.daemon.serves:
            self.service = self._bind(sockets.owner, self.daemon.serves)
            self.listen(self.service, self._asked)
        if self.daemon.venue:
            self.link = VenueLink(self._bind(sockets.owner, "venue"), self.outboxes["venue"], self._lease)
            self.listen(self.link.socket, self._linked)
        self.release()
        if self.daemon.venue and latch.read(self.run_dir) and not self._killed:
            self._note(
                topics.of(topics.OPERATOR, "latch"), Kill(latch.read(self.run_dir)), self.watch.market_ns
            )  # pulled while we were down
        self.note = "ready"
        self.watch.open(self.clock.monotonic_ns())
        self.logger.info("ready", folded=folded, pending={name: len(box) for name, box in self.outboxes.items()})
        self.beat()

    def _fold_log(self) -> int:
        self.log = log = Journal.open(self.run_dir / f"{self.name}.log")
        if not len(log) and epochs.take_over(log, self.name, self.make, self.conf, self.run_dir):
            self.logger.info("took_over", epoch=self.conf.epoch)
        carried = recovery.began_with(log)
        if carried is not None:
            self._begin_with(carried)
        count = 0
        for entry, event in recovery.inputs(log):
            if isinstance(event.body, Ack):
                self.outboxes["venue"].done(event.body.ref)
                continue
            if isinstance(event.body, Gap):
                self._own_again(event, entry.frame)
            if not isinstance(event.body, ExternalSignal):  # of many senders, who do not number in one row
                (self.sequencer if entry.way == FACT else self.direct).prime(*_number(event))
            if entry.way == FACT:
                self._read_ns = max(self._read_ns, event.header.event_ns)
            self._step(event)
            count += 1
        return count

    def _begin_with(self, carried: Carried) -> None:
        assert self.daemon.carry is not None
        self.core = self.daemon.carry.restored(carried.core)
        for topic, at in carried.facts.items():
            self.sequencer.prime(topic, *at)
        for topic, at in carried.direct.items():
            self.direct.prime(topic, *at)
        for topic, frame in carried.undelivered:
            self.outboxes["venue"].put(recovery.name(topic, frame), [b"", topic.encode(), frame], self.clock.monotonic_ns())

    def leave(self) -> None:
        """Write down what this epoch leaves, so that the next one need not fold it. Of a durable daemon that was told to stop."""
        if self.log is None or self.daemon.carry is None or self.folding:
            return
        carried = Carried(
            core=self.daemon.carry.snapshot(self.core),
            undelivered=tuple((frames[1].decode(), frames[2]) for frames in self.outboxes["venue"].all()),
            facts=self.sequencer.last,
            direct=self.direct.last,
            market_ns=self.watch.market_ns,
        )
        self.log.append(self._encode(carried.entry))
        self.log.sync()

    def _fold_history(self) -> int:
        if not self.daemon.recover:
            return 0
        count, new = 0, self.conf.epoch == 1
        with History(self.context, self.conf.bus.address("history"), wait=self._wait) as history:
            past = recovery.of_history(history, self.daemon, self.subscribe, self.conf.since, self.conf.folds)
            for gap, frame in past.gaps:
                self._own_again(gap, frame)
            for of_this_epoch, event in past.facts:
                self.sequencer.prime(*_number(event))
                if of_this_epoch and not new:
                    new = self._begin()
                count += 1
                if not new:
                    self.watch.heard(event, self.clock.monotonic_ns())
                    self.core.step(event)  # said in its own epoch, perhaps otherwise
                    continue
                self._step(event)
                for box in self.outboxes.values():
                    for asked in box.pending():
                        if asked in past.answers:
                            box.done(asked)
                            self._step(past.answers.pop(asked))
        if not new:
            self._begin()
        return count

    def _begin(self) -> bool:
        """Tell the core of a daemon without a log that all before was another epoch. Returns True."""
        self._step(epochs.begun(self.name, self.conf.epoch, self.watch.market_ns))
        return True

    def _own_again(self, event: Event, frame: bytes) -> None:
        """A gap of ours, told in an earlier life: its number is taken, and who missed it may ask for it."""
        if event.header.epoch == self.stamper.epoch:
            self.stamper.resume(event.topic, event.header.seq)
            self.ring.keep(event.topic, event.header.epoch, event.header.seq, frame)

    def _wait(self, socket: zmq.Socket[bytes], timeout_s: float) -> bool:
        """Wait for a reply while control, heartbeats and signals go on."""
        if socket.poll(0):
            return True
        self.poller.register(socket, zmq.POLLIN)
        self.handlers[socket] = lambda: None
        try:
            self.pump(timeout_s)
        finally:
            self.poller.unregister(socket)
            del self.handlers[socket]
        return bool(socket.poll(0))

    # --- events in ------------------------------------------------------------------------------------------------------------

    def take(self, event: Event, frame: bytes) -> None:
        self._queue(FACT, b"", event, frame)
        self._read_ns = max(self._read_ns, event.header.event_ns)
        parked, self._parked = self._parked, []
        for way, sender, asked, its_frame in parked:
            self._queue_after_facts(way, sender, asked, its_frame)

    def _queue_after_facts(self, way: str, sender: bytes, event: Event, frame: bytes) -> None:
        """A question about a bar waits for the bar: the two come over different sockets, and the bar was first.

        Only of a daemon that reads facts and is asked as well (a gate whose program looks at open equity). A bar that is lost for
        good arrives as a Gap, whose time is the wall's, and lets go of what waits.
        """
        if self.subscribe and isinstance(event.body, Intents) and event.header.event_ns > self._read_ns:
            self._parked.append((way, sender, event, frame))
        else:
            self._queue(way, sender, event, frame)

    def _asked(self) -> None:
        assert self.service is not None
        for sender, *rest in sockets.arrived(self.service, BATCH):
            event = self._decode(sender, rest)
            if event is None:
                continue
            if isinstance(event.body, Control):
                self._reply(sender, (b"", b"control.", self._passing("control.", self._answer_control(event.body), 0)))
                continue
            stored = self.served.get(event.ref, event.body)
            if stored is not None:
                self._reply(sender, tuple(stored))
                continue
            if event.ref in self.served:  # its number is known, and says nothing: the asker counts again
                self.logger.warning("name_given_again", ref=event.ref)
                self._queue_after_facts(ASKED, sender, event, rest[-1])
                continue
            # The clock of a person or of another program is not the market's: in a replay it may be years away. It happens now,
            # as we know it.
            if isinstance(event.body, Kill | Arm):
                self._admit_direct(ASKED, sender, *_moved(event, self.watch.market_ns))
            elif isinstance(event.body, ExternalSignal):
                self._queue_external(sender, event)
            else:
                self._admit_direct(ASKED, sender, event, rest[-1])

    def _queue_external(self, sender: bytes, event: Event) -> None:
        """A signal of somebody else. Senders are many and have no common order, so their numbers say nothing but which is a repeat.

        It happens as long after the last thing we heard of the market as we have waited since: a feed that has gone silent is old
        by now. After a restart, that counts from the restart.
        """
        if event.topic != EXTERNAL:
            self.refused += 1
            self.logger.warning("signal_on_a_wrong_topic", topic=event.topic, expected=EXTERNAL)
        elif all(queued.ref != event.ref for queued in self.batch_events):
            self._queue(ASKED, sender, *_moved(event, self.watch.estimated_ns(self.clock.monotonic_ns())))

    def _linked(self) -> None:
        assert self.link is not None
        for sender, rest in self.link.arrived(BATCH):
            event = self._decode(sender, rest)
            if event is None:
                continue
            if isinstance(event.body, Ack):
                if self.link.outbox.done(event.body.ref):
                    self.batch.append(Entry(LINK, sender, event.topic, rest[-1]))
                continue
            if isinstance(event.body, Hello):
                self.link.greeted()
                self.logger.info("venue_says_hello", venue=event.body.venue, version=event.body.version)
            self._admit_direct(LINK, sender, event, rest[-1])
            if self._known(event):  # new or a repeat: ours, once this batch is on disk
                self.acks.append((sender, event.ref))

    def _admit_direct(self, way: str, sender: bytes, event: Event, frame: bytes) -> None:
        now_ns = self.clock.monotonic_ns()
        ready = self.direct.admit(event.topic, event.header, (event, frame), now_ns)
        # A peer that died with a hole open can never fill it: its new epoch begins behind what the old one still owed.
        for gap, released in self.direct.given_up(now_ns):
            self.logger.error("gap", topic=gap.topic, epoch=gap.of_epoch, first=gap.first, last=gap.last)
            ready += released
        for each, its_frame in ready:
            self._queue_after_facts(way, sender, each, its_frame)

    def _known(self, event: Event) -> bool:
        epoch, seq = self.direct.last.get(event.topic, (0, 0))
        return (event.header.epoch, event.header.seq) <= (epoch, seq)

    def _queue(self, way: str, sender: bytes, event: Event, frame: bytes) -> None:
        if self.daemon.durable:
            self.batch.append(Entry(way, sender, event.topic, frame))
        self.batch_events.append(event)

    def _decode(self, sender: bytes, rest: list[bytes]) -> Event | None:
        try:
            topic, header, body = wire.decode_message(rest[-2:])
        except PeerError as error:
            self.refused += 1
            self.logger.warning("undecodable_request", sender=sender.decode("latin-1"), error=str(error))
            return None
        return Event(topic, header, body, sender.decode("latin-1"))

    def _answered(self, dealer: zmq.Socket[bytes]) -> None:
        for frames in sockets.arrived(dealer, BATCH):
            event = self._decode(b"", frames)
            if event is None:
                continue
            # Only the first answer to a question we still have counts.
            if any(box.done(event.header.cause) for box in self.outboxes.values()):
                self._queue(ASKED, b"", event, frames[-1])

    # --- one batch: append, sync, step, speak ---------------------------------------------------------------------------------

    def settle(self, now_ns: int) -> None:
        if self.link is not None:
            self._look(self.link, now_ns)
        if self.batch_events or self.batch:
            entries, self.batch = self.batch, []
            events, self.batch_events = self.batch_events, []
            self._strike("receive", events)
            if self.log is not None:
                for entry in entries:
                    self.log.append(self._encode(entry))
                self._strike("append", events)
                self.log.sync()
                self._strike("sync", events)
            for event in events:
                self._step(event)
            self._strike("said", events)
            self._deliver(now_ns)
            self._strike("sent", events)
            self._log_noted()
        acks, self.acks = self.acks, []
        for sender, owned in acks:
            assert self.link is not None
            self.link.acknowledge(sender, self._passing("ack.", Ack(owned), self.clock.now_ns()))
        self._deliver(now_ns)

    def _look(self, link: VenueLink, now_ns: int) -> None:
        """Tell a core that trades what only a clock can tell."""
        state = self.watch.journal(self.beats.get("logger"), now_ns)
        if state is not None:
            self.logger.info("journal_up" if state.up else "journal_down")
            self._note(JOURNAL, state, self.watch.market_ns)
        due = self.watch.due(getattr(self.core, "due_ns", 0), now_ns) if link.up else None
        if due is not None:
            self._note(DUE, due, due.at_ns)

    def _note(self, topic: str, body: Body, at_ns: int) -> None:
        """An input of our own making: in the log like any other, so that a fold meets it again."""
        self._notes += 1
        header = Header(PROTOCOL_VERSION, self.name, self.started_ns, self._notes, at_ns)
        self._queue(FACT, b"", Event(topic, header, body), wire.encode(header, body))

    def _step(self, event: Event) -> None:
        self.watch.heard(event, self.clock.monotonic_ns())
        if isinstance(event.body, Hello):
            self.venue = event.body
        outputs = self.core.step(event)
        if not self.folding:
            self._strike("speak", (event,))
        for output in outputs:
            self._speak(output, event)

    def _strike(self, step: str, events: Sequence[Event]) -> None:
        if self.faults:
            for event in events:
                self.faults.strike(step, event.header.event_ns, event.topic)

    def _speak(self, output: Output, event: Event) -> None:
        header = self.voice.header(event, output)
        topic, body = output.topic, output.body
        frame = self.keep(topic, header, body)
        self.latest[topic] = body
        if not self.folding:
            self.say(topic, frame)
            if isinstance(body, audit.NOTED):
                self._noted.append((ref(topic, header), header.cause, body))
            if self.public is not None and topic.startswith(topics.PUBLIC):
                self.public.send_multipart((topic.encode(), frame))
                self._file(body)
        match output:
            case Publish():
                return
            case Ask():
                self._post(output.service, topic, header, frame)
            case Tell():
                self._post("venue", topic, header, frame)
            case Answer():
                answer = [b"", topic.encode(), frame]
                self.served.store(event.ref, event.body, answer)
                if not self.folding and event.sender:
                    self._reply(event.sender.encode("latin-1"), tuple(answer))

    def _log_noted(self) -> None:
        """Behind everything else of the round: a log is in nobody's way."""
        noted, self._noted = self._noted, []
        for name, cause, body in noted:
            event, fields = audit.line(body)
            self.logger.info(event, message=name, cause=cause, **fields)

    def _file(self, body: Body) -> None:
        """A signal as a file, where that is wanted. What goes wrong with it is told and stops nothing."""
        if self.files is None:
            return
        try:
            path = self.files.take(body)
        except OSError as error:
            self.logger.error("signal_file_failed", folder=str(self.files.folder), error=str(error))
            return
        if path is not None:
            self.logger.info("signal_file", path=str(path))

    def _post(self, box: str, topic: str, header: Header, frame: bytes) -> None:
        self.outboxes[box].put(ref(topic, header), [b"", topic.encode(), frame], self.clock.monotonic_ns())

    def _deliver(self, now_ns: int) -> None:
        for name, dealer in self.dealers.items():
            for frames in self.outboxes[name].due(now_ns):
                with suppress(zmq.Again):  # its high-water mark: the next round tries again
                    sockets.send(dealer, frames, sockets.NOBLOCK)
        if self.link is not None and self.link.deliver(now_ns):
            self._venue_changed(self.link)

    def _venue_changed(self, link: VenueLink) -> None:
        """The core hears of it as an event like any other, in its log and at the market time we have reached."""
        undelivered = len(link.outbox)
        self.logger.info("venue_connected" if link.up else "venue_disconnected", undelivered=undelivered)
        detail = "" if link.up else f"{undelivered} commands undelivered"
        self._note("venue.link.", LinkState(link.up, detail), self.watch.market_ns)

    def _lease(self) -> bytes:
        return self._passing("lease.", Lease(self._killed, self.started_ns), self.clock.now_ns())

    @property
    def _killed(self) -> bool:
        return bool(getattr(self.core, "killed", False))

    def _reply(self, sender: bytes, frames: tuple[bytes, ...]) -> None:
        assert self.service is not None
        # The asker is gone, or does not read (a ROUTER would wait for room): it will ask again and get the stored answer.
        with suppress(zmq.ZMQError):
            sockets.send(self.service, (sender, *frames), sockets.NOBLOCK)

    # --- services -------------------------------------------------------------------------------------------------------------

    def _answer_control(self, asked: Control) -> Report:
        match asked.verb:
            case "state":
                latest = {t: b for t, b in self.latest.items() if t.startswith(asked.argument)}
                return Report(asked.id, True, msgspec.json.encode(latest).decode())
            case "parameters":
                return Report(asked.id, True, msgspec.json.encode(self.conf.preset).decode())
        return Report(asked.id, False, f"unknown verb {asked.verb!r}; known: state, parameters")

    def state(self) -> dict[str, Any]:
        boxes = {name: len(box) for name, box in self.outboxes.items()}
        venue = self.venue and {key: getattr(self.venue, key) for key in ("venue", "version", "accounts")}
        return {
            **super().state(),
            "venue": venue,
            "pending": boxes,
            "venue_up": self.link is not None and self.link.up,
            "killed": self._killed,
        }

    def next_timer_ns(self) -> int:
        at_ns = NEVER_NS if self.link is None else self.link.next_lease_ns
        for box in self.outboxes.values():
            if len(box) and (due_ns := box.next_ns()) is not None and due_ns < at_ns:
                at_ns = due_ns
        return at_ns


def _number(event: Event) -> tuple[str, int, int]:
    topic, at = recovery.number(event)
    return topic, *at


def _moved(event: Event, at_ns: int) -> tuple[Event, bytes]:
    """The event at another market time, and its frame."""
    header = msgspec.structs.replace(event.header, event_ns=at_ns)
    return event._replace(header=header), wire.encode(header, event.body)


def run(
    make: Callable[[Conf], Daemon], conf: Conf, run_dir: Path, logger: structlog.stdlib.BoundLogger, *, public: bool = False
) -> int:
    """Run a daemon until it is told to stop. Returns the exit status (0 for a clean stop).

    make: the daemon of a configuration; a durable one looks back into epochs that had others.
    """
    with Runner(make, conf, run_dir, logger) as runner:
        try:
            if public:
                runner.public = sockets.public_out(runner.context, conf.bus.address("public"))
                if conf.publisher.signal_files:
                    runner.files = SignalFiles(run_dir / conf.publisher.signal_files)
            runner.join()
            runner.recover()
            gc.collect()
            gc.freeze()  # a full collection over all that was imported costs milliseconds: not between a bar and its order
            while True:
                runner.pump(1.0)
        except Stopped:
            runner.leave()
            runner.logger.info("stopped", **{k: runner.state()[k] for k in ("received", "sent", "healed", "lost")})
            return 0
        finally:
            if runner.log is not None:
                runner.log.close()
