"""The programs of examples/subscribers, each as its reader starts it, behind a replay."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import msgpack
import msgspec
import pytest

from tapewire.bus import wire
from tapewire.bus.journal import scan
from tapewire.bus.messages import Bar
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Subscribers
from tapewire.daemons.shell import logs
from tapewire.replay import runs
from tapewire.replay.player import Player
from tests import bridges
from tests.integration.conftest import home_in
from tests.integration.test_files import prepared
from tests.integration.test_processes import eventually
from tests.integration.test_subscribers import DELAY_NS, EXAMPLES, HEAD, event_ns, exported, lines, texts
from tests.mono import needs_mono
from tests.mono import program as program
from tests.stages import GO, Stage

pytestmark = pytest.mark.slow

HOME = os.environ.get("HOME", "")
SIGNAL = "public.signal.MNQ."
SECRET = "a-secret-of-the-hook"
FAILS = 2  # the address takes nothing for so many tries
NODE = ("zeromq@6", "@msgpack/msgpack@3")


class Posts:
    """Two addresses on this machine. `hook` is away at first, `chat` is not; both keep what they get."""

    def __init__(self) -> None:
        self.got: dict[str, list[Any]] = {"hook": [], "chat": []}
        self.heads: list[str | None] = []
        self.left = FAILS
        posts = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                away = self.path == "/hook" and posts.left > 0
                posts.left -= away
                if not away:
                    posts.got[self.path.strip("/")].append(content)
                    posts.heads.append(self.headers["Authorization"])
                self.send_response(503 if away else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.at = f"127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> Posts:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class Kit(NamedTuple):
    """What the programs made of a run's feed."""

    feed: list[dict[str, Any]]
    folder: Path
    posts: Posts


@pytest.fixture(scope="module")
def kit(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    folder = tmp_path_factory.mktemp("kit")
    with home_in(folder), Posts() as posts:
        yield played(bars, folder, posts)


def played(bars: Path, folder: Path, posts: Posts) -> Kit:
    conf, recording = prepared("kit", bars)
    conf = msgspec.structs.replace(conf, subscribers=Subscribers(enabled=True))
    recording = msgspec.structs.replace(recording, bars=recording.bars[:1_050])
    run = runs.prepare(folder / "out")
    configuration.write(conf, run)
    (folder / "hook.toml").write_text(f'url = "http://{posts.at}/hook"\nsecret = "{SECRET}"\n')
    (folder / "chat.toml").write_text(f'to = ["json://127.0.0.1:1/nobody", "json://{posts.at}/chat"]\n')
    with ExitStack() as stack, runs.supervised(conf, run, lambda text: None):
        player = stack.enter_context(Player(conf, run, runs.venue(conf), logs.configure("replay")))
        player.join()
        programs = {
            "table": (EXAMPLES / "table.py", folder / "table.csv"),
            "webhook": (EXAMPLES / "webhook.py", folder / "hook.toml"),
            "chat": (EXAMPLES / "chat.py", folder / "chat.toml"),
            "follow": (EXAMPLES / "follow.py",),
            "files": (EXAMPLES / "files.py", folder / "signals"),
        }
        for name, (program, *more) in programs.items():
            stack.enter_context(
                ran([sys.executable, program, exported(run, folder, name, "premium"), *more], folder / f"{name}.out")
            )
        if node(folder):
            command = ["node", folder / "node" / "follow.mjs", exported(run, folder, "node", "premium")]
            stack.enter_context(ran(command, folder / "node.out"))
        assert eventually(lambda: connected(run, folder))

        def after(bar: Bar) -> None:
            player.pump(0)

        player.play(recording.bars, played=after)
        player.finish()
        feed = lines(run)
        messages = [line for line in feed if line["topic"] != HEAD]
        signals = [line for line in feed if line["topic"] == SIGNAL]
        assert eventually(lambda: len(posts.got["hook"]) >= len(messages))
        assert eventually(lambda: len(posts.got["chat"]) >= len(messages))
        assert eventually(lambda: len(texts(folder / "table.csv")) > len(signals))
        assert eventually(lambda: len(texts(folder / "follow.out")) >= len(feed))
        assert eventually(lambda: len(texts(folder / "signals" / "feed.jsonl")) >= len(feed))
        assert eventually(lambda: not node(folder) or len(texts(folder / "node.out")) >= len(feed))
    return Kit(feed, folder, posts)


class ran:
    """A program that runs while the block does."""

    def __init__(self, command: list[Any], out: Path) -> None:
        with out.open("wb") as file:
            self.process = subprocess.Popen([*map(str, command)], stdout=file, stderr=subprocess.DEVNULL)

    def __enter__(self) -> None:
        """It runs already."""

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def connected(run: Path, folder: Path) -> bool:
    """Whether every program has subscribed: the publisher has noted them."""
    path = run / "feed" / "usage.json"
    used = json.loads(path.read_bytes()) if path.exists() else {}
    return {path.stem for path in folder.glob("*.key")} == {name for name, each in used.items() if each["connections"]}


def node(folder: Path) -> bool:
    """Whether Node.js and its libraries are here; installs them beside the program, as its first lines say."""
    place = folder / "node"
    if (place / "node_modules" / "zeromq").exists():
        return True
    if place.exists() or shutil.which("node") is None or shutil.which("npm") is None:
        return False
    place.mkdir()
    shutil.copy(EXAMPLES / "follow.mjs", place)
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", *NODE]
    done = subprocess.run(command, cwd=place, env={**os.environ, "HOME": HOME}, capture_output=True, check=False)
    return done.returncode == 0


def test_the_table_has_a_row_for_each_signal(kit: Kit) -> None:
    with (kit.folder / "table.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))

    signals = [line for line in kit.feed if line["topic"] == SIGNAL]
    assert [(int(row["number"]), row["id"]) for row in rows] == [(line["number"], line["message"]["id"]) for line in signals]
    assert all(row["entry"] and row["stop"] for row in rows if row["action"].startswith("ENTER"))


def test_the_hook_gets_every_message_in_order_although_it_was_away(kit: Kit) -> None:
    """With its secret in a header, and in no address."""
    expected = [(line["number"], line["topic"], line["message"]["type"]) for line in kit.feed if line["topic"] != HEAD]

    assert [(each["number"], each["topic"], each["type"]) for each in kit.posts.got["hook"]] == expected
    assert kit.posts.left == 0
    assert f"Bearer {SECRET}" in kit.posts.heads


def test_a_chat_that_fails_stops_no_other(kit: Kit) -> None:
    """The first place is nobody's; the second has a sentence for each message."""
    told = kit.posts.got["chat"]

    assert len(told) == sum(line["topic"] != HEAD for line in kit.feed)
    assert all(each["title"].startswith("MNQ") and each["message"] for each in told)


def test_the_follower_prints_what_there_is(kit: Kit) -> None:
    assert [int(text.split()[0]) for text in texts(kit.folder / "follow.out")] == [line["number"] for line in kit.feed]


def test_node_prints_the_same_to_the_last_digit(kit: Kit) -> None:
    """Times are larger than 2^53: a number of JavaScript would lose their end."""
    if not node(kit.folder):
        pytest.skip("Node.js or its libraries are not here; `npm install zeromq @msgpack/msgpack` needs a connection")
    got = [json.loads(text) for text in texts(kit.folder / "node.out")]

    assert [each["number"] for each in got] == [line["number"] for line in kit.feed]
    for each, line in zip(got, kit.feed, strict=True):
        for name, value in line["message"].items():
            if isinstance(value, int | str | float):
                assert each[name] == (str(value) if name.endswith("_ns") and value > 2**53 else value), name


def test_a_keeper_cuts_off_what_was_written_in_part(tmp_path: Path) -> None:
    """The disk was full, or the power went: the line comes again, because the last number is that of the line before."""
    path = tmp_path / "feed.jsonl"
    path.write_text('{"number": 1}\n{"number": 2}\n{"num')
    program = f"import sys; sys.path.insert(0, {str(EXAMPLES)!r}); import keep; print(keep.Keeper({{}}, {str(path)!r}).last)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.stdout == "2\n", done.stderr
    assert path.read_text() == '{"number": 1}\n{"number": 2}\n'


def test_each_signal_is_a_file_and_the_feed_is_kept_beside_them(kit: Kit) -> None:
    """Whole, under its name; VALID_UNTIL is its last line."""
    signals = [line for line in kit.feed if line["topic"] == SIGNAL]
    files = sorted((kit.folder / "signals").glob("*"))

    assert [path.name for path in files[:1]] == ["feed.jsonl"]
    assert [int(path.stem[-9:]) for path in files[1:]] == [line["number"] for line in signals]
    for path, line in zip(files[1:], signals, strict=True):
        found = [text.split("=", 1) for text in texts(path) if not text.startswith("#")]
        assert dict(found)["SIGNAL_ID"] == line["message"]["id"]
        assert found[-1][0] == "VALID_UNTIL"
    assert [json.loads(text)["previous"] for text in texts(kit.folder / "signals" / "feed.jsonl")] == [
        line["previous"] for line in kit.feed
    ]


@needs_mono
def test_the_files_make_the_same_trades_in_another_ninjatrader(kit: Kit, program: Path, bars: Path, tmp_path: Path) -> None:
    """Each file is there when its bar closes: the strategy enters, protects and leaves as the sender does, tick for tick."""
    files = {path.name.removeprefix("signal_")[:15]: path for path in sorted((kit.folder / "signals").glob("*.txt"))}
    data = bridges.unpacked(bars, tmp_path / "data")
    recording, _ = runs.read(bars, "MNQ", lambda share: None)
    folder = tmp_path / "signals"
    folder.mkdir()
    contract = next(line["message"]["contract"] for line in kit.feed if line["topic"] == SIGNAL)
    options = ("--signals", folder, "--traded", "Replay", "--month", contract.removeprefix("MNQ "))
    chart = bridges.Bridge(program, bridges.conf(), None, data, tmp_path, *options)
    try:
        chart.done()
        for bar in recording.bars[:1_050]:
            stamp = f"{datetime.fromtimestamp(bar.close_ns // 10**9, UTC):%Y%m%d_%H%M%S}"
            if stamp in files:
                shutil.copy(files[stamp], folder)
            chart.do("bar")
    finally:
        chart.kill()

    trades = [line["message"]["ticks"] for line in kit.feed if line["topic"] == "public.trade.MNQ."]
    made = [text.split(" | ") for text in texts(folder / "completed_trades.log")]
    assert len(trades) > 10
    assert [round(float(each[-1]) / 0.25) for each in made] == trades[: len(made)]
    assert len(made) >= len(trades) - 1  # the end of the recording closes what is open


@needs_mono
def test_a_signal_goes_from_a_bar_in_ninjatrader_to_a_subscriber(home: Path, program: Path, bars: Path, tmp_path: Path) -> None:
    """Through the C# bridge and every daemon: a premium subscriber's file has the public signals of a backtest, in order.

    A delayed one has the same lines, and none that is not five minutes old at the last bar.
    """
    conf = msgspec.structs.replace(bridges.conf(["pipeline"]), subscribers=Subscribers(enabled=True))
    stage = Stage(program, bars, tmp_path, conf, 1_200)
    keepers: list[subprocess.Popen[bytes]] = []

    def strike(instance: Instance, bar: int) -> str:
        if not keepers:
            for name, tier in (("anna", "premium"), ("dora", "delayed")):
                key = exported(Path(instance.run), tmp_path, name, tier)
                keepers.append(subprocess.Popen([sys.executable, EXAMPLES / "keep.py", key, tmp_path / f"{name}.jsonl"]))
        if bar > 1_100:  # what came so far is with them before the run ends
            sent = len(lines(Path(instance.run)))
            assert eventually(lambda: len(texts(tmp_path / "anna.jsonl")) >= sent)
            assert eventually(lambda: texts(tmp_path / "dora.jsonl"))
        return GO

    run = stage.play(strike=strike)
    for keeper in keepers:
        keeper.kill()
        keeper.wait()

    measure = [wire.decode(frame)[1] for frame in scan(stage.measure() / "journal" / f"{SIGNAL}tape")]
    kept = [json.loads(text) for text in texts(tmp_path / "anna.jsonl")]
    got = [wire.decode(b64decode(line["frame"]))[1] for line in kept if line["topic"] == SIGNAL]
    assert [line["previous"] for line in kept] == [line["previous"] for line in lines(run)][: len(kept)]
    assert len(got) > 20
    assert got == measure[: len(got)]
    late = [json.loads(text) for text in texts(tmp_path / "dora.jsonl")]
    assert [line["previous"] for line in late] == [line["previous"] for line in kept][: len(late)]
    newest = max(event_ns(line | {"message": msgpack.unpackb(b64decode(line["frame"]))}) for line in late)
    assert newest + DELAY_NS <= stage.recording.bars[-1].close_ns
