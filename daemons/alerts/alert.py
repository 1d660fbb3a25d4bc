"""What an alert is, and what a fact is worth one: its type, its level and its words. A function of the fact alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from tapewire.bus import topics
from tapewire.bus.daemon import Event
from tapewire.bus.messages import (
    Action,
    Alarm,
    Fill,
    Gap,
    IngressEvent,
    IngressState,
    OpsEvent,
    OrderEvent,
    OrderStatus,
    Reject,
    Signal,
    Trade,
)
from tapewire.daemons.settings.alerting import Level
from tapewire.strategies.clock import SECOND_NS

LONGEST = 200  # characters of a text by which an alarm is known again
SWITCH: Mapping[str, str] = MappingProxyType({"killed": "armed", "armed": "killed"})
"""Alarms of the kill switch, each with its opposite: the same is told again once the other has been."""
OWN = "alerts."  # begins the topics of alerts that no single fact leads to


class Alert(Struct, frozen=True, kw_only=True):
    """Something that a person is told.

    topic: of the fact; rules choose by it. kind: the type, by which the same is not told again and again. subject: an instrument,
    an account or a process. at_ns: market time. bar_ns: the bar that it is about, 0 for none. again: it may be told at any time,
    because each one is a thing of its own. fields: for programs. several: those that go
    together as this one.
    """

    topic: str
    kind: str
    level: Level
    title: str
    text: str = ""
    subject: str = ""
    instrument: str = ""
    at_ns: int = 0
    bar_ns: int = 0
    again: bool = False
    ref: str = ""
    fields: dict[str, Any] = {}
    several: tuple[Alert, ...] = ()

    @property
    def key(self) -> str:
        """Type and symbol."""
        return f"{self.kind} {self.instrument or self.subject}"


_SIGNALS: Mapping[tuple[Action, str], str] = MappingProxyType(
    {
        (Action.ENTER_LONG, "LONG"): "Buy",
        (Action.ENTER_SHORT, "SHORT"): "Short",
        (Action.EXIT, "LONG"): "Sell",
        (Action.EXIT, "SHORT"): "Cover",
    }
)
_MOVES: Mapping[Action, str] = MappingProxyType({Action.MOVE_STOP: "Move stop", Action.MOVE_TARGET: "Move target"})
# Money or orders may be in danger, or trading has stopped: look now. Every other alarm is a warning.
CRITICAL = frozenset(
    {
        "killed",
        "unprotected",
        "poisoned",
        "foreign_fill",
        "bracket_rejected",
        "bad_execution",
        "contradiction",
        "not_closed",
        "reconcile",
        "other_account",
        "bridge_fault",
    }
)
# What merely tells that something was put right.
HARMLESS = frozenset({"armed", "journal_restored"})


def of(event: Event) -> Alert | None:
    """The alert that a fact is worth by itself; None for one that is worth none, or only beside others (desk.py)."""
    body = event.body
    if isinstance(body, Signal):
        return _signal(event, body)
    if isinstance(body, Reject):
        title = f"{body.instrument}: {body.strategy} refused, {body.reason}"
        return _about(event, body.instrument, f"refused {body.reason}", Level.INFO, title, body.detail, bar_ns=body.bar_ns)
    if isinstance(body, Fill):
        return _fill(event, body)
    if isinstance(body, Trade):
        title = f"{body.instrument}: {body.direction.lower()} closed {money(body.net_cents)}"
        text = f"{body.strategy}, {body.size} from {price(body.entry_price)} to {price(body.exit_price)}, {body.reason}"
        return _about(event, body.instrument, "trade", Level.INFO, title, text, again=True)
    if isinstance(body, OrderEvent):
        return _order(event, body)
    if isinstance(body, IngressEvent):
        return _external(event, body)
    if isinstance(body, Gap):
        title = f"{body.reader} has lost {body.last - body.first + 1} messages"
        lost = f"{body.topic} {body.first} to {body.last}"
        return _about(event, "", "gap", Level.WARNING, title, lost, subject=body.topic)
    if isinstance(body, Alarm):
        level = Level.CRITICAL if body.name in CRITICAL else Level.INFO if body.name in HARMLESS else Level.WARNING
        source = event.header.source
        # Of what is critical, another text is another thing.
        subject = f"{source}: {body.text[:LONGEST]}" if level is Level.CRITICAL and body.name not in SWITCH else source
        title = f"{source}: {body.name.replace('_', ' ')}"
        return _about(event, "", kind_of(body.name), level, title, body.text, subject=subject)
    if isinstance(body, OpsEvent):
        return _operations(event, body)
    return None


def kind_of(alarm: str) -> str:
    """The type of an alarm's alert."""
    return f"alarm {alarm}"


def _about(
    event: Event,
    instrument: str,
    kind: str,
    level: Level,
    title: str,
    text: str = "",
    *,
    subject: str = "",
    bar_ns: int = 0,
    again: bool = False,
    fields: dict[str, Any] | None = None,
) -> Alert:
    return Alert(
        topic=event.topic,
        kind=kind,
        level=level,
        title=title,
        text=text,
        subject=subject,
        instrument=instrument,
        at_ns=0 if topics.technical(event.topic) else event.header.event_ns,
        bar_ns=bar_ns,
        again=again,
        ref=event.ref,
        fields=msgspec.to_builtins(event.body) if fields is None else fields,
    )


def _signal(event: Event, body: Signal) -> Alert:
    moved = _MOVES.get(body.action)
    word = moved or _SIGNALS.get((body.action, body.direction), body.action.value)
    at = body.stop if body.action is Action.MOVE_STOP else body.target if body.action is Action.MOVE_TARGET else body.entry
    size = f" {body.size}" if body.size and moved is None else ""
    title = f"{body.instrument}: {word}{size}" + (f" at {price(at)}" if at is not None else "")
    prices = [f"{name} {price(value)}" for name, value in (("stop", body.stop), ("target", body.target)) if value is not None]
    text = ", ".join([body.strategy, *([] if moved else prices)]) + (f"; {body.reason}" if body.reason else "")
    indicators = {"setup": body.setup, "day_type": body.day_type, "confidence": body.confidence, "score": body.score}
    fields = {
        "signal_type": word,
        "symbol": body.instrument,
        "price": at,
        "timestamp": utc(body.bar_ns),
        "strategy": body.strategy,
        "indicators": {**indicators, **msgspec.to_builtins(body.quality)},
        **{name: getattr(body, name) for name in ("id", "order_id", "size", "stop", "target", "contract")},
    }
    return _about(event, body.instrument, f"signal {word}", Level.INFO, title, text, bar_ns=body.bar_ns, fields=fields)


def _fill(event: Event, body: Fill) -> Alert:
    side = "bought" if body.qty > 0 else "sold"
    title = f"{body.instrument}: {side} {abs(body.qty)} at {price(body.price)}, {body.role.lower().replace('_', ' ')}"
    level = Level.WARNING if body.role == "FOREIGN" else Level.INFO
    return _about(event, body.instrument, f"fill {body.role}", level, title, f"account {body.account}", again=True)


def _order(event: Event, body: OrderEvent) -> Alert | None:
    if body.status not in (OrderStatus.REJECTED, OrderStatus.CANCELLED):
        return None
    level = Level.WARNING if body.status is OrderStatus.REJECTED else Level.INFO
    title = f"{body.instrument}: order {body.status.lower()}"
    return _about(event, body.instrument, f"order {body.status}", level, title, f"{body.order_id} {body.detail}".rstrip())


def _external(event: Event, body: IngressEvent) -> Alert | None:
    if body.state not in (IngressState.REJECTED, IngressState.FAILED, IngressState.EXPIRED):
        return None
    title = f"{body.instrument}: external signal {body.state.lower()}"
    text = f"{body.signal_id} {body.detail}".rstrip()
    return _about(event, body.instrument, f"external {body.state}", Level.WARNING, title, text)


def _operations(event: Event, body: OpsEvent) -> Alert | None:
    if body.event == "error":  # of an alarm or a gap, which is told itself
        return None
    level = Level.WARNING if body.event == "disconnected" else Level.INFO
    title = f"{body.subject}: {body.event.replace('_', ' ')}"
    return _about(event, "", f"ops {body.event}", level, title, body.text, subject=body.subject)


def price(value: float) -> str:
    """A price in full, without zeros that say nothing."""
    return f"{value:.12g}"


def money(cents: int) -> str:
    """Dollars with their sign."""
    return f"{'-' if cents < 0 else '+'}${abs(cents) / 100:,.2f}"


def utc(at_ns: int) -> str:
    """A time as ISO 8601; empty for none."""
    return dt.datetime.fromtimestamp(at_ns / SECOND_NS, dt.UTC).isoformat() if at_ns else ""


def local(at_ns: int, zone: ZoneInfo) -> dt.datetime:
    """A time in a zone, to the second."""
    return dt.datetime.fromtimestamp(at_ns // SECOND_NS, zone)
