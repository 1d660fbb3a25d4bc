"""The append-only file: which records survive, which are cut or set aside, and the error for the operator."""

import errno
import os
import re
import shutil
import struct
import zlib

import pytest

from tapewire.bus import journal
from tapewire.bus.errors import JournalError
from tapewire.bus.journal import Journal, JournalLost, scan
from tapewire.bus.records import MAGIC, MAX_RECORD
from tapewire.bus.wire import MAX_FRAME

THREE = [b"one", b"two" * 100, b"three"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal" / "session.MNQ.tape"


def written(path, records=THREE):
    """A journal with these records, closed."""
    with Journal.open(path) as log:
        for record in records:
            log.append(record)
    return path


def offset_of(records, number):
    """The byte at which a record starts."""
    return len(MAGIC) + sum(8 + len(record) for record in records[:number])


def damage(path, at, byte=0xFF):
    """Flip one byte."""
    data = bytearray(path.read_bytes())
    data[at] ^= byte
    path.write_bytes(bytes(data))


def test_records_come_back_in_order(path):
    """Appended records are read again after closing and opening."""
    written(path)

    with Journal.open(path) as log:
        assert list(log.read()) == THREE
        assert log.last() == THREE[-1]
        assert len(log) == 3


def test_a_position_is_the_number_of_the_record(path):
    """append returns the position for read; the count continues after a restart."""
    written(path, [b"one"])

    with Journal.open(path) as log:
        assert [log.append(b"two"), log.append(b"three")] == [1, 2]
        assert list(log.read(1, 1)) == [b"two"]


def test_the_format_is_the_documented_one(path):
    """Magic line, then little-endian length and crc32 in front of each payload."""
    written(path, [b"one"])

    assert path.read_bytes() == b"tapewire journal 1\n" + struct.pack("<II", 3, zlib.crc32(b"one")) + b"one"


@pytest.mark.parametrize(
    "start, count, expected",
    [
        (0, None, THREE),
        (1, None, THREE[1:]),
        (0, 2, THREE[:2]),
        (2, 10, THREE[2:]),
        (3, None, []),
        (9, 1, []),
        (0, 0, []),
    ],
)
def test_any_part_can_be_read(path, start, count, expected):
    """From a position, at most `count` records; none beyond the end."""
    with Journal.open(written(path)) as log:
        assert list(log.read(start, count)) == expected


def test_reading_includes_unflushed_records_and_stops_at_its_start(path):
    """A reader gets every record up to its call, and none that the writer appends later."""
    with Journal.open(path) as log:
        log.append(b"one")
        reading = log.read()
        log.append(b"two")

        assert list(reading) == [b"one"]


def test_more_than_one_buffer_is_read_back(path):
    """Records larger and smaller than one read."""
    records = [bytes([number % 251]) * size for number, size in enumerate([1, 100_000, 300_000, 7, 250_000, 20_000] * 3)]

    with Journal.open(written(path, records)) as log:
        assert list(log.read()) == records


def test_an_empty_journal_has_no_last_record(path):
    """None, not an error: the journal is empty."""
    with Journal.open(path) as log:
        assert log.last() is None
        assert list(log.read()) == []


@pytest.mark.parametrize("record", [b"", b"x" * (MAX_RECORD + 1)], ids=["empty", "too long"])
def test_a_record_that_could_not_be_recovered_is_refused(path, record):
    """A length of 0 looks like the zeros of a power cut; one beyond the limit looks like damage."""
    with Journal.open(path) as log, pytest.raises(ValueError, match="a journal takes 1 to"):
        log.append(record)


def test_the_longest_message_fits_into_a_record():
    """A journal keeps every message that the wire accepts, with the fields that its writer adds."""
    assert MAX_RECORD >= 2 * MAX_FRAME


def test_buffered_records_are_lost_with_the_process_and_flushed_ones_are_not(path):
    """A SIGKILL loses records after the last flush and none before it."""
    log = Journal.open(path)
    log.append(b"flushed")
    log.flush()
    log.append(b"buffered")

    assert list(scan(path)) == [b"flushed"]
    log.close()
    assert list(scan(path)) == [b"flushed", b"buffered"]


def test_a_torn_tail_is_cut_and_kept(path):
    """The half record of a killed writer goes to <name>.torn; every record before it stays, and appending continues."""
    written(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-2])

    with Journal.open(path) as log:
        assert list(log.read()) == THREE[:2]
        log.append(b"next")

    assert list(scan(path)) == [*THREE[:2], b"next"]
    assert path.with_name("session.MNQ.tape.torn").read_bytes() == whole[offset_of(THREE, 2) : -2]


def test_a_last_record_with_a_wrong_checksum_is_torn(path):
    """A disk may have stored the length of the last write and not its bytes."""
    written(path)
    damage(path, -1)

    with Journal.open(path) as log:
        assert list(log.read()) == THREE[:2]


@pytest.mark.parametrize("zeros", [1, 8, 100, 3 * MAX_RECORD])
def test_zeros_at_the_end_are_torn(path, zeros):
    """A file system that lost power may leave a run of zeros of any length in place of data."""
    written(path)
    with path.open("ab") as file:
        file.write(bytes(zeros))

    with Journal.open(path) as log:
        assert list(log.read()) == THREE


def test_two_torn_tails_are_both_kept(path):
    """The second crash does not erase the evidence of the first."""
    for _ in range(2):
        with Journal.open(path) as log:
            log.append(b"whole")
        with path.open("ab") as file:
            file.write(b"torn")
    Journal.open(path).close()

    assert path.with_name("session.MNQ.tape.torn").read_bytes() == b"torntorn"


@pytest.mark.parametrize(
    "at",
    [
        pytest.param(offset_of(THREE, 1) + 20, id="payload"),
        pytest.param(offset_of(THREE, 1) + 5, id="checksum"),
        pytest.param(offset_of(THREE, 1), id="length, shorter or longer than true"),
        pytest.param(offset_of(THREE, 1) + 3, id="length, beyond the end of the file"),
    ],
)
def test_damage_before_the_tail_sets_the_file_aside(path, at):
    """Good records behind the damage prove that no torn write caused it: no process starts from this file by accident."""
    written(path)
    damage(path, at)
    damaged = path.read_bytes()

    with pytest.raises(JournalError, match=rf"record 1 at byte {offset_of(THREE, 1)} .* set aside as .*restore"):
        Journal.open(path)
    assert not path.exists()
    assert path.with_name("session.MNQ.tape.quarantined").read_bytes() == damaged


def test_a_second_quarantine_does_not_replace_the_first(path):
    """Evidence is never overwritten."""
    for _ in range(2):
        written(path)
        damage(path, offset_of(THREE, 0) + 8)
        with pytest.raises(JournalError):
            Journal.open(path)

    assert sorted(p.name for p in path.parent.iterdir()) == ["session.MNQ.tape.quarantined", "session.MNQ.tape.quarantined2"]


def test_more_damage_than_one_write_can_leave_is_not_a_torn_tail(path):
    """Garbage longer than any record is set aside too, although nothing good follows it."""
    written(path)
    with path.open("ab") as file:
        file.write(b"\xff" * (MAX_RECORD + 9))

    with pytest.raises(JournalError, match="record 3"):
        Journal.open(path)


@pytest.mark.parametrize("kept", range(len(MAGIC)))
def test_a_journal_killed_at_its_creation_is_a_new_one(path, kept):
    """Any part of the magic line is an empty journal."""
    path.parent.mkdir()
    path.write_bytes(MAGIC[:kept])

    assert list(scan(path)) == []
    with Journal.open(path) as log:
        log.append(b"one")
    assert list(scan(path)) == [b"one"]


@pytest.mark.parametrize(
    "content, complaint",
    [
        (b"time,open,high,low,close\n" + b"0" * 50, "not a tapewire journal"),
        (b"tapewire journal 2\n", "journal format 2, this program reads 1"),
    ],
)
def test_a_file_that_is_not_ours_is_left_alone(path, content, complaint):
    """A wrong path or another version is the operator's decision; not a byte changes."""
    path.parent.mkdir()
    path.write_bytes(content)

    for attempt in (lambda: Journal.open(path), lambda: list(scan(path))):
        with pytest.raises(JournalError, match=complaint):
            attempt()
    assert path.read_bytes() == content


def test_one_process_writes(path):
    """A second writer is refused while the first lives; readers are not."""
    with Journal.open(path) as log:
        log.append(b"one")
        log.flush()
        with pytest.raises(JournalError, match="another process is writing"):
            Journal.open(path)
        assert list(scan(path)) == [b"one"]
    Journal.open(path).close()


def test_a_journal_that_must_exist_is_not_made(path):
    """create=False is for readers of an existing run."""
    for attempt in (lambda: Journal.open(path, create=False), lambda: list(scan(path))):
        with pytest.raises(JournalError, match="there is no such journal"):
            attempt()
    assert not path.parent.exists()


def test_scanning_ends_at_a_torn_tail_and_changes_nothing(path):
    """The torn tail may be a record that is being written at this moment."""
    written(path)
    path.write_bytes(path.read_bytes()[:-2])
    before = path.read_bytes()

    assert list(scan(path)) == THREE[:2]
    assert path.read_bytes() == before


def test_scanning_a_damaged_file_gives_the_good_records_and_then_the_place(path):
    """A quarantined file can still be read up to its damage."""
    written(path)
    damage(path, offset_of(THREE, 1) + 20)
    reading = scan(path)

    assert next(reading) == b"one"
    with pytest.raises(JournalError, match=f"record 1 at byte {offset_of(THREE, 1)}"):
        next(reading)


def test_a_full_disk_leaves_whole_records(path, monkeypatch):
    """The failed write is cut back, the error names the file and the remedy, and nothing more is accepted."""
    log = Journal.open(path)
    log.append(b"safe")
    log.flush()
    real = os.pwrite

    def full(fd, data, at):
        if len(data) < 8:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data[: len(data) - 4], at)

    monkeypatch.setattr(journal.os, "pwrite", full)
    log.append(b"lost")

    for attempt in (log.flush, lambda: log.append(b"more"), log.sync):
        with pytest.raises(JournalError, match=r"session\.MNQ\.tape: cannot be written \(No space left on device\); make room"):
            attempt()
    monkeypatch.undo()
    log.close()
    with Journal.open(path) as again:
        assert list(again.read()) == [b"safe"]
    assert not path.with_name("session.MNQ.tape.torn").exists()


def test_many_records_at_once_are_those_of_one_after_another(path, tmp_path):
    """The same bytes, whatever was appended before; and they are with the operating system, so a kill loses none."""
    one_by_one = written(tmp_path / "another.tape", [b"first", *THREE, b"last"]).read_bytes()
    with Journal.open(path) as log:
        log.append(b"first")
        log.extend(THREE)
        handed_over = path.read_bytes()
        log.append(b"last")

        assert (len(log), [*log.read()]) == (5, [b"first", *THREE, b"last"])
    assert one_by_one.startswith(handed_over)
    assert list(scan(path)) == [b"first", *THREE, b"last"]
    assert path.read_bytes() == one_by_one


@pytest.mark.parametrize("bad", [b"", bytes(journal.MAX_RECORD + 1)], ids=["empty", "too long"])
def test_of_many_records_with_a_bad_one_none_is_added(path, bad):
    """As `append` refuses it; the journal goes on."""
    with Journal.open(path) as log:
        with pytest.raises(ValueError, match="a journal takes 1 to"):
            log.extend([b"good", bad])
        log.extend(())
        log.extend([b"good"])

        assert list(log.read()) == [b"good"]


def test_a_full_disk_leaves_none_of_many_records(path, monkeypatch):
    """The part that was written is cut off again."""
    log = Journal.open(path)
    log.append(b"safe")
    real = os.pwrite

    def full(fd, data, at):
        if len(data) < 50:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(fd, data[:20], at)

    log.flush()
    monkeypatch.setattr(journal.os, "pwrite", full)
    for _ in range(2):
        with pytest.raises(JournalError, match=r"session\.MNQ\.tape: cannot be written \(No space left on device\); make room"):
            log.extend([b"lost"] * 5)
    monkeypatch.undo()
    log.close()

    with Journal.open(path) as again:
        assert list(again.read()) == [b"safe"]


def test_after_a_failed_fsync_nothing_more_is_written(path, monkeypatch):
    """The kernel may have dropped the pages, so the content of the tail is unknown: stop, and recover on the next start."""
    log = Journal.open(path)
    log.append(b"one")

    def broken(fd):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(journal.os, "fsync", broken)
    with pytest.raises(JournalError, match="Input/output error"):
        log.sync()
    monkeypatch.undo()
    with pytest.raises(JournalError, match="Input/output error"):
        log.append(b"two")
    log.close()


def test_a_new_file_is_on_the_disk_with_its_first_sync(path, monkeypatch):
    """Its bytes, then its name, and the name once; opening it and handing bytes over wait for no disk."""
    path.parent.mkdir()
    waited = []
    monkeypatch.setattr(journal.os, "fsync", lambda fd: waited.append(os.readlink(f"/proc/self/fd/{fd}")))
    with Journal.open(path) as log:
        log.extend([b"one"])
        assert waited == []
        for record in (b"two", b"three"):
            log.append(record)
            log.sync()

    assert waited == [str(path), str(path.parent), str(path)]


def test_a_new_file_whose_folder_has_gone_is_written_anew(path):
    """A sync between the two cannot bring the name to the disk; the records are not lost by that."""
    path.parent.mkdir()
    with Journal.open(path) as log:
        log.extend([b"one"])
        shutil.rmtree(path.parent)
        log.sync()
        log.restore()

        assert log.restored == ["was deleted or moved"]
    assert list(scan(path)) == [b"one"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_write_access_is_named(tmp_path):
    """The error names the path and the access that it needs."""
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(JournalError, match=r"a\.tape: cannot be opened \(Permission denied\); give this user write access"):
            Journal.open(tmp_path / "a.tape")
    finally:
        tmp_path.chmod(0o700)


def test_damage_while_the_file_is_open_is_detected(path):
    """Reading checks each record again: history never serves a record that was not written."""
    written(path)
    with Journal.open(path) as log:
        damage(path, offset_of(THREE, 1) + 20)
        reading = log.read()

        assert next(reading) == b"one"
        with pytest.raises(JournalError, match=f"record 1 at byte {offset_of(THREE, 1)} was good when the file was opened"):
            next(reading)


def test_a_closed_journal_takes_nothing(path):
    """Closing twice is fine; appending afterwards is an error."""
    log = Journal.open(path)
    log.close()
    log.close()

    with pytest.raises(JournalError, match="was closed"):
        log.append(b"late")


@pytest.fixture
def running(path):
    """A journal in use, with three records on disk."""
    with Journal.open(path) as log:
        for record in THREE:
            log.append(record)
        log.sync()
        yield log


def beside(path):
    """The names in the folder."""
    return sorted(each.name for each in path.parent.iterdir())


def deleted(path):
    path.unlink()


def moved(path):
    path.rename(path.with_name("elsewhere"))


def without_its_folder(path):
    shutil.rmtree(path.parent)


@pytest.mark.parametrize("taken", [deleted, moved, without_its_folder])
@pytest.mark.parametrize("by_writing", [False, True], ids=["asked", "by the next write"])
def test_a_file_that_is_taken_away_is_written_anew(running, path, taken, by_writing):
    """Whole, byte for byte, readable for its user alone; the journal goes on in it, and says what was wrong."""
    before = path.read_bytes()
    taken(path)

    if by_writing:
        running.append(b"four")
        running.flush()
    else:
        running.restore()
        assert path.read_bytes() == before
        running.append(b"four")
        running.sync()

    assert running.restored == ["was deleted or moved"]
    assert path.read_bytes() == before + struct.pack("<II", 4, zlib.crc32(b"four")) + b"four"
    assert list(running.read()) == [*THREE, b"four"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_in_its_place_is_left_alone(running, path):
    """No fault, nothing written, also with records in the buffer."""
    running.append(b"buffered")
    before = path.stat()

    running.restore()

    assert running.restored == []
    assert path.stat() == before


def test_a_file_that_takes_its_place_is_set_aside(running, path):
    """Another program's file is kept beside ours, each under a name of its own."""
    for content in (b"theirs", b"theirs again"):
        other = path.with_name("other")
        other.write_bytes(content)
        other.replace(path)
        running.restore()

    assert running.restored == ["was replaced by another file"] * 2
    assert list(scan(path)) == THREE
    assert path.with_name(f"{path.name}.replaced").read_bytes() == b"theirs"
    assert path.with_name(f"{path.name}.replaced2").read_bytes() == b"theirs again"
    assert len(beside(path)) == 3


def test_a_restored_file_is_still_ours_alone(running, path):
    """A second writer is refused before and after."""
    path.unlink()
    running.restore()

    with pytest.raises(JournalError, match="another process is writing"):
        Journal.open(path)


@pytest.mark.parametrize("size", [0, 10, len(MAGIC) + 11, len(MAGIC) + 12])
def test_a_file_that_is_cut_short_takes_no_more(running, path, size):
    """Its bytes are gone: the error names the file and both sizes, nothing is written, and a new start keeps the whole records."""
    full = path.stat().st_size
    os.truncate(path, size)

    running.append(b"four")
    with pytest.raises(JournalLost, match=f"{re.escape(str(path))}: was cut from {full} to {size} bytes"):
        running.flush()
    running.close()

    assert path.stat().st_size == size
    with Journal.open(path) as again:
        assert list(again.read()) == ([b"one"] if size > len(MAGIC) + 10 else [])


def test_a_file_that_cannot_be_written_anew_takes_no_more(running, path):
    """A file stands where the folder was: the error says so, and every further write raises again."""
    shutil.rmtree(path.parent)
    path.parent.write_text("in the way")

    with pytest.raises(JournalLost, match="was deleted or moved while it was in use, and cannot be written anew"):
        running.restore()
    with pytest.raises(JournalError):
        running.append(b"four")
    assert running.set_aside() is None


def test_a_lost_file_can_be_set_aside(running, path):
    """What is left of it gets another name, and where nothing is left an empty file holds the place."""
    os.truncate(path, 25)

    aside = running.set_aside()

    assert aside == path.with_name(f"{path.name}.quarantined")
    assert aside.stat().st_size == 25
    with Journal.open(path) as other:
        path.unlink()
        assert other.set_aside() == path.with_name(f"{path.name}.quarantined2")
    assert beside(path) == [aside.name, f"{aside.name}2"]
