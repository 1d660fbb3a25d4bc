"""What a run applies to each strategy beside the strategy itself: common exits, limits, size. From its configuration alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct

from tapewire.bus.errors import ConfError
from tapewire.daemons.settings.rails import RAILS
from tapewire.daemons.settings.structs import Conf, Exits, RiskLimits
from tapewire.strategies import registry

NONE = "none"


class Applied(Struct, frozen=True):
    """What one strategy gets from the preset. Words by name; a rule that is not there does not apply.

    exits: the common exit rules that may close or protect its positions (playbook 5.2), by the code that its trades then carry.
    limits: the account's limits on its entries. size: of its entries.
    """

    exits: dict[str, str]
    limits: dict[str, str]
    size: str


def applied(conf: Conf) -> dict[str, Applied]:
    """By the strategies' display names; by the registry's where a plug-in is not installed here."""
    found: dict[str, Applied] = {}
    for each in conf.preset.strategies:
        try:
            cls = registry.load(each)
            name, own_hours = str(cls.name), getattr(cls, "hours", "rth") == "all"
        except ConfError:
            name, own_hours = each, False
        risk = conf.preset.risk
        exits = dict(_exits(conf.preset.exits, risk, name, own_hours=own_hours))
        found[name] = Applied(exits, dict(_limits(risk, name)), _size(risk, name))
    return found


def lines(of: Mapping[str, Applied]) -> Iterator[tuple[str, str]]:
    """For a person: name, text. What holds for all of several strategies is said once."""
    yield from _told("exits", {name: words(each.exits) for name, each in of.items()})
    yield from _told("limits", {name: words(each.limits) for name, each in of.items()})
    yield from _told("size", {name: each.size for name, each in of.items()})


def _told(what: str, words: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    by_words: dict[str, list[str]] = {}
    for name, text in words.items():
        by_words.setdefault(text, []).append(name)
    for number, (text, names) in enumerate(by_words.items()):
        yield what if number == 0 else "", text if len(by_words) == 1 else f"{', '.join(names)}: {text}"


def words(rules: Mapping[str, str]) -> str:
    """Rules with their numbers in one line."""
    return ", ".join(f"{name} {value}" for name, value in rules.items()) or NONE


def _exits(exits: Exits, risk: RiskLimits, name: str, *, own_hours: bool) -> Iterable[tuple[str, str]]:
    if risk.flatten_from is not None:
        friday = f", Fridays {risk.friday_flatten_from}" if risk.friday_flatten_from is not None else ""
        yield "FLATTEN", f"from {risk.flatten_from}{friday}"
    if exits.exit_time is not None and not own_hours:
        yield "EOD", exits.exit_time
    if exits.day_loss is not None:
        yield "DAILY_LOSS", f"{exits.day_loss:g} $"
    if own_hours:
        return
    if name not in exits.breach_exempt and (exits.breach_r is not None or exits.breach_points is not None):
        share = f"{exits.breach_r:g} of the IB range" if exits.breach_points is None else f"{exits.breach_points:g} points"
        yield "VWAP_BREACH_PM", share
    if name in exits.trailed:
        yield "TREND_TRAIL", "longs"
    if exits.breakeven_r is not None and name not in exits.breakeven_exempt:
        yield "BREAKEVEN", f"from {exits.breakeven_r:g} of the IB range"


def _limits(risk: RiskLimits, name: str) -> Iterable[tuple[str, str]]:
    for rail in RAILS:
        if (value := getattr(risk, rail)) is not None:
            yield rail, _plain(value)
    if name in risk.strategy_day_loss:
        yield "strategy_day_loss", f"{risk.strategy_day_loss[name]:g}"


def _plain(value: object) -> str:
    if isinstance(value, Struct):
        return " ".join(f"{key} {each}" for key, each in msgspec.to_builtins(value).items())
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _size(risk: RiskLimits, name: str) -> str:
    own = risk.sizing.get(name)
    fixed = risk.contracts if own is None else own.contracts
    if fixed is not None:
        return f"{fixed} {'contract' if fixed == 1 else 'contracts'}"
    if own is not None:
        most = f", at most {own.max_contracts}" if own.max_contracts else ""
        return f"by risk: {own.risk_share:.1%} of {own.account:g} ${most}"
    cap = "" if risk.risk_cap is None else f", none if one risks more than {risk.risk_cap:g} $"
    return f"by risk: as many contracts as {risk.budget:g} $ pay for, at least one{cap}"
