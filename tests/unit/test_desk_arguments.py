"""A wrong argument of a function in Python: its name, its value and the remedy, before anything is read or written."""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tapewire
from tapewire.bus.errors import ConfError
from tapewire.replay.desk.arguments import KINDS
from tapewire.replay.sources import synthetic

DOORS: dict[str, Callable[..., Any]] = {name: door for name in tapewire.DESK if inspect.isfunction(door := getattr(tapewire, name))}
METHODS: dict[str, Callable[..., Any]] = {
    f"Run.{name}": method for name, method in inspect.getmembers(tapewire.Run, inspect.isfunction) if hasattr(method, "__wrapped__")
}
ASKED: list[tuple[str, str]] = [
    (name, parameter)
    for name, each in {**DOORS, **METHODS}.items()
    for parameter in inspect.signature(each).parameters
    if parameter != "self"
]
PLAIN: dict[str, Any] = {"data": "nowhere", "set": {}, "source": "nowhere", "run": "nowhere", "folder": "nowhere", "session": ""}


def call(name: str, parameter: str, value: object) -> None:
    function = {**DOORS, **METHODS}[name]
    given = {each: PLAIN.get(each, "") for each, how in inspect.signature(function).parameters.items() if how.default is how.empty}
    function(**{**given, parameter: value})


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    synthetic.generate(folder, sessions=1, seed=8, start=dt.date(2026, 3, 2))
    return folder


@pytest.mark.parametrize(("name", "parameter"), ASKED)
def test_something_else_is_refused_by_name(name: str, parameter: str) -> None:
    """Every argument of every function, with what to write."""
    with pytest.raises(ConfError, match=rf"^{parameter} = <object object at .*>: write ") as refused:
        call(name, parameter, object())

    assert str(refused.value).endswith(KINDS[parameter].words)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("backtest", {"strategies": "pipeline"}, r"^strategies = 'pipeline': write a list of names$"),
        ("backtest", {"instrument": None}, r"^instrument = None: write a text$"),
        ("backtest", {"commission": True}, r"^commission = True: write a number$"),
        ("backtest", {"slippage": 1.5}, r"^slippage = 1\.5: write a whole number$"),
        ("backtest", {"slippage": float("nan")}, r"^slippage = nan: write a whole number$"),
        ("backtest", {"commission": float("nan")}, "commission"),
        ("backtest", {"commission": float("inf")}, "commission"),
        ("backtest", {"capital": float("nan")}, "capital = nan"),
        ("backtest", {"set": ["a=1"]}, r"^set = \['a=1'\]: write settings by name"),
        ("backtest", {"set": {"exits.exit_time": object()}}, "exit_time"),
        ("backtest", {"start": "March"}, "'March'"),
        ("backtest", {"start": "2026-03-09", "end": "2026-03-02"}, "2026-03-09"),
        ("sweep", {"sessions_split": float("nan"), "set": {"fill": ["close"]}}, "sessions_split = nan"),
        ("sweep", {"jobs": 0, "set": {"fill": ["close"]}}, "jobs = 0"),
        ("sweep", {"trials": 0, "set": {"fill": ["close"]}}, "trials = 0"),
        ("walk_forward", {"jobs": -1, "set": {"fill": ["close"]}}, "jobs = -1"),
        ("lookahead", {"cuts": -1}, "cuts = -1"),
        ("features", {"side": "up"}, "side 'up'"),
        ("features", {"hours": "night"}, "hours 'night'"),
        ("features", {"labels": "outcomes"}, "did you mean 'outcome'"),
        ("features", {"bars": float("nan")}, r"^bars = nan: write a whole number$"),
        ("features", {"profit_atr": float("inf")}, "profit_atr = inf"),
    ],
)
def test_a_wrong_value_is_refused_by_name(recorded: Path, name: str, arguments: dict[str, Any], words: str) -> None:
    """Also where its type is right."""
    with pytest.raises(ConfError, match=words):
        DOORS[name](**{"data": recorded, **arguments})


def test_numbers_and_dates_may_be_numpys_and_pandas(recorded: Path) -> None:
    """As they come out of a table; names, too."""
    first = pd.Timestamp(tapewire.backtest(recorded, journal="none").sessions.session[0])
    names = pd.Index(["move_5_atr", "vwap_sigma"])

    found = tapewire.features(recorded, names=names, bars=np.int64(5), profit_atr=np.float32(1), start=first, side="SHORT")
    run = tapewire.backtest(recorded, start=first, end=first.date(), slippage=np.int64(2), commission=np.float64(1), journal="none")

    grid = {"pipeline.distance_points": np.arange(10.0, 30.0, 10.0), "exits.exit_time": pd.Series(["15:00", "15:30"])}
    swept = tapewire.sweep(recorded, set=grid, strategies=["pipeline"], jobs=1)

    assert [*swept.table["pipeline.distance_points"]] == [10.0, 10.0, 20.0, 20.0]
    assert [*found.columns][1:3] == [*names]
    assert found.attrs["tapewire"]["side"] == "SHORT"
    assert len(run.sessions) == 1
