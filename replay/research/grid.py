"""A grid over settings: `--set edge_fade.ib_under_points=150,200` as axes, cells, and one configuration per cell.

Names and values are those of daemons/settings/overrides.py, and `fill` beside them; several values stand between commas.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from tapewire.bus.errors import ConfError
from tapewire.daemons.settings import fills, overrides
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.strategies import checked_strategies
from tapewire.daemons.settings.structs import Conf

MOST_CELLS = 10_000
TRACKED = "auction_row_ticks"
"""The setting of a preset that the tracker reads."""

Cell: TypeAlias = dict[str, Any]
"""One value for each axis, by the axis' name."""


class Axis(Struct, frozen=True):
    """One setting and the values it takes, in the order in which they were given: neighbours in it are neighbours in the grid."""

    name: str
    values: tuple[Any, ...]


def axes(settings: Sequence[str]) -> tuple[Axis, ...]:
    """The axes of `name=value,value` settings.

    Raises:
        ConfError: no value, a value or a name twice, nothing to vary, or more than MOST_CELLS cells.
    """
    return checked(tuple(map(axis, settings)))


def checked(found: Sequence[Axis], largest: float = MOST_CELLS) -> tuple[Axis, ...]:
    """These axes, if they make a grid of at most so many cells. Raises ConfError as `axes`."""
    if not found:
        raise ConfError("nothing to vary; write --set name=value,value, such as --set edge_fade.pause_bars=10,20,40")
    names = [axis.name for axis in found]
    for axis in found:
        if not axis.values:
            raise ConfError(f"{axis.name} has no value; write one or more")
    for name in names:
        if names.count(name) > 1:
            raise ConfError(f"--set {name} is given twice; write all its values in one")
    size = 1
    for axis in found:
        size *= len(axis.values)
    if size > largest:
        raise ConfError(f"the grid has {size} cells, at most {largest} make sense; take fewer values")
    return tuple(found)


def cells(grid: Sequence[Axis]) -> list[Cell]:
    """Every combination, the last axis changing fastest."""
    names = [axis.name for axis in grid]
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*(axis.values for axis in grid))]


def applied(conf: Conf, cell: Cell) -> Conf:
    """The configuration of one cell, checked as a run would check it.

    Raises:
        ConfError: an undefined name, with the nearest defined one, or a value that does not fit.
    """
    where = f"--set {', '.join(f'{name}={value}' for name, value in cell.items())}"
    try:
        fill = fills.model(str(cell.get("fill", conf.fill)))
    except ConfError as error:
        raise ConfError(f"{where}: {error}") from error
    if TRACKED in cell:
        raise ConfError(f"{where}: {TRACKED} changes the sessions, which all cells share; run one sweep for each value")
    preset = configuration.changed(conf.preset, {name: value for name, value in cell.items() if name != "fill"})
    try:
        for symbol in conf.traded:
            checked_strategies(symbol, conf.instruments[symbol], preset)
    except ConfError as error:
        raise ConfError(f"{where}: {error}") from error
    return replace(conf, preset=preset, fill=fill)


def neighbours(grid: Sequence[Axis], cell: Cell) -> Iterator[Cell]:
    """The cells one step away in one axis."""
    for axis in grid:
        at = axis.values.index(cell[axis.name])
        for near in (at - 1, at + 1):
            if 0 <= near < len(axis.values):
                yield {**cell, axis.name: axis.values[near]}


def words(cell: Cell) -> str:
    """A cell for a person: `edge_fade.pause_bars 20, fill close`."""
    return ", ".join(f"{name} {shown(value)}" for name, value in cell.items())


def shown(value: Any) -> str:
    """A value as it was written."""
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def axis(setting: str) -> Axis:
    """The axis of one `name=value,value`. Raises ConfError."""
    name, equals, text = setting.partition("=")
    name = name.strip()
    values = [overrides.value(each.strip()) for each in _split(text)]
    if not (equals and name and text.strip()) or "" in values:
        raise ConfError(f"--set {setting}: write name=value,value, such as exits.exit_time=15:30,15:59")
    for value in values:
        if values.count(value) > 1:
            raise ConfError(f"--set {setting}: {shown(value)} is there twice")
    return Axis(name, tuple(values))


def _split(text: str) -> list[str]:
    """At the commas that are not inside brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
