"""The stream: the past and then the present, to each reader in a queue that has a bound."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from tapewire.bus import keys, roles, topics, wire
from tapewire.bus.messages import PROTOCOL_VERSION, Beat, Body, Header, Risk, TradingState
from tapewire.bus.testing import bar
from tapewire.daemons.api import live, memory, slow, stream
from tapewire.daemons.api.callers import Caller
from tapewire.daemons.api.memory import KEPT_ELSE, Recent, SeenFact
from tapewire.daemons.api.stream import Hub, Listener
from tapewire.daemons.settings.structs import Api, Subscribers
from tests.doors import URL, Door, configured


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(configured(), tmp_path)


def risk(seq: int, epoch: int = 1, topic: str = "risk.Replay.", cents: int = 0) -> SeenFact:
    return fact(topic, Risk("Replay", "2026-03-02", TradingState.ACTIVE, cents, 0, 0, 0), seq, epoch)


def fact(topic: str, body: Body, seq: int, epoch: int = 1) -> SeenFact:
    header = Header(PROTOCOL_VERSION, "gate", epoch, seq, 1_772_461_860_000_000_000, "raw.bar.MNQ.1m.@1:7")
    return SeenFact(topic, epoch, seq, header.event_ns, wire.encode(header, body))


def told(socket: Any, kind: str) -> dict[str, Any]:
    """The next message of this kind."""
    while True:
        message: dict[str, Any] = socket.receive_json()
        if message["kind"] == kind:
            return message


def test_a_reader_is_told_the_past_and_then_what_comes(door: Door) -> None:
    """Who is there, the past, that it is over, and each fact with its name and its body."""
    door.open.take([risk(1, topic="signal.MNQ."), risk(2, topic="signal.MNQ.", cents=5)])
    with door.stream() as socket:
        socket.send_json({"key": door.tokens["reader"], "topics": ["signal."]})
        hello, past, now = socket.receive_json(), socket.receive_json(), socket.receive_json()
        socket.portal.call(door.open.take, [risk(3, topic="signal.MNQ."), risk(1, topic="trade.MNQ.")])
        live_fact = socket.receive_json()

    assert (hello["kind"], hello["mode"], hello["role"], hello["past"]) == ("hello", "replay", "reader", 2)
    assert hello["traded"] == {"MNQ": {"tick": 0.25, "point_value": 2.0, "calendar": "equity"}}
    assert (past["kind"], past["past"], [each["seq"] for each in past["facts"]]) == ("facts", True, [1, 2])
    assert past["facts"][1] == {
        "topic": "signal.MNQ.",
        "epoch": 1,
        "seq": 2,
        "ts": 1_772_461_860_000,
        "type": "risk",
        "cause": "raw.bar.MNQ.1m.@1:7",
        "body": past["facts"][1]["body"],
    }
    assert past["facts"][1]["body"]["realised_cents"] == 5
    assert now == {"kind": "live"}
    assert (live_fact["past"], [(each["topic"], each["seq"]) for each in live_fact["facts"]]) == (False, [("signal.MNQ.", 3)])


def test_a_program_may_show_its_key_in_the_header(door: Door) -> None:
    """Then its first message may be empty."""
    with door.stream("operator") as socket:
        socket.send_json({})

        assert socket.receive_json()["role"] == "operator"


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ({}, live.CLOSED[401]),
        ({"key": "reader." + "0" * 128}, live.CLOSED[401]),
        ({"key": "external"}, live.CLOSED[403]),
        ({"key": "subscriber"}, live.CLOSED[403]),
        ({"key": "reader", "colour": 1}, 1007),
        ({"key": "reader", "topics": ["x."] * 33}, 1007),
        (["reader"], 1007),
    ],
)
def test_who_shows_no_key_of_a_reader_is_closed(first: Any, code: int, door: Door) -> None:
    """No key, a wrong one, another role, or something else than was asked for."""
    if isinstance(first, dict) and first.get("key") in door.tokens:
        first = first | {"key": door.tokens[first["key"]]}
    with door.stream() as socket:
        socket.send_text(json.dumps(first))
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()

    assert closed.value.code == code
    assert door.open.hub.listeners == set()


@pytest.mark.parametrize(
    ("tier", "enabled", "seen"),
    [("premium", True, ["public.trade.MNQ."]), ("delayed", True, None), ("free", True, None), ("premium", False, None)],
)
def test_a_subscriber_streams_what_is_public_by_his_tier(tier: str, enabled: bool, seen: list[str] | None, tmp_path: Path) -> None:
    """Premium has it as it comes, whatever else it asks for, and is told nothing of the account; the other tiers have ports."""
    door = Door(msgspec.structs.replace(configured(), subscribers=Subscribers(enabled=enabled)), tmp_path)
    key = keys.new(tmp_path, "paul", keys.Role.SUBSCRIBER, tier=keys.SubscriberTier(tier))
    door.keys.refresh()
    door.open.take([risk(1, topic="signal.MNQ."), risk(1, topic="public.trade.MNQ.")])
    with door.stream() as socket:
        socket.send_json({"key": key.token, "topics": ["public.trade.", "signal.", ""]})
        if seen is None:
            with pytest.raises(WebSocketDisconnect) as closed:
                socket.receive_json()
            assert closed.value.code == live.CLOSED[403]
        else:
            hello = socket.receive_json()
            assert [each["topic"] for each in told(socket, "facts")["facts"]] == seen
            assert socket.receive_json() == {"kind": "live"}
            assert {"account", "run", "preset"} & set(hello) == set()


def test_who_says_nothing_is_closed(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection without a first message costs a place for some seconds only."""
    monkeypatch.setattr(live, "ASK_S", 0.01)
    with door.stream() as socket, pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json()

    assert closed.value.code == live.CLOSED_LATE


@pytest.mark.parametrize(("header", "value", "status"), [("Origin", "http://evil.example", 403), ("Host", "evil.example", 421)])
def test_a_page_of_another_server_gets_no_stream(header: str, value: str, status: int, door: Door) -> None:
    """Browsers let any page open a WebSocket to any server; this server looks who asks."""
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        door.stream("reader", **{header: value}),
    ):
        pass

    assert denied.value.status_code == status


def test_a_stream_of_another_address_is_refused(door: Door) -> None:
    """In the shape of every refusal."""
    elsewhere = door.client("reader").websocket_connect("/state", headers={"Host": "127.0.0.1:8006"})
    with pytest.raises(WebSocketDenialResponse) as denied, elsewhere:
        pass

    assert (denied.value.status_code, denied.value.json()["code"]) == (404, "NOT_FOUND")


def test_its_own_page_gets_a_stream(door: Door) -> None:
    """With the origin of its server."""
    with door.stream("reader", Origin=URL) as socket:
        socket.send_json({})

        assert socket.receive_json()["kind"] == "hello"


@pytest.mark.parametrize(
    ("settings", "key", "status", "code"),
    [
        (Api(readers=1), "operator", 503, "FULL"),
        (Api(readers_of_key=1), "reader", 429, "MANY"),
    ],
)
def test_one_reader_too_many_is_sent_away(settings: Api, key: str, status: int, code: str, tmp_path: Path) -> None:
    """Of all, or of its key. The others stay."""
    door = Door(msgspec.structs.replace(configured(), api=settings), tmp_path)
    with door.stream("reader") as first:
        first.send_json({})
        told(first, "live")
        with door.stream(key) as second:
            second.send_json({})
            with pytest.raises(WebSocketDisconnect) as closed:
                second.receive_json()
        first.portal.call(door.open.take, [risk(1)])

        assert (closed.value.code, closed.value.reason) == (live.CLOSED[status], f"{code} {live.FULL_S}")
        assert door.open.turned_away.counts[code] == 1
        assert told(first, "facts")["facts"][0]["seq"] == 1


def test_a_full_queue_cuts_its_reader_and_no_other(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """One reads and one does not; the first misses nothing."""
    monkeypatch.setattr(stream, "MOST_BYTES", 4_096)
    caller = door.open.callers.known(door.tokens["reader"])
    assert caller is not None
    hub, cut = Hub(), []
    reads, sleeps = (Listener(caller, ("risk.",), lambda name=name: cut.append(name)) for name in ("reads", "sleeps"))
    hub.listeners |= {reads, sleeps}

    async def run() -> list[int]:
        got = []
        for seq in range(1, 101):
            hub.tell([risk(seq)])
            got.append(json.loads(await reads.next())["facts"][0]["seq"])
        return got

    assert asyncio.run(run()) == [*range(1, 101)]
    assert cut == ["sleeps"]
    assert (reads.cut_off, sleeps.cut_off, sleeps.size <= 4_096 + 1_024) == (False, True, True)


def test_a_message_that_does_not_leave_cuts_its_reader(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """The send waits for a reader that has stopped reading: it is ended, not waited for, and its key waits."""
    monkeypatch.setattr(live, "STALL_S", 0.01)
    caller = door.open.callers.known(door.tokens["reader"])
    assert caller is not None
    cut: list[str] = []

    class Stalled:
        async def send_text(self, text: str) -> None:
            await asyncio.Event().wait()

    listener = Listener(caller, ("",), lambda: cut.append("cut"))
    asyncio.run(live._out(Stalled(), listener, b"{}"))  # type: ignore[arg-type]

    assert (cut, listener.cut_off) == (["cut"], True)


def test_a_key_whose_reader_was_cut_waits_and_is_told_how_long(door: Door) -> None:
    """At the stream and before it; other keys read meanwhile."""
    door.open.slow.cut("reader")
    with door.stream("reader") as refused:
        refused.send_json({})
        with pytest.raises(WebSocketDisconnect) as closed:
            refused.receive_json()
    asked = door.client("reader").get("/stream")
    with door.stream("operator") as other:
        other.send_json({})
        hello = other.receive_json()

    assert (closed.value.code, closed.value.reason) == (live.CLOSED[429], f"SLOW {slow.FIRST_S:.0f}")
    assert (asked.status_code, asked.json()["code"], asked.headers["retry-after"]) == (429, "SLOW", f"{slow.FIRST_S:.0f}")
    assert hello["role"] == "operator"
    assert door.open.turned_away.counts["SLOW"] == 1


def test_a_key_that_comes_too_often_is_told_when_it_may(tmp_path: Path) -> None:
    """Not that it is wrong: a page would forget it."""
    door = Door(msgspec.structs.replace(configured(), api=Api(requests_per_s=0.5)), tmp_path)
    with door.stream("reader") as first:
        first.send_json({})
        told(first, "live")
        with door.stream("reader") as second:
            second.send_json({})
            with pytest.raises(WebSocketDisconnect) as closed:
                second.receive_json()

    assert (closed.value.code, closed.value.reason.split()[0]) == (live.CLOSED[429], "RATE")


def test_newcomers_are_looked_at_before_a_stream_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who shows a good key goes before those who show none, of whom so many may come; who has to wait is told so at once."""
    monkeypatch.setattr(live, "NEWCOMERS_PER_S", 1e-9)
    monkeypatch.setattr(live.Allotment, "take", lambda allotment, now_s: 0.4)
    door = Door(configured(), tmp_path)
    newcomers = live.Newcomers(door.open)
    shown = {b"x-api-key": door.tokens["reader"].encode()}

    nobody, reader = newcomers.refusal({}), newcomers.refusal(shown)
    door.open.slow.cut("reader")
    slowly = newcomers.refusal(shown)

    assert nobody is not None
    assert slowly is not None
    assert (nobody.status, nobody.code, nobody.headers) == (503, "BUSY", {"Retry-After": "1"})
    assert reader is None
    assert (slowly.status, slowly.code) == (429, "SLOW")


def test_the_past_is_told_within_its_budget(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond it waits; the reader gets all of it."""
    asked: list[int] = []

    def once_too_much(keys: slow.SlowKeys, name: str, size: int) -> float:
        asked.append(size)
        return 0.001 if len(asked) == 1 else 0.0

    monkeypatch.setattr(slow.SlowKeys, "past", once_too_much)
    door.open.take([risk(1, topic="signal.MNQ.")])
    with door.stream("reader") as socket:
        socket.send_json({"topics": ["signal."]})

        assert [each["seq"] for each in told(socket, "facts")["facts"]] == [1]
    assert len(asked) == 2
    assert asked[0] == asked[1]


def test_a_revoked_key_ends_its_streams(door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of other keys go on."""
    monkeypatch.setattr(live, "WATCH_S", 0.001)
    key = keys.new(tmp_path, "anna", keys.Role.READER)
    door.keys.refresh()
    ended: list[str] = []
    for each in (key, door.keys.named("reader")):
        assert each is not None
        name = each.name
        door.open.hub.listeners.add(Listener(Caller(each, None), ("",), lambda name=name: ended.append(name)))  # type: ignore[arg-type]
    keys.revoke(tmp_path, "anna")
    door.keys.refresh()

    async def run() -> None:
        task = asyncio.create_task(live.watch(door.open))
        while not ended:
            await asyncio.sleep(0)
        task.cancel()

    asyncio.run(run())

    assert set(ended) == {"anna"}


def test_old_facts_are_left_out_and_missing_ones_counted() -> None:
    """The broker's last values come again; a later epoch counts from anew."""
    recent = Recent()
    taken = [recent.take(each) is not None for each in (risk(1), risk(1), risk(3), risk(2), risk(1, epoch=2))]

    assert taken == [True, False, True, False, True]
    assert recent.lost == 1


def test_the_past_is_bounded_and_of_some_topics_one_fact() -> None:
    """Of a topic so many are kept, of heartbeats and the account's standing the last."""
    recent = Recent()
    for seq in range(1, KEPT_ELSE + 11):
        recent.take(risk(seq, topic="fill.MNQ."))
        recent.take(risk(seq))
        recent.take(fact("sys.beat.gate.", Beat("gate", 1, 0, seq, {}), seq))
        recent.take(fact("raw.bar.MNQ.1m.", bar("09:31"), seq))

    kept = recent.all(("",))

    assert [sum(1 for each in kept if each.topic == topic) for topic in ("fill.MNQ.", "risk.Replay.", "sys.beat.gate.")] == [
        KEPT_ELSE,
        1,
        1,
    ]
    assert len(kept) == KEPT_ELSE + 2
    assert [each.seen for each in kept] == sorted(each.seen for each in kept)


def test_it_reads_what_anybody_publishes_but_what_it_leaves_out() -> None:
    """A new topic is read without a word here; bars are in their sessions, and nobody needs a request to send again."""
    published = {*(each for prefixes in roles.PUBLISHES.values() for each in prefixes), topics.BEAT, topics.GAP, topics.ALARM}

    assert set(memory.READ) == published - {topics.RAW}


def test_the_past_comes_in_parts_that_a_bad_line_takes() -> None:
    """All of it, in order; no part is longer than a stall allows."""
    facts = [risk(seq) for seq in range(1, 501)]

    parts = [*stream.in_parts(facts)]

    assert len(parts) > 2
    assert max(map(len, parts)) <= stream.PART + 1_000
    assert [fact["seq"] for part in parts for fact in json.loads(part)["facts"]] == [*range(1, 501)]
    assert [*stream.in_parts([])] == []
