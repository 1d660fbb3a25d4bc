"""OR Reversal (playbook 3.7): the opening range's extreme at an earlier level, before the initial balance is complete."""

from __future__ import annotations

from typing import Any

import pytest

from tapewire.bus.messages import Range, Session
from tapewire.strategies.protocol import Proposal
from tests.scenes import PRESETS, clock_range, propose, scene, strategy

ALL = PRESETS
RUNNING = ("absolute", "adaptive")
# OR30 20,950 to 21,050 (W 100), OR15 the same, so both middles are 21,000; the drive came back to where it began.
OPENING: dict[str, Any] = {
    "or30": clock_range(20_950.0, 21_050.0, bars=30),
    "or15": clock_range(20_950.0, 21_050.0, bars=15),
    "drive": clock_range(20_990.0, 21_010.0, bars=5),
    "vwap": 21_000.0,
    "day_type": "none",
}
SHORT: dict[str, Any] = {**OPENING, "close": 20_990.0, "flow": {"delta": -100.0}, "levels": {"pdh": 21_050.0}}
LONG: dict[str, Any] = {**OPENING, "close": 21_010.0, "flow": {"delta": 100.0}, "levels": {"pdl": 20_950.0}}
SELLERS = {"delta": -100.0}


def opening(high: float, low: float = 20_950.0) -> dict[str, Any]:
    """Another OR30 with the same OR15 and middle of 21,000 where it is asked."""
    return {"or30": clock_range(low, high, bars=30)}


def proposal(preset: str, bar: dict[str, Any], changes: dict[str, Any], **parameters: Any) -> Proposal | None:
    """The result at 10:05, five bars after a bar that had already made both extremes."""
    last = scene(**{"at": "10:05", **bar, **changes})
    return propose(strategy("or_reversal", preset, **parameters), *with_earlier(last), last)


def with_earlier(last: Session, bars: int = 5) -> list[Session]:
    """One bar, so many bars earlier, that stood at the same range."""
    minute = last.minute - bars
    return [scene(f"{minute // 60:02}:{minute % 60:02}", **{**OPENING, "or30": last.or30})]


def drive(start: float, end: float) -> Range:
    """An opening drive of 100 points from `start` to `end`."""
    return Range(21_050.0, 20_950.0, open=start, close=end, bars=5, final=True, valid=True)


EDGES: list[tuple[tuple[str, ...], dict[str, Any], dict[str, Any], bool]] = [
    # middle: strictly across it
    (ALL, SHORT, {"close": 20_999.75}, True),
    (ALL, SHORT, {"close": 21_000.0}, False),
    (ALL, LONG, {"close": 21_000.25}, True),
    (ALL, LONG, {"close": 21_000.0}, False),
    # delta on the trade's side
    (ALL, SHORT, {"flow": {"delta": -1.0}}, True),
    (ALL, SHORT, {"flow": {"delta": 0.0}}, False),
    (ALL, LONG, {"flow": {"delta": 1.0}}, True),
    (ALL, LONG, {"flow": {"delta": 0.0}}, False),
    (ALL, LONG, {"flow": {"present": False}}, False),
    # drive: at most 0.4 for a short, at least -0.4 for a long
    (ALL, SHORT, {"drive": drive(20_960.0, 21_000.0)}, True),
    (ALL, SHORT, {"drive": drive(20_960.0, 21_000.25)}, False),
    (ALL, LONG, {"drive": drive(21_000.0, 20_960.0)}, True),
    (ALL, LONG, {"drive": drive(21_000.25, 20_960.0)}, False),
    (ALL, SHORT, {"drive": clock_range(21_000.0, 21_000.0, bars=5)}, True),  # flat: 0
    (ALL, SHORT, {"drive": clock_range(20_990.0, 21_010.0, bars=3, valid=False)}, False),
    (ALL, SHORT, {"drive": None}, False),
    # which levels count for which side
    (ALL, SHORT, {"levels": {"overnight_high": 21_050.0}}, True),
    (ALL, SHORT, {"levels": {"asia_high": 21_050.0}}, True),
    (ALL, SHORT, {"levels": {"london_high": 21_050.0, "premarket_high": 21_050.0, "pdl": 21_050.0}}, False),
    (ALL, LONG, {"levels": {"overnight_low": 20_950.0}}, True),
    (ALL, LONG, {"levels": {"asia_low": 20_950.0}}, True),
    (ALL, LONG, {"levels": {"london_low": 20_950.0, "premarket_low": 20_950.0, "pdh": 20_950.0}}, False),
    (ALL, SHORT, {"levels": {}}, False),
    # distance to the level, on either side of it
    (("seed",), SHORT, {"levels": {"pdh": 21_080.0}}, True),
    (("seed",), SHORT, {"levels": {"pdh": 21_080.25}}, False),
    (("seed",), SHORT, {"levels": {"pdh": 21_020.0}}, True),
    (("seed",), SHORT, {"levels": {"pdh": 21_019.75}}, False),
    (("absolute",), SHORT, {"levels": {"pdh": 21_069.75}}, True),
    (("absolute",), SHORT, {"levels": {"pdh": 21_070.0}}, False),
    (("adaptive",), SHORT, {"levels": {"pdh": 21_066.75}}, True),
    (("adaptive",), SHORT, {"levels": {"pdh": 21_067.0}}, False),
    (("seed",), LONG, {"levels": {"pdl": 20_920.0}}, True),
    (("seed",), LONG, {"levels": {"pdl": 20_919.75}}, False),
    (("absolute",), LONG, {"levels": {"pdl": 20_930.25}}, True),
    (("absolute",), LONG, {"levels": {"pdl": 20_930.0}}, False),
    (("adaptive",), LONG, {"levels": {"pdl": 20_933.25}}, True),
    (("adaptive",), LONG, {"levels": {"pdl": 20_933.0}}, False),
    # distance of the close to VWAP
    (("seed", "absolute"), SHORT, {"vwap": 21_010.0}, True),
    (("seed", "absolute"), SHORT, {"vwap": 21_010.25}, False),
    (("adaptive",), SHORT, {"vwap": 21_007.0}, True),
    (("adaptive",), SHORT, {"vwap": 21_007.25}, False),
    (ALL, SHORT, {"vwap": None}, False),
    # least width
    (("seed", "adaptive"), SHORT, {"or30": clock_range(21_000.0, 21_000.0, bars=30), "levels": {"pdh": 21_000.0}}, False),
    (
        ("absolute",),
        SHORT,
        {"or30": clock_range(20_990.0, 21_000.0, bars=30), "levels": {"pdh": 21_000.0}, "close": 20_995.0},
        True,
    ),
    (
        ("absolute",),
        SHORT,
        {"or30": clock_range(20_990.25, 21_000.0, bars=30), "levels": {"pdh": 21_000.0}, "close": 20_995.0},
        False,
    ),
    # risk, stop - C: absolute 5 to 200
    (("absolute",), SHORT, {**opening(20_994.0, 20_974.0), "levels": {"pdh": 20_994.0}, "close": 20_992.0}, True),  # 5
    (("absolute",), SHORT, {**opening(20_994.0, 20_974.0), "levels": {"pdh": 20_994.0}, "close": 20_992.25}, False),
    (("absolute",), SHORT, {**opening(21_160.0, 20_960.0), "levels": {"pdh": 21_160.0}, "close": 20_990.0}, True),  # 200
    (("absolute",), SHORT, {**opening(21_160.0, 20_960.0), "levels": {"pdh": 21_160.0}, "close": 20_989.75}, False),
    (("absolute",), LONG, {**opening(21_040.0, 20_840.0), "levels": {"pdl": 20_840.0}, "close": 21_010.0}, True),
    (("absolute",), LONG, {**opening(21_040.0, 20_840.0), "levels": {"pdl": 20_840.0}, "close": 21_010.25}, False),
    # adaptive: 0.03W to 1.3W; the close lies 12 beyond the high (risk 3) or 115 below it (risk 130)
    (("adaptive",), SHORT, {**opening(20_980.0, 20_880.0), "levels": {"pdh": 20_980.0}, "close": 20_992.0}, True),
    (("adaptive",), SHORT, {**opening(20_980.0, 20_880.0), "levels": {"pdh": 20_980.0}, "close": 20_992.25}, False),
    (("adaptive",), SHORT, {**opening(21_105.0, 21_005.0), "levels": {"pdh": 21_105.0}, "close": 20_990.0}, True),
    (("adaptive",), SHORT, {**opening(21_105.0, 21_005.0), "levels": {"pdh": 21_105.0}, "close": 20_989.75}, False),
    # time
    (("seed",), SHORT, {"at": "10:01"}, True),
    (("seed",), SHORT, {"at": "10:00"}, False),
    (RUNNING, SHORT, {"at": "10:00"}, True),
    (RUNNING, SHORT, {"at": "09:46"}, True),
    (RUNNING, SHORT, {"at": "09:45"}, False),
    (ALL, SHORT, {"at": "10:30"}, True),
    (ALL, SHORT, {"at": "10:31", "k": None}, False),
    # validity of the ranges
    (("seed",), SHORT, {"or30": clock_range(20_950.0, 21_050.0, bars=24, valid=False)}, False),
    (RUNNING, SHORT, {"or30": clock_range(20_950.0, 21_050.0, bars=24, valid=False)}, True),
    (RUNNING, SHORT, {"or15": clock_range(20_950.0, 21_050.0, bars=11, valid=False)}, False),
    (("seed",), SHORT, {"or15": clock_range(20_950.0, 21_050.0, bars=11, valid=False)}, True),
]


@pytest.mark.parametrize(("presets", "bar", "changes", "enters"), EDGES)
def test_each_threshold_has_two_sides(presets: tuple[str, ...], bar: dict[str, Any], changes: dict[str, Any], enters: bool) -> None:
    """Right at each threshold the bar enters or not, exactly as strict as the playbook says for this variant."""
    for preset in presets:
        assert (proposal(preset, bar, changes) is not None) is enters, preset


@pytest.mark.parametrize(("risk", "enters"), [(0.25, True), (0.0, False)])
def test_confirmed_requires_some_risk(risk: float, enters: bool) -> None:
    """seed: risk > 0. With a stop beyond the range that always holds, so the stop is pulled in here."""
    answer = proposal("seed", LONG, {"close": 21_010.0}, stop_beyond_w=-0.6 + risk / 100)

    assert (answer is not None) is enters


@pytest.mark.parametrize(
    ("preset", "or30", "or15", "enters"),
    [
        # the close, 20,990, lies below 21,000 but not below 20,980
        ("seed", (20_950.0, 21_050.0), (20_920.0, 21_040.0), True),
        ("seed", (20_910.0, 21_050.0), (20_950.0, 21_050.0), False),
        ("absolute", (20_950.0, 21_050.0), (20_920.0, 21_040.0), False),
        ("absolute", (20_910.0, 21_050.0), (20_950.0, 21_050.0), True),
    ],
)
def test_the_middle_is_that_of_the_variants_range(
    preset: str, or30: tuple[float, float], or15: tuple[float, float], enters: bool
) -> None:
    """Confirmed crosses the middle of OR30, running that of OR15."""
    ranges = {"or30": clock_range(*or30, bars=30), "or15": clock_range(*or15, bars=15)}

    assert (proposal(preset, SHORT, ranges) is not None) is enters


@pytest.mark.parametrize("preset", RUNNING)
@pytest.mark.parametrize(("age", "enters"), [(0, False), (1, True), (29, True), (30, False)])
def test_running_requires_an_extreme_of_some_age(preset: str, age: int, enters: bool) -> None:
    """1 to 29 RTH bars since the first bar that made it; the bar that makes it cannot enter."""
    last = scene("10:16", **SHORT)
    before = [scene("09:31", **{**OPENING, **opening(21_049.75)}), *with_earlier(last, age)] if age else []

    assert (propose(strategy("or_reversal", preset), *before, last) is not None) is enters


def test_confirmed_requires_no_age() -> None:
    """seed takes an extreme of any age."""
    last = scene("10:30", **SHORT)

    assert propose(strategy("or_reversal", "seed"), *with_earlier(last, 58), last) is not None


def test_a_second_touch_of_the_extreme_does_not_make_it_younger() -> None:
    """The age counts from the first bar that made it."""
    bars = [scene(at, **{**OPENING, **SHORT}) for at in ("09:40", "09:55", "10:10")]

    assert propose(strategy("or_reversal", "absolute"), *bars) is None


def test_each_side_has_an_age_of_its_own() -> None:
    """A new high does not prevent a long at an old low."""
    bars = [scene("09:50", **{**LONG, **opening(21_040.0)}), scene("10:00", **LONG)]
    answer = propose(strategy("or_reversal", "absolute"), *bars)

    assert answer is not None
    assert answer.direction == "LONG"


def test_the_two_sides_mirror_each_other() -> None:
    """Stop 0.15W beyond the extreme, target twice the risk. The sign of the delta decides the side."""
    short, long = proposal("seed", SHORT, {}), proposal("seed", LONG, {})

    assert short is not None
    assert long is not None
    assert (short.setup, short.direction, short.stop, short.target) == ("OR_REVERSAL_SHORT", "SHORT", 21_065.0, 20_840.0)
    assert (long.setup, long.direction, long.stop, long.target) == ("OR_REVERSAL_LONG", "LONG", 20_935.0, 21_160.0)


def test_it_has_no_score_and_no_day_type() -> None:
    """Before the initial balance there is neither; confidence is high."""
    answer = proposal("seed", SHORT, {"day_type": "b_day", "scores": {"b_day": 1.0}})

    assert answer is not None
    assert (answer.strategy, answer.day_type, answer.day_confidence, answer.confidence) == ("OR Reversal", "none", 0.0, "high")
    assert answer.reason.startswith("opening range high 21050.00 at pdh 21050.00, close 20990.00 back across the middle")


def test_it_enters_once_a_session_on_either_side() -> None:
    """After a short there is no long that day."""
    reversal = strategy("or_reversal", "seed")
    first = propose(reversal, scene("10:05", **SHORT))
    assert first is not None
    reversal.consume(first)

    assert reversal.propose(scene("10:10", **LONG)) is None
