"""A strategy alone: the preset `bare`, what `none` switches off by name, costs of one run, and what the summary says of it all."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Position, Suppressed, Trade
from tapewire.daemons.evaluator.exits import ExitRules, Held
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings import overrides
from tapewire.daemons.settings.rails import RAILS, SWITCHES
from tapewire.daemons.settings.structs import Exits, Preset, RiskLimits
from tapewire.replay import applied, commands
from tapewire.replay.desk.start import backtest, configured, costs
from tapewire.replay.research import why
from tapewire.replay.sources import synthetic
from tapewire.replay.sources.recording import Recording
from tapewire.strategies import registry
from tapewire.strategies.roster import Roster
from tests.crossing import bars, of, played, settings
from tests.mean_cross import MeanCross
from tests.scenes import scene

EXITS = {"exit_time", "breach_r", "breach_points", "day_loss", "breakeven_r", "trailed"}


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILT_IN, "mean_cross", MeanCross)  # type: ignore[arg-type]


def bare(*settings: str) -> Preset:
    return configuration.preset("bare", ["mean_cross"], settings)


# --- the preset -------------------------------------------------------------------------------------------------------


def test_bare_has_no_exit_no_limit_and_one_contract() -> None:
    """Every rail is loosened by its name, so a live start knows that none was forgotten."""
    preset = bare()

    assert preset.exits == Exits(exit_time=None, day_loss=None, breakeven_r=None)
    assert {name for name in RAILS if getattr(preset.risk, name) is not None} == set()
    assert set(preset.risk.loosened) == set(RAILS)
    assert (preset.risk.contracts, preset.risk.sizing, preset.risk.strategy_day_loss) == (1, {}, {})


def test_bare_names_no_strategy_itself() -> None:
    """A run without one is refused with the remedy."""
    with pytest.raises(ConfError, match=r"preset 'bare' names no strategy: add --strategies NAME"):
        configuration.load("replay", instance="test", traded=["MNQ"], preset=configuration.preset("bare"))


def test_a_live_overlay_may_set_its_rails_again() -> None:
    """The trading PC's own limits hold for it as for any other preset."""
    conf = configuration.load("live", instance="test", traded=["MNQ"], preset=bare())

    assert conf.preset.risk.price_band_ticks == 8
    assert "price_band_ticks" not in conf.preset.risk.loosened


# --- none -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted({field.name for field in msgspec.structs.fields(Exits)}))
def test_every_exit_rule_is_switched_off_by_name(name: str, tmp_path: Path) -> None:
    """On the command line and in a file; what is left of it means no such rule."""
    said = configuration.preset("seed", None, [f"exits.{name}=none"])
    path = tmp_path / "mine.toml"
    path.write_text(f'description = "mine"\nday_type = "edge"\nstrategies = ["pipeline"]\n[exits]\n{name} = "none"\n')
    written = configuration.preset(str(path))

    assert not getattr(said.exits, name)
    assert not getattr(written.exits, name)


@pytest.mark.parametrize("name", [*RAILS, *SWITCHES, "risk_cap", "strategy_day_loss", "sizing", "caps", "friday_until"])
def test_every_limit_is_switched_off_by_name(name: str, tmp_path: Path) -> None:
    """A rail is then loosened, and so is a switch; another limit is not there."""
    said = configuration.preset("seed", None, [f"risk.{name}=none"])
    path = tmp_path / "mine.toml"
    path.write_text(f'description = "mine"\nday_type = "edge"\nstrategies = ["pipeline"]\n[risk]\n{name} = "none"\n')
    written = configuration.preset(str(path))

    for risk in (said.risk, written.risk):
        assert not getattr(risk, name, None)
        assert (name in risk.loosened) == (name in RAILS or name in SWITCHES)


@pytest.mark.parametrize("name", [*RAILS])
def test_an_overlay_switches_a_limit_off_and_on(name: str) -> None:
    """The [risk] of an account's file is written in the same words."""
    off = configuration.load("replay", instance="t", traded=["MNQ"], preset=bare(), changes={"risk": {name: "none"}})

    assert getattr(off.preset.risk, name) is None
    assert off.preset.risk.loosened.count(name) == 1


def test_a_limit_that_is_set_on_the_command_line_is_not_loosened() -> None:
    """`bare` with one limit."""
    preset = bare("risk.day_loss=500", "exits.exit_time=15:45")

    assert preset.risk.day_loss == 500
    assert "day_loss" not in preset.risk.loosened
    assert preset.exits.exit_time == "15:45"


def test_what_cannot_be_without_is_refused_by_name() -> None:
    """The account has a start; a size by risk has a budget."""
    for name in ("risk.start", "risk.budget"):
        with pytest.raises(ConfError, match=name.partition(".")[2]):
            configuration.preset("seed", None, [f"{name}=none"])


# --- exits that are off -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "close", "off"),
    [
        ("15:59", 21_000.0, {"exit_time": None}),
        ("16:30", 21_000.0, {"exit_time": None}),
        ("03:00", 21_000.0, {"exit_time": None}),
        ("11:00", 19_000.0, {"day_loss": None}),
        ("13:00", 21_040.0, {"breakeven_r": None}),
    ],
)
def test_a_rule_that_is_off_leaves_the_position_alone(at: str, close: float, off: dict[str, Any]) -> None:
    """With the rule there is an exit or a move on this bar; without it there is none, in or out of regular hours."""
    position = Position("Replay", qty=1, price=21_000.0, entry_id="E", stop=18_000.0)

    def asked(exits: Exits) -> Any:
        rules = ExitRules(exits, configuration.instrument("MNQ"))
        s = scene(at, close=close)
        return rules.request(s, position, Held("Any", "ANY", 3), closing=Roster([], exits.exit_time).closing(s))

    others = {"exit_time": None, "day_loss": None, "breakeven_r": None}
    assert asked(Exits(**{name: value for name, value in others.items() if name not in off})) is not None
    assert asked(Exits(**others)) is None


def test_without_an_exit_time_there_are_proposals_to_the_last_bar() -> None:
    """A strategy of regular hours is asked on each of their bars, and on no other."""
    roster = Roster([], None)

    assert [roster.closing(scene(at)) for at in ("09:31", "15:59", "16:00", "16:01", "18:30")] == [False] * 3 + [True] * 2


def test_a_day_that_is_lost_costs_entries_by_name_and_no_trades() -> None:
    """The exit rule alone, without the gate's limit: what it would close on the next bar is not opened, and counted."""
    falling = [100.0, 101.0] + [value for at in range(12) for value in (60.0 - 40 * at, 61.0 - 40 * at)]
    told = played(settings(exits__day_loss=100.0, mean_cross__stop_points=5.0, mean_cross__reverses=True), bars(falling))

    lost = [each for each in of(told, Suppressed) if each.reason == "DAILY_LOSS"]
    assert lost
    assert "[exits] day_loss = 100 closes what is opened" in lost[0].detail
    assert not [trade for trade in of(told, Trade) if trade.signal_ns >= lost[0].bar_ns]


def test_with_a_limit_of_its_own_the_gate_refuses_as_ever() -> None:
    """The shipped presets have both at one figure: nothing changes for them."""
    falling = [100.0, 101.0] + [value for at in range(12) for value in (60.0 - 40 * at, 61.0 - 40 * at)]
    both = settings(exits__day_loss=100.0, risk__day_loss=100.0, mean_cross__stop_points=5.0, mean_cross__reverses=True)

    assert not [each for each in of(played(both, bars(falling)), Suppressed) if each.reason == "DAILY_LOSS"]


# --- costs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "commission", "slippage"),
    [
        ({}, 0.62, 1),
        (costs("MNQ", 0.5, None), 0.5, 1),
        (costs("MNQ", None, 0), 0.62, 0),
        ({"instruments.MNQ.commission": 0.4, "instruments.MNQ.slippage_ticks": 2}, 0.4, 2),
    ],
)
def test_costs_are_those_of_the_run(given: dict[str, Any], commission: float, slippage: int) -> None:
    """In its configuration, so the books and the venue have them; the table of instruments stays."""
    conf = configured("test", "MNQ", "bare", ["mean_cross"], given, "next_open", False, None, None)

    terms = conf.instruments["MNQ"]
    assert (terms.commission, terms.slippage_ticks) == (commission, slippage)
    assert configuration.instrument("MNQ").commission == 0.62


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("instruments.MNQ.comission", 0.5, ["comission", "commission"]),
        ("instruments.MNX.commission", 0.5, ["MNX"]),
        ("instruments.MNQ", 0.5, ["--set instruments.MNQ", "write the symbol and its field"]),
        ("instruments.MNQ.slippage_ticks", 0.5, ["slippage_ticks", "int"]),
        ("instruments.MNQ.tick", 0.1, ["tick = 0.1", "NQ"]),
    ],
)
def test_a_wrong_cost_is_refused_with_its_name(name: str, value: float, words: list[str]) -> None:
    """As in a table of instruments of one's own."""
    with pytest.raises(ConfError) as refused:
        configured("test", "MNQ", "bare", ["mean_cross"], {name: value}, "next_open", False, None, None)

    assert all(word in str(refused.value) for word in words), refused.value


def test_settings_of_presets_and_instruments_are_told_apart() -> None:
    """One option for both."""
    values = overrides.read(["exits.day_loss=none", "instruments.MNQ.commission=0", "instruments.MNQ.slippage_ticks=3"])

    assert overrides.split(values) == ({"exits.day_loss": None}, {"MNQ": {"commission": 0, "slippage_ticks": 3}})


# --- the summary ------------------------------------------------------------------------------------------------------


def test_a_run_says_what_it_applied_to_a_strategy(tmp_path: Path) -> None:
    """In summary.json, on the terminal and in the report: exits, limits, size, costs, and what was not asked for by its rule."""
    synthetic.generate(tmp_path / "data", sessions=1, seed=8, start=dt.date(2026, 3, 2))
    changes = {"mean_cross.reverses": True, "mean_cross.asks": False, "exits.day_loss": 5000.0, "risk.max_trades": 500}
    run = backtest(
        tmp_path / "data", preset="bare", strategies=["mean_cross"], set=changes, commission=0.4, slippage=2, journal="decisions"
    )

    told = dict(commands.lines(run.summary))
    assert run.summary.applied == {
        "Mean Cross": applied.Applied({"DAILY_LOSS": "5000 $"}, {"max_trades": "500"}, "1 contract"),
    }
    assert (told["exits"], told["limits"], told["size"]) == ("DAILY_LOSS 5000 $", "max_trades 500", "1 contract")
    assert told["costs"] == "MNQ: commission 0.40 $ a side, slippage 2 ticks a fill"
    assert run.summary.suppressed["EXIT_BAR"] > 10
    assert told["not asked for"].startswith("EXIT_BAR ")
    page = run.report().path.read_text("utf-8")
    assert "<h2>What was applied</h2>" in page
    assert "EXIT_BAR" in page


def test_why_counts_what_was_proposed_in_a_position() -> None:
    """The signals of stop and reverse that an exit does not ask for: none is lost from the account."""
    conf = settings(mean_cross__reverses=True, mean_cross__asks=False, mean_cross__fast_bars=1)
    recording = Recording("MNQ", "NQ", bars())

    (told,) = why.explain(conf, recording, lambda share: None)

    assert (told.proposed, told.traded, told.in_position) == (5, 3, 2)
    assert any("2 proposals while a position was open" in line for line in why.lines([told]))


def test_each_strategy_of_a_preset_has_its_own_lines() -> None:
    """Exempt ones lack the rule; those that keep their own hours have the day's loss alone; sizes are told in words."""
    chosen = configuration.preset("absolute", ["edge_fade", "trend_day_bull", "v_reversal"])
    risk = msgspec.structs.replace(chosen.risk, strategy_day_loss={"Edge Fade": 300.0})
    conf = configured("test", "MNQ", "seed", None, {}, "next_open", False, None, None)
    found = applied.applied(msgspec.structs.replace(conf, preset=msgspec.structs.replace(chosen, risk=risk)))

    assert [*found["V-Reversal"].exits] == ["DAILY_LOSS"]
    assert "TREND_TRAIL" in found["Trend Day Bull"].exits
    assert "VWAP_BREACH_PM" not in found["Edge Fade"].exits
    assert found["Edge Fade"].limits["strategy_day_loss"] == "300"
    assert found["Edge Fade"].size.startswith("by risk: as many contracts as 400 $ pay for")
    assert applied.words(applied.Applied({}, {}, "").exits) == "none"


def test_a_size_without_a_cap_is_as_large_as_its_budget() -> None:
    """`risk_cap = "none"`: a contract that risks more than any cap is traded all the same, once."""
    from tapewire.daemons.gate.books import sizing

    terms = configuration.instrument("MNQ")

    assert sizing.wanted(RiskLimits(risk_cap=None), terms, 21_000.0, 20_000.0) == 1
    assert sizing.wanted(RiskLimits(risk_cap=800.0), terms, 21_000.0, 20_000.0) == 0
