"""The tracker against the conformance vectors: every RTH bar's session state, and every session's levels.

Tolerances are those of the vectors' own description: prices and VWAP 1e-6, features and scores 1e-9, all else equal.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from tapewire.bus import topics
from tapewire.bus.daemon import Event, Publish
from tapewire.bus.messages import Bar, Header, Session
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.tracker import Tracker
from tests.shared import SHARED, needs_shared

NEW_YORK = ZoneInfo("America/New_York")
VECTORS = SHARED / "conformance"
BARS = {
    "synth": VECTORS / "synth" / "NQ_Volumetric_1.csv.gz",
    "real": SHARED / "data" / "ninjatrader" / "NQ_Volumetric_1.csv",
}
PRICE_TOLERANCE, FEATURE_TOLERANCE = 1e-6, 1e-9
FEATURES = {
    "delta",
    "delta10",
    "delta_previous9",
    "delta_percentile",
    "imbalance_ratio",
    "volume_spike",
    "trend_bull",
    "trend_bear",
    "b_day",
}


@needs_shared
@pytest.mark.parametrize("vectors", ["synth", "real"])
def test_every_rth_bar_has_the_expected_session_state(vectors: str) -> None:
    """Same bars in the same order, and every field of every line agrees."""
    expected = list(lines(VECTORS / vectors / "expected" / "session.jsonl.gz"))
    got = [state(session) for session in sessions(vectors) if session.rth]

    assert [key(line) for line in got] == [key(line) for line in expected]
    for mine, theirs in zip(got, expected, strict=True):
        assert mine == close_to(theirs), key(theirs)


@needs_shared
@pytest.mark.parametrize("vectors", ["synth", "real"])
def test_every_session_opens_with_the_expected_levels(vectors: str) -> None:
    """Levels, regime and length of the IB history at each session's first RTH bar."""
    expected = list(lines(VECTORS / vectors / "expected" / "levels.jsonl"))
    got = [known_levels(session) for session in sessions(vectors) if session.i == 0]

    assert [line["session"] for line in got] == [line["session"] for line in expected]
    for mine, theirs in zip(got, expected, strict=True):
        assert mine == close_to(theirs), theirs["session"]


def sessions(vectors: str) -> list[Session]:
    """All session records of one set of vectors, repeated and late rows in the order of the file."""
    calendar = msgspec.json.decode((VECTORS / vectors / "calendar.json").read_bytes(), type=Calendar)
    tracker = Tracker({"MNQ": calendar})
    topic = topics.bar("MNQ")
    records = []
    for seq, bar in enumerate(bars(BARS[vectors]), start=1):
        for output in tracker.step(Event(topic, Header(1, "nt", 1, seq, bar.close_ns), bar)):
            assert isinstance(output, Publish)
            assert isinstance(output.body, Session)
            records.append(output.body)
    return records


def bars(path: Path) -> Iterator[Bar]:
    """The rows of an export as bars; the timestamp is the close, Eastern wall-clock time."""
    with opened(path) as file:
        for index, row in enumerate(csv.DictReader(line for line in file if not line.startswith("#"))):
            stamp = dt.datetime.fromisoformat(row["timestamp"]).replace(tzinfo=NEW_YORK)
            close_ns = int(stamp.timestamp()) * 1_000_000_000
            yield Bar(
                instrument="MNQ",
                open_ns=close_ns - 60_000_000_000,
                close_ns=close_ns,
                open=float(row["open"]),
                high=float(row["high"]),
                low=float(row["low"]),
                close=float(row["close"]),
                volume=int(row["volume"]),
                ask_volume=int(row["vol_ask"]),
                bid_volume=int(row["vol_bid"]),
                index=index,
            )


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with opened(path) as file:
        yield from map(json.loads, file)


def opened(path: Path) -> Any:
    return gzip.open(path, "rt") if path.suffix == ".gz" else path.open()


def key(line: dict[str, Any]) -> tuple[str, str]:
    return line["session"], line["time"]


def close_to(line: dict[str, Any]) -> dict[str, Any]:
    """An expected line, each number that is not a count with the tolerance of its kind."""
    return {name: within(name, value) if isinstance(value, float) else value for name, value in line.items()}


def within(name: str, value: float) -> Any:
    return pytest.approx(value, rel=0, abs=FEATURE_TOLERANCE if name in FEATURES else PRICE_TOLERANCE)


def state(session: Session) -> dict[str, Any]:
    """A session record in the columns of the vectors."""
    flow, or30, ib = session.flow, session.or30, session.ib
    assert flow is not None
    assert or30 is not None
    assert ib is not None
    return {
        "session": session.session,
        "time": f"{session.session}T{session.minute // 60:02}:{session.minute % 60:02}:00",
        "bar": session.i,
        "post_ib_bar": session.k,
        "vwap": session.vwap,
        "vwap_eth": session.vwap_eth,
        "or_high": or30.high,
        "or_low": or30.low,
        "or_final": or30.final,
        "ib_high": ib.high,
        "ib_low": ib.low,
        "ib_final": ib.final,
        "ib_valid": ib.valid,
        "day_type_edge": session.day_type_edge,
        "day_type_midpoint": session.day_type_midpoint,
        "above": session.above,
        "below": session.below,
        "accepted_long": session.accepted_long,
        "accepted_short": session.accepted_short,
        "delta": flow.delta,
        "delta10": flow.delta10,
        "delta_previous9": flow.delta_previous9,
        "delta_percentile": flow.delta_percentile,
        "imbalance_ratio": flow.imbalance_ratio,
        "volume_spike": flow.volume_spike,
        "quality": flow.quality,
        "fvg_bull": session.fvg_bull,
        "fvg_bear": session.fvg_bear,
        "fvg_bull_15m": session.fvg_bull_15m,
        "touches": session.touches,
        "trend_bull": session.scores.trend_bull,
        "trend_bear": session.scores.trend_bear,
        "b_day": session.scores.b_day,
    }


def known_levels(session: Session) -> dict[str, Any]:
    """The levels of a session in the columns of the vectors."""
    return {
        "session": session.session,
        "close": f"{session.closes // 60:02}:{session.closes % 60:02}",
        **msgspec.structs.asdict(session.levels),
        "regime": session.history.regime,
        "ib_history": session.history.count,
    }
