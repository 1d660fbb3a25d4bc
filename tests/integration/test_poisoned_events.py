"""An event on which a core raises, through the real runner: it is set aside, and no later life of the daemon takes it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tapewire.bus import sockets, wire
from tapewire.bus.errors import JournalError, Transient
from tapewire.bus.messages import Alarm, Arm, Header
from tapewire.daemons.shell import latch
from tapewire.daemons.shell.aside import PoisonedEvent
from tests import tally
from tests.integration.test_second_daemon import Desk, desk, words

__all__ = ["desk"]

pytestmark = pytest.mark.slow

ALARM = "sys.alarm.tracker."


def word(number: int, by: str = "anna") -> bytes:
    return wire.encode(Header(1, "anna", 1, number, 1_000 * number), Arm(by))


def ended(desk: Desk) -> int:
    """Wait until the process has ended. Returns its exit status."""
    process, desk.process = desk.process, None
    assert process is not None
    return process.wait(30)


def set_aside(run: Path) -> list[PoisonedEvent]:
    lines = (run / "poisoned" / "tracker.jsonl").read_bytes().splitlines()
    return [msgspec.json.decode(line, type=PoisonedEvent) for line in lines]


def alarms(desk: Desk) -> list[Alarm]:
    return [body for body in desk.bodies(ALARM) if isinstance(body, Alarm)]


def test_a_daemon_that_folds_the_journal_goes_on_without_the_event(desk: Desk) -> None:
    """It ends once with a status on which supervisord starts it again. Its state is that of the other events, and the alarm has one
    number in all its lives."""
    desk.options = ("--folds",)
    desk.stop()
    desk.start()
    with sockets.publisher(desk.context, desk.anna.to("broker.in")) as out:
        assert out.poll(10_000)
        for number, by in ((1, "anna"), (2, "poison"), (3, "anna")):
            out.send_multipart((tally.WORDS.encode(), word(number, by)))

        status = ended(desk)
        desk.start()
        desk.until(lambda: len(desk.facts()) == 2)
        desk.stop(kill=True)
        desk.start()
        out.send_multipart((tally.WORDS.encode(), word(4)))
        desk.until(lambda: len(desk.facts()) == 3)

    assert status == Transient.status
    assert [fact[1:] for fact in desk.facts()] == [(1, "count", "1"), (2, "count", "2"), (3, "count", "3")]
    assert [event.ref for event in set_aside(desk.run)] == ["word.@1:2"]
    assert alarms(desk) == [Alarm("poisoned", set_aside(desk.run)[0].text)]
    assert "KeyError at tests/tally.py:" in alarms(desk)[0].text
    assert desk.state()["poisoned"] == 1
    assert "Traceback" not in (desk.run / "tally.log").read_text()


def test_a_durable_daemon_stays_down_and_starts_latched(desk: Desk) -> None:
    """Its status asks for a person. When it is started again it goes on without the event, and its latch is closed."""
    desk.send(1)
    sockets.send(desk.dealer, (b"", b"word.", word(2, "poison")))

    status = ended(desk)
    latched = latch.read(desk.run / tally.LATCH.file)
    desk.start()
    desk.stop(kill=True)
    desk.start()
    answer = wire.decode(desk.send(3))[1]

    assert status == JournalError.status
    assert latched == set_aside(desk.run)[0].text
    assert [event.ref for event in set_aside(desk.run)] == ["word.@1:2"]
    assert words(answer) == ("count", "2")
    desk.until(lambda: ("closed", latched) in [fact[2:] for fact in desk.facts()])
    desk.until(lambda: alarms(desk) == [Alarm("poisoned", latched)])
    assert "Traceback" not in (desk.run / "tally.log").read_text()
