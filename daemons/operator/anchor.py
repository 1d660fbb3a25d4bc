"""`tapewire anchor`: the head that closes each trade date, as a file that OpenTimestamps can date (opentimestamps.org).

    feed/2026-11-27.412.head        line 412 of the feed, which is the head. It commits to every line before it
    feed/2026-11-27.412.head.ots    an OpenTimestamps file of its SHA-256

Both are made without a network. The second names no calendar then: it says in an attestation of our own that nobody outside has
seen the head yet. `--submit URL` sends the digest to a calendar, 32 bytes that tell nothing, and puts the answer in its place.
Some hours later `ots upgrade` brings the path to a block of Bitcoin, and `ots verify` proves the time to anybody who has the
two files.
"""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import Annotated, Any

import typer
from rich.console import Console

from tapewire.bus import disk, feed, feed_files
from tapewire.bus.errors import ConfError, DataError, Transient
from tapewire.daemons.operator.commands import LIVE
from tapewire.daemons.operator.keys import RunOption, folder

INSTALL = "pip install 'tapewire[anchors]'"
TAG = b"tapewire"
NOBODY = b"made without a network; no calendar has it yet"
TIMEOUT_S = 30.0

out = Console(soft_wrap=True, highlight=False)


def register(application: typer.Typer) -> None:
    """Add this module's commands to the application."""
    application.command()(anchor)


def anchor(
    run: RunOption = LIVE,
    submit: Annotated[
        str,
        typer.Option(metavar="URL", help="A calendar, such as https://a.pool.opentimestamps.org; empty: no network is used."),
    ] = "",
) -> None:
    """Write the head that closes each trade date of the public feed as a file that OpenTimestamps can date.

    With --submit those that no calendar has are sent to one. Exit status 75 if it does not answer: the next call goes on.
    """
    try:
        import opentimestamps  # noqa: F401
    except ImportError:
        raise ConfError(f"an OpenTimestamps file needs its library: {INSTALL}") from None
    where = folder(run) / feed_files.FOLDER
    for path in sorted(where.glob(f"[0-9]*{feed_files.SUFFIX}")):
        line = feed_files.closing(path)
        if line is None:
            continue
        head, dated = (where / f"{path.stem}.{line.number}{suffix}" for suffix in feed_files.ANCHORS)
        told = "stands"
        if not dated.exists():
            content = feed.encoded(line) + b"\n"
            disk.replace(head, content)
            disk.replace(dated, undated(content))
            told = "written"
        if submit and (found := submitted(dated.read_bytes(), submit)) is not None:
            disk.replace(dated, found)
            told = f"sent to {submit}"
        out.print(f"{dated}: {told}", markup=False)


def undated(content: bytes) -> bytes:
    """The OpenTimestamps file of a content that nobody outside has seen."""
    from opentimestamps.core.notary import UnknownAttestation
    from opentimestamps.core.timestamp import Timestamp

    stamp = Timestamp(hashlib.sha256(content).digest())
    stamp.attestations.add(UnknownAttestation(TAG, NOBODY))
    return _serialised(stamp)


def submitted(dated: bytes, url: str) -> bytes | None:
    """The file with a calendar's answer in it; None if one has answered before.

    Raises:
        Transient: the calendar does not answer, or not as one does. DataError: the file is none of OpenTimestamps.
    """
    from opentimestamps.calendar import RemoteCalendar
    from opentimestamps.core.notary import UnknownAttestation

    stamp = _read(dated)
    nobody = UnknownAttestation(TAG, NOBODY)
    if nobody not in stamp.attestations:
        return None
    try:
        answer = RemoteCalendar(url).submit(stamp.msg, timeout=TIMEOUT_S)
        if all(isinstance(each, UnknownAttestation) for _, each in answer.all_attestations()):
            raise DataError("the answer promises nothing")
        stamp.merge(answer)
        stamp.attestations.discard(nobody)
        return _serialised(stamp)
    except Exception as error:  # the network's, or what the library raises for an answer that is none
        raise Transient(f"{url}: {type(error).__name__}: {error}") from error


def _read(dated: bytes) -> Any:
    from opentimestamps.core.serialize import DeserializationError, StreamDeserializationContext
    from opentimestamps.core.timestamp import DetachedTimestampFile

    try:
        return DetachedTimestampFile.deserialize(StreamDeserializationContext(BytesIO(dated))).timestamp
    except DeserializationError as error:
        raise DataError(f"no OpenTimestamps file: {error}; remove it, and it is written again") from None


def _serialised(stamp: Any) -> bytes:
    from opentimestamps.core.op import OpSHA256
    from opentimestamps.core.serialize import StreamSerializationContext
    from opentimestamps.core.timestamp import DetachedTimestampFile

    written = BytesIO()
    DetachedTimestampFile(OpSHA256(), stamp).serialize(StreamSerializationContext(written))
    return written.getvalue()
