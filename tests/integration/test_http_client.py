"""TapewireHttp: the NinjaTrader strategy that asks the api over HTTP, on a stand-in chart under Mono."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tapewire.bus import keys
from tapewire.bus.roles import Role
from tapewire.daemons.settings.structs import Api
from tests import runs
from tests.bridges import PATIENCE_S, Bridge, bus, conf
from tests.integration.test_processes import eventually
from tests.mono import needs_mono
from tests.mono import program as program

pytestmark = [pytest.mark.slow, needs_mono]

KEY = "paul.0123456789abcdef"
HEAD = "timestamp,open,high,low,close,volume,vol_ask,vol_bid"
ROWS = [f"2026-03-02T10:{at:02}:00,21000,21001,20999,21000,10,6,4" for at in range(1, 60)]
NOTHING: dict[str, Any] = {
    "action": "NONE",
    "entry_price": None,
    "stop_loss": None,
    "target": None,
    "position_size": 0,
    "reasoning": "no strategy proposes anything on this bar",
    "code": "NO_SETUP",
    "id": "",
    "valid_until_ns": None,
}
UNTIL = 1_772_500_000_000_000_000  # later on 2026-03-02
ENTRY = NOTHING | {
    "action": "ENTER_LONG",
    "entry_price": 21000.0,
    "stop_loss": 20990.1,
    "target": 21020.0,
    "position_size": 2,
    "reasoning": "as ordered",
    "code": "",
    "id": "one",
    "valid_until_ns": UNTIL,
}


def ok(answer: object, kind: str = "application/json") -> bytes:
    """A whole response."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (kind.encode(), len(body)) + body


def problem(status: int, detail: str, more: str = "") -> bytes:
    """An error as the api sends it."""
    body = json.dumps({"status": status, "detail": detail}).encode()
    head = f"HTTP/1.1 {status} Some words\r\nContent-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


class Server:
    """Takes one request after the other and answers with the bytes that were given last.

    slow: it holds the answer until `release` is set. parts: it sends them one by one, a tenth of a second apart, and then waits.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.answer = ok(NOTHING)
        self.slow = False
        self.drips = False
        self.release = threading.Event()
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.release.set()
        if self._socket.fileno() >= 0:
            self._socket.shutdown(socket.SHUT_RDWR)  # it ends `accept`
        self._socket.close()
        self._thread.join(PATIENCE_S)

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            try:
                with plain if self._context is None else self._context.wrap_socket(plain, server_side=True) as connection:
                    self._one(connection)
            except OSError:
                plain.close()

    def _one(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as lines:
            first = lines.readline().decode()
            headers = {name.lower(): value for name, value in http.client.parse_headers(lines).items()}
            body = lines.read(int(headers.get("content-length", "0")))
        self.requests.append((first.strip(), headers, body))
        if self.slow:
            self.release.wait(PATIENCE_S)
        if self.drips:
            for at in range(len(self.answer)):
                connection.sendall(self.answer[at : at + 1])
                if self.release.wait(0.1):
                    break
            return
        connection.sendall(self.answer)


class Trader:
    """A chart with the strategy on it. Bar 0 has closed at 10:01 New York, and each `bar` closes the next minute."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self.chart: Bridge | None = None
        self.at = 0
        self.key(KEY)

    def key(self, text: str | None, mode: int = 0o600) -> None:
        path = self.folder / "http.key"
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(text + "\n")
            path.chmod(mode)

    def start(self, *options: object, account: str = "Replay", rows: Sequence[str] = ROWS) -> Trader:
        (self.folder / "NQ_Volumetric_1.csv").write_text("\n".join([HEAD, *rows]) + "\n")
        self.chart = Bridge(self.program, runs.conf(), None, self.folder, self.folder, "--traded", account, *options)
        self.chart.done()
        self.at = 0
        return self

    def do(self, line: str) -> list[str]:
        assert self.chart is not None
        return self.chart.do(line)

    def stands(self) -> str:
        return self.do("stands")[0]

    def corner(self) -> str:
        return self.do("corner")[0]

    def bar(self, expected: str) -> str:
        """Close a bar, and wait for the answer: a text in the chart's corner that matches."""
        self.close()
        found: list[str] = []

        def told() -> bool:
            found[:] = [self.corner()]
            return found[0].startswith(f"{(600 + self.at) // 60:02}:{self.at % 60:02} ")

        assert eventually(told), f"no answer to the bar; the corner has {found}"
        assert re.match(expected, found[0][6:]), found
        return found[0]

    def close(self) -> None:
        """Close a bar without waiting for the answer."""
        self.do("bar")
        self.at += 1

    def kill(self) -> None:
        if self.chart is not None:
            self.chart.kill()


@pytest.fixture
def trader(program: Path, tmp_path: Path) -> Iterator[Trader]:
    found = Trader(program, tmp_path)
    yield found
    found.kill()


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


WHOLE = ok(ENTRY)
HALF = WHOLE[: len(WHOLE) - 40]
DOUBTS: list[tuple[bytes, str]] = [
    (b"", "NONE BROKEN: "),
    (b"garbage\r\n\r\n", "NONE BROKEN: "),
    (ok(b"\xff\xfe\x00"), "NONE BROKEN: "),
    (ok(b"<html>"), "NONE ANSWER: no value at character 0"),
    (ok(b"[]"), "NONE ANSWER: it is no object"),
    (ok(b"[" * 60_000), "NONE ANSWER: it is nested too deeply"),
    (ok(ENTRY, kind="text/html"), "NONE NOT_JSON: the answer is text/html"),
    (ok(json.dumps(ENTRY | {"stop_loss": float("nan")}).encode()), "NONE ANSWER: no value at character"),
    (ok(json.dumps(ENTRY).replace("21020.0", "1e999").encode()), "NONE ANSWER: a number beyond all bounds"),
    (HALF, "NONE BROKEN: "),
    (HALF.replace(b"Content-Length", b"X-Length"), "NONE ANSWER: "),
    (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n20\r\nabc",
        "NONE (BROKEN|TIMEOUT): ",
    ),
    (ok(b" " * 70_000 + json.dumps(ENTRY).encode()), "NONE LENGTH: the answer has more than 64 KiB"),
    (
        problem(401, "show a key of this run in the header X-API-Key"),
        "NONE HTTP_401: show a key of this run in the header X-API-Key",
    ),
    (problem(503, "the daemon is not there\r\n\x07"), "NONE HTTP_503: the daemon is not there$"),
    (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nnginx", "NONE HTTP_502: nginx"),
    (b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", "NONE HTTP_202: no word of explanation"),
]


def test_on_any_doubt_nothing_is_entered_and_the_chart_says_why(trader: Trader, server: Server) -> None:
    """Whatever comes: no exception leaves the strategy, no order is placed, and the next good answer is traded."""
    trader.start("--http", server.port)
    for answer, words in DOUBTS:
        server.answer = answer
        trader.bar(words)
        assert trader.stands() == "flat", words
    server.answer = WHOLE
    trader.bar("ENTER_LONG one as ordered")
    trader.close()

    assert trader.stands() == "open one 20990.25 21020"
    assert len(server.requests) >= len(DOUBTS) + 1


def test_a_server_that_is_slow_or_not_there_holds_nobody(trader: Trader, server: Server) -> None:
    """The chart goes on while the answer is out; after two seconds it is NONE, also if the answer comes in drops. What comes later
    is not traded."""
    server.slow = True
    server.answer = WHOLE
    trader.start("--http", server.port)
    trader.close()
    meanwhile = trader.stands(), server.release.is_set()
    assert eventually(lambda: trader.corner() == "10:01 NONE TIMEOUT: no answer within 2 s")
    server.release.set()
    assert eventually(lambda: len(server.requests) == 1)
    server.slow = False
    server.release.clear()
    server.drips = True
    trader.bar("NONE TIMEOUT: no answer within 2 s")
    server.close()
    trader.bar("NONE NO_SERVER: ")

    assert meanwhile == ("flat", False)
    assert trader.stands() == "flat"


def test_the_key_goes_into_a_header_to_this_server_alone(trader: Trader, server: Server) -> None:
    """A redirection is not followed, no proxy is asked, and the address has neither key nor query."""
    other = Server()
    server.answer = b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:%d/signal\r\nContent-Length: 0\r\n\r\n" % other.port
    trader.start("--http", server.port)
    told = trader.bar("NONE REDIRECT: ")
    other.close()

    first, headers, body = server.requests[0]
    assert first == "POST /signal HTTP/1.1"
    assert headers["x-api-key"] == KEY
    assert headers["content-type"] == "application/json"
    assert KEY.encode() not in body
    assert other.requests == []
    assert KEY not in told


@pytest.mark.parametrize(
    "text, mode, why",
    [
        (None, 0o600, "there is no "),
        (KEY, 0o644, r"another user \(mode 644\) may read "),
        ("no key at all", 0o600, "http.key is no key"),
        ("paul.", 0o600, "http.key is no key"),
        (KEY + "\nX-Other: 1", 0o600, "http.key is no key"),
        ("paul." + "x" * 2_000, 0o600, "http.key is longer than a key"),
    ],
)
def test_a_key_that_is_not_safe_is_not_sent(trader: Trader, server: Server, text: str | None, mode: int, why: str) -> None:
    """A key that others may read is refused. The next bar takes the file anew."""
    trader.key(text, mode)
    trader.start("--http", server.port)
    told = trader.bar(f"NONE KEY: {why}")
    trader.key(KEY)
    trader.bar("NONE NO_SETUP")

    assert KEY not in told
    assert len(server.requests) == 1


def test_after_429_it_is_silent_as_long_as_the_server_asked(trader: Trader, server: Server) -> None:
    server.answer = problem(429, "the key 'paul' calls too often", "Retry-After: 1000\r\n")
    trader.start("--http", server.port)
    trader.bar("NONE HTTP_429: the key 'paul' calls too often")
    trader.bar("NONE RATE: the server asked for silence for another")

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "address",
    [
        "http://signals.example",
        "https://user:pass@signals.example",
        "https://signals.example/?key=1",
        "https://signals.example/x",
        "signals.example",
    ],
)
def test_another_machine_is_reached_by_https_alone(trader: Trader, address: str) -> None:
    trader.start("--https", address)

    trader.bar("NONE ADDRESS: ")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on this machine, so no certificate can be made")
@pytest.mark.parametrize("trusted, words", [(False, "NONE CERTIFICATE: "), (True, "NONE NO_SETUP: ")])
def test_a_server_that_does_not_prove_itself_gets_no_key(
    trader: Trader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool, words: str
) -> None:
    """Its certificate must be one that this user's system trusts, for this name."""
    make = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out own.pem -days 2 -subj /CN=localhost"
    subprocess.run(
        ["openssl", *make.split(), "-addext", "subjectAltName=DNS:localhost"],
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=True,
    )
    store = tmp_path / ".config" / ".mono" / "new-certs" / "Trust"  # Mono's, of the user
    store.mkdir(parents=True)
    for form in ("-subject_hash", "-subject_hash_old"):
        command = ["openssl", "x509", form, "-noout", "-in", tmp_path / "own.pem"]
        name = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
        if trusted:
            shutil.copy(tmp_path / "own.pem", store / f"{name}.0")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem", tmp_path / "key.pem")
    server = Server(context)
    trader.start("--https", f"https://localhost:{server.port}")
    trader.bar(words)
    server.close()

    assert len(server.requests) == trusted


def test_an_account_that_is_not_named_is_never_traded(trader: Trader, server: Server) -> None:
    server.answer = WHOLE
    trader.start("--http", server.port, account="Sim101")

    trader.bar("NONE ACCOUNT: this is Replay, and the setting Traded account names Sim101")
    assert trader.stands() == "flat"


def test_a_position_is_moved_and_closed_and_told(trader: Trader, server: Server) -> None:
    """A stop only moves closer, an id is taken once, and one trade is open at a time."""
    server.answer = WHOLE
    trader.start("--http", server.port).bar("ENTER_LONG one")
    trader.bar("NONE POSITION: one is working or open")
    server.answer = ok(
        NOTHING | {"action": "MOVE_STOP", "id": "m1", "stop_loss": 20995.1, "valid_until_ns": UNTIL, "code": "TRAIL"}
    )
    trader.bar("MOVE_STOP m1 TRAIL: no strategy")
    trader.bar("NONE STOP: it is not closer")
    server.answer = ok(NOTHING | {"action": "EXIT", "id": "x1", "valid_until_ns": UNTIL, "code": "TIME"})
    moved = trader.stands()
    trader.bar("EXIT x1 TIME")
    trader.close()
    server.answer = WHOLE
    trader.bar("NONE DUPLICATE: one was taken before")

    assert moved == "open one 20995.25 21020"
    assert trader.stands() == "flat"
    position = json.loads(server.requests[2][2])["position"]
    assert position | {"realised": 0, "unrealized_pnl": 0} == {
        "is_flat": False,
        "direction": "Long",
        "quantity": 2,
        "entry_price": 21000.25,
        "unrealized_pnl": 0,
        "entry_id": "one",
        "stop": 20990.25,
        "target": 21020,
        "realised": 0,
    }


def test_a_bar_that_has_no_prices_is_not_sent(trader: Trader, server: Server) -> None:
    """And nothing after it: the decisions that follow would rest on it."""
    rows = [f"2026-03-02T10:{at:02}:00,21000,{'NaN' if at == 2 else 21001},20999,21000,10,6,4" for at in range(1, 5)]
    trader.start("--http", server.port, "--history", 100, rows=rows)
    trader.bar("NONE NO_SETUP")
    trader.bar("NONE BAR: the one of 2026-03-02 15:02:00Z has a price that is no number above 0")
    trader.bar("NONE BAR: ")

    assert len(server.requests) == 1


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """A run with the api, and its port. No bridge gives it bars. It has the keys paul and anna besides its own."""
    run = tmp_path_factory.mktemp("door") / "run"
    run.mkdir()
    keys.make(run)
    keys.new(run, "paul", Role.EXTERNAL)
    keys.new(run, "anna", Role.OPERATOR)
    found = conf(["pipeline"])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    found = msgspec.structs.replace(found, api=Api(enabled=True, port=port))
    with bus(found, run, ("broker", "logger", "tracker", "evaluator", "gate", "api")):
        yield port, run


def test_the_api_decides_and_the_chart_trades(trader: Trader, api: tuple[int, Path]) -> None:
    """With the bars before each bar: entries are protected before they are placed, and the exits of the run's strategy follow."""
    port, run = api
    trader.key(keys.find(run, "reader").token)
    minutes = [f"2026-03-02T{9 + at // 60:02}:{at % 60:02}:00" for at in range(31, 80)]
    rows = [f"{stamp},21000,21001,20999,21000,10,6,4" for stamp in minutes]
    trader.start("--http", port, "--history", 500, rows=rows)
    trader.at = -30
    trader.bar("ENTER_LONG MNQ-20260302-0931-PIPELINE-EL plumbing test")
    working = trader.stands()
    trader.bar("NONE ")
    held = trader.stands()
    trader.bar("EXIT MNQ-20260302-0933-PIPELINE-X ")
    trader.bar("NONE ")

    assert working == "working MNQ-20260302-0931-PIPELINE-EL"
    assert held.startswith("open MNQ-20260302-0931-PIPELINE-EL ")
    assert trader.stands() == "flat"


def test_what_the_api_refuses_is_none_in_its_words(trader: Trader, api: tuple[int, Path]) -> None:
    """A wrong key, until the api slows the caller down; a key of another role; levels that need an operator's key."""
    port, run = api
    trader.key("reader.wrong")
    trader.start("--http", port, "--levels-of", "2026-03-02", "--levels", "pdh=21100 pdl=20900.25")
    told = [trader.bar("NONE LEVELS: they are not taken: (HTTP_401: show a key|HTTP_429: |RATE: )") for _ in range(12)]
    trader.kill()
    trader.key(keys.find(run, "paul").token)
    trader.start("--http", port, "--history", 5)
    trader.bar("NONE HTTP_403: the key 'paul' has the role external")
    trader.kill()
    trader.key(keys.find(run, "reader").token)
    trader.start("--http", port, "--levels-of", "2026-03-02", "--levels", "pdh=21100 pdl=20900.25")
    trader.bar("NONE LEVELS: they are not taken: HTTP_403: ")
    trader.key(keys.find(run, "anna").token)
    trader.bar("NONE (TIMEOUT|UNKNOWN_BAR): ")

    assert "HTTP_401" in told[0]
    assert "RATE" in told[-1]
