"""Metrics: what is counted once, labels with few values, and a dashboard that asks for what there is."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given
from prometheus_client.parser import text_string_to_metric_families

from tapewire.bus import wire
from tapewire.bus.messages import Action, Alarm, Beat, Body, Header, Lap, OrderEvent, OrderStatus, Reason, Risk, TradingState
from tapewire.daemons.api import measures, metrics
from tapewire.daemons.api.door import OpenDoor
from tapewire.daemons.api.measures import Contents, HopCounts, Passing
from tapewire.daemons.api.metrics import Scrape
from tapewire.daemons.settings.structs import Bus, RiskLimits
from tests import runs

ROOT = Path(__file__).parents[2]
SECOND_NS = 1_000_000_000


def frames(*bodies: Body) -> list[bytes]:
    return [wire.encode(Header(1, "gate", 1, seq, 0), body) for seq, body in enumerate(bodies, 1)]


# --- counted once ---------------------------------------------------------------------------------------------------------------

REFUSED = frames(*(runs.reject(660, reason) for reason in (Reason.MAX_TRADES, Reason.KILLED, Reason.MAX_TRADES)))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12))
def test_a_record_counts_once_however_the_journal_is_read(reads: list[tuple[int, int]]) -> None:
    """Pages overlap where two answers are made side by side, or one was cut short."""
    contents = Contents()
    for start, count in reads:
        if start <= contents.read.get("reject.MNQ.", 0):  # a read begins where the last one has ended, or before
            contents.take("reject.MNQ.", start, REFUSED[start : start + count])

    seen = contents.read.get("reject.MNQ.", 0)

    assert sum(contents.refused.values()) == seen
    assert contents.refused.get(("MNQ", "KILLED"), 0) == (seen > 1)


def test_what_may_be_counted_begins_with_zero() -> None:
    """So that the first refusal of a reason is a step."""
    contents = Contents(["MNQ"])

    assert set(contents.refused.items()) == {(("MNQ", reason.value), 0) for reason in Reason}


def test_words_from_outside_are_few() -> None:
    """The bridge names its alarms: what is no name, and what comes when there are many, is counted as `other`."""
    contents = Contents()
    names = ["unprotected", "a b", "X" * 50, *(f"name_{at}" for at in range(100)), "unprotected"]

    contents.take("sys.alarm.nt.", 0, frames(*(Alarm(name, "") for name in names)))

    assert len(contents.alarms) == measures.MOST_WORDS + 1
    assert contents.alarms["nt", "unprotected"] == 2
    assert sum(contents.alarms.values()) == len(names)


def test_orders_and_trades_are_counted_by_what_became_of_them() -> None:
    """A trade that earned nothing is lost: it has cost its commission."""
    contents = Contents()
    order = OrderEvent("O1", "MNQ", Action.ENTER_LONG, OrderStatus.ACCEPTED, 1)
    contents.take("order.MNQ.", 0, frames(order, msgspec.structs.replace(order, status=OrderStatus.FILLED)))
    contents.take("trade.MNQ.", 0, frames(*(runs.trade(661, 680, cents) for cents in (426, -100, 0))))

    assert contents.orders == {("MNQ", "ACCEPTED"): 1, ("MNQ", "FILLED"): 1}
    assert contents.trades == {("MNQ", "won"): 1, ("MNQ", "lost"): 2}


def lap(stage: str, begin_ms: float, end_ms: float, bar: int = 1) -> Lap:
    return Lap(cast(Any, stage), "MNQ", bar, int(begin_ms * 1e6), int(end_ms * 1e6))


def test_a_bar_passes_once_with_all_the_laps_that_have_come() -> None:
    """Heartbeats tell them, each daemon's in its own; a lap that is late counts nothing more."""
    passing = Passing()
    passing.take([lap("tracker", 0, 1)], 0)
    passing.take([lap("evaluator", 1.5, 3), lap("gate", 3.5, 4)], SECOND_NS)
    early = {name: hop.buckets[-1][1] for name, hop in passing.hops.items() if hop.sum_s}
    passing.take([], 6 * SECOND_NS)
    passing.take([lap("tracker", 0, 900)], 7 * SECOND_NS)
    passing.take([], 20 * SECOND_NS)

    found = {name: (hop.buckets[-1][1], round(hop.sum_s, 6)) for name, hop in passing.hops.items() if hop.sum_s}

    assert early == {}
    assert found == {
        "tracker": (1, 0.001),
        "to_evaluator": (1, 0.0005),
        "evaluator": (1, 0.0015),
        "to_gate": (1, 0.0005),
        "gate": (1, 0.0005),
        "to_decision": (1, 0.003),
        "to_signal": (1, 0.004),
    }


@given(st.lists(st.floats(-1, 100), max_size=50))
def test_a_histogram_only_rises_and_ends_with_all(seconds: list[float]) -> None:
    """As Prometheus reads it; a clock behind the other makes no negative time."""
    hop = HopCounts()
    for each in seconds:
        hop.take(each)

    counts = [count for _, count in hop.buckets]

    assert counts == sorted(counts)
    assert counts[-1] == len(seconds)
    assert hop.sum_s >= 0


def test_what_is_left_of_a_limit_is_its_distance_from_the_result() -> None:
    """In dollars of loss, of profit to the lock, and in trades; a limit that is not set has no line."""
    limits = RiskLimits(day_loss=1000.0, day_loss_open=1200.0, day_profit=500.0, drawdown=2500.0, max_trades=10)
    risk = Risk("Sim101", "2026-03-03", TradingState.ACTIVE, -20_000, -20_000, 30_000, 3, open_cents=-5_000)

    rooms = {room.name: (room.left, room.unit) for room in measures.rooms(limits, risk)}

    assert rooms == {
        "day_loss": (800.0, "dollars"),
        "day_loss_open": (950.0, "dollars"),
        "day_profit": (700.0, "dollars"),
        "drawdown": (2200.0, "dollars"),
        "max_trades": (7, "trades"),
    }
    assert [room.left == room.limit for room in measures.rooms(limits, None)] == [True] * 5
    assert [*measures.rooms(RiskLimits(), risk)] == []


# --- what an answer has -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answer() -> str:
    """An answer about a live run in which everything has happened."""
    conf = runs.conf(bus=Bus())
    preset = msgspec.structs.replace(conf.preset, risk=RiskLimits(day_loss=1000.0, max_trades=10))
    contents = Contents(conf.traded)
    contents.take("sys.alarm.gate.", 0, frames(Alarm("killed", "anna")))
    door = SimpleNamespace(
        conf=msgspec.structs.replace(conf, preset=preset),
        mode="live",
        contents=contents,
        passing=Passing(),
        counting=threading.Lock(),
        hub=SimpleNamespace(listeners=[1], cut_off=2),
        callers=SimpleNamespace(refused=3),
        turned_away=SimpleNamespace(counts={"SLOW": 4}),
    )
    beat = Beat("gate", 1, 0, 0, {}, received=4, healed=5, lost=6)
    gate = {
        "note": "ready",
        "venue_up": True,
        "killed": True,
        "lease_age_s": 0.5,
        "turned_away": 1,
        "pending": {"venue": 2},
        "books": {"positions": {"MNQ": {"qty": -2}}, "working": [{}]},
    }
    counts = dict.fromkeys(("sent", "failed", "dropped", "queued"), 1)
    found = Scrape(
        daemons=("gate", "logger", "alerts"),
        reports={"gate": gate, "alerts": {"note": "ready", "channels": {"phone": counts}}},
        records={"raw.bar.MNQ.1m.": 390, "signal.MNQ.": 7, "sys.gap.tracker.": 1},
        beats={"gate": (beat, 0.4), "nt": (msgspec.structs.replace(beat, name="nt", queued=1), 0.1), "stranger": (beat, 0.1)},
        processes={"gate": metrics.ProcessFigures(1 << 20, 1.5, 20)},
        risk=Risk("Sim101", "2026-03-03", TradingState.HALTED, -20_000, -20_000, 30_000, 3),
        bars={"MNQ": 12.0},
    )
    return metrics.exposed(cast(OpenDoor, door), found)[0].decode()


@pytest.fixture(scope="module")
def samples(answer: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """By name: labels and value."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(answer):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("tapewire_bars_total", {"instrument": "MNQ"}, 390),
        ("tapewire_signals_total", {"instrument": "MNQ"}, 7),
        ("tapewire_fills_total", {"instrument": "MNQ"}, 0),
        ("tapewire_gaps_total", {"process": "tracker"}, 1),
        ("tapewire_gaps_total", {"process": "gate"}, 0),
        ("tapewire_rejects_total", {"instrument": "MNQ", "reason": "KILLED"}, 0),
        ("tapewire_alarms_total", {"process": "gate", "alarm": "killed"}, 1),
        ("tapewire_up", {"process": "gate"}, 1),
        ("tapewire_up", {"process": "logger"}, 0),
        ("tapewire_healed_total", {"process": "gate"}, 5),
        ("tapewire_pending", {"process": "gate", "for": "venue"}, 2),
        ("tapewire_memory_bytes", {"process": "gate"}, 1 << 20),
        ("tapewire_lease_age_seconds", {}, 0.5),
        ("tapewire_killed", {}, 1),
        ("tapewire_position_contracts", {"instrument": "MNQ"}, -2),
        ("tapewire_trading_state", {"state": "HALTED"}, 1),
        ("tapewire_trading_state", {"state": "ACTIVE"}, 0),
        ("tapewire_limit_left", {"limit": "day_loss", "unit": "dollars"}, 800),
        ("tapewire_alerts_queued", {"channel": "phone"}, 1),
        ("tapewire_http_turned_away_total", {"code": "SLOW"}, 4),
        ("tapewire_bar_age_seconds", {"instrument": "MNQ"}, 12),
    ],
)
def test_the_answer_has(
    samples: dict[str, list[tuple[dict[str, str], float]]], name: str, labels: dict[str, str], value: float
) -> None:
    """By name and labels; a daemon that did not report is down."""
    assert (labels, value) in samples[name]


def test_labels_have_the_values_of_the_run_alone(samples: dict[str, list[tuple[dict[str, str], float]]]) -> None:
    """A source that is none of the run's daemons is left out, whatever it beats."""
    processes = {labels["process"] for found in samples.values() for labels, _ in found if "process" in labels}

    assert processes == {"gate", "logger", "alerts", "tracker", "nt"}
    assert sum(map(len, samples.values())) < 600


# --- the dashboard --------------------------------------------------------------------------------------------------------------

NAME = re.compile(r"tapewire_[a-z_]+")


def queries() -> list[tuple[str, str]]:
    """Each query of the dashboard with its legend, and each of Prometheus' rules."""
    board = json.loads((ROOT / "deploy/grafana/tapewire.json").read_text("utf-8"))
    shown = [(each["expr"], each["legendFormat"]) for panel in board["panels"] for each in panel.get("targets", ())]
    rules = (ROOT / "deploy/prometheus/tapewire.rules.yml").read_text("utf-8")
    return [
        *shown,
        *((line.strip().removeprefix("expr: "), "") for line in rules.splitlines() if "expr: tape" in line or "(tape" in line),
    ]


def test_the_dashboard_asks_for_what_there_is(samples: dict[str, list[tuple[dict[str, str], float]]]) -> None:
    """Names, and the labels by which it chooses, groups and names; and it leaves no metric out."""
    asked: set[str] = set()
    for query, legend in queries():
        names = set(NAME.findall(query))
        asked |= names
        assert names <= set(samples), query
        has = {label for name in names for labels, _ in samples[name] for label in labels}
        chosen = set(re.findall(r"[{,] *([a-z]+)=", query)) - {"instance"}
        grouped = {word for group in re.findall(r"by \(([a-z, ]+)\)", query) for word in group.split(", ")}
        assert chosen | grouped | set(re.findall(r"{{([a-z]+)}}", legend)) <= has, query

    assert set(samples) - asked == {"tapewire_info"}


def test_every_panel_has_a_title_and_a_place_of_its_own() -> None:
    """No two of them overlap; every query is of the run that is chosen."""
    board = json.loads((ROOT / "deploy/grafana/tapewire.json").read_text("utf-8"))
    cells = [
        (x, y)
        for panel in board["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)
    assert all(panel["title"] for panel in board["panels"])
    assert all('instance="$instance"' in each["expr"] for panel in board["panels"] for each in panel.get("targets", ()))
