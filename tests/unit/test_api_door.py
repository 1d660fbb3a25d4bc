"""The HTTP door: who gets in, from where, with what, and how often; every refusal in one shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tapewire.bus import keys
from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Arm, ExternalSignal, Kill
from tapewire.bus.roles import FOR_PEOPLE
from tapewire.daemons.api import threshold
from tapewire.daemons.api.asking import VerbRefused
from tapewire.daemons.api.examples import LICENSE, SEND, SIGNAL, START
from tapewire.daemons.gate.switch import LATCH
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Api, Ingress
from tests.doors import URL, Door, configured

PEOPLE = sorted(role.value for role in FOR_PEOPLE)
ALLOWED = {
    ("GET", "/ready"): {"reader", "operator", "external"},
    ("GET", "/state"): {"reader", "operator"},
    ("GET", "/days"): {"reader", "operator"},
    ("GET", "/days/2026-03-05/report"): {"reader", "operator"},
    ("GET", "/explain/MNQ-1"): {"reader", "operator"},
    ("GET", "/why/2026-03-05"): {"reader", "operator"},
    ("GET", "/trades/today"): {"reader", "operator", "subscriber"},
    ("GET", "/trades/history"): {"reader", "operator", "subscriber"},
    ("GET", "/performance"): {"reader", "operator", "subscriber"},
    ("GET", "/strategies"): {"reader", "operator", "subscriber"},
    ("GET", "/stream"): {"reader", "operator", "subscriber"},
    ("GET", "/api/v1/connection/test"): {"reader", "operator", "external"},
    ("GET", "/api/v1/signals/health"): {"reader", "operator", "external"},
    ("GET", "/api/live/status"): {"reader", "operator"},
    ("GET", "/api/live/accounts"): {"reader", "operator"},
    ("POST", "/signal"): {"reader", "operator"},
    ("POST", "/api/v1/signals/generate"): {"reader", "operator"},
    ("POST", "/session_init"): {"operator"},
    ("POST", "/api/v1/signals/send"): {"external", "operator"},
    ("POST", "/page/code"): {"reader", "operator"},
    ("POST", "/api/live/kill"): {"operator"},
    ("POST", "/api/live/arm"): {"operator"},
    ("POST", "/api/live/start"): {"operator"},
    ("POST", "/api/live/stop"): {"operator"},
    ("POST", "/api/replay/pause"): {"operator"},
}
OPEN = {("GET", "/health"), ("POST", "/page/key"), ("POST", "/api/v1/license/validate")}


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(configured(), tmp_path)


def test_every_endpoint_is_listed_here(door: Door) -> None:
    """A new one needs a line that says who may use it."""
    document = door.client().get("/openapi.json").json()

    named = {path: path.format(verb="pause", date="2026-03-05", name="MNQ-1") for path in document["paths"]}
    described = {(method.upper(), named[path]) for path, each in document["paths"].items() for method in each}
    assert described == set(ALLOWED) | OPEN


@pytest.mark.parametrize("role", ["", *PEOPLE])
def test_a_key_gets_what_its_role_may(role: str, door: Door) -> None:
    """Without a key nothing but health and the check of a key; with one what its role may; another role is told which it takes."""
    client = door.client(role)
    told = {}
    for method, path in ALLOWED:
        got = client.request(method, path, json={} if method == "POST" else None)
        told[method, path] = got.status_code not in (401, 403, 429)
        assert got.status_code != 500
        if not told[method, path]:
            assert got.status_code in ((403,) if role else (401, 429))

    assert told == {each: role in roles for each, roles in ALLOWED.items()}


@pytest.mark.parametrize("name", ["gate", "api", "nt", "server", "nobody", "", "operator"])
def test_only_a_persons_key_with_its_phrase_opens(name: str, door: Door) -> None:
    """No daemon's key, not the bridge's, no unknown name, no wrong phrase."""
    key = door.keys.named(name)
    token = f"{name}.{'0' * 128}" if key is None or name == "operator" else key.token

    got = door.client().get("/state", headers={"X-API-Key": token})

    assert (got.status_code, got.json()["code"], got.headers["www-authenticate"]) == (401, "KEY", "X-API-Key")


def test_a_revoked_key_opens_no_more(door: Door, tmp_path: Path) -> None:
    """As soon as the process has looked at its keys, which it does once a second."""
    client = door.client("external")
    before = client.get("/ready").status_code
    keys.revoke(tmp_path, "one-external")
    door.keys.refresh()

    assert (before, client.get("/ready").status_code) == (200, 401)


def test_a_key_in_the_url_is_no_key(door: Door) -> None:
    """A URL is written to logs and histories."""
    assert door.client().get("/state", params={"X-API-Key": door.tokens["reader"]}).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8006", "", "169.254.169.254", "localhost.", "[::2]:8006"])
def test_another_host_name_is_refused(host: str, door: Door) -> None:
    """A page whose name points at this machine since a moment ago (DNS rebinding), whatever key it may have."""
    got = door.client("operator").post("/api/live/kill", headers={"Host": host})

    assert (got.status_code, got.json()["code"], door.ports.told) == (421, "HOST", [])


@pytest.mark.parametrize("host", ["127.0.0.1:8006", "localhost:8006", "LOCALHOST", "[::1]:8006"])
def test_its_own_names_are_taken(host: str, door: Door) -> None:
    """With and without the port, as a browser writes them."""
    assert door.client().get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:9000",
        "http://localhost:8006",
        "chrome-extension://x",
        "http://[",
        "http://[x]",
    ],
)
def test_a_page_of_another_origin_is_refused(origin: str, door: Door) -> None:
    """Other servers of this machine are others as well; no answer allows a page to read it."""
    got = door.client("operator").post("/api/live/kill", headers={"Origin": origin})

    assert (got.status_code, got.json()["code"], door.ports.told) == (403, "ORIGIN", [])
    assert "access-control-allow-origin" not in got.headers


def test_its_own_page_and_programs_are_taken(door: Door) -> None:
    """A page sends the origin of its server, and a program none."""
    client = door.client("operator")

    page, program = client.post("/api/live/kill", headers={"Origin": URL}), client.post("/api/live/kill")

    assert (page.status_code, program.status_code) == (200, 200)


def test_a_request_across_sites_without_an_origin_is_refused(door: Door) -> None:
    """A form of another page, of which the browser tells only this."""
    got = door.client("operator").post("/api/live/kill", headers={"Sec-Fetch-Site": "cross-site"})

    assert got.status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
def test_a_body_says_that_it_is_json(kind: str, door: Door) -> None:
    """A browser sends the other kinds for any page, without asking first."""
    got = door.client("reader").post("/signal", content=msgspec.json.encode(SIGNAL), headers={"content-type": kind})

    assert (got.status_code, got.json()["code"]) == (415, "NOT_JSON")


def test_a_long_body_is_refused(door: Door) -> None:
    """Whether its length is told or not."""
    client = door.client("reader")

    told = client.post("/signal", content=b" " * (threshold.MAX_BODY + 1), headers={"content-type": "application/json"})
    untold = client.post("/signal", content=(b" " * 65_536 for _ in range(40)), headers={"content-type": "application/json"})

    assert (told.status_code, untold.status_code) == (413, 413)


def test_a_key_has_a_rate_and_kill_has_none(tmp_path: Path) -> None:
    """Too many requests wait, but nothing holds up a kill."""
    conf = msgspec.structs.replace(configured(), api=Api(requests_per_s=2.0))
    door = Door(conf, tmp_path)
    client = door.client("operator")

    many = [client.get("/ready") for _ in range(8)]
    kill, other = client.post("/api/live/kill"), door.client("reader").get("/ready")

    assert [each.status_code for each in many][:4] == [200] * 4
    assert (many[-1].status_code, many[-1].json()["code"], many[-1].headers["retry-after"]) == (429, "RATE", "1")
    assert (kill.status_code, other.status_code) == (200, 503)


def test_guessing_is_slowed_down(door: Door) -> None:
    """An address that shows wrong keys waits; who has a key does not."""
    guesses = [door.client().get("/state", headers={"X-API-Key": f"operator.{number:0128}"}) for number in range(8)]

    assert {each.status_code for each in guesses} == {401, 429}
    assert door.client("reader").get("/state").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/%2e%2e/app.py", 404),
        ("GET", "/signal", 405),
        ("DELETE", "/state", 405),
        ("OPTIONS", "/state", 405),
        ("GET", "/trades/history?days=0", 422),
        ("GET", "/why/2026-02-31", 422),
        ("GET", "/why/0001-01-01", 422),
        ("GET", "/trades/history?days=many", 422),
        ("POST", "/api/replay/rewind", 422),
        ("POST", "/api/live/kill?flatten=perhaps", 422),
        ("POST", "/signal", 415),
    ],
)
def test_every_refusal_has_one_shape(method: str, path: str, status: int, door: Door) -> None:
    """RFC 9457: a status, a title, a word for programs and a sentence."""
    got = door.client("operator").request(method, path)

    assert (got.status_code, got.headers["content-type"]) == (status, "application/problem+json")
    assert {"type", "title", "status", "code", "detail"} <= set(got.json())
    assert got.json()["status"] == status


def test_a_number_that_is_none_leaves_as_null(door: Door) -> None:
    """The platform reports no cash."""
    got = door.client("reader").get("/api/live/accounts")

    assert got.json()["accounts"][0] == {
        "id": "Sim101",
        "name": "Sim101",
        "balance": None,
        "canTrade": True,
        "simulated": True,
        "traded": True,
    }


@pytest.mark.parametrize(("connected", "status"), [(True, 200), (False, 503)])
def test_no_accounts_are_an_error_only_while_the_platform_is_away(connected: bool, status: int, door: Door) -> None:
    """The venue of a replay is there and has none to report; NinjaTrader that is away may have some later."""
    door.ports.accounts, door.ports.connected = [], connected
    got = door.client("reader").get("/api/live/accounts")

    assert (got.status_code, got.json().get("accounts")) == (status, [] if connected else None)
    assert got.headers.get("retry-after") == (None if connected else "1")


def test_a_run_that_takes_no_signals_says_so(tmp_path: Path) -> None:
    """It is a setting: coming again later is of no use."""
    conf = msgspec.structs.replace(configured(), ingress=Ingress())
    got = Door(conf, tmp_path).client("external").post("/api/v1/signals/send", json=SEND)

    assert (got.status_code, got.json()["code"]) == (409, "INGRESS_OFF")


def test_a_daemon_that_is_asked_too_often_says_when_to_come_again(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the caller who asks too often, not the server that fails."""

    async def refuses(*_: object) -> None:
        raise VerbRefused("RATE: more than 20 questions in a second; ask again in one")

    monkeypatch.setattr(door.ports, "ask", refuses)
    got = door.client("reader").get("/state")

    assert (got.status_code, got.json()["code"], got.headers["retry-after"]) == (429, "RATE", "1")


def test_the_words_go_on_under_the_callers_name(door: Door, tmp_path: Path) -> None:
    """Kill is on the disk first, arm takes it away, and a signal is the sender's."""
    operator = door.client("operator")

    killed = operator.post("/api/live/kill?flatten=true").json()
    latched = (tmp_path / LATCH.file).read_text()
    armed = operator.post("/api/live/arm").json()
    sent = door.client("external").post("/api/v1/signals/send", json=SEND)

    assert (killed["killed"], killed["on_disk"], killed["acknowledged"], latched) == (True, True, True, "operator")
    assert (armed["killed"], (tmp_path / LATCH.file).exists()) == (False, False)
    assert (sent.json()["success"], sent.json()["signal_id"]) == (True, "MNQ_buy_21000.25")
    assert door.ports.told == [
        ("operator", Kill("operator", True)),
        ("operator", Arm("operator")),
        ("one-external", ExternalSignal(SEND)),
    ]


def test_a_kill_without_a_gate_is_on_the_disk(door: Door, tmp_path: Path) -> None:
    """The gate finds it at its start; an arm that nobody has heard puts it back."""
    door.ports.away = True
    operator = door.client("operator")

    killed, armed = operator.post("/api/live/kill"), operator.post("/api/live/arm")

    assert (killed.status_code, killed.json()["on_disk"], killed.json()["acknowledged"]) == (200, True, False)
    assert (armed.status_code, (tmp_path / LATCH.file).read_text()) == (503, "operator")


def test_a_stop_without_a_gate_is_on_the_disk_too(door: Door, tmp_path: Path) -> None:
    """It says so: the gate was not there to take it, and finds it."""
    door.ports.away = True

    stopped = door.client("operator").post("/api/live/stop")

    assert (stopped.status_code, (tmp_path / LATCH.file).read_text()) == (503, "operator")
    assert stopped.json()["detail"].startswith("latched on the disk, where the gate finds it when it is back: gate: no reply")


def test_a_disk_that_refuses_is_told_and_the_gate_as_well(door: Door, tmp_path: Path) -> None:
    """A folder in place of the latch can neither be written nor removed. Killing goes on in the gate; arming leaves it killed."""
    operator = door.client("operator")
    (tmp_path / LATCH.file).mkdir()

    killed, armed = operator.post("/api/live/kill"), operator.post("/api/live/arm")
    door.ports.killed = False
    stopped = operator.post("/api/live/stop")

    assert (killed.status_code, killed.json()["acknowledged"]) == (200, True)
    assert "cannot be written" in killed.json()["faults"][0]
    assert (armed.status_code, armed.json()["code"]) == (503, "DISK")
    assert (stopped.status_code, door.ports.killed) == (200, True)


def test_a_packed_body_is_refused_with_the_remedy(door: Door) -> None:
    got = door.client("reader").post(
        "/signal", content=b"x", headers={"content-type": "application/json", "content-encoding": "gzip"}
    )

    assert (got.status_code, got.json()["code"]) == (415, "PACKED")
    assert "send it as it is" in got.json()["detail"]


def test_a_part_of_a_file_is_the_whole_of_it(door: Door) -> None:
    """Also where no such part can be."""
    whole, part, none = (door.client().get("/main.js", headers=each) for each in ({}, {"range": "bytes=1-2"}, {"range": "bytes=x"}))

    assert {each.status_code for each in (whole, part, none)} == {200}
    assert whole.content == part.content == none.content


def test_trading_starts_only_as_the_run_was_started(door: Door) -> None:
    """Ten fields; no second start, no start without a strategy, and the first difference is named."""
    client = door.client("operator")
    own = START | {"account_id": "Replay", "trade_enabled": True}

    again = client.post("/api/live/start", json=own)
    stopped = client.post("/api/live/stop")
    stopped_again = client.post("/api/live/stop")
    without = client.post("/api/live/start", json=own | {"strategy_id": ""})
    other = [
        client.post("/api/live/start", json=own | change).json()["detail"].split()[0]
        for change in ({"strategy_id": "mine"}, {"account_id": "Live1"}, {"trade_enabled": False}, {"symbol": "CLH6"})
    ]
    started = client.post("/api/live/start", json=own)

    assert (again.status_code, stopped.status_code, stopped_again.status_code) == (409, 200, 409)
    assert stopped.json()["running"] is False
    assert without.status_code == 400
    assert other == ["strategy_id", "account_id", "trade_enabled", "symbol"]
    assert (started.status_code, started.json()["status"], door.ports.killed) == (200, "started", False)


def test_a_key_is_judged_for_who_asks(door: Door, tmp_path: Path) -> None:
    """Its tier and its end, of a key that is valid, over, and none."""
    import datetime as dt

    end = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    late = keys.new(tmp_path, "late", keys.Role.SUBSCRIBER, tier=keys.SubscriberTier.DELAYED, expires=end)
    door.keys.refresh()
    client = door.client()

    valid = client.post("/api/v1/license/validate", json={"license_key": door.tokens["subscriber"]}).json()
    over = client.post("/api/v1/license/validate", json={"license_key": late.token}).json()
    none = client.post("/api/v1/license/validate", json=LICENSE).json()

    assert (valid["valid"], valid["tier"], valid["expires_at"]) == (True, "premium", None)
    assert (over["valid"], over["tier"], over["expires_at"], over["reason"]) == (False, "delayed", end.isoformat(), "EXPIRED")
    assert (none["valid"], none["reason"]) == (False, "UNKNOWN")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"host": "0.0.0.0"}, "without TLS"),
        ({"certificate": "a.pem"}, "go together"),
        ({"port": 0}, "port"),
        ({"requests_per_s": 0.0}, "more than 0"),
    ],
)
def test_settings_that_open_the_door_too_wide_are_refused(settings: dict[str, Any], told: str) -> None:
    """Another host than this machine needs TLS, or an explicit word."""
    with pytest.raises(ConfError, match=told):
        configuration.load("live", instance="t", traded=["MNQ"], preset=configuration.preset("seed"), changes={"api": settings})


def test_another_host_is_taken_with_tls_or_a_word() -> None:
    """A proxy in front of it may speak TLS."""
    assert Api(host="0.0.0.0", plain_outside=True).host == "0.0.0.0"
    assert Api(host="0.0.0.0", certificate="a.pem", private_key="b.pem").host == "0.0.0.0"
