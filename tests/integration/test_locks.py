"""The locks of a live run, tried from outside and inside: nobody gets in without a key, and no key does more than its role may."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from tapewire.bus import access, keys, sockets, topics, wire
from tapewire.bus import roles as rules
from tapewire.bus.access import Line
from tapewire.bus.client import History, Reader, request_frames, request_reply
from tapewire.bus.journal import scan
from tapewire.bus.messages import Alarm, Body, Control, Header, Kill, Risk
from tapewire.bus.roles import Role
from tapewire.daemons import makers
from tapewire.daemons.operator import instances
from tapewire.daemons.settings.structs import PORTS
from tests import strangers
from tests.front import BOUND, OWNERS, Front
from tests.golden.examples import EXAMPLES
from tests.integration.conftest import home_in, live, run
from tests.integration.test_gaps import Feed
from tests.integration.test_kill_switch import killed
from tests.integration.test_processes import eventually, status
from tests.strangers import INSIDE, OVER_TCP, Knock
from tests.unit.test_roles import CONNECTIONS, CONTROLLED, CONTROLS, REQUESTS

pytestmark = pytest.mark.slow

OUTSIDE = [port for port in OWNERS if port in PORTS]
PEOPLE = {"anna": Role.READER, "fks": Role.EXTERNAL, "paul": Role.SUBSCRIBER}


class Standing(Front):
    """The live run, and what a stranger, a person and the operator see of it."""

    def __init__(self, instance: instances.Instance) -> None:
        for name, role in PEOPLE.items():
            keys.new(Path(instance.run), name, role)
        super().__init__(Path(instance.run), instance.base_port)

    def refused(self, name: str) -> int:
        """How many messages a process has refused for the role of their key."""
        return int(self.state(name)["refusals"].get("role", 0))

    def records(self) -> dict[str, bytes]:
        """All that the daemons have written about events of the market: the journal and its alarms, and the gate's log."""
        paths = [*(self.run / "journal").iterdir(), self.run / "gate.log"]
        return {path.name: path.read_bytes() for path in paths if not path.name.startswith((topics.FEED, topics.OPS))}

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The lines about an event in the logs of all daemons."""
        texts = ((self.run / "logs" / f"{name}.log").read_text() for name in makers.NAMES)
        lines = [json.loads(line) for text in texts for line in text.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def refused_in_log(self, daemon: str, key: str) -> int:
        """How many lines of a daemon say that a key's role was refused; supervisord writes them a moment later."""
        lines = [line for line in self.logged("refused") if (line["source"], line["code"]) == (key, "role")]
        return len([line for line in lines if line["daemon"] == daemon])

    def knock(self, port: str, name: str, *, tcp: bool, refused: Callable[[], bool] = lambda: False) -> bool:
        """Try to come in with a key of the run. Returns whether it was let in."""
        line = self.line(port, name, tcp=tcp)
        return strangers.knock(Knock(strangers.shows(line), line.address, opposite(port), refused))


def opposite(port: str) -> int:
    return strangers.OPPOSITE[BOUND.get(port, zmq.ROUTER)]


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """The live daemons, for all tests of this file."""
    folder = tmp_path_factory.mktemp("locks")
    with home_in(folder), live(folder) as instance:
        made = Standing(instance)
        yield made
        made.close()


def test_every_port_that_is_bound_is_tried_here(standing: Standing) -> None:
    """The sockets in the run's folder, but for supervisord's, and the tcp ports of PROTOCOL.md 1. Those that a run has with
    subscribers only are tried in test_subscribers_locked.py."""
    assert {path.name for path in standing.folder.iterdir()} == {*OWNERS, "supervisord.sock"}
    assert set(PORTS) - (rules.PUBLIC - {"public"}) == {*OUTSIDE, "backfill"}


@pytest.mark.parametrize("stranger", list(dict.fromkeys([*OVER_TCP, *INSIDE])))
def test_without_a_key_nobody_gets_a_word_in(standing: Standing, stranger: str) -> None:
    """At every port, on tcp and inside: one try is one refusal with its reason. Nothing reaches a core: no record is
    written, nothing is decided, and nothing refused further inside."""
    before, records = standing.turned_away(), standing.records()
    forwarded = {name: standing.state(name) for name in ("gate", "tracker", "evaluator", "logger", "publisher")}

    expected = standing.tried_by(stranger)

    assert eventually(lambda: standing.turned_away() - before == expected)
    assert standing.records() == records
    for name, state in forwarded.items():
        after = standing.state(name)
        assert of_the_market(after) == of_the_market(state)
        assert after["refusals"] == state["refusals"]


def test_a_key_of_another_role_gets_in_nowhere(standing: Standing) -> None:
    """Every key of the run at every port, on tcp and inside: it is let in exactly where PROTOCOL.md 14 says so."""
    before = standing.turned_away()
    expected: Counter[tuple[str, str]] = Counter()
    let_in, may = set(), set()

    for port, tcp in standing.ways():
        for name, key in standing.keys.items():
            if key.role in CONNECTIONS[port]:
                may.add((port, tcp, name))
            else:
                expected[port, "role"] += 1

            def refused(port: str = port, wanted: int = before[port, "role"] + expected[port, "role"]) -> bool:
                last = standing.state(OWNERS[port])["turned_away_last"]
                return any((each["port"], each["why"]) == (port, "role") and each["count"] >= wanted for each in last)

            never = key.role in CONNECTIONS[port]
            if standing.knock(port, name, tcp=tcp, refused=(lambda: False) if never else refused):
                let_in.add((port, tcp, name))

    assert let_in == may
    assert eventually(lambda: standing.turned_away() - before == expected)


def test_those_turned_away_are_counted_in_the_status_and_logged_once(standing: Standing) -> None:
    """One line for each port and reason, however many there were: a stranger cannot fill the disk. It has the key, if known."""
    assert eventually(
        lambda: (
            {(line["port"], strangers.folded(line["why"])) for line in standing.logged("peer_turned_away")}
            == {*standing.turned_away()}
        )
    )

    shown = {name: row["turned_away"] for name, row in status(run).items()}
    assert shown == {
        name: sum(count for (port, _), count in standing.turned_away().items() if OWNERS[port] == name) for name in makers.NAMES
    }
    lines = standing.logged("peer_turned_away")
    assert len({(line["port"], line["why"]) for line in lines}) == len(lines)
    assert {line["port"] for line in lines} == set(OWNERS)
    assert all(line["key"] in standing.keys for line in lines if line["why"] == "role")


def messages(port: str) -> Iterator[tuple[str, list[bytes]]]:
    """Every message of the protocol and every verb, as frames to a port that answers, with its kind or verb."""
    for topic, header, body in EXAMPLES.values():
        kind = str(body.__struct_config__.tag)
        if kind != "control":
            yield kind, [b"", topic.encode(), wire.encode(header, body)]
    if port in CONTROLLED:
        for verb in CONTROLS:
            yield verb, request_frames(Control("1", verb))  # type: ignore[arg-type]


@pytest.mark.parametrize("port", [port for port in OWNERS if port not in BOUND])
def test_a_service_takes_from_a_key_only_what_its_role_may_send(standing: Standing, port: str) -> None:
    """Every key that is let in sends every message that it may not, on tcp and inside: each is refused with the code `role`,
    counted, never answered, and the first of each key is logged. The gate is not killed, and nothing is written."""
    owner, records = OWNERS[port], standing.records()
    wrong = 0
    for tcp in (True, False) if port in OUTSIDE else (False,):
        for name, key in standing.keys.items():
            if key.role not in CONNECTIONS[port]:
                continue
            taken = {kind for kind, roles in REQUESTS[port].items() if key.role in roles}
            taken |= {verb for verb, roles in CONTROLS.items() if port in CONTROLLED and key.role in roles}
            before = standing.refused(owner)
            sent = [frames for kind, frames in messages(port) if kind not in taken]
            with sockets.requester(standing.context, standing.line(port, name, tcp=tcp)) as peer:
                for frames in sent:
                    peer.send_multipart(frames)

                assert eventually(lambda before=before, sent=sent: standing.refused(owner) == before + len(sent))
                assert not peer.poll(0)
            wrong += len(sent)
            assert eventually(lambda name=name: standing.refused_in_log(owner, name) == 1)

    assert wrong
    assert standing.records() == records
    assert not killed(standing.run)


def test_the_operator_kills_where_nobody_else_can(standing: Standing) -> None:
    """After all refusals the same word under the operator's key latches the switch, inside and over tcp."""
    assert run("kill").returncode == 0
    assert killed(standing.run)
    assert run("arm").returncode == 0

    gate = standing.line("gate", "operator", tcp=True)
    assert isinstance(request_reply(standing.context, gate, "operator.word.", Kill("elsewhere"), name="elsewhere"), Risk)
    assert killed(standing.run)
    assert run("arm").returncode == 0


def test_the_broker_drops_what_a_key_may_not_publish_and_says_so_once(standing: Standing) -> None:
    """A key that claims to be another in every field: its facts reach nobody, each is counted, and one alarm has the key's name."""
    topic, header, body = EXAMPLES["signal"]
    alarms = lambda: [each for each in read(standing.run, "sys.alarm.broker") if isinstance(each, Alarm)]  # noqa: E731
    before, dropped = standing.records(), standing.state("broker")["dropped"]
    for name, tcp in (("anna", True), ("nt", True), ("logger", False)):
        with publisher(standing, name, tcp=tcp) as out:
            for number in range(1, 21):
                fact = wire.encode(Header(1, "gate", 1, number, header.event_ns), body)
                out.send_multipart([topic.encode(), fact])
            out.send_multipart([b"sys.beat.gate.", fact])
            out.send_multipart([b"sys.alarm.broker.", fact])
            dropped += 22
            assert eventually(lambda dropped=dropped: standing.state("broker")["dropped"] == dropped)

    assert eventually(lambda: len(alarms()) == 3)
    assert [(each.name, name in each.text) for each, name in zip(alarms(), ("'anna'", "'nt'", "'logger'"), strict=True)] == [
        ("role", True)
    ] * 3
    after = standing.records()
    assert {name for name in after if after[name] != before.get(name)} == {"sys.alarm.broker.tape"}
    assert run("status").returncode == 0


def of_the_market(state: dict[str, Any]) -> dict[str, Any]:
    """How far a process has read and written each topic of the market."""
    return {key: {topic: at for topic, at in state[key].items() if not topics.technical(topic)} for key in ("seen", "last")}


def read(folder: Path, topic: str) -> list[Body]:
    path = folder / "journal" / f"{topic}.tape"
    return [wire.decode(frame)[1] for frame in scan(path)] if path.exists() else []


def publisher(standing: Standing, name: str, *, tcp: bool) -> zmq.Socket[bytes]:
    """A writer of facts with this key, once the broker listens to it."""
    out = sockets.publisher(standing.context, standing.line("broker.in", name, tcp=tcp))
    assert out.poll(strangers.PATIENCE_MS), "the broker does not listen"
    out.recv()
    return out


@pytest.fixture
def exported(standing: Standing, tmp_path: Path) -> Callable[[str], access.Access]:
    """The ports of the run by the exported key file of a person, as on another machine."""

    def export(name: str) -> access.Access:
        path = tmp_path / f"{name}.key"
        keys.export(standing.run, keys.find(standing.run, name), path, host="127.0.0.1", base_port=standing.base_port)
        return access.remote(path, PORTS.__getitem__)

    return export


def test_a_reader_elsewhere_taps_and_reads_history(standing: Standing, exported: Callable[[str], access.Access]) -> None:
    """With an exported key over tcp: sessions as they come, and the journal from its beginning. A subscriber reads public only."""
    feed = Feed(standing.run)
    anna, paul = exported("anna"), exported("paul")
    reader = Reader(standing.context, anna.to("broker.out"), (topics.SESSION,))
    try:
        assert eventually(lambda: bool(reader.receive(0.1)) or reader.joined)
        feed.publish(1, 2, 3)
        got: list[int] = []
        assert eventually(lambda: got.extend(header.seq for (_, header, _), _ in reader.receive(0.1)) or got == [1, 2, 3])

        with History(standing.context, anna.to("history"), deadline_s=20) as history:
            assert len(list(history.read("session.MNQ."))) == 3
        line = paul.to("broker.out")
        assert not strangers.knock(Knock(strangers.shows(line), line.address, zmq.SUB))
        line = paul.to("public")
        assert strangers.knock(Knock(strangers.shows(line), line.address, zmq.SUB))
    finally:
        reader.close()
        feed.context.destroy(linger=0)


def test_a_revoked_reader_is_cut_within_two_heartbeats(standing: Standing, exported: Callable[[str], access.Access]) -> None:
    """At most two beats of the broker still reach it. Another reader on tcp, cut with it, comes back and has every beat that
    follows; nobody inside the machine notices."""
    for name in ("mary", "john"):
        keys.new(standing.run, name, Role.READER)
    beats = (topics.of(topics.BEAT, "broker"),)
    mary, john = (Reader(standing.context, exported(name).to("broker.out"), beats) for name in ("mary", "john"))
    pids = {name: row["pid"] for name, row in status(run).items()}
    monitor = mary.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    try:
        for each in (mary, john):
            assert eventually(lambda each=each: bool(each.receive(0.1)))

        assert run("keys", "revoke", "mary", "--run", standing.run).returncode == 0
        revoked_ns = time.time_ns()
        late: list[int] = []

        def cut() -> bool:
            late.extend(header.event_ns for (_, header, _), _ in mary.receive(0.05) if header.event_ns > revoked_ns)
            return bool(monitor.poll(0)) and not mary.socket.poll(0)

        assert eventually(cut)
        assert len(late) <= 2
        assert eventually(lambda: standing.turned_away()["broker.out", "unknown_key"] > 0)
        while john.receive(0.0):
            pass
        assert eventually(lambda: bool(john.receive(0.1)))
        assert not mary.receive(0.0)
        assert {name: row["pid"] for name, row in status(run).items()} == pids
        assert all(standing.state(name)["lost"] == 0 for name in ("gate", "tracker", "evaluator", "logger", "publisher"))
    finally:
        mary.socket.disable_monitor()
        monitor.close(linger=0)
        mary.close()
        john.close()


@pytest.mark.parametrize("port", ["broker.out", "public"])
def test_a_revoked_reader_inside_the_machine_is_cut(standing: Standing, port: str) -> None:
    """It sends nothing more, and would be served for ever. The daemons' own connections there stay."""
    name = f"eve-{port.removeprefix('broker.')}"
    line = Line(access.unix(standing.folder, port), keys.new(standing.run, name, Role.READER))
    reader = Reader(standing.context, line, (topics.PUBLIC,))
    monitor = reader.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    try:
        assert eventually(lambda: not reader.receive(0.1) and reader.joined)

        keys.revoke(standing.run, name)

        assert monitor.poll(strangers.PATIENCE_MS)
        assert all(standing.state(each)["lost"] == 0 for each in ("gate", "tracker", "evaluator", "logger", "publisher"))
    finally:
        reader.socket.disable_monitor()
        monitor.close(linger=0)
        reader.close()
