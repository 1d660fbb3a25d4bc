"""Checks of an intent by itself: it may be traded here, it is in time, and its prices make sense.

Every check returns None, or a sentence for a person with the numbers.
"""

from __future__ import annotations

from msgspec import UNSET

from tapewire.bus.messages import LONG, Action
from tapewire.daemons.gate.checks.case import Case
from tapewire.daemons.gate.external.inbox import SETUP
from tapewire.daemons.market import ticks as rounding


def duplicate(case: Case) -> str | None:
    if case.intent.id in case.decided:
        return f"{case.intent.id} has been decided on before; an id is used once"
    return None


def unknown_instrument(case: Case) -> str | None:
    name = case.request.instrument
    if name not in case.conf.traded or name not in case.conf.instruments:
        return f"{name} is not traded here; traded: {', '.join(case.conf.traded)}"
    return None


def instrument_disabled(case: Case) -> str | None:
    return None if case.terms.enabled else f"{case.request.instrument} is switched off (conf/instruments.toml)"


def contract_expired(case: Case) -> str | None:
    contract, months = case.wanted_contract, case.months
    if contract is None or not months.expired(contract, case.request.bar_ns):
        return None
    last, front = months.dates(contract), months.find_front(contract.symbol, case.hours.trade_date(case.request.bar_ns))
    when = f" on {last.expiry}" if last else ""
    return f"{contract.name} has expired{when}" + (f"; {front.name} is in front" if front else "")


def contract_not_listed(case: Case) -> str | None:
    contract, months = case.wanted_contract, case.months
    if contract is None or months.listed(contract, case.request.bar_ns):
        return None
    table = months.table(contract.symbol)
    return f"{contract.name} is not listed yet; the exchange lists {table.listed if table else 0} months at a time"


def contract_other(case: Case) -> str | None:
    name, charted = case.request.contract, case.charted
    if not name or charted is None:
        return None
    wanted = case.wanted_contract
    if wanted is not None and wanted[2:] == charted[2:]:
        return None
    where = "on the bridge's chart" if case.request.instrument in case.observed.charts else "in front, and the venue names none"
    return f"{name} is not the contract that is traded; {case.contract} is {where}"


def trading_disabled(case: Case) -> str | None:
    if not case.conf.trading.enabled:
        return "trading is off; enable it for a named account"
    if not case.conf.trading.account:
        return "trading is on but names no account"
    return None


def account_unknown(case: Case) -> str | None:
    account, there = case.conf.trading.account, case.observed.accounts
    if there is None or account in there:
        return None
    return f"the venue has no account {account!r}; it has {', '.join(there) or 'none'}"


def killed(case: Case) -> str | None:
    return "the kill switch is latched; arm it again to trade" if case.killed else None


def expired(case: Case) -> str | None:
    late_ns = case.now_ns - case.intent.valid_until_ns
    return f"valid until {late_ns / 1e9:.3f} s ago; shown, not executed" if late_ns > 0 else None


def not_finite(case: Case) -> str | None:
    intent = case.intent
    if not rounding.real(intent.entry, intent.stop, intent.target, intent.limit):
        prices = f"entry {intent.entry}, stop {intent.stop}, target {intent.target}, limit {intent.limit}"
        return f"prices must be real numbers: {prices}"
    if not all(points is UNSET or rounding.real(points) for points in (intent.stop_points, intent.target_points)):
        return f"distances must be real numbers: stop_points {intent.stop_points}, target_points {intent.target_points}"
    if intent.action in (Action.ENTER_LONG, Action.ENTER_SHORT) and intent.entry is None:
        return "an entry needs its price"
    if intent.action is Action.MOVE_TARGET and intent.target is None:
        return "MOVE_TARGET needs the new target"
    return None


def off_tick(case: Case) -> str | None:
    tick = case.terms.tick
    for name, price in (("entry", case.intent.entry), ("limit", case.intent.limit)):
        if price is not None and not rounding.on_grid(price, tick):
            return f"{name} {price} is not a multiple of the tick {tick}"
    return None


def stop_missing(case: Case) -> str | None:
    return f"{case.intent.action} without a stop; nothing is traded unprotected" if case.intent.stop is None else None


def stop_side(case: Case) -> str | None:
    entry, stop = case.enters, case.stop
    if entry is not None and stop is not None and (entry - stop) * case.direction <= 0:
        return f"{case.intent.direction} from {entry} needs its stop on the losing side, not at {stop}"
    return None


def target_side(case: Case) -> str | None:
    entry, target = case.enters, case.target
    if entry is not None and target is not None and (target - entry) * case.direction <= 0:
        return f"{case.intent.direction} from {entry} needs its target on the winning side, not at {target}"
    return None


def stop_too_near(case: Case) -> str | None:
    least, distance = case.limits.stop_ticks_at_least, _ticks(case, case.stop)
    if least is not None and distance is not None and distance < least:
        return f"stop {distance} ticks away, at least {least}"
    return None


def stop_too_far(case: Case) -> str | None:
    most, distance = case.limits.stop_ticks_at_most, _ticks(case, case.stop)
    if most is not None and distance is not None and distance > most:
        return f"stop {distance} ticks away, at most {most}"
    return None


def reward_too_small(case: Case) -> str | None:
    """An entry without a target passes: its exit is a rule and not a price."""
    least, risk, reward = case.limits.reward_to_risk, _ticks(case, case.stop), _ticks(case, case.target)
    if least is not None and risk and reward is not None and reward < least * risk:
        return f"{reward} ticks to gain for {risk} at risk is {reward / risk:.2f}, at least {least}"
    return None


def off_market(case: Case) -> str | None:
    band, name = case.limits.price_band_ticks, case.request.instrument
    if band is None or case.enters is None:
        return None
    close = case.observed.closes.get(name)
    if close is None:
        return f"no close of {name} to compare {case.enters} with"
    distance = abs(rounding.ticks(case.enters, case.terms.tick) - rounding.ticks(close, case.terms.tick))
    return f"{case.enters} is {distance} ticks from the last close {close}, at most {band}" if distance > band else None


def no_position(case: Case) -> str | None:
    name = case.request.instrument
    if case.qty == 0:
        return f"{case.intent.action} without an open position in {name}"
    return _not_its_own(case, name) if case.intent.setup == SETUP else None


def _not_its_own(case: Case, name: str) -> str | None:
    """A signal from outside may change only what a signal of the same strategy has opened."""
    entry = case.orders.get(case.book.entry_id(name))
    if entry is None or entry.intent.setup != SETUP or entry.intent.strategy != case.intent.strategy:
        by = "no order of ours" if entry is None else f"{entry.intent.strategy} ({entry.intent.setup})"
        return f"{case.qty:+d} {name} was opened by {by}, not by a signal of {case.intent.strategy}"
    if (case.intent.direction == LONG) != (case.qty > 0):
        return f"no {case.intent.direction} position in {name}, it is {case.qty:+d}"
    return None


def stop_widened(case: Case) -> str | None:
    order, stop = case.orders.get(case.book.entry_id(case.request.instrument)), case.stop
    if order is None or order.stop is None or stop is None:
        return None
    if (stop - order.stop) * case.direction < 0:
        return f"stop {stop} would risk more than the resting one at {order.stop}; stops only tighten"
    return None


def _ticks(case: Case, price: float | None) -> int | None:
    """The distance of a bracket price from the entry, in ticks."""
    if price is None or case.enters is None:
        return None
    return abs(rounding.ticks(price, case.terms.tick) - rounding.ticks(case.enters, case.terms.tick))
