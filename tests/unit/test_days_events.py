"""Events of a run, from what passes on the bus."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from tapewire.bus.messages import Alarm, Beat, Gap, OpsEvent, Session
from tapewire.replay.days.events import SILENT_NS, STOPPED, Events, Happened, changed
from tests.runs import session


def beat(name: str, started_ns: int = 5, note: str = "ready") -> Beat:
    return Beat(name, 42, started_ns, started_ns + 10, {}, note=note)


def words(told: Iterable[Happened]) -> list[tuple[str, str]]:
    return [(each.event.event, each.event.subject) for each in told]


@pytest.mark.parametrize(("name", "begun", "over"), [("gate", "started", "stopped"), ("nt", "connected", "disconnected")])
def test_a_process_starts_with_its_first_heartbeat_and_stops_with_its_silence(name: str, begun: str, over: str) -> None:
    """Each once; a life after the silence starts again."""
    events = Events()

    assert words(events.beat(beat(name), 0, 10)) == [(begun, name)]
    assert words(events.beat(beat(name), 1, 11)) == []
    assert words(events.look(SILENT_NS)) == []
    assert words(events.look(SILENT_NS + 1)) == [(over, name)]
    assert words(events.look(SILENT_NS + 2)) == []
    assert words(events.beat(beat(name), SILENT_NS + 3, 20)) == [(begun, name)]


def test_a_process_that_ends_in_order_says_so_itself() -> None:
    """Its last heartbeat has the note; nobody waits for the silence."""
    events = Events()
    words(events.beat(beat("gate"), 0, 10))

    assert words(events.beat(beat("gate", note=STOPPED), 1, 11)) == [("stopped", "gate")]
    assert words(events.look(SILENT_NS * 2)) == []


def test_a_new_life_without_a_silence_has_started() -> None:
    """Killed and started again within a second."""
    events = Events()
    words(events.beat(beat("gate", started_ns=5), 0, 10))

    assert words(events.beat(beat("gate", started_ns=30), 1, 40)) == [("started", "gate")]


def test_alarms_and_gaps_are_errors_with_their_cause() -> None:
    """The same message again is no second error; its words are the text."""
    events = Events()
    alarm, gap = Alarm("reconcile", "a person must look"), Gap("raw.bar.MNQ.1m.", 1, 3, 4, "tracker")
    told = [*events.fact("sys.alarm.gate.@1:1", "gate", alarm), *events.fact("sys.gap.tracker.@1:1", "tracker", gap)]

    assert told == [
        Happened(OpsEvent("error", "gate", "reconcile: a person must look"), "sys.alarm.gate.@1:1"),
        Happened(OpsEvent("error", "tracker", "lost raw.bar.MNQ.1m. 3 to 4"), "sys.gap.tracker.@1:1"),
    ]
    assert list(events.fact("sys.alarm.gate.@1:1", "gate", alarm)) == []


def sessions(events: Events, *bars: Session) -> list[tuple[str, str]]:
    return [(each.event.event, each.event.text) for bar in bars for each in events.fact("session.MNQ.@1:1", "tracker", bar)]


def test_a_session_opens_with_its_first_bar_and_closes_with_its_last() -> None:
    """On a half day at its own close."""
    assert sessions(Events(), *(session(minute, closes=780) for minute in (571, 572, 779, 780))) == [
        ("session_opened", "RTH of 2027-02-24, until 13:00"),
        ("session_closed", "RTH of 2027-02-24, at 13:00"),
    ]


def test_a_session_whose_last_bar_is_missing_closes_with_the_next() -> None:
    """And a night without an opening closes nothing."""
    after = replace(session(970), rth=False)

    assert [event for event, _ in sessions(Events(), session(958), after)] == ["session_opened", "session_closed"]
    assert sessions(Events(), after) == []


def test_the_past_of_a_chart_opens_nothing() -> None:
    """Warm-up bars are of days that are over."""
    s = session(571)

    assert sessions(Events(), replace(s, bar=replace(s.bar, phase="historical"))) == []


def test_what_an_earlier_life_told_is_not_told_again() -> None:
    """Of processes that still live, of alarms by their cause, and of sessions."""
    first = Events()
    told = [*first.beat(beat("gate"), 0, 100), *first.fact("sys.alarm.gate.@1:1", "gate", Alarm("a", "b"))]
    told += first.fact("session.MNQ.@1:1", "tracker", session(571))
    second = Events((event, 100, cause) for event, cause in told)

    assert words(second.beat(beat("gate"), 0, 200)) == []
    assert words(second.fact("sys.alarm.gate.@1:1", "gate", Alarm("a", "b"))) == []
    assert sessions(second, session(572)) == []
    assert words(second.beat(beat("gate", started_ns=150), 1, 201)) == [("started", "gate")]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, ["a.c: 2 -> 3"]),
        ({}, {"a": True}, ["a: (absent) -> True"]),
    ],
)
def test_settings_that_differ_are_named(before: Any, after: Any, words: list[str]) -> None:
    """With their path and both values."""
    assert list(changed(before, after)) == words
