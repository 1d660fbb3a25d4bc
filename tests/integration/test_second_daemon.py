"""A second durable daemon through the real runner, which does not name it: log, service, requests, notes and epochs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from tapewire.bus import access, keys, sockets, wire
from tapewire.bus.client import History, request_control
from tapewire.bus.errors import PeerError, Transient
from tapewire.bus.messages import Alarm, Arm, Body, Header
from tapewire.bus.stamp import ref
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import epochs, latch
from tapewire.daemons.shell.doors import Doors
from tests import bridges, tally

pytestmark = pytest.mark.slow

PATIENCE_S = 60.0


class Desk:
    """The daemon, a sender of words, the service that it requests from, and the journal of its facts.

    run: the daemon's folder. Keys and sockets in it are those of the broker's run.
    """

    def __init__(self, conf: Conf, run: Path) -> None:
        self.conf = conf
        self.run = run
        self.options: tuple[str, ...] = ()
        self.replied_to: list[str] = []
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.anna, self.reader = access.local(run, "anna"), access.local(run, "reader")
        self.dealer = sockets.requester(self.context, self.anna.to(tally.NAME), "anna")
        self.doors = Doors(self.context, run, conf.bus)
        self.gate = sockets.responder(self.context, self.doors.inside(tally.ASKS))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it has recovered. It is started again, as by supervisord, if it ends meanwhile."""
        command = [sys.executable, "-m", "tests.tally", "tally", "--run", str(self.run), *self.options]

        def ready() -> bool:
            if self.process is None or self.process.poll() is not None:
                with (self.run / "tally.log").open("ab") as log:
                    self.process = subprocess.Popen(command, stdout=log, stderr=log)
            return self.state().get("note") == "ready"

        self.until(ready)

    def stop(self, *, kill: bool = False) -> int:
        """End it. Returns its exit status."""
        process, self.process = self.process, None
        if process is None:
            return 0
        (process.kill if kill else process.terminate)()
        return process.wait(20)

    def send(self, number: int) -> bytes:
        """Send the word of this number until the reply. Returns the reply's frame."""
        header = Header(1, "anna", 1, number, 1_000 * number)
        frames = (b"", b"word.", wire.encode(header, Arm("anna")))
        answers: list[bytes] = []

        def answered() -> bool:
            sockets.send(self.dealer, frames)
            while self.dealer.poll(1_000):
                frame = self.dealer.recv_multipart()[-1]
                if wire.decode(frame)[0].cause == ref("word.", header):
                    answers.append(frame)
                    return True
            return False

        self.until(answered)
        return answers[0]

    def replied(self) -> bool:
        """As the gate's service: reply to the oldest request. False without one, or if its requester has died since."""
        if not self.gate.poll(20):
            return False
        sender, _, topic, frame = self.gate.recv_multipart()
        name = ref(topic.decode(), wire.decode(frame)[0])
        header = Header(1, "gate", 1, len(self.replied_to) + 1, 0, name)
        try:
            sockets.send(self.gate, (sender, b"", b"reply.", wire.encode(header, Alarm("a", "b"))))
        except zmq.ZMQError:
            return False
        self.replied_to.append(name)
        return True

    def facts(self) -> list[tuple[int, int, str, str]]:
        """Its facts in the journal: epoch, number, and the two words of each."""
        with History(self.context, self.reader.to("history"), deadline_s=PATIENCE_S) as history:
            facts = [wire.decode(frame) for frame in history.read(tally.FACTS)]
        return [(header.epoch, header.seq, *words(body)) for header, body in facts]

    def bodies(self, topic: str) -> list[Body]:
        """What the journal has of a topic."""
        with History(self.context, self.reader.to("history"), deadline_s=PATIENCE_S) as history:
            return [wire.decode(frame)[1] for frame in history.read(topic)]

    def until(self, holds: Callable[[], bool]) -> None:
        """Repeat the check until it holds. The bound only ends a test that would never pass."""
        until = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < until, (self.run / "tally.log").read_text()

    def state(self) -> dict[str, object]:
        try:
            return dict(request_control(self.context, self.reader.to(f"control.{tally.NAME}"), "state", timeout_s=1.0))
        except (Transient, PeerError):
            return {}


@pytest.fixture
def desk(home: Path, tmp_path: Path) -> Iterator[Desk]:
    conf = bridges.conf()
    with tally.allowed(), bridges.bus(conf, tmp_path / "broker", module="tests.tally"):
        keys.new(tmp_path / "broker", "anna", tally.SENDER)
        run = linked(tmp_path / "run", tmp_path / "broker")
        made = Desk(epochs.begin(conf, run, {tally.NAME: tally.daemon}), run)
        made.start()
        yield made
        made.stop(kill=True)
        made.doors.close()
        made.context.destroy(linger=0)


def linked(run: Path, to: Path) -> Path:
    """A folder for another daemon on the bus of a run."""
    run.mkdir()
    for name in (keys.FOLDER, access.LINK):
        (run / name).symlink_to((to / name).resolve())
    return run


def words(body: Body) -> tuple[str, str]:
    assert isinstance(body, Alarm)
    return body.name, body.text


def test_a_killed_daemon_goes_on_from_its_log(desk: Desk) -> None:
    """It counts on, gives a duplicate request its stored reply, and publishes nothing twice: neither the outputs of a request nor
    those of a time-out."""
    desk.send(1)
    desk.until(lambda: len(desk.facts()) == 2)
    second = desk.send(2)
    desk.until(lambda: len(desk.facts()) == 4)

    desk.stop(kill=True)
    desk.start()

    assert desk.send(2) == second
    assert words(wire.decode(desk.send(3))[1]) == ("count", "3")
    desk.until(lambda: len(desk.facts()) == 6)
    assert desk.facts() == [
        (1, 1, "count", "1"),
        (1, 2, "due", "1"),
        (1, 3, "count", "2"),
        (1, 4, "due", "2"),
        (1, 5, "count", "3"),
        (1, 6, "due", "3"),
    ]


def test_a_request_that_has_its_answer_is_not_sent_again(desk: Desk) -> None:
    """One of two requests gets a reply. After a restart only the other is pending."""
    desk.send(1)
    desk.until(desk.replied)
    desk.send(2)
    desk.until(lambda: desk.state().get("pending") == {tally.ASKS: 1})

    desk.stop(kill=True)
    desk.start()

    assert desk.state()["pending"] == {tally.ASKS: 1}
    desk.until(desk.replied)
    desk.until(lambda: desk.state().get("pending") == {tally.ASKS: 0})
    assert desk.replied_to == ["wish.@1:1", "wish.@1:2"]


def test_a_latch_that_was_written_meanwhile_is_taken_once(desk: Desk) -> None:
    """The daemon reads it at its start, and has it in its log from then on."""
    desk.stop(kill=True)
    latch.write(desk.run / tally.LATCH.file, "anna")
    desk.start()
    desk.until(lambda: len(desk.facts()) == 1)

    desk.stop(kill=True)
    desk.start()
    desk.send(1)

    desk.until(lambda: len(desk.facts()) == 3)
    assert [fact[2:] for fact in desk.facts()] == [("closed", "anna"), ("count", "1"), ("due", "1")]


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_the_next_epoch_goes_on_with_what_the_last_one_left(desk: Desk, kill: bool) -> None:
    """Stopped, it has written its state; killed, its log is folded. It gets the new epoch as an event and counts on."""
    desk.send(1)
    desk.until(lambda: len(desk.facts()) == 2)

    status = desk.stop(kill=kill)
    epochs.begin(desk.conf, desk.run, {tally.NAME: tally.daemon})
    desk.start()

    assert status == (-9 if kill else 0)
    assert words(wire.decode(desk.send(2))[1]) == ("count", "2")
    desk.until(lambda: len(desk.facts()) == 5)
    assert desk.facts()[2:] == [(2, 1, "begun", "2"), (2, 2, "count", "2"), (2, 3, "due", "2")]
