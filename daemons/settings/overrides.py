"""Single settings of a preset by name, as `--set` writes them: `v_reversal.drop_threshold=5.0`.

A name is the path of a key in a preset, joined by dots: a parameter of a strategy that the run trades, `exits.exit_time`,
`risk.max_trades`, `fills.partial_share`, `fill`, `conflict`, `day_type`, `auction_row_ticks`. A value is written as in TOML; text
needs no quotes, a list needs its brackets, and `none` removes the rule; a file writes it as the text "none" in [exits], [risk] and
[fills], because TOML has no null. A changed setting becomes part of the run's preset, so `run.json` and the daemons' verb
`parameters` show it.
`instruments.MNQ.commission=0.5` changes the terms of an instrument, for this run.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_origin

import msgspec
from msgspec import Struct

from tapewire.bus.errors import ConfError, suggest
from tapewire.daemons.settings import rails
from tapewire.daemons.settings.fills import FillOptions
from tapewire.daemons.settings.structs import Exits, Preset, RiskLimits

RISK = "risk"
SECTIONS: Mapping[str, type[Struct]] = {"exits": Exits, RISK: RiskLimits, "fills": FillOptions}
SINGLE = ("conflict", "day_type", "auction_row_ticks", "fill")
INSTRUMENTS = "instruments"
NONE = "none"


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


def split(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The settings of a preset, and by symbol those of instruments.

    Raises:
        ConfError: a name of an instrument's setting without symbol or field.
    """
    preset: dict[str, Any] = {}
    terms: dict[str, dict[str, Any]] = {}
    for name, each in values.items():
        head, *rest = name.split(".")
        if head != INSTRUMENTS:
            preset[name] = each
        elif len(rest) == 2 and all(rest):
            terms.setdefault(rest[0], {})[rest[1]] = each
        else:
            raise ConfError(f"--set {name}: write the symbol and its field, such as {INSTRUMENTS}.MNQ.commission=0.5")
    return preset, terms


def value(text: str) -> Any:
    """One value as TOML reads it; None for `none`. A text that TOML cannot read is taken as it is."""
    if text == NONE:
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
            changed = without(head, {rest: new})
            over = head == RISK and rest != "loosened"
            table[head] = rails.laid_over(table[head], changed) if over else {**table[head], **changed}
        elif rest and head in preset.strategies:
            table["parameters"].setdefault(head, {})[rest] = new
            if rest == "path" and f"{head}.sha256" not in values:  # another file has another content
                table["parameters"][head].pop("sha256", None)
        else:
            raise ConfError(_unknown(name, preset))
    return table


def without(section: str, table: Mapping[str, Any]) -> dict[str, Any]:
    """A table of one of SECTIONS in which "none" has become what switches a rule off: None, an empty list, or `loosened`."""
    kinds = {field.name: field.type for field in msgspec.structs.fields(SECTIONS[section])}
    found = {key: _off(kinds.get(key)) if each in (None, NONE) else each for key, each in table.items()}
    return rails.named(found) if section == RISK else found


def names(preset: Preset) -> Iterator[str]:
    """The name of every setting."""
    from tapewire.strategies import registry

    yield from SINGLE
    for section, kind in SECTIONS.items():
        yield from (f"{section}.{field.name}" for field in msgspec.structs.fields(kind))
    for name in preset.strategies:
        yield from (f"{name}.{field.name}" for field in msgspec.structs.fields(registry.load(name).Params))


def _off(kind: Any) -> Any:
    """The value of a setting of this type that means no rule."""
    plain = get_origin(kind) or kind
    return plain() if plain in (tuple, dict, str) else None


def _unknown(name: str, preset: Preset) -> str:
    from tapewire.strategies import registry

    head = name.partition(".")[0]
    if head == INSTRUMENTS:
        return f"--set {name}: the terms of an instrument are the same in all cells of a sweep; write --commission or --slippage"
    if head in registry.defined() and head not in preset.strategies:
        return f"--set {name}: {head} is not traded in this run; traded: {', '.join(preset.strategies)} (see --strategies)"
    return (
        f"--set {name}: nothing has this name{suggest(name, names(preset))}; "
        "write a strategy, exits, risk or fills, a dot and its setting"
    )
