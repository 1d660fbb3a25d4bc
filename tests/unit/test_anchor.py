"""Heads of the feed as OpenTimestamps files: made without a network, and dated by a calendar when there is one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread

import pytest
from opentimestamps.core.notary import PendingAttestation, UnknownAttestation
from opentimestamps.core.op import OpAppend, OpSHA256
from opentimestamps.core.serialize import BytesSerializationContext, StreamDeserializationContext
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp

from tapewire.bus import feed, feed_files, keys
from tapewire.bus.errors import DataError, Transient
from tapewire.daemons.operator import anchor
from tapewire.replay.mirror import files
from tests.unit.test_feed_files import grown

URI = "https://calendar.example"


class Calendar:
    """A calendar of OpenTimestamps on this machine. answers: with what, in place of a promise."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.answers: bytes | None = None
        calendar = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                digest = self.rfile.read(int(self.headers["Content-Length"]))
                calendar.got.append(digest)
                content = calendar.promise(digest) if calendar.answers is None else calendar.answers
                self.send_response(200 if self.path == "/digest" else 404)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *arguments: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def promise(self, digest: bytes) -> bytes:
        """A path from the digest to a commitment of its own, as a calendar answers."""
        stamp = Timestamp(digest)
        stamp.ops.add(OpAppend(b"others of this second")).ops.add(OpSHA256()).attestations.add(PendingAttestation(URI))
        written = BytesSerializationContext()
        stamp.serialize(written)
        found: bytes = written.getbytes()
        return found


@pytest.fixture
def calendar() -> Iterator[Calendar]:
    found = Calendar()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose first trade date is over, and whose second is not."""
    keys.make(tmp_path)
    key = feed_files.signing_key(tmp_path)
    log = grown(tmp_path, 1, 2, date="2026-03-02")
    log.sign(key, market_ns=5, closed=True)
    grown(tmp_path, 3, date="2026-03-03").sign(key, market_ns=6, closed=False)
    return tmp_path


def dated(path: Path) -> DetachedTimestampFile:
    """As the library reads it, and so its command `ots`."""
    return DetachedTimestampFile.deserialize(StreamDeserializationContext(BytesIO(path.read_bytes())))


def names(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "feed").glob("*.head*"))


def test_each_date_that_is_over_has_a_head_and_its_file_without_a_network(run: Path) -> None:
    """The library reads the file, its digest is that of the head's line, and it claims no date."""
    anchor.anchor(run)

    assert names(run) == ["2026-03-02.3.head", "2026-03-02.3.head.ots"]
    head, found = run / "feed" / names(run)[0], dated(run / "feed" / names(run)[1])
    assert head.read_bytes() == (run / "feed" / "2026-03-02.jsonl").read_bytes().splitlines(keepends=True)[-1]
    assert found.file_digest == hashlib.sha256(head.read_bytes()).digest()
    assert {each for _, each in found.timestamp.all_attestations()} == {UnknownAttestation(anchor.TAG, anchor.NOBODY)}


def test_a_calendar_gets_the_digest_once_and_its_promise_takes_the_place(run: Path, calendar: Calendar) -> None:
    anchor.anchor(run)
    for _ in range(2):
        anchor.anchor(run, submit=calendar.url)

    found = dated(run / "feed" / "2026-03-02.3.head.ots")
    assert calendar.got == [found.file_digest]
    assert [each for _, each in found.timestamp.all_attestations()] == [PendingAttestation(URI)]


@pytest.mark.parametrize("answer", [b"", b"<html>", b"\x00" * 20])
def test_an_answer_that_is_none_changes_nothing(run: Path, calendar: Calendar, answer: bytes) -> None:
    calendar.answers = answer

    with pytest.raises(Transient, match="127"):
        anchor.anchor(run, submit=calendar.url)

    assert [each for _, each in dated(run / "feed" / "2026-03-02.3.head.ots").timestamp.all_attestations()] == [
        UnknownAttestation(anchor.TAG, anchor.NOBODY)
    ]


def test_a_date_that_is_closed_once_more_gets_a_further_file(run: Path) -> None:
    """A trade was booked late: what the first head has, dated or not, stays."""
    anchor.anchor(run)
    before = (run / "feed" / "2026-03-02.3.head.ots").read_bytes()
    feed_files.FeedLog(run).sign(feed_files.signing_key(run), market_ns=7, closed=True)
    log = grown(run, 4, date="2026-03-03")
    log.sign(feed_files.signing_key(run), market_ns=8, closed=True)
    anchor.anchor(run)

    assert names(run)[:2] == ["2026-03-02.3.head", "2026-03-02.3.head.ots"]
    assert names(run)[2:] == [f"2026-03-03.{log.head_at}.head", f"2026-03-03.{log.head_at}.head.ots"]
    assert (run / "feed" / "2026-03-02.3.head.ots").read_bytes() == before


def test_a_head_proves_the_feed_that_somebody_has(run: Path) -> None:
    """The file is what `tapewire audit --heads` takes; a feed that was written anew does not have the line."""
    anchor.anchor(run)
    head = feed.decoded((run / "feed" / "2026-03-02.3.head").read_bytes())
    texts = (run / "feed" / "2026-03-02.jsonl").read_bytes().splitlines()
    key = feed_files.signing_key(run)
    others = [feed.next_line(None, "public.signal.MNQ.", b"x")]
    others.append(feed.next_line(others[0], "public.signal.MNQ.", b"y"))
    others.append(feed.next_head(others[1], key, feed.FeedHead("2026-03-02", 5, True)))

    assert feed.check(texts, key.verify_key, [head]).closed
    with pytest.raises(DataError, match="is not the head that was signed"):
        feed.check([json.dumps(json.loads(feed.encoded(line))).encode() for line in others], key.verify_key, [head])


def test_a_broken_file_is_named(run: Path) -> None:
    anchor.anchor(run)
    (run / "feed" / "2026-03-02.3.head.ots").write_bytes(b"x")

    with pytest.raises(DataError, match=r"no OpenTimestamps file: .*remove it"):
        anchor.anchor(run, submit="http://127.0.0.1:1")


def test_the_mirror_takes_them_along(run: Path) -> None:
    anchor.anchor(run)

    there = [source.local.name for source in files.public(run) if source.local.final]

    assert there == ["2026/03/02/feed.jsonl", "2026/03/02/3.head", "2026/03/02/3.head.ots"]
