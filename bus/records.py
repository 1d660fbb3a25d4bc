"""The bytes of a journal's records: `u32 length, u32 crc32 of the payload, payload`, little-endian (bus/journal.py)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

MAGIC = b"tapewire journal 1\n"
CONTINUED = b"tapewire journal 1 from "
"""Begins a file whose first records were compressed: then 16 hexadecimal digits and a line end, the place of its first record."""

START = len(MAGIC)
"""The place of a journal's first record: places count the bytes of a file that was never compressed."""

MAX_RECORD = 8 << 20  # the longest message (wire.py) twice: a log writes something around it
HEAD = struct.Struct("<II")


def continued(start: int) -> bytes:
    """The first line of a file that goes on at this place."""
    return b"%s%016x\n" % (CONTINUED, start)


def record(payload: bytes) -> bytes:
    """A payload as a record."""
    return HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def payloads(content: bytes) -> Iterator[bytes]:
    """The payloads of whole records. Raises ValueError: they are not."""
    at = 0
    while at < len(content):
        length, crc = HEAD.unpack_from(content, at)
        payload = content[at + HEAD.size : at + HEAD.size + length]
        if len(payload) != length or zlib.crc32(payload) != crc:
            raise ValueError(f"no record at byte {at}")
        yield payload
        at += HEAD.size + length
