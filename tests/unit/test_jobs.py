"""Verbs that take a while: in slices, one after the other, bounded in number and in time."""

from __future__ import annotations

import pytest

from tapewire.bus.clock import ManualClock
from tapewire.bus.daemon import Job
from tapewire.bus.messages import Control, Report
from tapewire.daemons.shell.jobs import LIMIT_NS, MOST, Jobs


def counting(argument: str) -> Job:
    """Works for as many slices as its argument says; its answer is the last one's number, or -1 if it took too long."""
    try:
        for _ in range(int(argument)):
            yield None
        yield int(argument)
    except TimeoutError:
        yield -1


class Desk:
    """Jobs of one kind, a clock, and the reports that were sent."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.jobs = Jobs({"count": counting}, self.clock)
        self.sent: list[Report] = []

    def ask(self, name: str, argument: str) -> None:
        self.jobs.take(Control(name, "count", argument), self.sent.append)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_round_works_one_slice(desk: Desk) -> None:
    """The answer comes with the slice that ends it; the next question follows then."""
    desk.ask("a", "1")
    desk.ask("b", "0")

    shown = []
    for _ in range(3):
        desk.jobs.advance()
        shown.append([report.id for report in desk.sent])

    assert shown == [[], ["a"], ["a", "b"]]
    assert not desk.jobs
    desk.jobs.advance()


def test_a_question_too_many_is_refused_at_once(desk: Desk) -> None:
    """The others go on."""
    for number in range(MOST + 1):
        desk.ask(str(number), "0")

    assert [(report.id, report.ok) for report in desk.sent] == [(str(MOST), False)]
    assert desk.sent[0].text.startswith("BUSY: ")
    assert len(desk.jobs) == MOST


def test_a_question_ends_with_its_time(desk: Desk) -> None:
    """It answers what is safe."""
    desk.ask("a", "1000000")
    desk.jobs.advance()
    desk.clock.advance(LIMIT_NS + 1)

    desk.jobs.advance()

    assert desk.sent == [Report("a", True, "-1")]


def test_a_job_that_raises_is_refused_and_ends_nothing(desk: Desk) -> None:
    """A bug in it is told with its class."""
    desk.ask("a", "many")
    desk.ask("b", "0")

    desk.jobs.advance()
    desk.jobs.advance()

    assert [(report.id, report.ok) for report in desk.sent] == [("a", False), ("b", True)]
    assert desk.sent[0].text.startswith("INTERNAL: ValueError")
