"""All formats that can be read, in the order in which a file is tried; see `tapewire.replay.sources.table.Format`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, cast

from tapewire.replay.sources import (
    databento,
    dayfolder,
    dbn,
    firstrate,
    journal,
    layouts,
    mapping,
    multicharts,
    ncd,
    ninjatrader_export,
    normal,
    nrd,
    sierra_scid,
    sierra_text,
    tradingview,
    unpack,
    volumetric,
)
from tapewire.replay.sources.table import Format, Head, Options

FORMATS: tuple[Format, ...] = tuple(
    cast(Format, module)
    for module in (
        normal,
        journal,
        dayfolder,
        volumetric,
        ninjatrader_export,
        ncd,
        nrd,
        sierra_text,
        sierra_scid,
        tradingview,
        multicharts,
        firstrate,
        databento,
        dbn,
    )
)


OTHERS = {
    b"PK\x03\x04": "zip; unpack it, or save a workbook's sheet as CSV",
    b"7z\xbc\xaf\x27\x1c": "7-Zip; unpack it",
    b"Rar!\x1a\x07": "RAR; unpack it",
    b"%PDF-": "PDF; export text or CSV",
    b"SQLite format 3\0": "SQLite; `tapewire compare` reads NinjaTrader.sqlite",
}


class Recognised(NamedTuple):
    """A file whose format is known. sign: by what it was recognised."""

    head: Head
    reader: Format
    sign: str


def recognised(path: Path, options: Options) -> Recognised | None:
    """The format of a file by its content; None if it is none of `FORMATS`. Raises DataError if it cannot be opened.

    A mapping says how every file of text is read.
    """
    head = layouts.head_of(path)
    if options.mapping and head.text is not None:
        return Recognised(head, cast(Format, mapping), f"described by {options.mapping}")
    for reader in FORMATS:
        if sign := reader.recognise(head):
            return Recognised(head, reader, sign)
    return None


def other(path: Path) -> str:
    """What a file in no known format is, with the remedy, where its first bytes tell; else nothing."""
    head = unpack.beginning(path, max(map(len, OTHERS)))
    if not head:
        return "empty"
    return next((words for magic, words in OTHERS.items() if head.startswith(magic)), "")


def known() -> str:
    """The formats by name, for a sentence."""
    return ", ".join(reader.NAME for reader in FORMATS)
