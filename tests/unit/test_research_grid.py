"""A grid over settings: from the command line to one checked configuration per cell."""

from __future__ import annotations

from typing import Any

import pytest

from tapewire.bus.errors import ConfError
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.replay.research import grid
from tapewire.replay.research.grid import Axis


def settings(*strategies: str) -> Conf:
    preset = configuration.preset("seed", strategies or None)
    return configuration.load("replay", instance="test", traded=["MNQ"], preset=preset)


@pytest.mark.parametrize(
    ("setting", "axis"),
    [
        ("edge_fade.pause_bars=10,20", Axis("edge_fade.pause_bars", (10, 20))),
        ("edge_fade.zone_under_r = 0.25, 0.5", Axis("edge_fade.zone_under_r", (0.25, 0.5))),
        ("exits.exit_time=15:30,15:59", Axis("exits.exit_time", ("15:30", "15:59"))),
        ("b_day_ibl_fade.close_inside=true,false", Axis("b_day_ibl_fade.close_inside", (True, False))),
        ("edge_fade.ib_under_points=none,200", Axis("edge_fade.ib_under_points", (None, 200))),
        ('bear_accept_short.day_types=["trend_down"],["trend_down","b_day_bear"]',
         Axis("bear_accept_short.day_types", (["trend_down"], ["trend_down", "b_day_bear"]))),
        ("conflict=priority,veto", Axis("conflict", ("priority", "veto"))),
    ],
)  # fmt: skip
def test_values_are_written_as_in_a_preset(setting: str, axis: Axis) -> None:
    """Numbers, truth, clock times without quotes, lists in brackets, and none for a rule that is not there."""
    assert grid.axes([setting]) == (axis,)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "nothing to vary"),
        (["edge_fade.pause_bars"], "write name=value,value"),
        (["edge_fade.pause_bars="], "write name=value,value"),
        (["=10"], "write name=value,value"),
        (["edge_fade.pause_bars=10,,20"], "write name=value,value"),
        (["edge_fade.pause_bars=10,10"], "10 is there twice"),
        (["a.b=1", "a.b=2"], "a.b is given twice"),
        ([f"a.{axis}={','.join(map(str, range(30)))}" for axis in "bcd"], "the grid has 27000 cells, at most 10000"),
    ],
)
def test_a_grid_that_is_none_is_refused_with_the_remedy(given: list[str], message: str) -> None:
    """Before anything is read."""
    with pytest.raises(ConfError, match=message):
        grid.axes(given)


def test_cells_are_every_combination_with_the_last_axis_fastest() -> None:
    """So that a table reads like a grid."""
    axes = (Axis("a", (1, 2)), Axis("b", ("x", "y")))

    assert grid.cells(axes) == [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"}]


def test_neighbours_are_one_step_away_in_one_axis() -> None:
    """In the order in which the values were given; a corner has two."""
    axes = (Axis("a", (1, 2, 3)), Axis("b", (1, 2)))

    assert list(grid.neighbours(axes, {"a": 1, "b": 1})) == [{"a": 2, "b": 1}, {"a": 1, "b": 2}]
    assert len(list(grid.neighbours(axes, {"a": 2, "b": 1}))) == 3


def test_a_cell_changes_what_it_names_and_nothing_else() -> None:
    """A strategy's parameter, exits, limits, the conflict, the fill model."""
    conf = settings()
    cell = {
        "edge_fade.ib_under_points": None,
        "exits.exit_time": "15:30",
        "risk.max_trades": 3,
        "conflict": "veto",
        "fill": "close",
    }
    changed = grid.applied(conf, cell)

    assert changed.preset.parameters["edge_fade"] == {**conf.preset.parameters["edge_fade"], "ib_under_points": None}
    assert (changed.preset.exits.exit_time, changed.preset.exits.breach_r) == ("15:30", conf.preset.exits.breach_r)
    assert (changed.preset.risk.max_trades, changed.preset.conflict, changed.fill) == (3, "veto", "close")
    assert conf == settings()


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ({"edge_fad.pause_bars": 1}, r"edge_fad.pause_bars: nothing has this name \(did you mean 'edge_fade.pause_bars'\?\)"),
        ({"edge_fade.pause_bar": 1}, r"`pause_bar` \(did you mean 'pause_bars'\?\)"),
        ({"edge_fade.pause_bars": "many"}, "Expected `int`, got `str`"),
        ({"edge_fade.divergence_lag_bars": 99}, "write 1 to divergence_bars - 1"),
        ({"exits.exit_tim": "15:30"}, r"`exit_tim`.*did you mean 'exit_time'"),
        ({"exits.exit_time": "half past"}, "half past"),
        ({"conflict": "vote"}, "vote"),
        ({"fill": "open"}, "unknown fill model 'open'"),
        ({"pause_bars": 1}, "nothing has this name"),
        ({"pipeline.distance_points": 1.0}, "pipeline is not traded in this run"),
    ],
)
def test_a_name_or_value_that_does_not_fit_is_told_with_the_cell(cell: dict[str, Any], message: str) -> None:
    """With the nearest name that exists."""
    with pytest.raises(ConfError, match=message):
        grid.applied(settings(), cell)
