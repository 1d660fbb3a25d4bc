"""A second durable daemon through the real runner, which does not name it: log, service, requests, notes and epochs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from tapewire.bus import sockets, wire
from tapewire.bus.client import Reader, ask_control
from tapewire.bus.daemon import ref
from tapewire.bus.errors import PeerError, Transient
from tapewire.bus.messages import Alarm, Arm, Body, Header
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import epochs, latch
from tests import bridges, tally

pytestmark = pytest.mark.slow

PATIENCE_S = 30.0


class Desk:
    """The daemon, somebody who sends it words, the service that it asks, and a reader of its facts."""

    def __init__(self, conf: Conf, run: Path) -> None:
        self.conf = conf
        self.run = run
        self.facts: list[tuple[int, int, str, str]] = []  # epoch, number, and the words of each fact
        self.replied_to: list[str] = []
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.dealer = sockets.asker(self.context, conf.bus.address(tally.NAME), "anna")
        self.gate = sockets.owner(self.context, conf.bus.address(tally.ASKS))
        self.reader = Reader(self.context, conf.bus.address("broker.out"), (tally.FACTS,))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.tally", "--run", str(self.run)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.until(lambda: self.state().get("note") == "ready")

    def stop(self, *, kill: bool = False) -> int:
        """End it. Returns its exit status."""
        process, self.process = self.process, None
        if process is None:
            return 0
        (process.kill if kill else process.terminate)()
        return process.wait(20)

    def send(self, number: int) -> bytes:
        """Send the word of this number until it is answered. Returns the answer's frame."""
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
        """As the gate's service: reply to the oldest request that has come. False without one, or if its sender has died since."""
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

    def until(self, holds: Callable[[], bool]) -> None:
        """Read facts until it holds."""
        until = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < until, f"it has published {self.facts}"
            for message, _ in self.reader.receive(0.02):
                if isinstance(message.body, Alarm):
                    self.facts.append((message.header.epoch, message.header.seq, message.body.name, message.body.text))

    def state(self) -> dict[str, object]:
        try:
            return dict(ask_control(self.context, self.conf.bus.address(f"control.{tally.NAME}"), "state", timeout_s=1.0))
        except (Transient, PeerError):
            return {}


@pytest.fixture
def desk(home: Path, tmp_path: Path) -> Iterator[Desk]:
    conf = bridges.conf()
    with bridges.bus(conf, tmp_path / "broker", ("broker",)):
        made = Desk(epochs.begin(conf, prepared(tmp_path / "run"), {tally.NAME: tally.daemon}), tmp_path / "run")
        made.until(lambda: made.reader.joined)
        made.start()
        yield made
        made.stop(kill=True)
        made.context.destroy(linger=0)


def prepared(run: Path) -> Path:
    run.mkdir()
    return run


def words(frame: bytes) -> tuple[str, str]:
    body: Body = wire.decode(frame)[1]
    assert isinstance(body, Alarm)
    return body.name, body.text


def test_a_killed_daemon_goes_on_from_its_log(desk: Desk) -> None:
    """It counts on, gives a repeated request its stored answer, and publishes nothing twice: neither what a request led to nor what
    a time-out did."""
    desk.send(1)
    desk.until(lambda: len(desk.facts) == 2)
    second = desk.send(2)
    desk.until(lambda: len(desk.facts) == 4)

    desk.stop(kill=True)
    desk.start()

    assert desk.send(2) == second
    assert words(desk.send(3)) == ("count", "3")
    desk.until(lambda: len(desk.facts) == 6)
    assert desk.facts == [
        (1, 1, "count", "1"),
        (1, 2, "due", "1"),
        (1, 3, "count", "2"),
        (1, 4, "due", "2"),
        (1, 5, "count", "3"),
        (1, 6, "due", "3"),
    ]


def test_a_request_that_has_its_answer_is_not_sent_again(desk: Desk) -> None:
    """Of two requests one is answered. After a restart only the other is under way."""
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
    """The daemon takes it when it starts, and has it in its log from then on."""
    desk.stop(kill=True)
    latch.write(desk.run / tally.LATCH.file, "anna")
    desk.start()
    desk.until(lambda: len(desk.facts) == 1)

    desk.stop(kill=True)
    desk.start()
    desk.send(1)

    desk.until(lambda: len(desk.facts) == 3)
    assert [fact[2:] for fact in desk.facts] == [("closed", "anna"), ("count", "1"), ("due", "1")]


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_the_next_epoch_goes_on_with_what_the_last_one_left(desk: Desk, kill: bool) -> None:
    """Stopped, it has written its state down; killed, its log is folded. It hears of the new epoch and counts on."""
    desk.send(1)
    desk.until(lambda: len(desk.facts) == 2)

    status = desk.stop(kill=kill)
    epochs.begin(desk.conf, desk.run, {tally.NAME: tally.daemon})
    desk.start()

    assert status == (-9 if kill else 0)
    assert words(desk.send(2)) == ("count", "2")
    desk.until(lambda: len(desk.facts) == 5)
    assert desk.facts[2:] == [(2, 1, "begun", "2"), (2, 2, "count", "2"), (2, 3, "due", "2")]
