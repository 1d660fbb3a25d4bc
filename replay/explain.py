"""From an order, signal, trade or fill back to its bar, and forward to its result.

Every message names its cause, so the way back follows `cause`. The way forward is every message about the same order: its command,
its status, its fills, the trade. Both are read from the journal of a live or finished run; nothing is stored for this alone.
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

# Topics that carry ids, and in which fields. The evaluator's intents and the gate's decisions hold several.
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
# One moment often holds several of these; this is the order in which they arise.
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
    "bar": ("open", "high", "low", "close", "volume", "ask_volume", "bid_volume", "delta", "up_ticks", "down_ticks"),
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


class StoryMessage(Struct, frozen=True):
    """One message of the story: its name, kind, market time, cause, and its body's fields."""

    ref: str
    type: str
    time: str
    cause: str
    body: dict[str, Any]

    def __str__(self) -> str:
        text = "  ".join(f"{key}={value}" for key, value in shown(self))
        return f"{self.time}  {self.ref}\n    {self.type}: {text}"


def shown(message: StoryMessage) -> list[tuple[str, str]]:
    """What a person is shown of a message: names and values, without those that are empty."""
    body = message.body
    chosen = {key: body[key] for key in SHOWN.get(message.type, tuple(body)) if body.get(key) is not None}
    return [(key, str(value)) for key, value in _flat(chosen)]


def explain(run: Path, name: str) -> list[StoryMessage]:
    """The story of an id, oldest first: the bar, its session, the decision, the order, the fills.

    Args:
        run: a run's folder. name: the id of an intent, signal, order, execution or trade, or a message's `topic@epoch:seq`.
    Raises:
        ConfError: nothing in the journal has this id; the text suggests a similar one.
    """
    index = dict(_index(run))
    found = {ref for ref, (topic, message) in index.items() if name == ref or name in _ids(topic, message)}
    if not found:
        ids = {each for topic, message in index.values() for each in _ids(topic, message)}
        rest = "; it keeps a bar only where something was decided (--journal decisions)" if tapes.kept(run) != "all" else ""
        raise ConfError(f"{run}: nothing in the journal is called {name!r}{suggest(name, ids)}{rest}")
    for ref in list(found):
        found |= set(_causes(ref, index))
    ordered = sorted(found, key=lambda ref: (index[ref][1]["event_ns"], _stage(index[ref][0]), index[ref][1]["seq"]))
    return [story_message(ref, *_with_measures(run, *index[ref])) for ref in ordered]


def _index(run: Path) -> Iterator[tuple[str, tuple[str, dict[str, Any]]]]:
    for topic in tapes.topics(run):
        if topic.startswith(STAGES):
            for frame in tapes.frames(run, topic):
                message = _decode(frame)
                yield f"{topic}@{message['epoch']}:{message['seq']}", (topic, message)


def _with_measures(run: Path, topic: str, message: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A trade with its MAE, MFE and R; any other message unchanged."""
    if not topic.startswith(topics.TRADE):
        return topic, message
    trade = msgspec.convert(message, Trade)
    measures = excursion.written(run).get(trade.id)
    if measures is None:  # the run is up
        signals = tapes.facts(run, topics.of(topics.SIGNAL, trade.instrument), Signal)
        bars = excursion.journalled(run)
        measures = excursion.measured(bars, [trade], signals, configuration.read(run).instruments)[trade.id]
    return topic, {**message, **{name: getattr(measures, name) for name in ("mae", "mfe", "r")}}


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


def story_message(name: str, topic: str, message: dict[str, Any]) -> StoryMessage:
    """A message for a person."""
    body = {key: value for key, value in message.items() if key not in ROUTING}
    return StoryMessage(name, message["type"], tapes.wall(message["event_ns"]), message["cause"], body)


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
