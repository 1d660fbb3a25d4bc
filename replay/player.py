"""The bus player: takes NinjaTrader's place for the real daemons, in lockstep.

It publishes recorded bars as `raw.` and connects the simulated venue to the venue link. It publishes the next bar when the
previous one is done everywhere: the gate has acknowledged every execution of the bar, the evaluator has published `eval.done.`, and
each order that it names has reached the venue and been acknowledged. So no process's speed can change a result, no queue can
overflow, and the slowest process sets the pace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog
import zmq

from tapewire.bus import access, sockets, topics, wire
from tapewire.bus.client import History, request_control
from tapewire.bus.daemon import Event
from tapewire.bus.errors import PeerError, Refused, Transient
from tapewire.bus.messages import Ack, Bar, Body, EvalDone, Gap, GivenLevels, Hello, Lease
from tapewire.bus.outbox import Outbox
from tapewire.bus.sequence import Sequencer
from tapewire.bus.stamp import Stamper, ref
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell.process import BATCH, Process, Stopped, Taken
from tapewire.replay.keyboard import Keyboard
from tapewire.replay.pace import Pace
from tapewire.replay.venue.core import Venue
from tapewire.strategies.clock import SECOND_NS

SOURCE = "nt"
PATIENCE_S = 60.0  # a restarted daemon is ready in seconds; after this something is broken and a person should look
LEASE_S = 5.0  # without a lease from the gate for longer, no new entries
FLOW_BARS = 512  # how many bars the journal may lag
READERS = ("publisher", "gate", "tracker", "evaluator", "logger")


class Player(Process):
    """The process `replay`, which publishes as the source `nt`.

    Args:
        check: called with each heartbeat; raises if the daemons cannot go on, so that nothing waits for one that has ended.
    """

    def __init__(
        self,
        conf: Conf,
        run: Path,
        venue: Venue,
        logger: structlog.stdlib.BoundLogger,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(SOURCE, conf, run, subscribe=(topics.EVAL_DONE,), logger=logger, control_port="control.replay")
        self.venue = venue
        self.check = check
        self.outbox = Outbox()
        self.reports = Stamper(SOURCE, conf.epoch)  # of the venue link: not published, so not in our heartbeat
        self.direct: Sequencer[Taken] = Sequencer(SOURCE, complete=True, heal_ns=None)
        self.done_ns: dict[str, int] = {}
        self.awaited: set[str] = set()
        self.handled: set[str] = set()
        self._lease = Lease()
        self._lease_ns = self.clock.monotonic_ns()
        self._greeted = Lease()
        self.reading = access.local(run, "reader")
        self.steering = access.local(run, "operator")
        self.pace: Pace | None = None
        self.verbs = dict.fromkeys(Pace().verbs, _refusing("NOT_STARTED", "the replay's daemons are still starting"))
        self.link = sockets.requester(self.context, self.access.to("venue"), SOURCE)
        self.listen(self.link, self._linked)

    # --- the run --------------------------------------------------------------------------------------------------------------

    def play(
        self,
        inputs: Iterable[Bar | Gap | GivenLevels],
        *,
        pace: Pace | None = None,
        played: Callable[[Bar], None] = lambda _: None,
        told: Callable[[str], None] = lambda _: None,
        ends: bool = True,
    ) -> None:
        """Play all bars, and what was told between them.

        Args:
            pace: when each bar is due, and what a person says about it; None: as fast as the daemons go.
            played: called after each bar that is done everywhere. told: called with what the pace does while a bar waits for it.
            ends: the data ends with these bars, and open positions are closed; otherwise another player continues.
        Raises:
            Transient: a daemon did not come back within PATIENCE_S. The text names what the player waited for.
        """
        self._send_hello()
        pace = self.pace = pace or Pace()
        self.verbs = dict(pace.verbs)
        number = -1
        for bar in inputs:
            if not isinstance(bar, Bar):
                self._tell(bar)
                continue
            number += 1
            self._hold(bar, pace, told)
            self.bar(bar)
            pace.done(bar)
            played(bar)
            if number % FLOW_BARS == FLOW_BARS - 1:
                self._flow(bar)
        self.verbs = dict.fromkeys(pace.verbs, _refusing("ENDED", "the replay has played its last bar"))
        for body in self.venue.finish() if ends else ():
            self._send_report(body, self.venue.now_ns)
        self._until(lambda: not len(self.outbox), "the gate to acknowledge the last executions")

    def bar(self, bar: Bar) -> None:
        """Play one bar until it is done everywhere."""
        if self._lease.boot != self._greeted.boot:
            self._send_hello()
        stamp = f"{bar.instrument} bar {bar.index}"
        for body in self.venue.on_bar(bar):
            self._send_report(body, bar.close_ns)
        self._until(lambda: not len(self.outbox), f"the gate to acknowledge the executions of {stamp}")
        stamped = msgspec.structs.replace(bar, position=self.venue.position(bar.instrument))
        came_ns = self.clock.monotonic_ns()
        self.publish(topics.bar(bar.instrument), stamped, bar.close_ns)
        self.laps.note("bridge", bar.instrument, bar.close_ns, came_ns, self.clock.monotonic_ns())
        self._until(lambda: self.done_ns.get(bar.instrument, 0) >= bar.close_ns, f"eval.done of {stamp}")
        self._until(lambda: self.awaited <= self.handled and not len(self.outbox), f"the orders of {stamp}")
        self.handled -= self.awaited
        self.awaited.clear()
        if self.conf.program is not None and self.conf.program.sees_open_equity:
            self._until(lambda: self._gate_has_read(topics.bar(bar.instrument)), f"the gate to read {stamp}", pause_s=0.0)

    def finish(self) -> None:
        """Wait until every daemon has read every message, and the logger has written it.

        Raises:
            Transient: a daemon lags behind for longer than PATIENCE_S.
        """
        self._until(self._all_read, "every daemon to have read everything", pause_s=0.02)

    def hold_on(self) -> None:
        """Stay behind the last bar, until the replay is stopped."""
        with suppress(Stopped, KeyboardInterrupt):
            while True:
                self.pump(1.0)

    def hear(self, keyboard: Keyboard) -> None:
        """Act on the keys of a terminal, until it has gone."""
        keyboard.gone = lambda: self.inlets.remove(keyboard)
        self.listen(keyboard, keyboard.read)

    # --- the venue link ---------------------------------------------------------------------------------------------------------

    def _send_hello(self) -> None:
        """Send a snapshot of the venue to a gate that has just started. Between bars nothing is in flight: it holds nothing new."""
        self._until(lambda: bool(self._lease.boot), "the gate's lease")
        self._greeted = self._lease
        positions, working = self.venue.snapshot()
        last = {topic: (self.reports.epoch, seq) for topic, seq in self.reports.last.items()}
        hello = Hello("tapewire replay", "1", (self.conf.trading.account,), positions, working, last)
        self._post("venue.nt.", hello, self.venue.now_ns, "")
        self._until(lambda: not len(self.outbox), "the gate to acknowledge hello")

    def _send_report(self, body: Body, event_ns: int, cause: str = "") -> None:
        self._post(topics.of(topics.VENUE, getattr(body, "instrument", SOURCE)), body, event_ns, cause)

    def _post(self, topic: str, body: Body, event_ns: int, cause: str) -> None:
        header = self.reports.header(topic, event_ns, cause)
        frame = wire.encode(header, body)
        self.outbox.put(ref(topic, header), [b"", topic.encode(), frame], self.clock.monotonic_ns())

    def _linked(self) -> None:
        for frames in sockets.arrived(self.link, BATCH):
            try:
                topic, header, body = wire.decode_message(frames[-2:])
            except PeerError as error:
                self.entrance.refuse("gate", error)
                continue
            if isinstance(body, Ack):
                self.outbox.done(body.ref)
            elif isinstance(body, Lease):
                self._leased(body)
            else:
                event = Event(topic, header, body)
                for ready, _ in self.direct.admit(topic, header, (event, frames[-1]), self.clock.monotonic_ns()):
                    self._order(ready)
                if header.seq <= self.direct.last[topic][1]:
                    self._send([b"", b"ack.", self.passing("ack.", Ack(event.ref), self.clock.now_ns())])

    def _leased(self, lease: Lease) -> None:
        self._lease = lease
        self._lease_ns = self.clock.monotonic_ns()

    def _order(self, event: Event) -> None:
        self.venue.no_entries = self._unleased()
        for body in self.venue.on_order(event.body):
            self._send_report(body, event.header.event_ns, event.ref)
        instrument = getattr(event.body, "instrument", SOURCE)
        self.laps.note("venue", instrument, event.header.event_ns, self.woke_ns, self.clock.monotonic_ns())
        self.handled.add(getattr(event.body, "id", ""))

    def _unleased(self) -> str:
        """Why the venue refuses new entries now, as NinjaTrader's side would; empty if the gate is alive and armed."""
        if self._lease.killed:
            return "the gate's kill switch is latched"
        silent_s = (self.clock.monotonic_ns() - self._lease_ns) / SECOND_NS
        return f"no word from the gate for {silent_s:.1f} s" if silent_s > LEASE_S else ""

    def _send(self, frames: list[bytes]) -> None:
        with suppress(zmq.Again):
            self.send(self.link, frames, sockets.NOBLOCK)

    # --- Process ----------------------------------------------------------------------------------------------------------------

    def beat(self) -> None:
        super().beat()
        self.check()

    def state(self) -> dict[str, Any]:
        return super().state() | {"playback": None if self.pace is None else self.pace.state()}

    def take(self, event: Event, frame: bytes) -> None:
        if isinstance(event.body, EvalDone):
            self.done_ns[event.body.instrument] = event.body.bar_ns
            self.awaited.update(event.body.orders)

    def finish_round(self, now_ns: int) -> None:
        for frames in self.outbox.due(now_ns):
            self._send(frames)

    def next_timer_ns(self) -> int:
        due = self.outbox.next_ns()
        return super().next_timer_ns() if due is None else due

    # --- waiting ----------------------------------------------------------------------------------------------------------------

    def _until(self, done: Callable[[], bool], what: str, *, pause_s: float = 1.0) -> None:
        until_ns = self.clock.monotonic_ns() + int(PATIENCE_S * SECOND_NS)
        while not done():
            if self.clock.monotonic_ns() > until_ns:
                raise Transient(f"waited {PATIENCE_S:g} s for {what}; `tapewire status` and the logs show which process hangs")
            self.pump(pause_s)

    def _tell(self, fact: Gap | GivenLevels) -> None:
        """What a journal tells beside its bars. Of a loss the readers find the hole; levels are given as a person gives them."""
        if isinstance(fact, Gap):
            self.stamper.resume(fact.topic, self.stamper.last.get(fact.topic, 0) + fact.last - fact.first + 1)
            return
        levels = {name: price for name, price in msgspec.structs.asdict(fact.levels).items() if price is not None}
        argument = msgspec.json.encode({"instrument": fact.instrument, "date": fact.session, "levels": levels}).decode()
        self._until(lambda: self._taken(argument), f"the tracker to take the levels of {fact.session}", pause_s=0.02)
        # Nobody gives them a second time: until the journal has them, they live in the tracker alone.
        topic = topics.of(topics.LEVELS, fact.instrument)
        with History(self.context, self.reading.to("history"), wait=self._wait) as history:
            self._until(lambda: self._is_kept(topic, history), f"the logger to keep the levels of {fact.session}", pause_s=0.02)

    def _taken(self, argument: str) -> bool:
        try:
            request_control(self.context, self.steering.to("tracker"), "init", argument, timeout_s=1.0)
        except Transient:
            return False
        return True

    def _is_kept(self, topic: str, history: History) -> bool:
        """Whether the journal has the tracker's last message of a topic."""
        try:
            last = request_control(self.context, self.reading.to("control.tracker"), "state", timeout_s=1.0)["last"].get(topic)
        except (Transient, PeerError):
            return False
        return last is not None and any([kept.epoch, kept.seq] == last for kept in history.topics(topic))

    def _hold(self, bar: Bar, pace: Pace, told: Callable[[str], None]) -> None:
        """Wait until the bar is due. Heartbeats, the venue link and the control port go on meanwhile, however long it takes."""
        waited = False
        while (left_ns := pace.wait_ns(bar, self.clock.monotonic_ns())) > 0:
            told(pace.words())
            waited = True
            self.pump(min(left_ns / SECOND_NS, 1.0))
        if waited:
            told(pace.words())

    def _flow(self, bar: Bar) -> None:
        """Hold the next bar while the journal is far behind: the rings must still hold what the logger may request."""
        topic = topics.of(topics.EVAL_DONE, bar.instrument)
        done = self.sequencer.last[topic][1]
        with History(self.context, self.reading.to("history"), wait=self._wait) as history:
            self._until(
                lambda: any(length.seq >= done - FLOW_BARS for length in history.topics(topic)),
                "the logger to catch up",
                pause_s=0.02,
            )

    def _wait(self, socket: zmq.Socket[bytes], timeout_s: float) -> bool:
        if not socket.poll(0):
            self.pump(min(timeout_s, 0.005))
        return bool(socket.poll(0))

    def _gate_has_read(self, topic: str) -> bool:
        """A gate that follows open equity must have read the bar before the next one's fills; only its state shows that."""
        try:
            seen = request_control(self.context, self.reading.to("control.gate"), "state", timeout_s=1.0)["seen"]
        except (Transient, PeerError):
            return False
        return bool(seen.get(topic, [0, 0])[1] >= self.stamper.last[topic])

    def _all_read(self) -> bool:
        states = []
        for name in READERS:
            try:
                states.append(request_control(self.context, self.reading.to(f"control.{name}"), "state", timeout_s=1.0))
            except (Transient, PeerError):
                return False
        states.append(self.state())
        written = {topic: at for state in states for topic, at in state["last"].items()}
        for state in states:
            subscribed = {topic for topic in written if topics.matches(topic, tuple(state["subscribe"]))}
            if any(state["seen"].get(topic, [0, 0]) < written[topic] for topic in subscribed):
                return False
            if any(state.get("pending", {}).values()):
                return False
        return True


def _refusing(code: str, text: str) -> Callable[[str], object]:
    def refuse(argument: str) -> object:
        raise Refused(code, text)

    return refuse
