"""The demo: what it trades, and that its bars go out and come back in NinjaTrader's own format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Body, Header, Signal, Trade
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.gate import core as gate
from tapewire.daemons.tracker import core as tracker
from tapewire.replay import demo, loop, runs
from tapewire.replay.commands import DEMO_SEED, DEMO_SESSIONS
from tapewire.replay.sources import synthetic

EVERYTHING = {"V-Reversal", "Trend Day Bull", "B-Day IBL Fade", "IBH Sweep+Fail", "Edge Fade", "Bear Accept Short"}


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's sessions."""
    folder = tmp_path_factory.mktemp("demo")
    synthetic.generate(folder, sessions=DEMO_SESSIONS, seed=DEMO_SEED, start=demo.START, v_reversals=True)
    return folder


def played(chosen: demo.Choice, bars: Path) -> list[Body]:
    """All messages of a run."""
    conf, recording = chosen.prepare(bars)
    messages: list[Body] = []

    def record(topic: str, header: Header, body: Body) -> None:
        messages.append(body)

    daemons = [tracker.daemon(conf), evaluator.daemon(conf), gate.daemon(conf)]
    loop.run(daemons, runs.venue(conf), recording.bars, record)
    return messages


def v_reversals(messages: list[Body]) -> Iterator[str]:
    """The setups of V-Reversal's approved entries."""
    for body in messages:
        if isinstance(body, Signal) and body.strategy == "V-Reversal" and body.entry is not None:
            yield body.setup


def test_it_shows_one_purchase_and_one_sale_of_v_reversal_beside_the_others(bars: Path) -> None:
    """Both planned patterns trade and reach their targets, and the playbook's strategies trade as well."""
    messages = played(demo.choice(None), bars)
    trades = [body for body in messages if isinstance(body, Trade)]

    assert [*v_reversals(messages)] == ["V_REVERSAL_BUY", "V_REVERSAL_SELL"]
    assert [trade.reason for trade in trades if trade.strategy == "V-Reversal"] == ["TARGET", "TARGET"]
    assert {trade.strategy for trade in trades} == EVERYTHING


@pytest.mark.parametrize(("preset", "instrument"), [("seed", "MNQ"), ("v_reversal_classic", "ES"), ("vwap_bounce_cloud", "ES")])
def test_a_preset_is_played_as_it_is_on_what_it_is_for(preset: str, instrument: str) -> None:
    """Strategies that keep their own hours are for ES; nothing is added to a preset that a person names."""
    assert demo.choice(preset) == demo.Choice(instrument, preset)


def test_a_preset_that_does_not_exist_is_refused() -> None:
    """With the nearest one."""
    with pytest.raises(ConfError, match="did you mean 'seed'"):
        demo.choice("sede")


def test_the_patterns_are_there_for_es_too(bars: Path) -> None:
    """The preset for ES takes both in the first night, at its own thresholds."""
    assert {*v_reversals(played(demo.choice("v_reversal_bidirectional"), bars))} == {"V_REVERSAL_BUY", "V_REVERSAL_SELL"}


def test_its_export_is_read_as_ninjatraders(bars: Path, tmp_path: Path) -> None:
    """The file gives the same bars, without their order flow and companions, and V-Reversal trades as before."""
    chosen = demo.choice(None)
    original = list(chosen.prepare(bars)[1].bars)
    path = tmp_path / "NQ 06-26.Last.txt"
    path.write_bytes(demo.export(original))

    again = chosen.without_flow.prepare(path)[1].bars

    bare = [msgspec.structs.replace(bar, ask_volume=None, bid_volume=None, cross=(), delta=None) for bar in original]
    assert list(again) == bare
    assert [*v_reversals(played(chosen.without_flow, path))] == ["V_REVERSAL_BUY", "V_REVERSAL_SELL"]


def test_a_row_of_the_export_is_ninjatraders(bars: Path) -> None:
    """Semicolons, UTC, prices without trailing zeros; 18:01 in New York is 22:01 UTC in summer."""
    first = demo.choice(None).prepare(bars)[1].bars[0]
    bar = msgspec.structs.replace(first, open=25000.0, high=25001.25, low=24999.5, close=25000.75, volume=42)

    assert demo.export([bar]) == b"20260322 220100;25000;25001.25;24999.5;25000.75;42\r\n"
