"""A run's public feed on the disk: `feed/YYYY-MM-DD.jsonl`, a file for each trade date, and the key that signs its heads.

A line is on the disk before a subscriber gets it, so no restart, and no power cut, gives one number to two messages. A torn last
line is cut off: nobody has got it.
"""

from __future__ import annotations

import base64
import datetime as dt
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tapewire.bus import disk, feed, keys, private, wire
from tapewire.bus.errors import ConfError, DataError, JournalError, PeerError
from tapewire.bus.feed import HEAD, FeedHead, FeedLine

if TYPE_CHECKING:
    from nacl.signing import SigningKey

FOLDER = "feed"
SUFFIX = ".jsonl"
ANCHORS = (".head", ".head.ots")
"""The files of the head that closes a trade date, and of when it was seen outside (`tapewire anchor`)."""
TAIL = 4_096  # bytes in which the last head of a file lies
KEY = "feed.signing"  # in the folder of the run's keys


class FeedFiles:
    """The lines of a feed in their files. One process writes; others read.

    last: the last line. torn: bytes of a torn line that were cut off, by file.

    Args:
        whole: each line follows the one before it. Those of the tier `free` only have rising numbers.

    Raises:
        JournalError: a file is not what was written.
    """

    def __init__(self, run: Path, *, whole: bool = True) -> None:
        self.folder = private.folder(run / FOLDER)
        self.last: FeedLine | None = None
        self.torn: dict[str, int] = {}
        self._whole = whole
        self._first: dict[str, int] = {}  # the first number of each date
        self._file: tuple[str, int] | None = None
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            self._cut(path)
            for line in _lines(path):
                self._take(line, path.stem, path)

    @property
    def date(self) -> str:
        """The trade date of the last file; empty without any."""
        return max(self._first, default="")

    def since(self, number: int) -> Iterator[FeedLine]:
        """The lines after a number, in order."""
        dates = sorted(self._first)
        for at, date in enumerate(dates):
            if at + 1 < len(dates) and self._first[dates[at + 1]] <= number + 1:
                continue
            yield from (line for line in self.lines(date) if line.number > number)

    def lines(self, date: str) -> Iterator[FeedLine]:
        """The lines of a trade date."""
        return _lines(self.folder / f"{date}{SUFFIX}")

    def dates(self, count: int) -> list[str]:
        """The last trade dates that have lines, in order."""
        return sorted(self._first)[-count:]

    def write(self, date: str, lines: Sequence[FeedLine]) -> None:
        """Append lines that follow the last one. They are on the disk together, or none is.

        Args:
            date: their trade date; lines of an earlier one go into the last file.

        Raises:
            DiskError: the disk refuses.
        """
        text = b"".join(feed.encoded(line) + b"\n" for line in lines)
        date = max(date, self.date)
        path = self.folder / f"{date}{SUFFIX}"
        with disk.writing(path):
            if self._file is None or self._file[0] != date:
                self.close()
                new = not path.exists()
                self._file = (date, os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, private.FILE))
                if new:
                    disk.sync_folder(self.folder)
            file = self._file[1]
            size = os.fstat(file).st_size
            try:
                if os.write(file, text) != len(text):
                    raise OSError(28, "No space left on device")
                os.fdatasync(file)
            except OSError:
                os.ftruncate(file, size)  # half a line, or one that is not on the disk: nobody gets it
                raise
        self._first.setdefault(date, lines[0].number)
        self.last = lines[-1]

    def forget(self, before: str) -> list[str]:
        """Remove the files of trade dates before this one; the last file stays. Returns the dates."""
        gone = [date for date in sorted(self._first)[:-1] if date < before]
        for date in gone:
            with disk.writing(path := self.folder / f"{date}{SUFFIX}", "removed"):
                path.unlink(missing_ok=True)
            del self._first[date]
        return gone

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file[1])
            self._file = None

    def follows(self, line: FeedLine) -> bool:
        """Whether it may come behind the last one."""
        if self.last is None:
            return True
        if self._whole:
            return (line.number, line.previous) == (self.last.number + 1, self.last.digest.hex())
        return line.number > self.last.number

    def _take(self, line: FeedLine, date: str, path: Path) -> None:
        if self.last is not None and not self.follows(line):
            raise _damaged(path, f"number {line.number} does not follow {self.last.number}")
        self.last = line
        self._first.setdefault(date, line.number)

    def _cut(self, path: Path) -> None:
        with disk.writing(path), path.open("rb+") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - feed.MAX_TEXT))
            end = file.read()
            if torn := len(end) - end.rfind(b"\n") - 1:
                file.truncate(size - torn)
                self.torn[path.name] = torn


class FeedLog(FeedFiles):
    """The feed of a run, as its publisher makes it.

    head: the last head, and head_at its number.

    Raises:
        JournalError: as FeedFiles.
    """

    def __init__(self, run: Path) -> None:
        self.head: FeedHead | None = None
        self.head_at = 0
        self._at: dict[str, tuple[int, int]] = {}
        super().__init__(run)

    def add(self, topic: str, frame: bytes, epoch: int, seq: int, date: str) -> FeedLine | None:
        """Append a message. Returns its line; None if the feed has the message already.

        Args:
            epoch, seq: the message's. date: its trade date; lines of an earlier one go into the last file.

        Raises:
            DiskError: the disk refuses.
        """
        if (epoch, seq) <= self._at.get(topic, (0, 0)):
            return None
        line = feed.next_line(self.last, topic, frame)
        self.write(date, [line])
        self._at[topic] = (epoch, seq)
        return line

    def sign(self, key: SigningKey, *, market_ns: int, closed: bool) -> FeedLine | None:
        """Append a head. None if there is nothing new to sign. closed: the trade date of the last line is over."""
        if self.last is None or self.head_at == self.last.number:
            return None
        head = FeedHead(self.date, market_ns, closed)
        line = feed.next_head(self.last, key, head)
        self.write(self.date, [line])
        self.head, self.head_at = head, line.number
        return line

    def _take(self, line: FeedLine, date: str, path: Path) -> None:
        super()._take(line, date, path)
        try:
            if line.topic == HEAD:
                self.head, self.head_at = feed.head_of(line), line.number
            else:
                header = wire.decode(line.frame)[0]
                self._at[line.topic] = (header.epoch, header.seq)
        except (PeerError, DataError) as error:
            raise _damaged(path, f"number {line.number}: {error}") from None


def closing(path: Path) -> FeedLine | None:
    """The head with which a file ends; None unless it closes the trade date."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
            last = feed.decoded(file.read().splitlines()[-1])
        return last if last.topic == HEAD and feed.head_of(last).closed else None
    except (OSError, IndexError, DataError):
        return None


def signing_key(run: Path) -> SigningKey:
    """The key that signs a run's heads; made if it has none.

    Raises:
        ConfError: PyNaCl is not installed, or the file holds no key.
    """
    try:
        from nacl.signing import SigningKey
    except ImportError:
        raise ConfError("signing needs PyNaCl: pip install 'tapewire[subscribers]'") from None
    path = run / keys.FOLDER / KEY
    if not path.exists():
        disk.replace(path, base64.b64encode(bytes(SigningKey.generate())) + b"\n")
    try:
        return SigningKey(base64.b64decode(path.read_bytes().strip(), validate=True))
    except ValueError:
        raise ConfError(f"{path} is no signing key; put the right one back, or remove it for a new one") from None


def public_text(key: SigningKey) -> str:
    """The public half, as subscribers get it."""
    return base64.b64encode(bytes(key.verify_key)).decode()


def days_before(date: str, days: int) -> str:
    """The date so many days earlier."""
    return (dt.date.fromisoformat(date) - dt.timedelta(days)).isoformat()


def _lines(path: Path) -> Iterator[FeedLine]:
    try:
        with path.open("rb") as file:
            for at, text in enumerate(file, 1):
                if not text.endswith(b"\n"):
                    return  # it is being written
                try:
                    yield feed.decoded(text)
                except DataError as error:
                    raise _damaged(path, f"line {at}: {error}") from None
    except FileNotFoundError:
        return


def _damaged(path: Path, why: str) -> JournalError:
    return JournalError(f"{path}: {why}; put back what was written, or move the folder away and begin a new feed")
