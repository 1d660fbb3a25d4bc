"""What the arguments of the functions in Python may be. A wrong one is refused by its name, with its value and the remedy."""

from __future__ import annotations

import datetime as dt
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

from tapewire.bus.errors import ConfError
from tapewire.replay.sources.options import Options

P = ParamSpec("P")
Returned = TypeVar("Returned")

MOST = 60  # characters of a value in a message


def _plain(value: Any) -> Any:
    """Numbers of numpy and pandas, and rows of them, as Python's own, which settings are made of."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.tolist() if hasattr(value, "tolist") else value


class Allowed(NamedTuple):
    """What an argument may be. words: behind `write`. taken: what becomes of one that fits."""

    fits: Callable[[Any], bool]
    words: str
    taken: Callable[[Any], Any] = lambda value: value


def _path(value: Any) -> bool:
    return isinstance(value, str | Path)


def _table(value: Any) -> bool:
    return hasattr(value, "columns") and hasattr(value, "index")


def _texts(value: Any) -> bool:
    if not isinstance(value, Iterable) or isinstance(value, str | bytes | Mapping):
        return False
    return isinstance(value, Iterator) or all(isinstance(each, str) for each in value)  # an iterator can be read once alone


def _whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _date(value: Any) -> bool:
    return isinstance(value, str | dt.date)


def _tables(value: Any) -> bool:
    each = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return all(_path(one) or _table(one) for one in each)


TEXT = Allowed(lambda value: isinstance(value, str), "a text")
PATH = Allowed(_path, "a path, as a text or a pathlib.Path")
TEXTS = Allowed(_texts, "a list of names")
WHOLE = Allowed(_whole, "a whole number", _plain)
COUNT = Allowed(lambda value: _whole(value) and value >= 1, "a whole number, 1 or more", _plain)
NUMBER = Allowed(_number, "a number", _plain)
FLAG = Allowed(lambda value: isinstance(value, bool), "True or False")
DATE = Allowed(_date, 'a date such as "2026-03-02", or a datetime.date')
DATA = Allowed(lambda value: _path(value) or _table(value), "a path, or a pandas table of bars")
SETTINGS = Allowed(
    lambda value: isinstance(value, Mapping) and all(isinstance(name, str) for name in value),
    'settings by name, such as {"exits.exit_time": "15:00"}',
    lambda value: {name: _plain(each) for name, each in value.items()},
)

KINDS: Mapping[str, Allowed] = {
    **dict.fromkeys(("instrument", "fill", "program", "journal", "metric", "cluster", "labels", "side", "hours"), TEXT),
    **dict.fromkeys(("account", "zone", "dates", "group", "name", "strategy", "session"), TEXT),
    **dict.fromkeys(("out", "instruments", "preset", "folder", "source"), PATH),
    **dict.fromkeys(("strategies", "names", "sides"), TEXTS),
    **dict.fromkeys(("bars", "sample", "test", "purge", "embargo", "trees", "leaves", "rows_at_least", "seed"), WHOLE),
    **dict.fromkeys(("slippage", "row_ticks"), WHOLE),
    **dict.fromkeys(("trials", "jobs"), COUNT),
    "cuts": Allowed(lambda value: _whole(value) and value >= 0, "a whole number, 0 or more", _plain),
    **dict.fromkeys(("commission", "capital", "profit_atr", "loss_atr", "threshold", "share", "rate", "sessions_split"), NUMBER),
    "window_min": NUMBER,
    **dict.fromkeys(("fill_empty", "anchored", "features"), FLAG),
    **dict.fromkeys(("start", "end"), DATE),
    "data": DATA,
    "set": SETTINGS,
    "tables": Allowed(_tables, "tables of tapewire.features, or paths of such files"),
    "run": Allowed(lambda value: _path(getattr(value, "folder", value)), "a run, or the path of its folder"),
    "options": Allowed(lambda value: isinstance(value, Options), "tapewire.Options(...)"),
    "progress": Allowed(callable, "a function that takes the share done"),
}
"""By the argument's name, which means the same in every function. None is another question: a signature says where it may stand."""


def typed(function: Callable[P, Returned]) -> Callable[P, Returned]:
    """The function, which refuses an argument of a wrong type before it begins. Raises ConfError."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def asked(*args: P.args, **kwargs: P.kwargs) -> Returned:
        bound = signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            if name == "self" or (value is None and signature.parameters[name].default is None):
                continue
            kind = KINDS[name]
            if not kind.fits(value):
                raise ConfError(f"{name} = {_shown(value)}: write {kind.words}")
            bound.arguments[name] = kind.taken(value)
        return function(*bound.args, **bound.kwargs)

    return asked


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= MOST else f"{text[:MOST]}..."
