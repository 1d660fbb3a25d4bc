"""All formats that can be read, in the order in which a file is tried; see `tapewire.replay.sources.table.Reader`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, cast

from tapewire.replay.sources import (
    databento,
    dbn,
    firstrate,
    mapping,
    multicharts,
    ncd,
    ninjatrader_export,
    nrd,
    sierra_scid,
    sierra_text,
    text,
    tradingview,
    volumetric,
)
from tapewire.replay.sources.table import Head, Options, Reader

FORMATS: tuple[Reader, ...] = tuple(
    cast(Reader, module)
    for module in (
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


class Found(NamedTuple):
    """A file whose format is known. sign: by what it was recognised."""

    head: Head
    reader: Reader
    sign: str


def recognised(path: Path, options: Options) -> Found | None:
    """The format of a file by its content; None if it is none of `FORMATS`. Raises DataError if it cannot be opened.

    A mapping says how every file of text is read.
    """
    head = text.head_of(path)
    if options.mapping and head.text is not None:
        return Found(head, cast(Reader, mapping), f"described by {options.mapping}")
    for reader in FORMATS:
        if sign := reader.recognise(head):
            return Found(head, reader, sign)
    return None


def known() -> str:
    """The formats by name, for a sentence."""
    return ", ".join(reader.NAME for reader in FORMATS)
