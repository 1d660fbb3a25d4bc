"""`POST /signal` answered where its last byte arrives: the answers of the usual way, in less time."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import pytest

from tapewire.bus import keys, wire
from tapewire.bus.messages import Bar, Intents
from tapewire.bus.roles import Role
from tapewire.daemons.api import deciding, server
from tapewire.daemons.settings.structs import Api
from tapewire.replay.sources import synthetic
from tests.doors import Door, configured, streamed
from tests.unit.test_api_signals import request

RATE = 40.0
JSON = "application/json"


class Lane(NamedTuple):
    """A server on a port. bars: those that the bus has decided on; the first of them with a proposal.

    usual: how many requests have come to the application.
    """

    door: Door
    bars: list[Bar]
    port: int
    usual: list[str]


@pytest.fixture(scope="module")
def lane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    """The door of a run that is over, behind a real server."""
    folder = tmp_path_factory.mktemp("bars")
    synthetic.generate(folder, sessions=1, seed=7, start=dt.date(2026, 3, 2))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    conf = msgspec.structs.replace(configured(), api=Api(port=port, requests_per_s=RATE))
    door = Door(conf, tmp_path_factory.mktemp("run"))
    bars = [bar for bar, facts in streamed(conf, folder) if door.open.take([*facts]) is None]
    proposed = {wire.decode(each.frame)[1].bar_ns for each in door.open.recent.of("intent.MNQ.")}
    first = next(at for at, bar in enumerate(bars) if bar.close_ns in proposed)
    usual: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        usual.append(scope["path"])
        await door.application(scope, receive, send)

    bound = server.listening(conf.api)
    made = server.made(application, conf.api, door.application)
    thread = threading.Thread(target=lambda: asyncio.run(made.serve(sockets=[bound])))
    thread.start()
    yield Lane(door, bars[first : first + 60], port, usual)
    made.should_exit = True
    thread.join()


class Line:
    """A connection to it, with what has come and was not read."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._come = self._socket.makefile("rb")
        self.send = self._socket.sendall

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the next answer."""
        while int((status := self._come.readline().decode()).split()[1]) == 100:
            self._come.readline()
        lines = iter(lambda: self._come.readline().decode().strip(), "")
        headers = dict(line.split(": ", 1) for line in lines)
        return int(status.split()[1]), headers, self._come.read(int(headers["content-length"]))

    def close(self) -> None:
        self._come.close()
        self._socket.close()


@pytest.fixture
def line(lane: Lane) -> Iterator[Line]:
    opened = Line(lane.port)
    yield opened
    opened.close()


def asked(lane: Lane, body: object, *more: str, **changed: str) -> bytes:
    """A request as bytes. more: further header lines. changed: others in place of the usual ones; an empty one is left out."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {
        "host": f"127.0.0.1:{lane.port}",
        "x-api-key": lane.door.tokens["reader"],
        "content-type": JSON,
        "content-length": str(len(content)),
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    head = [f"{name}: {value}" for name, value in lines.items() if value]
    return "\r\n".join(["POST /signal HTTP/1.1", *head, *more, "", ""]).encode() + content


@pytest.fixture(autouse=True)
def _unlimited(lane: Lane) -> None:
    """Each test has its calls for itself."""
    lane.door.open.callers._own.clear()
    lane.door.open.callers._strangers.clear()


def test_what_is_decided_is_answered_at_once_as_on_the_usual_way(lane: Lane, line: Line) -> None:
    """Bars with and without a proposal: status, headers and body are the same, and the application is not asked."""
    different, before = [], len(lane.usual)
    for bar in lane.bars[:15]:
        line.send(asked(lane, request(bar)))
        quick = line.answer()
        line.send(asked(lane, request(bar), "expect: 100-continue"))
        status, headers, body = line.answer()
        if quick != (status, headers, body):
            different.append((quick, (status, headers, body)))

    assert different == []
    assert len(lane.usual) - before == 15
    assert isinstance(wire.decode(lane.door.open.recent.of("intent.MNQ.", lane.bars[0].close_ns)[0].frame)[1], Intents)


@pytest.mark.parametrize(
    ("body", "changed", "status"),
    [
        (None, {"x_api_key": ""}, 401),
        (None, {"x_api_key": "reader.wrong"}, 401),
        (None, {"x_api_key": "external"}, 403),
        (None, {"host": "evil.example"}, 421),
        (None, {"origin": "http://evil.example"}, 403),
        (None, {"sec_fetch_site": "cross-site"}, 403),
        (None, {"content_type": "text/plain"}, 415),
        (None, {"content_type": ""}, 415),
        (b"{", {}, 422),
        (b'{"timestamp": "2026-03-02T10:31:00", "bar": {"open": true, "high": 1, "low": 1, "close": 1, "volume": 1}}', {}, 422),
        (b"[" * 100_000, {}, 422),
        (b"x" * (2 << 20), {}, 413),
    ],
)
def test_whatever_is_wrong_is_refused_as_anywhere(
    body: bytes | None, changed: dict[str, str], status: int, lane: Lane, line: Line
) -> None:
    """A key, a host, an origin, a kind, a field, a length: one way finds and words it."""
    if changed.get("x_api_key") == "external":
        changed = {"x_api_key": lane.door.tokens["external"]}
    line.send(asked(lane, request(lane.bars[0]) if body is None else body, **changed))
    found, headers, content = line.answer()

    assert (found, headers["content-type"]) == (status, "application/problem+json")
    assert json.loads(content)["status"] == status


def test_a_bar_that_nobody_has_decided_on_is_waited_for(lane: Lane, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the usual way, until its time is over."""
    monkeypatch.setattr(deciding, "DECIDE_S", 0.01)
    line.send(asked(lane, request(lane.bars[0]) | {"timestamp": "2027-03-03T10:31:00"}))

    assert json.loads(line.answer()[2])["code"] == "TIMEOUT"


def test_requests_that_come_together_are_answered_in_order(lane: Lane, line: Line) -> None:
    """Also where one of them takes the usual way, and where a body comes in pieces, in chunks, or is long."""
    bodies = [request(bar) for bar in lane.bars[:5]]
    chunked = json.dumps(bodies[3]).encode()
    long = bodies[4] | {"settings": {"padding": "x" * server.MOST_AT_ONCE}}
    whole = b"".join(
        [
            asked(lane, bodies[0]),
            asked(lane, bodies[1], content_type="text/plain"),
            asked(lane, bodies[2]),
            asked(lane, b"", "transfer-encoding: chunked", content_length="") + b"%x\r\n%s\r\n0\r\n\r\n" % (len(chunked), chunked),
            asked(lane, long),
        ]
    )
    for at in range(0, len(whole), 1_000):
        line.send(whole[at : at + 1_000])
    found = [line.answer() for _ in range(5)]

    assert [status for status, _, _ in found] == [200, 415, 200, 200, 200]
    for number in (0, 2, 3, 4):
        assert found[number][2] == lane.door.client("operator").post("/signal", json=bodies[number]).content


def test_a_head_alone_is_asked_for_as_the_whole(lane: Lane) -> None:
    """As monitors ask: the status and the headers of a GET, and no body."""
    host = f"host: 127.0.0.1:{lane.port}\r\nconnection: close\r\n\r\n"
    found = []
    for method in ("GET", "HEAD"):
        with socket.create_connection(("127.0.0.1", lane.port), timeout=20) as opened:
            opened.sendall(f"{method} /health HTTP/1.1\r\n{host}".encode())
            found.append(b"".join(iter(lambda: opened.recv(65_536), b"")).partition(b"\r\n\r\n"))

    (whole, _, body), (alone, _, nothing) = found
    assert whole.startswith(b"HTTP/1.1 200 OK")
    assert whole == alone
    assert body
    assert not nothing


def test_an_answer_at_once_counts_for_the_rate(lane: Lane, line: Line) -> None:
    """The one too many is refused, and told when to come again."""
    statuses = []
    while not statuses or statuses[-1] == 200:
        line.send(asked(lane, request(lane.bars[0])))
        status, headers, _ = line.answer()
        statuses.append(status)

    assert len(statuses) >= 2 * RATE
    assert (statuses[-1], headers["retry-after"]) == (429, "1")


def test_a_fault_on_the_way_is_left_to_the_usual_one(lane: Lane, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """It meets it again, and answers in the shape of every error."""

    def fails(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(deciding, "close_of", fails)
    line.send(asked(lane, request(lane.bars[0])))
    status, headers, _ = line.answer()

    assert (status, headers["content-type"]) == (500, "application/problem+json")


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The heads that were read since the test began."""
    found: list[bytes] = []
    usual = server.HttpConnection.on_headers_complete

    def counted(connection: server.HttpConnection) -> None:
        found.append(connection.url)
        usual(connection)

    monkeypatch.setattr(server.HttpConnection, "on_headers_complete", counted)
    return found


def test_a_head_that_comes_again_is_not_read_again(lane: Lane, line: Line, parsed: list[bytes]) -> None:
    """Whichever connection it comes by; the answers are those of the bars. A body in two pieces is read as any."""
    bodies = [json.dumps(request(bar)).encode().ljust(400) for bar in lane.bars[:3]]
    questions = [asked(lane, body, "x-mine: 1") for body in bodies]
    found = []
    for question in questions:
        line.send(question)
        found.append(line.answer())
    other = Line(lane.port)
    other.send(questions[0])
    found.append(other.answer())
    read = len(parsed)
    other.send(questions[0][:-9])
    other.send(questions[0][-9:])
    found.append(other.answer())
    other.close()

    usual = [lane.door.client("reader").post("/signal", content=body, headers={"content-type": JSON}).content for body in bodies]
    assert read == 1
    assert [body for _, _, body in found] == [*usual, usual[0], usual[0]]


def test_a_known_head_with_a_key_that_is_gone_is_refused(lane: Lane, line: Line) -> None:
    """The key is looked at with every request, whatever is remembered."""
    key = keys.new(lane.door.open.run, "visitor", Role.READER)
    lane.door.keys.refresh()
    question = asked(lane, request(lane.bars[0]), x_api_key=key.token)
    statuses = []
    for revoked in (False, False, True):
        if revoked:
            keys.revoke(lane.door.open.run, "visitor")
            lane.door.keys.refresh()
        line.send(question)
        statuses.append(line.answer()[0])

    assert statuses == [200, 200, 401]


def test_behind_an_unanswered_request_a_known_head_waits_its_turn(lane: Lane, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer never overtakes another on its connection."""
    monkeypatch.setattr(deciding, "DECIDE_S", 0.2)
    known = asked(lane, request(lane.bars[0]))
    line.send(known)
    line.answer()
    line.send(asked(lane, request(lane.bars[0]) | {"timestamp": "2027-03-03T10:31:00"}))
    line.send(known)

    codes = [json.loads(line.answer()[2])["code"] for _ in range(2)]

    assert codes[0] == "TIMEOUT"
    assert codes[1] != "TIMEOUT"
