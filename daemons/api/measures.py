"""What is counted for Prometheus, without a socket: the journal by reason and status, bars by hop, limits by what is left.

Labels have few values: hops, reasons and states are closed sets, instruments and daemons are those of the run. A word from outside
is counted as itself only while there are few of its kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from tapewire.bus import topics
from tapewire.bus.messages import Alarm, Lap, OrderEvent, OrderStatus, Reason, Reject, Risk, Trade
from tapewire.daemons.operator.latency import HOPS, hops, passage
from tapewire.daemons.settings.structs import RiskLimits
from tapewire.strategies.clock import SECOND_NS

FOLDED = (topics.REJECT, topics.ORDER, topics.ALARM, topics.TRADE)
"""Topics of which not only the number of facts is told."""
EDGES_S = tuple(0.000_062_5 * 2**step for step in range(16))  # to 2 s, each twice the one before
SETTLED_NS = 5 * SECOND_NS  # after which the laps of a bar have come: heartbeats tell them, once a second
REMEMBERED = 4_096  # bars that are counted already
MOST_WORDS = 64
OTHER = "other"
RESULTS = ("won", "lost")
WORD = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")

_decode = msgspec.msgpack.Decoder(Reject | OrderEvent | Alarm | Trade).decode


class Contents:
    """What the folded topics hold, by the label that tells one fact from another. It only grows: the journal does.

    read: by topic, how many records were counted.

    Args:
        traded: what may be counted of these begins with 0: Prometheus does not see the first step of a series that was not there.
    """

    def __init__(self, traded: Iterable[str] = ()) -> None:
        self.read: dict[str, int] = {}
        self.refused = {(name, reason.value): 0 for name in traded for reason in Reason}
        self.orders = {(name, status.value): 0 for name in traded for status in OrderStatus}
        self.trades = {(name, result): 0 for name in traded for result in RESULTS}
        self.alarms: dict[tuple[str, str], int] = {}
        self._words: set[str] = set()

    def take(self, topic: str, start: int, frames: Iterable[bytes]) -> None:
        """The records of a topic from one on; those that were counted are left out."""
        for position, frame in enumerate(frames, start):
            if position < self.read.get(topic, 0):
                continue
            self.read[topic] = position + 1
            body = _decode(frame)
            if isinstance(body, Reject):
                _add(self.refused, body.instrument, body.reason.value)
            elif isinstance(body, OrderEvent):
                _add(self.orders, body.instrument, body.status.value)
            elif isinstance(body, Trade):
                _add(self.trades, body.instrument, RESULTS[body.net_cents <= 0])
            else:
                _add(self.alarms, topic.removeprefix(topics.ALARM).rstrip("."), self._word(body.name))

    def _word(self, name: str) -> str:
        if name not in self._words and (len(self._words) >= MOST_WORDS or not WORD.match(name)):
            return OTHER
        self._words.add(name)
        return name


class HopCounts:
    """A histogram of one hop. counts: by the edges, and one more for what is longer."""

    def __init__(self) -> None:
        self.counts = [0] * (len(EDGES_S) + 1)
        self.sum_s = 0.0

    def take(self, seconds: float) -> None:
        seconds = max(0.0, seconds)  # two clocks may say that a message came before it was sent
        self.sum_s += seconds
        self.counts[next((at for at, edge in enumerate(EDGES_S) if seconds <= edge), len(EDGES_S))] += 1

    @property
    def buckets(self) -> list[tuple[str, float]]:
        """As Prometheus has them: each with all that is not longer."""
        total, found = 0, []
        for edge, count in zip((*map(str, EDGES_S), "+Inf"), self.counts, strict=True):
            total += count
            found.append((edge, float(total)))
        return found


class Passing:
    """How long bars took, hop by hop, since this process started. A bar counts once, when its laps have come."""

    def __init__(self) -> None:
        self.hops: dict[str, HopCounts] = {label(name): HopCounts() for name in HOPS}
        self._open: dict[tuple[str, int], tuple[int, list[Lap]]] = {}
        self._done: dict[tuple[str, int], None] = {}

    def take(self, laps: Iterable[Lap], now_ns: int) -> None:
        """Those of a heartbeat (monotonic time)."""
        for lap in laps:
            key = (lap.instrument, lap.bar_ns)
            if key not in self._done:
                self._open.setdefault(key, (now_ns, []))[1].append(lap)
        for key in [key for key, (since_ns, _) in self._open.items() if now_ns - since_ns >= SETTLED_NS]:
            _, found = self._open.pop(key)
            self._done[key] = None
            for name, ns in hops(passage(found)).items():
                self.hops[label(name)].take(ns / SECOND_NS)
        for key in list(self._done)[:-REMEMBERED]:
            del self._done[key]


class Room(NamedTuple):
    """What is left of a limit: dollars or trades, at most `limit` of them; below 0 where it is passed."""

    name: str
    unit: str
    left: float
    limit: float


def rooms(limits: RiskLimits, risk: Risk | None) -> Iterator[Room]:
    """What is left of the account's limits by its last `risk`; before the first one all of each."""
    realised, total, drawdown, trades = 0.0, 0.0, 0.0, 0
    if risk is not None:
        realised, drawdown, trades = risk.realised_cents / 100, risk.drawdown_cents / 100, risk.trades
        total = realised + risk.open_cents / 100
    dollars: Mapping[str, tuple[float | None, float]] = {
        "day_loss": (limits.day_loss, realised),
        "day_loss_open": (limits.day_loss_open, total),
        "day_profit": (limits.day_profit, -realised),
        "drawdown": (limits.drawdown, -drawdown),
    }
    for name, (limit, result) in dollars.items():
        if limit is not None:
            yield Room(name, "dollars", round(limit + result, 2), limit)
    if limits.max_trades is not None:
        yield Room("max_trades", "trades", limits.max_trades - trades, limits.max_trades)


def kinds(records: Mapping[str, int], prefix: str, known: Iterable[str] = ()) -> dict[str, int]:
    """The facts on topics with this prefix, by the word behind it: an instrument or a daemon. Those that are known begin with 0."""
    found = dict.fromkeys(known, 0)
    for topic, count in records.items():
        if topic.startswith(prefix):
            subject = topic.removeprefix(prefix).partition(".")[0]
            found[subject] = found.get(subject, 0) + count
    return found


def label(hop: str) -> str:
    """A hop as a label: `to_tracker` for the way there, `tracker` for its work."""
    return hop.replace("> ", "to_").replace(" ", "_")


def pending(state: Mapping[str, Any]) -> Mapping[str, int]:
    """What a daemon waits for, by whom: `pending` of its report, where it has one."""
    found = state.get("pending")
    return found if isinstance(found, dict) else MappingProxyType({})


def _add(counts: dict[tuple[str, str], int], *key: str) -> None:
    counts[key[0], key[1]] = counts.get((key[0], key[1]), 0) + 1
