"""A journal killed at any byte recovers a prefix, and damage anywhere never passes as data."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.errors import JournalError
from tapewire.bus.journal import MAGIC, Journal, scan

RECORDS = st.lists(st.binary(min_size=1, max_size=60), max_size=8)


def written(folder, records):
    path = Path(folder) / "a.tape"
    with Journal.open(path) as log:
        for record in records:
            log.append(record)
    return path


@given(RECORDS, st.data())
def test_any_cut_recovers_a_prefix(records, data):
    """Cut at any byte: every complete record is read, nothing else is, and writing continues from there."""
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder, records)
        whole = path.read_bytes()
        cut = data.draw(st.integers(0, len(whole)), label="cut")
        path.write_bytes(whole[:cut])
        ends = [len(MAGIC)]
        for record in records:
            ends.append(ends[-1] + 8 + len(record))
        expected = records[: sum(end <= cut for end in ends[1:])]

        assert list(scan(path)) == expected
        with Journal.open(path) as log:
            assert list(log.read()) == expected
            log.append(b"next")
        assert list(scan(path)) == [*expected, b"next"]


@given(RECORDS.filter(bool), st.data())
def test_any_flipped_bit_is_noticed(records, data):
    """One wrong bit behind the magic line: the journal recovers the records before it or is set aside; it never invents one."""
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder, records)
        content = bytearray(path.read_bytes())
        at = data.draw(st.integers(len(MAGIC), len(content) - 1), label="byte")
        content[at] ^= 1 << data.draw(st.integers(0, 7), label="bit")
        path.write_bytes(bytes(content))

        try:
            with Journal.open(path) as log:
                read = list(log.read())
        except JournalError:
            assert (path.parent / "a.tape.quarantined").read_bytes() == content
            return
        assert read == records[: len(read)]
        assert (path.parent / "a.tape.torn").exists()


@given(RECORDS, st.binary(max_size=100))
def test_any_garbage_behind_the_last_record_costs_no_record(records, garbage):
    """Garbage of a dying writer or a file system at the end is cut off or sets the file aside; no good record is lost."""
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder, records)
        with path.open("ab") as file:
            file.write(garbage)

        try:
            with Journal.open(path) as log:
                read = list(log.read())
        except JournalError:
            return
        assert read[: len(records)] == records
