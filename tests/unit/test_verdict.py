"""The verdict of a run in a prop-firm program: from its journal to `program.json`, the terminal and the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from tapewire.bus import topics
from tapewire.bus.errors import ConfError, DataError
from tapewire.bus.messages import Bar, Position, Reason
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.programs import Consistency, Evaluation, Fees, Funded, Payouts, Program
from tapewire.replay import outputs, program
from tapewire.replay.report import write as report
from tapewire.replay.report.text import MINUS
from tests.programs import bare, intraday, shipped
from tests.runs import SESSION, Tape, at, conf, finished, reject, session, trade
from tests.unit.test_report import ended, three_days


def day(run: Path, *nets: int, refused: int = 0) -> Path:
    """One session with trades of these cents from 11:00 on, ten minutes apart, and entries that the program refused."""
    tape = Tape(run)
    tape.publish("session.MNQ.", at(571), session(571))
    for number, net in enumerate(nets):
        tape.publish("trade.MNQ.", at(660 + 10 * number), trade(655 + 10 * number, 660 + 10 * number, net))
    for number in range(refused):
        tape.publish("reject.MNQ.", at(700 + number), reject(700 + number, Reason.PROGRAM))
    tape.publish("reject.MNQ.", at(750), reject(750, Reason.MAX_TRADES))
    tape.close()
    return run


def verdict(run: Path, terms: Program) -> program.Verdict:
    return program.write(run, conf(program=terms))


FUNDED = Funded(payouts=Payouts(days=1, day_profit=250.0, share=0.9, cap=5_000.0, processing_days=7))


@pytest.mark.parametrize(
    ("terms", "nets", "evaluation", "state", "text"),
    [
        (shipped(), [], "OPEN", "OPEN", "OPEN after 0 days with a trade: profit 0.00 of 9000.00"),
        (shipped(), [100_000], "OPEN", "OPEN", "OPEN after 1 days with a trade: profit 1000.00 of 9000.00"),
        (bare(), [100_000], "OPEN", "OPEN", "OPEN after 1 days with a trade: profit 1000.00"),
        (
            shipped(),
            [900_000],
            "PASSED",
            "FUNDED",
            f"PASSED on {SESSION}; the funded account is FUNDED, profit 0.00; payouts 0, 0.00 in all",
        ),
        (bare(Evaluation(target=9_000.0)), [900_000], "PASSED", "PASSED", f"PASSED on {SESSION}"),
        (
            shipped(),
            [-400_000, -50_000],
            "FAILED",
            "FAILED",
            f"FAILED on {SESSION} by TRAILING_DRAWDOWN, {SESSION}T11:10:00: "
            "equity 145500.00, floor 145500.00 (the mark is 150000.00)",
        ),
    ],
)
def test_the_outcome_in_a_sentence(tmp_path: Path, terms: Program, nets: list[int], evaluation: str, state: str, text: str) -> None:
    """Pass, fail with rule and time, or open; the same in the file."""
    found = verdict(day(tmp_path / "run", *nets), terms)

    assert (found.evaluation, found.state, found.text) == (evaluation, state, text)
    assert program.read(tmp_path / "run") == found


def test_the_file_holds_the_days_in_dollars(tmp_path: Path) -> None:
    """A program that reads it needs no other."""
    verdict(day(tmp_path / "run", 100_000, -20_050), shipped())

    told = json.loads((tmp_path / "run" / "program.json").read_text())

    assert told["days"] == [
        {
            "session": SESSION,
            "account": "EVALUATION",
            "trades": 2,
            "pnl": 799.5,
            "equity": 150_799.5,
            "mark": 150_799.5,
            "floor": 146_299.5,
            "best_share": 1.0,
            "note": "",
        }
    ]
    assert (told["as_of"], told["equity"], told["floor"]) == ("2026-02-01", 150_799.5, 146_299.5)


def test_a_failure_names_rule_account_and_bar(tmp_path: Path) -> None:
    """With the Eastern stamp of the bar, as bars have it."""
    found = verdict(day(tmp_path / "run", -450_000), shipped())

    assert found.failed is not None
    assert (found.failed.rule, found.failed.account, found.failed.session, found.failed.time) == (
        "TRAILING_DRAWDOWN",
        "EVALUATION",
        SESSION,
        f"{SESSION}T11:00:00",
    )


@pytest.mark.parametrize(
    ("first", "last", "fees"),
    [("2027-01-05", "2027-01-05", 219.0), ("2027-01-05", "2027-02-04", 219.0), ("2027-01-05", "2027-02-05", 438.0), ("", "", 0.0)],
)
def test_fees_fall_due_with_each_month_begun(tmp_path: Path, first: str, last: str, fees: float) -> None:
    """From the first trade on; without a trade nothing has begun."""
    tape = Tape(tmp_path / "run")
    for date in filter(None, (first, last)):
        tape.publish("trade.MNQ.", at(660), replace(trade(655, 660, 100), session=date))
    tape.publish("session.MNQ.", at(571), replace(session(571), session=last or SESSION))
    tape.close()

    assert verdict(tmp_path / "run", shipped()).fees == fees


def test_the_last_date_of_the_journal_counts(tmp_path: Path) -> None:
    """A time limit runs out on dates without a trade, too."""
    tape = Tape(tmp_path / "run")
    tape.publish("trade.MNQ.", at(660), replace(trade(655, 660, 100), session="2027-02-01"))
    tape.publish("session.MNQ.", at(571), session(571))
    tape.close()

    found = verdict(tmp_path / "run", shipped({"time_limit_days": 10}))

    assert found.text.startswith("FAILED on 2027-02-10 by TIME_LIMIT, end of the day: 10 calendar days from 2027-02-01")


def test_refusals_of_the_program_are_counted(tmp_path: Path) -> None:
    """Those of other limits are the summary's."""
    found = verdict(day(tmp_path / "run", refused=3), shipped())

    assert (found.refused, found.refusal) == (3, "ten trades today")
    assert list(program.lines(found))[-1] == "entries refused by the program: 3, the last for: ten trades today"


def test_open_equity_comes_from_the_bars(tmp_path: Path) -> None:
    """Two contracts 1,000 points under water are 4,000; the trade that then ends with nothing lost comes too late."""
    tape = Tape(tmp_path / "run")
    tape.publish("session.MNQ.", at(571), session(571))
    for minute, low in ((660, 20_000.0), (661, 19_000.0), (662, 20_000.0)):
        position = Position("Replay", 2, 20_000.0)
        bar = Bar("MNQ", at(minute - 1), at(minute), 20_000.0, 20_000.0, low, 20_000.0, 10, position=position)
        tape.publish(topics.bar("MNQ"), at(minute), bar)
    tape.publish("trade.MNQ.", at(663), trade(660, 663, 0))
    tape.close()

    deep, deeper = (verdict(tmp_path / "run", intraday(distance)) for distance in (4_000.01, 4_000.0))

    assert deep.failed is None
    assert deeper.failed is not None
    assert deeper.failed.time == f"{SESSION}T11:01:00"


def test_a_person_reads_terms_days_and_outcome(tmp_path: Path) -> None:
    """The terms with their date and the warning first, the outcome after the table."""
    terms = shipped(consistency=Consistency(share=0.4), fees=Fees(per_month=100.0, resets=1, accounts=2))
    lines = list(program.lines(verdict(day(tmp_path / "run", 900_000), terms)))

    assert lines[0].endswith("terms as of 2026-02-01")
    assert "compare every value" in lines[1]
    assert lines[2].split() == ["day", "account", "trades", "P&L", "equity", "mark", "floor", "best", "day", "note"]
    row = f"{SESSION} EVALUATION 1 +9000.00 159000.00 150000.00 145500.00 100.0% target 9000.00 reached: passed"
    assert lines[3].split() == row.split()
    assert lines[4:] == [
        f"PASSED on {SESSION}; the funded account is FUNDED, profit 0.00; payouts 0, 0.00 in all",
        "fees of the evaluation 100.00; resets 1, funded accounts 2 at most",
        "entries refused by the program: 0",
    ]


def test_payouts_are_listed_with_their_dates(tmp_path: Path) -> None:
    """Asked for at the end of the day, there after the firm's processing days."""
    tape = Tape(tmp_path / "run")
    for date, net in (("2027-02-01", 100_000), ("2027-02-02", 100_000)):
        tape.publish("trade.MNQ.", at(660), replace(trade(655, 660, net), session=date))
    tape.publish("session.MNQ.", at(571), session(571))
    tape.close()

    found = verdict(tmp_path / "run", bare(Evaluation(target=1_000.0), FUNDED))

    assert (found.paid, found.profit) == (900.0, 100.0)
    assert "payout 900.00 requested on 2027-02-02, paid on 2027-02-09" in list(program.lines(found))


@pytest.mark.parametrize(("nets", "ending"), [([40_000], ", above the limit"), ([-40_000], None)])
def test_the_best_day_is_reported(tmp_path: Path, nets: list[int], ending: str | None) -> None:
    """One day is all of its profit; without a profit there is nothing to say."""
    found = verdict(day(tmp_path / "run", *nets), shipped())
    said = [line for line in program.lines(found) if line.startswith("best day")]

    assert said == ([f"best day 100.0% of the profit{ending}"] if ending else [])


# --- the report and the folder -------------------------------------------------------------------------------------------------


def test_the_report_has_a_section_for_the_program(tmp_path: Path) -> None:
    """Terms, outcome and every day; escaped like everything else."""
    run = finished(tmp_path / "run")
    configuration.write(conf(), run)
    outputs.write(run, conf())
    verdict(run, shipped(description="<b>bold</b> terms", name="firm"))
    page = report(run).read_text("utf-8")

    assert "<h2>Program firm</h2>" in page
    assert "OPEN after 1 days with a trade: profit 4.26 of 9000.00" in page
    assert "&lt;b&gt;bold&lt;/b&gt; terms. Terms as of 2026-02-01." in page
    assert "$145,504.26" in page
    assert MINUS not in page.split("<h2>Program")[1].split("<h2>")[0]


def test_a_part_of_the_run_has_the_verdict_of_the_whole_with_its_own_days(tmp_path: Path) -> None:
    """An account has one history. The page says so, and lists no other day."""
    run = ended(three_days(tmp_path / "run"))
    whole = verdict(run, shipped(name="firm"))
    page = report(run, start="2027-02-24", out=tmp_path / "part.html").read_text("utf-8")
    told = page.split("<h2>Program firm")[1].split("<h2>")[0]

    assert {day.session for day in whole.days} > {"2027-02-24"}
    assert whole.text in told
    assert "The verdict is of the whole run; the days are those of this part." in told
    assert "2027-02-24" in told
    assert "2027-02-23" not in told
    assert "of the whole run" not in report(run).read_text("utf-8")


def test_a_run_in_no_program_has_no_verdict(tmp_path: Path) -> None:
    """No file, no section, and nothing to make one from."""
    run = finished(tmp_path / "run")
    configuration.write(conf(), run)
    outputs.write(run, conf())

    assert program.read(run) is None
    assert "<h2>Program" not in report(run).read_text("utf-8")
    with pytest.raises(ConfError, match="was in no program; start it again with --program NAME"):
        program.write(run, conf())


def test_a_damaged_verdict_is_named(tmp_path: Path) -> None:
    """With its path and the remedy."""
    (tmp_path / "program.json").write_text("{}")

    with pytest.raises(DataError, match=r"program\.json.*start the run again"):
        program.read(tmp_path)
