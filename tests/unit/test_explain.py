"""From any id back to the bar, and on to the trade, over a journal made by the loop."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec
import pytest

from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Reject, Trade
from tapewire.daemons.settings import load as configuration
from tapewire.replay import outputs, runs, tapes
from tapewire.replay.explain import explain
from tapewire.replay.sources import synthetic


def backtested(folder: Path, **risk: object) -> Path:
    """A backtest of one synthetic session with the plumbing test strategy, and these limits."""
    bars = folder / "bars"
    bars.mkdir()
    synthetic.generate(bars, sessions=1, seed=3, start=dt.date(2026, 3, 2))
    recording, calendar = runs.read(bars, "MNQ", lambda share: None)
    preset = configuration.preset("seed", ["pipeline"])
    changes = {"risk": risk}
    conf = configuration.load("replay", instance="test", traded=["MNQ"], preset=preset, calendar=calendar, changes=changes)
    runs.backtest(conf, recording, folder / "run", lambda share: None)
    return folder / "run"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return backtested(tmp_path_factory.mktemp("explained"))


@pytest.fixture(scope="module")
def trade(run: Path) -> Trade:
    return next(tapes.facts(run, "trade.", Trade))


def test_an_order_is_walked_back_to_its_bar_and_on_to_its_trade(run: Path, trade: Trade) -> None:
    """Bar, session, intent, decision, signal, command, order, fills, trade: each kind is there, oldest first."""
    steps = explain(run, trade.id)
    kinds = list(dict.fromkeys(step.type for step in steps))

    assert kinds[:7] == ["bar", "session", "intents", "decisions", "signal", "place_order", "order_event"]
    assert {"fill", "trade"} <= set(kinds)
    assert [step.time for step in steps] == sorted(step.time for step in steps)


def test_a_trade_is_shown_with_its_measures(run: Path, trade: Trade) -> None:
    """MAE and MFE frame what it made per contract; R is its net over the 20 points that were at risk."""
    shown = next(step for step in explain(run, trade.id) if step.type == "trade")
    points = trade.exit_price - trade.entry_price

    assert -shown.body["mae"] <= points <= shown.body["mfe"]
    assert shown.body["r"] == round(trade.net_cents / 4_000, 4)
    assert "mae=" in str(shown)


def test_a_refusal_is_shown_with_its_code_and_its_numbers(tmp_path: Path) -> None:
    """The plumbing test's stop is 80 ticks away. The code stands in journal, story, intents.jsonl and summary alike."""
    refused = backtested(tmp_path, stop_ticks_at_most=79)
    reject = next(tapes.facts(refused, "reject.", Reject))

    story = explain(refused, reject.id)
    assert [step.type for step in story] == ["bar", "session", "intents", "decisions", "reject"]
    assert "reason=STOP_TOO_FAR" in str(story[-1])
    assert "detail=stop 80 ticks away, at most 79" in str(story[-1])
    assert '"rejected":"STOP_TOO_FAR"' in (refused / "intents.jsonl").read_text().splitlines()[0]
    assert set(outputs.read_summary(refused).refusals) == {"STOP_TOO_FAR"}


def test_every_step_but_the_bar_names_one_of_the_story(run: Path, trade: Trade) -> None:
    """The walk has no hole: the cause of each message is itself in the story."""
    steps = explain(run, trade.id)
    refs = {step.ref for step in steps}

    assert all(step.cause in refs for step in steps if step.type != "bar")


def test_a_message_can_be_requested_by_name(run: Path, trade: Trade) -> None:
    """`fill.MNQ.@1:1` is as good an id as an order's; the story then is the way back alone."""
    steps = explain(run, "fill.MNQ.@1:1")

    assert [step.type for step in steps] == ["bar", "session", "intents", "fill"]


def test_an_execution_id_leads_to_the_same_bar(run: Path, trade: Trade) -> None:
    """Any id, from the venue's side or from ours, leads to the same bar."""
    by_order = explain(run, trade.id)
    execution = next(step.body["execution_id"] for step in by_order if step.type == "fill")

    assert explain(run, execution)[0] == by_order[0]


def test_an_unknown_id_gets_a_near_one(run: Path, trade: Trade) -> None:
    """The error for a mistyped id names the nearest existing one."""
    with pytest.raises(ConfError, match="did you mean"):
        explain(run, trade.id.replace("PIPELINE", "PIPELIME"))


def test_a_step_reads_as_text_and_as_json(run: Path, trade: Trade) -> None:
    """Time and name on one line, the telling fields below; JSON carries everything."""
    step = next(each for each in explain(run, trade.id) if each.type == "trade")

    assert str(step).startswith(f"{step.time}  trade.MNQ.@1:")
    assert msgspec.json.decode(msgspec.json.encode(step))["body"]["net_cents"] == trade.net_cents
