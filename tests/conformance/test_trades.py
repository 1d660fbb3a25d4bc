"""Signals and trades of the whole pipeline against the conformance vectors: tracker, evaluator and gate in the loop.

Text, times and sizes equal, prices and money within 1e-6, in order.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from tapewire.bus.messages import Bar, Body, Header, Reject, Signal, Trade
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.gate import core as gate
from tapewire.daemons.gate.books.orders import ENTRIES
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.tracker import core as tracker
from tapewire.replay import loop
from tapewire.replay.venue.core import Venue
from tests import recordings
from tests.shared import SHARED, needs_shared

VECTORS = SHARED / "conformance"
FOLDERS = {"synth": VECTORS / "synth", "real": SHARED / "data" / "ninjatrader"}
NEW_YORK = ZoneInfo("America/New_York")
TOLERANCE = 1e-6

runs = pytest.mark.parametrize("preset", ["seed", "absolute", "adaptive"])
vectors = pytest.mark.parametrize("vector", ["synth", "real"])


@needs_shared
@runs
@vectors
def test_signals_and_refusals_are_the_expected_ones(vector: str, preset: str) -> None:
    """Every entry that arbitration returned, with its rounded prices, its size, and the reason if risk refused it."""
    messages = play(vector, preset, "next_open")

    entries = [body for body in messages if isinstance(body, Signal | Reject) and body.action in ENTRIES]
    compare([intent_line(body) for body in entries], VECTORS / vector / "expected" / preset / "intents.jsonl")


@needs_shared
@pytest.mark.parametrize(("fill", "name"), [("next_open", "trades.jsonl"), ("close", "trades_close.jsonl")])
@runs
@vectors
def test_trades_are_the_expected_ones(vector: str, preset: str, fill: str, name: str) -> None:
    """Every finished round turn under both fill models, to the cent."""
    messages = play(vector, preset, fill)

    trades = [body for body in messages if isinstance(body, Trade)]
    compare([trade_line(body) for body in trades], VECTORS / vector / "expected" / preset / name)


@functools.cache
def play(vector: str, preset: str, fill: str) -> list[Body]:
    """All messages of a run, in order."""
    settings = settings_of(vector, preset, fill)
    daemons = [tracker.daemon(settings), evaluator.daemon(settings), gate.daemon(settings)]
    messages: list[Body] = []

    def record(topic: str, header: Header, body: Body) -> None:
        messages.append(body)

    loop.run(daemons, Venue(settings.instruments, settings.trading.account, fill), bars(vector), record)
    return messages


@functools.cache
def bars(vector: str) -> tuple[Bar, ...]:
    return tuple(recordings.read(FOLDERS[vector]).bars)


def settings_of(vector: str, preset: str, fill: str) -> Conf:
    calendar = msgspec.json.decode((VECTORS / vector / "calendar.json").read_bytes(), type=Calendar)
    return configuration.load(
        "replay", instance="conformance", traded=["MNQ"], preset=configuration.preset(preset), calendar=calendar, fill=fill
    )


def compare(lines: list[dict[str, Any]], path: Path) -> None:
    """Line by line, so pytest shows the first difference."""
    expected = [json.loads(line) for line in path.read_text().splitlines()]
    for got, wanted in zip(lines, expected, strict=False):
        assert got == {key: close_to(value) for key, value in wanted.items()}
    assert len(lines) == len(expected)


def close_to(value: Any) -> Any:
    return pytest.approx(value, abs=TOLERANCE, rel=0) if isinstance(value, float) else value


def stamp(ns: int) -> str:
    return dt.datetime.fromtimestamp(ns / 1e9, NEW_YORK).replace(tzinfo=None).isoformat()


def intent_line(body: Signal | Reject) -> dict[str, Any]:
    return {
        "session": body.session,
        "time": stamp(body.bar_ns),
        "strategy": body.strategy,
        "setup": body.setup,
        "direction": body.direction,
        "entry": body.entry,
        "stop": body.stop,
        "target": body.target,
        "size": body.size if isinstance(body, Signal) else 0,
        "rejected": body.reason if isinstance(body, Reject) else None,
    }


def trade_line(body: Trade) -> dict[str, Any]:
    return {
        "session": body.session,
        "strategy": body.strategy,
        "setup": body.setup,
        "direction": body.direction,
        "size": body.size,
        "signal_time": stamp(body.signal_ns),
        "entry_time": stamp(body.entry_ns),
        "entry_price": body.entry_price,
        "exit_time": stamp(body.exit_ns),
        "exit_price": body.exit_price,
        "reason": body.reason,
        "bars_held": body.bars_held,
        "stop": body.stop,
        "target": body.target,
        "gross": body.gross_cents / 100,
        "commission": body.commission_cents / 100,
        "net": body.net_cents / 100,
    }
