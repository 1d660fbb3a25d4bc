"""Edge Fade (playbook 3.4): just above the initial balance low, while the day keeps its balance."""

from __future__ import annotations

from typing import Any

import pytest

from tapewire.bus.messages import Session
from tapewire.strategies.edge_fade import Inversion
from tapewire.strategies.protocol import Proposal
from tests.scenes import PRESETS, propose, scene, strategy

ALL = PRESETS
# IBL 20,950, R 100: stop 20,935, middle 21,000, so the best close is at most 20,967.50.
NEAR: dict[str, Any] = {"close": 20_960.0, "scores": {"b_day": 0.6}}


def proposal(preset: str, changes: dict[str, Any]) -> Proposal | None:
    return propose(strategy("edge_fade", preset), scene(**{**NEAR, **changes}))


EDGES: list[tuple[tuple[str, ...], dict[str, Any], bool]] = [
    (ALL, {"day_type": "b_day"}, True),
    (ALL, {"day_type": "neutral"}, True),
    (ALL, {"day_type": "p_day"}, False),
    (ALL, {"at": "13:29"}, True),
    (ALL, {"at": "13:30"}, False),
    (ALL, {"at": "10:31"}, True),
    (ALL, {"max_down": 0.29}, True),
    (ALL, {"max_down": 0.30}, False),
    # IBL < C, and reward to risk at least 1: (21,000 - C) >= (C - 20,935)
    (ALL, {"close": 20_950.25}, True),
    (ALL, {"close": 20_950.0}, False),
    (ALL, {"close": 20_967.5}, True),
    (ALL, {"close": 20_967.75}, False),
    (ALL, {"flow": {"delta": 1.0}}, True),
    (ALL, {"flow": {"delta": 0.0}}, False),
    (ALL, {"flow": {"quality": 2}}, True),
    (ALL, {"flow": {"quality": 1}}, False),
    (ALL, {"flow": {"present": False}}, False),
    # IB gate
    (("seed",), {"ib": (20_950.0, 21_149.75)}, True),
    (("seed",), {"ib": (20_950.0, 21_150.0)}, False),
    (("seed",), {"ib": (20_950.0, 20_990.0), "close": 20_951.0}, True),
    (("absolute",), {"ib": (20_950.0, 21_150.0)}, True),
    (("absolute",), {"ib": (20_950.0, 21_150.25)}, False),
    (("absolute",), {"ib": (20_950.0, 21_000.0), "close": 20_951.0}, True),
    (("absolute",), {"ib": (20_950.0, 20_999.75), "close": 20_951.0}, False),
    (("adaptive",), {"ib": (20_950.0, 21_350.0)}, True),  # no limit until there is a history
    (("adaptive",), {"ib": (20_950.0, 21_070.0), "history": {"mean5": 100.0}}, True),
    (("adaptive",), {"ib": (20_950.0, 21_069.75), "history": {"mean5": 100.0}}, False),
    (("seed", "absolute"), {"history": {"mean5": 1_000.0}}, True),
    (ALL, {"k": None}, False),
]


@pytest.mark.parametrize(("presets", "changes", "enters"), EDGES)
def test_each_threshold_has_two_sides(presets: tuple[str, ...], changes: dict[str, Any], enters: bool) -> None:
    """Right at each threshold the bar enters or not, exactly as strict as the playbook says."""
    for preset in presets:
        assert (proposal(preset, changes) is not None) is enters, preset


@pytest.mark.parametrize(("close", "enters"), [(20_974.75, True), (20_975.0, False)])
def test_the_zone_is_the_lowest_quarter(close: float, enters: bool) -> None:
    """C < IBL + 0.25R; shown with a lower reward to risk, which otherwise narrows the zone to 17.5 %."""
    fade = strategy("edge_fade", "seed", reward_to_risk_at_least=0.5)

    assert (propose(fade, scene(close=close)) is not None) is enters


def test_the_bracket_spans_from_below_the_balance_to_its_middle() -> None:
    """Stop IBL - 0.15R, target IBM."""
    answer = proposal("seed", {})

    assert answer is not None
    assert (answer.entry, answer.stop, answer.target, answer.day_confidence) == (20_960.0, 20_935.0, 21_000.0, 0.6)
    assert (answer.strategy, answer.setup, answer.direction) == ("Edge Fade", "EDGE_TO_MID", "LONG")
    assert answer.reason == "close 20960.00 is 0.10 IB above IBL 20950.00, delta +100, quality 3/3"


def test_it_pauses_for_twenty_bars_after_a_consumed_proposal() -> None:
    """Bars are counted as received, post-IB; a proposal that was not consumed starts no pause."""
    fade = strategy("edge_fade", "seed")
    at_40 = scene("11:11", **NEAR, k=40)
    taken = propose(fade, at_40)
    assert taken is not None
    assert fade.propose(at_40) is not None
    fade.consume(taken)

    assert fade.propose(scene("11:31", **NEAR, k=59)) is None
    assert fade.propose(scene("11:32", **NEAR, k=60)) is not None


def test_a_new_day_ends_the_pause() -> None:
    """All state of a strategy restarts with the trade date."""
    fade = strategy("edge_fade", "seed")
    taken = propose(fade, scene(**NEAR, k=40))
    assert taken is not None
    fade.consume(taken)
    fade.start("2026-03-04")

    assert fade.propose(scene(**NEAR, k=41)) is not None


def ten_bars(*, close: float = 20_960.0, lowest: float = 20_950.0, highest: float = 20_990.0, cvd: float = 1.0) -> list[Session]:
    """Nine bars between two prices with CVD at 0, then one that closes at `close` with CVD at `cvd`."""
    bars = [scene(f"10:{31 + n}", open=20_970.0, close=20_970.0, low=lowest, high=highest, flow={"cvd": 0.0}) for n in range(9)]
    return [*bars, scene("10:40", open=close, close=close, flow={"cvd": cvd})]


@pytest.mark.parametrize(
    ("bars", "confidence"),
    [
        (ten_bars(), "high"),
        (ten_bars()[1:], "medium"),  # nine bars are not enough
        (ten_bars(close=20_966.0), "high"),  # 16 of 40 points is 0.40
        (ten_bars(close=20_966.25), "medium"),
        (ten_bars(cvd=0.0), "medium"),  # CVD must be above its value two bars ago
    ],
)
def test_a_divergence_of_price_and_delta_raises_the_confidence(bars: list[Session], confidence: str) -> None:
    """Close in the lowest 40 % of ten bars while CVD stands above its value two bars ago."""
    answer = propose(strategy("edge_fade", "seed"), *bars)

    assert answer is not None
    assert answer.confidence == confidence


def test_the_divergence_compares_with_two_bars_ago() -> None:
    """CVD 5 one bar ago does not matter, CVD 0 two bars ago does."""
    bars = ten_bars(cvd=1.0)
    bars[8] = scene("10:39", close=20_970.0, high=20_990.0, low=20_950.0, flow={"cvd": 5.0})
    falling = [*bars]
    falling[7] = scene("10:38", close=20_970.0, high=20_990.0, low=20_950.0, flow={"cvd": 5.0})
    rising, not_rising = (propose(strategy("edge_fade", "seed"), *each) for each in (bars, falling))

    assert rising is not None
    assert not_rising is not None
    assert (rising.confidence, not_rising.confidence) == ("high", "medium")


def test_ten_bars_without_height_are_no_divergence() -> None:
    """A share of no height is undefined, and an undefined term fails."""
    bars = [scene(f"10:{31 + n}", close=20_960.0, flow={"cvd": float(n)}) for n in range(10)]
    answer = propose(strategy("edge_fade", "seed"), *bars)

    assert answer is not None
    assert answer.confidence == "medium"


@pytest.mark.parametrize(("fvg_bull", "confidence"), [(True, "high"), (False, "medium")])
def test_a_bull_gap_raises_the_confidence(fvg_bull: bool, confidence: str) -> None:
    """The one-minute gap of the bar; the fifteen-minute one does not count."""
    answer = proposal("seed", {"fvg_bull": fvg_bull, "fvg_bull_15m": True})

    assert answer is not None
    assert answer.confidence == confidence


def minutes(*bars: tuple[str, float, float]) -> list[Session]:
    """Bars as (stamp, open, close) inside the entry zone."""
    return [scene(at, open=opened, close=close) for at, opened, close in bars]


FELL, ROSE = (20_962.0, 20_958.0), (20_958.0, 20_960.0)


@pytest.mark.parametrize(
    ("bars", "confidence"),
    [
        (minutes(("10:31", *FELL), ("10:35", *FELL), ("10:36", *ROSE), ("10:40", *ROSE)), "high"),
        (minutes(("10:31", *FELL), ("10:35", *FELL), ("10:36", *ROSE), ("10:39", *ROSE)), "medium"),  # not complete yet
        (
            minutes(("10:31", *FELL), ("10:34", *FELL), ("10:36", *ROSE), ("10:39", *ROSE), ("10:41", *ROSE)),
            "high",
        ),  # last minute missing
        (minutes(("10:31", *ROSE), ("10:35", *ROSE), ("10:36", *ROSE), ("10:40", *ROSE)), "medium"),
        (minutes(("10:31", *FELL), ("10:35", *FELL), ("10:36", *FELL), ("10:40", *ROSE)), "medium"),  # opens 62, closes 60: it fell
        (minutes(("10:36", *ROSE), ("10:40", *ROSE)), "medium"),  # one candle
        (
            minutes(("10:31", *FELL), ("10:35", *FELL), ("10:51", *ROSE), ("10:55", *ROSE)),
            "high",
        ),  # candles without bars do not exist
        (minutes(("10:31", *FELL), ("10:35", *FELL), ("10:40", *ROSE), ("10:43", *FELL)), "high"),  # still the last two completed
    ],
)
def test_a_rising_candle_after_a_falling_one_raises_the_confidence(bars: list[Session], confidence: str) -> None:
    """Five-minute candles by the clock, complete with their last minute or when a later one starts."""
    answer = propose(strategy("edge_fade", "seed"), *bars)

    assert answer is not None
    assert answer.confidence == confidence


def test_an_unchanged_candle_neither_falls_nor_rises() -> None:
    """Open and close equal is no side of an inversion."""
    inversion = Inversion(5)
    for at, opened, close in (("10:35", 5.0, 5.0), ("10:40", 5.0, 6.0)):
        bar = scene(at, open=opened, close=close)
        inversion.fold(bar.minute, bar.bar)

    assert not inversion.inverted
