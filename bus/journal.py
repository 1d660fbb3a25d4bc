"""An append-only file of records. Its writer may be killed at any byte without losing a finished record.

    file    = first line, record, record, ...
    record  = u32 length, u32 crc32 of the payload, payload        (little-endian; a payload is 1 byte to 8 MiB)

A length of 0 is never valid: file systems leave runs of zeros behind after a power cut, and crc32 of nothing is 0.

Opening is recovering. Damage at the end of the file with no good record behind it is the last write of a process that died: the
torn tail is cut off and kept beside the file as `<name>.torn`. Damage with good records behind it, or more of it than one record
can explain, is no crash of ours: the file is set aside as `<name>.quarantined`, so that no process starts from it by accident.

Appends are buffered; `flush` hands them to the operating system (enough against a kill), `sync` to the disk (enough against a
power cut), a new file's name with them: until then nobody has been told that it lasts. One process writes; `scan` lets any other
read along.

The oldest records may be compressed (bus/archive.py); the first line then says at which place the file goes on. A place counts the
bytes of a file that was never compressed, so it stays the same. `scan` reads both parts as one; an open `Journal` is the rest.

A file that is deleted, moved or replaced while its journal is open is written anew before the next write, or by `restore`. The open
descriptor still holds every byte, so nothing is lost. What lies in its place is set aside as `<name>.replaced`. A file that was cut
short cannot be written anew: `JournalLost`. Bytes that another process adds behind the end are not looked at; the next write covers
them.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, NoReturn

from tapewire.bus import archive, disk, private
from tapewire.bus.errors import JournalError
from tapewire.bus.records import CONTINUED, HEAD, MAGIC, MAX_RECORD, START, continued

_FLUSH_AT = 1 << 18
_READ_AT_ONCE = 1 << 18
_COPY_AT_ONCE = 1 << 22


class JournalLost(JournalError):
    """The file was taken away or cut short while its journal was open, and cannot be written anew: the journal takes no more."""


class Journal:
    """One file of records, open for appending and for reading at any position. Positions count records from 0.

    restored: what was wrong each time that the file was written anew; the reader of this list empties it.

    Every method raises JournalError when the disk fails, naming the file and what to do; after a failed write the file holds
    whole records only, and every further write raises again.
    """

    def __init__(self, path: Path, fd: int, starts: array[int], size: int, line: _FirstLine, *, new: bool) -> None:
        """Use `Journal.open`. new: its name may not be on the disk."""
        self._new = new
        self._line = line
        self.path = path
        self._name = os.fspath(path)  # looked at before every write
        self._fd = fd
        self._starts = starts  # byte offset of each record
        self._size = size  # byte offset behind the last record, buffered ones included
        self._buffer = bytearray()
        self._broken = ""
        self._place = _place(os.fstat(fd))
        self.restored: list[str] = []

    @classmethod
    def open(cls, path: Path, *, create: bool = True) -> Journal:
        """Open a journal for this process alone, recovering it first; a new one is made with its directories.

        Raises:
            JournalError: damaged before its tail (it is then set aside), not a journal, of another format version, in use by
                another process, absent with `create=False`, or the disk refuses.
        """
        try:
            new = not path.exists()
            if new and create:
                path.parent.mkdir(mode=private.FOLDER, parents=True, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), private.FILE)
        except FileNotFoundError as error:
            raise JournalError(f"{path}: there is no such journal; check the path, or start the run that writes it") from error
        except OSError as error:
            raise disk.refused(path, error) from error
        try:
            return cls._recover(path, fd, new)
        except OSError as error:
            os.close(fd)
            raise disk.refused(path, error) from error
        except JournalError:
            os.close(fd)
            raise

    @classmethod
    def _recover(cls, path: Path, fd: int, new: bool) -> Journal:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalError(f"{path}: another process is writing this journal; stop it first (tapewire down)") from error
        starts: array[int] = array("Q")
        with os.fdopen(os.dup(fd), "rb") as file:
            line = _first_line(path, file)
            if line is None:
                first = continued(archive.end(path)) if archive.beside(path).exists() else MAGIC
                os.ftruncate(fd, 0)
                _write_all(fd, first, 0)
                file.seek(0)
                line = _first_line(path, file)
                assert line is not None
            size = line.length
            for offset, payload in _records(path, file):
                if isinstance(payload, _Damage):
                    _repair(path, fd, payload, len(starts))
                    break
                starts.append(offset)
                size = offset + HEAD.size + len(payload)
        return cls(path, fd, starts, size, line, new=new)

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def begins(self) -> int:
        """The place of its first record: behind what is compressed."""
        return self._line.place

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def append(self, record: bytes) -> int:
        """Add a record and return its position. It is buffered: `flush` or `sync` makes it last.

        Raises ValueError for an empty record or one of more than MAX_RECORD bytes.
        """
        if not 0 < len(record) <= MAX_RECORD:
            raise ValueError(f"record of {len(record)} bytes; a journal takes 1 to {MAX_RECORD}")
        if self._broken:
            raise JournalError(self._broken)
        self._buffer += HEAD.pack(len(record), zlib.crc32(record))
        self._buffer += record
        self._starts.append(self._size)
        self._size += HEAD.size + len(record)
        if len(self._buffer) >= _FLUSH_AT:
            self.flush()
        return len(self._starts) - 1

    def extend(self, records: Sequence[bytes]) -> None:
        """Add records and hand them to the operating system, as `append` for each and `flush`; many at once take half of the time.

        Raises ValueError as `append`, and then adds none.
        """
        lengths = [*map(len, records)]
        if not 0 < min(lengths, default=1) <= max(lengths, default=1) <= MAX_RECORD:
            raise ValueError(f"records of {min(lengths)} to {max(lengths)} bytes; a journal takes 1 to {MAX_RECORD}")
        self.flush()
        self.restore()
        heads = map(HEAD.pack, lengths, map(zlib.crc32, records))
        block = b"".join(chain.from_iterable(zip(heads, records, strict=True)))
        written = self._size
        *starts, self._size = accumulate((HEAD.size + length for length in lengths), initial=written)
        self._starts.extend(starts)
        try:
            _write_all(self._fd, block, written)
        except OSError as error:
            self._give_up(written, error)

    def flush(self) -> None:
        """Hand everything appended to the operating system: it survives a kill of this process."""
        if self._broken:
            raise JournalError(self._broken)
        if not self._buffer:
            return
        self.restore()
        written = self._size - len(self._buffer)
        try:
            _write_all(self._fd, self._buffer, written)
        except OSError as error:
            self._give_up(written, error)
        self._buffer.clear()

    def sync(self) -> None:
        """Flush, and wait until it is on the disk: it survives a power cut."""
        self.flush()
        try:
            os.fsync(self._fd)
            self._new = self._new and not _named(self.path.parent)
        except OSError as error:
            # After a failed fsync the kernel may have dropped the pages: the state of the tail is undefined, so write no more.
            self._broken = str(disk.refused(self.path, error))
            raise JournalError(self._broken) from error

    def restore(self) -> None:
        """Write the file anew if it is no longer the one at its path, and note that in `restored`. Does nothing when it is broken.

        Raises:
            JournalLost: the file is shorter than what was written, or the disk refuses.
        """
        if self._broken:
            return
        written = self._size - len(self._buffer)
        try:
            there = os.stat(self._name)
            if _place(there) == self._place and there.st_size >= written:
                return
            fault = "was replaced by another file"
        except (FileNotFoundError, NotADirectoryError):
            fault = "was deleted or moved"
        size = os.fstat(self._fd).st_size
        if size < written:
            self._broken = f"{self.path}: was cut from {written} to {size} bytes while it was in use; find the program that did it"
            raise JournalLost(self._broken)
        try:
            self._write_anew(written)
        except OSError as error:
            self._broken = (
                f"{self.path}: {fault} while it was in use, and cannot be written anew ({error.strerror}); free space or make its "
                "folder writable"
            )
            raise JournalLost(self._broken) from error
        self.restored.append(fault)

    def _write_anew(self, written: int) -> None:
        self.path.parent.mkdir(mode=private.FOLDER, parents=True, exist_ok=True)
        unfinished = self.path.with_name(f".{self.path.name}.unfinished")
        fd = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, private.FILE)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for at in range(0, written, _COPY_AT_ONCE):
                _write_all(fd, os.pread(self._fd, min(_COPY_AT_ONCE, written - at), at), at)
            os.fsync(fd)
            if os.path.lexists(self.path):
                self.path.rename(_unused(self.path, "replaced"))
            unfinished.rename(self.path)
            disk.sync_folder(self.path.parent)
        except OSError:
            os.close(fd)
            unfinished.unlink(missing_ok=True)
            raise
        os.close(self._fd)
        self._fd = fd
        self._new = False
        self._place = _place(os.fstat(fd))

    def cut(self, count: int) -> None:
        """Leave out the first `count` records, which the archive holds now, and close. A kill leaves the old file or the new one.

        Raises:
            DiskError: the disk refuses; the file is as it was.
        """
        self.flush()
        first = self._starts[count] if count < len(self._starts) else self._size
        with disk.whole(self.path) as file:
            file.write(continued(self._line.place + first - self._line.length))
            for at in range(first, self._size, _COPY_AT_ONCE):
                file.write(os.pread(self._fd, min(_COPY_AT_ONCE, self._size - at), at))
            file.flush()
            os.fsync(file.fileno())
        disk.sync_folder(self.path.parent)
        self.close()

    def set_aside(self) -> Path | None:
        """Close it and rename the file to `<name>.quarantined`, so that no process starts from it by accident. Returns that path.

        A file that is gone leaves an empty one under that name. Returns None where the disk refuses.
        """
        self.close()
        aside = _unused(self.path, "quarantined")
        try:
            try:
                self.path.rename(aside)
            except FileNotFoundError:
                aside.touch(private.FILE)
            disk.sync_folder(self.path.parent)
        except OSError:
            return None
        return aside

    def read(self, start: int = 0, count: int | None = None) -> Iterator[bytes]:
        """Records from position `start` on, at most `count`, up to the end as it is at the time of the call."""
        if start < 0 or (count is not None and count < 0):
            raise ValueError(f"start={start}, count={count}: both count from 0")
        self.flush()
        stop = len(self._starts) if count is None else min(start + count, len(self._starts))
        return self._read(start, stop)

    def last(self) -> bytes | None:
        """The newest record, None in an empty journal."""
        return next(self.read(len(self) - 1), None) if self._starts else None

    def close(self) -> None:
        """Flush and close. A journal that is already closed stays so."""
        if self._fd < 0:
            return
        try:
            if not self._broken:
                self.flush()
        finally:
            os.close(self._fd)
            self._fd = -1
            self._broken = f"{self.path}: this journal was closed"

    def _read(self, start: int, stop: int) -> Iterator[bytes]:
        while start < stop:
            first = self._starts[start]
            ahead = start + 1
            while ahead < stop and self._after(ahead) - first <= _READ_AT_ONCE:
                ahead += 1
            try:
                block = os.pread(self._fd, self._after(ahead - 1) - first, first)
            except OSError as error:
                raise disk.refused(self.path, error) from error
            for position in range(start, ahead):
                at = self._starts[position] - first
                record = block[at + HEAD.size : self._after(position) - first]
                if block[at : at + HEAD.size] != HEAD.pack(len(record), zlib.crc32(record)):
                    raise JournalError(
                        f"{self.path}: record {position} at byte {first + at} was good when the file was opened and is not any "
                        "more; stop, check the disk, restore the file from a copy"
                    )
                yield record
            start = ahead

    def _after(self, position: int) -> int:
        """The byte offset behind a record."""
        return self._starts[position + 1] if position + 1 < len(self._starts) else self._size

    def _give_up(self, written: int, error: OSError) -> NoReturn:
        """Leave only whole records on disk and drop the rest, so that a restart finds no torn record."""
        self._broken = str(disk.refused(self.path, error))
        while self._starts and self._starts[-1] >= written:
            self._starts.pop()
        self._size = written
        self._buffer = bytearray()  # not clear(): the error's traceback still holds a view of the old buffer
        try:
            os.ftruncate(self._fd, written)
        except OSError as second:
            self._broken += f" (and it could not be cut back to its last whole record: {second.strerror})"
        raise JournalError(self._broken) from error


def scan(path: Path) -> Iterator[bytes]:
    """Read a journal's records without lock or repair, also while another process writes it.

    Ends at a torn tail, which may be a record being written at this moment.

    Raises:
        JournalError: it cannot be read, is not a journal, or is damaged before its tail; the records before that come first.
    """
    for _, record in scan_from(path, 0):
        yield record


def scan_from(path: Path, offset: int) -> Iterator[tuple[int, bytes]]:
    """As `scan`, each record with the place behind it, from such a place on; 0 is the beginning."""
    try:
        with path.open("rb") as file:
            line = _first_line(path, file)
            if line is None:
                return
            if offset < line.place > START:
                yield from archive.scan_from(path, offset, line.place)
            ahead = line.place - line.length  # of a place before its byte
            file.seek(max(offset, line.place) - ahead)
            for number, (at, payload) in enumerate(_records(path, file)):
                if not isinstance(payload, _Damage):
                    yield ahead + at + HEAD.size + len(payload), payload
                elif not payload.torn:
                    raise JournalError(f"{payload.text(path, number)}; restore it from a copy")
    except FileNotFoundError as error:
        raise JournalError(f"{path}: there is no such journal; check the path") from error
    except OSError as error:
        raise JournalError(f"{path}: cannot be read ({error.strerror})") from error


def begins(path: Path) -> int:
    """The place at which a journal's file begins: behind what is compressed. Raises JournalError: it cannot be read."""
    try:
        with path.open("rb") as file:
            line = _first_line(path, file)
            return START if line is None else line.place
    except OSError as error:
        raise JournalError(f"{path}: cannot be read ({error.strerror})") from error


def extent(path: Path) -> int:
    """The place behind the last byte of a journal. Raises OSError, JournalError: it cannot be read."""
    with path.open("rb") as file:
        line = _first_line(path, file)
        size = os.fstat(file.fileno()).st_size
        return size if line is None else line.place + size - line.length


def before(path: Path, place: int, most: int) -> bytes:
    """At most so many bytes before a place, as a file that was never compressed has them; fewer where older ones are gone.

    Raises:
        OSError, JournalError: it cannot be read.
    """
    with path.open("rb") as file:
        line = _first_line(path, file)
        if line is None:
            return b""
        start = max(0, place - most)
        packed = MAGIC[start:place]
        if start < line.place > START:
            frames = [frame for frame in archive.index(path, line.place) if frame.end > start and frame.start < place]
            if frames:
                content = b"".join(archive.content(path, frame) for frame in frames)
                packed += content[max(0, start - frames[0].start) : place - frames[0].start]
        ahead = line.place - line.length
        first = max(start, line.place)
        file.seek(first - ahead)
        return packed + file.read(max(0, place - first))


class _FirstLine(NamedTuple):
    """place: of the first record. length: of the line."""

    place: int
    length: int


class _Damage(NamedTuple):
    """Bytes that are no record. torn: a writer that died in its last write explains them."""

    offset: int
    rest: bytes
    torn: bool

    def text(self, path: Path, number: int) -> str:
        return f"{path}: record {number} at byte {self.offset} is damaged, and what follows it is not a torn last write"


def _first_line(path: Path, file: BinaryIO) -> _FirstLine | None:
    """What the first line says; None for an empty file: no byte, or part of the line (its writer was killed). Reads past it."""
    magic = file.read(len(MAGIC))
    if magic == MAGIC:
        return _FirstLine(START, len(MAGIC))
    if MAGIC.startswith(magic):
        return None
    if CONTINUED.startswith(magic):
        line = magic + file.read(len(continued(0)) - len(magic))
        try:
            return _FirstLine(int(line.removeprefix(CONTINUED), 16), len(line))
        except ValueError as error:
            raise JournalError(f"{path}: its first line is damaged ({line!r}); restore it from a copy") from error
    if magic.startswith(MAGIC.rstrip(b"1\n")):
        raise JournalError(
            f"{path}: journal format {magic[-2:-1].decode('ascii', 'replace')}, this program reads 1; use a matching version"
        )
    raise JournalError(f"{path}: not a tapewire journal (it starts with {magic!r}); check the path, nothing was changed")


def _records(path: Path, file: BinaryIO) -> Iterator[tuple[int, bytes | _Damage]]:
    """Offset and payload of each record from the file's position, ending with the damage if there is any."""
    size = os.fstat(file.fileno()).st_size
    offset = file.tell()
    while offset < size:
        head = file.read(HEAD.size)
        if len(head) == HEAD.size:
            length, crc = HEAD.unpack(head)
            if 0 < length <= min(MAX_RECORD, size - offset - HEAD.size):
                payload = file.read(length)
                if zlib.crc32(payload) == crc:
                    yield offset, payload
                    offset += HEAD.size + length
                    continue
        file.seek(offset)
        rest = file.read(size - offset)
        yield offset, _Damage(offset, rest, _is_torn(rest))
        return


def _is_torn(rest: bytes) -> bool:
    """Whether the end of a file is one unfinished record (or a run of zeros), with no good record behind its first byte."""
    if not rest.strip(b"\0"):
        return True
    if len(rest) > HEAD.size + MAX_RECORD:
        return False
    for at in range(1, len(rest) - HEAD.size):
        length, crc = HEAD.unpack_from(rest, at)
        if 0 < length <= len(rest) - at - HEAD.size and zlib.crc32(rest[at + HEAD.size : at + HEAD.size + length]) == crc:
            return False
    return True


def _repair(path: Path, fd: int, damage: _Damage, number: int) -> None:
    """Cut a torn tail off and keep it beside the file; set aside a file with any other damage."""
    if damage.torn:
        with path.with_name(path.name + ".torn").open("ab") as torn:
            torn.write(damage.rest)
            torn.flush()
            os.fsync(torn.fileno())
        os.ftruncate(fd, damage.offset)
        os.fsync(fd)
        disk.sync_folder(path.parent)
        return
    aside = _unused(path, "quarantined")
    path.rename(aside)
    disk.sync_folder(path.parent)
    raise JournalError(
        f"{damage.text(path, number)}; the file was set aside as {aside.name} with {number} good records before the damage. "
        f"Check the disk, then restore {path.name} from a copy, or start without it and reconcile by hand"
    )


def _unused(path: Path, suffix: str) -> Path:
    """A name beside the file that nothing has: `<name>.<suffix>`, then with a number."""
    aside = path.with_name(f"{path.name}.{suffix}")
    count = 1
    while os.path.lexists(aside):
        count += 1
        aside = path.with_name(f"{path.name}.{suffix}{count}")
    return aside


def _place(status: os.stat_result) -> tuple[int, int]:
    """What tells one file from every other."""
    return status.st_dev, status.st_ino


def _named(folder: Path) -> bool:
    """Bring a new file's name to the disk. False if its folder has gone and the name with it: `restore` brings back both."""
    try:
        disk.sync_folder(folder)
    except FileNotFoundError:
        return False
    return True


def _write_all(fd: int, data: bytes | bytearray, at: int) -> None:
    with memoryview(data) as view:
        done = 0
        while done < len(view):
            done += os.pwrite(fd, view[done:], at + done)
