"""Which bars were lost, and where: between the bridge's numbers, the journal and the readers' reports."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapewire.bus import topics, wire
from tapewire.bus.journal import Journal
from tapewire.bus.messages import Alarm, Body, EvalDone, Gap, Header
from tapewire.bus.stamp import ref
from tapewire.bus.testing import bar, session
from tapewire.replay.verify import bars
from tapewire.replay.verify.bars import BarsOfInstrument
from tests import judged

DATE = "2026-03-03"
MINUTES = 8


class Run:
    """The journal of a run: eight bars from 11:01 on, with their sessions and the ends of their decisions."""

    def __init__(self, run: Path) -> None:
        self.path = run
        self._seq: dict[str, int] = {}

    def put(self, topic: str, body: Body, at_ns: int, cause: str = "", seq: int = 0) -> str:
        """Write a message under this number, or the next."""
        seq = self._seq[topic] = seq or self._seq.get(topic, 0) + 1
        header = Header(1, "test", 1, seq, at_ns, cause)
        with Journal.open(judged.tape(self.path, topic)) as journal:
            journal.append(wire.encode(header, body))
        return ref(topic, header)

    def bar(self, number: int, *, index: int | None = None, decided: bool = True) -> None:
        """One bar with what follows it. decided: it has a session and an end of its decision."""
        at = f"11:{number:02}"
        each = bar(at, index=number if index is None else index)
        name = self.put(judged.BARS, each, each.close_ns, seq=number)
        if decided:
            done = session(at, bar=each)
            cause = self.put("session.MNQ.", done, each.close_ns, name)
            self.put("eval.done.MNQ.", EvalDone("MNQ", DATE, each.close_ns, each.index), each.close_ns, cause)

    def gap(self, reader: str, first: int, last: int) -> None:
        self.put(topics.of(topics.GAP, reader), Gap(judged.BARS, 1, first, last, reader), 0)

    def proved(self) -> BarsOfInstrument:
        (found,) = bars.prove(self.path, DATE).instruments
        return found


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def lost(found: BarsOfInstrument) -> list[tuple[str, int, str]]:
    return [(each.who, each.count, each.first.removeprefix(judged.BARS)) for each in found.lost]


def test_a_day_without_a_hole_is_complete(run: Run) -> None:
    """Eight numbers, eight bars, eight decisions; a digest over all lines."""
    for number in range(1, MINUTES + 1):
        run.bar(number)

    found = run.proved()

    assert (found.sent, found.recorded, found.sessions, found.decided, found.lost) == (8, 8, 8, 8, ())
    assert found.complete
    assert len(found.digest) == 64
    assert [line.decided for line in found.bars] == [f"eval.done.MNQ.@1:{number}" for number in range(1, 9)]


@pytest.mark.parametrize(
    ("readers", "who"),
    [((), "record"), (("logger",), "logger"), (("tracker",), "bus"), (("tracker", "logger"), "bus")],
    ids=["nobody tells", "the logger tells", "the tracker tells", "both tell"],
)
def test_a_hole_in_the_topics_numbers_is_told_by_who_reports_it(run: Run, readers: tuple[str, ...], who: str) -> None:
    """Bars 4 and 5 are not in the journal."""
    for number in (1, 2, 3, 6, 7, 8):
        run.bar(number)
    for reader in readers:
        run.gap(reader, 4, 5)

    found = run.proved()

    assert lost(found) == [(who, 2, "@1:4")]
    assert (found.sent, found.dropped, found.recorded) == (8, 0, 6)
    assert not found.complete


def test_a_hole_in_the_bars_own_numbers_is_the_bridges(run: Run) -> None:
    """It dropped three before it sent them, and said so."""
    for number in range(1, MINUTES + 1):
        run.bar(number, index=number if number < 5 else number + 3)
    run.put(topics.of(topics.ALARM, "nt"), Alarm("dropped", "more than 4 bars wait"), 0)

    found = run.proved()

    assert lost(found) == [("bridge", 3, "5")]
    assert found.lost[0].told == "alarm dropped"
    assert (found.sent, found.dropped) == (8, 3)


def test_bars_between_two_numberings_of_the_bridge_are_the_runs(run: Run) -> None:
    """Everything had ended: whether the bridge sent them, nobody knows."""
    run.bar(1)
    run.bar(2)
    later = bar("11:05", index=5)
    with Journal.open(judged.tape(run.path, judged.BARS)) as journal:
        journal.append(wire.encode(Header(1, "nt", 2, 1, later.close_ns), later))

    assert lost(run.proved())[0] == ("run", 2, "3")


def test_a_bar_that_the_tracker_did_not_get_is_the_trackers(run: Run) -> None:
    """It is in the journal, and the tracker reports it as lost; the next one's decision had not ended with the run."""
    for number in range(1, MINUTES + 1):
        run.bar(number, decided=number not in (3, 8))
    run.gap("tracker", 3, 3)

    assert lost(run.proved()) == [("tracker", 1, "@1:3"), ("run", 1, "@1:8")]


def test_a_repeated_bar_is_ignored_and_not_lost(run: Run) -> None:
    """A chart that was loaded again sends it once more."""
    for number in range(1, MINUTES):
        run.bar(number)
    run.put(judged.BARS, bar("11:05", index=5), bar("11:05").close_ns)

    found = run.proved()

    assert (found.late, found.lost) == (1, ())
    assert found.complete
