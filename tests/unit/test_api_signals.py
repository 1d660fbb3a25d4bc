"""`POST /signal`: what was decided over the bus, or the same decision of the bars that come along; NONE on any doubt."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tapewire.bus import wire
from tapewire.bus.messages import Bar, Decisions, Reject, Session, Signal
from tapewire.daemons.api import decided, deciding
from tapewire.daemons.api.bodies import decoded
from tapewire.daemons.api.examples import GENERATE, INIT, SIGNAL
from tapewire.daemons.api.shapes import SignalAnswer, SignalRequest
from tapewire.daemons.settings import load as configuration
from tapewire.replay.sources import synthetic
from tests.doors import Door, configured, streamed

START = dt.date(2026, 3, 2)
AT_MOST = 8  # signals of each preset that are asked again with their bars


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One synthetic session, in the night of which V-Reversal trades."""
    place = tmp_path_factory.mktemp("bars")
    synthetic.generate(place, sessions=2, seed=7, start=START, v_reversals=True)
    return place


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(configured(), tmp_path)


def shaped(bar: Bar) -> dict[str, Any]:
    """A bar as a client sends it."""
    fields = ("open", "high", "low", "close", "volume", "delta", "up_ticks", "down_ticks")
    return {name: getattr(bar, name) for name in fields} | {"up_volume": bar.ask_volume, "down_volume": bar.bid_volume}


def stamp(bar: Bar) -> str:
    return dt.datetime.fromtimestamp(bar.close_ns / 1e9, dt.UTC).isoformat()


def request(bar: Bar, **more: Any) -> dict[str, Any]:
    return {"timestamp": stamp(bar), "instrument": "MNQ", "bar": shaped(bar), **more}


def position(bar: Bar) -> dict[str, Any]:
    held = bar.position
    if held is None or not held.qty:
        return {"is_flat": True} if held is None else {"is_flat": True, "realised": held.realised, "working": held.working}
    side = "Long" if held.qty > 0 else "Short"
    return {
        "is_flat": False,
        "direction": side,
        "entry_price": held.price,
        "quantity": abs(held.qty),
        "entry_id": held.entry_id,
        "stop": held.stop,
        "target": held.target,
        "realised": held.realised,
        "working": held.working,
    }


def dated(bar: Bar) -> dict[str, Any]:
    """An earlier bar, with the position if there was one."""
    held = {} if bar.position is None or not (bar.position.qty or bar.position.working) else {"position": position(bar)}
    return {"timestamp": stamp(bar), **shaped(bar), **held}


@pytest.mark.parametrize("preset", [each for each in configuration.preset_names() if each != "bare"])
def test_a_bar_gets_the_answer_of_the_bus_for_a_whole_run(preset: str, folder: Path, tmp_path: Path) -> None:
    """For every preset and every bar: the gate's signal with its prices and size, its refusal, or nothing."""
    door = Door(configured(preset), tmp_path)
    wrong, signals, refusals = [], 0, 0

    async def whole() -> None:
        nonlocal signals, refusals
        for bar, facts in streamed(door.open.conf, folder):
            door.open.take([*facts])
            got = await deciding.decision(door.open, decoded(json_of(request(bar)), SignalRequest))
            bodies = [wire.decode(each.frame)[1] for each in facts]
            decisions = [each for each in bodies if isinstance(each, Decisions)]
            told = [each for each in bodies if isinstance(each, Signal)]
            refused = [each for each in bodies if isinstance(each, Reject)]
            signals += len(told)
            refusals += len(refused)
            first = decisions[0].decisions[0] if decisions else None
            wanted = next((each for each in told if first is not None and each.id == first.intent_id), None)
            if wanted is not None:
                same = (got.action, got.id, got.stop_loss, got.target, got.position_size, got.model) == (
                    *(wanted.action.value, wanted.id, wanted.stop, wanted.target, wanted.size, wanted.setup),
                )
            else:
                same = got.action == "NONE" and got.code == ((first and first.reason) or "NO_SETUP")
            if not same:
                wrong.append((stamp(bar), got, wanted))

    asyncio.run(whole())

    assert wrong == []
    assert signals


@pytest.mark.parametrize("preset", [each for each in configuration.preset_names() if each != "bare"])
def test_the_bars_themselves_get_the_same_signal(preset: str, folder: Path, tmp_path: Path) -> None:
    """Bars that nobody has sent over a bus: action, prices, setup and order id are those of the run."""
    door = Door(configured(preset), tmp_path)
    run = [*streamed(door.open.conf, folder)]
    spoken = [number for number, (_, facts) in enumerate(run) if any(each.topic == "signal.MNQ." for each in facts)]
    chosen = spoken[:: max(1, len(spoken) // AT_MOST)]
    client = door.client("operator")
    wrong = []
    for number in chosen:
        bar, facts = run[number]
        bars = [dated(each) for each, _ in run[max(0, number - 1_900) : number]]
        got = client.post("/signal", json=request(bar, bars=bars, position=position(bar))).json()
        told = next(body for each in facts if isinstance(body := wire.decode(each.frame)[1], Signal))
        expected = (told.action.value, told.setup, told.stop, told.target, told.id)
        if (got["action"], got["model"], got["stop_loss"], got["target"], got["id"]) != expected:
            wrong.append((stamp(bar), got, told))

    assert chosen
    assert wrong == []


def json_of(body: dict[str, Any]) -> bytes:
    import json

    return json.dumps(body).encode()


def test_the_printed_bodies_work(door: Door) -> None:
    """The bar of another day has no decision; the levels are taken."""
    client = door.client("operator")

    signal, init = client.post("/signal", json=SIGNAL), client.post("/session_init", json=INIT)

    assert (signal.status_code, signal.json()["action"]) == (200, "NONE")
    assert set(signal.json()) == set(SignalAnswer.__struct_fields__)
    assert (init.status_code, init.json()) == (200, {"status": "ok", "session_id": "2026-02-19-MNQ"})
    assert client.post("/api/v1/signals/generate", json=GENERATE).json()["action"] == "HOLD"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"bar": {"open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 1}}, "DIFFERENT"),
        ({"timestamp": "2026-03-03T23:59:00"}, "TIMEOUT"),
        ({"timestamp": "2026-02-02T10:31:00", "session_date": ""}, "UNKNOWN_BAR"),
        ({"session_date": "2026-03-09"}, "SESSION_DATE"),
        ({"instrument": "ES"}, "UNKNOWN_INSTRUMENT"),
        ({"position": {"is_flat": False, "direction": "Long", "entry_price": 1.0}}, "DIFFERENT"),
    ],
)
def test_any_doubt_is_no_signal(
    change: dict[str, Any], code: str, folder: Path, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bar that differs, that nobody has decided on, that nobody knows; another date, instrument or position."""
    monkeypatch.setattr(deciding, "DECIDE_S", 0.01)
    last: Bar | None = None
    for bar, facts in streamed(door.open.conf, folder):
        door.open.take([*facts])
        last = bar
    assert last is not None

    got = door.client("reader").post("/signal", json=request(last) | change).json()

    assert (got["action"], got["code"]) == ("NONE", code)


def test_a_bar_that_comes_anew_is_answered_anew(folder: Path, door: Door) -> None:
    """An answer that was made is made again; one of the past is made when somebody asks."""
    *_, (bar, facts) = streamed(door.open.conf, folder)
    for fact in facts:
        door.open.recent.take(fact)
    session = next(each for each in facts if each.topic == "session.MNQ.")
    header, body = wire.decode(session.frame)
    assert isinstance(body, Session)
    other = msgspec.structs.replace(body, bar=msgspec.structs.replace(body.bar, volume=body.bar.volume + 1))
    client = door.client("reader")

    first = client.post("/signal", json=request(bar)).json()["code"]
    frame = wire.encode(msgspec.structs.replace(header, seq=header.seq + 1), other)
    door.open.take([msgspec.structs.replace(session, seq=session.seq + 1, frame=frame)])
    second = client.post("/signal", json=request(bar)).json()["code"]

    assert (first, second) == ("NO_SETUP", "DIFFERENT")


def test_answers_have_a_bound(folder: Path, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest goes; asked for again, it is made again."""
    monkeypatch.setattr(decided, "MOST", 10)
    bars = []
    for bar, facts in streamed(door.open.conf, folder):
        door.open.take([*facts])
        bars.append(bar)
    body = decoded(json_of(request(bars[-100])), SignalRequest)

    assert len(door.open.decided._made["MNQ"]) == 10
    assert asyncio.run(deciding.decision(door.open, body)).code == "NO_SETUP"


def test_without_an_evaluator_there_is_no_signal(door: Door) -> None:
    """It is dead: the answer comes, and says NONE."""
    door.ports.away = True

    got = door.client("reader").post("/signal", json=SIGNAL | {"bars": []})

    assert (got.status_code, got.json()["action"], got.json()["code"]) == (200, "NONE", "AWAY")


def test_a_killed_run_tells_nobody_to_enter(tmp_path: Path) -> None:
    """Also where the gate sees no order: bars come with the question, and the chart that asks trades by itself."""
    conf = configured()
    conf = msgspec.structs.replace(conf, preset=configuration.preset("seed", ["pipeline"]))
    door = Door(conf, tmp_path)
    first = {"timestamp": "2026-03-02T09:31:00", "bars": [], "bar": SIGNAL["bar"]}
    told = []
    for door.ports.killed in (False, True):
        told.append(door.client("reader").post("/signal", json=first).json())

    assert [(each["action"], each["code"]) for each in told] == [("ENTER_LONG", ""), ("NONE", "KILLED")]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"timestamp": "2026-03-02T10:31:00", "bar": {"open": true, "high": 1, "low": 1, "close": 1, "volume": 1}}', "bar.open"),
        ('{"timestamp": "2026-03-02T10:31:00", "bar": {"open": "1", "high": 1, "low": 1, "close": 1, "volume": 1}}', "bar.open"),
        ('{"timestamp": "2026-03-02T10:31:00", "bar": {"open": NaN, "high": 1, "low": 1, "close": 1, "volume": 1}}', ""),
        ('{"timestamp": "2026-03-02T10:31:00", "bar": {"open": 1e999, "high": 1, "low": 1, "close": 1, "volume": 1}}', None),
        ('{"timestamp": "2026-03-02T10:31:00", "bar": {"open": 1, "high": 1, "low": 1, "close": 1, "volume": 1.5}}', "bar.volume"),
        ('{"timestamp": "2026-03-02T10:31:00", "bar": {"open": 1, "high": 1, "low": 1, "close": 1}}', "bar"),
        ('{"timestamp": "yesterday", "bar": {"open": 1, "high": 1, "low": 1, "close": 1, "volume": 1}}', "timestamp"),
        ('{"timestamp": "2026-03-02T10:31:00", "bar": {}, "colour": 1}', None),
        ("[]", ""),
        ("", ""),
        ("[" * 100_000, ""),
        ("\xff", ""),
    ],
)
def test_what_is_no_bar_is_refused(body: str, field: str | None, door: Door) -> None:
    """True is no price, text no number, NaN nothing at all; the field is named."""
    got = door.client("reader").post("/signal", content=body.encode("latin-1"), headers={"content-type": "application/json"})

    assert (got.status_code, got.headers["content-type"], got.json()["code"]) == (422, "application/problem+json", "INVALID")
    assert field is None or got.json()["field"] == field
