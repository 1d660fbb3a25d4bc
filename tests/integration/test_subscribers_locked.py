"""Who gets nothing: subscribers of another tier, without a key, revoked or expired, at the ports of a running publisher."""

from __future__ import annotations

import datetime as dt
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest
import zmq

from tapewire.bus import access, keys, topics
from tapewire.bus.access import Access, Line
from tapewire.bus.client import request_control, request_frames
from tapewire.bus.errors import PeerError
from tapewire.bus.messages import Control
from tapewire.bus.roles import Role, SubscriberTier
from tapewire.daemons.operator import subscribers
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import PORTS, Conf, Subscribers
from tapewire.replay import runs
from tests import crowd, strangers
from tests.integration.conftest import home_in
from tests.integration.test_files import prepared
from tests.integration.test_processes import eventually
from tests.strangers import Knock

pytestmark = pytest.mark.slow

TIERS = {SubscriberTier.PREMIUM: "public", SubscriberTier.DELAYED: "public.delayed", SubscriberTier.FREE: "public.free"}
ASK = "public.ask"


class House:
    """The daemons of a run with subscribers, without a bar."""

    def __init__(self, run: Path, conf: Conf, folder: Path) -> None:
        self.run = run
        self.conf = conf
        self.folder = folder
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    def add(self, name: str, tier: SubscriberTier, expires: dt.datetime | None = None) -> Access:
        """The way of a new subscriber, by the file that he gets."""
        keys.new(self.run, name, Role.SUBSCRIBER, tier=tier, expires=expires)
        subscribers.export(name, self.folder, self.run, "")
        return access.remote(self.folder / f"{name}.key", PORTS.__getitem__)

    def stream(self, way: Access, port: str) -> zmq.Socket[bytes]:
        socket = self.context.socket(zmq.SUB)
        socket.setsockopt(zmq.SUBSCRIBE, topics.PUBLIC.encode())
        way.to(port).connect(socket)
        return socket

    def state(self, name: str = "publisher") -> dict[str, Any]:
        return dict(request_control(self.context, access.local(self.run, "reader").to(f"control.{name}"), "state", timeout_s=10))

    def turned_away(self, port: str, why: str) -> int:
        return sum(each["count"] for each in self.state()["turned_away_last"] if (each["port"], each["why"]) == (port, why))


@pytest.fixture(scope="module")
def house(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("locked")
    with home_in(folder):
        conf, _ = prepared("locked", bars)
        conf = msgspec.structs.replace(conf, subscribers=Subscribers(enabled=True))
        run = runs.prepare(folder / "out")
        configuration.write(conf, run)
        with runs.supervised(conf, run, lambda text: None):
            found = House(run, conf, folder)
            yield found
            found.context.destroy(linger=0)


def test_each_tier_is_let_in_at_its_own_ports_only(house: House) -> None:
    """Every tier at every port, on tcp and inside the machine; what is refused is counted as `role`."""
    let_in = set()
    for tier in TIERS:
        way = house.add(f"to-{tier}", tier)
        for port in (*TIERS.values(), ASK):
            kind = zmq.DEALER if port == ASK else zmq.SUB
            for line in (way.to(port), Line(access.unix(access.place(house.run), port), way.key)):
                before = house.turned_away(port, "role")

                def refused(port: str = port, before: int = before) -> bool:
                    return house.turned_away(port, "role") > before

                if strangers.knock(Knock(strangers.shows(line), line.address, kind, refused)):
                    let_in.add((tier, port))

    assert let_in == set(TIERS.items()) | {(tier, ASK) for tier in TIERS}


@pytest.mark.parametrize("port", [*TIERS.values(), ASK])
@pytest.mark.parametrize("who", ["an unknown key", "NULL", "an HTTP request"])
def test_strangers_get_nothing(house: House, port: str, who: str) -> None:
    way = house.add(f"one-{port.replace('.', '-')}-{who.replace(' ', '')}", SubscriberTier.PREMIUM)
    line = way.to(port)
    tries = strangers.OVER_TCP[who][1]
    before, gate = (house.state(name)["turned_away"] for name in ("publisher", "gate"))

    tries(line, zmq.ROUTER if port == ASK else zmq.XPUB, lambda: house.state()["turned_away"] > before)

    assert eventually(lambda: house.state()["turned_away"] > before)
    assert house.state("gate")["turned_away"] == gate


@pytest.mark.parametrize("tier", TIERS)
def test_a_silent_stream_tells_where_it_stands_within_a_second(house: House, tier: SubscriberTier) -> None:
    """Tier, delay, contracts, the last number and the key of the feed, with the first message."""
    stream = house.stream(house.add(f"new-{tier}", tier), TIERS[tier])

    topic, frame = stream.recv_multipart()

    assert topic == b"public.state."
    told = msgpack.unpackb(frame)
    assert (told["tier"], told["delay_s"], told["number"]) == (tier.value, 300.0 if tier == "delayed" else 0.0, 0)
    assert len(told["key"]) == 44
    stream.close(linger=0)


def test_a_revoked_subscriber_is_cut_and_nobody_else_is(house: House) -> None:
    """His connection ends; one who stays does not even connect again. He is turned away until there is a key of his again."""
    gone, stays = (house.stream(house.add(name, SubscriberTier.PREMIUM), "public") for name in ("gone", "stays"))
    monitors = [each.get_monitor_socket(zmq.EVENT_DISCONNECTED) for each in (gone, stays)]
    for each in (gone, stays):
        each.recv_multipart()

    subscribers.revoke("gone", house.run)

    assert monitors[0].poll(strangers.PATIENCE_MS)
    assert eventually(lambda: house.turned_away("public", "unknown_key") > 0)
    while gone.poll(0):
        gone.recv_multipart()
    for _ in range(3):
        stays.recv_multipart()
    assert not gone.poll(0)
    assert not monitors[1].poll(0)
    closed(monitors, gone, stays)


def test_a_key_ends_in_the_middle_of_a_session_and_is_good_again_when_renewed(house: House) -> None:
    """Cut, turned away as `expired`, refused by the commands' list; after `renew` he is back by himself, with the same file."""
    way = house.add("late", SubscriberTier.DELAYED, dt.datetime.now(dt.UTC) + dt.timedelta(seconds=4))
    stream = house.stream(way, "public.delayed")
    monitor = stream.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    stream.recv_multipart()

    assert monitor.poll(strangers.PATIENCE_MS)
    assert eventually(lambda: house.turned_away("public.delayed", "expired") > 0)
    assert not answered(house, way)
    while stream.poll(0):
        stream.recv_multipart()

    subscribers.renew("late", "", "2999-12-31", house.run)

    assert stream.poll(strangers.PATIENCE_MS)
    closed([monitor], stream)


def test_another_tier_ends_the_old_one(house: House) -> None:
    """`renew --tier` moves a connected subscriber: his stream ends, and the ports of the new tier are open."""
    way = house.add("moves", SubscriberTier.PREMIUM)
    stream = house.stream(way, "public")
    monitor = stream.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    stream.recv_multipart()

    subscribers.renew("moves", "free", "", house.run)

    assert monitor.poll(strangers.PATIENCE_MS)
    other = house.stream(way, "public.free")
    assert msgpack.unpackb(other.recv_multipart()[1])["tier"] == "free"
    closed([monitor], stream, other)


def test_a_routing_id_of_ones_own_gets_no_answer(house: House) -> None:
    """It could be another's, who has gone for a moment: his answers would come here."""
    way = house.add("taker", SubscriberTier.PREMIUM)
    before = house.state()["refused"]
    socket = house.context.socket(zmq.DEALER)
    socket.setsockopt(zmq.ROUTING_ID, b"anna")
    way.to(ASK).connect(socket)
    socket.send_multipart(request_frames(Control("1", "state")))

    assert eventually(lambda: house.state()["refused"] > before)
    assert not socket.poll(0)
    socket.close(linger=0)
    assert answered(house, way)


def test_too_many_questions_are_refused_and_asked_again(house: House) -> None:
    way = house.add("busy", SubscriberTier.PREMIUM)
    socket = house.context.socket(zmq.DEALER)
    way.to(ASK).connect(socket)
    texts = []
    for number in range(40):
        socket.send_multipart(request_frames(Control(str(number), "state")))
        assert socket.poll(strangers.PATIENCE_MS)
        texts.append(msgpack.unpackb(socket.recv_multipart()[-1])["text"][:4])
    socket.close(linger=0)

    assert "RATE" in texts
    assert eventually(lambda: answered(house, way))


@pytest.mark.parametrize(
    "verb, argument, code",
    [
        ("since", "", "NUMBER"),
        ("since", "-1", "NUMBER"),
        ("since", "9" * 30, "NUMBER"),
        ("history", "x", "DAYS"),
        ("performance", "0", "DAYS"),
    ],
)
def test_a_wrong_question_is_refused_with_the_remedy(house: House, verb: str, argument: str, code: str) -> None:
    way = house.add(f"asks-{verb}-{len(argument)}", SubscriberTier.PREMIUM)

    with pytest.raises(PeerError, match=f"{code}: .*write"):
        request_control(house.context, way.to(ASK), verb, argument, timeout_s=20)


def test_history_is_clipped_to_ninety_days_and_empty_days_are_empty_lists(house: House) -> None:
    way = house.add("old", SubscriberTier.PREMIUM)

    told = request_control(house.context, way.to(ASK), "history", "91", timeout_s=20)

    assert told == {"days": 90, "signals": [], "trades": []}


def test_a_killed_publisher_comes_back_and_so_do_its_subscribers(house: House) -> None:
    stream = house.stream(house.add("patient", SubscriberTier.PREMIUM), "public")
    stream.recv_multipart()
    pid = house.state()["pid"]

    os.kill(pid, signal.SIGKILL)

    assert eventually(lambda: back(house, pid))
    while stream.poll(0):
        stream.recv_multipart()
    assert stream.poll(strangers.PATIENCE_MS)
    stream.close(linger=0)


def test_a_crowd_without_a_right_gets_nothing_and_the_publisher_lives(house: House) -> None:
    """Wrong, revoked and expired keys, those of another tier, none, garbage, silence, and subscribers who never read, all at once:
    beside them everybody who may read is served. Before a key nobody gets more than the greeting of ZeroMQ."""
    pid, before = house.state()["pid"], house.state()["turned_away"]
    crowd.invite(house.run)

    with crowd.People(house.run, house.conf.bus.base_port, readers=18, others=150) as people:
        people.turn(True)
        people.turn(False)

    assert people.readers == [18]
    assert people.strange == 0
    assert 0 < people.seen[crowd.MOST] <= crowd.GREETING
    assert house.state()["pid"] == pid
    assert house.state()["turned_away"] > before


def test_a_key_that_is_lent_serves_eight_connections(house: House) -> None:
    """Whoever comes ninth is disconnected as long as the others are there."""
    way = house.add("lent", SubscriberTier.PREMIUM)
    streams = [house.stream(way, "public") for _ in range(8)]
    for each in streams:
        each.recv_multipart()
    ninth = house.stream(way, "public")
    monitor = ninth.get_monitor_socket(zmq.EVENT_DISCONNECTED)

    assert monitor.poll(strangers.PATIENCE_MS)
    streams[0].close(linger=0)
    assert eventually(lambda: ninth.poll(0) and ninth.recv_multipart()[0] == b"public.state.")
    closed([monitor], ninth, *streams[1:])


def back(house: House, pid: int) -> bool:
    try:
        return bool(house.state()["pid"] != pid)
    except PeerError:
        return False


def answered(house: House, way: Access) -> bool:
    """Whether a question gets an answer within two handshakes."""
    socket = house.context.socket(zmq.DEALER)
    way.to(ASK).connect(socket)
    socket.send_multipart(request_frames(Control("1", "state")))
    got = bool(socket.poll(5_000)) and msgpack.unpackb(socket.recv_multipart()[-1])["ok"]
    socket.close(linger=0)
    return bool(got)


def closed(monitors: list[zmq.Socket[bytes]], *streams: zmq.Socket[bytes]) -> None:
    for each in streams:
        each.disable_monitor()
        each.close(linger=0)
    for each in monitors:
        each.close(linger=0)
