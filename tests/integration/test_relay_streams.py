"""A relay behind a stream that is another one by now, forged, broken or long; and before a subscriber that never reads."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq
from nacl.signing import SigningKey

from tapewire.bus import access, feed
from tapewire.bus.errors import TapewireError
from tapewire.bus.feed import FeedHead, FeedLine
from tapewire.bus.messages import PublicSignal
from tapewire.daemons.operator import subscribers, supervise
from tapewire.daemons.relay import process
from tapewire.daemons.relay import settings as kept
from tapewire.daemons.relay.ports import RelayPorts
from tapewire.daemons.relay.settings import RelaySettings
from tapewire.daemons.settings.structs import PORT_BLOCK, PORTS, Bus
from tests.feeds import SIGNAL, Feeding
from tests.integration.conftest import TAPEWIRE, home_in
from tests.integration.test_processes import eventually
from tests.integration.test_subscribers import exported, lines, subscribed, texts

pytestmark = pytest.mark.slow


class Stream:
    """A publisher, a relay behind it, and their folders. The publisher runs while `until` waits."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.base = supervise.free_base_port("127.0.0.1", 7_550)
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        stack.callback(self.context.destroy, linger=0)
        self._stack = stack
        self.feed = self.publisher("publisher")
        kept.write(self.feed.run, RelaySettings("", self.feed.tier, self.feed.state()["key"], Bus(base_port=self.base)))
        self.key = exported(self.feed.run, folder, "relay1", "")
        self.run = folder / "relay"
        self.log = folder / "relay.log"

    def publisher(self, name: str) -> Feeding:
        return self._stack.enter_context(Feeding(self.folder / name, Bus(base_port=self.base)))

    def relay(self) -> subprocess.Popen[bytes]:
        """Start the relay, and wait until it has all: a line at least, by which it is known to be there."""
        if not self.feed.sent[self.feed.tier]:
            self.feed.publish()
        with self.log.open("ab") as log:
            words = [TAPEWIRE, "relay", self.key, "--run", self.run, "--base-port", str(self.base + PORT_BLOCK)]
            started = self._stack.enter_context(subprocess.Popen(words, stderr=log))
        self._stack.callback(started.kill)
        assert self.until(self.whole)
        return started

    def whole(self) -> bool:
        return len(lines(self.run)) == self.feed.sent[self.feed.tier]

    def until(self, holds: Callable[[], bool]) -> bool:
        return eventually(lambda: (self.feed.pump(0.02), holds())[1])

    def ended(self, relay: subprocess.Popen[bytes]) -> tuple[int, str]:
        """How it ended, and what it said last."""
        assert self.until(lambda: relay.poll() is not None)
        return relay.wait(), texts(self.log)[-1]


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[Stream]:
    with home_in(tmp_path), ExitStack() as stack:
        yield Stream(tmp_path, stack)


def test_a_feed_that_was_begun_anew_ends_the_relay(stream: Stream) -> None:
    """Exit status 74 for its supervisor, and none of the new lines is passed on."""
    for _ in range(3):
        stream.feed.publish()
    relay = stream.relay()
    before = lines(stream.run)
    stream.feed.__exit__()

    keys = stream.feed.run / "keys"
    (stream.folder / "anew").mkdir()
    keys.rename(stream.folder / "anew" / "keys")
    stream.feed = stream.publisher("anew")
    stream.feed.publish()

    status, said = stream.ended(relay)
    assert (status, lines(stream.run)) == (74, before)
    assert "is another feed than the one that is held here: number 1 is not the same" in said


def test_a_line_that_nobody_has_signed_is_not_passed_on(stream: Stream) -> None:
    """A head of another key, in a chain that fits."""
    stream.feed.publish()
    relay = stream.relay()
    assert stream.feed.log.last is not None
    head = FeedHead("2026-03-02", 1, True)
    stream.feed.send_line(feed.next_head(stream.feed.log.last, SigningKey.generate(), head))

    status, said = stream.ended(relay)
    assert (status, len(lines(stream.run))) == (74, 1)
    assert "the stream above is not what its owner has signed: number 2" in said


def test_what_is_no_line_is_counted_and_the_stream_goes_on(stream: Stream) -> None:
    """States and lines of any bytes; the first of a kind is in the log."""
    stream.relay()
    for frames in (
        (b"public.state.", b"\xc1"),
        (b"public.state.", b"\x80"),
        (b"public.signal.MNQ.", b"\x80"),
        (b"public.signal.MNQ.", b"\x80", b"\xc1"),
        (b"public.signal.MNQ.", b"\x80", msgspec.msgpack.encode({"number": -1, "previous": "00" * 32})),
        (b"public.signal.MNQ.", b"\x80", msgspec.msgpack.encode({"number": 1, "previous": "zz"})),
        (b"public.../x", b"\x80", msgspec.msgpack.encode({"number": 1, "previous": "00" * 32})),
    ):
        stream.feed.outlet.send(frames)
    stream.feed.publish()

    assert stream.until(stream.whole)
    assert {"refused"} < {json.loads(text)["event"] for text in texts(stream.log)}


def test_a_long_absence_above_is_caught_up_page_by_page(stream: Stream) -> None:
    """A subscriber gets each line once and in order, and asks nothing."""
    stream.feed.publish()
    stream.relay()
    reader = subscribed(stream.context, exported(stream.run, stream.folder, "stays", ""))
    assert stream.until(lambda: bool(reader.poll(0)))
    stream.feed.__exit__()
    stream.feed = stream.publisher("publisher")
    for _ in range(600):
        stream.feed.publish()

    got: list[int] = []

    def all_there() -> bool:
        while reader.poll(0):
            got.extend(msgspec.msgpack.decode(place)["number"] for place in reader.recv_multipart()[2:])
        return len(got) >= 600

    assert stream.until(all_there)
    assert got == [*range(2, 602)]
    reader.close(linger=0)


def test_a_subscriber_who_never_reads_is_cut(stream: Stream) -> None:
    """What he leaves unread is bounded; the one who reads has everything."""
    about = RelaySettings("", stream.feed.tier, "", Bus(base_port=stream.base + PORT_BLOCK, reader_mib=4))
    run = process.prepared(stream.run, about)
    assert isinstance(SIGNAL, PublicSignal)
    told: list[str] = []

    class Logger:
        """Keeps the events."""

        def __getattr__(self, level: str) -> Callable[..., None]:
            return lambda event, **more: told.append(event)

    logger: Any = Logger()
    with process.Relay(process.AboveFile.read(stream.key), about, run, logger, RelayPorts) as relay:
        sleeps, reads = (stream.context.socket(zmq.SUB) for _ in range(2))
        sleeps.set(zmq.RCVHWM, 1)
        sleeps.set(zmq.RCVBUF, 4_096)
        reads.set(zmq.RCVHWM, 0)
        for socket, name in ((sleeps, "sleeps"), (reads, "reads")):
            subscribed_to(socket, exported(run, stream.folder, name, ""))
        assert eventually(lambda: pumped(relay) and len(relay.output.shown()["connected"]) == 2)
        last: FeedLine | None = None
        for _ in range(80):
            last = feed.next_line(last, "public.signal.MNQ.", bytes(1 << 18))
            relay.output.send([last], filling=False)
            pumped(relay)

        assert eventually(lambda: pumped(relay) and "reader_cut" in told)
        got = 0
        while reads.poll(5_000) and got < 80:
            got += reads.recv_multipart()[0] == b"public.signal.MNQ."
        for socket in (sleeps, reads):
            socket.close(linger=0)
    assert got == 80


def subscribed_to(socket: zmq.Socket[bytes], key: Path) -> None:
    socket.subscribe("public.")
    access.remote(key, PORTS.__getitem__).to("public").connect(socket)


def pumped(relay: process.Relay) -> bool:
    for handler in relay.inlets.wait(10):
        handler()
    return True


def test_a_new_relay_sends_none_of_the_past(stream: Stream) -> None:
    """A subscriber who was there before, with the number that he has, would get all of it once more. Who wants it asks."""
    at = Bus(base_port=stream.base + PORT_BLOCK)
    process.prepared(stream.run, RelaySettings("", stream.feed.tier, stream.feed.state()["key"], at))
    reader = subscribed(stream.context, exported(stream.run, stream.folder, "waits", ""))
    for _ in range(50):
        stream.feed.publish()
    relay = stream.relay()
    assert stream.until(lambda: bool(reader.poll(0)))
    stream.feed.publish()

    got: list[int] = []

    def there() -> bool:
        while reader.poll(0):
            got.extend(msgspec.msgpack.decode(place)["number"] for place in reader.recv_multipart()[2:])
        return bool(got)

    assert stream.until(there)
    assert got == [51]
    assert relay.poll() is None
    reader.close(linger=0)


def test_a_second_relay_in_a_folder_is_told_so(stream: Stream) -> None:
    """And the first goes on, with its sockets."""
    first = stream.relay()
    words = [TAPEWIRE, "relay", stream.key, "--run", stream.run, "--base-port", str(stream.base + PORT_BLOCK)]
    second = subprocess.run(words, capture_output=True, text=True, check=False)

    assert second.returncode == 75
    assert "is another relay there?" in second.stderr
    assert first.poll() is None
    stream.feed.publish()
    assert stream.until(stream.whole)


def test_subscribers_of_a_relay_are_added_before_its_stream_is_there(stream: Stream) -> None:
    """The folder is enough: what it serves and where stands in relay.json."""
    process.prepared(stream.run, RelaySettings("", stream.feed.tier, "owner", Bus(base_port=stream.base + PORT_BLOCK)))
    with pytest.raises(TapewireError, match="--tier free: this relay serves premium"):
        subscribers.add("x", "free", "", stream.run)
    assert 'signed_by = "owner"' in exported(stream.run, stream.folder, "early", "").read_text()
