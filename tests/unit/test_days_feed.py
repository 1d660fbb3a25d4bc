"""Whether bars come, from heartbeats, bars and the clock alone."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tapewire.bus.messages import Bar, FeedStatus
from tapewire.replay.days.feed import LATE_S, NO_BAR_NS, SILENT_NS, FeedWatch
from tapewire.strategies.clock import SECOND_NS
from tests.runs import at, bar

BAR = bar(600)
CAME_NS = at(600) + SECOND_NS


class Watching:
    """A feed of MNQ whose market is open unless said otherwise. Both clocks stand at the seconds given."""

    def __init__(self, told: tuple[FeedStatus, ...] = ()) -> None:
        self.open = True
        self.feed = FeedWatch(["MNQ"], lambda name, wall_ns: self.open, 0, told)

    def bar(self, second: float, bar: Bar = BAR, late_s: float = 1.0) -> None:
        self.feed.bar(bar, int(second * SECOND_NS), bar.close_ns + int(late_s * SECOND_NS))

    def at(self, second: float, *, beating: bool = True) -> list[tuple[str, str]]:
        now_ns = int(second * SECOND_NS)
        if beating:
            self.feed.beat(now_ns)
        return [(each.status, each.text) for each in self.feed.changes(now_ns, CAME_NS)]


@pytest.fixture
def watching() -> Watching:
    return Watching()


def test_a_status_is_told_once_until_it_changes(watching: Watching) -> None:
    """The first look tells it, the next ones nothing."""
    assert watching.at(1) == [("connected", "waiting for the first bar")]
    watching.bar(1.5)
    assert watching.at(2) == []


def test_nothing_is_told_before_a_heartbeat_could_have_come(watching: Watching) -> None:
    """A start knows nothing yet: neither that the bridge is there nor that it is not."""
    assert watching.at(2.9, beating=False) == []
    assert [status for status, _ in watching.at(3, beating=False)] == ["silent"]


def test_without_heartbeats_the_feed_is_silent_and_comes_back(watching: Watching) -> None:
    """Three seconds after the last one; the look a second later is within five."""
    watching.bar(1)
    watching.at(1)

    assert watching.at(3.9, beating=False) == []
    assert watching.at(1 + SILENT_NS / SECOND_NS, beating=False) == [("silent", "the bridge sends no heartbeat")]
    assert watching.at(6) == [("connected", "bars come")]


@pytest.mark.parametrize(
    ("open_", "phase", "told"), [(True, "realtime", ["silent"]), (False, "realtime", []), (True, "playback", [])]
)
def test_an_open_market_without_bars_is_silent(watching: Watching, open_: bool, phase: str, told: list[str]) -> None:
    """A closed market owes none, nor does a bar that was played back."""
    watching.bar(0, replace(BAR, phase=phase))
    watching.at(1)
    watching.open = open_

    assert watching.at(NO_BAR_NS / SECOND_NS - 0.1) == []
    assert [status for status, _ in watching.at(NO_BAR_NS / SECOND_NS)] == told


@pytest.mark.parametrize(("late_s", "status"), [(LATE_S, "connected"), (LATE_S + 0.1, "delayed"), (-3600.0, "connected")])
def test_bars_that_come_late_are_delayed(watching: Watching, late_s: float, status: str) -> None:
    """By how much the newest bar came after its close; a bar that is dated ahead is not late."""
    watching.bar(0, late_s=late_s)

    assert [told for told, _ in watching.at(1)] == [status]


def test_bars_of_the_past_say_nothing(watching: Watching) -> None:
    """A chart's past is old by nature, and a bar that is sent again is no news."""
    watching.bar(0, replace(BAR, phase="historical"), late_s=86_400)
    first = watching.at(1)
    watching.bar(2)
    watching.bar(3, bar(599), late_s=60)

    assert first == [("connected", "waiting for the first bar")]
    assert watching.at(4) == []


def test_what_an_earlier_life_told_is_not_told_again() -> None:
    """The daybook goes on with the last status in the journal."""
    watching = Watching((FeedStatus("MNQ", "silent", "the bridge sends no heartbeat"),))

    assert watching.at(SILENT_NS / SECOND_NS, beating=False) == []
    assert [status for status, _ in watching.at(4)] == ["connected"]
