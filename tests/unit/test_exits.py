"""The exit rules on the closed bar (playbook 5.2), each with both sides, on the initial balance 20,950 to 21,050 (R 100)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tapewire.bus.messages import Position
from tapewire.bus.testing import bar
from tapewire.daemons.evaluator.exits import ExitRules, Held
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.hours import Hours
from tapewire.daemons.settings import load as conf
from tapewire.daemons.settings.structs import RiskLimits
from tapewire.strategies.protocol import Exit, Move
from tapewire.strategies.roster import Roster
from tests.scenes import clock_range, scene

LONG: dict[str, Any] = {"qty": 1, "price": 21_000.0, "stop": 20_900.0, "entry_id": "ours"}
SHORT: dict[str, Any] = {"qty": -1, "price": 21_000.0, "stop": 21_100.0, "entry_id": "ours"}
SWEEP = Held("IBH Sweep+Fail", "IBH_SWEEP_FAIL", 5)
EDGE = Held("Edge Fade", "EDGE_TO_MID", 5)
BULL = Held("Trend Day Bull", "VWAP_PULLBACK", 20)
P_DAY = Held("P-Day", "P_DAY_VWAP_LONG", 5)


def request(preset: str, bar: dict[str, Any], position: dict[str, Any], held: Held | None = SWEEP) -> Exit | Move | None:
    """The request of a shipped preset's rules on this bar of MNQ (2 dollars a point)."""
    exits = conf.preset(preset).exits
    s = scene(**{"vwap": bar.get("close", 21_000.0), **bar})
    return ExitRules(exits, conf.instrument("MNQ")).request(
        s, Position("Replay", **position), held, closing=Roster([], exits.exit_time).closing(s)
    )


@pytest.mark.parametrize(
    ("preset", "bar", "expected"),
    [
        ("seed", {"at": "15:58"}, None),
        ("seed", {"at": "15:59"}, Exit("EOD")),
        ("absolute", {"at": "15:29"}, None),
        ("absolute", {"at": "15:30"}, Exit("EOD")),
        ("adaptive", {"at": "15:30"}, Exit("EOD")),
        ("seed", {"at": "12:58", "closes": 780}, None),
        ("seed", {"at": "12:59", "closes": 780}, Exit("EOD")),  # a half day
        ("seed", {"at": "16:01"}, Exit("EOD")),  # outside RTH
        ("seed", {"at": "08:00"}, Exit("EOD")),
    ],
)
@pytest.mark.parametrize("held", [SWEEP, None])
def test_the_day_ends_at_the_exit_time(preset: str, bar: dict[str, Any], expected: Exit | None, held: Held | None) -> None:
    """Rule 1, for own and foreign positions; never later than a minute before the close."""
    assert request(preset, bar, LONG, held) == expected


@pytest.mark.parametrize(
    ("limits", "day", "at", "expected"),
    [
        ({"flatten_from": "15:30"}, "2026-03-03", "15:29", None),
        ({"flatten_from": "15:30"}, "2026-03-03", "15:30", Exit("FLATTEN")),
        ({"flatten_from": "15:30", "friday_flatten_from": "15:00"}, "2026-03-06", "14:59", None),
        ({"flatten_from": "15:30", "friday_flatten_from": "15:00"}, "2026-03-06", "15:00", Exit("FLATTEN")),
        ({"flatten_from": "15:30"}, "2026-03-10", "12:29", None),  # a half day, closing at 13:00
        ({"flatten_from": "15:30"}, "2026-03-10", "12:30", Exit("FLATTEN")),
    ],
)
@pytest.mark.parametrize("held", [SWEEP, None, Held("V-Reversal", "V_REVERSAL", 5, own_hours=True)])
def test_the_accounts_time_to_be_flat_applies_to_every_position(
    limits: dict[str, Any], day: str, at: str, expected: Exit | None, held: Held | None
) -> None:
    """Rule 0: own and foreign positions, and those of a strategy that keeps its own hours."""
    hours = Hours(RiskLimits(**limits).times, Calendar(half_days={"2026-03-10": "13:00"}))
    s = scene(at, day=day, bar=bar(at, 21_000.0, day=day))

    assert (
        ExitRules(conf.preset("seed").exits, conf.instrument("MNQ"), hours).request(
            s, Position("Replay", **LONG), held, closing=False
        )
        == expected
    )


@pytest.mark.parametrize(
    ("close", "position", "expected"),
    [
        # 2 dollars a point: 10 contracts, 90 points of loss are 1,800
        (20_910.0, {**LONG, "qty": 10, "realised": -199.99}, None),
        (20_910.0, {**LONG, "qty": 10, "realised": -200.0}, Exit("DAILY_LOSS")),
        (21_090.0, {**SHORT, "qty": -10, "realised": -199.99}, None),
        (21_090.0, {**SHORT, "qty": -10, "realised": -200.0}, Exit("DAILY_LOSS")),
        (21_010.0, {**LONG, "qty": 10, "realised": -2_200.0}, Exit("DAILY_LOSS")),  # open profit counts too: 200
        (21_010.0, {**LONG, "qty": 10, "realised": -2_199.99}, None),
        (21_000.0, {**LONG, "price": None, "realised": -2_000.0}, Exit("DAILY_LOSS")),  # no entry price: realised alone
    ],
)
@pytest.mark.parametrize("held", [SWEEP, None])
def test_the_days_loss_limit_counts_realised_and_open(
    close: float, position: dict[str, Any], expected: Exit | None, held: Held | None
) -> None:
    """Rule 2: own and foreign positions are closed at the limit."""
    assert request("seed", {"close": close}, position, held) == expected


AFTER_BREACH = Exit("VWAP_BREACH_PM")


@pytest.mark.parametrize(
    ("preset", "bar", "position", "held", "expected"),
    [
        # x is 0.07R: 7 points
        ("seed", {"at": "13:00", "vwap": 21_007.25}, LONG, SWEEP, AFTER_BREACH),
        ("seed", {"at": "13:00", "vwap": 21_007.0}, LONG, SWEEP, None),
        ("seed", {"at": "12:59", "vwap": 21_007.25}, LONG, SWEEP, None),
        ("adaptive", {"at": "13:00", "vwap": 21_007.25}, LONG, SWEEP, AFTER_BREACH),
        ("seed", {"at": "13:00", "vwap": 20_992.75}, SHORT, SWEEP, AFTER_BREACH),
        ("seed", {"at": "13:00", "vwap": 20_993.0}, SHORT, SWEEP, None),
        # x is 10 points
        ("absolute", {"at": "13:00", "vwap": 21_010.25}, LONG, SWEEP, AFTER_BREACH),
        ("absolute", {"at": "13:00", "vwap": 21_010.0}, LONG, SWEEP, None),
        # exempt
        ("seed", {"at": "13:00", "vwap": 21_050.0}, LONG, EDGE, None),
        ("seed", {"at": "13:00", "vwap": 21_050.0}, LONG, BULL, None),
        ("seed", {"at": "13:00", "vwap": 21_050.0}, LONG, P_DAY, None),
        ("absolute", {"at": "13:00", "vwap": 21_050.0}, LONG, P_DAY, AFTER_BREACH),
        ("adaptive", {"at": "13:00", "vwap": 21_050.0}, LONG, EDGE, None),
        # without a valid balance, without a VWAP, for a foreign position
        ("seed", {"at": "13:00", "vwap": 21_050.0, "ib": clock_range(20_950.0, 21_050.0, bars=49, valid=False)}, LONG, SWEEP, None),
        ("seed", {"at": "13:00", "vwap": 21_050.0, "ib": None}, LONG, SWEEP, None),
        ("seed", {"at": "13:00", "vwap": None}, LONG, SWEEP, None),
        ("seed", {"at": "13:00", "vwap": 21_050.0}, LONG, None, None),
    ],
)
def test_in_the_afternoon_the_close_must_not_be_beyond_vwap(
    preset: str, bar: dict[str, Any], position: dict[str, Any], held: Held | None, expected: Exit | None
) -> None:
    """Rule 3, strictly beyond VWAP by x."""
    assert request(preset, bar, position, held) == expected


HIGH = {"rth_high": 21_120.0}


@pytest.mark.parametrize(
    ("preset", "bar", "position", "held", "expected"),
    [
        # 20 bars held, open profit over 0.5R: stop to the RTH high less 1.0R
        ("absolute", {"close": 21_050.25, **HIGH}, LONG, BULL, Move("TREND_TRAIL", stop=21_020.0)),
        ("adaptive", {"close": 21_050.25, **HIGH}, LONG, BULL, Move("TREND_TRAIL", stop=21_020.0)),
        ("seed", {"close": 21_050.25, **HIGH}, LONG, BULL, None),
        ("absolute", {"close": 21_050.0, **HIGH}, LONG, BULL, None),
        ("absolute", {"close": 21_050.25, **HIGH}, LONG, BULL._replace(bars=19), None),
        ("absolute", {"close": 21_050.25, **HIGH}, LONG, P_DAY._replace(bars=30), None),
        ("absolute", {"close": 21_050.25, "rth_high": None}, LONG, BULL, None),
        # rounded down to the tick
        ("absolute", {"close": 21_060.0, "ib": (20_950.1, 21_050.0), **HIGH}, LONG, BULL, Move("TREND_TRAIL", stop=21_020.0)),
        ("absolute", {"close": 21_060.0, "ib": (20_949.9, 21_050.0), **HIGH}, LONG, BULL, Move("TREND_TRAIL", stop=21_019.75)),
        # only tighter, by at least one tick
        ("absolute", {"close": 21_060.0, **HIGH}, {**LONG, "stop": 21_019.75}, BULL, Move("TREND_TRAIL", stop=21_020.0)),
        ("absolute", {"close": 21_060.0, **HIGH}, {**LONG, "stop": 21_020.0}, BULL, None),
        ("absolute", {"close": 21_060.0, **HIGH}, {**LONG, "stop": 21_030.0}, BULL, None),
        ("absolute", {"close": 21_060.0, **HIGH}, {**LONG, "stop": None}, BULL, None),
        ("absolute", {"close": 21_060.0, "ib": clock_range(20_950.0, 21_050.0, bars=49, valid=False), **HIGH}, LONG, BULL, None),
    ],
)
def test_a_trend_day_is_trailed(
    preset: str, bar: dict[str, Any], position: dict[str, Any], held: Held, expected: Move | None
) -> None:
    """Rule 4, the trend trail: only for the strategies that the preset names, which are Trend Day Bull or none."""
    assert request(preset, bar, position, held) == expected


def test_a_preset_may_trail_another_strategy() -> None:
    """The rule follows the names in `trailed`, for longs: a short has no session high to trail."""
    exits = msgspec.structs.replace(conf.preset("absolute").exits, trailed=("P-Day",))
    rules = ExitRules(exits, conf.instrument("MNQ"))
    up, down = (scene(close=close, vwap=close, **HIGH) for close in (21_060.0, 20_940.0))
    held = P_DAY._replace(bars=20)

    assert rules.request(up, Position("Replay", **LONG), held, closing=False) == Move("TREND_TRAIL", stop=21_020.0)
    assert rules.request(up, Position("Replay", **LONG), BULL, closing=False) is None
    assert rules.request(down, Position("Replay", **SHORT), held, closing=False) is None


@pytest.mark.parametrize(
    ("preset", "bar", "position", "held", "expected"),
    [
        # from 13:00, open profit over 0.3R: stop to the entry fill
        ("seed", {"at": "13:00", "close": 21_030.25}, LONG, SWEEP, Move("BREAKEVEN", stop=21_000.0)),
        ("seed", {"at": "13:00", "close": 21_030.0}, LONG, SWEEP, None),
        ("seed", {"at": "12:59", "close": 21_030.25}, LONG, SWEEP, None),
        ("seed", {"at": "13:00", "close": 20_969.75}, SHORT, SWEEP, Move("BREAKEVEN", stop=21_000.0)),
        ("seed", {"at": "13:00", "close": 20_970.0}, SHORT, SWEEP, None),
        # an average fill between ticks goes to the far side of the entry
        ("seed", {"at": "13:00", "close": 21_040.0}, {**LONG, "price": 21_000.1}, SWEEP, Move("BREAKEVEN", stop=21_000.0)),
        ("seed", {"at": "13:00", "close": 20_960.0}, {**SHORT, "price": 21_000.1}, SWEEP, Move("BREAKEVEN", stop=21_000.25)),
        # only tighter, by at least one tick
        ("seed", {"at": "13:00", "close": 21_040.0}, {**LONG, "stop": 20_999.75}, SWEEP, Move("BREAKEVEN", stop=21_000.0)),
        ("seed", {"at": "13:00", "close": 21_040.0}, {**LONG, "stop": 21_000.0}, SWEEP, None),
        ("seed", {"at": "13:00", "close": 20_960.0}, {**SHORT, "stop": 21_000.0}, SWEEP, None),
        # exempt in seed, no strategy is exempt elsewhere
        ("seed", {"at": "13:00", "close": 21_040.0}, LONG, BULL, None),
        ("seed", {"at": "13:00", "close": 21_040.0}, LONG, P_DAY, None),
        ("seed", {"at": "13:00", "close": 21_040.0}, LONG, EDGE, Move("BREAKEVEN", stop=21_000.0)),
        ("absolute", {"at": "13:00", "close": 21_040.0}, LONG, BULL, Move("BREAKEVEN", stop=21_000.0)),
        ("adaptive", {"at": "13:00", "close": 21_040.0}, LONG, P_DAY, Move("BREAKEVEN", stop=21_000.0)),
        ("seed", {"at": "13:00", "close": 21_040.0}, LONG, None, None),
        ("seed", {"at": "13:00", "close": 21_040.0, "ib": None}, LONG, SWEEP, None),
    ],
)
def test_an_afternoon_profit_is_made_safe(
    preset: str, bar: dict[str, Any], position: dict[str, Any], held: Held | None, expected: Move | None
) -> None:
    """Rule 4, breakeven: the stop goes to the entry fill."""
    assert request(preset, bar, position, held) == expected


@pytest.mark.parametrize(
    ("rth_high", "expected"), [(21_120.0, Move("TREND_TRAIL", 21_020.0)), (21_090.0, Move("BREAKEVEN", 21_000.0))]
)
def test_the_tighter_of_trail_and_breakeven_counts(rth_high: float, expected: Move) -> None:
    """Both apply at 13:00 with 60 points of profit."""
    assert request("absolute", {"at": "13:00", "close": 21_060.0, "rth_high": rth_high}, LONG, BULL) == expected


@pytest.mark.parametrize(
    ("bar", "position", "expected"),
    [
        ({"at": "15:59", "close": 20_000.0, "vwap": 21_000.0}, LONG, Exit("EOD")),
        ({"at": "15:00", "close": 20_000.0, "vwap": 21_000.0}, LONG, Exit("DAILY_LOSS")),
        ({"at": "15:00", "close": 21_040.0, "vwap": 21_100.0}, LONG, AFTER_BREACH),  # breakeven would apply as well
    ],
)
def test_the_first_rule_that_matches_decides(bar: dict[str, Any], position: dict[str, Any], expected: Exit) -> None:
    """EOD before the loss limit before the breach before the stops."""
    assert request("seed", bar, position) == expected
