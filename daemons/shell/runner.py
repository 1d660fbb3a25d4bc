"""From a daemon value to a process: recover, then do one round after another until it is told to stop.

    run(make, conf, run_dir, logger)

There is one way up. A durable daemon folds its own fsynced log; another one folds the journal of the topics that make its state.
Either way the core sees the same events in the same order as the first time, with the same gaps, so it gives the same outputs with
the same numbers. While it folds, outputs only go into the rings and outboxes. The first heartbeat then shows readers what they
missed, and the ordinary healing of gaps brings it to them. Nothing takes effect twice, and nothing is lost. What a death at each
place of a round costs stands in daemons/shell/rounds.py.

The runner knows no daemon by name. What one needs besides its core stands in its value (bus/daemon.py), and a part of the shell
does it:

    serves, admits     daemons/shell/service.py, daemons/shell/intake.py
    requests           daemons/shell/outgoing.py
    venue              daemons/shell/venue_link.py
    durable            daemons/shell/recovery.py, daemons/shell/epochs.py, daemons/shell/notes.py
    public             daemons/shell/public.py
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import structlog
import zmq

from tapewire.bus import topics
from tapewire.bus.client import History
from tapewire.bus.daemon import Daemon, Event, LogPolicy
from tapewire.bus.errors import JournalError, Poisoned
from tapewire.bus.journal import JournalLost
from tapewire.bus.messages import Ack, Gap
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import epochs, recovery, ticks
from tapewire.daemons.shell.process import Stopped
from tapewire.daemons.shell.recovery import ASKED, FACT, Carried
from tapewire.daemons.shell.rounds import Rounds


class Runner(Rounds):
    """A daemon from its start to its stop.

    Args:
        make: the daemon of a configuration; a durable one looks back into epochs that had others.
    """

    def __init__(self, make: Callable[[Conf], Daemon], conf: Conf, run_dir: Path, logger: structlog.stdlib.BoundLogger) -> None:
        super().__init__(make(conf), conf, run_dir, logger)
        self.make = make
        self.hold()  # from the first subscription on: a fact that comes before its past is known would be one behind a hole

    def recover(self) -> None:
        """Fold what happened before, then open every port."""
        self.note = "recovering"
        durable = self.daemon.durable
        folded = self._fold_history() if durable is None else self._fold_log(durable)
        self.folding = False
        self.entrance.limits.reached(self.watch.market_ns)
        self.outgoing.open()
        if self.service is not None:
            self.service.open()
        if self.venue is not None:
            self.venue.open()
        if self.public is not None:
            self.public.open()
        self.release()
        if self.daemon.ticks:
            ticks.read(self, self.daemon.ticks, self._tick)
        self.note = "ready"
        self.watch.open(self.clock.monotonic_ns())
        self.logger.info("ready", folded=folded, pending=self.pending())
        self.beat()  # looks at the latch as well, before any request

    def leave(self) -> None:
        """Write down what this epoch leaves, so that the next one need not fold it. Of a durable daemon that was told to stop."""
        self.log_noted()
        durable = self.daemon.durable
        if self.log is None or durable is None or self.folding:
            return
        orders = [] if self.venue is None else self.venue.outbox.all()
        carried = Carried(
            core=durable.snapshot(self.core),
            undelivered=tuple((frames[1].decode(), frames[2]) for frames in orders),
            facts=self.sequencer.last,
            direct=self.intake.direct.last,
            market_ns=self.watch.market_ns,
        )
        self.log.append(self._encode(carried.entry))
        self.log.sync()

    # --- a durable daemon: its own log ----------------------------------------------------------------------------------------

    def _fold_log(self, policy: LogPolicy) -> int:
        self.log = log = epochs.opened(self.run, self.name, self.conf.epoch)
        if not len(log) and epochs.take_over(log, self.name, self.make, self.conf, self.run):
            self.logger.info("took_over", epoch=self.conf.epoch)
        epochs.started(log, self.run, self.name, self.conf.epoch)
        carried = recovery.began_with(log)
        if carried is not None:
            self._begin_with(policy, carried)
        count = 0
        for entry, event in recovery.inputs(log):
            if isinstance(event.body, Ack):
                self._acknowledged(event.body)
                continue
            if isinstance(event.body, Gap):
                self._own_again(event, entry.frame)
            if self.daemon.admission(event.body).numbered:
                (self.sequencer if entry.way == FACT else self.intake.direct).prime(*_number(event))
            if entry.way == ASKED:
                self.outgoing.answered(event.header.cause)
            self.intake.folded(entry, event)
            self.step(event)
            count += 1
        return count

    def _begin_with(self, policy: LogPolicy, carried: Carried) -> None:
        self.core = policy.restored(carried.core)
        for topic, at in carried.facts.items():
            self.sequencer.prime(topic, *at)
        for topic, at in carried.direct.items():
            self.intake.direct.prime(topic, *at)
        for topic, frame in carried.undelivered:
            if self.venue is not None:
                self.venue.put(recovery.name(topic, frame), [b"", topic.encode(), frame])

    def _acknowledged(self, ack: Ack) -> None:
        if self.venue is not None:
            self.venue.outbox.done(ack.ref)

    # --- any other daemon: the journal ----------------------------------------------------------------------------------------

    def _fold_history(self) -> int:
        if not self.daemon.recover:
            return 0
        count, new = 0, self.conf.epoch == 1
        with History(self.context, self.access.to("history"), wait=self._wait) as history:
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
                    self.aside.step(self.core, event)  # published in its own epoch, perhaps with other outputs
                    continue
                self.step(event)
                for request in self.outgoing.pending():
                    if request in past.answers:
                        self.outgoing.answered(request)
                        self.step(past.answers.pop(request))
            self._go_on(history)
        if not new:
            self._begin()
        return count

    def _begin(self) -> bool:
        """Tell the core of a daemon without a log that all before was another epoch. Returns True."""
        self.step(epochs.begun(self.name, self.conf.epoch, self.watch.market_ns))
        return True

    def _wait(self, socket: zmq.Socket[bytes], timeout_s: float) -> bool:
        """Wait for a reply while control, heartbeats and signals go on."""
        if socket.poll(0):
            return True
        self.listen(socket, lambda: None)
        try:
            self.pump(timeout_s)
        finally:
            self.inlets.remove(socket)
        return bool(socket.poll(0))

    def _go_on(self, history: History) -> None:
        """What was made of trades goes on with the numbers that the journal has: no fold makes it again."""
        for length in history.topics(topics.TIMEFRAME) if self.daemon.ticks else ():
            if length.epoch == self.stamper.epoch:
                self.stamper.resume(length.topic, length.seq)

    def _tick(self, event: Event, frame: bytes) -> None:
        self.step(event)

    # --- both -----------------------------------------------------------------------------------------------------------------

    def _own_again(self, event: Event, frame: bytes) -> None:
        """A gap that an earlier life published: its number is taken, and who missed it may ask for it."""
        if event.header.epoch == self.stamper.epoch:
            self.stamper.resume(event.topic, event.header.seq)
            self.ring.keep(event.topic, event.header.epoch, event.header.seq, frame)


def _number(event: Event) -> tuple[str, int, int]:
    topic, at = recovery.number(event)
    return topic, *at


def run(make: Callable[[Conf], Daemon], conf: Conf, run_dir: Path, logger: structlog.stdlib.BoundLogger) -> int:
    """Run a daemon until it is told to stop. Returns the exit status: 0 for a clean stop, of `Poisoned` if the core raised.

    make: the daemon of a configuration; a durable one looks back into epochs that had others.
    """
    with Runner(make, conf, run_dir, logger) as runner:
        try:
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
        except JournalLost as error:
            aside = runner.log.set_aside() if runner.log is not None else None
            left = f"what is left of it is {aside}" if aside is not None else "nothing is left of it"
            raise JournalError(f"{error}; {left}; restore it from a copy before the next `tapewire up`") from error
        except Poisoned as poisoned:
            runner.logger.error("poisoned", error=poisoned.text, status=poisoned.status)
            return poisoned.status
        finally:
            if runner.log is not None:
                runner.log.close()
            if runner.public is not None:
                runner.public.close()
