"""The first difference of two runs: found by market time and cause, shown with both values and the way back to the bar."""

from pathlib import Path

import msgspec
import pytest

from tapewire.bus.errors import ConfError, DataError
from tapewire.bus.journal import Journal
from tapewire.bus.messages import Fill, Reason
from tapewire.replay import outputs
from tapewire.replay.diff import ABSENT, Difference, FieldDifference, compare
from tests.runs import Tape, at, bar, conf, finished, intents, reject, session, signal


def run_of(folder: Path, *, low: float = 99.0, vwap_off: bool = False, refused: bool = False, minutes: int = 4) -> Path:
    """A few bars from 11:00 on, one intent on each; `low` changes a bar, `vwap_off` a session, `refused` a decision at 11:02."""
    tape = Tape(folder)
    for minute in range(660, 660 + minutes):
        late = minute == 662
        body = bar(minute)
        seen = session(minute)
        if late and low != 99.0:
            body = msgspec.structs.replace(body, low=low)
            seen = msgspec.structs.replace(seen, bar=body, vwap=98.0)
        if late and vwap_off:
            seen = msgspec.structs.replace(seen, vwap=98.0)
        cause = tape.publish("raw.bar.MNQ.1m.", at(minute), body)
        cause = tape.publish("session.MNQ.", at(minute), seen, cause)
        cause = tape.publish("intent.MNQ.", at(minute), intents(minute), cause)
        if late and refused:
            tape.publish("reject.MNQ.", at(minute), reject(minute, Reason.KILLED), cause)
        else:
            tape.publish("signal.MNQ.", at(minute), signal(minute), cause)
    tape.close()
    outputs.write(folder, conf())
    return folder


def found(a: Path, b: Path) -> Difference:
    difference = compare(a, b)
    assert difference is not None
    return difference


def test_equal_runs_have_no_difference(tmp_path):
    """The same messages and the same results: no difference."""
    assert compare(run_of(tmp_path / "a"), run_of(tmp_path / "b")) is None


def test_the_field_both_values_and_the_market_time_are_named(tmp_path):
    """A session that differs on equal bars is the first difference, and its bar is shown to be the same."""
    difference = found(run_of(tmp_path / "a"), run_of(tmp_path / "b", vwap_off=True))

    assert (difference.where, difference.seq, difference.time) == ("session.MNQ.", 3, "2027-02-24T11:02:00")
    assert difference.fields == (FieldDifference("vwap", 99.5, 98.0),)
    assert [(link.ref, link.same) for link in difference.causes] == [("session.MNQ.@1:3", False), ("raw.bar.MNQ.1m.@1:3", True)]


def test_a_different_bar_is_first_whatever_followed_from_it(tmp_path):
    """Bar and session part on the same minute; the bar is the cause and so the result."""
    difference = found(run_of(tmp_path / "a"), run_of(tmp_path / "b", low=98.5))

    assert (difference.where, difference.fields) == ("raw.bar.MNQ.1m.", (FieldDifference("low", 99.0, 98.5),))


def test_a_different_decision_leads_back_to_the_bar(tmp_path):
    """One run refused what the other approved: the chain runs through intent and session, which are the same."""
    difference = found(run_of(tmp_path / "a"), run_of(tmp_path / "b", refused=True))

    assert (difference.where, difference.seq) == ("signal.MNQ.", 3)
    assert [(link.type, link.same) for link in difference.causes] == [
        ("signal", False),
        ("intents", True),
        ("session", True),
        ("bar", True),
    ]


def test_a_longer_run_differs_by_what_the_other_lacks(tmp_path):
    """The first message that only one run has."""
    difference = found(run_of(tmp_path / "a", minutes=3), run_of(tmp_path / "b", minutes=4))

    assert (difference.where, difference.seq, difference.time) == ("raw.bar.MNQ.1m.", 4, "2027-02-24T11:03:00")
    assert (difference.fields[0].path, difference.fields[0].a) == ("message", ABSENT)
    assert difference.fields[0].b["close"] == 100.0


def test_the_earliest_difference_wins_over_the_more_causal_topic(tmp_path):
    """A signal that parts at 11:02 comes before a bar that parts at 11:04."""
    short = run_of(tmp_path / "a", minutes=4)
    long = run_of(tmp_path / "b", minutes=5, refused=True)

    assert found(short, long).time == "2027-02-24T11:02:00"


def test_a_cause_that_differs_is_followed_even_against_the_topic_order(tmp_path):
    """A session counts as causal before a fill; if it names a fill that differs, the fill is the result."""
    for name, price in (("a", 100.0), ("b", 100.25)):
        tape = Tape(tmp_path / name)
        fill = Fill("E-1", "O-1", "MNQ", "Replay", 1, price, "ENTRY", at(660), 660)
        cause = tape.publish("fill.MNQ.", at(660), fill)
        tape.publish("session.MNQ.", at(660), session(660, close=price), cause)
        tape.close()

    assert found(tmp_path / "a", tmp_path / "b").fields == (FieldDifference("price", 100.0, 100.25),)


def test_messages_of_two_moments_are_not_two_versions_of_one(tmp_path):
    """One run has intents at 11:01 and 11:03, the other at 11:03 only: the result is the intent that one of them lacks."""
    for name, proposed in (("a", (663,)), ("b", (661, 663))):
        tape = Tape(tmp_path / name)
        for minute in range(660, 665):
            # The bar after an entry shows its position, and so differs as a consequence.
            seen = msgspec.structs.replace(bar(minute), index=minute + (minute > min(proposed)))
            cause = tape.publish("raw.bar.MNQ.1m.", at(minute), seen)
            if minute in proposed:
                tape.publish("intent.MNQ.", at(minute), intents(minute), cause)
        tape.close()

    difference = found(tmp_path / "a", tmp_path / "b")

    assert (difference.where, difference.time) == ("intent.MNQ.", "2027-02-24T11:01:00")
    assert [(field.path, field.a) for field in difference.fields] == [("message", ABSENT)]
    assert [(link.type, link.same) for link in difference.causes] == [("intents", False), ("bar", True)]


def test_a_record_that_is_no_message_is_refused(tmp_path):
    """A journal of something else is a damaged input, not a difference."""
    for name in ("a", "b"):
        (tmp_path / name / "journal").mkdir(parents=True)
        with Journal.open(tmp_path / name / "journal" / "raw.bar.MNQ.1m.tape") as journal:
            journal.append(name.encode())

    with pytest.raises(DataError, match="is not a message"):
        compare(tmp_path / "a", tmp_path / "b")


def test_heartbeats_are_not_compared(tmp_path):
    """Topics of the bus itself change with every run."""
    a, b = run_of(tmp_path / "a"), run_of(tmp_path / "b")
    tape = b / "journal" / "sys.alarm.tracker.tape"
    tape.write_bytes((b / "journal" / "signal.MNQ.tape").read_bytes())

    assert compare(a, b) is None


def test_results_are_compared_when_the_journals_agree(tmp_path):
    """A trade line that was changed afterwards is found by file, line and field."""
    a, b = finished(tmp_path / "a"), finished(tmp_path / "b")
    outputs.write(a, conf())
    outputs.write(b, conf())
    path = b / "trades.jsonl"
    path.write_text(path.read_text().replace('"net":4.26', '"net":5.26'))

    assert compare(a, b) == Difference("trades.jsonl", 1, "", (FieldDifference("net", 4.26, 5.26),))


def test_another_preset_shows_in_the_summary(tmp_path):
    """The summary is one value; the path names the field inside it."""
    a, b = finished(tmp_path / "a"), finished(tmp_path / "b")
    outputs.write(a, conf())
    outputs.write(b, conf(fill="close"))

    assert found(a, b).fields[0] == FieldDifference("fill", "next_open", "close")


def test_it_reads_as_text(tmp_path):
    """The text has place, time, both values and the way back."""
    text = str(found(run_of(tmp_path / "a"), run_of(tmp_path / "b", vwap_off=True)))

    assert text.splitlines() == [
        "first difference: session.MNQ. number 3, market time 2027-02-24T11:02:00",
        "  vwap  A: 99.5",
        "        B: 98.0",
        "from it back to the bar:",
        "  session.MNQ.@1:3     session  2027-02-24T11:02:00  DIFFERS",
        "  raw.bar.MNQ.1m.@1:3  bar      2027-02-24T11:02:00  same in both",
    ]


def test_it_reads_as_json(tmp_path):
    """A script gets the same facts."""
    difference = found(run_of(tmp_path / "a"), run_of(tmp_path / "b", vwap_off=True))

    assert msgspec.json.decode(msgspec.json.encode(difference), type=Difference) == difference


@pytest.mark.parametrize("missing", ["trades.jsonl", "summary.json"])
def test_an_unfinished_run_is_refused(tmp_path, missing):
    """An unfinished run cannot be compared."""
    a, b = run_of(tmp_path / "a"), run_of(tmp_path / "b")
    (b / missing).unlink()

    with pytest.raises(ConfError, match="is missing: the run did not finish"):
        compare(a, b)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    """The error names the expected folder."""
    with pytest.raises(ConfError, match="does not exist; name the folder that"):
        compare(run_of(tmp_path / "a"), tmp_path / "b")
