"""The files of a finished run, from its journal alone: the content of each line. A run without a summary is unfinished."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tapewire.bus.errors import ConfError, DataError, JournalError
from tapewire.bus.messages import Action, Reason
from tapewire.replay import commands
from tapewire.replay.attendance import SessionCount
from tapewire.replay.outputs import Tally, max_drawdown_cents, read_summary, write
from tapewire.replay.sources.recording import Ignored, Recording, SourceFile
from tests.runs import Tape, at, bar, conf, finished, reject, session, signal, trade

TRADE_COLUMNS = [
    "session",
    "strategy",
    "setup",
    "direction",
    "size",
    "signal_time",
    "entry_time",
    "entry_price",
    "exit_time",
    "exit_price",
    "reason",
    "bars_held",
    "stop",
    "target",
    "gross",
    "commission",
    "net",
]
INTENT_COLUMNS = ["session", "time", "strategy", "setup", "direction", "entry", "stop", "target", "size", "rejected"]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_trade_line_has_the_vectors_columns_first(tmp_path):
    """trades.jsonl compares with the conformance vectors as it stands; our id follows behind."""
    write(finished(tmp_path / "run"), conf())

    (line,) = lines(tmp_path / "run" / "trades.jsonl")

    assert list(line)[: len(TRADE_COLUMNS)] == TRADE_COLUMNS
    assert line["signal_time"] == "2027-02-24T11:00:00"
    assert line["exit_time"] == "2027-02-24T11:20:00"
    assert (line["gross"], line["commission"], line["net"], line["id"]) == (5.5, 1.24, 4.26, "T-661")


def test_intents_list_approved_and_refused_entries(tmp_path):
    """One line per requested entry, in market order; a refused one has its reason, size 0 and prices on the tick."""
    write(finished(tmp_path / "run"), conf())

    approved, refused = lines(tmp_path / "run" / "intents.jsonl")

    assert list(approved)[: len(INTENT_COLUMNS)] == INTENT_COLUMNS
    assert (approved["time"], approved["size"], approved["rejected"]) == ("2027-02-24T11:00:00", 1, None)
    assert (refused["time"], refused["size"], refused["rejected"]) == ("2027-02-24T12:00:00", 0, "MAX_TRADES")
    assert (refused["stop"], refused["target"]) == (95.0, 103.0)


def test_a_refused_short_is_rounded_up(tmp_path):
    """Stops go away from the entry and targets toward it, which is up for a short (playbook 5.1)."""
    tape = Tape(tmp_path / "run")
    tape.publish("reject.MNQ.", at(700), reject(700, action=Action.ENTER_SHORT))
    tape.close()
    write(tmp_path / "run", conf())

    (refused,) = lines(tmp_path / "run" / "intents.jsonl")

    assert (refused["stop"], refused["target"]) == (95.25, 103.25)


def test_signals_are_every_approved_action(tmp_path):
    """Exits and moves are signals too; they are not entries and so not in intents.jsonl."""
    tape = Tape(tmp_path / "run")
    tape.publish("signal.MNQ.", at(660), signal(660))
    tape.publish("signal.MNQ.", at(670), signal(670, Action.MOVE_STOP, stop=98.0, target=None))
    tape.publish("signal.MNQ.", at(690), signal(690, Action.EXIT, stop=None, target=None))
    tape.close()
    write(tmp_path / "run", conf())

    assert [(s["action"], s["stop"]) for s in lines(tmp_path / "run" / "signals.jsonl")] == [
        ("ENTER_LONG", 95.0),
        ("MOVE_STOP", 98.0),
        ("EXIT", None),
    ]
    assert len(lines(tmp_path / "run" / "intents.jsonl")) == 1


def test_the_summary_counts_the_results_of_the_run(tmp_path):
    """Bars, signals, refusals by reason, trades, and trades by strategy and by exit reason."""
    tape = Tape(tmp_path / "run")
    tape.publish("raw.bar.MNQ.1m.", at(571), bar(571))
    tape.publish("signal.MNQ.", at(660), signal(660))
    for minute, reason in ((700, Reason.MAX_TRADES), (701, Reason.SIZE_ZERO), (702, Reason.MAX_TRADES)):
        tape.publish("reject.MNQ.", at(minute), reject(minute, reason))
    tape.publish("trade.MNQ.", at(680), trade(661, 680, 426))
    tape.publish("trade.MNQ.", at(700), trade(690, 700, -1074, reason="STOP"))
    tape.publish("trade.MNQ.", at(720), trade(710, 720, 200, strategy="P-Day"))
    tape.close()

    summary = write(tmp_path / "run", conf())

    assert (summary.bars, summary.intents, summary.signals, summary.trades, summary.wins) == (1, 4, 1, 3, 2)
    assert summary.refusals == {"MAX_TRADES": 2, "SIZE_ZERO": 1}
    assert (summary.gross, summary.commission, summary.net, summary.max_drawdown) == (-0.76, 3.72, -4.48, 10.74)
    assert summary.by_strategy == {"Edge Fade": Tally(2, 1, -6.48), "P-Day": Tally(1, 1, 2.0)}
    assert summary.by_reason == {"STOP": Tally(1, 0, -10.74), "TARGET": Tally(2, 2, 6.26)}


@pytest.mark.parametrize(
    "nets, deepest",
    [
        ([], 0),
        ([5, 5], 0),
        ([-5], 5),
        ([10, -4, 2, -6, 20], 8),
        ([-5, -5, 30, -9], 10),
    ],
)
def test_drawdown_is_measured_from_the_peak(nets, deepest):
    """The start counts as the first peak; a later, shallower fall does not shrink it."""
    assert max_drawdown_cents(nets) == deepest


@pytest.mark.parametrize(
    "minutes, closes, count, missing, note",
    [
        (range(571, 961), 960, 390, 0, "390 RTH bars, none missing"),
        ([*range(571, 606), *range(617, 960)], 960, 378, 12, "378 RTH bars, 12 missing: 10:06-10:16, 16:00"),
        (range(571, 781), 780, 210, 0, "210 RTH bars of a half day (closes 13:00), none missing"),
        (range(500, 571), 960, 0, 390, "no RTH bars"),
        (range(500, 571), 570, 0, 0, "holiday, no RTH"),
    ],
)
def test_a_session_names_its_missing_minutes(tmp_path, minutes, closes, count, missing, note):
    """Every RTH minute up to the session's own close has a bar or is named."""
    tape = Tape(tmp_path / "run")
    for minute in minutes:
        tape.publish("session.MNQ.", at(minute), session(minute, closes=closes))
    tape.close()

    (found,) = write(tmp_path / "run", conf()).sessions

    assert (found.session, found.rth_bars, found.missing, found.note) == ("2027-02-24", count, missing, note)


def test_left_out_rows_are_listed(tmp_path):
    """The summary lists the ignored rows by file and line."""
    row = Ignored("NQ_Volumetric_1.csv", 17285, "2027-03-12T10:45:00.000", "repeated")
    file = SourceFile("NQ_Volumetric_1.csv", "NQ", 2, 1)

    summary = write(finished(tmp_path / "run"), conf(), Recording("MNQ", "NQ", [], (row,), (file,)))

    assert (summary.ignored, summary.files) == ((row,), (file,))


def test_a_run_without_trades_has_all_files(tmp_path):
    """An empty result is an empty file, not a missing one."""
    tape = Tape(tmp_path / "run")
    tape.publish("raw.bar.MNQ.1m.", at(571), bar(571))
    tape.close()

    summary = write(tmp_path / "run", conf())

    assert (tmp_path / "run" / "trades.jsonl").read_bytes() == b""
    assert (summary.trades, summary.net, summary.by_strategy) == (0, 0.0, {})


def test_equal_journals_leave_equal_files(tmp_path):
    """Nothing in the files depends on when, where or how often they are written."""
    first, second = finished(tmp_path / "a"), finished(tmp_path / "b")
    write(first, conf())
    write(second, conf())
    write(second, conf())

    names = sorted(path.name for path in second.iterdir())
    assert names == ["equity.csv", "intents.jsonl", "journal", "signals.jsonl", "summary.json", "trades.csv", "trades.jsonl"]
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in names if name != "journal")


def test_the_summary_is_read_as_written(tmp_path):
    """summary.json holds all of the summary."""
    summary = write(finished(tmp_path / "run"), conf())

    assert read_summary(tmp_path / "run") == summary


def test_the_summary_is_written_last(tmp_path):
    """When an earlier file cannot be put in place, no summary remains, not even an older one: a partial run is never finished."""
    run = finished(tmp_path / "run")
    write(run, conf())
    (run / "trades.jsonl").unlink()
    (run / "trades.jsonl").mkdir()

    with pytest.raises(JournalError, match=r"trades\.jsonl: cannot be written"):
        write(run, conf())

    with pytest.raises(ConfError, match="the run did not finish"):
        read_summary(run)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    """The error describes a run's folder."""
    with pytest.raises(ConfError, match="has no journal/; name the folder that"):
        write(tmp_path, conf())

    with pytest.raises(ConfError, match="does not exist"):
        read_summary(tmp_path / "nowhere")


def test_a_foreign_record_is_refused(tmp_path):
    """A record that its topic cannot hold names topic and number."""
    tape = Tape(tmp_path / "run")
    tape.publish("trade.MNQ.", at(680), signal(680))
    tape.close()

    with pytest.raises(DataError, match=r"record 1 of trade\.MNQ\. is not what the topic holds"):
        write(tmp_path / "run", conf())


def test_a_long_run_is_told_in_a_few_lines(tmp_path):
    """Of 565 sessions only those with missing minutes are named, ten at most; the others are counted."""
    write(finished(tmp_path / "run"), conf())
    one = read_summary(tmp_path / "run")
    note = "389 RTH bars, 1 missing: 10:05"
    lacking = [SessionCount("MNQ", f"day {number}", 389, 1, note) for number in range(13)]
    summary = replace(one, sessions=(*one.sessions * 552, *lacking))

    told = [text for _, text in commands.lines(summary)]

    assert f"{summary.bars}, of 565 sessions" in told
    assert sum(note in text for text in told) == 10
    assert "3 more sessions with missing minutes; all are listed in summary.json" in told
    assert "552 sessions with none missing" in told
    assert len(told) < 30
