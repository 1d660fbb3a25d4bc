"""A recorded day is judged: equal, or the first message that differs, with its class; what was lost; and the fills measured."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tapewire.bus import topics, wire
from tapewire.bus.daemon import Daemon
from tapewire.bus.errors import ConfError
from tapewire.bus.journal import Journal, scan
from tapewire.bus.messages import Execution, Fill, Gap, GivenLevels, Header, Levels, Signal
from tapewire.daemons.publisher import core as publisher
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell import lives, recovery
from tapewire.replay import runs, tapes
from tapewire.replay.days import folders
from tapewire.replay.days.process import Days
from tapewire.replay.sources import synthetic
from tapewire.replay.sources.recording import Recording
from tapewire.replay.verify import again, text, verdict, versions
from tapewire.replay.verify.record import Dates, EpochJournal
from tapewire.replay.verify.verdict import DayVerdict
from tapewire.strategies import pipeline
from tapewire.strategies.clock import new_york
from tests import judged

FIRST, SECOND = "2026-03-02", "2026-03-03"
Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Conf, Recording]:
    """The bars of two mornings."""
    folder = tmp_path_factory.mktemp("data")
    synthetic.generate(folder, sessions=2, seed=7, start=dt.date(2026, 3, 2))
    preset = configuration.preset("seed", ["pipeline"], ["pipeline.distance_points=20.0"])
    conf = configuration.load("replay", instance="judged", traded=["MNQ"], preset=preset)
    recording, calendar = runs.read(folder, "MNQ", lambda share: None)
    mornings = [bar for bar in recording.bars if new_york(bar.close_ns).hour == 9]
    bars = [msgspec.structs.replace(bar, index=index) for index, bar in enumerate(mornings)]
    return msgspec.structs.replace(conf, calendar=calendar), msgspec.structs.replace(recording, bars=bars)


@pytest.fixture(scope="module")
def original(played: tuple[Conf, Recording], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return judged.made(tmp_path_factory.mktemp("original") / "run", *played)


@pytest.fixture
def run(original: Path, tmp_path: Path) -> Path:
    """A copy of the run, to be changed."""
    return Path(shutil.copytree(original, tmp_path / "run"))


def settings(run: Path, change: Change) -> None:
    content = json.loads((run / "run.json").read_bytes())
    change(content)
    (run / "run.json").write_text(json.dumps(content))


def first(found: DayVerdict) -> tuple[str, str]:
    """Class and name of the first message that differs."""
    assert found.first is not None
    return found.first.kind, found.first.message


def test_a_day_that_comes_out_again_is_equal(original: Path) -> None:
    """Every session, decision, order, fill and trade of both days; nothing is lost, and no fill differs from the simulated one."""
    found = [verdict.judge(original, date) for date in (FIRST, SECOND)]

    assert [each.verdict for each in found] == ["equal", "equal"]
    assert [each.closed for each in found] == [True, False]
    for each in found:
        assert each.checked["session"] == each.checked["eval.done"] == 60
        assert each.checked["trade"] == each.fills.both > 5
        assert each.fills.dollars == each.fills.missed == each.fills.extra == each.fills.foreign == 0
        assert (each.lost, each.unrecorded, each.code) == ((), (), ())


def test_one_altered_threshold_is_named(run: Path) -> None:
    """The first intent differs, and the setting is told as it was and as it is."""
    settings(run, lambda conf: conf["preset"]["parameters"]["pipeline"].update(distance_points=2.0))

    found = verdict.judge(run, FIRST)

    assert first(found) == ("settings", "intent.MNQ.@1:1")
    assert found.first is not None
    assert found.first.changed == ("preset.parameters.pipeline.distance_points was 20.0, is 2.0",)
    assert [link.message.ref for link in found.first.chain] == ["intent.MNQ.@1:1", "session.MNQ.@1:32", "raw.bar.MNQ.1m.@1:32"]
    assert [link.same for link in found.first.chain] == [False, True, True]


def test_an_altered_setting_that_decides_nothing_is_found_as_well(run: Path) -> None:
    """No message differs, and the record of the day is another all the same."""
    settings(run, lambda conf: conf["preset"]["risk"].update(drawdown=3999.0))

    found = verdict.judge(run, FIRST)

    assert (found.verdict, first(found)) == ("diverged", ("settings", ""))
    assert found.divergences == 0
    assert "preset.risk.drawdown was 4000.0, is 3999.0" in found.summary


def test_one_altered_bar_is_named(run: Path) -> None:
    """The session was made of another bar: its name, the field, and both values."""
    before = next(iter(tapes.facts(run, judged.BARS, dict)))["close"]  # type: ignore[type-abstract]
    judged.altered(run, judged.BARS, 0, close=before + 1)

    found = verdict.judge(run, FIRST)

    assert first(found) == ("bar", "session.MNQ.@1:1")
    assert found.first is not None
    assert found.first.changed == (f"close was {before}, is {before + 1}",)


@pytest.mark.parametrize("where", ["journal", "gate.log"])
def test_one_altered_fill_is_named_with_its_distance(run: Path, where: str) -> None:
    """Booked and reported prices, how far they are apart, and how far each is from the simulated venue's."""
    price = next(tapes.facts(run, topics.FILL, Fill)).price
    if where == "journal":
        judged.altered(run, "fill.MNQ.", 0, price=price + 2.5)
    else:
        judged.rewritten(run / judged.LOG, lambda number, record: _worse(record, price))

    found = verdict.judge(run, FIRST)

    assert first(found) == ("fill", "fill.MNQ.@1:1")
    assert found.first is not None
    assert f"{'+' if where == 'journal' else '-'}2.5 points apart; the simulated venue fills at {price:g}" in found.first.why
    assert (found.fills.dollars != 0) is (where == "gate.log")


def _worse(record: bytes, price: float) -> bytes:
    """The first fill in a log, at 2.5 points more."""
    entry = msgspec.msgpack.decode(record, type=recovery.Entry)
    header, body = wire.decode(entry.frame)
    if not isinstance(body, Execution) or body.price != price or body.role != "ENTRY":
        return record
    frame = wire.encode(header, msgspec.structs.replace(body, price=price + 2.5))
    return msgspec.msgpack.encode(msgspec.structs.replace(entry, frame=frame))


def test_a_bar_that_the_journal_lost_later_is_named(run: Path) -> None:
    """The session was made of it, and no reader has reported a loss."""
    judged.rewritten(judged.tape(run, judged.BARS), lambda number, frame: None if number == 40 else frame)

    found = verdict.judge(run, FIRST)

    assert first(found) == ("lost_bar", "session.MNQ.@1:41")
    assert found.first is not None
    assert "1 bar lost by the record, raw.bar.MNQ.1m.@1:41" in found.first.why


def test_one_changed_line_of_a_strategy_is_named(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is told whose code is not that of the day."""
    changed_code(monkeypatch, "strategies/pipeline.py")
    monkeypatch.setattr(pipeline, "BUY", 1)

    found = verdict.judge(run, FIRST)

    assert first(found) == ("code", "intent.MNQ.@1:1")
    assert found.first is not None
    assert found.first.changed == ("strategies/pipeline.py",)


def test_changed_code_that_decides_the_same_is_equal(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, and is no difference."""
    changed_code(monkeypatch, "strategies/pipeline.py")

    found = verdict.judge(run, FIRST)

    assert (found.verdict, found.code) == ("equal", ("strategies/pipeline.py",))


def changed_code(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    now = lives.present(["pipeline"])
    other = lives.Code({**now.files, path: "0" * lives.DIGITS}, now.versions)
    monkeypatch.setattr(versions, "_now", lambda strategies: other)


def test_a_strategy_that_raises_today_is_told(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A core that ends on an event that it once took is a difference of the code, and leaves no trace in the run."""
    changed_code(monkeypatch, "daemons/publisher/core.py")
    monkeypatch.setattr("tapewire.daemons.publisher.core.public_signal", lambda signal: 1 / 0)

    found = verdict.judge(run, FIRST)

    assert first(found) == ("code", "signal.MNQ.@1:1")
    assert found.first is not None
    assert "ZeroDivisionError" in found.first.why
    assert not (run / "poisoned").exists()


def test_a_changed_message_without_another_reason_is_the_record(run: Path) -> None:
    """A trade in the journal that is not what its fills give."""
    judged.altered(run, "trade.MNQ.", 2, net_cents=123_456)

    found = verdict.judge(run, FIRST)

    assert first(found) == ("record", "trade.MNQ.@1:3")
    assert found.first is not None
    assert [(each.path, each.a) for each in found.first.fields] == [("net_cents", 123_456)]


def test_an_intent_that_the_gate_had_otherwise_is_found(run: Path) -> None:
    """The gate's log is a second witness of what the evaluator requested."""

    def change(number: int, record: bytes) -> bytes:
        entry = msgspec.msgpack.decode(record, type=recovery.Entry)
        if entry.topic != "intent.MNQ.":
            return record
        frame = msgspec.msgpack.encode(msgspec.msgpack.decode(entry.frame) | {"missing": 7})
        return msgspec.msgpack.encode(msgspec.structs.replace(entry, frame=frame))

    judged.rewritten(run / judged.LOG, change)

    found = verdict.judge(run, FIRST)

    assert first(found) == ("record", "intent.MNQ.@1:1")
    assert found.first is not None
    assert "gate.log" in found.first.why


def test_a_run_of_an_earlier_version_is_judged(run: Path) -> None:
    """It has noted no versions: equal is equal, and a difference says that the reason is not known."""
    shutil.rmtree(run / lives.FOLDER)
    equal = verdict.judge(run, FIRST)
    judged.altered(run, "trade.MNQ.", 2, net_cents=123_456)

    found = verdict.judge(run, FIRST)

    assert equal.verdict == "equal"
    assert first(found)[0] == "record"
    assert found.first is not None
    assert "an earlier version noted none" in found.first.why


def test_a_field_that_a_later_version_added_is_no_difference(run: Path) -> None:
    """A recorded message without it is read with its default."""

    def without(number: int, frame: bytes) -> bytes:
        return msgspec.msgpack.encode({k: v for k, v in msgspec.msgpack.decode(frame).items() if k != "strategies"})

    judged.rewritten(judged.tape(run, "risk.Replay."), without)

    assert verdict.judge(run, FIRST).verdict == "equal"


def test_bars_that_were_made_of_trades_are_not_judged(run: Path) -> None:
    """The journal keeps no trades, so these bars cannot come out again."""
    frame = next(scan(judged.tape(run, "session.MNQ.")))
    with Journal.open(judged.tape(run, "bar.MNQ.5s.")) as made:
        made.append(frame)

    assert verdict.judge(run, FIRST).verdict == "equal"


def test_a_day_is_judged_by_itself(run: Path) -> None:
    """A difference of the day before, which took a message away, is not told of the next day again."""
    judged.rewritten(judged.tape(run, "position.MNQ."), lambda number, frame: None if number == 3 else frame)

    found = [verdict.judge(run, date) for date in (FIRST, SECOND)]

    assert first(found[0]) == ("record", "position.MNQ.@1:4")
    assert found[1].verdict == "equal"


def without_a_position(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged.rewritten(judged.tape(run, "position.MNQ."), lambda number, frame: None if number == 3 else frame)


def lost_by_the_logger(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged.rewritten(judged.tape(run, "session.MNQ."), lambda number, frame: None if number == 30 else frame)
    with Journal.open(judged.tape(run, "sys.gap.logger.")) as told:
        told.append(wire.encode(Header(1, "logger", 1, 1, 0), Gap("session.MNQ.", 1, 31, 31, "logger")))


def raising_on_the_second_day(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raises = {message.id for message in tapes.facts(run, topics.SIGNAL, Signal) if message.session == SECOND}
    public = publisher.public_signal
    monkeypatch.setattr(publisher, "public_signal", lambda signal: 1 / 0 if signal.id in raises else public(signal))


@pytest.mark.parametrize("change", [None, without_a_position, lost_by_the_logger, raising_on_the_second_day])
def test_many_days_are_folded_once_and_come_out_as_each_alone(
    change: Callable[[Path, pytest.MonkeyPatch], None] | None, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal, or with a difference of the first day, with what only the logger lost, or with a core that raises on the second day.
    What the logger lost on a day is a fold of that day alone."""
    if change is not None:
        change(run, monkeypatch)
    alone = [verdict.judge(run, date) for date in (FIRST, SECOND)]
    begun: list[str] = []
    monkeypatch.setattr(again.DaemonFold, "__init__", counted(again.DaemonFold.__init__, begun))

    together = list(verdict.judged(run, [SECOND, FIRST]))

    assert msgspec.json.encode(together) == msgspec.json.encode(alone)
    again_alone = ["evaluator", "publisher"] if change is lost_by_the_logger else []
    assert sorted(begun) == sorted(["tracker", "gate", "evaluator", "publisher", *again_alone])


def counted(begin: Callable[..., None], begun: list[str]) -> Callable[..., None]:
    def beginning(fold: again.DaemonFold, run: Path, daemon: Daemon, *rest: Any) -> None:
        begun.append(daemon.name)
        begin(fold, run, daemon, *rest)

    return beginning


def test_levels_of_a_person_are_folded_at_the_same_bar(played: tuple[Conf, Recording], tmp_path: Path) -> None:
    """For the date and for the next one, given between two bars and after the last one of a date: both days come out again."""
    conf, recording = played
    of_second = next(number for number, bar in enumerate(recording.bars) if Dates().of(bar.close_ns) == SECOND)
    facts = {
        20: (GivenLevels("MNQ", FIRST, Levels(pdh=200.0)), GivenLevels("MNQ", SECOND, Levels(pdl=50.0))),
        of_second: (GivenLevels("MNQ", SECOND, Levels(london_high=150.0)),),
    }
    run = judged.made(tmp_path / "run", conf, msgspec.structs.replace(recording, facts=facts))

    found = [verdict.judge(run, date) for date in (FIRST, SECOND)]

    assert [(each.verdict, each.summary) for each in found] == [("equal", each.summary) for each in found]
    assert [each.checked.get("levels") for each in found] == [3, None]


def test_ten_bars_that_the_bridge_dropped_are_lost_and_equal(played: tuple[Conf, Recording], tmp_path: Path) -> None:
    """They are told as lost, with the bridge's own numbers."""
    conf, recording = played
    kept = [bar for bar in recording.bars if not 45 <= bar.index < 55]
    run = judged.made(tmp_path / "run", conf, msgspec.structs.replace(recording, bars=kept))

    found = verdict.judge(run, FIRST)

    assert found.verdict == "equal"
    assert [(each.who, each.count, each.first, each.last) for each in found.lost] == [("bridge", 10, "45", "54")]
    assert "10 bars lost" in found.summary


def test_what_only_the_logger_lost_comes_out_again(run: Path) -> None:
    """A session and a decision that the journal lacks, by the logger's own report: equal, and told."""
    judged.rewritten(judged.tape(run, "session.MNQ."), lambda number, frame: None if number == 30 else frame)
    judged.rewritten(judged.tape(run, "decision.MNQ."), lambda number, frame: None if number == 2 else frame)
    with Journal.open(judged.tape(run, "sys.gap.logger.")) as told:
        for number, (topic, seq) in enumerate((("session.MNQ.", 31), ("decision.MNQ.", 3)), 1):
            told.append(wire.encode(Header(1, "logger", 1, number, 0), Gap(topic, 1, seq, seq, "logger")))

    found = verdict.judge(run, FIRST)

    assert found.first is None
    assert found.verdict == "equal"
    assert sorted(found.unrecorded) == ["decision.MNQ.@1:3", "session.MNQ.@1:31"]


def test_a_journal_without_its_beginning_proves_nothing(run: Path) -> None:
    """The second day rests on the first one's range and close, which are gone: that is no difference, and no proof."""
    judged.rewritten(judged.tape(run, judged.BARS), lambda number, frame: None if number < 60 else frame)

    found = verdict.judge(run, SECOND)

    assert (found.verdict, found.first) == ("unproved", None)
    assert "the journal begins with raw.bar.MNQ.1m.@1:61" in found.summary


def test_a_topic_whose_beginning_was_removed_is_read_from_what_is_left(run: Path) -> None:
    """The place where the epoch began to read counts from a beginning that is gone."""
    journal = EpochJournal(run, None)
    whole = [len(list(journal.read(judged.BARS, start))) for start in (0, 30)]
    judged.rewritten(judged.tape(run, judged.BARS), lambda number, frame: None if number < 40 else frame)

    assert whole == [120, 90]
    assert len(list(journal.read(judged.BARS, 30))) == 80


@pytest.mark.parametrize(
    ("topic", "answer"), [("intent.MNQ.", "equal"), ("trade.MNQ.", "diverged")], ids=["of the last bar", "of an earlier bar"]
)
def test_only_at_the_last_bar_a_message_may_be_missing(run: Path, topic: str, answer: str) -> None:
    """Everything may have been killed before the logger wrote it: then it comes out again, and is told. A message of an earlier bar
    cannot be missing so."""
    last = len(list(scan(judged.tape(run, topic)))) - 1
    judged.rewritten(judged.tape(run, topic), lambda number, frame: None if number == last else frame)
    Days(run, configuration.read(run)).finish(1 << 62)

    found = verdict.judge(run, SECOND)

    assert found.verdict == answer
    assert len(found.unrecorded) == (answer == "equal")


def test_a_backtest_without_all_bars_is_refused(run: Path) -> None:
    """What it left out would be taken for a loss."""
    tapes.mark(run, "decisions")

    with pytest.raises(ConfError, match="--journal decisions"):
        verdict.judge(run, FIRST)


def test_without_the_gates_log_nothing_is_proved(run: Path) -> None:
    """Sessions and intents come out again, and the verdict is not equal."""
    (run / judged.LOG).unlink()

    found = verdict.judge(run, FIRST)

    assert (found.verdict, found.first) == ("unproved", None)
    assert found.checked["session"] == 60
    assert "gate.log is missing" in found.summary


def test_the_fills_of_a_worse_venue_are_measured(played: tuple[Conf, Recording], tmp_path: Path) -> None:
    """Two ticks more on each side, and one refused entry: equal, given the venue's words; slippage and the missed fill are told."""
    conf, recording = played
    terms = conf.instruments["MNQ"]
    worse = msgspec.structs.replace(terms, slippage_ticks=terms.slippage_ticks + 2)
    venue = judged.Refusing(3, {"MNQ": worse}, conf.trading.account)
    run = judged.made(tmp_path / "run", conf, recording, venue)

    found = verdict.judge(run, FIRST)

    assert found.verdict == "equal"
    assert (found.fills.entry_ticks, found.fills.exit_ticks) == (2.0, 2.0)
    assert (found.fills.missed, found.fills.extra) == (1, 0)
    assert [each.state for each in found.fills.trades[:4]] == ["both", "both", "missed", "both"]
    assert found.fills.dollars == found.fills.both * 2 * 2 * terms.tick * terms.point_value
    assert any("the venue refuses this one" in line for line in text.lines(found))


def test_the_verdict_is_a_file_of_the_day(run: Path) -> None:
    """It is read as it was written."""
    found = verdict.judge(run, FIRST)

    path = verdict.write(run, found)

    assert path == run / "days" / "2026" / "03" / "02" / "verdict.json"
    assert msgspec.json.decode(path.read_bytes(), type=DayVerdict) == found
    assert folders.judged(run, FIRST) == folders.Judged("equal", found.summary)
    assert list(scan(run / judged.LOG))  # nothing of the run was touched
