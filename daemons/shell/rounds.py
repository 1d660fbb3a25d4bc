"""One round of a daemon: append, sync, step, speak. The parts that its value asks for bring events in and carry outputs out.

    append   the round's inputs go into the log                     (a durable daemon; the others begin with `step`)
    sync     they are on disk: from here on they have happened
    step     the core takes each event and decides
    speak    facts are published, answers sent; then orders and requests are delivered, and last the venue's words acknowledged

What a death at each place costs:

    before the sync             nothing had happened: nothing was published or acknowledged, and the sender resends
    after it, before speaking   the fold gives the outputs again, into the ring and the outboxes: readers heal, the outboxes resend
    while or after speaking     the fold gives the same numbers: readers drop duplicates, a repeated request gets the stored answer
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import structlog

from tapewire.bus import topics, wire
from tapewire.bus.daemon import Command, Daemon, Event, Output, Publish, Reply, Request
from tapewire.bus.errors import InvariantError, Poisoned, Refused
from tapewire.bus.journal import Journal
from tapewire.bus.messages import PROTOCOL_VERSION, Body, Control, Header, Report, Stage
from tapewire.bus.stamp import ref
from tapewire.bus.voice import Voice
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import audit, control, venue_link
from tapewire.daemons.shell.aside import Aside
from tapewire.daemons.shell.faults import Faults
from tapewire.daemons.shell.intake import Intake
from tapewire.daemons.shell.jobs import Jobs, Send
from tapewire.daemons.shell.laps import bar_of
from tapewire.daemons.shell.notes import Notes
from tapewire.daemons.shell.outgoing import Outgoing
from tapewire.daemons.shell.process import Process
from tapewire.daemons.shell.public import PublicSide
from tapewire.daemons.shell.readiness import Readiness
from tapewire.daemons.shell.service import Service
from tapewire.daemons.shell.ticks import NEVER_NS
from tapewire.daemons.shell.venue_link import VenueLink
from tapewire.daemons.shell.watch import Watch

LOG_NS = 50_000_000
"""A line of the log waits so long, since writing it wakes supervisord, and the chain's next daemon would wait for both."""


class Rounds(Process):
    """A daemon's core between its inputs and its outputs.

    core: the daemon's, or one restored from what the last epoch left. folding: outputs are numbered and kept, and nothing is sent.
    log: a durable daemon's, once it is open.

    Raises:
        InvariantError: the daemon's value contradicts itself.
    """

    def __init__(self, daemon: Daemon, conf: Conf, run: Path, logger: structlog.stdlib.BoundLogger) -> None:
        if daemon.venue is not None and daemon.durable is None:
            raise InvariantError(f"{daemon.name} owns the venue link and keeps no log: its orders would not survive a restart")
        # A reader's own gaps come to its core through `take`; another reader's gaps are not its business.
        subscribe = tuple(prefix for prefix in daemon.subscribe if prefix != topics.GAP)
        super().__init__(daemon.name, conf, run, subscribe=subscribe, logger=logger)
        self.daemon = daemon
        self.run = run
        self.aside = Aside(run, daemon)
        self.core = daemon.core
        self.folding = True
        self.log: Journal | None = None
        self.faults = Faults(daemon.name, conf.faults, run)
        self._faulty = bool(self.faults)
        self.voice = Voice(self.stamper)
        self.watch = Watch(conf.bus.journal_s, self.clock.monotonic_ns(), runs=conf.bus.clock_runs)
        self.intake = Intake(daemon, self.clock, self.watch, logger, reads=bool(subscribe))
        self.outgoing = Outgoing(self, self.intake, daemon.requests)
        self.jobs = Jobs(daemon.jobs, self.clock)
        self.service = Service(self, self.intake, daemon, self._asked) if daemon.serves else None
        self.venue: VenueLink | None = None
        if (link := daemon.venue) is not None:
            self.venue = VenueLink(
                self, self.intake, lambda: link.halted(self.core), lambda: link.books(self.core), self.started_ns
            )
        self.notes = None if daemon.durable is None else Notes(self, self.intake, self.watch, daemon.durable)
        self.public = None if daemon.public is None else PublicSide(self, daemon.public, run, self.watch)
        self._latest: dict[str, Body] = {}
        self._promised: list[tuple[Send, Report]] = []
        self._noted: list[tuple[str, str, Body]] = []
        self._log_at_ns = NEVER_NS
        self._encode = msgspec.msgpack.Encoder().encode

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.log_noted()
        super().__exit__(kind, error, trace)

    # --- a round --------------------------------------------------------------------------------------------------------------

    def take(self, event: Event, frame: bytes) -> None:
        self.intake.fact(event, frame)

    def finish_round(self, now_ns: int) -> None:
        if self.notes is not None and not self.folding:
            self.notes.look(self.core, now_ns, connected=self.venue is None or self.venue.up)
        entries, events = self.intake.hand_over()
        if entries or events:
            self._strike("receive", events)
            if self.log is not None:
                for entry in entries:
                    self.log.append(self._encode(entry))
                self._strike("append", events)
                self.log.sync()
                self._strike("sync", events)
            for event in events:
                self.step(event)
            self._keep_promises()
            self._strike("said", events)
            self._deliver(now_ns)
            if self.daemon.timed is not None:
                self._time(*self.daemon.timed, events)
            self._strike("sent", events)
            if self._noted and self._log_at_ns == NEVER_NS:
                self._log_at_ns = now_ns + LOG_NS
        else:
            self._deliver(now_ns)
        if self.venue is not None:
            self.venue.acknowledge()
        if self.public is not None and not self.folding:
            self.public.pass_time(now_ns)
        if now_ns >= self._log_at_ns:
            self.log_noted()
        self.jobs.advance()

    def step(self, event: Event) -> None:
        """Let the core take an event, and speak."""
        self.watch.heard(event, self.clock.monotonic_ns())
        if self.venue is not None:
            self.venue.stepped(event)
        try:
            outputs = self._encoded(self.aside.step(self.core, event), event)
        except Poisoned as poisoned:
            self._end(poisoned, event)
            raise
        if not self.folding:
            self._strike("speak", (event,))
        for output, header, frame in outputs:
            self._speak(output, event, header, frame)

    def _encoded(self, outputs: Sequence[Output], event: Event) -> list[tuple[Output, Header, bytes]]:
        """Number and encode all of them before the first is published. One that cannot be encoded poisons the event."""
        encoded: list[tuple[Output, Header, bytes]] = []
        for output in outputs:
            header = self.voice.header(event, output)
            try:
                encoded.append((output, header, wire.encode(header, output.body)))
            except Exception as error:  # a number that no message can hold
                for topic in (output.topic, *(each.topic for each, _, _ in encoded)):
                    self.stamper.last[topic] -= 1
                raise self.aside.put(event, error) from error
        return encoded

    def _end(self, poisoned: Poisoned, event: Event) -> None:
        """The core has raised: publish the alarm with the number that the next life's fold gives it."""
        for output, header, frame in self._encoded([self.aside.alarm(poisoned.text)], event):
            self._speak(output, event, header, frame)

    def _speak(self, output: Output, event: Event, header: Header, frame: bytes) -> None:
        topic, body = output.topic, output.body
        self.ring.keep(topic, header.epoch, header.seq, frame)
        self._latest[topic] = body
        if self.public is not None:
            self.public.take(topic, header, body, frame, folding=self.folding)
        if not self.folding:
            self.say(topic, frame)
            if isinstance(body, audit.NOTED):
                self._noted.append((ref(topic, header), header.cause, body))
        match output:
            case Publish():
                return
            case Request():
                self.outgoing.put(output.service, ref(topic, header), [b"", topic.encode(), frame])
            case Command():
                assert self.venue is not None, f"{self.name} tells a venue and owns no link to one"
                self.venue.put(ref(topic, header), [b"", topic.encode(), frame])
            case Reply():
                assert self.service is not None, f"{self.name} answers and serves nothing"
                self.service.answer(event, topic, frame)

    def _time(self, stage: Stage, kind: type[Body], events: Sequence[Event]) -> None:
        """Note when the round's bars came and were done."""
        out_ns = self.clock.monotonic_ns()
        for event in events:
            if type(event.body) is kind and (bar := bar_of(event.body)) is not None:
                self.laps.note(stage, *bar, self.woke_ns, out_ns)

    def _deliver(self, now_ns: int) -> None:
        self.outgoing.deliver(now_ns)
        if self.venue is not None and self.notes is not None and (changed := self.venue.deliver(now_ns)) is not None:
            self.notes.note(venue_link.TOPIC, changed)

    def _strike(self, step: str, events: Sequence[Event]) -> None:
        if self._faulty:
            for event in events:
                self.faults.strike(step, event.header.event_ns, event.topic)

    def log_noted(self) -> None:
        """Write the log's lines of what was published."""
        self._log_at_ns = NEVER_NS
        noted, self._noted = self._noted, []
        for name, cause, body in noted:
            event, fields = audit.line(body)
            self.logger.info(event, message=name, cause=cause, **fields)

    def beat(self) -> None:
        if self.log is not None:
            self.log.restore()
            for fault in self.log.restored:
                self.logger.error("log_restored", file=str(self.log.path), why=fault)
            self.log.restored.clear()
        if self.notes is not None and not self.folding:
            self.notes.latched(self.core, self.run)
        if self.public is not None:
            self.public.watch()
        super().beat()

    # --- what others see of it ------------------------------------------------------------------------------------------------

    def next_timer_ns(self) -> int:
        if self.jobs:
            return 0
        at_ns = min(self.outgoing.next_ns(), self._log_at_ns)
        return at_ns if self.venue is None else min(at_ns, self.venue.next_ns())

    def pending(self) -> dict[str, int]:
        """How much is under way, by service; the venue's orders under `venue`."""
        counts = self.outgoing.counts()
        return counts if self.venue is None else {**counts, venue_link.PORT: len(self.venue.outbox)}

    def state(self) -> dict[str, Any]:
        link = venue_link.NO_LINK if self.venue is None else self.venue.state()
        return {
            **super().state(),
            "pending": self.pending(),
            "poisoned": len(self.aside),
            "names_reused": self.intake.reused,
            **link,
        }

    def _asked(self, question: Control, send: Send) -> None:
        """A verb of the service: answered now, or by a job."""
        if question.verb in self.jobs.kinds:
            self.jobs.take(question, send)
        elif question.verb in self.daemon.takes:
            self._take_over(question, send)
        else:
            shows = {verb: partial(self._shown, show) for verb, show in self.daemon.shows.items()}
            own: control.Answers = {**shows, "state": self._state, "parameters": self._parameters}
            about = control.NONE if self.venue is None else Readiness(self, self.venue).answers
            send(control.answered(question, {**own, **about}, (*self.jobs.kinds, *self.daemon.takes)))

    def _take_over(self, question: Control, send: Send) -> None:
        """A verb whose argument the core takes in this round. The person is told when its outputs are published."""
        try:
            accepted = self.daemon.takes[question.verb](self.core, question.argument)
        except Refused as refused:
            send(Report(question.id, False, str(refused)))
            return
        report = Report(question.id, True, json.dumps(accepted.reply))
        if accepted.body is None:
            send(report)
            return
        header = Header(PROTOCOL_VERSION, self.name, self.stamper.epoch, 0, 0)
        self.intake.note(Event(accepted.topic, header, accepted.body), wire.encode(header, accepted.body))
        self._promised.append((send, report))

    def _keep_promises(self) -> None:
        for send, report in self._promised:
            send(report)
        self._promised.clear()

    def _state(self, prefix: str) -> object:
        show = self.daemon.shows.get("state")
        first = {} if show is None or prefix else {"sessions": self._shown(show, "")}
        return {**first, **msgspec.to_builtins({topic: body for topic, body in self._latest.items() if topic.startswith(prefix)})}

    def _shown(self, show: Callable[[Any], object], _: str) -> object:
        return show(self.core)

    def _parameters(self, _: str) -> object:
        return msgspec.to_builtins(self.conf.preset)
