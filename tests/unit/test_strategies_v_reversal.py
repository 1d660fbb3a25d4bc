"""V-Reversal (playbook 8): the source's vectors, each threshold on both sides, and that it uses no later bar."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.daemon import Event, Request
from tapewire.bus.errors import ConfError
from tapewire.bus.messages import (
    Bar,
    Body,
    Fill,
    Header,
    Intents,
    OrderEvent,
    OrderStatus,
    Pattern,
    PlaceOrder,
    Position,
    PublicSignal,
    Session,
    Signal,
    StopRounding,
    Suppressed,
    Trade,
)
from tapewire.bus.testing import MINUTE_NS, eastern
from tapewire.daemons.evaluator.core import Evaluator
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.settings import load as configuration
from tapewire.strategies import registry
from tapewire.strategies.protocol import Exit, Proposal, Suppresses
from tapewire.strategies.roster import Independent
from tapewire.strategies.v_reversal import VReversal
from tests.candles import Row, backtest, bars, mirrored, sessions, settings, strategy

DAY = "2025-02-13"  # a Thursday
BIDIRECTIONAL, CLASSIC = "v_reversal_bidirectional", "v_reversal_classic"
ALL_DAY = ("00:00-17:00", "18:00-23:59")

# V1, the source's example: 13:39 to 14:00.
V1: list[Row] = [
    (6105.00, 6106.00, 6104.50, 6105.75),
    (6105.75, 6107.25, 6105.25, 6106.25),
    (6106.25, 6106.50, 6103.00, 6103.50),
    (6103.50, 6104.00, 6101.25, 6101.50),
    (6101.50, 6102.00, 6099.00, 6099.50),
    (6099.50, 6100.25, 6097.00, 6097.25),
    (6097.25, 6098.00, 6095.00, 6095.25),
    (6095.25, 6096.00, 6093.00, 6093.50),
    (6093.50, 6094.25, 6092.00, 6092.25),
    (6092.25, 6093.25, 6091.50, 6093.00),
    (6093.00, 6096.00, 6092.75, 6095.75),
    (6095.75, 6098.50, 6095.25, 6098.25),
    (6098.25, 6100.75, 6098.00, 6100.50),
    (6100.50, 6102.50, 6100.00, 6102.25),
    (6102.25, 6104.00, 6101.75, 6103.75),
    (6103.75, 6105.50, 6103.25, 6105.25),
    (6105.25, 6107.00, 6104.75, 6106.75),
    (6106.75, 6112.00, 6106.50, 6111.50),
    (6111.50, 6112.50, 6110.00, 6111.00),
    (6111.00, 6111.75, 6109.25, 6109.50),
    (6109.50, 6110.50, 6108.00, 6110.00),
    (6110.00, 6113.50, 6109.75, 6113.25),
]
# V3, the smallest pattern: 10:00 to 10:05.
ORIGIN, FALL, EXTREME, RISE, BREAKOUT, RETEST = V3 = [
    (100.0, 100.0, 99.5, 99.75, 500),
    (99.75, 99.75, 98.0, 98.0, 500),
    (98.0, 98.25, 96.0, 96.25, 600),
    (96.25, 98.5, 96.0, 98.25, 500),
    (98.25, 100.75, 98.0, 100.5, 700),
    (100.5, 100.75, 99.75, 100.25, 500),
]
BELOW = (98.0, 98.25, 97.75, 98.0, 500)  # neither a breakout nor a new extreme
ABOVE = (102.0, 102.25, 101.75, 102.0, 500)  # broken out, and not back yet

Table = list[tuple[Any, bool]]
B = TypeVar("B")


def signals(feed: Iterable[Bar], preset: str = BIDIRECTIONAL, **changes: Any) -> list[Proposal]:
    """Every signal of the strategy alone over these bars."""
    alone = Independent([strategy("v_reversal", preset, **changes)], "15:59")
    return [proposal for s in sessions(feed) for proposal in alone.step(s)]


def minimum(rows: list[Row], at: str = "10:00", day: str = DAY, preset: str = BIDIRECTIONAL, **changes: Any) -> list[str]:
    """The ids of the signals on rows that start at a time; every confidence passes unless given."""
    return [each.id for each in signals(bars(at, rows, day=day), preset, **{"min_confidence": 0.0, **changes})]


def bodies(said: list[Event], kind: type[B]) -> list[B]:
    return [event.body for event in said if isinstance(event.body, kind)]


def refusals(feed: Iterable[Bar], preset: str = BIDIRECTIONAL, **changes: Any) -> list[tuple[str, str]]:
    """Reason and detail of everything suppressed."""
    built = strategy("v_reversal", preset, **changes)
    assert isinstance(built, Suppresses)
    alone, told = Independent([built], "15:59"), []
    for s in sessions(feed):
        alone.roster.fold(s)
        told += [(each.reason, each.detail) for each in built.suppressed(s)]
        alone.roster.every(s)
    return told


# --- the source's vectors (playbook 8.4) ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "score", "prefix", "kind", "volume_confirmed"),
    [(CLASSIC, 0.8, "", "V_REVERSAL", False), (BIDIRECTIONAL, 1.0, "BUY_", "BIDIRECTIONAL_V_REVERSAL", False)],
)
def test_vector_v1_the_seeds_example(preset: str, score: float, prefix: str, kind: str, volume_confirmed: bool) -> None:
    """Exactly one BUY on the 13:59 bar, with the source's prices, confidence and id; no SELL."""
    (signal,) = signals(bars("13:39", V1, day=DAY), preset)

    assert signal.id == f"{prefix}20250213_135900_6107.25_6091.50"
    assert (signal.direction, signal.setup, signal.entry, signal.limit) == ("LONG", "V_REVERSAL_BUY", 6110.0, 6110.0)
    assert (signal.stop, signal.stop_rounding, signal.target) == (6103.89, StopRounding.TOWARD, 6113.0)
    assert (signal.score, signal.ttl_minutes) == (score, 30)
    assert signal.pattern == Pattern(kind, "DOWNWARD_V", 6107.25, 6091.5, 6112.0, 15.75, 4.75, 19, volume_confirmed)
    assert signal.reason == (f"down 15.75 from 6107.25 to 6091.50, broke out to 6112.00, back at 6110.00; confidence {score:.3f}")


@pytest.mark.parametrize("preset", [CLASSIC, BIDIRECTIONAL])
def test_vector_v1_without_its_entry_bar_gives_nothing(preset: str) -> None:
    """Causality: the bars of 13:39 to 13:58 give no signal."""
    assert signals(bars("13:39", V1[:20], day=DAY), preset) == []


def test_vector_v2_the_mirrored_sale() -> None:
    """Each price p of V1 becomes 12214.50 - p: one SELL at 13:59."""
    (signal,) = signals(bars("13:39", mirrored(V1, 12214.5), day=DAY))

    assert signal.id == "SELL_20250213_135900_6107.25_6123.00"
    assert (signal.direction, signal.entry, signal.stop, signal.target) == ("SHORT", 6104.5, 6110.6, 6101.5)
    assert signal.score == 1.0
    assert signal.pattern == Pattern(
        "BIDIRECTIONAL_V_REVERSAL", "UPWARD_V", 6107.25, 6123.0, 6102.5, 15.75, 4.75, 19, volume_confirmed=False
    )


@pytest.mark.parametrize(("preset", "score"), [(BIDIRECTIONAL, 0.9), (CLASSIC, 0.7)])
def test_vector_v3_the_smallest_pattern(preset: str, score: float) -> None:
    """BUY at 10:05, move 4.00, strength 0.75; the classic 0.700 equals the threshold and is accepted."""
    (signal,) = signals(bars("10:00", V3, day=DAY), preset)

    assert signal.id.endswith("20250213_100500_100.00_96.00")
    assert signal.pattern is not None
    assert (signal.pattern.move, signal.pattern.strength, signal.score) == (4.0, 0.75, score)


# --- the pattern, on both sides of each threshold (playbook 8.3) -----------------------------------------------------------


@pytest.mark.parametrize(
    ("story", "rows", "found"),
    [
        ("a fall of exactly the threshold", V3, True),
        ("a tick less", [ORIGIN, FALL, (98.0, 98.25, 96.25, 96.25), (96.25, 98.5, 96.25, 98.25), BREAKOUT, RETEST], False),
        ("the origin bar's own low is no fall", [(100, 100, 95.0, 99.75), BELOW, BREAKOUT, RETEST], False),
        ("a breakout one tick beyond the origin", [*V3[:4], (98.25, 100.25, 98.0, 100.0), RETEST], True),
        ("reaching the origin is no breakout", [*V3[:4], (98.25, 100.0, 98.0, 100.0), (100.0, 100.0, 99.75, 100.0)], False),
        (
            "reaching it before the fall makes a new origin",
            [ORIGIN, (99.75, 100.0, 98.0, 98.0), EXTREME, RISE, BREAKOUT, RETEST],
            True,
        ),
        ("the breakout bar is no entry bar", V3[:5], False),
        ("a retest at the ceiling", [*V3[:5], (101.5, 101.75, 101.0, 101.5)], True),
        ("a tick above it", [*V3[:5], (101.5, 101.75, 101.25, 101.5)], False),
        ("a close at the floor", [*V3[:5], (100.5, 100.75, 99.25, 99.5)], True),
        ("a tick below it", [*V3[:5], (100.5, 100.75, 99.0, 99.25)], False),
        ("a later bar may pass where an earlier one failed", [*V3[:5], (100.5, 100.75, 99.0, 99.25), RETEST], True),
        ("a low far below the origin with a close above its floor", [*V3[:5], (100.5, 100.75, 97.0, 99.5)], True),
    ],
)
def test_a_pattern_is_found_or_not(story: str, rows: list[Row], found: bool) -> None:
    """The smallest pattern with one thing changed."""
    assert bool(minimum(rows)) is found, story


@pytest.mark.parametrize(
    ("retest", "found"),
    [
        ((100.5, 101.5, 101.0, 101.25), True),
        ((101.5, 101.75, 101.25, 101.5), False),
        ((100.5, 100.75, 99.0, 99.5), True),
        ((100.5, 100.75, 98.75, 99.5), False),  # the low must be near the origin on both sides
        ((100.5, 100.75, 99.0, 99.0), True),
        ((100.5, 100.75, 98.75, 98.75), False),
    ],
)
def test_the_classic_retest_is_near_the_origin_on_both_sides(retest: Row, found: bool) -> None:
    """Its low within a point of the origin, its close at most a point below."""
    assert bool(minimum([*V3[:5], retest], preset=CLASSIC)) is found


@pytest.mark.parametrize(("invalidate", "found"), [(False, True), (True, False)])
def test_a_close_through_the_floor_ends_the_pattern_only_if_switched_on(invalidate: bool, found: bool) -> None:
    """It is off as shipped: the pattern keeps waiting for its retest."""
    rows = [*V3[:5], (100.5, 100.75, 99.0, 99.25), RETEST]

    assert bool(minimum(rows, invalidate_on_floor_break=invalidate)) is found


@pytest.mark.parametrize(("minutes", "found"), [(14, True), (15, False)])
def test_the_fall_has_fifteen_minutes_with_the_origins_own(minutes: int, found: bool) -> None:
    """An extreme 14 minutes after the origin counts, one 15 minutes after does not."""
    assert bool(minimum([ORIGIN, *[BELOW] * (minutes - 1), EXTREME, RISE, BREAKOUT, RETEST])) is found


@pytest.mark.parametrize(("minutes", "found"), [(30, True), (31, False)])
def test_the_breakout_has_thirty_minutes_after_the_extreme(minutes: int, found: bool) -> None:
    """At the thirtieth it counts, at the thirty-first the pattern is dropped."""
    assert bool(minimum([ORIGIN, FALL, EXTREME, *[BELOW] * (minutes - 1), BREAKOUT, RETEST])) is found


@pytest.mark.parametrize(("minutes", "found"), [(15, True), (16, False)])
def test_the_retest_has_fifteen_minutes_after_the_breakout(minutes: int, found: bool) -> None:
    """At the fifteenth it counts, at the sixteenth the pattern is dropped."""
    assert bool(minimum([*V3[:5], *[ABOVE] * (minutes - 1), RETEST])) is found


def test_a_deeper_low_inside_the_drop_window_is_the_extreme_and_starts_the_clock_again() -> None:
    """The breakout then has its thirty minutes from there."""
    deeper = (98.0, 98.25, 95.0, 96.25)
    rows = [ORIGIN, FALL, EXTREME, *[BELOW] * 11, deeper, *[BELOW] * 29, BREAKOUT, RETEST]

    assert minimum(rows) == ["BUY_20250213_104500_100.00_95.00"]


def test_a_deeper_low_after_the_drop_window_changes_nothing() -> None:
    """The extreme is frozen, and the pattern is not cancelled either."""
    deeper = (98.0, 98.25, 95.0, 96.25)
    rows = [ORIGIN, FALL, EXTREME, *[BELOW] * 12, deeper, BREAKOUT, RETEST]

    assert minimum(rows) == ["BUY_20250213_101700_100.00_96.00"]


def test_the_breakout_bars_own_low_is_not_the_extreme() -> None:
    """It may have come before its high or after it."""
    rows = [ORIGIN, FALL, EXTREME, RISE, (98.25, 100.75, 95.0, 100.5), RETEST]

    assert minimum(rows) == ["BUY_20250213_100500_100.00_96.00"]


def test_one_physical_v_gives_one_signal() -> None:
    """Only a swing high is an origin. Taking every bar for one, as the source did, finds the same V once more."""
    rows: list[Row] = [(99.0, 100.0, 99.0, 99.75), (99.75, 99.75, 99.0, 99.0), (98.0, 98.25, 95.5, 96.0), *V3[3:]]
    feed = bars("10:00", rows, day=DAY)

    assert [each.id for each in signals(feed)] == ["BUY_20250213_100500_100.00_95.50"]
    assert refusals(feed) == []
    assert [reason for reason, _ in refusals(feed, origin_mode="any_bar")] == ["SAME_BAR"]


@pytest.mark.parametrize(("before", "found"), [(14, True), (13, False)])
def test_an_origin_is_at_least_as_high_as_the_fourteen_bars_before(before: int, found: bool) -> None:
    """A higher high fifteen bars earlier no longer matters; it has itself become too old to be an origin."""
    higher = (103.0, 103.25, 99.75, 99.75)

    assert bool(minimum([higher, *[(99.75, 99.75, 99.5, 99.75)] * before, *V3])) is found


@pytest.mark.parametrize(("minutes", "found"), [(5, True), (6, False)])
def test_a_hole_in_the_bars_drops_every_pattern(minutes: int, found: bool) -> None:
    """More than five minutes between two close stamps: the prices in between are missing."""
    after = eastern("10:04", DAY) + minutes * MINUTE_NS
    late = msgspec.structs.replace(bars("10:05", [RETEST], day=DAY)[0], close_ns=after)

    assert bool(signals([*bars("10:00", V3[:5], day=DAY), late])) is found


def test_a_new_session_drops_every_pattern() -> None:
    """18:01 belongs to the next trade date, even if no bar is missing in between."""
    rows = bars("17:56", V3, day=DAY)

    assert minimum(V3, at="17:54", trading_windows=ALL_DAY) == []  # closing: the session ends at 17:00
    assert signals(rows, trading_windows=ALL_DAY, min_confidence=0.0) == []


# --- confidence (playbook 8.4) ----------------------------------------------------------------------------------------------


def scored(preset: str, *, low: float = 96.0, top: float = 100.25, wait: int = 0, volumes: Row = (500, 500, 500)) -> float:
    """The confidence of a pattern with this extreme, this breakout high, so many more minutes, and the three bars' volumes."""
    at_origin, at_extreme, at_breakout = volumes
    rows: list[Row] = [
        (100.0, 100.0, 99.5, 99.75, at_origin),
        (98.0, 98.25, low, 97.0, at_extreme),
        *[(98.0, 98.25, 97.75, 98.0)] * wait,
        (98.25, top, 98.0, 100.0, at_breakout),
        (100.0, 100.25, 99.75, 100.0),
    ]
    (signal,) = signals(bars("09:30", rows, day=DAY), preset, min_confidence=0.0)
    assert signal.score is not None
    return signal.score


@pytest.mark.parametrize(
    ("pattern", "score"),
    [
        ({}, 0.75),  # 0.60, and 0.15 for a duration of 3 minutes
        ({"low": 95.5}, 0.85),
        ({"low": 95.75}, 0.75),
        ({"low": 95.0}, 0.90),
        ({"low": 95.25}, 0.85),
        ({"low": 94.0}, 0.95),
        ({"low": 94.25}, 0.90),
        ({"wait": 9}, 0.75),  # 12 minutes
        ({"wait": 10}, 0.70),
        ({"wait": 17}, 0.70),  # 20 minutes
        ({"wait": 18}, 0.60),
        ({"top": 100.75}, 0.80),
        ({"top": 100.5}, 0.75),
        ({"top": 101.5}, 0.85),
        ({"top": 101.25}, 0.80),
        ({"volumes": (500, 551, 500)}, 0.80),
        ({"volumes": (500, 550, 500)}, 0.75),
        ({"volumes": (500, 500, 551)}, 0.80),
        ({"volumes": (500, 500, 550)}, 0.75),
        ({"volumes": (0, 500, 500)}, 0.75),  # missing volume adds nothing
        ({"low": 94.0, "top": 101.5, "volumes": (500, 600, 700)}, 1.0),  # 0.60 + 0.20 + 0.15 + 0.05 + 0.05 + 0.10, at most 1
    ],
)
def test_confidence_bidirectional(pattern: dict[str, Any], score: float) -> None:
    """Each term on both sides of its threshold."""
    assert scored(BIDIRECTIONAL, **pattern) == score


@pytest.mark.parametrize(
    ("pattern", "score"),
    [
        ({}, 0.7),  # 0.50, 0.10 for the move, 0.10 for the quick breakout
        ({"low": 95.0}, 0.8),
        ({"low": 95.25}, 0.7),
        ({"wait": 13}, 0.7),  # breakout after 15 minutes
        ({"wait": 14}, 0.6),
        ({"top": 101.0}, 0.8),
        ({"top": 100.75}, 0.7),
        ({"volumes": (500, 500, 601)}, 0.8),
        ({"volumes": (500, 500, 600)}, 0.7),
        ({"volumes": (500, 0, 500)}, 0.7),
        ({"low": 95.0, "top": 101.0, "volumes": (500, 500, 601)}, 1.0),
    ],
)
def test_confidence_classic(pattern: dict[str, Any], score: float) -> None:
    """Each term on both sides of its threshold."""
    assert scored(CLASSIC, **pattern) == score


# --- the gates of the strategy (playbook 8.3) -----------------------------------------------------------------------------


@pytest.mark.parametrize("day", [DAY, "2025-07-15"])
@pytest.mark.parametrize(
    ("entry", "signalled"),
    [
        ("02:59", False),
        ("03:00", True),
        ("03:59", True),
        ("04:00", False),
        ("08:59", False),
        ("09:00", True),
        ("10:59", True),
        ("11:00", False),
        ("13:29", False),
        ("13:30", True),
        ("14:59", True),
        ("15:00", False),
    ],
)
def test_windows_are_eastern_wall_clock_time_of_the_entry_bar_in_winter_and_summer(entry: str, signalled: bool, day: str) -> None:
    """Start included, end not, by the bar's own stamp: the machine's clock and zone do not matter."""
    first = eastern(entry, day) - 5 * MINUTE_NS
    feed = [
        msgspec.structs.replace(bar, close_ns=first + number * MINUTE_NS) for number, bar in enumerate(bars("10:00", V3, day=day))
    ]

    assert bool(signals(feed)) is signalled
    assert [reason for reason, _ in refusals(feed)] == ([] if signalled else ["OUTSIDE_WINDOW"])


@pytest.mark.parametrize(
    ("rows", "changes", "refused"),
    [
        (V3, {"enable_buy": False}, ("DIRECTION_OFF", "enable_buy is false")),
        (mirrored(V3, 200.0), {"enable_sell": False}, ("DIRECTION_OFF", "enable_sell is false")),
        (V3, {"enable_sell": False}, None),
        (mirrored(V3, 200.0), {"enable_buy": False}, None),
        (V3, {"trading_windows": ("10:06-11:00",)}, ("OUTSIDE_WINDOW", "10:05 is in none of 10:06-11:00")),
        (V3, {"min_confidence": 0.9}, None),
        (V3, {"min_confidence": 0.901}, ("LOW_CONFIDENCE", "confidence 0.900, at least 0.901 is needed")),
        (V3, {"max_daily_signals": 0}, ("DAILY_CAP", "0 signals on 2025-02-13, at most 0")),
        (V3, {"drop_threshold": 4.25}, ...),
        (V3, {"rise_threshold": 4.25}, None),
        (mirrored(V3, 200.0), {"rise_threshold": 4.25}, ...),
    ],
)
def test_each_gate_refuses_with_its_reason(rows: list[Row], changes: dict[str, Any], refused: Any) -> None:
    """The first that applies is reported. None: the signal is proposed; ...: there is no pattern at all."""
    feed = bars("10:00", rows, day=DAY)

    assert refusals(feed, **changes) == ([] if refused in (None, ...) else [refused])
    assert bool(signals(feed, **changes)) is (refused is None)


@pytest.mark.parametrize(("day", "refused"), [("2025-02-16", [("WEEKEND", "2025-02-16 is no weekday")]), ("2025-02-17", [])])
def test_sunday_evening_is_no_weekday(day: str, refused: list[tuple[str, str]]) -> None:
    """It belongs to Monday's trade date, but the rule is by the Eastern date."""
    assert refusals(bars("19:00", V3, day=day), trading_windows=ALL_DAY) == refused


@pytest.mark.parametrize(
    ("entry", "half_day", "left"),
    [
        ("16:29", False, 30),
        ("16:30", False, 29),
        ("16:58", False, 1),
        ("16:59", False, None),
        ("12:58", True, 1),
        ("12:59", True, None),
    ],
)
def test_nothing_is_begun_that_the_end_of_the_session_would_cut(entry: str, half_day: bool, left: int | None) -> None:
    """The limit works at most to one minute before the close, and from then on there is no signal."""
    feed = bars("10:00", V3, day=DAY)
    shift = eastern(entry, DAY) - feed[-1].close_ns
    moved = [msgspec.structs.replace(bar, close_ns=bar.close_ns + shift) for bar in feed]
    built = strategy("v_reversal", BIDIRECTIONAL, trading_windows=ALL_DAY)
    alone = Independent([built], "15:59")
    calendar = Calendar(half_days={DAY: "13:00"} if half_day else {})
    (found,) = [alone.step(s) for s in sessions(moved, calendar)][-1:]

    assert [each.ttl_minutes for each in found] == ([] if left is None else [left])


def test_a_second_pattern_with_the_same_entry_bar_gives_no_second_signal() -> None:
    """Two nested swings are retested at once; the older one is the signal, the other is suppressed."""
    rows: list[Row] = [ORIGIN, FALL, EXTREME, *[(96.0, 99.5, 95.75, 96.0)] * 15, BREAKOUT, RETEST]
    feed = bars("10:00", rows, day=DAY)
    everything = {"origin_mode": "any_bar", "min_confidence": 0.0}

    assert [each.id for each in signals(feed, **everything)] == ["BUY_20250213_101900_100.00_95.75"]
    reason, detail = refusals(feed, **everything)[0]
    assert (reason, detail) == ("SAME_BAR", "BUY_20250213_101900_100.00_95.75 has the same entry bar and came first")


def many(count: int, day: str = DAY, first: str = "00:30") -> list[Bar]:
    """So many times the smallest pattern, with holes in between that separate them."""
    start = eastern(first, day)
    pattern = bars("10:00", V3, day=day)
    return [
        msgspec.structs.replace(bar, close_ns=start + (number * 15 + place) * MINUTE_NS)
        for number in range(count)
        for place, bar in enumerate(pattern)
    ]


def test_the_forty_first_signal_of_a_date_is_refused_and_midnight_begins_a_new_count() -> None:
    """Forty pass, one is refused; so is the evening's, though its session is the next one; after midnight they pass again."""
    day = many(41)
    evening, night = many(1, first="20:00"), many(1, day="2025-02-14", first="00:30")
    changes = {"trading_windows": ALL_DAY}

    assert len(signals(day, **changes)) == 40
    assert refusals([*day, *evening, *night], **changes) == [("DAILY_CAP", "40 signals on 2025-02-13, at most 40")] * 2
    assert len({each.id for each in signals([*day, *evening, *night], **changes)}) == 41


def test_an_id_is_signalled_once() -> None:
    """However the same pattern completes again: the date's set holds the id."""
    built = strategy("v_reversal", BIDIRECTIONAL)
    assert isinstance(built, VReversal)
    for s in sessions(bars("10:00", V3, day=DAY)):
        built.update(s)
        proposal = built.propose(s)
    assert proposal is not None
    built.emitted.add(proposal.id)

    assert built.propose(s) is None
    assert [(each.reason, each.detail) for each in built.suppressed(s)] == [
        ("DUPLICATE", "BUY_20250213_100500_100.00_96.00 was signalled before")
    ]


def test_only_what_is_consumed_counts() -> None:
    """A signal that could not be taken, because a position was open, uses up neither id nor cap."""
    built = strategy("v_reversal", BIDIRECTIONAL, max_daily_signals=1, trading_windows=ALL_DAY)
    proposals = []
    for s in sessions(many(3)):
        built.update(s)
        proposals.append(built.propose(s))

    assert sum(each is not None for each in proposals) == 3


# --- properties ------------------------------------------------------------------------------------------------------------------


@st.composite
def walks(draw: st.DrawFn) -> list[Bar]:
    """Some hours of a restless market on the tick grid, now and then with a hole."""
    close, at, made = 4000, 0, []
    for up, span, low, volume, hole in draw(
        st.lists(
            st.tuples(
                st.integers(-8, 8), st.integers(0, 6), st.integers(0, 6), st.integers(0, 3), st.sampled_from([1] * 30 + [2, 7])
            ),
            min_size=30,
            max_size=120,
        )
    ):
        opened, close, at = close, close + up, at + hole
        high, bottom = max(opened, close) + span, min(opened, close) - low
        made.append((at, (opened / 4, high / 4, bottom / 4, close / 4, volume * 100)))
    return [
        msgspec.structs.replace(bars("09:00", [row], day=DAY)[0], close_ns=eastern("09:00", DAY) + at * MINUTE_NS, index=number)
        for number, (at, row) in enumerate(made)
    ]


EAGER = {"min_confidence": 0.0, "trading_windows": ALL_DAY, "origin_lookback": 3, "drop_threshold": 2.0, "rise_threshold": 2.0}


@given(walk=walks(), cut=st.integers(0, 120))
def test_a_prefix_of_the_bars_gives_a_prefix_of_the_signals(walk: list[Bar], cut: int) -> None:
    """No look-ahead: cutting the data anywhere changes nothing before the cut."""
    whole = signals(walk, **EAGER)
    part = signals(walk[:cut], **EAGER)

    assert part == whole[: len(part)]
    assert all(int(each.id.split("_")[2]) > int(f"{_clock(walk[cut - 1])}00") for each in whole[len(part) :] if cut)


@given(walk=walks())
def test_feeding_a_bar_twice_changes_nothing(walk: list[Bar]) -> None:
    """Feeding an old one again changes nothing, either."""
    once = strategy("v_reversal", BIDIRECTIONAL, **EAGER)
    twice = strategy("v_reversal", BIDIRECTIONAL, **EAGER)
    told, again = [], []
    known = sessions(walk)
    for number, s in enumerate(known):
        once.update(s)
        told.append(once.propose(s))
        for each in (s, s, known[number // 2]):
            twice.update(each)
        again.append(twice.propose(s))
        for seller, said in ((once, told), (twice, again)):
            proposal = said[-1]
            if proposal is not None:
                seller.consume(proposal)

    assert again == told


@given(walk=walks())
def test_a_sale_is_a_purchase_on_mirrored_prices(walk: list[Bar]) -> None:
    """Same bars, same scores, same moves: one machine serves both directions."""
    flipped = [
        msgspec.structs.replace(bar, open=2000 - bar.open, high=2000 - bar.low, low=2000 - bar.high, close=2000 - bar.close)
        for bar in walk
    ]
    bought = signals(walk, **EAGER, enable_sell=False)
    sold = signals(flipped, **EAGER, enable_buy=False)

    assert [(each.pattern.move, each.pattern.strength, each.score, each.entry) for each in bought if each.pattern] == [
        (each.pattern.move, each.pattern.strength, each.score, 2000 - each.entry) for each in sold if each.pattern
    ]


@given(walk=walks(), killed=st.integers(0, 120))
def test_a_restart_between_any_two_bars_changes_no_id(walk: list[Bar], killed: int) -> None:
    """Recovery folds the same sessions again: later requests equal those without a restart, and none is repeated."""
    flat = [msgspec.structs.replace(s, bar=msgspec.structs.replace(s.bar, position=Position("Replay"))) for s in sessions(walk)]
    steady = requested(evaluator(), flat)
    requested(evaluator(), flat[:killed])  # and then it dies
    recovered = requested(evaluator(), flat)

    assert recovered == steady
    assert len(set(steady)) == len(steady)


def _clock(bar: Bar) -> str:
    minute = (bar.close_ns - eastern("00:00", DAY)) // MINUTE_NS
    return f"{minute // 60:02}{minute % 60:02}"


def evaluator() -> Evaluator:
    preset = configuration.preset(BIDIRECTIONAL)
    table = {"v_reversal": {**preset.parameters["v_reversal"], **EAGER}}
    return Evaluator({"ES": configuration.instrument("ES")}, msgspec.structs.replace(preset, parameters=table))


def requested(core: Evaluator, records: list[Session]) -> list[str]:
    ids = []
    for seq, s in enumerate(records, 1):
        for output in core.step(Event("session.ES.", Header(1, "tracker", 1, seq, s.bar.close_ns), s)):
            if isinstance(output, Request) and isinstance(output.body, Intents):
                ids += [intent.id for intent in output.body.intents]
    return ids


# --- the position (playbook 8.5) ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "half_day", "expected"),
    [
        (("10:00", "10:24"), False, None),
        (("10:00", "10:25"), False, Exit("MAX_HOLD")),
        (("10:00", "10:26"), False, Exit("MAX_HOLD")),  # the minute itself was missing
        (("16:50", "16:58"), False, None),
        (("16:50", "16:59"), False, Exit("SESSION_CLOSE")),
        (("16:50", "18:00"), False, Exit("SESSION_CLOSE")),
        (("12:50", "12:58"), True, None),
        (("12:50", "12:59"), True, Exit("SESSION_CLOSE")),
    ],
)
def test_a_position_is_held_25_minutes_and_not_into_the_close(at: tuple[str, str], half_day: bool, expected: Exit | None) -> None:
    """From the close of the bar of the fill, which is the first bar that reports the position."""
    built = strategy("v_reversal", BIDIRECTIONAL)
    assert isinstance(built, VReversal)
    calendar = Calendar(half_days={DAY: "13:00"} if half_day else {})
    filled, now = (sessions(bars(each, [RETEST], day=DAY), calendar)[0] for each in at)
    position = Position("Replay", qty=3, price=100.0, entry_id="BUY")
    first = built.manage(filled, position)

    assert (first, built.manage(now, position)) == (None, expected)


def test_the_next_position_has_its_own_25_minutes() -> None:
    """The clock starts with each entry's fill."""
    built = strategy("v_reversal", BIDIRECTIONAL)
    assert isinstance(built, VReversal)
    early, late = (sessions(bars(each, [RETEST], day=DAY))[0] for each in ("10:00", "10:30"))
    built.manage(early, Position("Replay", qty=3, price=100.0, entry_id="FIRST"))

    assert built.manage(late, Position("Replay", qty=3, price=100.0, entry_id="SECOND")) is None


HELD = (6110.25, 6110.5, 6110.0, 6110.25)


def test_v1_in_a_backtest_fills_at_14_00_and_credits_the_target_one_bar_later() -> None:
    """The limit fills at its price, three contracts; the 14:00 bar also passes 6113.00, which counts only from 14:01 on."""
    said = backtest(settings(BIDIRECTIONAL), bars("13:39", [*V1, (6113.75, 6114.5, 6113.75, 6114.25), HELD], day=DAY))
    (order,), (signal,), (public,) = bodies(said, PlaceOrder), bodies(said, Signal), bodies(said, PublicSignal)
    fills = [(fill.role, fill.qty, fill.price, fill.bar_ns) for fill in bodies(said, Fill)]
    (trade,) = bodies(said, Trade)

    assert (signal.id, signal.size) == ("BUY_20250213_135900_6107.25_6091.50", 3)
    assert (signal.entry, signal.stop, signal.target) == (6110.0, 6103.89, 6113.0)
    assert (public.id, public.limit, public.stop, public.score) == (signal.id, 6110.0, 6103.89, 1.0)
    assert (order.limit, order.stop, order.target) == (6110.0, 6104.0, 6113.0)
    assert [(each.status, each.stop) for each in bodies(said, OrderEvent)] == [
        (OrderStatus.ACCEPTED, 6104.0),
        (OrderStatus.FILLED, 6104.0),
    ]
    assert fills == [("ENTRY", 3, 6110.0, eastern("14:00", DAY)), ("TARGET", -3, 6113.5, eastern("14:01", DAY))]
    assert (trade.reason, trade.gross_cents) == ("TARGET", 52_500)  # the open of 6113.75 less a tick: 3.50 points, 3 contracts


def test_v2_in_a_backtest_rounds_its_stop_down_toward_the_entry() -> None:
    """6110.60 is the signal's; the order's stop is 6110.50."""
    said = backtest(settings(BIDIRECTIONAL), bars("13:39", mirrored(V1, 12214.5), day=DAY))

    assert [(order.stop, order.limit) for order in bodies(said, PlaceOrder)] == [(6110.5, 6104.5)]
    assert [signal.stop for signal in bodies(said, Signal)] == [6110.6]


@pytest.mark.parametrize(("fill", "left"), [("next_open", "14:26"), ("close", "14:25")])
def test_a_stuck_position_is_left_25_minutes_after_its_fill(fill: str, left: str) -> None:
    """Filled at 14:00, decided on the bar of 14:25; the fill model decides where that fills."""
    said = backtest(settings(BIDIRECTIONAL, fill=fill), bars("13:39", [*V1[:21], *[HELD] * 40], day=DAY))
    (trade,) = bodies(said, Trade)

    assert (trade.reason, trade.entry_ns, trade.exit_ns) == ("MAX_HOLD", eastern("14:00", DAY), eastern(left, DAY))


def test_an_entry_that_is_not_reached_in_30_minutes_is_cancelled() -> None:
    """The venue cancels it on the 14:29 bar, and a later return to its price opens nothing."""
    away = (6111.0, 6111.5, 6110.25, 6111.0)
    said = backtest(settings(BIDIRECTIONAL), bars("13:39", [*V1[:21], *[away] * 30, *[HELD] * 5], day=DAY))
    (accepted, cancelled) = [event for event in said if isinstance(event.body, OrderEvent)]

    assert bodies(said, Fill) == []
    assert isinstance(cancelled.body, OrderEvent)
    assert cancelled.body.status is OrderStatus.CANCELLED
    assert accepted.header.event_ns == eastern("13:59", DAY)
    assert cancelled.header.event_ns == eastern("14:29", DAY)


def test_suppressed_setups_are_in_the_journal() -> None:
    """With id, prices, pattern and reason, caused by the session of the bar."""
    said = backtest(settings(CLASSIC), bars("11:00", V3, day=DAY))
    (event,) = [event for event in said if isinstance(event.body, Suppressed)]
    reader: Body = event.body

    assert isinstance(reader, Suppressed)
    assert (event.topic, event.header.cause) == ("suppressed.ES.", "session.ES.@1:6")
    assert (reader.id, reader.reason, reader.score) == ("20250213_110500_100.00_96.00", "OUTSIDE_WINDOW", 0.7)
    assert bodies(said, Signal) == []


# --- parameters -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"drop_treshold": 5.0}, r"unknown field `drop_treshold`.*did you mean 'drop_threshold'"),
        ({"drop_threshold": 0}, r"drop_threshold = 0.0: write more than 0"),
        ({"max_hold_min": 0}, r"max_hold_min = 0: write 1 or more minutes"),
        ({"stop_loss_pct": 1.0}, r"stop_loss_pct = 1.0: write a share between 0 and 1"),
        ({"trading_windows": ["3-4"]}, r"trading_windows"),
        ({"trading_windows": ["23:00-01:00"]}, r"'23:00-01:00': ends before it starts; write two windows around midnight"),
        ({"variant": "both"}, r"variant"),
    ],
)
def test_a_wrong_parameter_is_named_with_a_remedy(table: dict[str, Any], says: str) -> None:
    """A threshold that makes no sense stops the start."""
    with pytest.raises(ConfError, match=says):
        registry.build(["v_reversal"], {"v_reversal": table}, "edge")
