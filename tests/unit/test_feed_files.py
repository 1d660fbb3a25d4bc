"""The public feed on the disk: numbers outlive restarts and power cuts, and what is damaged is not served."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tapewire.bus import disk, feed, feed_files, keys, wire
from tapewire.bus.errors import ConfError, JournalError
from tapewire.bus.feed import HEAD
from tapewire.bus.feed_files import FeedLog
from tapewire.bus.messages import Header
from tests.golden.examples import EXAMPLES

TOPIC = "public.signal.MNQ."
BODY = EXAMPLES["public_signal"][2]


def frame(seq: int, epoch: int = 1) -> bytes:
    return wire.encode(Header(1, "publisher", epoch, seq, 1_000), BODY)


def grown(run: Path, *numbers: int, date: str = "2026-03-02", epoch: int = 1) -> FeedLog:
    log = FeedLog(run)
    for seq in numbers:
        log.add(TOPIC, frame(seq, epoch), epoch, seq, date)
    return log


def content(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((run / "feed").glob("*.jsonl"))}


def test_a_restart_goes_on_where_the_feed_ended(tmp_path: Path) -> None:
    """A fold gives the same messages again: what the feed has it has once."""
    grown(tmp_path, 1, 2).close()

    log = grown(tmp_path, 1, 2, 3)

    assert [line.number for line in log.since(0)] == [1, 2, 3]
    assert log.last is not None
    assert (
        feed.check(content(tmp_path)["2026-03-02.jsonl"].splitlines(), feed_files.signing_key(keyed(tmp_path)).verify_key).last == 3
    )


def test_a_new_epoch_counts_its_messages_anew_and_the_feed_goes_on(tmp_path: Path) -> None:
    grown(tmp_path, 1, 2)

    log = grown(tmp_path, 1, epoch=2)

    assert [line.number for line in log.since(0)] == [1, 2, 3]


@pytest.mark.parametrize("left", range(1, 40, 7))
def test_a_torn_last_line_is_cut_off_and_written_again(tmp_path: Path, left: int) -> None:
    """At any byte: nobody has got it, because it was not on the disk."""
    grown(tmp_path, 1, 2)
    whole = content(tmp_path)
    path = tmp_path / "feed" / "2026-03-02.jsonl"
    first = path.read_bytes().index(b"\n") + 1
    os.truncate(path, first + left)

    log = grown(tmp_path, 1, 2)

    assert log.torn == {"2026-03-02.jsonl": left}
    assert content(tmp_path) == whole


@pytest.mark.parametrize("byte", [b"\x00", b"7"])
def test_damage_before_the_end_is_refused_and_told(tmp_path: Path, byte: bytes) -> None:
    """In any part of a line: numbers that subscribers have must not get other messages."""
    grown(tmp_path, 1, 2, 3)
    path = tmp_path / "feed" / "2026-03-02.jsonl"
    whole = path.read_bytes()
    places = range(whole.index(b"\n") + 1, whole.index(b"\n") + 400, 13)
    for at in places:
        if whole[at : at + 1] in (byte, b"\n"):
            continue
        path.write_bytes(whole[:at] + byte + whole[at + 1 :])
        with pytest.raises(JournalError, match="put back what was written"):
            FeedLog(tmp_path)


def test_a_trade_date_has_a_file_and_a_late_line_goes_into_the_last(tmp_path: Path) -> None:
    grown(tmp_path, 1, date="2026-03-02")
    grown(tmp_path, 2, date="2026-03-03")
    log = grown(tmp_path, 3, date="2026-03-02")

    assert {name: text.count(b"\n") for name, text in content(tmp_path).items()} == {"2026-03-02.jsonl": 1, "2026-03-03.jsonl": 2}
    assert log.date == "2026-03-03"
    assert [[line.number for line in log.since(number)] for number in range(4)] == [[1, 2, 3], [2, 3], [3], []]


def test_old_dates_are_forgotten_and_the_last_one_never(tmp_path: Path) -> None:
    for seq, date in enumerate(("2026-03-02", "2026-03-03", "2026-03-04"), 1):
        log = grown(tmp_path, seq, date=date)

    assert log.forget("2026-03-04") == ["2026-03-02", "2026-03-03"]
    assert log.forget("2027-01-01") == []
    assert [line.number for line in FeedLog(tmp_path).since(0)] == [3]


def test_a_head_is_written_once_for_what_is_new(tmp_path: Path) -> None:
    key = feed_files.signing_key(keyed(tmp_path))
    log = grown(tmp_path, 1, 2)

    head = log.sign(key, market_ns=5, closed=False)

    assert head is not None
    assert (head.number, head.topic) == (3, HEAD)
    assert log.sign(key, market_ns=9, closed=True) is None
    again = grown(tmp_path, 1, 2)
    assert (again.head_at, again.head) == (3, feed.head_of(head))
    assert again.sign(key, market_ns=9, closed=True) is None


def test_the_key_that_signs_is_private_and_stays(tmp_path: Path) -> None:
    run = keyed(tmp_path)
    key = feed_files.signing_key(run)

    assert feed_files.signing_key(run) == key
    assert (run / "keys" / "feed.signing").stat().st_mode & 0o777 == 0o600
    assert feed.verify_key(feed_files.public_text(key)) == key.verify_key
    (run / "keys" / "feed.signing").write_text("no key")
    with pytest.raises(ConfError, match="is no signing key"):
        feed_files.signing_key(run)


def test_what_the_disk_refuses_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next try writes the same line."""
    log = grown(tmp_path, 1)
    whole = content(tmp_path)

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", full)
        with pytest.raises(disk.DiskError, match="make room there"):
            log.add(TOPIC, frame(2), 1, 2, "2026-03-02")
    assert content(tmp_path) == whole

    line = log.add(TOPIC, frame(2), 1, 2, "2026-03-02")
    assert line is not None
    assert line.number == 2


def keyed(run: Path) -> Path:
    """The folder, with the keys of a run."""
    keys.make(run)
    return run
