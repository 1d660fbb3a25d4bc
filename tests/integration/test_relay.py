"""Relays of a running replay, one behind the other, each killed on the way; and what comes out at the last subscriber."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import msgpack
import msgspec
import pytest
import zmq

from tapewire.bus import access
from tapewire.bus.client import request_control
from tapewire.bus.errors import ConfError, PeerError, Transient
from tapewire.bus.messages import Bar
from tapewire.daemons.operator import subscribers, supervise
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import PORTS, Subscribers
from tapewire.daemons.shell import logs
from tapewire.replay import runs
from tapewire.replay.player import Player
from tests.integration.conftest import TAPEWIRE, Run, home_in
from tests.integration.test_files import prepared
from tests.integration.test_processes import eventually
from tests.integration.test_subscribers import EXAMPLES, HEAD, asked, event_ns, exported, is_free, keeper, lines, subscribed, texts
from tests.nats_server import PROGRAM, NatsServer, needs_nats

pytestmark = pytest.mark.slow

DELAY_NS = 300 * 1_000_000_000
BARS = 1_500  # a trade date, and the beginning of the next
FIELDS = ("number", "topic", "previous", "frame")


class Relayed:
    """A relay as a person starts it. It may be killed and started again."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], key: Path, *more: str) -> None:
        self.key = key
        self.run = key.parent / f"relay of {key.stem}"
        self.log = key.parent / f"{key.stem}.log"
        self._context = context
        self._more = more or ("--base-port", str(supervise.free_base_port("127.0.0.1", 7_550)))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self.log.open("ab") as log:
            words = [TAPEWIRE, "relay", self.key, "--run", self.run, *self._more]
            self._process = subprocess.Popen(words, stderr=log, stdin=subprocess.DEVNULL)
        assert eventually(lambda: bool(self.state()))

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Its exit status after SIGTERM."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait()

    def state(self) -> dict[str, Any]:
        """What it says about itself; empty while it does not."""
        try:
            return dict(request_control(self._context, access.local(self.run, "reader").to("control.relay"), "state", timeout_s=1))
        except (Transient, PeerError, ConfError):
            return {}

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Lines of its log."""
        return [line for line in map(json.loads, texts(self.log)) if line["event"] == event]


class Tree(NamedTuple):
    """A replay with its relays, played to its end.

    feed: the run's lines. due: those that were due for the tier `delayed`. kept: what keep.py has behind each relay. answers: of
    `below`, and of the publisher to the same question. nats: the server that has all lines; None where there is none.
    """

    folder: Path
    run: Path
    feed: list[dict[str, Any]]
    due: list[dict[str, Any]]
    relays: dict[str, Relayed]
    kept: dict[str, list[dict[str, Any]]]
    answers: dict[str, Any]
    nats: NatsServer | None


@pytest.fixture(scope="module")
def tree(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    """publisher -> top -> below -> keep.py; and the other tiers, and NATS, each behind one relay. All but the leaves are killed."""
    folder = tmp_path_factory.mktemp("relays")
    with home_in(folder), ExitStack() as stack:
        yield grown(bars, folder, stack)


def grown(bars: Path, folder: Path, stack: ExitStack) -> Tree:
    conf, recording = prepared("relays", bars)
    conf = msgspec.structs.replace(conf, subscribers=Subscribers(enabled=True))
    run = runs.prepare(folder / "out")
    configuration.write(conf, run)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    stack.callback(context.destroy, linger=0)
    stack.enter_context(runs.supervised(conf, run, lambda text: None))
    relays = {name: Relayed(context, exported(run, folder, name, tier)) for name, tier in TIERS.items()}
    nats = NatsServer(folder / "jetstream") if PROGRAM is not None else None
    if nats is not None:
        stack.callback(nats.kill)
        nats.start()
        relays["bridge"] = Relayed(context, exported(run, folder, "bridge", "premium"), "--nats", nats.url)
    for relay in relays.values():
        relay.start()
        stack.callback(relay.stop)
    relays["below"] = Relayed(context, exported(relays["top"].run, folder, "below", ""))
    relays["below"].start()
    stack.callback(lambda: relays["below"].stop())
    keys = {name: exported(relays[name].run, folder, f"at-{name}", "") for name in ("below", "later", "fewer")}
    keepers = [keeper(folder, key) for key in keys.values()]
    for each in keepers:
        stack.callback(each.wait)
        stack.callback(each.kill)

    def after(bar: Bar) -> None:
        match bar.index:
            case 950:
                relays["top"].kill()
            case 1_010:
                relays["top"].start()
            case 960 if nats is not None:
                nats.kill()
            case 1_030:
                relays["below"].kill()
            case 1_060:
                relays["below"].start()
            case 1_070 if nats is not None:
                relays["bridge"].kill()
            case 1_100:
                os.kill(
                    request_control(context, access.local(run, "reader").to("control.publisher"), "state")["pid"], signal.SIGKILL
                )
            case 1_150 if nats is not None:
                nats.start()
                relays["bridge"].start()

    with Player(conf, run, runs.venue(conf), logs.configure("replay")) as player:
        player.join()
        player.play(recording.bars[:BARS], played=after)
        player.finish()
    feed = lines(run)
    end_ns = recording.bars[BARS - 1].close_ns
    due = [line for line in feed if event_ns(line) + DELAY_NS <= end_ns]
    wanted = {"below": len(feed), "later": len(due), "fewer": sum(map(is_free, feed))}
    kept = {name: folder / f"at-{name}.jsonl" for name in keys}
    for name, count in wanted.items():
        assert eventually(lambda name=name, count=count: len(texts(kept[name])) >= count), (name, count, relays[name].state())
    if nats is not None:
        assert eventually(lambda: relays["bridge"].state().get("nats", {}).get("number") == len(feed))
    assert eventually(lambda: asked(context, keys["below"], "state")["late_s"] is not None)  # every relay has heard the state above
    answers = {verb: asked(context, keys["below"], verb) for verb in ("performance", "strategies", "state")}
    answers["above"] = asked(context, relays["top"].key, "performance")
    found = {name: [json.loads(text) for text in texts(path)] for name, path in kept.items()}
    return Tree(folder, run, feed, due, relays, found, answers, nats)


TIERS = {"top": "premium", "later": "delayed", "fewer": "free"}


def bare(found: list[dict[str, Any]]) -> list[list[Any]]:
    return [[line[name] for name in FIELDS] for line in found]


def test_a_leafs_leaf_has_every_line_once_and_in_order(tree: Tree) -> None:
    """With every process between the publisher and him killed once, the publisher too."""
    assert len(tree.feed) > 100
    assert bare(tree.kept["below"]) == bare(tree.feed)
    for name in ("top", "below"):
        assert bare(lines(tree.relays[name].run)) == bare(tree.feed)


def test_the_other_tiers_are_relayed_as_they_are(tree: Tree) -> None:
    """Delayed lines when they are due, and summaries with their heads."""
    assert bare(tree.kept["later"]) == bare(tree.due)
    assert bare(tree.kept["fewer"]) == bare([line for line in tree.feed if is_free(line)])
    assert {line["topic"] for line in tree.kept["fewer"]} == {"public.summary.MNQ.", HEAD}


@pytest.mark.parametrize("key", ["top", "at-below"])
def test_the_chain_is_whole_behind_two_relays(tree: Tree, tapewire: Run, key: str) -> None:
    """Proved with the key of the run, which every relay's subscriber has in his file as well; with tapewire and without."""
    file = tree.folder / "at-below.jsonl"
    ended = tapewire("audit", file, "--key", tree.folder / f"{key}.key", "--open", "--heads", tree.folder / "at-fewer.jsonl")

    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.startswith(f"whole: lines 1 to {len(tree.feed):,}")


def test_what_came_too_late_is_marked_and_nothing_else_is(tree: Tree) -> None:
    """A signal whose time was over when a relay had caught up: in the stream, and so in the file of keep.py."""
    expired = [line["topic"] for line in tree.kept["below"] if line["expired"]]

    assert expired
    assert set(expired) == {"public.signal.MNQ."}
    assert len(expired) < len([line for line in tree.kept["below"] if line["topic"] == "public.signal.MNQ."])


def test_a_relay_answers_as_the_publisher_does(tree: Tree) -> None:
    """From what it holds; the strategies it has asked for. Its state says through how many relays it came, and how late."""
    state = tree.answers["state"]

    assert tree.answers["performance"] == tree.answers["above"]
    assert tree.answers["strategies"][0]["name"] == "Pipeline"
    assert (state["tier"], state["number"], state["relays"]) == ("premium", len(tree.feed), 2)
    assert state["late_s"] >= 0
    assert len(state["key"]) == 44


def test_a_relay_says_what_was_lost_and_what_came_back(tree: Tree) -> None:
    """`below` lost `top` once, and caught up by itself."""
    lost, back = tree.relays["below"].logged("above_lost"), tree.relays["below"].logged("caught_up")

    assert {line["why"] for line in lost} >= {"lost", "away"}
    assert "tried again without end" in lost[0]["text"]
    assert any(line["lines"] > 0 and line["away_s"] >= 0 for line in back)


def test_a_relay_has_subscribers_of_its_own(tree: Tree, tapewire: Run) -> None:
    """`list` and `usage` of its folder; its tier alone."""
    run = tree.relays["below"].run
    listed = json.loads(tapewire("subscribers", "list", "--run", run, "--json").stdout)
    refused = tapewire("subscribers", "add", "x", "--tier", "free", "--run", run)

    assert [(row["name"], row["tier"]) for row in listed] == [("at-below", "premium")]
    assert refused.returncode == 78
    assert "this relay serves premium" in refused.stderr
    assert eventually(lambda: json.loads(tapewire("subscribers", "usage", "--run", run, "--json").stdout)[0]["messages"] > 0)


def test_a_subscriber_of_a_relay_is_cut_when_his_key_is_revoked(tree: Tree) -> None:
    """By the relay's own keys; the run above knows nothing of him."""
    relay = tree.relays["below"]
    key = exported(relay.run, tree.folder, "leaves", "")
    with zmq.Context() as context:
        stream = subscribed(context, key)
        monitor = stream.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        topic = stream.recv_multipart()[0] if stream.poll(20_000) else b""
        subscribers.revoke("leaves", relay.run)

        assert topic in (b"public.state.", b"sys.welcome.")
        assert monitor.poll(20_000)
        assert eventually(lambda: relay.state()["turned_away"] > 0)
        stream.disable_monitor()
        monitor.close(linger=0)
        stream.close(linger=0)


def test_an_expired_key_is_told_in_words_and_works_again_when_renewed(tree: Tree) -> None:
    """The relay stays, serves what it holds, and says how late it is."""
    relay = tree.relays["later"]
    subscribers.renew("later", "", "2020-01-31", tree.run)

    assert eventually(lambda: relay.state().get("link") == "refused")
    assert eventually(lambda: bool(relay.logged("above_lost")))
    assert "refuses the key later: it was revoked, has expired" in relay.logged("above_lost")[-1]["text"]
    assert relay.state()["number"] > 0

    subscribers.renew("later", "", "", tree.run)

    assert eventually(lambda: relay.state().get("link") == "up")


@pytest.mark.parametrize("wrong", ["revoked", "server"])
def test_a_relay_that_is_never_let_in_ends_with_the_reason(tree: Tree, tapewire: Run, wrong: str) -> None:
    """Exit status 78, for its supervisor."""
    key = exported(tree.run, tree.folder, f"no-{wrong}", "premium")
    if wrong == "revoked":
        subscribers.revoke(key.stem, tree.run)
    else:
        other = access.remote(tree.relays["below"].key, PORTS.__getitem__).to("public").server
        mine = access.remote(key, PORTS.__getitem__).to("public").server
        key.write_text(key.read_text().replace(mine, other))
    base = supervise.free_base_port("127.0.0.1", 7_550)

    ended = tapewire("relay", key, "--run", tree.folder / f"no {wrong}", "--base-port", base)

    assert ended.returncode == 78
    assert {"revoked": "refuses the key", "server": "is not the server of this key file"}[wrong] in ended.stderr


def test_a_folder_of_another_feed_is_not_gone_on_with(tree: Tree, tapewire: Run) -> None:
    """Neither that of a run, nor that of another tier."""
    fewer = tree.relays["fewer"]
    taken = tapewire("relay", tree.relays["top"].key, "--run", fewer.run)
    run = tapewire("relay", fewer.key, "--run", tree.run)

    assert (taken.returncode, run.returncode) == (78, 78)
    assert "holds another feed, or another tier of it" in taken.stderr
    assert "is the folder of a run" in run.stderr


# --- NATS -----------------------------------------------------------------------------------------------------------------------


@needs_nats
def test_nats_has_every_line_once_and_in_order(tree: Tree) -> None:
    """The server and the relay were both killed on the way. The payload is the map, the headers its place; no subject ends with a
    dot."""
    assert tree.nats is not None
    stored = tree.nats.stored("TAPEWIRE-PREMIUM")

    assert [message.data for message in stored] == [b64decode(line["frame"]) for line in tree.feed]
    assert [int(message.headers["Tapewire-Number"]) for message in stored] == [line["number"] for line in tree.feed]
    assert {message.subject for message in stored} == {
        f"tapewire.premium.{kind}" for kind in ("signal.MNQ", "trade.MNQ", "summary.MNQ", "head")
    }


@needs_nats
def test_a_feed_read_from_nats_proves_itself(tree: Tree, tapewire: Run) -> None:
    """With the example that a reader starts; it goes on where it was killed."""
    assert tree.nats is not None
    file = tree.folder / "from nats.jsonl"
    for enough in (1, len(tree.feed)):
        with subprocess.Popen([sys.executable, EXAMPLES / "from_nats.py", tree.nats.url, "premium", file]) as reader:
            assert eventually(lambda enough=enough: len(texts(file)) >= enough)
            reader.kill()

    ended = tapewire("audit", file, "--key", tree.folder / "at-below.key", "--open")

    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.startswith(f"whole: lines 1 to {len(tree.feed):,}")


@needs_nats
def test_a_purged_stream_is_filled_again(tree: Tree) -> None:
    """Within the server's window for duplicates, in which it acknowledges the old ids and stores nothing."""
    assert tree.nats is not None
    bridge = tree.relays["bridge"]
    assert bridge.stop() == 0
    tree.nats.do(lambda jetstream: jetstream.purge_stream("TAPEWIRE-PREMIUM"))

    bridge.start()

    assert eventually(lambda: bridge.state().get("nats", {}).get("number") == len(tree.feed))
    stored = tree.nats.stored("TAPEWIRE-PREMIUM")
    assert [message.data for message in stored] == [b64decode(line["frame"]) for line in tree.feed]
    assert bridge.logged("nats_repeated")


@needs_nats
def test_a_stream_with_another_feed_is_left_alone(tree: Tree, tapewire: Run) -> None:
    """And so is one that takes other subjects, too."""
    assert tree.nats is not None
    key = exported(tree.run, tree.folder, "second", "premium")

    async def other(jetstream: Any) -> None:
        await jetstream.add_stream(name="OTHER", subjects=["other.>"])
        head = {"Tapewire-Number": "1", "Tapewire-Topic": "public.signal.MNQ.", "Tapewire-Previous": "00" * 32}
        await jetstream.publish("other.signal.MNQ", b"\x80", headers=head)

    tree.nats.do(other)
    nats = ("--run", tree.folder / "second", "--nats", tree.nats.url, "--nats-stream", "OTHER")
    differs = tapewire("relay", key, *nats, "--nats-subject", "other")
    shared = tapewire("relay", key, *nats)

    assert (differs.returncode, shared.returncode) == (74, 78)
    assert "the stream OTHER holds another feed: number " in differs.stderr
    assert "it takes other.>, and must take tapewire.premium.> alone" in shared.stderr


@needs_nats
def test_a_server_that_wants_a_login_gets_it_from_a_file(tree: Tree, tapewire: Run) -> None:
    """Without one the relay ends with the remedy, and so it does where JetStream is off. The password is in no log."""
    key, secret = tree.folder / "second.key", "a-secret-of-nats"
    key = key if key.exists() else exported(tree.run, tree.folder, "second", "premium")
    server = NatsServer(tree.folder / "locked", "--user", "anna", "--pass", secret)
    login = tree.folder / "nats.toml"
    login.write_text(f'user = "anna"\npassword = "{secret}"\n')
    login.chmod(0o600)
    server.start()
    try:
        refused = tapewire("relay", key, "--run", tree.folder / "without", "--nats", server.url)
        with zmq.Context() as context:
            bridge = Relayed(context, key, "--nats", server.url, "--nats-login", str(login))
            bridge.start()
            assert eventually(lambda: bridge.state().get("nats", {}).get("number") == len(tree.feed))
            assert bridge.stop() == 0
        server.kill()
        server.start(jetstream=False)
        plain = tapewire("relay", key, "--run", tree.folder / "plain", "--nats", server.url, "--nats-login", login)
    finally:
        server.kill()

    assert (refused.returncode, plain.returncode) == (78, 78)
    assert "--nats-login names the file" in refused.stderr
    assert "has no JetStream" in plain.stderr
    assert secret not in "".join((refused.stderr, plain.stderr, *texts(bridge.log)))


def test_the_state_of_a_stream_is_one_map_for_every_reader(tree: Tree) -> None:
    """What comes once a second is what the verb `state` answers, but for the time."""
    with zmq.Context() as context:
        stream = subscribed(context, tree.folder / "at-below.key")
        assert stream.poll(20_000)
        while (frames := stream.recv_multipart())[0] != b"public.state.":
            assert stream.poll(20_000)
        stream.close(linger=0)

    told = msgpack.unpackb(frames[1])
    assert {**told, "late_s": 0, "market_ns": 0} == {**tree.answers["state"], "late_s": 0, "market_ns": 0}
