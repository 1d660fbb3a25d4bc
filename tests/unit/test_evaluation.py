"""`evaluate`: the signal that the stream gives for the same bars, and NONE with a code on any doubt."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tapewire.bus.daemon import Event
from tapewire.bus.messages import Bar, Body, Header, Intents, Position, Session
from tapewire.bus.testing import bar, eastern
from tapewire.daemons import evaluation
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.gate import core as gate
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.tracker import core as tracker
from tapewire.replay import loop, runs
from tapewire.replay.sources import synthetic

START = dt.date(2026, 3, 2)
AT_MOST = 8  # signals that are asked again for each preset


@cache
def configured(preset: str) -> Conf:
    chosen = configuration.preset(preset)
    return configuration.load("replay", instance="test", traded=["MNQ"], preset=chosen)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two synthetic sessions, in the first night of which V-Reversal trades."""
    place = tmp_path_factory.mktemp("bars")
    synthetic.generate(place, sessions=2, seed=7, start=START, v_reversals=True)
    return place


def streamed(conf: Conf, folder: Path) -> tuple[list[Bar], dict[int, Intents]]:
    """The bars of a run as they were published, and the intents of those that had some, by the bar's time."""
    recording, _ = runs.read(folder, "MNQ", lambda share: None)
    bars: list[Bar] = []
    asked: dict[int, Intents] = {}

    def record(topic: str, header: Header, body: Body) -> None:
        if isinstance(body, Bar):
            bars.append(body)
        elif isinstance(body, Intents):
            asked[body.bar_ns] = body

    loop.run([tracker.daemon(conf), evaluator.daemon(conf), gate.daemon(conf)], runs.venue(conf), recording.bars, record)
    return bars, asked


def reply(conf: Conf, argument: str) -> dict[str, Any]:
    answer = next(each for each in evaluation.evaluate(conf, argument) if each is not None)
    assert isinstance(answer, dict)
    return json.loads(json.dumps(answer))


def question(bars: list[Bar], **more: object) -> str:
    return msgspec.json.encode({"bars": bars, **more}).decode()


@pytest.mark.parametrize("preset", [each for each in configuration.preset_names() if each != "bare"])
def test_the_same_bars_give_the_signal_of_the_stream(preset: str, folder: Path) -> None:
    """For every preset: on bars with intents and on the bars after them, entries, exits and moves."""
    conf = configured(preset)
    bars, asked = streamed(conf, folder)
    spoken = [number for number, each in enumerate(bars) if each.close_ns in asked]
    step = max(1, len(spoken) // (AT_MOST // 2))
    chosen = sorted({each for number in spoken[::step] for each in (number, number + 1) if each < len(bars)})

    assert spoken
    for number in chosen:
        given = reply(conf, question(bars[: number + 1]))
        expected = asked.get(bars[number].close_ns)
        intents = [] if expected is None else [msgspec.to_builtins(each) for each in expected.intents]

        assert given["intents"] == json.loads(json.dumps(intents))
        assert given["signal"]["action"] == (intents[0]["action"] if intents else "NONE")
        assert tuple(given["signal"]) == evaluation.FIELDS
        assert bool(given["code"]) is not bool(intents)


def quiet() -> list[Bar]:
    return [bar(f"11:{minute:02}") for minute in range(30)]


def doubts() -> Iterator[tuple[str, str]]:
    bars = quiet()
    yield "INVALID", "not JSON"
    yield "INVALID", "{}"
    yield "INVALID", "[" * 100_000
    yield "INVALID", question(bars, colour="red")
    yield "INVALID", question(bars).replace('"close_ns":', '"close_ns":-')
    yield "INVALID", question(bars).replace('"volume":1000', '"volume":"many"')
    yield "BARS", question([])
    yield "BARS", question(bars * 200)
    yield "BAR_ORDER", question([*bars, bars[-1]])
    yield "BAR_ORDER", question(bars[::-1])
    yield "UNKNOWN_INSTRUMENT", question([msgspec.structs.replace(each, instrument="XYZ") for each in bars])
    yield "UNKNOWN_INSTRUMENT", question([msgspec.structs.replace(bars[0], instrument="ES"), *bars[1:]])
    yield "SETTINGS", question(bars, settings={"edge_fade.no_such": 1})
    yield "SETTINGS", question(bars, settings={"exits.exit_time": "25:00"})
    yield "SETTINGS", question(bars, settings={"conflict": [[]]})
    yield "LEVELS", question(bars, levels={"pdx": 100.0})
    yield "LEVELS", question(bars, levels={"asia_high": 100.0, "asia_low": 101.0})
    yield "WARM_UP", question([msgspec.structs.replace(each, phase="historical") for each in bars])
    yield "WORKING", question(bars, position=Position("Replay", working=("O-1",)))
    yield "NO_SETUP", question(bars)


@pytest.mark.parametrize(("code", "argument"), list(doubts()), ids=[f"{n} {code}" for n, (code, _) in enumerate(doubts())])
def test_on_any_doubt_the_signal_is_none(code: str, argument: str) -> None:
    """With its thirteen fields, a code and a sentence."""
    given = reply(configured("seed"), argument)

    assert (given["code"], given["signal"]["action"], given["intents"]) == (code, "NONE", [])
    assert tuple(given["signal"]) == evaluation.FIELDS
    assert given["signal"]["reason"]


def test_settings_of_the_question_count_for_it_alone() -> None:
    """A loss limit of the question closes its position; the next question has the preset's again."""
    losing = Position("Replay", 1, 21_000.0, "foreign", working=(), realised=-10.0)
    strict = question(quiet(), position=losing, settings={"exits.day_loss": 5.0})

    first, second = reply(configured("seed"), strict), reply(configured("seed"), question(quiet(), position=losing))

    assert (first["signal"]["action"], first["signal"]["reason"]) == ("EXIT", "DAILY_LOSS")
    assert second["code"] == "NO_SETUP"


def test_levels_of_the_question_stand_as_those_of_init() -> None:
    """From the first bar on, for this question alone; strategies see them in the session."""
    conf = configured("seed")
    seen: list[tuple[str, ...]] = []

    class Watched(evaluation.Evaluator):
        def step(self, event: Event) -> Any:
            assert isinstance(event.body, Session)
            seen.append(event.body.given)
            return super().step(event)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "Evaluator", Watched)
        reply(conf, question(quiet()[:2], levels={"pdh": 22_000.0}))
        reply(conf, question(quiet()[:1]))

    assert seen == [("pdh",), ("pdh",), ()]


def test_a_question_that_takes_too_long_ends_with_none() -> None:
    """The process throws a TimeoutError in between two slices."""
    work = evaluation.evaluate(configured("seed"), question(quiet()))

    assert next(work) is None
    answer = work.throw(TimeoutError())
    assert isinstance(answer, dict)
    assert (answer["code"], answer["signal"]["action"], answer["bar_ns"]) == ("TIMEOUT", "NONE", eastern("11:29"))
