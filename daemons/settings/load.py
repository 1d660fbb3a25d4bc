"""Configuration: TOML under conf/ read into frozen structs. Unknown keys are refused, with a suggestion.

Layers, later ones win key by key: `base.toml`, the overlay (`live.toml` or `replay.toml`), the preset's own file, then the options
of the command line. The result is one `Conf`, written to the run's directory as `run.json`. The daemons of that run read this one
file and nothing else, so it is always on record what a run ran with. The functions that read a preset import the strategies; a
daemon that reads its run.json starts without them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tapewire import form
from tapewire.bus import disk, private
from tapewire.bus.errors import ConfError, suggest
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.contracts import Rolls, RollTable
from tapewire.daemons.settings import caps, fills, overrides, rails
from tapewire.daemons.settings import instruments as tables
from tapewire.daemons.settings.alerting import Alerting
from tapewire.daemons.settings.files import FOLDER, convert, read_table, remedy
from tapewire.daemons.settings.instruments import Instruments
from tapewire.daemons.settings.programs import Program, SizeTable
from tapewire.daemons.settings.structs import (
    Api,
    Bus,
    Conf,
    Ingress,
    Instrument,
    Mirroring,
    Preset,
    Publishing,
    RiskLimits,
    Subscribers,
    Tracking,
    Trading,
)
from tapewire.strategies.clock import minute_of

NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")  # of a run

MODELS = "models"
"""The folder in which a run keeps the models that its settings name."""

SECTIONS = ("bus", "trading", "tracker", "publisher", "subscribers", "mirror", "ingress", "api", "alerts", "risk")


class _RollFile(Struct, frozen=True, forbid_unknown_fields=True):
    table: tuple[RollTable, ...]


def table_of_instruments(own: Path | None = None) -> Instruments:
    """The shipped instruments with the user's own on top (daemons/settings/instruments.py). own: the file of `--instruments`."""
    return tables.read(FOLDER / tables.FILE, own)


def instruments(own: Path | None = None) -> dict[str, Instrument]:
    """The instruments by symbol."""
    return table_of_instruments(own).table


def instrument(symbol: str, own: Path | None = None) -> Instrument:
    """One instrument by symbol. Raises ConfError, with the defined symbols, if there is none."""
    return table_of_instruments(own).of(symbol)


def rolls(defined: Mapping[str, Instrument] | None = None) -> Rolls:
    """The contract months of conf/rolls.toml, for every instrument that is defined. None: the instruments of `instruments()`."""
    roots = {symbol: terms.root for symbol, terms in (instruments() if defined is None else defined).items()}
    return Rolls(_roll_tables(), roots)


def _roll_tables() -> tuple[RollTable, ...]:
    return convert(_read("rolls.toml"), _RollFile, "rolls.toml").table


def preset_names() -> list[str]:
    return sorted(p.name.removesuffix(".toml") for p in (FOLDER / "presets").glob("*.toml"))


def preset(name: str, strategies: Iterable[str] | None = None, settings: Iterable[str] = ()) -> Preset:
    """A preset by name, or by the path of a .toml file of your own.

    Args:
        strategies: replaces its list. settings: single values as `name=value`, see daemons/settings/overrides.py.
    """
    file = f"presets/{name}.toml"
    if name.endswith(".toml"):
        file = str(Path(name).resolve())
        if not Path(file).is_file():
            raise ConfError(f"--preset {name}: there is no such file; copy one of conf/presets/ to start with")
    elif name not in preset_names():
        raise ConfError(
            f"unknown preset {name!r}{suggest(name, preset_names())}; known: {', '.join(preset_names())} (conf/presets/), "
            "or the path of a .toml file"
        )
    table = _read(file)
    if strategies is not None:
        table["strategies"] = list(strategies)
    for section in overrides.SECTIONS:
        if isinstance(given := table.get(section), dict):
            table[section] = overrides.without(section, given)
    made = convert({"name": Path(name).stem, **table}, Preset, file)
    return changed(_pinned(made, str(Path(file).parent) if name.endswith(".toml") else ""), overrides.read(settings))


def _pinned(preset: Preset, folder: str) -> Preset:
    """With the files that its parameters name for good. folder: where a relative path begins; empty: the working folder."""
    if not preset.parameters:
        return preset
    from tapewire.strategies import registry

    return msgspec.structs.replace(preset, parameters=registry.pinned(preset.strategies, preset.parameters, folder))


def changed(preset: Preset, values: Mapping[str, Any]) -> Preset:
    """The preset with single settings replaced, by their names.

    Raises:
        ConfError: a name without a setting, or a value of the wrong type; the error names the setting.
    """
    if not values:
        return preset
    from tapewire.strategies import registry

    where = f"--set {', '.join(f'{name}={value}' for name, value in values.items())}"
    table = overrides.laid_over(preset, values)
    try:
        made = _pinned(convert(table, Preset, where), "")
        registry.build(made.strategies, made.parameters, made.day_type)
    except ConfError as error:
        raise ConfError(str(error) if str(error).startswith(where) else f"{where}: {error}") from error
    return made


def program_names() -> list[str]:
    return sorted(p.name.removesuffix(".toml") for p in (FOLDER / "programs").glob("*.toml"))


def program(name: str, defined: Mapping[str, Instrument] | None = None) -> Program:
    """A prop firm's program by name.

    Args:
        defined: the instruments of the run; None for those of `instruments()`.
    Raises:
        ConfError: no such program, or its terms are misspelt, out of order or contradict themselves.
    """
    if name not in program_names():
        raise ConfError(
            f"unknown program {name!r}{suggest(name, program_names())}; known: {', '.join(program_names())} (conf/programs/)"
        )
    where = f"programs/{name}.toml"
    terms = convert({"name": name, **_read(where)}, Program, where)
    if terms.funded is not None and terms.evaluation.target is None:
        raise ConfError(f"{where} [funded] is never reached: [evaluation] has no target")
    known = instruments() if defined is None else defined
    for symbol, tiers in terms.contracts.items():
        if symbol not in known:
            raise ConfError(f"{where} [contracts]: unknown instrument {symbol!r}{suggest(symbol, known)}")
        _rising([tier.profit for tier in tiers], f"{where} [contracts] {symbol}: profit")
    for phase, table in _sizes(terms):
        _rising([tier.profit for tier in table.tiers], f"{where} [{phase}.sizing] tiers: profit")
        _rising([cut.drawdown_over for cut in table.cuts], f"{where} [{phase}.sizing] cuts: drawdown_over")
    return terms


def name_of(account: Path) -> str:
    """The name of the run of an account's file: the file's, without `.toml`.

    Raises:
        ConfError: there is no such file, or its name is none.
    """
    if not account.is_file():
        raise ConfError(
            f"--account {account}: there is no such file; write one with [bus] base_port, [trading] account and enabled"
        )
    if not NAME.fullmatch(account.stem):
        raise ConfError(f"--account {account}: the run is named after the file; write 1 to 32 of the characters A-Z a-z 0-9 _ -")
    return account.stem


def load(
    overlay: str,
    *,
    instance: str,
    traded: Iterable[str],
    preset: Preset,
    calendar: Calendar | None = None,
    fill: str | None = None,
    fill_empty: bool = False,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    program: str | None = None,
    own: Path | None = None,
    account: Path | None = None,
    terms: Mapping[str, Mapping[str, Any]] | None = None,
) -> Conf:
    """The configuration of one run: base.toml, the overlay, then `changes` ({"bus": {"base_port": 7000}}).

    Their [risk] is laid over the preset's (daemons/settings/rails.py). program: a prop-firm program by name, in place of the one
    that [trading] names. fill, fill_empty: of the simulated venue (docs/fills.md); without a model the preset's. own: a person's
    own table of instruments, besides the one in the configuration folder. account: a file with the same sections, laid over the
    overlay: its ports, its account, its limits. terms: fields of instruments by symbol, for this run
    ({"MNQ": {"commission": 0.5}}).
    """
    layers = [_read("base.toml"), _read(f"{overlay}.toml"), changes or {}, {} if account is None else _read(str(account.resolve()))]
    files = f"conf/{overlay}.toml" if account is None else f"conf/{overlay}.toml + {account}"
    sections: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    limits: dict[str, Any] = msgspec.to_builtins(preset.risk)
    for layer in layers:
        for section, values in layer.items():
            _check_section(section, values, files)
            if section == "risk":
                limits = rails.laid_over(limits, overrides.without(section, values))
            else:
                sections[section].update(values)
    where = f"preset {preset.name!r} + {files} [risk]"
    preset = msgspec.structs.replace(preset, risk=caps.applied(convert(limits, RiskLimits, where)))
    rails.check(preset.risk, where, complete=overlay == "live")
    where = f"conf/base.toml + {files}"
    chosen_fill = fills.model(preset.fill if fill is None else fill)
    defined = table_of_instruments(own).with_terms(terms or {})
    for symbol in traded:
        defined.of(symbol)
    conf = Conf(
        instance=instance,
        bus=convert(sections["bus"], Bus, f"{where} [bus]"),
        trading=convert(sections["trading"], Trading, f"{where} [trading]"),
        tracker=convert(sections["tracker"], Tracking, f"{where} [tracker]"),
        publisher=convert(sections["publisher"], Publishing, f"{where} [publisher]"),
        subscribers=convert(sections["subscribers"], Subscribers, f"{where} [subscribers]"),
        mirror=convert(sections["mirror"], Mirroring, f"{where} [mirror]"),
        ingress=convert(sections["ingress"], Ingress, f"{where} [ingress]"),
        api=convert(sections["api"], Api, f"{where} [api]"),
        alerts=convert(sections["alerts"], Alerting, f"{where} [alerts]"),
        instruments=defined.table,
        traded=tuple(traded),
        preset=preset,
        calendar=calendar or Calendar(),
        fill=chosen_fill,
        fill_empty=fill_empty,
        rolls=_roll_tables(),
        form=form.FORM,
    )
    for name in ("ring", "last_values_mib", "reader_mib"):
        if (given := getattr(conf.bus, name)) < 1:
            raise ConfError(f"{where} [bus]: {name} = {given} leaves no room; write at least 1")
    chosen = program or conf.trading.program
    if chosen:
        conf = msgspec.structs.replace(conf, program=_entered(chosen, conf))
    if conf.trading.enabled and not conf.trading.account:
        raise ConfError(f"{where} [trading]: enabled = true needs an account; name the account that may be traded")
    if overlay == "live" and conf.trading.unlimited:
        raise ConfError(f"{where} [trading]: unlimited = {list(conf.trading.unlimited)} is for replays only; remove the key")
    from tapewire.daemons.settings.strategies import checked_strategies

    # What the evaluator would refuse on its start is refused here, before anything is written or started.
    for symbol in conf.traded:
        checked_strategies(symbol, conf.instruments[symbol], preset)
    return conf


def alerting() -> Alerting:
    """The section [alerts] of the live configuration. Raises ConfError."""
    table: dict[str, Any] = {}
    for file in ("base.toml", "live.toml"):
        values = _read(file).get("alerts", {})
        _check_section("alerts", values, f"conf/{file}")
        table.update(values)
    return convert(table, Alerting, "conf/base.toml + conf/live.toml [alerts]")


def _check_section(section: str, values: Any, files: str) -> None:
    """Refuse a section that there is not, and one that is no table. Raises ConfError."""
    if section not in SECTIONS:
        raise ConfError(f"{files}: unknown section [{section}]{suggest(section, SECTIONS)}")
    if not isinstance(values, Mapping):
        raise ConfError(f"{files}: {section} = {values!r} is no section; write [{section}] on a line, and its settings below it")


def write(conf: Conf, run: Path) -> Path:
    """Write the resolved configuration to run.json in the run's directory, and the files that it names beside it. Raises DiskError.

    A run keeps its models: so it starts again, and is judged, with what it began with, whatever is trained meanwhile.
    """
    path = run / "run.json"
    parameters = {name: _kept(table, run) for name, table in conf.preset.parameters.items()}
    kept = msgspec.structs.replace(conf, preset=msgspec.structs.replace(conf.preset, parameters=parameters))
    disk.replace(path, msgspec.json.format(msgspec.json.encode(kept), indent=2))
    return path


def _kept(table: Mapping[str, Any], run: Path) -> dict[str, Any]:
    """A strategy's parameters with the pinned file in the run's folder, named from there."""
    path, sha256 = table.get("path"), table.get("sha256")
    if not isinstance(path, str) or not isinstance(sha256, str) or not Path(path).is_file():
        return dict(table)
    name = f"{MODELS}/{sha256}{Path(path).suffix}"
    if not (run / name).exists():
        with disk.writing(run / MODELS):
            (run / MODELS).mkdir(parents=True, exist_ok=True, mode=private.FOLDER)
        disk.replace(run / name, Path(path).read_bytes())
    return {**table, "path": name}


def _found(table: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Those of a file `path` in a run's folder, or in one within it, with the place of what the run keeps."""
    name = table.get("path")
    if not isinstance(name, str) or not name.startswith(f"{MODELS}/"):
        return dict(table)
    places = (folder / name for folder in path.resolve().parents)
    return {**table, "path": str(next((place for place in places if place.is_file()), path.parent / name))}


def read(run: Path) -> Conf:
    """The configuration that a run was started with, also by an earlier version: its state must continue."""
    path = run / "run.json"
    try:
        return decoded(path.read_bytes(), path)
    except FileNotFoundError as error:
        raise ConfError(f"{path} is missing: {run} is not a run directory; start one with `tapewire up`") from error


def decoded(content: bytes, path: Path) -> Conf:
    """The configuration in the content of a run.json, also by an earlier version. Raises ConfError."""
    try:
        conf = msgspec.convert(_upgraded(msgspec.json.decode(content)), Conf)
    except msgspec.MsgspecError as error:
        raise ConfError(f"{path}: {error}{remedy(str(error), Conf)}") from error
    parameters = {name: _found(table, path) for name, table in conf.preset.parameters.items()}
    return msgspec.structs.replace(conf, preset=msgspec.structs.replace(conf.preset, parameters=parameters))


def _upgraded(written: Any) -> Any:
    """A run.json with its old keys replaced. Only for files that tapewire wrote; a preset file with old keys is refused."""
    match written:
        case {"preset": {"exits": {"trail": bool(trail)} as exits}}:
            del exits["trail"]
            exits.setdefault("trailed", ["Trend Day Bull"] if trail else [])
    match written:
        case {"instruments": dict(instruments)}:
            for terms in instruments.values():
                terms.setdefault("calendar", "equity")  # there were no others
    return written


def _entered(name: str, conf: Conf) -> Program:
    """The prop-firm program of this run. Raises ConfError where the run and the program contradict each other."""
    from tapewire.strategies import registry

    terms, where = program(name, conf.instruments), f"programs/{name}.toml"
    for symbol in conf.traded:
        if terms.contracts and symbol not in terms.contracts:
            raise ConfError(f"{where} [contracts] does not name {symbol}; trade {', '.join(terms.contracts)}, or add its tiers")
    exit_time = conf.preset.exits.exit_time
    # Decided on the bar of the exit time, filled on the next one.
    if terms.flat_by is not None and (exit_time is None or minute_of(exit_time) >= minute_of(terms.flat_by)):
        leaves = f"leaves at {exit_time}; leave earlier" if exit_time else "has no exit time; --set exits.exit_time=15:30"
        raise ConfError(f"{where}: flat_by {terms.flat_by}, but preset {conf.preset.name!r} {leaves}")
    names = {*registry.display_names(), *(registry.load(each).name for each in conf.preset.strategies)}
    for phase, table in _sizes(terms):
        for strategy in table.a:
            if strategy not in names:
                raise ConfError(f"{where} [{phase}.sizing] a: no strategy is called {strategy!r}{suggest(strategy, names)}")
    return terms


def _sizes(terms: Program) -> list[tuple[str, SizeTable]]:
    phases = (("evaluation", terms.evaluation), ("funded", terms.funded))
    return [(name, phase.sizing) for name, phase in phases if phase is not None and phase.sizing is not None]


def _rising(values: list[float], what: str) -> None:
    for before, after in pairwise(values):
        if after <= before:
            raise ConfError(f"{what} {after:g} comes after {before:g}; write the lines in rising order")


def _read(name: str) -> dict[str, Any]:
    return read_table(FOLDER / name)
