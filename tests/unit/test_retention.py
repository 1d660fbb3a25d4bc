"""A compressed journal reads as it did before, whatever was killed on the way; what is removed is what no start needs."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from tapewire.bus import archive, wire
from tapewire.bus.errors import ConfError, JournalError
from tapewire.bus.journal import Journal, before, begins, extent, scan, scan_from
from tapewire.bus.messages import PROTOCOL_VERSION, Alarm, Header, HistoryRequest
from tapewire.daemons.operator.prune import Pruning, Step, days, lines
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Bus
from tapewire.daemons.shell import retention
from tapewire.daemons.shell.tape import Tape
from tests.runs import conf

DAY_NS = 86_400_000_000_000
RECORDS = 100
ALL = 1 << 62
TOPIC = "raw.bar.MNQ.1m."


def frame(seq: int) -> bytes:
    """A message a day after the one before."""
    return wire.encode(Header(PROTOCOL_VERSION, "nt", 1, seq, seq * DAY_NS), Alarm("a", "x" * (seq % 7)))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames of some records instead of a MiB."""
    monkeypatch.setattr(retention, "FRAME_BYTES", 1_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path / "journal" / f"{TOPIC[:-1]}.tape")


def written(path: Path, count: int = RECORDS) -> Path:
    with Journal.open(path) as journal:
        for seq in range(1, count + 1):
            journal.append(frame(seq))
    return path


def seen(path: Path) -> dict[str, object]:
    """All that readers of files can see: records with their places, from anywhere, the end, and bytes before places."""
    records = list(scan_from(path, 0))
    places = [place for place, _ in records]
    return {
        "records": records,
        "scan": list(scan(path)),
        "later": [list(scan_from(path, place)) for place in places[::9]],
        "extent": extent(path),
        "before": [before(path, place, most) for place in places[::9] for most in (10, 3_000, 1 << 20)],
    }


@pytest.mark.parametrize("until", [1, 2, RECORDS // 2, RECORDS, RECORDS + 1])
def test_a_compressed_journal_reads_as_before(path: Path, until: int) -> None:
    """Whichever part was compressed: the same records at the same places, and the same bytes before them."""
    whole = seen(path)
    if until > 1:
        packed = retention.compress(path, until * DAY_NS)
        assert packed.records == until - 1
        assert begins(path) > len(b"tapewire journal 1\n")

    assert seen(path) == whole


def test_it_goes_on_after_that_and_is_compressed_again(path: Path, tmp_path: Path) -> None:
    """Appended, compressed and appended by turns, it is what it is without."""
    other = written(tmp_path / "other.tape", 2 * RECORDS)
    retention.compress(path, 40 * DAY_NS)
    retention.compress(path, 80 * DAY_NS)
    with Journal.open(path) as journal:
        for seq in range(RECORDS + 1, 2 * RECORDS + 1):
            journal.append(frame(seq))
    retention.compress(path, 150 * DAY_NS)

    assert seen(path) == seen(other)


def test_a_kill_between_the_steps_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The archive is there and the file is still whole: readers take the file, and the next time takes the archive anew."""
    whole = seen(path)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "cut", lambda self, count: os._exit)
        retention.compress(path, 60 * DAY_NS)
    between = seen(path)
    retention.compress(path, 90 * DAY_NS)

    assert archive.beside(path).exists()
    assert between == whole
    assert seen(path) == whole


def test_a_kill_while_the_archive_is_written_leaves_the_last_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written beside is no archive."""
    whole = seen(path)
    retention.compress(path, 30 * DAY_NS)
    known = archive.beside(path).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(archive, "pack", dying(2))
        with pytest.raises(KeyboardInterrupt):
            retention.compress(path, 90 * DAY_NS)

    assert archive.beside(path).read_bytes() == known
    assert seen(path) == whole


def dying(after: int):
    """Packs so many frames, then the process dies."""
    pack, count = archive.pack, iter(range(after))

    def packing(*arguments):
        if next(count, None) is None:
            raise KeyboardInterrupt
        return pack(*arguments)

    return packing


def test_what_a_kill_left_beside_is_removed(run: Path) -> None:
    """A half-written archive has the name of none, and goes with the next time."""
    left = run / "journal" / f".{TOPIC}tape.zst.4711.unfinished"
    left.write_bytes(b"half")
    pruned(run, 50, 10, do=True)

    assert not left.exists()


def test_a_damaged_or_missing_archive_is_named(path: Path) -> None:
    """Nothing is read past it in silence."""
    retention.compress(path, 60 * DAY_NS)
    there = archive.beside(path)
    content = bytearray(there.read_bytes())
    content[200] ^= 0xFF
    there.write_bytes(content)
    with pytest.raises(JournalError, match=r"tape\.zst: .*restore it from a copy"):
        list(scan(path))
    there.unlink()
    with pytest.raises(JournalError, match=r"tape\.zst: .*restore it from a copy"):
        list(scan(path))


def test_a_file_that_is_gone_begins_behind_its_archive(path: Path) -> None:
    """A logger that starts without it keeps what is compressed, and asks the writers for the rest."""
    retention.compress(path, 60 * DAY_NS)
    path.unlink()
    with Journal.open(path) as journal:
        journal.append(frame(60))

    assert list(scan(path)) == [frame(seq) for seq in range(1, 61)]


def test_every_frame_is_packed_by_itself(path: Path) -> None:
    """So a reader unpacks one frame, and needs no library that reads a file of several."""
    retention.compress(path, ALL)
    frames = archive.index(path, begins(path))

    assert len(frames) > 3
    assert [record for each in frames for record in archive.records(path, each)] == [frame(seq) for seq in range(1, RECORDS + 1)]
    assert [each.first_ns for each in frames] == [(each.before + 1) * DAY_NS for each in frames]


@pytest.mark.parametrize("until", [1, 40, RECORDS + 1])
def test_history_serves_both_parts_by_position(path: Path, until: int) -> None:
    """Any page is the same, at the seam as well; the last number is known although its record is compressed."""
    if until > 1:
        retention.compress(path, until * DAY_NS)
    tape = Tape(path.parent)
    pages = {start: tape.page(HistoryRequest("1", TOPIC, start, 25)) for start in range(0, RECORDS, 7)}
    (length,) = tape.lengths("")
    tape.close()

    assert {start: list(page.frames) for start, page in pages.items()} == {
        start: [frame(seq) for seq in range(start + 1, min(start + 25, RECORDS) + 1)] for start in pages
    }
    assert (length.records, length.epoch, length.seq) == (RECORDS, 1, RECORDS)


def test_the_oldest_are_removed_up_to_the_record_before_the_limit(path: Path) -> None:
    """A start finds where its days begin by the record before them: one older record stays."""
    retention.compress(path, 80 * DAY_NS)
    for limit in (60, 60):
        retention_frames = retention.oldest(path, limit * DAY_NS)
        if retention_frames:
            retention.leave_out(path, retention_frames)
    left = list(scan(path))

    first = left.index(frame(60))
    assert 0 < first < 30
    assert left == [frame(seq) for seq in range(60 - first, RECORDS + 1)]
    assert retention.oldest(path, ALL)[-1].end < begins(path)


@pytest.fixture
def run(tmp_path: Path, path: Path) -> Path:
    """A live run in its fifth epoch: a bar a day, a gap, and what four starts left."""
    written(path.with_name("sys.gap.tracker.tape"))
    for number in range(1, 5):
        folder = tmp_path / "epochs" / str(number)
        configuration.write(conf(epoch=number), folder_made(folder))
        if number != 4:
            (folder / "gate.log").write_bytes(b"state")
        at_ns = number * 20 * DAY_NS
        os.utime(folder / "run.json", ns=(at_ns, at_ns))
    return tmp_path


def folder_made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def pruned(run: Path, keep: int, compress: int, *, do: bool, live: bool = True) -> list[Step]:
    made = conf(epoch=5, bus=Bus(clock_runs=live))
    made = msgspec.structs.replace(made, tracker=msgspec.structs.replace(made.tracker, history_days=40))
    return list(Pruning(run, made, RECORDS * DAY_NS).steps(keep * DAY_NS, compress * DAY_NS, do=do))


def content(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in sorted(run.rglob("*")) if path.is_file()}


def test_a_dry_run_changes_nothing_and_says_what_would(run: Path) -> None:
    """The same files and numbers as the real one; then there is nothing left to do."""
    there = content(run)
    planned = pruned(run, 50, 10, do=False)
    unchanged = content(run) == there
    done = pruned(run, 50, 10, do=True)

    assert unchanged
    assert [step for step in done if step.action == "compress"] == [
        msgspec.structs.replace(step, after=real.after)
        for step, real in zip(planned, [each for each in done if each.action == "compress"], strict=False)
        if step.action == "compress"
    ]
    assert pruned(run, 50, 10, do=True) == []
    assert "would compress" in list(lines(run, planned, done=False))[-1]
    assert "freed" in list(lines(run, done, done=True))[-1]


def test_states_are_removed_but_not_the_last_one_that_is_needed(run: Path) -> None:
    """Epochs 1 and 2 ended long ago; 3 has the last log, with which the books begin, and 4 is the last start."""
    pruned(run, 15, 10, do=True)

    assert sorted(path.name for path in (run / "epochs").iterdir()) == ["3", "4"]
    assert (run / "epochs" / "3" / "gate.log").read_bytes() == b"state"


def test_what_a_start_reads_is_kept_whatever_is_asked(run: Path) -> None:
    """Forty days of history, and every gap."""
    pruned(run, 5, 2, do=True)
    bars = list(scan(run / "journal" / f"{TOPIC[:-1]}.tape"))

    assert bars[-42:] == [frame(seq) for seq in range(RECORDS - 41, RECORDS + 1)]
    assert len(bars) < 80
    assert len(list(scan(run / "journal" / "sys.gap.tracker.tape"))) == RECORDS


def test_the_files_of_a_replay_are_as_old_as_they_are(run: Path) -> None:
    """Its market time may be of any year: only files that nobody has written for so long are compressed."""
    tape = run / "journal" / f"{TOPIC[:-1]}.tape"
    os.utime(tape, ns=(0, 0))

    assert [step.what for step in pruned(run, 50, 10, do=True, live=False) if step.action == "compress"] == [tape.name]


@pytest.mark.parametrize("text", ["90", "d", "-1d", "9w", ""])
def test_an_age_is_a_number_of_days(text: str) -> None:
    """Said with the option that is wrong."""
    with pytest.raises(ConfError, match=r"--keep .* write 90d"):
        days(text, "--keep")
