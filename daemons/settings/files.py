"""TOML under conf/, read into frozen structs. An unknown key and a number that is none are refused, with a suggestion."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import Struct

from tapewire.bus.errors import ConfError, suggest

T = TypeVar("T")

FOLDER = Path(__file__).resolve().parents[2] / "conf"  # beside `daemons`, in a checkout as in an installation

# Keys of earlier versions by section, and what to write instead.
REPLACED = {
    ("exits", "trail"): '; for trail = true write trailed = ["Trend Day Bull"], for trail = false leave the key out',
}


def read_table(path: Path) -> dict[str, Any]:
    """A TOML file as a table of one's own; the values in it are to be read only. Raises ConfError if it is missing or no TOML."""
    try:
        return {**_parsed(path.read_text("utf-8-sig"))}  # Windows' editors write a byte-order mark
    except FileNotFoundError as error:
        raise ConfError(f"{path} is missing; reinstall tapewire or restore the file") from error
    except UnicodeDecodeError as error:
        raise ConfError(f"{path}: {error}; save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfError(f"{path}: {error}; correct that line") from error
    except OSError as error:
        raise ConfError(f"{path}: cannot be read ({error.strerror}); name a file that this user may read") from error


@lru_cache(maxsize=32)
def _parsed(text: str) -> dict[str, Any]:
    """Kept: a command reads the shipped tables several times, and to parse one takes longer than to read a session's bars."""
    return tomllib.loads(text)


LARGEST = 1e15  # of a setting: larger numbers are no money, price or time, and round to nothing that can be counted with


def convert(table: Mapping[str, Any], kind: type[T], where: str) -> T:
    """A table as a struct; the error names the place, the key and the nearest key that exists."""
    for name, value in _values(table):
        if isinstance(value, str):
            if "\0" in value:  # a file of this name cannot be asked for
                raise ConfError(f"{where}: {name} = {value!r} holds a NUL character; remove it")
        elif not (math.isfinite(value) and abs(value) <= LARGEST):
            raise ConfError(f"{where}: {name} = {value} is no number to count with; write a finite one, or leave the key out")
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise ConfError(f"{where}: {error}{remedy(str(error), kind)}") from error


def _values(value: Any, name: str = "") -> Iterator[tuple[str, float | str]]:
    """Every number and every text in a table, with the path of its key."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _values(each, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _values(each, name)
    elif isinstance(value, int | float | str) and not isinstance(value, bool):
        yield name, value


def remedy(text: str, kind: Any) -> str:
    """What to write in place of an unknown key: its replacement, else the nearest key that exists. text: msgspec's error."""
    unknown = re.search(r"unknown field `([^`]+)`(?: - at `[^`]*\b(\w+)`)?", text)
    if unknown is None:
        return ""
    return REPLACED.get((unknown[2], unknown[1])) or suggest(unknown[1], _field_names(kind))


def _field_names(kind: Any) -> set[str]:
    """Every key that a table of this type may have, at any depth."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        fields = msgspec.structs.fields(kind)
        return {field.name for field in fields}.union(*(_field_names(field.type) for field in fields))
    return set().union(*map(_field_names, get_args(kind)))
