"""Every decision on a recording, bar by bar, for look-ahead analysis to compare.

A `Fold` holds the daemons' cores with a simulated venue, as a backtest has them, and beside them every strategy alone, as `tapewire
signals` has them. `bar` processes one bar and returns the decisions on it, encoded, so that two folds over the same bars can be
compared byte for byte.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tapewire.bus.messages import Bar, Body, Header, Intents, Session
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.gate import core as gate
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.tracker import core as tracker
from tapewire.replay import loop, runs
from tapewire.replay.sources.recording import Told
from tapewire.strategies import registry
from tapewire.strategies.features import FeatureStream
from tapewire.strategies.roster import Independent

_encode = msgspec.msgpack.Encoder().encode


class BarResult(Struct, frozen=True, array_like=True):
    """The decisions on one bar.

    session: the `Session` without the position, empty if the bar was ignored. position: what the venue reported with the bar, an
        input of arbitration alone and the outcome of its own earlier intents.
    proposals: each `Proposal` of a strategy alone, in priority order. intents: the `Intents` of arbitration, if any.
    off: strategies that were switched off on this bar, and why. features: values of those that were asked for, eight bytes each.
    """

    session: bytes = b""
    position: bytes = b""
    proposals: tuple[bytes, ...] = ()
    intents: tuple[bytes, ...] = ()
    off: tuple[str, ...] = ()
    features: bytes = b""

    @property
    def decided(self) -> bool:
        """Whether a strategy alone or arbitration decided on something on this bar."""
        return bool(self.proposals or self.intents)


class Fold:
    """Fresh cores, at the beginning of a recording. features: computed beside them."""

    def __init__(self, conf: Conf, features: Sequence[str] = ()) -> None:
        preset = conf.preset
        self._features = FeatureStream(features) if features else None
        self._packed = struct.Struct(f"<{len(features)}d").pack
        daemons = [tracker.daemon(conf), evaluator.daemon(conf), gate.daemon(conf)]
        self._loop = loop.Loop(daemons, runs.venue(conf), self._record, conf.epoch)
        self._alone = Independent(registry.build(preset.strategies, preset.parameters, preset.day_type), preset.exits.exit_time)
        self._sessions: list[Session] = []
        self._intents: list[bytes] = []
        self._off = 0

    def bar(self, bar: Bar) -> BarResult:
        """Take the next bar."""
        self._sessions.clear()
        self._intents.clear()
        self._loop.bar(bar)
        if not self._sessions:
            return BarResult()
        (s,) = self._sessions
        position = s.bar.position
        alone = s if position is None else replace(s, bar=replace(s.bar, position=None))
        proposals = tuple(_encode(proposal) for proposal in self._alone.step(alone))
        faults = self._alone.roster.failures
        off, self._off = tuple(map(str, faults[self._off :])), len(faults)
        features = b"" if self._features is None else self._packed(*self._features.take(alone))
        return BarResult(_encode(alone), _encode(position), proposals, tuple(self._intents), off, features)

    def told(self, fact: Told) -> None:
        """What a journal tells beside its bars."""
        self._loop.told(fact)

    def _record(self, topic: str, header: Header, body: Body) -> None:
        if type(body) is Session:
            self._sessions.append(body)
        elif type(body) is Intents:
            self._intents.append(_encode(body))


def fields(encoded: bytes) -> dict[str, Any]:
    """An encoded message as plain fields by their dotted names, in the order in which it has them: `flow.delta`, `bar.close`."""
    return dict(_leaves(msgspec.msgpack.decode(encoded), "")) if encoded else {}


def values(packed: bytes) -> tuple[float, ...]:
    """The values of a bar's features."""
    return struct.unpack(f"<{len(packed) // 8}d", packed)


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and value:
        for at, inner in enumerate(value):
            yield from _leaves(inner, f"{name}.{at}" if name else str(at))
    else:
        yield name, value
