"""Configuration: TOML under conf/ read into frozen structs. Unknown keys are refused, with a suggestion.

Layers, later ones win key by key: `base.toml`, the overlay (`live.toml` or `replay.toml`), the preset's own file, then what the
command line says. The result is one `Conf`, written to the run's directory as `run.json`; the daemons of that run read this
one file and nothing else, so a run can always say what it ran with.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from bus.errors import ConfError

# Offsets from bus.base_port. Everything that binds is ours and listed here.
PORTS: Mapping[str, int] = {
    "broker.in": 0,
    "broker.out": 1,
    "tracker": 10,
    "evaluator": 11,
    "gate": 12,
    "venue": 13,
    "history": 14,
    "replay": 15,
    "public": 20,
    "control.broker": 30,
    "control.tracker": 31,
    "control.evaluator": 32,
    "control.gate": 33,
    "control.publisher": 34,
    "control.logger": 35,
}
PORT_SPAN = 36


class Bus(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the processes meet and how patient they are. Times in seconds; ring in messages per topic."""

    host: str = "127.0.0.1"
    base_port: int = 5550
    pin: str | int = "auto"
    beat_s: float = 1.0
    heal_s: float = 2.0
    ring: int = 4096

    def address(self, name: str) -> str:
        """The tcp address of a named port (a key of PORTS)."""
        return f"tcp://{self.host}:{self.base_port + PORTS[name]}"


class Trading(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether orders may go out at all, and to which account."""

    enabled: bool = False
    account: str = ""


class Instrument(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One contract: dollars per point, tick in points, commission in dollars per side, slippage in ticks per fill."""

    root: str
    point_value: float
    tick: float
    commission: float
    slippage_ticks: int

    @property
    def tick_cents(self) -> int:
        """Money per tick and contract, in cents."""
        return round(self.point_value * self.tick * 100)

    @property
    def commission_cents(self) -> int:
        """Commission per side and contract, in cents."""
        return round(self.commission * 100)


class Exits(Struct, frozen=True, forbid_unknown_fields=True):
    """Exit rules of playbook 5.2.

    exit_time: "HH:MM" Eastern; never later than one minute before the close. breach_r: VWAP breach distance as a share of the
    IB range; breach_points: the same in points (exactly one of the two). *_exempt: strategies the rule does not touch.
    trail: the trend trail of Trend Day Bull. day_loss: dollars, positive.
    """

    exit_time: str = "15:59"
    breach_r: float | None = 0.07
    breach_points: float | None = None
    breach_exempt: tuple[str, ...] = ()
    trail: bool = False
    breakeven_exempt: tuple[str, ...] = ()
    day_loss: float = 2000.0


class RiskLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """Account limits and sizing (playbook 6). Dollars, positive.

    contracts: a fixed size, or None to size by risk: max(1, floor(budget / risk)), 0 above risk_cap, at most max_contracts.
    strategy_day_loss: per strategy name, entries of that strategy stop at this loss of the session.
    """

    start: float = 150_000.0
    day_loss: float = 2000.0
    drawdown: float = 4000.0
    max_trades: int = 10
    max_contracts: int = 30
    contracts: int | None = 1
    budget: float = 400.0
    risk_cap: float = 800.0
    strategy_day_loss: dict[str, float] = {}


class Preset(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A preset is data: which strategies in which priority, with which numbers. No strategy asks for its name.

    strategies: registry names in priority order. parameters: per registry name, read by that strategy's own typed Params.
    """

    name: str
    description: str
    day_type: str
    strategies: tuple[str, ...]
    exits: Exits = Exits()
    risk: RiskLimits = RiskLimits()
    parameters: dict[str, dict[str, Any]] = {}


class Calendar(Struct, frozen=True, forbid_unknown_fields=True):
    """Trade dates that are not ordinary. half_days: date to close "HH:MM" Eastern. holidays: dates without RTH."""

    half_days: dict[str, str] = {}
    holidays: tuple[str, ...] = ()


class Conf(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything one run needs to know. `instance` names the run for people; `traded` are the instruments it trades."""

    instance: str
    bus: Bus
    trading: Trading
    instruments: dict[str, Instrument]
    traded: tuple[str, ...]
    preset: Preset
    calendar: Calendar = Calendar()
    fill: str = "next_open"
    epoch: int = 1


def instruments() -> dict[str, Instrument]:
    """The instruments of conf/instruments.toml by symbol."""
    return {
        symbol: convert(table, Instrument, f"instruments.toml [{symbol}]")
        for symbol, table in _read("instruments.toml").items()
    }


def instrument(symbol: str) -> Instrument:
    """One instrument, or a ConfError that lists what is known."""
    known = instruments()
    if symbol not in known:
        raise ConfError(f"unknown instrument {symbol!r}{suggest(symbol, known)}; known: {', '.join(known)} (conf/instruments.toml)")
    return known[symbol]


def preset_names() -> list[str]:
    return sorted(p.name.removesuffix(".toml") for p in (Path(str(files("conf"))) / "presets").glob("*.toml"))


def preset(name: str, strategies: Iterable[str] | None = None) -> Preset:
    """A preset by name; `strategies` replaces its list."""
    if name not in preset_names():
        raise ConfError(f"unknown preset {name!r}{suggest(name, preset_names())}; known: {', '.join(preset_names())} (conf/presets/)")
    table = _read(f"presets/{name}.toml")
    if strategies is not None:
        table["strategies"] = list(strategies)
    return convert({"name": name, **table}, Preset, f"presets/{name}.toml")


def load(
    overlay: str,
    *,
    instance: str,
    traded: Iterable[str],
    preset: Preset,
    calendar: Calendar | None = None,
    fill: str = "next_open",
    changes: Mapping[str, Mapping[str, Any]] | None = None,
) -> Conf:
    """The configuration of one run: base.toml, the overlay, then `changes` ({"bus": {"base_port": 7000}})."""
    layers = [_read("base.toml"), _read(f"{overlay}.toml"), changes or {}]
    bus: dict[str, Any] = {}
    trading: dict[str, Any] = {}
    for layer in layers:
        for section, values in layer.items():
            if section not in ("bus", "trading"):
                raise ConfError(f"conf/{overlay}.toml: unknown section [{section}]{suggest(section, ('bus', 'trading'))}")
            (bus if section == "bus" else trading).update(values)
    where = f"conf/base.toml + conf/{overlay}.toml"
    if fill not in ("next_open", "close"):
        raise ConfError(f"unknown fill model {fill!r}{suggest(fill, ('next_open', 'close'))}; known: next_open, close")
    known = instruments()
    for symbol in traded:
        instrument(symbol)
    conf = Conf(
        instance=instance,
        bus=convert(bus, Bus, f"{where} [bus]"),
        trading=convert(trading, Trading, f"{where} [trading]"),
        instruments=known,
        traded=tuple(traded),
        preset=preset,
        calendar=calendar or Calendar(),
        fill=fill,
    )
    if conf.trading.enabled and not conf.trading.account:
        raise ConfError(f"{where} [trading]: enabled = true needs an account; name the account that may be traded")
    return conf


def write(conf: Conf, run: Path) -> Path:
    """Leave the resolved configuration in the run's directory, as run.json."""
    path = run / "run.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(conf), indent=2))
    return path


def read(run: Path) -> Conf:
    """The configuration a run was started with."""
    path = run / "run.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Conf)
    except FileNotFoundError as error:
        raise ConfError(f"{path} is missing: {run} is not a run directory; start one with `tapewire up`") from error
    except msgspec.MsgspecError as error:
        raise ConfError(f"{path}: {error}") from error


def convert(table: Mapping[str, Any], kind: type[Any], where: str) -> Any:
    """A table as a struct; the error names the place, the key and the nearest known key."""
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        text = str(error)
        unknown = re.search(r"unknown field `([^`]+)`", text)
        hint = ""
        if unknown:
            hint = suggest(unknown[1], _field_names(kind))
        raise ConfError(f"{where}: {text}{hint}") from error


def suggest(word: str, known: Iterable[str]) -> str:
    """`, did you mean 'x'?` for the nearest known word, else nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f", did you mean {near[0]!r}?" if near else ""


def minutes(clock: str, where: str) -> int:
    """`HH:MM` as minutes after midnight."""
    try:
        at = dt.time.fromisoformat(clock)
    except ValueError as error:
        raise ConfError(f"{where}: {clock!r} is not a time; write HH:MM, such as 13:00") from error
    return at.hour * 60 + at.minute


def _field_names(kind: type[Any]) -> set[str]:
    names: set[str] = set()
    for field in msgspec.structs.fields(kind):
        names.add(field.name)
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            names |= _field_names(field.type)
    return names


def _read(name: str) -> dict[str, Any]:
    path = Path(str(files("conf"))) / name
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ConfError(f"{path} is missing; reinstall tapewire or restore the file") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfError(f"{path}: {error}") from error
