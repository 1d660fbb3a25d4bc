"""Rails: limits that a live configuration sets or loosens by name, so that none is left out by mistake.

    [risk]
    day_loss = 2000.0                # set
    loosened = ["day_profit"]        # left out on purpose

A rail that is neither set nor loosened stops a live start; the error says what to write. Switches are rails without a number: they
apply unless loosened. `day_profit = "none"`, or `--set risk.day_profit=none`, loosens as well. An overlay's [risk] is laid over the
preset's: a rail that it sets is no longer loosened, and a rail that it loosens is no longer set. (The idea of rails that must be
loosened by name is trade-relay's.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tapewire.bus.errors import ConfError, suggest
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.hours import Hours
from tapewire.daemons.settings.structs import RiskLimits

RAILS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "stop_ticks_at_least": ("4", "ticks from entry to stop, at least"),
        "stop_ticks_at_most": ("400", "ticks from entry to stop, at most"),
        "reward_to_risk": ("1.0", "target over stop distance, at least, where there is a target"),
        "price_band_ticks": ("8", "ticks from the last close to where an entry fills or rests, at most"),
        "feed_age_s": ("90.0", "seconds of market time that the bar may be behind, at most"),
        "missing_bars": ("10", "RTH minutes of the session without a bar, at most"),
        "entry_windows": ('["09:30-16:00"]', "Eastern windows of the bar's close stamp in which entries may be made"),
        "flatten_from": ('"16:45"', "Eastern time from which on nothing is opened; a half day brings it forward"),
        "close_min": ("1", "minutes before the session's close without entries"),
        "max_contracts": ("30", "contracts of one entry, at most"),
        "instrument_contracts": ("30", "contracts open and in flight in one instrument, at most"),
        "account_contracts": ("30", "contracts open and in flight in the account, at most"),
        "max_positions": ("1", "instruments with a position or an entry in flight, at most"),
        "trade_risk": ("800.0", "dollars that one entry loses at its stop, at most"),
        "day_loss": ("2000.0", "realised dollars lost in the session that end its entries"),
        "day_loss_open": ("2000.0", "the same with open profit and loss, dollars"),
        "day_profit": ("3000.0", "realised dollars of the session from which on they are kept"),
        "drawdown": ("4000.0", "dollars below the highest realised equity that end entries"),
        "max_trades": ("10", "trades of the session, closed or in flight, at most"),
        "loss_streak": ("{ losses = 3, cooldown_min = 30 }", "losses in a row, and the minutes without entries after them"),
        "orders_per_second": ("5", "orders of any kind within a second, at most"),
        "orders_per_minute": ("20", "orders of any kind within a minute, at most"),
        "orders_per_day": ("200", "orders of any kind in the session, at most"),
    }
)
"""Each rail with an example of its value, and what it limits."""

SWITCHES: Mapping[str, str] = MappingProxyType(
    {
        "one_position": "an entry needs a flat instrument; loosened, it may add to a position on the same side",
        "one_entry_per_bar": "one entry per instrument and bar; loosened, as many as the limits allow",
        "holidays": "no entries on trade dates without RTH; loosened, whenever the windows are open",
    }
)
"""Each switch with its meaning when it is on, and when it is loosened."""

NOT_NEGATIVE = frozenset({"missing_bars", "close_min", "price_band_ticks", "reward_to_risk", "feed_age_s"})


def named(table: Mapping[str, Any]) -> dict[str, Any]:
    """A [risk] table in which each rail and switch that is None stands in `loosened` instead."""
    none = [name for name in (*RAILS, *SWITCHES) if name in table and table[name] is None]
    kept = {key: value for key, value in table.items() if key not in none}
    return {**kept, "loosened": [*dict.fromkeys((*_loosened(table), *none))]} if none else kept


def laid_over(table: Mapping[str, Any], layer: Mapping[str, Any]) -> dict[str, Any]:
    """A [risk] table with another one laid over it."""
    loosened = _loosened(layer)
    kept = {key: value for key, value in table.items() if key not in loosened}
    still = [name for name in _loosened(table) if name not in layer and name not in loosened]
    return {**kept, **layer, "loosened": [*still, *loosened]}


def _loosened(table: Mapping[str, Any]) -> Sequence[str]:
    """What a [risk] table, as it is written, loosens. Raises ConfError if that is no list of names."""
    names = table.get("loosened", ())
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ConfError(f'[risk] loosened = {names!r}: write a list of rails, such as ["day_profit"]')
    return names


def check(limits: RiskLimits, where: str, *, complete: bool) -> None:
    """Refuse rails that are misspelt, contradict themselves or cannot limit anything.

    Args:
        where: names the table in the error. complete: every rail must be set or loosened, as in a live configuration.
    Raises:
        ConfError: one line for each rail that is wrong, with what to write.
    """
    defined = (*RAILS, *SWITCHES)
    wrong = [f"loosened: unknown rail {name!r}{suggest(name, defined)}" for name in limits.loosened if name not in defined]
    for name in RAILS:
        value = getattr(limits, name)
        if value is not None and name in limits.loosened:
            wrong.append(f"{name} = {value} is set and loosened; keep one")
        elif value is not None:
            wrong += _value(name, value)
    try:
        Hours(limits.times, Calendar())
    except ConfError as error:
        wrong.append(str(error))
    if complete:
        wrong += missing(limits)
    if wrong:
        raise ConfError("\n  ".join((f"{where}: {len(wrong)} to put right", *wrong)) if len(wrong) > 1 else f"{where}: {wrong[0]}")


def missing(limits: RiskLimits) -> list[str]:
    """Rails that are neither set nor loosened, each with its remedy."""
    return [
        f'{name} is neither set nor loosened: {meaning}; write {name} = {example}, or loosened = ["{name}"]'
        for name, (example, meaning) in RAILS.items()
        if getattr(limits, name) is None and name not in limits.loosened
    ]


def _value(name: str, value: Any) -> Iterable[str]:
    if name == "loss_streak":
        numbers: tuple[Any, ...] = (value.losses, value.cooldown_min)
    elif isinstance(value, int | float):
        numbers = (value,)
    else:
        return
    least = "0 or more" if name in NOT_NEGATIVE else "a value above 0"
    if any(number < 0 or (number == 0 and name not in NOT_NEGATIVE) for number in numbers):
        yield f"{name} = {value}: write {least}, such as {RAILS[name][0]}"
