"""`--journal`: whatever the journal keeps, the results are the same, and what is missing is told in words."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from msgspec.structs import replace

from tapewire.bus.errors import ConfError, DataError
from tapewire.bus.messages import Trade
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.programs import Evaluation, Trailing
from tapewire.replay import diff as differences
from tapewire.replay import keeping, report, runs, tapes
from tapewire.replay.explain import explain
from tapewire.replay.sources import synthetic
from tests.programs import bare

INTRADAY = bare(Evaluation(trailing=Trailing(distance=500.0, mode="intraday")))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three backtests of three sessions that trade, in a program that looks at open equity: one with each kind of journal."""
    folder = tmp_path_factory.mktemp("kept")
    synthetic.generate(folder / "bars", sessions=3, seed=3, start=dt.date(2026, 3, 2))
    recording, calendar = runs.read(folder / "bars", "MNQ", lambda share: None)
    conf = configuration.load("replay", instance="test", traded=["MNQ"], preset=configuration.preset("seed"), calendar=calendar)
    for kind in keeping.KINDS:
        runs.backtest(replace(conf, program=INTRADAY), recording, folder / kind, lambda share: None, kind)
    return {kind: folder / kind for kind in keeping.KINDS}


@pytest.mark.parametrize("name", runs.RESULTS)
@pytest.mark.parametrize("kind", ["none", "decisions"])
def test_the_results_are_those_of_a_whole_journal(kept: dict[str, Path], kind: str, name: str) -> None:
    """Byte for byte; and there are trades."""
    assert list(tapes.facts(kept["all"], "trade.", Trade))

    assert (kept[kind] / name).read_bytes() == (kept["all"] / name).read_bytes()


def test_decisions_are_a_small_part_of_the_journal(kept: dict[str, Path]) -> None:
    """What each bar leaves is thinned out; what decisions leave is all there."""
    sizes = {kind: sum(path.stat().st_size for path in (kept[kind] / "journal").iterdir()) for kind in ("decisions", "all")}
    whole = [topic for topic in tapes.topics(kept["all"]) if not tapes.of_a_bar(topic)]

    assert sizes["decisions"] < sizes["all"] / 3
    assert whole
    for topic in whole:
        assert list(tapes.frames(kept["decisions"], topic)) == list(tapes.frames(kept["all"], topic))


def test_a_trade_is_explained_as_with_a_whole_journal(kept: dict[str, Path]) -> None:
    """Back to its bar and forward to its profit, message for message."""
    for trade in tapes.facts(kept["all"], "trade.", Trade):
        assert explain(kept["decisions"], trade.id) == explain(kept["all"], trade.id)


def test_the_report_is_written_again_from_decisions(kept: dict[str, Path]) -> None:
    """It draws the same days."""
    before = (kept["decisions"] / "report.html").read_bytes()

    assert report.write(kept["decisions"]).read_bytes() == before


def test_without_a_journal_the_remedy_is_named(kept: dict[str, Path]) -> None:
    """No folder is left, and each reader of messages says why."""
    assert not (kept["none"] / "journal").exists()
    for reader in (lambda: explain(kept["none"], "x"), lambda: report.write(kept["none"])):
        with pytest.raises(ConfError, match="ran with --journal none; run it again with --journal decisions, or all"):
            reader()


def test_a_bar_that_is_not_kept_is_told(kept: dict[str, Path]) -> None:
    """Its name is right and the journal has no such message: the error says what the journal keeps."""
    with pytest.raises(ConfError, match="keeps a bar only where something was decided"):
        explain(kept["decisions"], "raw.bar.MNQ.1m.@1:1")


@pytest.mark.parametrize(
    ("a", "b", "told"),
    [
        ("all", "all", ""),
        ("decisions", "decisions", ""),
        ("decisions", "all", "bars and sessions are not compared"),
        ("all", "none", "messages are not compared"),
    ],
)
def test_runs_are_compared_as_far_as_both_go(kept: dict[str, Path], a: str, b: str, told: str) -> None:
    """What one of them lacks is no difference, and is told."""
    assert differences.compare(kept[a], kept[b]) is None
    assert told in differences.left_out(kept[a], kept[b])
    assert bool(told) == bool(differences.left_out(kept[a], kept[b]))


def test_a_thinned_journal_is_no_recording(kept: dict[str, Path]) -> None:
    """Its bars have holes that the market did not have."""
    with pytest.raises(DataError, match="its journal lacks bars; name the recording that it read"):
        runs.read(kept["decisions"], "MNQ", lambda share: None)


@pytest.mark.parametrize(("bars", "kind"), [(60_000, "all"), (60_001, "decisions")])
def test_the_default_follows_the_length(bars: int, kind: str) -> None:
    """And a word of the user counts more."""
    assert keeping.chosen(None, bars) == kind
    assert keeping.chosen("none", bars) == "none"


def test_the_size_is_told_about_right(kept: dict[str, Path]) -> None:
    """Within a fifth, for all messages."""
    size = sum(path.stat().st_size for path in (kept["all"] / "journal").iterdir())
    bars = sum(1 for _ in tapes.frames(kept["all"], "raw.bar.MNQ.1m."))

    assert keeping.estimate("all", bars) == pytest.approx(size, rel=0.2)
    assert keeping.estimate("none", bars) == 0
