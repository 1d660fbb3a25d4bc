"""The chain of the public feed: what it proves, and what a reader is told when it is broken."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from nacl.signing import SigningKey

from tapewire.bus import feed
from tapewire.bus.errors import ConfError, DataError
from tapewire.bus.feed import HEAD, FeedHead, FeedLine

KEY = SigningKey(bytes(range(32)))
VERIFY = Path(__file__).parents[2] / "examples" / "subscribers" / "verify.py"
DAY = "2026-03-02"
LENGTH = 8


def chain(*, closed: bool = True) -> list[FeedLine]:
    """Three messages, a head, two messages, a trade, and the head that closes the date."""
    lines: list[FeedLine] = []
    for number in range(1, LENGTH + 1):
        last = lines[-1] if lines else None
        if number in (4, 8):
            assert last is not None
            lines.append(feed.next_head(last, KEY, FeedHead(DAY, number * 1_000, closed and number == 8)))
        else:
            lines.append(feed.next_line(last, "public.signal.MNQ.", b"message %d" % number))
    return lines


def texts(lines: list[FeedLine]) -> list[bytes]:
    return [feed.encoded(line) for line in lines]


def checked(lines: list[FeedLine], heads: list[FeedLine] | None = None) -> feed.Checked:
    return feed.check(texts(lines), KEY.verify_key, heads or [])


def altered(line: FeedLine, **fields: object) -> FeedLine:
    return msgspec.structs.replace(line, **fields)


def with_bit(frame: bytes) -> bytes:
    return bytes((frame[0] ^ 1,)) + frame[1:]


def test_the_bytes_of_the_chain_are_these():
    """Golden: another language computes the same."""
    first = feed.next_line(None, "public.signal.MNQ.", b"message 1")

    assert first.previous == "00" * 32
    assert first.digest.hex() == "a25df54c11e7029d82d94dcf0f861e0a3985d3af24e0e86665379b83c9442540"
    assert (
        feed.encoded(first) == b'{"number":1,"topic":"public.signal.MNQ.","previous":"' + b"00" * 32 + b'","frame":"bWVzc2FnZSAx"}'
    )


def test_a_whole_feed_is_whole():
    assert checked(chain()) == feed.Checked(first=1, last=8, signed=8, heads=2, closed=True)
    assert checked(chain()[:6]) == feed.Checked(first=1, last=6, signed=4, heads=1, closed=False)


def test_a_feed_that_begins_later_is_held_by_the_heads_that_follow():
    """Old files are removed after a while. An altered first line is found by the line behind it."""
    later = chain()[4:]
    assert checked(later) == feed.Checked(first=5, last=8, signed=8, heads=1, closed=True)

    later[0] = altered(later[0], frame=b"message X")
    with pytest.raises(DataError, match="line 2: number 6 does not name the line before it"):
        checked(later)


FAULTS = {
    "altered": lambda lines, at: [*lines[:at], altered(lines[at], frame=with_bit(lines[at].frame)), *lines[at + 1 :]],
    "of another topic": lambda lines, at: [*lines[:at], altered(lines[at], topic="public.trade.MNQ."), *lines[at + 1 :]],
    "left out": lambda lines, at: [*lines[:at], *lines[at + 1 :]],
    "put in": lambda lines, at: [*lines[: at + 1], feed.next_line(lines[at], "public.x.", b"new"), *lines[at + 1 :]],
    "there twice": lambda lines, at: [*lines[: at + 1], *lines[at:]],
    "moved": lambda lines, at: [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]],
}


@pytest.mark.parametrize("at", range(LENGTH - 1))
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_at_every_place_is_found_and_placed(fault: str, at: int):
    """At the line or the next one, or for a topic at the signature: never later."""
    if (fault, at) == ("left out", 0):
        assert checked(chain()[1:]).first == 2  # it looks like a feed that begins later; its first number tells
        return
    with pytest.raises(DataError, match=r"^line (\d)") as raised:
        checked(FAULTS[fault](chain(), at))

    assert int(str(raised.value).split()[1].rstrip(":,")) in (at + 1, at + 2, at + 3)


@pytest.mark.parametrize("kept", range(LENGTH))
def test_a_cut_feed_is_found_by_a_head_that_somebody_else_has(kept: int):
    """Such as a subscriber of the free tier, who has heads only."""
    lines = chain()

    with pytest.raises(DataError, match=rf"cut: the feed ends with number {kept}, and there is a head with number 8"):
        checked(lines[:kept], [line for line in lines if line.topic == HEAD])


def test_an_owner_who_shows_two_feeds_is_found_by_comparing_heads():
    """Both are whole; the heads differ."""
    mine, his = chain(), chain()
    his[4] = feed.next_line(his[3], "public.signal.MNQ.", b"another")
    for at in range(5, 7):
        his[at] = feed.next_line(his[at - 1], his[at].topic, his[at].frame)
    his[7] = feed.next_head(his[6], KEY, FeedHead(DAY, 8_000, True))
    assert [checked(mine).closed, checked(his).closed] == [True, True]

    with pytest.raises(DataError, match="line 8: number 8 is not the head that was signed"):
        checked(mine, [his[7]])


def test_another_key_proves_nothing():
    other = SigningKey.generate().verify_key

    with pytest.raises(DataError, match=r"line 4, number 4: the signature is not of this key"):
        feed.check(texts(chain()), other)


@pytest.mark.parametrize("fields", [{"session": "2026-03-03"}, {"market_ns": 9}, {"closed": True}, {"signature": b"short"}])
def test_nothing_in_a_head_can_be_altered(fields: dict[str, object]):
    """Its text is signed with the number and the digest. A signature of another length is one that is wrong."""
    lines = chain()
    head = msgspec.structs.replace(feed.head_of(lines[3]), **fields)
    lines[3] = altered(lines[3], frame=msgspec.msgpack.encode(head))

    with pytest.raises(DataError, match="line 4, number 4: the signature"):
        checked(lines)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b'{"number":1}',
        b'{"number":0,"topic":"a","previous":"%s","frame":""}' % (b"00" * 32),
        b'{"number":1,"topic":"a","previous":"%s","frame":""}' % (b"00" * 31),
        b'{"number":1,"topic":"a","previous":"%s","frame":""}' % (b"zz" * 32),
        b'{"number":9223372036854775808,"topic":"a","previous":"%s","frame":""}' % (b"00" * 32),
        b'{"number":1,"topic":"a","previous":"%s","frame":"?"}' % (b"00" * 32),
        b"\xff\xfe",
        b'{"number":1,"topic":"public.head.","previous":"%s","frame":""}' % (b"00" * 32),
    ],
)
def test_what_is_no_line_is_refused_with_its_place(text: bytes):
    with pytest.raises(DataError, match=r"^line 1"):
        feed.check([text], KEY.verify_key)


def test_how_late_lines_came_is_what_the_subscriber_noted():
    """From the market time of the message, or of the head; a line without a note does not count."""
    frames = [msgspec.msgpack.encode({"event_ns": 1_000_000_000}), msgspec.msgpack.encode({"market_ns": 2_000_000_000})]
    kept = [msgspec.json.encode({"frame": frame, "received_ns": 302_500_000_000}) for frame in frames]

    others = [
        msgspec.json.encode({"frame": frames[0]}),
        msgspec.json.encode({"frame": b"?", "received_ns": 1}),
        b'{"received_ns": "x"}',
    ]
    assert feed.lateness([*kept, *others]) == [301.5, 300.5]


@pytest.mark.parametrize("text", ["", "x", "AAAA", "ä" * 44, base64.b64encode(bytes(31)).decode()])
def test_what_is_no_public_key_is_refused(text: str):
    with pytest.raises(ConfError, match="is no public key"):
        feed.verify_key(text)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_stand_alone_verifier_says_the_same(fault: str, tmp_path: Path):
    """A whole feed passes there as here, a broken one fails at the same line."""
    (tmp_path / "anna.key").write_text(f'signed_by = "{base64.b64encode(bytes(KEY.verify_key)).decode()}"\n')

    def ended(lines: list[FeedLine]) -> subprocess.CompletedProcess[str]:
        (tmp_path / "FEED.jsonl").write_text("".join(json.dumps(json.loads(text)) + "\n" for text in texts(lines)))
        command = [sys.executable, VERIFY, tmp_path / "FEED.jsonl", tmp_path / "anna.key"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    whole, broken = ended(chain()), ended(FAULTS[fault](chain(), 2))
    with pytest.raises(DataError) as raised:
        checked(FAULTS[fault](chain(), 2))

    assert (whole.returncode, whole.stdout) == (0, "whole\n")
    assert broken.returncode == 1
    assert broken.stdout.partition(":")[0].partition(",")[0] == str(raised.value).partition(":")[0].partition(",")[0]
