"""From an order, signal, trade or fill back to the bar, and on to what came of it.

Every message names its cause, so the way back is a walk along `cause`. The way on is every message about the same order: its
command, its status, its fills, the trade. Both are read from the journal, live or finished; nothing is kept for this alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from tapewire.bus import topics
from tapewire.bus.errors import ConfError, suggest
from tapewire.bus.messages import Signal, Trade
from tapewire.daemons.settings import load as configuration
from tapewire.replay import excursion, tapes

# Where an id may stand, and in which fields. The evaluator's intents and the gate's decisions hold several.
PLACES: dict[str, tuple[str, ...]] = {
    topics.INTENT: ("id", "intents.id"),
    topics.DECISION: ("id", "decisions.intent_id", "decisions.order_id"),
    topics.INGRESS: ("ingress_id", "signal_id", "request_id", "order_id"),
    topics.SIGNAL: ("id", "order_id"),
    topics.REJECT: ("id",),
    topics.COMMAND: ("id", "entry_id", "order_id"),
    topics.ORDER: ("order_id",),
    topics.FILL: ("order_id", "execution_id"),
    topics.TRADE: ("id",),
}
# The same moment often holds several of these; this is the order in which they come about.
STAGES = (
    topics.RAW,
    topics.SESSION,
    topics.INGRESS,
    topics.INTENT,
    topics.DECISION,
    topics.SIGNAL,
    topics.REJECT,
    topics.COMMAND,
    topics.ORDER,
    topics.FILL,
    topics.POSITION,
    topics.TRADE,
    topics.RISK,
)
SHOWN: dict[str, tuple[str, ...]] = {
    "bar": ("open", "high", "low", "close", "volume", "ask_volume", "bid_volume"),
    "session": ("session", "i", "k", "vwap", "day_type_edge", "day_type_midpoint", "flow", "scores", "ib", "degraded"),
    "intents": ("intents",),
    "decisions": ("decisions",),
    "ingress_event": ("state", "signal_id", "direction", "price", "tp_points", "sl_points", "strategy", "detail"),
    "signal": ("action", "strategy", "size", "entry", "stop", "target", "reason", "confidence"),
    "reject": ("action", "strategy", "reason", "detail", "entry", "stop", "target"),
    "order_event": ("status", "qty", "filled", "stop", "target", "detail"),
    "fill": ("role", "qty", "price", "execution_id"),
    "trade": ("direction", "size", "entry_price", "exit_price", "reason", "bars_held", "net_cents", "mae", "mfe", "r"),
}
ROUTING = ("v", "source", "epoch", "seq", "event_ns", "cause", "type")

_decode = msgspec.msgpack.Decoder(dict[str, Any]).decode


class Step(Struct, frozen=True):
    """One message of the story: its name, kind, market time, cause, and its body's fields."""

    ref: str
    type: str
    time: str
    cause: str
    body: dict[str, Any]

    def __str__(self) -> str:
        shown = {key: self.body[key] for key in SHOWN.get(self.type, tuple(self.body)) if self.body.get(key) is not None}
        text = "  ".join(f"{key}={value}" for key, value in _flat(shown))
        return f"{self.time}  {self.ref}\n    {self.type}: {text}"


def explain(run: Path, wanted: str) -> list[Step]:
    """The story of an id, oldest first: the bar, what was seen in it, decided, ordered, filled.

    Args:
        run: a run's folder. wanted: the id of an intent, signal, order, execution or trade, or a message's `topic@epoch:seq`.
    Raises:
        ConfError: nothing in the journal has this id; the text names a near one.
    """
    index = dict(_index(run))
    found = {name for name, (topic, message) in index.items() if wanted == name or wanted in _ids(topic, message)}
    if not found:
        known = {each for topic, message in index.values() for each in _ids(topic, message)}
        raise ConfError(f"{run}: nothing in the journal is called {wanted!r}{suggest(wanted, known)}")
    for name in list(found):
        found |= set(_causes(name, index))
    ordered = sorted(found, key=lambda name: (index[name][1]["event_ns"], _stage(index[name][0]), index[name][1]["seq"]))
    return [_step(name, *_with_measures(run, *index[name])) for name in ordered]


def _index(run: Path) -> Iterator[tuple[str, tuple[str, dict[str, Any]]]]:
    for topic in tapes.topics(run):
        if topic.startswith(STAGES):
            for frame in tapes.frames(run, topic):
                message = _decode(frame)
                yield f"{topic}@{message['epoch']}:{message['seq']}", (topic, message)


def _with_measures(run: Path, topic: str, message: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A trade with its MAE, MFE and R, any other message as it is."""
    if not topic.startswith(topics.TRADE):
        return topic, message
    trade = msgspec.convert(message, Trade)
    signals = tapes.facts(run, topics.of(topics.SIGNAL, trade.instrument), Signal)
    measures = excursion.measured(run, [trade], signals, configuration.read(run).instruments)[trade.id]
    return topic, {**message, **msgspec.to_builtins(measures)}


def _causes(name: str, index: dict[str, tuple[str, dict[str, Any]]]) -> Iterator[str]:
    seen: set[str] = set()
    while name in index and name not in seen:
        seen.add(name)
        yield name
        name = index[name][1].get("cause", "")


def _ids(topic: str, message: dict[str, Any]) -> set[str]:
    """Every id in the places where this topic carries one."""
    for prefix, fields in PLACES.items():
        if topic.startswith(prefix):
            return {each for field in fields for each in _values(message, field.split(".")) if each}
    return set()


def _values(value: Any, path: list[str]) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _values(each, path)
    elif not path:
        yield str(value)
    elif isinstance(value, dict) and path[0] in value:
        yield from _values(value[path[0]], path[1:])


def _stage(topic: str) -> int:
    return next((at for at, prefix in enumerate(STAGES) if topic.startswith(prefix)), len(STAGES))


def _step(name: str, topic: str, message: dict[str, Any]) -> Step:
    body = {key: value for key, value in message.items() if key not in ROUTING}
    return Step(name, message["type"], tapes.wall(message["event_ns"]), message["cause"], body)


def _flat(body: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested maps as dotted keys, lists of maps numbered when there are several; nulls and empty texts are left out."""
    for key, value in body.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for number, each in enumerate(value, 1):
                yield from _flat(each, prefix if len(value) == 1 else f"{prefix}{key}[{number}].")
        elif value not in (None, "", []):
            yield f"{prefix}{key}", f"{value:.10g}" if isinstance(value, float) else value
