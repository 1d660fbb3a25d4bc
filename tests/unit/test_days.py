"""A folder per trading day, from the journal alone: what stands in it, when it closes, and what a kill leaves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tapewire.bus import topics
from tapewire.bus.messages import Action, Auction, Fill, OrderEvent, OrderStatus, PlaceOrder, PriorValue, ValueArea
from tapewire.bus.stamp import Stamper
from tapewire.replay import outputs
from tapewire.replay.days import folders
from tapewire.replay.days.commands import day_lines
from tapewire.replay.days.files import Init, Performance, over_ns
from tapewire.replay.days.folders import grow
from tapewire.replay.days.process import Days, complete
from tests.runs import SESSION, Tape, at, bar, conf, finished, session, signal, trade

EARLY_NS, LATE_NS = at(600), over_ns(SESSION)
FILES = {
    "session_init.json",
    "bars.csv",
    "bars_flow.csv",
    "signals.jsonl",
    "rejects.jsonl",
    "trades.jsonl",
    "performance.json",
    "report.html",
}
FOLDER = Path("days", *SESSION.split("-"))


def kept(run: Path, now_ns: int = EARLY_NS) -> dict[str, bytes]:
    """The folder that a fresh daybook leaves at this time."""
    drained(Days(run, conf()), now_ns)
    return content(run / FOLDER)


def drained(days: Days, now_ns: int) -> None:
    while days.round(now_ns, quiet=False):
        pass
    days.round(now_ns, quiet=True)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rows(found: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in found.splitlines()]


def more(run: Path) -> Tape:
    """The journal of a run that `finished` wrote, to be continued."""
    shutil.move(run / "journal", run / "old")
    tape = Tape(run)
    shutil.rmtree(run / "journal")
    shutil.move(run / "old", run / "journal")
    tape.stamper = Stamper("test", 2)
    return tape


def test_the_folder_holds_every_file(tmp_path: Path) -> None:
    """With the lines that the same journal gives a finished run; what only a bus knows is one field more."""
    run = finished(tmp_path / "run")
    outputs.write(run, conf())

    found = kept(run)

    assert set(found) == FILES
    assert found["signals.jsonl"] == (run / "signals.jsonl").read_bytes()
    assert [{k: v for k, v in row.items() if k != "live"} for row in rows(found["trades.jsonl"])] == rows(
        (run / "trades.jsonl").read_bytes()
    )
    assert [row["rejected"] for row in rows(found["rejects.jsonl"])] == ["MAX_TRADES"]


def test_bars_are_six_columns_in_utc(tmp_path: Path) -> None:
    """The stamp is the close; order flow stands beside them, and an unknown one is empty, never 0."""
    tape = Tape(tmp_path / "run")
    tape.publish("raw.bar.MNQ.1m.", at(571), bar(571))
    tape.publish("raw.bar.MNQ.1m.", at(572), replace(bar(572), ask_volume=None, bid_volume=None))
    tape.publish("raw.bar.MNQ.1m.", at(573), replace(bar(573), delta=-3, up_ticks=0, down_ticks=17))
    tape.close()

    found = kept(tmp_path / "run")

    assert found["bars.csv"].decode().splitlines() == [
        "timestamp,open,high,low,close,volume",
        "2027-02-24T14:31:00Z,100.0,101.0,99.0,100.0,10",
        "2027-02-24T14:32:00Z,100.0,101.0,99.0,100.0,10",
        "2027-02-24T14:33:00Z,100.0,101.0,99.0,100.0,10",
    ]
    assert found["bars_flow.csv"].decode().splitlines()[1:] == [
        "2027-02-24T14:31:00Z,6,4,,,,571,realtime,,",
        "2027-02-24T14:32:00Z,,,,,,572,realtime,,",
        "2027-02-24T14:33:00Z,6,4,-3,0,17,573,realtime,,",
    ]


def test_a_bar_that_is_sent_again_stands_once(tmp_path: Path) -> None:
    """A chart that is loaded again sends its history again; the tracker ignores it, too."""
    tape = Tape(tmp_path / "run")
    for minute in (571, 572, 571, 572, 573):
        tape.publish("raw.bar.MNQ.1m.", at(minute), replace(bar(minute), phase="realtime" if minute > 572 else "historical"))
    tape.close()

    assert len(kept(tmp_path / "run")["bars.csv"].splitlines()) == 1 + 3


def test_a_warm_up_makes_no_folder(tmp_path: Path) -> None:
    """Dates of which a chart only loaded the history were not traded here."""
    tape = Tape(tmp_path / "run")
    tape.publish("raw.bar.MNQ.1m.", at(571 - 1440), replace(bar(571 - 1440), phase="historical"))
    tape.publish("raw.bar.MNQ.1m.", at(571), bar(571))
    tape.close()
    kept(tmp_path / "run")

    assert folders.dates(tmp_path / "run") == [SESSION]


def test_a_trade_tells_when_each_step_happened(tmp_path: Path) -> None:
    """Market and wall-clock time of decision, order, acknowledgement and fills; slippage against the bar, in points and ticks."""
    run = tmp_path / "run"
    tape = Tape(run)
    for minute in range(655, 670):
        tape.publish("raw.bar.MNQ.1m.", at(minute), bar(minute))
    names = [
        tape.publish("signal.MNQ.", at(660), replace(signal(660), order_id="T-661")),
        tape.publish("command.MNQ.", at(660), PlaceOrder("T-661", "Sim", "MNQ", Action.ENTER_LONG, 1, 95.0, 103.0, at(661))),
        tape.publish("order.MNQ.", at(660), OrderEvent("T-661", "MNQ", Action.ENTER_LONG, OrderStatus.ACCEPTED, 1)),
        tape.publish("fill.MNQ.", at(661), Fill("E1", "T-661", "MNQ", "Sim", 1, 100.25, "ENTRY", at(661), 661), "x@1:1"),
        tape.publish("fill.MNQ.", at(665), Fill("E2", "T-661", "MNQ", "Sim", -1, 103.0, "TARGET", at(665), 665), "x@1:2"),
    ]
    tape.publish("trade.MNQ.", at(665), trade(661, 665, 426), "x@1:1")
    tape.close()
    days = Days(run, conf())
    for number, name in enumerate(names):
        days.folders.stamp(SESSION, name, LATE_NS + number * 1_500_000)
    drained(days, EARLY_NS)

    (row,) = rows((run / FOLDER / "trades.jsonl").read_bytes())

    assert row["live"] == {
        "decision": {"market": "2027-02-24T11:00:00", "wall": "2027-02-24T23:00:00.000Z"},
        "order": {"market": "2027-02-24T11:00:00", "wall": "2027-02-24T23:00:00.001Z"},
        "acknowledgement": {"market": "2027-02-24T11:00:00", "wall": "2027-02-24T23:00:00.003Z"},
        "entry_fill": {"market": "2027-02-24T11:01:00", "wall": "2027-02-24T23:00:00.004Z"},
        "exit_fill": {"market": "2027-02-24T11:05:00", "wall": "2027-02-24T23:00:00.006Z"},
        "elapsed_ms": 4.5,
        "entry_slippage": 0.25,
        "exit_slippage": 0.0,
        "slippage_ticks": 1.0,
    }


def test_a_trade_over_night_has_its_exit(tmp_path: Path) -> None:
    """It belongs to the date of its entry; fill, slippage and excursion come from the evening, which is the next date's."""
    run = tmp_path / "run"
    tape = Tape(run)
    for minute in (1010, 1011, 1084, 1085, 1086):
        tape.publish("raw.bar.MNQ.1m.", at(minute), bar(minute))
    tape.publish("signal.MNQ.", at(1010), replace(signal(1010), order_id="T-1011"))
    tape.publish("fill.MNQ.", at(1011), Fill("E1", "T-1011", "MNQ", "Sim", 1, 100.25, "ENTRY", at(1011), 1), "x@1:1")
    left = tape.publish("fill.MNQ.", at(1085), Fill("E2", "X-1", "MNQ", "Sim", -1, 99.0, "EXIT", at(1085), 4), "x@1:2")
    tape.publish("trade.MNQ.", at(1085), replace(trade(1011, 1085, -374, reason="TIME"), exit_price=99.0), "x@1:1")
    tape.close()
    days = Days(run, conf())
    days.folders.stamp("2027-02-25", left, LATE_NS)
    drained(days, EARLY_NS)

    (row,) = rows((run / FOLDER / "trades.jsonl").read_bytes())

    assert row["live"]["exit_fill"] == {"market": "2027-02-24T18:05:00", "wall": "2027-02-24T23:00:00.000Z"}
    assert (row["live"]["exit_slippage"], row["mae"]) == (1.0, 1.25)


def test_a_trade_of_which_nothing_was_seen_has_nulls(tmp_path: Path) -> None:
    """A time that nobody measured is not guessed."""
    (row,) = rows(kept(finished(tmp_path / "run"))["trades.jsonl"])

    assert row["live"]["decision"] is None
    assert row["live"]["elapsed_ms"] is None


def closed(run: Path) -> bool:
    done = folders.performance(run, SESSION)
    assert done is not None
    return done.closed


def test_a_day_closes_with_the_next_dates_first_bar(tmp_path: Path) -> None:
    """Whatever the clock says: in a replay, every date is long past."""
    run = finished(tmp_path / "run")
    days = Days(run, conf())
    days.round(LATE_NS, quiet=False)
    before = closed(run)
    tape = more(run)
    tape.publish("raw.bar.MNQ.1m.", at(1081), bar(1081))
    tape.close()
    days.round(EARLY_NS, quiet=False)

    assert (before, closed(run)) == (False, True)
    assert folders.dates(run) == [SESSION, "2027-02-25"]


@pytest.mark.parametrize(("now_ns", "over"), [(LATE_NS - 1, False), (LATE_NS, True)])
def test_a_quiet_day_closes_at_18_00_in_new_york(tmp_path: Path, now_ns: int, over: bool) -> None:
    """Friday's, for one: Monday's first bar comes two days later."""
    kept(finished(tmp_path / "run"), now_ns)

    assert closed(tmp_path / "run") == over


def test_a_late_fact_enters_a_closed_day(tmp_path: Path) -> None:
    """It stays closed, and the month knows the trade, too."""
    run = finished(tmp_path / "run")
    days = Days(run, conf())
    drained(days, LATE_NS)
    tape = more(run)
    tape.publish("trade.MNQ.", at(950), trade(940, 950, 1000))
    tape.close()
    drained(days, LATE_NS)

    assert closed(run)
    assert len(rows((run / FOLDER / "trades.jsonl").read_bytes())) == 2
    assert json.loads((run / "days/2027/02/summary.json").read_bytes())["figures"]["net"] == 14.26


def test_a_second_daybook_changes_no_byte(tmp_path: Path) -> None:
    """A start reads the journal again and finds the folders as they should be."""
    first = kept(finished(tmp_path / "run"), LATE_NS)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / FOLDER).iterdir()}

    assert kept(tmp_path / "run", LATE_NS) == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / FOLDER).iterdir()} == times


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_harmed_file_is_written_again(tmp_path: Path, name: str) -> None:
    """Removed, cut in a line, or with other bytes behind its end."""
    run = finished(tmp_path / "run")
    whole = kept(run)
    path = run / FOLDER / name
    for harm in (b"", whole[name][: len(whole[name]) // 2], whole[name] + b'{"torn":'):
        path.write_bytes(harm)

        assert kept(run) == whole


def test_growing_mends_every_cut(tmp_path: Path) -> None:
    """Wherever a kill cut the file, the next write ends with the same bytes."""
    lines = b"".join(b"%d,row\n" % number for number in range(4))
    file = tmp_path / "grown.csv"
    for cut in range(len(lines) + 1):
        file.write_bytes(lines[:cut] + b"\0\0" * (cut % 2))
        grow(file, lines)

        assert file.read_bytes() == lines


def test_a_torn_line_of_stamps_is_cut_off(tmp_path: Path) -> None:
    """The lines before it count, and the next one is whole."""
    run = tmp_path / "run"
    days = Days(run, conf())
    days.folders.stamp(SESSION, "signal.MNQ.@1:1", 5)
    path = run / FOLDER / "stamps.jsonl"
    path.write_bytes(path.read_bytes() + b'{"message":"sig')

    Days(run, conf()).folders.stamp(SESSION, "signal.MNQ.@1:2", 6)

    assert [(row["message"], row["wall_ns"]) for row in rows(path.read_bytes())] == [("signal.MNQ.@1:1", 5), ("signal.MNQ.@1:2", 6)]


def test_a_closed_day_outlives_its_journal(tmp_path: Path) -> None:
    """A journal that has lost bars (pruned, restored from an older copy) takes nothing out of a closed day."""
    run = finished(tmp_path / "run")
    whole = kept(run, LATE_NS)
    shutil.rmtree(run / "journal")
    finished(tmp_path / "other", range(571, 700))
    shutil.move(tmp_path / "other" / "journal", run / "journal")

    assert kept(run, LATE_NS) == whole


def test_a_start_of_the_run_keeps_the_settings_of_the_one_before(tmp_path: Path) -> None:
    """A day over two starts names both with their settings."""
    run = finished(tmp_path / "run")
    kept(run)
    tape = more(run)
    tape.publish(topics.of(topics.SESSION, "MNQ"), at(961), session(961))
    tape.close()
    drained(Days(run, conf(epoch=2, fill="close")), EARLY_NS)

    starts = json.loads((run / FOLDER / "session_init.json").read_bytes())["starts"]

    assert [(start["epoch"], start["settings"]["fill"]) for start in starts] == [(1, "next_open"), (2, "close")]


def test_the_value_of_the_session_before_stands_in_the_day_of_a_run_that_asks(tmp_path: Path) -> None:
    """In session_init.json, and in the words of `tapewire day`; a run without the auction has neither."""
    prior = PriorValue("2027-02-23", ValueArea(100.0, 104.0, 98.0), ValueArea(101.0, 103.0, 99.0), 110.0, 90.0)
    for name, fields in (("asks", {"auction": Auction(0.25, prior=prior)}), ("silent", {})):
        tape = Tape(tmp_path / name)
        for minute in (571, 572):
            tape.publish(topics.bar("MNQ"), at(minute), bar(minute))
            tape.publish("session.MNQ.", at(minute), replace(session(minute), **fields))
        tape.close()
    asks, silent = (json.loads(kept(tmp_path / name)["session_init.json"])["instruments"]["MNQ"] for name in ("asks", "silent"))
    told = day_lines(tmp_path, *(read(tmp_path / "asks") for read in (performance, begun)), [])

    assert asks["prior_value"]["tpo"] == {"poc": 100.0, "high": 104.0, "low": 98.0}
    assert "prior_value" not in silent
    assert "  value of 2027-02-23: 98.00 to 104.00, POC 100.00, by volume 99.00 to 103.00, POC 101.00" in told


def performance(run: Path) -> Performance:
    return msgspec.json.decode((run / FOLDER / "performance.json").read_bytes(), type=Performance)


def begun(run: Path) -> Init:
    return msgspec.json.decode((run / FOLDER / "session_init.json").read_bytes(), type=Init)


def test_a_run_that_has_ended_is_completed_once(tmp_path: Path) -> None:
    """Where its daybook was stopped too early, whoever ends the run writes the days; else nothing is read again."""
    run = finished(tmp_path / "run")
    complete(run, conf())
    first = content(run / FOLDER)
    (run / FOLDER / "bars.csv").unlink()
    complete(run, conf())

    assert set(first) == FILES
    assert set(content(run / FOLDER)) == FILES - {"bars.csv"}


def test_stamps_go_on_in_a_folder_that_was_removed(tmp_path: Path) -> None:
    """The file stays open between two messages; one that nobody can find any more is begun anew."""
    written = folders.Folders(tmp_path, conf())
    path = tmp_path / FOLDER / "stamps.jsonl"
    for number in range(3):
        if number == 2:
            shutil.rmtree(path.parent)
        written.stamp(SESSION, f"signal.MNQ.@1:{number}", number)

    assert [json.loads(line)["wall_ns"] for line in path.read_text().splitlines()] == [2]
    assert path.stat().st_mode & 0o777 == 0o600
