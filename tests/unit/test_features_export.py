"""The table of features and labels: rows, columns, what is kept of it in a file, and that it is the command's."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tapewire
from tapewire.bus.errors import ConfError
from tapewire.replay.features import export
from tapewire.replay.features.export import COLUMNS
from tapewire.replay.sources import synthetic
from tapewire.strategies.features import FEATURES, digest
from tapewire.strategies.features.stream import AUCTION
from tapewire.strategies.pipeline import Pipeline
from tests import command

PROPOSE = Pipeline.propose
FIRST = dt.date(2026, 3, 2)
NAMES = ["move_5_atr", "vwap_sigma", "ib_place_r"]
WITHOUT = ["up_ticks_share", "ib_mean10_ratio", "ib_p90_ratio", "regime_code", "single_above_atr"]
"""What two invented sessions have nothing of: up ticks, the balances of five earlier sessions, single prints above."""
FEW = {"names": NAMES, "set": {"auction_row_ticks": 4}}
PIPELINE = {"names": NAMES, "strategies": ["pipeline"], "labels": "outcome"}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    synthetic.generate(folder, sessions=2, seed=8, start=FIRST)
    return folder


@pytest.fixture(scope="module")
def whole(recorded: Path) -> pd.DataFrame:
    return tapewire.features(recorded, set={"auction_row_ticks": 4})


@pytest.fixture(scope="module")
def outcomes(recorded: Path) -> pd.DataFrame:
    return tapewire.features(recorded, **PIPELINE)


def test_a_row_is_a_bar_of_regular_hours_with_every_feature(whole: pd.DataFrame) -> None:
    """In the order of the table, between the trade date and the label; each feature has a value somewhere, and none is infinite."""
    features = whole[list(FEATURES)]

    assert list(whole.columns) == ["session", *FEATURES, *COLUMNS["triple-barrier"]]
    assert whole.groupby("session").size().tolist() == [390, 390]
    assert (str(whole.index[0]), whole.index.name) == ("2026-03-02 09:31:00-05:00", "time")
    assert features.columns[features.isna().all()].tolist() == WITHOUT
    assert not np.isinf(features.to_numpy()).any()


def test_all_hours_have_the_same_values_on_the_bars_of_rth(recorded: Path, whole: pd.DataFrame) -> None:
    """Which rows are kept changes no value."""
    every = tapewire.features(recorded, hours="all", **FEW)

    assert len(every) == 2_739
    pd.testing.assert_frame_equal(every.loc[whole.index, NAMES], whole[NAMES])


def test_without_an_auction_its_features_are_left_out_or_refused(recorded: Path) -> None:
    """All that there are by default; one that is named needs the setting."""
    made = tapewire.features(recorded, labels="none")

    assert set(FEATURES) - set(made.columns) == AUCTION
    assert made.columns[0] == "session"
    assert "label" not in made
    with pytest.raises(ConfError, match=r"the feature 'tpo_poc_atr' needs the auction; add --set auction_row_ticks=4"):
        tapewire.features(recorded, names=["tpo_poc_atr"])


@pytest.mark.parametrize("labels", ["none", "outcome"])
def test_no_feature_at_all_is_refused(labels: str, recorded: Path) -> None:
    """An empty list is not all of them."""
    with pytest.raises(ConfError, match="names: name a feature"):
        tapewire.features(recorded, names=[], labels=labels)


def test_outcomes_are_the_trades_of_the_backtest(recorded: Path, outcomes: pd.DataFrame, whole: pd.DataFrame) -> None:
    """Each at the bar that decided it, with the features of that bar, its end, its sign and its R."""
    trades = tapewire.backtest(recorded, strategies=["pipeline"]).trades.sort_values("signal_time", kind="stable")

    assert len(trades) > 50
    assert list(outcomes.columns) == ["session", *NAMES, *COLUMNS["outcome"]]
    assert outcomes["id"].tolist() == trades["id"].tolist()
    assert outcomes.index.tolist() == trades["signal_time"].tolist()
    assert outcomes["label"].tolist() == np.sign(trades["net"]).tolist()
    assert outcomes["r"].tolist() == trades["r"].tolist()
    assert pd.to_datetime(outcomes["ends_ns"], utc=True).tolist() == trades["exit_time"].tolist()
    pd.testing.assert_frame_equal(outcomes[NAMES], whole.loc[outcomes.index, NAMES])


def test_a_preset_that_does_not_trade_leaves_an_empty_table(recorded: Path) -> None:
    """With its columns."""
    made = tapewire.features(recorded, names=NAMES, strategies=["edge_fade"], labels="outcome", end="2026-03-02")

    assert len(made) == 0
    assert list(made.columns) == ["session", *NAMES, *COLUMNS["outcome"]]


def test_the_command_writes_the_same_table(recorded: Path, outcomes: pd.DataFrame, tmp_path: Path) -> None:
    """As Parquet with how it was made, as CSV without; the labels are counted on the terminal."""
    names = ("--names", ",".join(NAMES))
    parquet, text = tmp_path / "deep" / "x.parquet", tmp_path / "y.csv"
    ready = command.ready()
    first = ready.run(
        "features", "--data", recorded, "--out", parquet, *names, "--profit-atr", 3, "--bars", 5, "--side", "short", timeout=60
    )
    second = ready.run(
        "features",
        "--data",
        recorded,
        "--out",
        text,
        *names,
        "--labels",
        "outcome",
        "--strategies",
        "pipeline",
        "--json",
        timeout=60,
    )

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    expected = tapewire.features(recorded, names=NAMES, profit_atr=3.0, bars=5, side="SHORT")
    read = pd.read_parquet(parquet)
    pd.testing.assert_frame_equal(read, expected)
    assert read.attrs["tapewire"] == expected.attrs["tapewire"]
    assert read.attrs["tapewire"]["digest"] == digest(NAMES)
    assert read.attrs["tapewire"]["definition"].startswith(
        "1 if a SHORT from the close reaches 3 ATR of profit before 2 ATR of loss"
    )
    counted = [int((expected["label"] == value).sum()) for value in (1, 0, -1)]
    assert f"labels        1: {counted[0]}, 0: {counted[1]}, -1: {counted[2]}; none: 2" in first.stdout
    again = pd.read_csv(text)
    assert again["id"].tolist() == outcomes["id"].tolist()
    np.testing.assert_array_equal(again[NAMES].to_numpy(), outcomes[NAMES].to_numpy())
    assert '"rows":' in second.stdout


def test_a_strategy_that_fails_is_told(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its trades up to there are labelled, and the table says so."""
    monkeypatch.setattr(Pipeline, "propose", lambda self, s: 1 / 0 if s.minute > 700 else PROPOSE(self, s))
    made = tapewire.features(recorded, end="2026-03-02", **PIPELINE)

    assert 0 < len(made) < 40
    assert "Pipeline is switched off" in made.attrs["tapewire"]["off"][0]


def test_the_command_shows_the_list() -> None:
    """Without a recording; as JSON for a program."""
    listed = command.ready().run("features", "--list", timeout=60)

    assert listed.returncode == 0
    assert len(listed.stdout.splitlines()) == 1 + len(FEATURES)
    assert all(name in listed.stdout for name in FEATURES)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--data", "DIR"), "write --data with a recording and --out with a file, or --list"),
        (("--data", "DIR", "--out", "x.xlsx"), "--out x.xlsx: write a name that ends with .parquet or .csv"),
        (("--data", "DIR", "--out", "x.csv", "--labels", "tripel"), "labels 'tripel' (did you mean 'triple-barrier'?)"),
        (("--data", "DIR", "--out", "x.csv", "--side", "lon"), "side 'lon' (did you mean 'long'?): write long or short"),
        (("--data", "DIR", "--out", "x.csv", "--names", "vwap"), "unknown feature 'vwap'"),
        (("--data", "DIR", "--out", "x.csv", "--names", "value_code"), "needs the auction; add --set auction_row_ticks=4"),
        (("--data", "DIR", "--out", "x.csv", "--loss-atr", "0"), "loss_atr = 0.0: write a distance above 0"),
    ],
)
def test_the_command_refuses_what_it_cannot_do(words: tuple[str, ...], told: str) -> None:
    """Before it reads anything."""
    refused = command.ready().run("features", *words, timeout=60)

    assert refused.returncode == 78
    assert told in refused.stderr


def test_labels_have_the_name_of_either_form() -> None:
    """`triple_barrier` is `triple-barrier`."""
    assert export.checked("triple_barrier") == "triple-barrier"
