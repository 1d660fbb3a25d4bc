"""`init`: levels of a person stand where no bar gives one, are told as given, and are taken alike by whoever folds the journal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tapewire.bus import topics
from tapewire.bus.daemon import Event, Publish
from tapewire.bus.errors import Refused
from tapewire.bus.messages import Bar, GivenLevels, Header, Levels, Session
from tapewire.bus.stamp import Stamper
from tapewire.bus.voice import Voice
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.tracker import init, shown
from tapewire.daemons.tracker.core import Tracker
from tapewire.replay import runs, tapes
from tapewire.replay.days.process import Days
from tapewire.replay.sources.recording import Recording
from tests.runs import SESSION, bar, conf

PDH = Levels(pdh=120.0, pdl=90.0)
TOPIC = "levels.MNQ."


class Tracked:
    """A tracker as its process has it: what it publishes, with headers."""

    def __init__(self) -> None:
        self.core = Tracker({"MNQ": Calendar()})
        self.voice = Voice(Stamper("tracker"))
        self.nt = Stamper("nt")
        self.said: list[tuple[Header, Any]] = []

    def step(self, event: Event) -> None:
        for output in self.core.step(event):
            assert isinstance(output, Publish)
            self.said.append((self.voice.header(event, output), output.body))

    def bar(self, bar: Bar) -> Session:
        self.step(Event("raw.bar.MNQ.1m.", self.nt.header("raw.bar.MNQ.1m.", bar.close_ns), bar))
        return self.last(Session)

    def init(self, **argument: object) -> object:
        accepted = init.accepted(self.core, json.dumps(argument))
        if accepted.body is not None:
            self.step(Event(accepted.topic, Header(1, "tracker", 1, 0, 0), accepted.body))
        return accepted.reply

    def last(self, kind: type[Any]) -> Any:
        return next(body for _, body in reversed(self.said) if isinstance(body, kind))


def night(minute: int, high: float = 105.0) -> Bar:
    return replace(bar(minute), high=high)


def test_a_given_level_stands_where_no_bar_gives_one() -> None:
    """And it is told as given; the reply is the promised one."""
    tracked = Tracked()
    assert tracked.bar(night(100)).levels.pdh is None

    reply = tracked.init(date=SESSION, levels={"pdh": 120.0, "pdl": 90.0, "overnight_high": 200.0})
    s = tracked.bar(night(101))

    assert reply == {"status": "ok", "session_id": f"{SESSION}-MNQ"}
    assert (s.levels.pdh, s.levels.pdl, s.levels.overnight_high) == (120.0, 90.0, 105.0)
    assert s.given == ("pdh", "pdl")


def test_a_bar_that_gives_the_level_takes_its_place() -> None:
    """London opens at 02:01: until then the given price stands."""
    tracked = Tracked()
    tracked.init(date=SESSION, levels={"london_high": 150.0})

    before, after = tracked.bar(night(120)), tracked.bar(night(121))

    assert (before.levels.london_high, before.given) == (150.0, ("london_high",))
    assert (after.levels.london_high, after.given) == (105.0, ())


def test_a_second_init_replaces_the_first() -> None:
    """All of it; the same again is no second fact."""
    tracked = Tracked()
    tracked.bar(night(100))
    tracked.init(levels={"pdh": 120.0})
    tracked.init(levels={"pdh": 120.0})
    tracked.bar(night(101))
    tracked.init(levels={"pdh": 120.0})
    tracked.init(levels={"pdl": 90.0})
    s = tracked.bar(night(102))

    assert (s.levels.pdh, s.levels.pdl, s.given) == (None, 90.0, ("pdl",))
    assert [body.levels for _, body in tracked.said if isinstance(body, GivenLevels)] == [Levels(pdh=120.0), Levels(pdl=90.0)]


def test_levels_of_a_date_to_come_wait_for_it() -> None:
    """They say nothing about today, and the date after has none."""
    tracked = Tracked()
    tracked.bar(night(100))
    tracked.init(date="2027-02-25", levels={"pdh": 120.0})

    today, tomorrow, after = (tracked.bar(night(100 + minute)) for minute in (1, 1440, 2880))

    assert [s.given for s in (today, tomorrow, after)] == [(), ("pdh",), ()]


def recalled(bars: Sequence[Bar], facts: Iterable[tuple[Header, GivenLevels]], *, facts_first: bool) -> Tracked:
    """As a start folds the journal: both topics by market time; at the same time either may come first."""
    tracked = Tracked()
    events = [Event("raw.bar.MNQ.1m.", tracked.nt.header("raw.bar.MNQ.1m.", bar.close_ns), bar) for bar in bars]
    told = [Event(TOPIC, header, body) for header, body in facts]
    for event in sorted([*told, *events] if facts_first else [*events, *told], key=lambda event: event.header.event_ns):
        tracked.step(event)
    return tracked


@pytest.mark.parametrize("facts_first", [True, False])
@pytest.mark.parametrize("places", list(permutations(range(4), 2)), ids=str)
def test_a_start_folds_what_a_person_gave_at_the_same_bars(places: tuple[int, int], facts_first: bool) -> None:
    """Two of them between any bars: every session and every fact comes out as the first time, number, time and cause included."""
    bars = [night(minute) for minute in (100, 101, 102)]
    live = Tracked()
    for at in range(4):
        for number, place in enumerate(sorted(places)):
            if place == at:
                live.init(date=SESSION, levels={"pdh": 120.0 + number})
        if at < 3:
            live.bar(bars[at])
    facts = [(header, body) for header, body in live.said if isinstance(body, GivenLevels)]

    again = recalled(bars, facts, facts_first=facts_first)

    for kind in (Session, GivenLevels):
        found, expected = ([each for each in side.said if isinstance(each[1], kind)] for side in (again, live))
        assert found == expected


@pytest.mark.parametrize(
    ("code", "argument"),
    [
        ("INVALID", "levels"),
        ("INVALID", '{"levels": {"pdh": "high"}}'),
        ("INVALID", '{"levels": {"pdh": 1.0}, "colour": "red"}'),
        ("UNKNOWN_INSTRUMENT", '{"levels": {"pdh": 1.0}, "instrument": "ES"}'),
        ("DATE", '{"levels": {"pdh": 1.0}, "date": "24.02.2027"}'),
        ("DATE", '{"levels": {"pdh": 1.0}, "date": "2027-02-23"}'),
        ("DATE", '{"levels": {"pdh": 1.0}, "date": "2027-02-27"}'),
        ("DATE", '{"levels": {"pdh": 1.0}, "date": "2027-03-31"}'),
        ("LEVELS", '{"levels": {}}'),
        ("LEVELS", '{"levels": {"pdx": 1.0}}'),
        ("LEVELS", '{"levels": {"pdh": -1.0}}'),
        ("LEVELS", '{"levels": {"pdh": 1e300}}'),
        ("LEVELS", '{"levels": {"asia_high": 1.0, "asia_low": 2.0}}'),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(code: str, argument: str) -> None:
    """With a code, what was wrong and what is right."""
    tracked = Tracked()
    tracked.bar(night(100))

    with pytest.raises(Refused, match=f"^{code}: "):
        init.accepted(tracked.core, argument)

    assert tracked.bar(night(101)).given == ()


def test_before_the_first_bar_the_date_must_be_said() -> None:
    """There is no trade date yet that could be meant."""
    with pytest.raises(Refused, match="no bar has come yet"):
        Tracked().init(levels={"pdh": 1.0})


def test_the_state_names_the_session_and_its_fields() -> None:
    """By its id: day type, initial balance, VWAP, bars, acceptance counters, touches, levels and which of them were given."""
    tracked = Tracked()
    tracked.init(date=SESSION, levels={"pdh": 120.0})
    assert shown.sessions(tracked.core) == {}
    tracked.bar(bar(571))

    ((name, state),) = shown.sessions(tracked.core).items()

    assert name == state["session_id"] == f"{SESSION}-MNQ"
    assert {key: state[key] for key in ("day_type", "vwap", "bars", "above", "below", "touches", "given")} == {
        "day_type": "none",
        "vwap": 100.0,
        "bars": 1,
        "above": 0,
        "below": 0,
        "touches": 0,
        "given": ["pdh"],
    }
    assert state["ib"]["high"] == 101.0


def test_a_runs_record_gives_them_again(tmp_path: Path) -> None:
    """The journal of a backtest of its journal, and of its days' folders, is the same, byte for byte."""
    facts = {1: (GivenLevels("MNQ", SESSION, PDH),), 3: (GivenLevels("MNQ", SESSION, Levels(pdc=99.0)),)}
    bars = [replace(night(100 + number), index=number, phase="playback") for number in range(5)]
    recording = Recording("MNQ", "NQ", bars, facts=facts)
    first = tmp_path / "first"
    runs.backtest(conf(), recording, first, lambda share: None)
    days = Days(first, conf())
    while days.round(0, quiet=False):
        pass

    def again(data: Path, name: str) -> dict[str, bytes]:
        found, _ = runs.read(data, "MNQ", lambda share: None)
        runs.backtest(conf(), found, tmp_path / name, lambda share: None)
        return {path.name: path.read_bytes() for path in (tmp_path / name / "journal").iterdir()}

    expected = {path.name: path.read_bytes() for path in (first / "journal").iterdir()}
    opening = json.loads((first / "days" / "2027" / "02" / "24" / "session_init.json").read_bytes())["instruments"]["MNQ"]

    given = [s.given for s in tapes.facts(first, topics.SESSION, Session)]
    assert given == [(), ("pdh", "pdl"), ("pdh", "pdl"), ("pdc",), ("pdc",)]
    assert again(first, "journal") == expected
    assert again(first / "days", "days") == expected
    assert [each["levels"] for each in opening["given"]] == [{"pdh": 120.0, "pdl": 90.0}, {"pdc": 99.0}]
