"""Research results on disk: every strategy alone over a recording."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tapewire.bus import testing
from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Bar
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.replay.research import signals
from tapewire.replay.sources.recording import Recording
from tapewire.strategies.pipeline import Pipeline

FILES = {"session.jsonl", "levels.jsonl", "proposals.jsonl", "research.json"}


def settings(*strategies: str) -> Conf:
    preset = configuration.preset("seed", strategies)
    return configuration.load("replay", instance="test", traded=["MNQ"], preset=preset)


def morning(last: int = 31) -> Iterator[Bar]:
    """Bars from 09:20 to 09:20 + `last` minutes, with order flow."""
    for minute in range(20, 20 + last + 1):
        at = f"{9 + minute // 60:02}:{minute % 60:02}"
        yield testing.bar(at, 21_000.0 + minute % 5, ask_volume=600, bid_volume=400, index=minute)


def recording() -> Recording:
    return Recording("MNQ", "NQ", list(morning()))


def quiet(share: float) -> None:
    """Nobody watches the progress."""


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_there_is_a_line_per_rth_bar_a_line_per_session_and_a_line_per_proposal(tmp_path: Path) -> None:
    """Bars before 09:31 show in none of them; Pipeline, which in arbitration holds a position, proposes every four bars."""
    findings = signals.write(settings("pipeline"), recording(), tmp_path, quiet)

    assert {path.name for path in tmp_path.iterdir()} == FILES
    assert [line["time"][11:16] for line in lines(tmp_path / "session.jsonl")][:2] == ["09:31", "09:32"]
    assert [line["session"] for line in lines(tmp_path / "levels.jsonl")] == ["2026-03-03"]
    assert [line["time"][11:16] for line in lines(tmp_path / "proposals.jsonl")] == [
        "09:31",
        "09:35",
        "09:39",
        "09:43",
        "09:47",
        "09:51",
    ]
    assert (findings.bars, findings.rth_bars, findings.sessions, findings.proposals) == (32, 21, 1, {"Pipeline": 6})


def test_a_strategy_without_a_proposal_is_counted_with_zero(tmp_path: Path) -> None:
    """Silence is a result, too."""
    assert signals.write(settings("edge_fade"), recording(), tmp_path, quiet).proposals == {"Edge Fade": 0}


def test_a_strategy_that_fails_is_named_with_bar_and_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others go on, and the account says that this one's proposals are not complete."""
    monkeypatch.setattr(Pipeline, "update", lambda self, s: 1 / (s.minute - 575))
    findings = signals.write(settings("pipeline", "edge_fade"), recording(), tmp_path, quiet)

    (text,) = findings.off
    assert text.startswith(
        "2026-03-03T09:35:00: Pipeline is switched off for the rest of the run: update failed with ZeroDivisionError"
    )
    assert findings.proposals == {"Pipeline": 1, "Edge Fade": 0}


def test_what_breaks_off_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    """Neither a file of this run nor one of the run before."""
    signals.write(settings("pipeline"), recording(), tmp_path, quiet)

    def stop(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        signals.write(settings("pipeline"), recording(), tmp_path, stop)

    assert list(tmp_path.iterdir()) == []


def test_a_runs_files_in_the_same_folder_stay(tmp_path: Path) -> None:
    """`backtest` and `signals` may share an --out; each replaces its own files."""
    (tmp_path / "trades.jsonl").write_text("a trade\n")
    signals.write(settings("pipeline"), recording(), tmp_path, quiet)

    assert (tmp_path / "trades.jsonl").read_text() == "a trade\n"


def test_a_strangers_folder_is_refused(tmp_path: Path) -> None:
    """Nothing is written beside files that are not ours."""
    (tmp_path / "letters.txt").write_text("dear")

    with pytest.raises(ConfError, match=r"letters.txt"):
        signals.write(settings("pipeline"), recording(), tmp_path, quiet)

    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]
