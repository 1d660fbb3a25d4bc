"""The fields of an external signal: one check for each, and a refusal that names the wrong one (bus/PROTOCOL.md, section 7).

A signal arrives as a map of any fields, in one of two forms: the plain one (`action`, `instrument`) and that of the FKS schema
(`symbol`, `side`, `strength`, `timestamp`), whose sender may put the three prices into `meta`. Nothing is converted and nothing is
guessed: 20.0 is no number of points, "20" is no number, and an undefined field is refused, because a misspelt `ttl_s` would
otherwise be ignored. A signal that passes here makes sense by itself; the risk checks decide whether it may be traded, as with any
strategy's intent.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

import msgspec

from tapewire.bus.errors import DataError, suggest
from tapewire.bus.messages import IngressError
from tapewire.bus.wire import finite
from tapewire.daemons.market import ticks as rounding
from tapewire.daemons.settings.structs import Conf

MAX_BYTES = 64 << 10
MAX_TEXT = 50
STRATEGY = "external"

SIDES = {"buy": 1, "long": 1, "sell": -1, "short": -1}
CLOSES = {"close": 0, "cover": -1, "sell": 1}
"""Words that close: the side of the position that each means, 0 for either. `sell` with prices opens a short position instead."""
MOVE = "move"
WORDS = (*SIDES, "cover", "close", MOVE)
FKS_SIDES = {"long": 1, "short": -1}

PRICES = ("price", "tp_points", "sl_points")
PLAIN = ("action", "instrument", *PRICES)
FKS = ("side", "symbol", *PRICES)
OPTIONAL = ("request_id", "ttl_s", "account", "strategy", "meta")
FKS_OPTIONAL = ("strength", "timestamp", *OPTIONAL)
CLOSING = ("action", "instrument")
MOVING = (*CLOSING, "stop", "target")

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?")


class Verb(StrEnum):
    """What a signal requests: a new position, or the end or the bracket of one that a signal has opened."""

    ENTER = "enter"
    CLOSE = "close"
    MOVE_STOP = "move_stop"
    MOVE_TARGET = "move_target"


class TradeRequest(NamedTuple):
    """A valid signal.

    signal_id: made of the sender's fields, `ES_03-25_buy_4500.25`; equal for equal signals, however the contract is spelled.
    instrument: our symbol. direction: 1 long, -1 short, 0 either (of a close or a move: the position's). price: of an entry, or the
    new one of a move; 0 for a close. stop, target: prices. ttl_s: seconds of market time for which it is valid. score: the sender's
    strength. contract: the month that the sender names, `ES 03-25`; empty if none.
    """

    signal_id: str
    instrument: str
    direction: int
    price: float
    tp_points: int
    sl_points: int
    ttl_s: float
    strategy: str
    request_id: str
    score: float | None
    contract: str = ""
    verb: Verb = Verb.ENTER

    @property
    def stop(self) -> float:
        return self.price - self.direction * self.sl_points

    @property
    def target(self) -> float:
        return self.price + self.direction * self.tp_points


Fault: TypeAlias = tuple[str, str]
"""A field, and its error as text."""


class Refusal(NamedTuple):
    """Why a signal was refused: the kind of error, the field, and the remedy in words."""

    error: IngressError
    field: str
    text: str


def read(fields: Mapping[str, Any], conf: Conf, today: dt.date) -> TradeRequest | Refusal:
    """A signal's fields as a request, or the first fault: size, undefined fields, missing fields, then values as in `CHECKS`.

    Args:
        today: the day to which the year of a contract is the nearest.
    """
    form = _form(fields)
    values = _values(form, fields)
    fault = _too_large(fields) or _misnamed(form, fields) or _missing(form, values) or _wrong(values, conf)
    if fault:
        return Refusal(IngressError.INVALID, *fault)
    return _request(form, values, conf, today) if form in (PLAIN, FKS) else _change(form, values, conf, today)


def instrument_of(name: str, conf: Conf) -> str:
    """Our symbol for `MNQ` or a contract of it such as `MNQ 03-25` or `MNQH5`; "" if it is not traded here."""
    try:
        symbol, _ = conf.contracts.read(name, dt.date.min)  # the symbol is the same on every day
    except DataError:
        return ""
    return symbol if symbol in conf.traded else ""


def _form(fields: Mapping[str, Any]) -> tuple[str, ...]:
    if "symbol" in fields or "side" in fields:
        return FKS
    word = fields.get("action")
    word = word.lower() if isinstance(word, str) else ""
    if word == MOVE:
        return MOVING
    closes = word in CLOSES and (word not in SIDES or not any(name in fields for name in PRICES))
    return CLOSING if closes else PLAIN


def _too_large(fields: Mapping[str, Any]) -> Fault | None:
    size = {name: len(msgspec.msgpack.encode(value)) for name, value in fields.items()}
    total = len(msgspec.msgpack.encode(fields))
    if total <= MAX_BYTES:
        return None
    largest = max(size, key=lambda name: size[name])
    return largest[:MAX_TEXT], f"the signal has {total} bytes, at most {MAX_BYTES}; {largest[:MAX_TEXT]} is the largest field"


def _misnamed(form: tuple[str, ...], fields: Mapping[str, Any]) -> Fault | None:
    optional = FKS_OPTIONAL if form is FKS else OPTIONAL
    defined = (*form, *(name for name in optional if name != "ttl_s" or form in (PLAIN, FKS)))
    for name in fields:
        if name not in defined:
            return name[:MAX_TEXT], f"unknown field{suggest(name[:MAX_TEXT], defined)}; known: {', '.join(defined)}"
    return None


def _missing(form: tuple[str, ...], values: Mapping[str, Any]) -> Fault | None:
    if form is MOVING:
        given = [name for name in ("stop", "target") if name in values]
        if len(given) != 1:
            return (
                "stop",
                f"{'both prices are' if given else 'no price is'} given; write the new stop or the new target, one in a signal",
            )
        form = (*CLOSING, *given)
    return next(((name, "missing; it must be given") for name in form if name not in values), None)


def _values(form: tuple[str, ...], fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields, with the prices that an FKS sender has put into `meta`."""
    meta = fields.get("meta")
    if form is not FKS or not isinstance(meta, dict):
        return fields
    return {**{name: meta[name] for name in PRICES if name in meta}, **fields}


def _request(form: tuple[str, ...], values: Mapping[str, Any], conf: Conf, today: dt.date) -> TradeRequest:
    side, name = (values[field] for field in form[:2])
    symbol, contract = conf.contracts.read(name, today)
    named = contract.name if contract else ""
    price = float(values["price"])
    strength = values.get("strength")
    return TradeRequest(
        signal_id=f"{(named or symbol).replace(' ', '_')}_{side.lower()}_{price:.12g}",
        instrument=symbol,
        direction=SIDES[side.lower()],
        price=price,
        tp_points=values["tp_points"],
        sl_points=values["sl_points"],
        ttl_s=float(values.get("ttl_s", conf.ingress.ttl_s)),
        strategy=values.get("strategy", STRATEGY),
        request_id=values.get("request_id", ""),
        score=None if strength is None else float(strength),
        contract=named,
    )


def _change(form: tuple[str, ...], values: Mapping[str, Any], conf: Conf, today: dt.date) -> TradeRequest:
    """The request to close a position, or to move its stop or its target."""
    word = values["action"].lower()
    symbol, contract = conf.contracts.read(values["instrument"], today)
    named = contract.name if contract else ""
    verb, price, end = Verb.CLOSE, 0.0, word
    for moved, field in ((Verb.MOVE_STOP, "stop"), (Verb.MOVE_TARGET, "target")):
        if form is MOVING and field in values:
            verb, price = moved, float(values[field])
            end = f"{field}_{price:.12g}"
    return TradeRequest(
        signal_id=f"{(named or symbol).replace(' ', '_')}_{end}",
        instrument=symbol,
        direction=CLOSES.get(word, 0),
        price=price,
        tp_points=0,
        sl_points=0,
        ttl_s=conf.ingress.ttl_s,
        strategy=values.get("strategy", STRATEGY),
        request_id=values.get("request_id", ""),
        score=None,
        contract=named,
        verb=verb,
    )


# --- one check per field: None, or the error and the remedy -------------------------------------------------------------------

Values: TypeAlias = Mapping[str, Any]


def _wrong(values: Values, conf: Conf) -> Fault | None:
    for name, check in CHECKS.items():
        if name in values and (text := check(values[name], values, conf)) is not None:
            return name, text
    return None


def _word(words: Iterable[str]) -> Callable[[Any, Values, Conf], str | None]:
    def check(value: Any, values: Values, conf: Conf) -> str | None:
        if isinstance(value, str) and value.lower() in words:
            return None
        return f"{_shown(value)} is none of the words {', '.join(words)}"

    return check


def _instrument(value: Any, values: Values, conf: Conf) -> str | None:
    if isinstance(value, str) and instrument_of(value, conf):
        return None
    near = suggest(value[:MAX_TEXT], conf.traded) if isinstance(value, str) else ""
    first = conf.traded[0]
    return f"{_shown(value)} is not traded here{near}; traded: {', '.join(conf.traded)}, or a contract such as '{first} 03-25'"


def _price(value: Any, values: Values, conf: Conf) -> str | None:
    if not _number(value):
        return f"{_shown(value)} is not a number"
    if not rounding.real(value) or value <= 0:
        return f"{_shown(value)} is no price; write a positive, finite number"
    tick = conf.instruments[instrument_of(values.get("instrument", values.get("symbol")), conf)].tick
    return None if rounding.on_grid(value, tick) else f"{value} is not a multiple of the tick {tick}"


def _points(most: str) -> Callable[[Any, Values, Conf], str | None]:
    def check(value: Any, values: Values, conf: Conf) -> str | None:
        limit: int = getattr(conf.ingress, most)
        if not isinstance(value, int) or isinstance(value, bool):
            return f"{_shown(value)} is not a whole number of points"
        if not 0 < value <= limit:
            return f"{value} points; at least 1 and at most {limit} (conf [ingress] {most})"
        return None if value < values["price"] else f"{value} points lead from {values['price']} to a price that does not exist"

    return check


def _text(value: Any, values: Values, conf: Conf) -> str | None:
    if isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable():
        return None
    return f"{_shown(value)} is not a text of 1 to {MAX_TEXT} printable characters"


def _strategy(value: Any, values: Values, conf: Conf) -> str | None:
    if value in conf.trading.unlimited:
        return f"{_shown(value)} trades without the account's daily limits and is not for signals from outside; use another name"
    return _text(value, values, conf)


def _account(value: Any, values: Values, conf: Conf) -> str | None:
    if isinstance(value, str) and value and value == conf.trading.account:
        return None
    return f"{_shown(value)} is not traded here; leave it out, or write {conf.trading.account or 'nothing: no account is named'}"


def _ttl(value: Any, values: Values, conf: Conf) -> str | None:
    if _number(value) and rounding.real(value) and 0 < value <= conf.ingress.max_ttl_s:
        return None
    return f"{_shown(value)} is not a number of seconds above 0 and up to {conf.ingress.max_ttl_s:g}"


def _strength(value: Any, values: Values, conf: Conf) -> str | None:
    return None if _number(value) and 0 <= value <= 1 else f"{_shown(value)} is not a number from 0 to 1"


def _timestamp(value: Any, values: Values, conf: Conf) -> str | None:
    """Recorded for the sender and never compared: clocks differ, and `ttl_s` counts from the signal's arrival."""
    if (_number(value) and finite(value) and value > 0) or (isinstance(value, str) and _MOMENT.fullmatch(value)):
        return None
    return f"{_shown(value)} is not a time; write seconds since 1970, or such as 2027-02-24T15:31:00Z"


def _meta(value: Any, values: Values, conf: Conf) -> str | None:
    return None if isinstance(value, dict) else f"{_shown(value)} is not a map"


CHECKS: dict[str, Callable[[Any, Values, Conf], str | None]] = {
    "action": _word(WORDS),
    "side": _word(FKS_SIDES),
    "instrument": _instrument,
    "symbol": _instrument,
    "price": _price,
    "stop": _price,
    "target": _price,
    "tp_points": _points("max_tp_points"),
    "sl_points": _points("max_sl_points"),
    "request_id": _text,
    "ttl_s": _ttl,
    "account": _account,
    "strategy": _strategy,
    "strength": _strength,
    "timestamp": _timestamp,
    "meta": _meta,
}


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    """A value as text for a person, cut to `MAX_TEXT` characters."""
    text = repr(value)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}..."
