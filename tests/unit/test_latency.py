"""From laps to figures."""

from __future__ import annotations

import pytest

from tapewire.bus.messages import Bar, Body, Intents, Lap
from tapewire.daemons.operator.latency import Passage, chart, figures, hops, passage, slowest
from tapewire.daemons.shell.laps import MOST, Laps, bar_of
from tests.runs import bar, session

MS = 1_000_000
WAY = Passage("MNQ", 60, (0, 1 * MS), (3 * MS, 6 * MS), (10 * MS, 15 * MS), (21 * MS, 28 * MS), (36 * MS, 45 * MS))


def test_each_hop_lies_between_two_stamps() -> None:
    """Work of the stages, ways between them, and the two sums by one clock."""
    assert {name: ns // MS for name, ns in hops(WAY).items()} == {
        "bridge": 1,
        "> tracker": 2,
        "tracker": 3,
        "> evaluator": 4,
        "evaluator": 5,
        "> gate": 6,
        "gate": 7,
        "> venue": 8,
        "venue": 9,
        "to decision": 12,
        "to signal": 25,
    }


def test_what_is_not_known_gives_no_hop() -> None:
    """A bar without an intent ends at the evaluator, and a stage without a word breaks the ways around it alone."""
    assert set(hops(Passage("MNQ", 60, tracker=(0, 1), evaluator=(2, 3)))) == {
        "tracker",
        "> evaluator",
        "evaluator",
        "to decision",
    }
    assert set(hops(Passage("MNQ", 60, tracker=(0, 1), gate=(2, 3)))) == {"tracker", "gate", "to signal"}


def test_percentiles_are_values_that_occurred() -> None:
    """Nearest rank, the worst among them; the histogram counts all."""
    found = figures(Passage("MNQ", n, tracker=(0, n * MS)) for n in range(1, 1001))["tracker"]

    assert (found.count, found.p50_ms, found.p99_ms, found.p999_ms, found.worst_ms) == (1_000, 500, 990, 999, 1_000)
    assert sum(count for _, count in found.histogram) == 1_000
    assert found.histogram[-1] == (1_024, 488)


def test_one_bar_is_every_percentile() -> None:
    """No rank lies before the first."""
    found = figures([WAY])["gate"]

    assert (found.p50_ms, found.p99_ms, found.worst_ms) == (7, 7, 7)


def test_the_slowest_hop_is_one_of_ours() -> None:
    """Neither the venue, which comes after the signal, nor a way between two clocks."""
    assert slowest(figures([WAY])) == "gate"
    assert slowest({}) == ""


def test_the_chart_has_every_class_between_the_ends() -> None:
    """An empty one is a line as well: the gap is what a person looks for."""
    found = figures([Passage("MNQ", 1, tracker=(0, 1 * MS)), Passage("MNQ", 2, tracker=(0, 4 * MS))])["tracker"]

    assert [line.split()[2] for line in chart(found)] == ["1", "2", "4"]
    assert [line.split()[-1] for line in chart(found)] == ["1", "0", "1"]


def test_the_first_lap_of_a_stage_counts() -> None:
    """A second one is of a message that was delivered again."""
    laps = [Lap("tracker", "MNQ", 60, 1, 2), Lap("gate", "MNQ", 60, 5, 6), Lap("tracker", "MNQ", 60, 8, 9)]

    assert passage(laps) == Passage("MNQ", 60, tracker=(1, 2), gate=(5, 6))


def test_laps_are_told_once_in_wall_clock_time() -> None:
    """Of more than a heartbeat may hold, the newest."""
    laps = Laps()
    for number in range(MOST + 1):
        laps.note("tracker", "MNQ", number, number, number + 5)
    taken = laps.take(1_000)

    assert len(taken) == MOST
    assert taken[0] == Lap("tracker", "MNQ", 1, 1_001, 1_006)
    assert laps.take(1_000) == ()


@pytest.mark.parametrize(
    ("body", "known"),
    [
        (bar(600), True),
        (session(600), True),
        (Intents("MNQ-1", "MNQ", "2027-02-24", bar(600).close_ns, 1, 100.0, ()), True),
        (Bar("MNQ", 0, 60, 1, 1, 1, 1, 1, phase="historical"), False),
    ],
)
def test_a_bar_of_the_past_is_not_timed(body: Body, known: bool) -> None:
    """Nobody waits for a chart's past."""
    assert bar_of(body) == (("MNQ", bar(600).close_ns) if known else None)
