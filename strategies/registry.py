"""Strategies by the name that a preset uses: the seven of the playbook, V-Reversal, VWAP Bounce, the plumbing test, plug-ins.

A plug-in is a Python entry point of the group `tapewire.strategies` whose object is a class that follows
`tapewire.strategies.protocol`:

    [options.entry_points]
    tapewire.strategies =
        first_green = mypackage.first_green:FirstGreen

A plug-in is imported only when a preset names it, so a broken plug-in stops no other run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from tapewire.bus.errors import ConfError, suggest
from tapewire.strategies.b_day_ibl_fade import BDayIblFade
from tapewire.strategies.bear_accept_short import BearAcceptShort
from tapewire.strategies.edge_fade import EdgeFade
from tapewire.strategies.ibh_sweep_fail import IbhSweepFail
from tapewire.strategies.model import Model
from tapewire.strategies.or_reversal import OrReversal
from tapewire.strategies.p_day import PDay
from tapewire.strategies.pipeline import Pipeline
from tapewire.strategies.protocol import MAX_SETUP, DayTypeOf, Hours, Strategy, StrategyClass
from tapewire.strategies.trend_day_bull import TrendDayBull
from tapewire.strategies.v_reversal import VReversal
from tapewire.strategies.vwap_bounce import VwapBounce

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "tapewire.strategies"

BUILT_IN: Mapping[str, StrategyClass] = {
    "or_reversal": OrReversal,
    "trend_day_bull": TrendDayBull,
    "p_day": PDay,
    "b_day_ibl_fade": BDayIblFade,
    "edge_fade": EdgeFade,
    "ibh_sweep_fail": IbhSweepFail,
    "bear_accept_short": BearAcceptShort,
    "v_reversal": VReversal,
    "vwap_bounce": VwapBounce,
    "model": Model,
    "pipeline": Pipeline,
}

DAY_TYPES: Mapping[str, DayTypeOf] = {
    "edge": attrgetter("day_type_edge"),
    "midpoint": attrgetter("day_type_midpoint"),
}
"""The day type models of playbook 2.9 by the name a preset uses."""

_METHODS = ("start", "update", "propose", "consume")
_SETUP = re.compile(rf"[A-Z0-9_]{{1,{MAX_SETUP}}}")


def defined() -> tuple[str, ...]:
    """Every name a preset may use, without importing a plug-in."""
    return (*BUILT_IN, *(name for name in _plug_ins() if name not in BUILT_IN))


def display_names() -> tuple[str, ...]:
    """The names of the built-in strategies as signals and a preset's exempt lists carry them."""
    return tuple(cls.name for cls in BUILT_IN.values())


def packages(names: Iterable[str]) -> dict[str, str]:
    """The top-level Python package of each plug-in among these names, without importing it. Built-in strategies are not in it."""
    points = _plug_ins()
    return {name: points[name].module.partition(".")[0] for name in names if name not in BUILT_IN and name in points}


def load(name: str) -> StrategyClass:
    """The class of one strategy.

    Raises:
        ConfError: nothing has this name, or the plug-in does not import or is not a strategy.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    plug_in = _plug_ins().get(name)
    if plug_in is None:
        raise ConfError(f"unknown strategy {name!r}{suggest(name, defined())}; known: {', '.join(defined())}")
    where = f"strategy plug-in {name!r} ({plug_in.value})"
    try:
        cls: StrategyClass = plug_in.load()
    except Exception as error:  # a plug-in may raise anything on import; report it and go on
        raise ConfError(f"{where} does not load: {type(error).__name__}: {error}; repair it or uninstall it") from error
    _check(cls, where)
    return cls


def pinned(names: Iterable[str], parameters: Mapping[str, Mapping[str, Any]], folder: str) -> dict[str, dict[str, Any]]:
    """The parameters by strategy, in which the files that they name are named for good: an absolute path, and what is in it.

    folder: where a relative path begins. Raises ConfError: a file cannot be read.
    """
    found = {name: dict(table) for name, table in parameters.items()}
    for name in names:
        if name in found and (pin := getattr(BUILT_IN.get(name), "pinned", None)) is not None:
            try:
                found[name] = pin(found[name], folder)
            except ConfError as error:
                raise ConfError(f"[parameters.{name}]: {error}") from error
    return found


def local(names: Iterable[str]) -> set[str]:
    """The settings of built-in strategies that only this machine's settings may hold, as `--set` names them: paths of files."""
    return {f"{name}.{each}" for name in names if name in BUILT_IN for each in getattr(BUILT_IN[name], "local", ())}


def build(names: Iterable[str], parameters: Mapping[str, Mapping[str, Any]], day_type: str) -> list[Strategy]:
    """The strategies of a preset in priority order.

    Args:
        names: registry names, the most important first.
        parameters: thresholds by registry name; strategies without a table use the defaults of their Params.
        day_type: "edge" or "midpoint", the model whose day type they read.
    Raises:
        ConfError: an unknown or repeated name, an unknown, missing or wrong parameter, or a broken plug-in.
    """
    if day_type not in DAY_TYPES:
        raise ConfError(f"unknown day_type {day_type!r}{suggest(day_type, DAY_TYPES)}; known: {', '.join(DAY_TYPES)}")
    names = list(names)
    everything = {*BUILT_IN, *names} if BUILT_IN.keys() >= parameters.keys() else set(defined())
    for name in parameters:
        if name not in everything:
            raise ConfError(f"[parameters.{name}]: unknown strategy {name!r}{suggest(name, everything)}")
    strategies: list[Strategy] = []
    for name in names:
        cls = load(name)
        if any(other.name == cls.name for other in strategies):
            raise ConfError(f"strategies: {name!r} repeats {cls.name!r}; name each strategy once")
        strategies.append(_built(name, cls, _params(name, cls, parameters.get(name, {})), DAY_TYPES[day_type]))
    return strategies


def _built(name: str, cls: StrategyClass, params: Any, day_type: DayTypeOf) -> Strategy:
    try:
        strategy: Strategy = cls(params, day_type)
    except ConfError as error:
        raise ConfError(f"[parameters.{name}]: {error}") from error
    except Exception as error:  # as on import: a plug-in's constructor may raise anything
        where = type(error).__name__
        raise ConfError(f"strategy {name!r} cannot be built: {where}: {error}; repair it or leave it out of the preset") from error
    return strategy


def _params(name: str, cls: StrategyClass, table: Mapping[str, Any]) -> Any:
    try:
        return msgspec.convert(table, cls.Params)
    except msgspec.ValidationError as error:
        text = str(error)
        unknown = re.search(r"unknown field `([^`]+)`", text)
        hint = suggest(unknown[1], [field.name for field in msgspec.structs.fields(cls.Params)]) if unknown else ""
        raise ConfError(f"[parameters.{name}]: {text}{hint}") from error


def _check(cls: Any, where: str) -> None:
    """Refuse an object that is not a strategy. The error names what it lacks."""
    if not isinstance(cls, type):
        raise ConfError(f"{where} is not a class; point the entry point at the strategy's class")
    missing = [method for method in _METHODS if not callable(getattr(cls, method, None))]
    if not isinstance(getattr(cls, "name", None), str):
        missing.append("name (text)")
    params = getattr(cls, "Params", None)
    if not (isinstance(params, type) and issubclass(params, msgspec.Struct)):
        missing.append("Params (a msgspec Struct)")
    setups = getattr(cls, "setups", None)
    if not isinstance(setups, tuple) or not all(isinstance(setup, str) and _SETUP.fullmatch(setup) for setup in setups):
        missing.append(f"setups (a tuple of codes of A-Z, 0-9 and _, at most {MAX_SETUP} characters)")
    words = " or ".join(map(repr, get_args(Hours)))
    missing += (f"{each} ({words})" for each in ("hours", "folds") if getattr(cls, each, "rth") not in get_args(Hours))
    if missing:
        raise ConfError(f"{where} is not a strategy, it lacks {', '.join(missing)}; see strategies/protocol.py")


def _plug_ins() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points  # here: a daemon without plug-ins need not wait for it

    return {point.name: point for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))}
