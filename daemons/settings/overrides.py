"""Single settings of a preset by name, as `--set` writes them: `v_reversal.drop_threshold=5.0`.

A name is the path of a key in a preset, joined by dots: a parameter of a strategy that the run trades, `exits.exit_time`,
`risk.max_trades`, `conflict`, `day_type`, `auction_row_ticks`. A value is written as in TOML; text needs no quotes, a list needs
its brackets, and `none` removes the rule. A changed setting becomes part of the run's preset, so `run.json` and the daemons' verb
`parameters` show it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from tapewire.bus.errors import ConfError, suggest
from tapewire.daemons.settings.structs import Exits, Preset, RiskLimits

SECTIONS: Mapping[str, type[Struct]] = {"exits": Exits, "risk": RiskLimits}
SINGLE = ("conflict", "day_type", "auction_row_ticks")


def read(settings: Iterable[str]) -> dict[str, Any]:
    """Values by name from `name=value` texts.

    Raises:
        ConfError: a text is not of that form, or a name is given twice.
    """
    found: dict[str, Any] = {}
    for setting in settings:
        name, _, text = (part.strip() for part in setting.partition("="))
        if not name or not text:
            raise ConfError(f"--set {setting}: write name=value, such as v_reversal.drop_threshold=5.0")
        if name in found:
            raise ConfError(f"--set {name} is given twice; keep one")
        found[name] = value(text)
    return found


def value(text: str) -> Any:
    """One value as TOML reads it; None for `none`. A text that TOML cannot read is taken as it is."""
    if text == "none":
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def laid_over(preset: Preset, values: Mapping[str, Any]) -> dict[str, Any]:
    """The preset as a table with these values in it. Its conversion refuses keys that a section or strategy does not have.

    Raises:
        ConfError: no setting has this name; the error names the nearest one.
    """
    table: dict[str, Any] = msgspec.to_builtins(preset)
    for name, new in values.items():
        head, _, rest = name.partition(".")
        if name in SINGLE:
            table[name] = new
        elif rest and head in SECTIONS:
            table[head][rest] = new
        elif rest and head in preset.strategies:
            table["parameters"].setdefault(head, {})[rest] = new
        else:
            raise ConfError(_unknown(name, preset))
    return table


def names(preset: Preset) -> Iterator[str]:
    """The name of every setting."""
    from tapewire.strategies import registry

    yield from SINGLE
    for section, kind in SECTIONS.items():
        yield from (f"{section}.{field.name}" for field in msgspec.structs.fields(kind))
    for name in preset.strategies:
        yield from (f"{name}.{field.name}" for field in msgspec.structs.fields(registry.load(name).Params))


def _unknown(name: str, preset: Preset) -> str:
    from tapewire.strategies import registry

    head = name.partition(".")[0]
    if head in registry.defined() and head not in preset.strategies:
        return f"--set {name}: {head} is not traded in this run; traded: {', '.join(preset.strategies)} (see --strategies)"
    return (
        f"--set {name}: nothing has this name{suggest(name, names(preset))}; write a strategy, exits or risk, a dot and its setting"
    )
