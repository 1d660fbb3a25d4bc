"""The lock on a socket, with both ends in this process: who gets in, as whom, and who is turned away and counted."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import zmq

from tapewire.bus import access, bounds, connections, keys, sockets
from tapewire.bus.access import Line
from tapewire.bus.guard import Door, Guard
from tapewire.bus.keys import Keys
from tapewire.bus.monitor import STRANGERS
from tapewire.bus.roles import Role
from tests import strangers
from tests.strangers import INSIDE, OVER_TCP, RAW, Knock

PATIENCE_S = 20.0
TCP, IPC = "tcp", "ipc"
# A port of each kind of socket that is bound, its maker, and a key that may connect there.
PORTS = {
    "gate": (zmq.ROUTER, sockets.responder, "operator"),
    "broker.in": (zmq.XSUB, sockets.broker_in, "gate"),
    "broker.out": (zmq.XPUB, sockets.broker_out, "reader"),
}


class House:
    """A run with its keys, a guard, and one port on tcp and inside the machine."""

    def __init__(self, run: Path, port: str) -> None:
        self.run = run
        self.port = port
        self.folder = access.prepare(run)
        self.kind, make, self.guest = PORTS[port]
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.guests: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.guard = Guard(self.context, Keys(run))
        self.kept: list[zmq.Socket[bytes]] = []
        self.addresses = {TCP: f"tcp://127.0.0.1:{free_port()}", IPC: access.unix(self.folder, port)}
        self.socket = make(self.context, Door(self.guard, port, tuple(self.addresses.values())))

    def line(self, side: str, name: str = "") -> Line:
        """The way of a key's owner: over tcp or inside."""
        found = Keys(self.run)
        key = found.named(name or self.guest)
        assert key is not None
        return Line(self.addresses[side], key, found.server.public if side == TCP else "")

    def enter(self, side: str, name: str = "") -> zmq.Socket[bytes]:
        """A peer whose key is good. It has sent one message, which `heard` returns."""
        line = self.line(side, name)
        if self.kind == zmq.ROUTER:
            peer = self.asks(line)
            peer.send_multipart([b"", b"hello from", line.key.name.encode()])
        elif self.kind == zmq.XSUB:
            peer = sockets.publisher(self.guests, line)
            assert eventually(lambda: bool(self.socket.poll(0) + peer.poll(10)))  # a bound socket works while it is asked
            peer.send_multipart([b"hello from", line.key.name.encode()])
        else:
            peer = sockets.subscriber(self.guests, line, ())  # its one message: that it wants the welcome
        self.kept.append(peer)
        return peer

    def asks(self, line: Line) -> zmq.Socket[bytes]:
        """A requester on this way."""
        self.kept.append(sockets.requester(self.guests, line))
        return self.kept[-1]

    def heard(self) -> tuple[str, list[bytes]]:
        """The next message, with the name of its sender's key."""
        assert self.socket.poll(strangers.PATIENCE_MS), "nothing arrived"
        return next(sockets.from_peers(self.socket, 1, self.guard))

    def silent(self) -> bool:
        """Whether nothing has arrived that was not taken."""
        return not self.socket.poll(0)

    def counts(self) -> dict[str, int]:
        """How many were turned away, by reason."""
        return {str(each["why"]): int(each["count"]) for each in self.guard.state()["turned_away_last"]}

    def turned(self) -> int:
        """How many were turned away in all."""
        return int(self.guard.state()["turned_away"])

    def knock(self, line: Line, refused: Callable[[], bool] = lambda: False, *, routing_id: bytes = b"") -> bool:
        """Try once to come in on this way."""
        attempt = Knock(strangers.shows(line), line.address, strangers.OPPOSITE[self.kind], refused)
        return strangers.knock(attempt, routing_id=routing_id)

    def counted(self, expected: dict[str, int]) -> bool:
        return eventually(lambda: self.counts() == expected)

    def refreshed(self, holds: Callable[[], bool]) -> bool:
        """Refresh the guard, as a daemon's beat does, until it holds."""

        def step() -> bool:
            self.guard.refresh()
            self.socket.poll(10)
            return holds()

        return eventually(step)

    def close(self) -> None:
        self.guests.destroy(linger=0)
        self.guard.close()
        self.context.destroy(linger=0)
        access.tidy(self.run)


@pytest.fixture
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    made = House(tmp_path, getattr(request, "param", "gate"))
    yield made
    made.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > until:
            return False
    return True


# --- who gets in ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("house", PORTS, indirect=True)
def test_one_socket_has_both_locks(house: House) -> None:
    """A peer with a pass phrase inside the machine, and one with a CURVE key on tcp, each known by the name of its key."""
    for side in (IPC, TCP):
        house.enter(side)

        assert house.heard()[0] == house.guest
    assert house.turned() == 0


@pytest.mark.parametrize("house", PORTS, indirect=True)
@pytest.mark.parametrize(
    ("side", "stranger"), [*((TCP, name) for name in OVER_TCP), *((IPC, name) for name in INSIDE)], ids=lambda value: str(value)
)
def test_a_stranger_is_turned_away_once_and_hurts_nobody(house: House, side: str, stranger: str) -> None:
    """No frame arrives. The refusal is counted once, with its reason. A peer who was there stays, and another still gets in."""
    why, tries = (OVER_TCP if side == TCP else INSIDE)[stranger]
    there = house.enter(side)
    house.heard()

    tries(house.line(side), house.kind, lambda: house.turned() == 1)

    assert eventually(lambda: [*map(strangers.folded, house.counts())] == [why] and house.turned() == 1)
    assert house.silent()
    house.enter(side)
    house.heard()
    if house.kind == zmq.ROUTER:
        there.send_multipart([b"", b"still", b"here"])
        assert house.heard()[1][1:] == [b"", b"still", b"here"]
    assert house.silent()
    assert house.turned() == 1


@pytest.mark.parametrize("house", PORTS, indirect=True)
@pytest.mark.parametrize("side", [TCP, IPC])
def test_a_key_of_another_role_is_turned_away(house: House, side: str) -> None:
    """Every key of the run that has nothing to do at this port; the report has the key's name."""
    let_in = {"gate": {"evaluator", "reader", "operator", "api", "alerts"}}
    let_in["broker.out"] = {key.name for key in Keys(house.run).all()}
    let_in["broker.in"] = let_in["broker.out"] - {"broker", "operator"}
    others = [key.name for key in Keys(house.run).all() if key.name not in let_in[house.port]] + ["paul"]
    keys.new(house.run, "paul", Role.SUBSCRIBER)

    for number, name in enumerate(others, 1):
        line = house.line(side, name)
        assert not house.knock(line, lambda number=number: house.turned() == number)

    assert house.counted({"role": len(others)})
    assert house.guard.state()["turned_away_last"][0]["key"] == others[-1]
    assert house.silent()


@pytest.mark.slow
def test_many_at_once_are_counted_one_by_one(house: House) -> None:
    """Strangers of every kind and good peers, all at once: none is missed, each good peer is heard. A stranger may try twice."""
    tries = [(side, why, stranger) for side, them in ((TCP, OVER_TCP), (IPC, INSIDE)) for why, stranger in them.values()]
    threads = [threading.Thread(target=each, args=(house.line(side), house.kind, lambda: False)) for side, _, each in tries]
    for number, thread in enumerate(threads):
        thread.start()
        house.enter(TCP if number % 2 else IPC)
    for thread in threads:
        thread.join(PATIENCE_S)
    heard = [house.heard()[0] for _ in threads]

    assert set(heard) == {"operator"}
    assert house.silent()
    least = {why: sum(each == why for _, each, _ in tries) for why in ("no_lock", "unknown_key", "wrong_server")}

    def counted(wanted: str) -> int:
        return sum(count for why, count in house.counts().items() if strangers.folded(why) == wanted)

    assert eventually(lambda: all(counted(why) >= number for why, number in least.items()))


def test_a_stranger_who_tries_again_and_again_is_counted_each_time(house: House) -> None:
    """And named once: the log would be his."""
    for _ in range(5):
        strangers.raw(house.addresses[TCP], RAW["an HTTP request"])
        strangers.raw(house.addresses[IPC], RAW["an HTTP request"])

    assert house.counted({"no_lock": 10})
    assert [(turned.port, turned.why) for turned in house.guard.refresh()] == [("gate", "no_lock")]
    assert house.guard.refresh() == []


def test_a_crowd_of_strangers_is_counted_to_the_last(house: House) -> None:
    """A thousand who hang up at once, faster than the guard looks; a good peer in the middle comes in."""
    for number in range(500):
        for address in house.addresses.values():
            strangers.raw(address, RAW["an HTTP request"], hangs_up=True)
        if number == 250:
            house.enter(TCP)

    assert house.heard()[0] == "operator"
    assert eventually(lambda: house.turned() == 1_000)
    assert set(house.counts()) <= {"no_lock", "gave_up", "full"}


def test_a_peer_that_waits_before_it_shows_a_key_stops_nobody(house: House) -> None:
    """Connections that say nothing, or half a greeting, stay open; others are served, and a closed one is counted."""
    waiting = [strangers.connected(address) for address in house.addresses.values() for _ in range(20)]
    for each in waiting:
        each.sendall(strangers.greeting(b"CURVE")[:20])

    for side in (TCP, IPC):
        house.enter(side)
        assert house.heard()[0] == "operator"
    for each in waiting:
        each.close()

    assert house.counted({"gave_up": len(waiting)})


@pytest.mark.parametrize("house", PORTS, indirect=True)
@pytest.mark.parametrize(("side", "mechanism"), [(TCP, b"CURVE"), (IPC, b"PLAIN")])
def test_a_stranger_cannot_send_more_than_the_port_takes(house: House, side: str, mechanism: bytes) -> None:
    """The step of a handshake that claims a byte more ends the connection before it has come."""
    step = b"\x06" + (bounds.max_received(house.port) + 1).to_bytes(8, "big")

    strangers.raw(house.addresses[side], (strangers.greeting(mechanism), step))

    assert house.counted({"no_lock": 1})


@pytest.mark.slow
@pytest.mark.parametrize("side", [TCP, IPC])
def test_a_stranger_who_stays_silent_is_sent_away(house: House, side: str) -> None:
    """After HANDSHAKE_MS; he has shown no foreign mechanism, so he may be one of ours who was too slow."""
    strangers.raw(house.addresses[side], RAW["half a greeting"])

    assert house.counted({"gave_up": 1})


@pytest.mark.parametrize("house", PORTS, indirect=True)
def test_of_many_open_handshakes_on_tcp_the_oldest_end(house: House) -> None:
    """Those who have come in stay, and one who knows how comes in among them."""
    there = house.enter(TCP)
    house.heard()
    monitor = there.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    waiting = [strangers.connected(house.addresses[TCP]) for _ in range(STRANGERS + 20)]

    for each in waiting[:20]:
        assert each.recv(1 << 10) is not None
        strangers.read_to_end(each)
    house.enter(TCP)
    house.heard()

    assert eventually(lambda: house.counts().get("full", 0) in (20, 21))
    assert not monitor.poll(0)
    there.disable_monitor()
    monitor.close(linger=0)
    for each in waiting:
        each.close()
    assert house.counted({"full": 21, "gave_up": STRANGERS - 1})


# --- as whom --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [TCP, IPC])
@pytest.mark.parametrize("claimed", ["operator", "evaluator", "nt", "\xff" * 10])
def test_a_routing_id_is_no_name(house: House, side: str, claimed: str) -> None:
    """The name is the key's, whatever the peer calls itself."""
    assert house.knock(house.line(side, "reader"), routing_id=claimed.encode())

    assert house.heard()[0] == "reader"


def test_a_property_of_the_connection_is_no_name(house: House) -> None:
    """A peer may put any properties into its handshake; the one that the guard wrote counts."""
    key = keys.find(house.run, "reader")
    with strangers.connected(house.addresses[IPC]) as peer:
        strangers.admitted(peer, key, Socket_Type=b"DEALER", Identity=b"operator", User_Id=b"operator", Peer_Address=b"::1")
        peer.sendall(b"\x00\x04kill")

        assert house.heard() == ("reader", [b"operator", b"kill"])


# --- keys that change -----------------------------------------------------------------------------------------------------------


def test_a_new_key_works_without_a_restart(house: House) -> None:
    """The guard looks at the keys at every handshake."""
    keys.new(house.run, "anna", Role.OPERATOR)

    for side in (TCP, IPC):
        house.enter(side, "anna")
        assert house.heard()[0] == "anna"
    assert house.guard.role("anna") is Role.OPERATOR


@pytest.mark.slow
def test_a_key_that_is_put_right_lets_its_waiting_owner_in(house: House) -> None:
    """Refused at first, he tries again by himself, and nothing that he sent is lost."""
    key = keys.new(house.run, "anna", Role.OPERATOR)
    file = house.run / "keys" / "anna.key"
    file.chmod(0o644)
    peer = house.asks(Line(house.addresses[TCP], key, Keys(house.run).server.public))
    peer.send_multipart([b"", b"one", b"word"])
    assert eventually(lambda: house.counts().get("unknown_key", 0) > 0)
    assert house.silent()

    file.chmod(0o600)

    assert house.heard()[0] == "anna"


def test_a_broken_key_file_keeps_nobody_else_out(house: House) -> None:
    """Bytes that are no text, written into the folder while the guard works: it is named, and the next peer comes in."""
    (house.run / "keys" / "anna.key").write_bytes(b"\xff\xfe")

    for side in (TCP, IPC):
        house.enter(side)
        assert house.heard()[0] == "operator"
    house.guard.refresh()
    assert set(house.guard.state()["broken_keys"]) == {"anna"}


def test_a_known_peer_costs_no_look_at_the_others(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many keys there are; thousands may come back at once. A key that the guard does not know makes it look."""
    looks: list[str] = []
    look = keys._stamp
    monkeypatch.setattr(keys, "_stamp", lambda folder: (looks.append(threading.current_thread().name), look(folder))[1])

    for side in (TCP, IPC):
        house.enter(side)
        assert house.heard()[0] == "operator"
    assert "guard" not in looks

    keys.new(house.run, "anna", Role.OPERATOR)
    house.enter(TCP, "anna")
    assert house.heard()[0] == "anna"
    assert "guard" in looks


@pytest.mark.parametrize("house", PORTS, indirect=True)
def test_a_revoked_key_is_cut_within_two_refreshes(house: House) -> None:
    """The connection that stood is closed, and its owner does not get in again."""
    role = {"gate": Role.OPERATOR, "broker.in": Role.READER, "broker.out": Role.READER}[house.port]
    keys.new(house.run, "anna", role)
    peer = house.enter(TCP, "anna")
    house.heard()
    monitor = peer.get_monitor_socket(zmq.EVENT_DISCONNECTED)

    keys.revoke(house.run, "anna")
    house.guard.refresh()
    house.guard.refresh()

    assert eventually(lambda: bool(house.socket.poll(0) + monitor.poll(10)))
    assert house.guard.role("anna") is None
    peer.disable_monitor()
    monitor.close(linger=0)
    assert house.refreshed(lambda: not house.guard.rebinding)
    assert eventually(lambda: house.counts().get("unknown_key", 0) > 0)


def test_the_others_come_back_and_lose_nothing_that_they_send_again(house: House) -> None:
    """Over tcp, cut with the revoked one: each number that is sent until it is answered arrives, in order. Inside nobody is cut."""
    keys.new(house.run, "anna", Role.OPERATOR)
    peers = {TCP: house.enter(TCP), IPC: house.enter(IPC, "evaluator")}
    assert {house.heard()[0], house.heard()[0]} == {"operator", "evaluator"}
    got: dict[str, list[int]] = {"operator": [], "evaluator": []}

    def answer() -> None:
        while not house.silent():
            who, (sender, _, _, number) = house.heard()
            if int(number) == len(got[who]):
                got[who].append(int(number))
            with suppress(zmq.ZMQError):  # cut meanwhile: it asks again
                house.socket.send_multipart([sender, b"", b"done", number])

    for number in range(40):
        if number == 20:
            keys.revoke(house.run, "anna")
        for peer in peers.values():

            def asked(peer: zmq.Socket[bytes] = peer, number: int = number) -> bool:
                peer.send_multipart([b"", b"do", str(number).encode()])
                house.guard.refresh()
                answer()
                return bool(peer.poll(20)) and peer.recv_multipart()[-1] == str(number).encode()

            assert eventually(asked)

    assert got == {"operator": list(range(40)), "evaluator": list(range(40))}
    assert set(house.counts()) <= {"no_lock", "gave_up"}  # a connection that was cut in the middle of a handshake


def test_an_address_that_another_program_takes_meanwhile_is_reported(house: House) -> None:
    """Unbound for a revoked key, it cannot be bound again. When it is free, it is, and the report is empty again."""
    keys.new(house.run, "anna", Role.OPERATOR)
    house.guard.refresh()
    keys.revoke(house.run, "anna")
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(house.guard, "_bind", lambda *_: _taken(thief, house))
            house.guard.refresh()
        assert house.guard.unbound == []

        assert house.refreshed(lambda: house.guard.state()["unbound"] == [house.addresses[TCP]])

    assert house.refreshed(lambda: not house.guard.rebinding)
    assert house.guard.unbound == []
    house.enter(TCP)
    assert house.heard()[0] == "operator"


def _taken(thief: socket.socket, house: House) -> None:
    """In place of a bind: the other program is faster."""
    port = int(house.addresses[TCP].rpartition(":")[2])

    def bound() -> bool:
        with suppress(OSError):
            thief.bind(("127.0.0.1", port))
            return True
        return False

    assert eventually(bound)
    thief.listen()
    raise zmq.ZMQError(zmq.EADDRINUSE)


def test_the_next_message_of_a_revoked_key_ends_its_connection_inside(house: House) -> None:
    """Nobody else's is touched there, so it stays until then: what it sends is known to be nobody's, and is its last word."""
    keys.new(house.run, "anna", Role.OPERATOR)
    peer = house.enter(IPC, "anna")
    house.heard()

    keys.revoke(house.run, "anna")
    house.guard.refresh()
    monitor = peer.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    peer.send_multipart([b"", b"word"])

    assert house.heard()[0] == "anna"
    assert house.guard.role("anna") is None
    assert monitor.poll(strangers.PATIENCE_MS)
    assert house.counted({"unknown_key": 1})
    peer.disable_monitor()
    monitor.close(linger=0)


def test_of_a_message_with_very_many_frames_the_first_are_kept(house: House) -> None:
    """No message has so many, and a million empty ones would cost memory. The next message is heard."""
    peer = house.enter(TCP)
    house.heard()
    peer.send_multipart([b""] * 10_000)
    peer.send_multipart([b"", b"word"])

    assert len(house.heard()[1]) == bounds.MAX_FRAMES
    assert house.heard()[1][1:] == [b"", b"word"]


@pytest.mark.parametrize("house", PORTS, indirect=True)
def test_no_socket_has_libzmqs_heartbeat(house: House) -> None:
    """An assertion of it can end the process. On tcp the kernel watches instead."""
    for each in (house.socket, house.enter(TCP), house.enter(IPC)):
        assert each.getsockopt(zmq.HEARTBEAT_IVL) == 0
        assert each.getsockopt(zmq.TCP_KEEPALIVE) == 1


def test_bytes_that_become_no_message_end_a_connection_on_tcp(house: House) -> None:
    """16 MiB that nobody takes look like a message without an end. Another peer, whose messages are taken, stays."""
    silent, spoken = house.enter(TCP), house.enter(TCP, "evaluator")
    assert {house.heard()[0], house.heard()[0]} == {"operator", "evaluator"}
    monitor = silent.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    for _ in range(16):
        silent.send_multipart([b"", bytes(bounds.MAX_MESSAGE)])

    assert house.refreshed(lambda: bool(house.guard.endless.suspects))
    assert house.refreshed(lambda: house.counts().get("endless", 0) == 1)
    assert monitor.poll(strangers.PATIENCE_MS)
    silent.disable_monitor()
    monitor.close(linger=0)
    spoken.send_multipart([b"", b"still", b"here"])
    while house.heard()[1][1:] != [b"", b"still", b"here"]:
        pass


# --- readers --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("house", ["broker.out"], indirect=True)
@pytest.mark.parametrize("side", [TCP, IPC])
def test_a_subscription_longer_than_any_topic_ends_the_connection(house: House, side: str) -> None:
    """libzmq would keep fifty times its length, and a broker with 8 MiB of them stood still for seconds when their reader left."""
    greedy = house.guests.socket(zmq.XSUB)
    house.kept.append(greedy)
    monitor = greedy.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    house.line(side).connect(greedy)
    greedy.send(b"\x01" + b"x" * 100)
    assert house.heard() == ("reader", [b"\x01" + b"x" * 100])

    greedy.send(b"\x01" + b"y" * 5_000)

    assert monitor.poll(strangers.PATIENCE_MS)
    greedy.disable_monitor()
    monitor.close(linger=0)
    assert not [frames for frames in sockets.arrived(house.socket, 100) if b"y" in frames[0]]  # an unsubscription names no sender


@pytest.mark.parametrize("house", ["broker.out"], indirect=True)
@pytest.mark.parametrize("side", [TCP, IPC])
def test_a_report_has_the_connection_while_there_is_one(house: House, side: str) -> None:
    """The descriptor of a subscription; none for the unsubscription that libzmq itself reports when its reader has gone."""
    reader = house.enter(side)
    assert house.socket.poll(strangers.PATIENCE_MS)
    ((who, fd, asked),) = sockets.subscriptions(house.socket, 10)
    assert (who, asked) == ("reader", b"\x01sys.welcome.")
    assert connections.inode(fd)

    reader.close(linger=0)

    assert house.socket.poll(strangers.PATIENCE_MS)
    assert list(sockets.subscriptions(house.socket, 10)) == [("", -1, b"\x00sys.welcome.")]


# --- binding and closing ----------------------------------------------------------------------------------------------------------


def test_a_living_path_is_not_taken_away(house: House) -> None:
    """libzmq would remove the file of a process that listens; the first one goes on."""
    other: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    guard = Guard(other, Keys(house.run))
    try:
        with pytest.raises(zmq.ZMQError, match="in use"):
            sockets.responder(other, Door(guard, "gate", (house.addresses[IPC],)))
    finally:
        guard.close()
        other.destroy(linger=0)

    house.enter(IPC)
    assert house.heard()[0] == "operator"


def test_the_path_that_a_dead_process_left_is_taken(house: House) -> None:
    """A killed daemon cannot remove its socket's file."""
    path = house.folder / "history"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.is_socket()

    taken = sockets.responder(house.context, Door(house.guard, "history", (access.unix(house.folder, "history"),)))

    line = house.line(IPC, "reader")._replace(address=access.unix(house.folder, "history"))
    house.asks(line).send_multipart([b"", b"hello"])
    assert taken.poll(strangers.PATIENCE_MS)


def test_two_ports_of_one_guard_have_lists_of_their_own(house: House) -> None:
    """Each socket is told apart by its domain: who may come in here may not come in there."""
    address = access.unix(house.folder, "venue")
    house.kept.append(sockets.responder(house.context, Door(house.guard, "venue", (address,))))
    venue = house.line(IPC, "nt")._replace(address=address)

    assert house.knock(venue)
    assert not house.knock(house.line(IPC, "nt"), lambda: house.turned() == 1)
    assert not house.knock(house.line(IPC)._replace(address=address), lambda: house.turned() == 2)
    assert eventually(lambda: house.turned() == 2)
    assert {(each["port"], each["key"]) for each in house.guard.state()["turned_away_last"]} == {
        ("gate", "nt"),
        ("venue", "operator"),
    }


def test_a_guard_may_be_closed_twice(house: House) -> None:
    """A port that could not be bound closes it, and then the process does."""
    house.guard.close()


@pytest.mark.slow
def test_closing_never_hangs(tmp_path: Path) -> None:
    """Two hundred times, while peers connect, are let in, are turned away and hang up, and while keys are revoked."""
    run = tmp_path
    access.prepare(run)
    done: list[int] = []
    stop = threading.Event()
    current: list[House] = []

    def visits() -> None:
        while not stop.is_set():
            for house in current[-1:]:
                for address in house.addresses.values():
                    for name in ("an HTTP request", "no byte", "half a greeting"):
                        with suppress(OSError):  # closed just now
                            strangers.raw(address, RAW[name], hangs_up=True)

    def lives() -> None:
        for number in range(200):
            house = House(run, "gate")
            current.append(house)
            for side in (TCP, IPC):
                house.asks(house.line(side))
                house.asks(house.line(side, "nt"))
            if number % 3 == 0:
                house.enter(IPC)
                house.heard()
            if number % 10 == 0:
                keys.revoke(run, "nt")
                house.guard.refresh()
                keys.bridge(run)
            house.guard.close()
            house.context.destroy(linger=sockets.LINGER_MS)
            house.guests.destroy(linger=0)
            done.append(number)

    visitor, living = (threading.Thread(target=each, daemon=True) for each in (visits, lives))
    visitor.start()
    living.start()
    living.join(120)
    stop.set()
    visitor.join(PATIENCE_S)
    access.tidy(run)

    assert len(done) == 200
