"""The days of a run over the bus: equal to the backtest's, whatever is killed, and shown by the commands."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tapewire.bus.messages import Bar, GivenLevels, Levels
from tapewire.daemons.operator import supervise
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import logs
from tapewire.replay import runs, tapes
from tapewire.replay.days import folders
from tapewire.replay.days.process import Days
from tapewire.replay.player import Player
from tests.integration.conftest import home_in, run
from tests.integration.test_parity import journal
from tests.stages import lines_of_days

pytestmark = pytest.mark.slow

EVERY = 130  # bars between two kills: twenty of them, by day and by night
DATES = ["2026-03-02", "2026-03-03"]
GIVEN = {  # in the first night, and in the second date after its tracker has died
    300: (GivenLevels("MNQ", DATES[0], Levels(pdh=21_500.0, london_high=21_400.0)),),
    1_600: (
        GivenLevels("MNQ", DATES[1], Levels(pdc=21_300.0)),
        GivenLevels("MNQ", DATES[1], Levels(pdh=21_550.0, london_low=20_100.0)),
    ),
}
UNSEEN = ("decision", "order", "acknowledgement", "entry_fill", "exit_fill")


@pytest.fixture(scope="module")
def both(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A backtest, and a run over the bus of the same bars, with levels of a person in both.

    In the second the daybook is killed twenty times, every third time the logger with it, and three times everything at once.
    """
    folder = tmp_path_factory.mktemp("days")
    with home_in(folder):
        preset = configuration.preset("seed", ["pipeline"])
        conf = configuration.load("replay", instance="days", traded=["MNQ"], preset=preset)
        base = supervise.free_base_port(conf.bus.host, conf.bus.base_port)
        recording, calendar = runs.read(bars, "MNQ", lambda share: None)
        conf = msgspec.structs.replace(conf, calendar=calendar, bus=msgspec.structs.replace(conf.bus, base_port=base))
        recording = msgspec.structs.replace(recording, facts=GIVEN)
        undisturbed, disturbed = folder / "undisturbed", runs.prepare(folder / "disturbed")
        runs.backtest(conf, recording, undisturbed, lambda share: None)
        configuration.write(conf, disturbed)
        killed: list[int] = []
        with runs.supervised(conf, disturbed, lambda text: None) as instance:

            def strike(bar: Bar) -> None:
                moment, rest = divmod(bar.index, EVERY)
                if rest or not moment:
                    return
                pids = {each["name"]: each["pid"] for each in supervise.processes(instance)}
                for name in pids if moment % 7 == 3 else ("daybook", "logger")[: 1 if moment % 3 else 2]:
                    with suppress(ProcessLookupError):  # it is being started again
                        if pids[name]:
                            os.kill(pids[name], signal.SIGKILL)
                            killed.append(moment)

            with Player(conf, disturbed, runs.venue(conf), logs.configure("replay")) as player:
                player.join()
                player.play(recording.inputs(), played=strike)
                player.finish()
        assert len(set(killed)) >= 15
        yield undisturbed, disturbed


def content(run: Path, date: str) -> dict[str, Any]:
    """A day's folder, without the times that only the daybook of a run over the bus could measure."""
    found: dict[str, Any] = {path.name: path.read_bytes() for path in folders.place(run, date).iterdir()}
    for measured in ("stamps.jsonl", "latency.jsonl"):
        found.pop(measured, None)
    rows = [json.loads(line) for line in found["trades.jsonl"].splitlines()]
    for row in rows:
        row["live"]["elapsed_ms"] = None
        for step in UNSEEN:
            row["live"][step]["wall"] = None
    return found | {"trades.jsonl": rows}


def conf_of(run: Path) -> Conf:
    return configuration.read(run)


def test_killing_the_daybook_changes_no_final_content(both: tuple[Path, Path], tmp_path: Path) -> None:
    """Every file of both days and of the month equals what the backtest's journal gives in one go."""
    undisturbed, disturbed = both
    shutil.copytree(undisturbed / "journal", tmp_path / "journal")
    days = Days(tmp_path, conf_of(undisturbed))
    while days.round(0, quiet=False):
        pass
    days.round(1 << 62, quiet=True)

    assert folders.dates(disturbed) == DATES
    for date in DATES:
        assert content(disturbed, date) == content(tmp_path, date)
    month = folders.place(disturbed, "2026-03")
    assert json.loads((month / "summary.json").read_bytes())["figures"]["trades"] > 100
    for name in ("summary.json", "summary.html"):
        assert (month / name).read_bytes() == (folders.place(tmp_path, "2026-03") / name).read_bytes()


def test_killing_everything_changes_no_message(both: tuple[Path, Path]) -> None:
    """The journal is the backtest's, with what a person gave at the same bars."""
    undisturbed, disturbed = both

    assert journal(disturbed) == journal(undisturbed)
    assert [given for facts in GIVEN.values() for given in facts] == [
        msgspec.structs.replace(each, after_ns=0) for each in tapes.facts(disturbed, "levels.", GivenLevels)
    ]


def test_the_days_lines_are_the_backtests(both: tuple[Path, Path]) -> None:
    """Put together, they are signals.jsonl and trades.jsonl of the backtest, apart from what only a bus knows."""
    undisturbed, disturbed = both
    places = [folders.place(disturbed, date) for date in DATES]
    trades = [json.loads(line) for place in places for line in (place / "trades.jsonl").read_bytes().splitlines()]

    assert lines_of_days(disturbed) == {
        name: [json.loads(line) for line in (undisturbed / name).read_bytes().splitlines()]
        for name in ("signals.jsonl", "trades.jsonl")
    }
    assert any(trade["live"]["elapsed_ms"] is not None for trade in trades)
    assert all(trade["live"]["exit_fill"]["market"] == trade["exit_time"] for trade in trades)


def test_a_compressed_run_reads_as_it_did(both: tuple[Path, Path], tmp_path: Path, home: Path) -> None:
    """After `prune`, diff, explain, report, a backtest of it and a daybook that starts again have what they had before."""
    undisturbed, disturbed = both
    other = tmp_path / "other"
    shutil.copytree(undisturbed, other)
    assert run("prune", "--run", other, "--compress", "0d", "--yes").returncode == 0
    packed, signal_id = tmp_path / "packed", lines_of_days(disturbed)["signals.jsonl"][-1]["id"]
    shutil.copytree(disturbed, packed)
    dry = run("prune", "--run", packed, "--compress", "0d")
    done = run("prune", "--run", packed, "--compress", "0d", "--yes")
    (packed / folders.FOLDER / "read.json").unlink()
    days = Days(packed, conf_of(packed))
    while days.round(0, quiet=False):
        pass
    days.round(1 << 62, quiet=True)
    for name, source in (("of_whole", disturbed), ("of_packed", packed)):
        assert run("backtest", "--data", source, "--strategies", "pipeline", "--out", tmp_path / name).returncode == 0

    assert "would compress" in dry.stdout
    assert "freed" in done.stdout
    assert {path.stat().st_size for path in (packed / "journal").glob("*.tape")} == {41}
    assert run("diff", undisturbed, other).returncode == 0
    assert run("diff", tmp_path / "of_whole", tmp_path / "of_packed").returncode == 0
    assert run("explain", signal_id, "--run", packed).stdout == run("explain", signal_id, "--run", disturbed).stdout != ""
    assert [content(packed, date) for date in DATES] == [content(disturbed, date) for date in DATES]
    assert run("report", packed).returncode == 0


def test_the_commands_show_what_stands_there(both: tuple[Path, Path], home: Path) -> None:
    """`day` without a date is the last one, `month` sums both, and a wrong date is told with those that there are."""
    _, disturbed = both
    last, first = run("day", "--run", disturbed), run("day", DATES[0], "--run", disturbed, "--json")
    month, wrong = run("month", "--run", disturbed), run("day", "2026-03-04", "--run", disturbed)

    done = folders.performance(disturbed, DATES[1])
    assert done is not None
    assert last.stdout.startswith(f"{DATES[1]} Tuesday, closed; ")
    assert f"{done.figures['trades']} trades, {done.figures['wins']} with a profit" in last.stdout
    assert json.loads(first.stdout)["performance"]["session"] == DATES[0]
    assert f"2026-03: {len(DATES)} days\n" in month.stdout
    assert wrong.returncode == 78
    assert "it has 2026-03-02 to 2026-03-03 (2 days)" in wrong.stderr


def test_a_browser_opens_the_report(both: tuple[Path, Path], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that BROWSER names, with the day's page or the month's; where none starts, the file is named."""
    _, disturbed = both
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/opened\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    run("day", DATES[0], "--run", disturbed, "--open"), run("month", "--run", disturbed, "--open")
    monkeypatch.setenv("BROWSER", "/bin/false")

    failed = run("day", "--run", disturbed, "--open")

    page, summary = folders.place(disturbed, DATES[0]) / "report.html", folders.place(disturbed, "2026-03") / "summary.html"
    assert (tmp_path / "opened").read_text().splitlines() == [page.as_uri(), summary.as_uri()]
    assert failed.returncode == 78
    assert f"open {folders.place(disturbed, DATES[1]) / 'report.html'}" in failed.stderr


def test_a_run_that_goes_on_has_its_report(both: tuple[Path, Path], home: Path) -> None:
    """Of the journal as it is now: here of all of it, so the figures are those of the backtest."""
    undisturbed, disturbed = both
    done = run("report", disturbed)

    page = (disturbed / "report.html").read_text("utf-8")
    net = page.partition("<dt>Net</dt>")[2].partition("</dd>")[0]
    assert done.returncode == 0, done.stderr
    assert net
    assert net in (undisturbed / "report.html").read_text("utf-8")
