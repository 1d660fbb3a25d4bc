"""A sweep from jobs to files: each cell once, named after what its result depends on; the tables from finished cells alone."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from concurrent.futures import Executor, Future
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tapewire.bus import testing
from tapewire.bus.errors import ConfError
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.replay.report.text import MINUS
from tapewire.replay.research import cell, grid, sweep, table
from tapewire.replay.research.cell import DayResult, Job, Result
from tapewire.replay.research.grid import Axis
from tapewire.replay.research.sessions import Stream
from tapewire.replay.sources.options import Options
from tapewire.replay.sources.recording import Recording, SourceFile
from tapewire.strategies.pipeline import Pipeline

AXES = (Axis("pipeline.distance_points", (5.0, 10.0, 20.0)), Axis("fill", ("next_open", "close")))
CONFLICT = Axis("conflict", ("priority", "veto"))
CELLS = grid.cells(AXES)


def settings() -> Conf:
    return configuration.load("replay", instance="test", traded=["MNQ"], preset=configuration.preset("seed", ["pipeline"]))


def recording(data: Path) -> Recording:
    """Two mornings of bars, with a file as their recording."""
    (data / "NQ.csv").write_text("rows\n")
    bars = [
        testing.bar(f"{9 + at // 60:02}:{at % 60:02}", 21_000.0 + at % 7, 21_000.0 + (at * 3) % 8, day=day, index=number * 100 + at)
        for number, day in enumerate(("2026-03-03", "2026-03-04"))
        for at in range(25, 100)
    ]
    return Recording("MNQ", "NQ", bars, files=(SourceFile("NQ.csv", "NQ", 150, 150),))


class Here(Executor):
    """Computes at once, in this process, with the given recording, and counts."""

    def __init__(self, read: Recording) -> None:
        self.recording = read
        self.computed = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.computed += 1
        jobs = msgspec.json.decode(args[0], type=tuple[Job, ...])
        found = cell.run([(job.key, job.conf) for job in jobs], Stream(jobs[0].conf, self.recording))
        future: Future[Any] = Future()
        future.set_result([msgspec.json.encode(each) for each in found])
        return future


def alone(conf: Conf, read: Recording) -> Result:
    """One cell by itself."""
    return cell.run([("key", conf)], Stream(conf, read))[0]


def digest(data: Path) -> str:
    return cell.recording_digest(data, Options(), [file.file for file in recording(data).files])


def swept(out: Path, data: Path, share: float = 0.5) -> tuple[table.Sweep, int]:
    """A whole sweep, and how many cells were computed."""
    read = recording(data)
    wanted = sweep.jobs(settings(), digest(data), data, Options(), CELLS)
    sweep.prepare(out)
    here = Here(read)
    missing = [job for job in wanted if sweep.finished(out, job) is None]
    sweep.compute(out, missing, here, lambda done: None)
    made = [(each, sweep.result(out, job)) for each, job in zip(CELLS, wanted, strict=True)]
    return table.write(out, settings(), read, AXES, made, share), here.computed


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def files(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}


# --- each cell once -----------------------------------------------------------------------------------


def test_a_second_sweep_computes_nothing_and_leaves_the_same_files(data: Path, tmp_path: Path) -> None:
    """Byte for byte."""
    _, first = swept(tmp_path / "out", data)
    before = files(tmp_path / "out")
    _, second = swept(tmp_path / "out", data)

    assert (first, second) == (6, 0)
    assert files(tmp_path / "out") == before


@pytest.mark.parametrize("damage", [b"", b"{", b'{"key": "another", "days": [], "refused": 0, "drawdown_cents": 0, "off": []}'])
def test_a_damaged_cell_is_computed_again(data: Path, tmp_path: Path, damage: bytes) -> None:
    """Half a file, or the result of another cell."""
    swept(tmp_path / "out", data)
    victim = next((tmp_path / "out" / "cells").iterdir())
    whole = victim.read_bytes()
    victim.write_bytes(damage)

    assert swept(tmp_path / "out", data)[1] == 1
    assert victim.read_bytes() == whole


def test_what_was_finished_before_an_interruption_is_kept(data: Path, tmp_path: Path) -> None:
    """Ctrl-C after the second cell."""
    read = recording(data)
    wanted = sweep.jobs(settings(), digest(data), data, Options(), CELLS)
    sweep.prepare(tmp_path / "out")

    def stop(share: float) -> None:
        if share > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep.compute(tmp_path / "out", wanted, Here(read), stop)

    assert sum(sweep.finished(tmp_path / "out", job) is not None for job in wanted) == 2
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["cells"]


def test_a_cells_name_depends_on_everything_that_its_result_depends_on() -> None:
    """Settings, fill model, calendar, recording, code; not on names of runs or ports."""
    conf = settings()
    key = cell.key(conf, "recording", "code")
    others = [
        cell.key(replace(conf, fill="close"), "recording", "code"),
        cell.key(replace(conf, calendar=Calendar(half_days={"2026-03-03": "13:00"})), "recording", "code"),
        cell.key(grid.applied(conf, {"pipeline.distance_points": 1.0}), "recording", "code"),
        cell.key(conf, "another recording", "code"),
        cell.key(conf, "recording", "other code"),
    ]

    assert len({key, *others}) == 6
    assert cell.key(replace(conf, instance="another", bus=replace(conf.bus, base_port=9000)), "recording", "code") == key


def test_another_byte_of_the_recording_is_another_recording(data: Path) -> None:
    """And so is another name."""
    (data / "a.csv").write_text("1")
    (data / "b.csv").write_text("1")
    one, two = cell.recording_digest(data, Options(), ["a.csv"]), cell.recording_digest(data, Options(), ["b.csv"])
    (data / "a.csv").write_text("2")

    assert len({one, two, cell.recording_digest(data, Options(), ["a.csv"])}) == 3


def test_a_worker_with_other_code_refuses(data: Path) -> None:
    """A cluster that has not been updated must not fill the table."""
    job = sweep.jobs(settings(), digest(data), data, Options(), CELLS[:1])[0]

    with pytest.raises(ConfError, match="a worker has other code"):
        cell.compute(msgspec.json.encode([replace(job, code="0" * 64)]))


def test_a_wrong_cell_is_refused_before_any_is_computed(data: Path) -> None:
    """The last one of the grid as well as the first."""
    with pytest.raises(ConfError, match="write a distance above 0"):
        sweep.jobs(
            settings(), digest(data), data, Options(), [{"pipeline.distance_points": 5.0}, {"pipeline.distance_points": 0.0}]
        )


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    """A sweep writes nothing beside files that no sweep has written."""
    (tmp_path / "letters.txt").write_text("dear")

    with pytest.raises(ConfError, match=r"letters\.txt"):
        sweep.prepare(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


# --- what a cell says -----------------------------------------------------------------------------------


def test_a_cell_counts_every_session_and_its_money_is_that_of_its_trades(data: Path) -> None:
    """Sessions without a trade are days of zeros, because they are days."""
    busy = alone(settings(), recording(data))
    idle = configuration.load("replay", instance="test", traded=["MNQ"], preset=configuration.preset("seed", ["edge_fade"]))

    assert [day.session for day in busy.days] == ["2026-03-03", "2026-03-04"]
    assert all(day.trades > 10 for day in busy.days)
    assert all(day.gross_cents - day.net_cents == day.trades * 124 for day in busy.days)
    assert alone(idle, recording(data)).days == (DayResult("2026-03-03"), DayResult("2026-03-04"))


def test_a_strategy_that_failed_is_reported_with_its_cell(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its row must not pass for a result."""
    monkeypatch.setattr(Pipeline, "update", lambda self, s: 1 / 0)
    found, _ = swept(tmp_path / "out", data)

    assert len(found.off) == 6
    assert found.off[0].startswith("pipeline.distance_points 5.0, fill next_open: MNQ 2026-03-03 09:31: Pipeline is switched off")


# --- the results -----------------------------------------------------------------------------------


def results(*nets: tuple[int, int]) -> list[tuple[grid.Cell, Result]]:
    """Six made-up cells over two sessions, in cents."""
    return [
        (
            each,
            Result(
                f"{at:032}",
                (DayResult("2026-03-03", 2, 1, in_ + 248, in_), DayResult("2026-03-04", 1, 1, out + 124, out)),
                4,
                500,
                (),
            ),
        )
        for at, (each, (in_, out)) in enumerate(zip(CELLS, nets, strict=True))
    ]


NETS = ((100, 50), (200, 60), (900, -300), (300, 80), (-400, 0), (0, 0))


def test_the_tables_have_a_line_per_cell_in_the_order_of_the_grid(tmp_path: Path) -> None:
    """The settings first, dollars after them; csv and jsonl hold the same."""
    table.write(tmp_path, settings(), Recording("MNQ", "NQ", []), AXES, results(*NETS), 0.5)
    lines = [json.loads(line) for line in (tmp_path / "table.jsonl").read_text().splitlines()]
    rows = list(csv.DictReader((tmp_path / "table.csv").read_text().splitlines()))

    assert [{name: line[name] for name in CELLS[0]} for line in lines] == CELLS
    assert [(line["in_net"], line["out_net"], line["net"]) for line in lines][2] == (9.0, -3.0, 6.0)
    assert (lines[0]["trades"], lines[0]["commission"], lines[0]["max_drawdown"]) == (3, 3.72, 5.0)
    assert [list(row.values()) for row in rows] == [[grid.shown(value) for value in line.values()] for line in lines]
    assert len((tmp_path / "sessions.jsonl").read_text().splitlines()) == 12


def test_the_doubt_reads_the_neighbours_in_the_grid(tmp_path: Path) -> None:
    """The best in sample is the third cell; one step away lie the first, the fourth and the fifth."""
    doubt = table.write(tmp_path, settings(), Recording("MNQ", "NQ", []), AXES, results(*NETS), 0.5).doubt

    assert (doubt.best, doubt.net_in, doubt.net_out, doubt.shape) == (2, 9.0, -3.0, "peak")
    assert sorted(doubt.neighbours) == [-4.0, 1.0, 3.0]


class Page(HTMLParser):
    """Which elements a page has, how they nest, and what it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "wbr"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_shows_the_grid(tmp_path: Path) -> None:
    """Well formed, without link or source. The map has six cells, the longer axis down, and marks both best cells.

    Net in sample and of all sessions, in cents: 100+50, 200+60, 900-300, 300+80, -400, 0.
    """
    table.write(tmp_path, settings(), Recording("MNQ", "NQ", []), AXES, results(*NETS), 0.5)
    text = (tmp_path / "sweep.html").read_text()
    page = Page(text)
    cells = re.findall(r'<td class="([^"]*)" data-step="(\d)">([^<]*)</td>', text)

    assert page.open == []
    assert not {"link", "img", "iframe"} & {tag for tag, _ in page.seen}
    assert not [attributes for _, attributes in page.seen if "src" in attributes or "href" in attributes]
    assert cells == [
        ("g1", "0", "+$1"),
        ("g1", "1", "+$2"),
        ("g5 best-in best-all", "2", "+$9"),
        ("g2", "3", "+$3"),
        ("l2", "4", f"{MINUS}$4"),
        ("even", "5", "$0"),
    ]
    assert re.findall(r'class="axis">([^&]*)&', text.replace("<wbr>", "")) == ["pipeline.distance_points", "fill"]


def test_best_in_sample_and_best_of_all_sessions_are_marked_apart(tmp_path: Path) -> None:
    """On the map, in the table, and on the terminal, where the best of all is never left out."""
    nets = ((900, -800), *NETS[:2], (0, 500), *NETS[4:])
    found = table.write(tmp_path, settings(), Recording("MNQ", "NQ", []), AXES, results(*nets), 0.5)
    text = (tmp_path / "sweep.html").read_text()
    lines = list(table.lines(tmp_path, found, 2))

    assert (found.doubt.best, found.best) == (0, 3)
    assert re.findall(r'<td class="(?:g\d|even) (best-in|best-all)" data-step="(\d)"', text) == [
        ("best-in", "0"),
        ("best-all", "3"),
    ]
    assert re.findall(r'data-label="Best">([^<]+)<', text) == ["best in sample", "best of all sessions"]
    assert [(*line.split()[:2], line.rpartition("  ")[2]) for line in lines[1:3]] == [
        ("5.0", "next_open", "best in sample"),
        ("10.0", "close", "best of all sessions"),
    ]
    assert lines[3:] == ["and 4 more; table.csv has them all"]


@pytest.mark.parametrize(("axes", "cells", "fixed"), [(AXES[:1], 3, []), (AXES, 6, []), ((*AXES, CONFLICT), 6, ["conflict"])])
def test_the_map_is_a_slice_through_the_best(tmp_path: Path, axes: tuple[Axis, ...], cells: int, fixed: list[str]) -> None:
    """Of one or two settings it is the whole grid; of three the third stands at the value of the best in sample."""
    nets = [500 if each.get("conflict") == "veto" else 100 for each in grid.cells(axes)]
    made = [
        (each, Result(str(at), (DayResult("2026-03-03", 1, 1, net, net),), 0, 0, ()))
        for at, (each, net) in enumerate(zip(grid.cells(axes), nets, strict=True))
    ]
    table.write(tmp_path, settings(), Recording("MNQ", "NQ", []), axes, made, 1.0)
    text = (tmp_path / "sweep.html").read_text()
    (told,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text)

    assert text.count("data-step=") == cells
    assert [axis["name"] for axis in json.loads(told)["fixed"]] == fixed
    assert not fixed or "those of the best in sample: conflict veto" in text
    assert all(len(metric["shown"]) == len(made) for metric in json.loads(told)["metrics"])


def test_text_of_a_setting_cannot_become_part_of_the_page(tmp_path: Path) -> None:
    """It is escaped everywhere."""
    axes = (Axis("exits.exit_time", ("<b>15:30</b>", '"')),)
    made = [(each, Result(str(at), (DayResult("2026-03-03"),), 0, 0, ())) for at, each in enumerate(grid.cells(axes))]
    table.write(tmp_path, settings(), Recording("MNQ", "NQ", []), axes, made, 1.0)
    text = (tmp_path / "sweep.html").read_text()

    assert "<b>15:30</b>" not in text
    assert "&lt;b&gt;15:30&lt;/b&gt;" in text
