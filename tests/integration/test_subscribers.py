"""Subscribers of a running replay, with the programs of examples/subscribers and keys of each tier."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgpack
import msgspec
import pytest
import zmq

from tapewire.bus import access, wire
from tapewire.bus.client import request_control
from tapewire.bus.journal import scan
from tapewire.bus.messages import Bar, Header, OrderEvent, PublicSignal, PublicSummary, PublicTrade, Reject
from tapewire.daemons.operator import subscribers
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import PORTS, Conf, Mirroring, Subscribers
from tapewire.daemons.shell import logs
from tapewire.replay import runs
from tapewire.replay.player import Player
from tests.integration.conftest import Run, home_in
from tests.integration.test_files import prepared
from tests.integration.test_processes import eventually

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples" / "subscribers"
HEAD = "public.head."
KINDS = ("public.signal.MNQ.", "public.trade.MNQ.", "public.summary.MNQ.")
UNSIGNED = "the feed does not end with a signed head: lines were cut off, or the trade date is not over"
DELAY_NS = 300 * 1_000_000_000
ACCOUNT = "Secret-4711"
MOST_TRADES = 75  # of a session; the gate refuses the others
STREAMS = {"premium": "public", "delayed": "public.delayed", "free": "public.free"}


class Stage(NamedTuple):
    """A replay that has been played to its end, with its subscribers.

    feed: the run's lines. arrived: what each tier's port brought, in order, each with the market time of the bar that had been
    played when it was read. kept: the files of keep.py. asked: what a premium and a delayed subscriber were told meanwhile, and
    when. away: what the stores had when the public one came back.
    """

    run: Path
    conf: Conf
    feed: list[dict[str, Any]]
    arrived: dict[str, list[tuple[int, list[bytes]]]]
    end_ns: int
    kept: dict[str, list[dict[str, Any]]]
    answers: dict[str, Any]
    asked: list[tuple[int, dict[str, Any]]]
    away: dict[str, list[str]]


@pytest.fixture(scope="module")
def stage(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Two sessions. `stays` keeps the feed all the time; `leaves` is killed, and comes back 200 bars later.

    The public store is away for the whole first session: a file stands in its place.
    """
    folder = tmp_path_factory.mktemp("subscribers")
    with home_in(folder):
        yield played(bars, folder)


def played(bars: Path, folder: Path) -> Stage:
    conf, recording = prepared("subscribers", bars)
    mirror = Mirroring(f"file://{folder}/public", f"file://{folder}/private", every_s=1)
    conf = msgspec.structs.replace(
        conf,
        subscribers=Subscribers(enabled=True),
        mirror=mirror,
        trading=msgspec.structs.replace(conf.trading, account=ACCOUNT, unlimited=()),
        preset=msgspec.structs.replace(conf.preset, risk=msgspec.structs.replace(conf.preset.risk, max_trades=MOST_TRADES)),
    )
    run = runs.prepare(folder / "out")
    configuration.write(conf, run)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    arrived: dict[str, list[tuple[int, list[bytes]]]] = {tier: [] for tier in STREAMS}
    answers: dict[str, Any] = {}
    meanwhile: list[tuple[int, dict[str, Any]]] = []
    away: dict[str, list[str]] = {}
    (folder / "public").touch()
    with runs.supervised(conf, run, lambda text: None), Player(conf, run, runs.venue(conf), logs.configure("replay")) as player:
        files = {name: exported(run, folder, name, tier) for name, tier in (("p", "premium"), ("d", "delayed"), ("f", "free"))}
        sockets_of = {tier: subscribed(context, file) for tier, file in zip(STREAMS, files.values(), strict=True)}
        keepers = {name: keeper(folder, exported(run, folder, name, "premium")) for name in ("stays", "leaves")}

        def take(now_ns: int) -> None:
            for tier, socket in sockets_of.items():
                while socket.poll(0):
                    arrived[tier].append((now_ns, socket.recv_multipart()))

        def after(bar: Bar) -> None:
            take(bar.close_ns)
            if bar.index % 250 == 249:
                due = sum(event_ns(line) + DELAY_NS <= bar.close_ns for line in lines(run))
                assert eventually(lambda: (take(bar.close_ns), len(numbered(arrived["delayed"])) >= due)[1])
                told = {name: asked(context, files[name], "history", "90") for name in ("p", "d")}
                meanwhile.append((bar.close_ns, told))
            if not away and len(days(run)) > 1:
                assert eventually(lambda: found(folder / "private"))
                away.update({name: found(folder / name) for name in ("public", "private")})
                (folder / "public").unlink()
            if bar.index == 1_000:
                keepers["leaves"].kill()
                keepers["leaves"].wait()
            if bar.index == 1_200:
                keepers["leaves"] = keeper(folder, folder / "leaves.key")

        player.join()
        for socket in sockets_of.values():
            assert eventually(lambda socket=socket: bool(socket.poll(0)))
        player.play(recording.bars, played=after)
        player.finish()
        end_ns = recording.bars[-1].close_ns
        feed = lines(run)
        assert eventually(lambda: (take(end_ns), len(numbered(arrived["premium"])) >= len(feed))[1])
        for name in keepers:
            assert eventually(lambda name=name: len(texts(folder / f"{name}.jsonl")) >= len(feed))
        assert eventually(lambda: found(folder / "public"))  # by a pass of the daybook
        for name in ("p", "d", "f"):
            answers[name] = {verb: asked(context, files[name], verb) for verb in ("today", "performance", "session", "strategies")}
        for each in keepers.values():
            each.kill()
            each.wait()
    context.destroy(linger=0)
    kept = {name: [json.loads(text) for text in texts(folder / f"{name}.jsonl")] for name in keepers}
    return Stage(run, conf, feed, arrived, end_ns, kept, answers, meanwhile, away)


def exported(run: Path, folder: Path, name: str, tier: str) -> Path:
    """The file of a new subscriber, as the command writes it."""
    subscribers.add(name, tier, "", run)
    subscribers.export(name, folder, run, "")
    return folder / f"{name}.key"


def keeper(folder: Path, file: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, EXAMPLES / "keep.py", file, folder / f"{file.stem}.jsonl"])


def subscribed(context: zmq.Context[zmq.Socket[bytes]], file: Path) -> zmq.Socket[bytes]:
    way = access.remote(file, PORTS.__getitem__)
    socket = context.socket(zmq.SUB)
    socket.subscribe("public.")
    way.to(STREAMS[str(way.key.tier)]).connect(socket)
    return socket


def asked(context: zmq.Context[zmq.Socket[bytes]], file: Path, verb: str, argument: str = "") -> Any:
    return request_control(context, access.remote(file, PORTS.__getitem__).to("public.ask"), verb, argument, timeout_s=20)


def texts(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines() if path.exists() else []


def lines(run: Path) -> list[dict[str, Any]]:
    """The run's feed, as it stands on the disk."""
    found = [json.loads(text) for path in sorted((run / "feed").glob("2*.jsonl")) for text in texts(path)]
    return [{**line, "message": msgpack.unpackb(b64decode(line["frame"]))} for line in found]


def days(run: Path) -> list[Path]:
    """The files of the feed."""
    return sorted((run / "feed").glob("2*.jsonl"))


def found(store: Path) -> list[str]:
    """The names in a store."""
    return sorted(path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file())


def message_of(line: dict[str, Any]) -> dict[str, Any]:
    return {**line, "message": msgpack.unpackb(line["frame"])}


def is_free(line: dict[str, Any]) -> bool:
    return line["topic"].startswith("public.summary.") or bool(line["topic"] == HEAD and line["message"]["closed"])


def event_ns(line: dict[str, Any]) -> int:
    return int(line["message"].get("event_ns") or line["message"]["market_ns"])


def numbered(arrived: list[tuple[int, list[bytes]]]) -> list[tuple[int, dict[str, Any]]]:
    """The lines among what arrived, each with the market time at which it was read."""
    return [
        (at, {"topic": topic.decode(), "frame": frame, **msgpack.unpackb(rest[0])}) for at, (topic, frame, *rest) in arrived if rest
    ]


def test_premium_gets_every_line_once_and_in_order(stage: Stage) -> None:
    """All four kinds, with their places in the chain, and each frame is the bytes of the bus."""
    got = [{**line, "frame": b64encode(line["frame"]).decode()} for _, line in numbered(stage.arrived["premium"])]

    assert got == [{name: line[name] for name in ("number", "topic", "previous", "frame")} for line in stage.feed]
    assert {line["topic"] for line in stage.feed} == {HEAD, *KINDS}
    for kind in KINDS:
        frames = [b64decode(line["frame"]) for line in stage.feed if line["topic"] == kind]
        assert frames == list(scan(stage.run / "journal" / f"{kind}tape"))


def test_delayed_gets_the_same_bytes_five_minutes_of_market_time_later(stage: Stage) -> None:
    """Never earlier, to the bar: no line was there before the bar that closes five minutes after it."""
    delayed = numbered(stage.arrived["delayed"])
    premium = [line for _, line in numbered(stage.arrived["premium"])]

    assert delayed
    assert [line for _, line in delayed] == premium[: len(delayed)]
    assert all(at >= event_ns(message_of(line)) + DELAY_NS for at, line in delayed)
    end_ns = stage.end_ns
    assert len(delayed) == sum(event_ns(line) + DELAY_NS <= end_ns for line in stage.feed)


def test_free_gets_summaries_and_the_heads_that_close_a_date(stage: Stage) -> None:
    free = [line for _, line in numbered(stage.arrived["free"])]

    assert [line["number"] for line in free] == [line["number"] for line in stage.feed if is_free(line)]
    assert {line["topic"] for line in free} == {"public.summary.MNQ.", HEAD}


def test_who_was_away_has_after_catching_up_what_one_has_who_never_left(stage: Stage) -> None:
    """Signals whose time is over came marked as expired; the file of each proves itself, with tapewire and without."""
    fields = ("number", "topic", "previous", "frame")
    stays, leaves = ([[line[name] for name in fields] for line in stage.kept[name]] for name in ("stays", "leaves"))

    assert stays == leaves == [[line[name] for name in fields] for line in stage.feed]
    assert not any(line["expired"] for line in stage.kept["stays"][1:])
    assert any(line["expired"] for line in stage.kept["leaves"])


@pytest.mark.parametrize("name", ["stays", "leaves"])
def test_a_kept_feed_proves_itself(stage: Stage, tapewire: Run, name: str) -> None:
    """With tapewire, and with the stand-alone program."""
    file, key = stage.run.parent / f"{name}.jsonl", stage.run.parent / f"{name}.key"
    ended = tapewire("audit", file, "--key", key, "--open")
    alone = subprocess.run([sys.executable, EXAMPLES / "verify.py", file, key], capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(f"whole: lines 1 to {len(stage.feed):,}")
    assert alone.stdout.strip() == ("whole" if stage.feed[-1]["topic"] == HEAD else UNSIGNED)


def test_no_public_byte_tells_of_the_account(stage: Stage) -> None:
    """Of every message only the fields of PROTOCOL.md 12, and none of them is an account, a size or money."""
    allowed = {"public_signal": PublicSignal, "public_trade": PublicTrade, "public_summary": PublicSummary}
    for _, frames in (each for arrived in stage.arrived.values() for each in arrived):
        message = msgpack.unpackb(frames[1])
        kind = message["type"]
        if kind in allowed:
            assert set(message) == {*Header.__struct_fields__, "type", *allowed[kind].__struct_fields__}
        elif kind == "public_head":
            assert set(message) == {"type", "session", "market_ns", "closed", "signature"}
        else:
            assert set(message) == {"type", "tier", "delay_s", "contracts", "number", "market_ns", "key"}


def test_no_public_byte_names_what_is_private(stage: Stage) -> None:
    """Of all that anybody outside can get: streams, answers, the kept feeds, the mirror's public place."""
    kept = [(stage.run.parent / f"{name}.jsonl").read_bytes() for name in stage.kept]
    streams = [frame for arrived in stage.arrived.values() for _, frames in arrived for frame in frames]
    answers = [json.dumps(each).encode() for each in (stage.answers, [told for _, told in stage.asked])]
    mirrored = [path.read_bytes() for path in (stage.run.parent / "public").rglob("*") if path.is_file()]
    opened = [b64decode(line["frame"]) for line in stage.feed]
    everything = b"\n".join([*kept, *streams, *answers, *mirrored, *opened])

    rejects = [wire.decode(frame)[1] for path in (stage.run / "journal").glob("reject.*") for frame in scan(path)]
    orders = [wire.decode(frame)[1] for path in (stage.run / "journal").glob("order.*") for frame in scan(path)]
    refused = {each.id for each in rejects if isinstance(each, Reject)}
    placed = {each.order_id for each in orders if isinstance(each, OrderEvent)}
    assert refused
    assert placed
    for secret in (ACCOUNT, *refused, *(placed - {line["message"].get("id") for line in stage.feed})):
        assert secret.encode() not in everything
    for name in ("account", "size", "qty", "cents", "order_id", "equity_cents", "risk.", "order.", "fill.", "position.", "reject."):
        assert not re.search(rf"(?<![a-z_.]){re.escape(name)}".encode(), everything), name


def test_answers_are_what_the_tier_may_see(stage: Stage) -> None:
    """Premium sees all trades, delayed those that are due, free those of dates that are over."""
    trades = [line for line in stage.feed if line["topic"].startswith("public.trade.")]
    due = [line for line in trades if event_ns(line) + DELAY_NS <= stage.end_ns]
    last = max(line["message"]["session"] for line in trades)
    over = [line for line in trades if line["number"] < max(each["number"] for each in stage.feed if is_free(each))]

    told = {name: answers["performance"] for name, answers in stage.answers.items()}
    for name, expected in (("p", trades), ("d", due), ("f", over)):
        assert told[name]["trades"] == len(expected)
        assert told[name]["ticks"] == sum(line["message"]["ticks"] for line in expected)
        assert [total for _, total in told[name]["equity"]][-1:] == [told[name]["ticks"]][: len(expected)]
    assert stage.answers["p"]["today"]["session"] == last
    assert stage.answers["f"]["strategies"][0]["name"] == "Pipeline"


def test_the_delay_holds_for_questions_to_the_bar(stage: Stage) -> None:
    """A delayed subscriber was told what was five minutes old, all of it and nothing else; a premium one at once."""
    events = [(event_ns(line), line["message"]["id"]) for line in stage.feed if line["topic"] in KINDS[:2]]

    assert len(stage.asked) > 5
    for at, told in stage.asked:
        ids = {name: {each["id"] for each in (*told[name]["signals"], *told[name]["trades"])} for name in told}
        assert ids["d"] == {name for ns, name in events if ns + DELAY_NS <= at}
        assert {name for ns, name in events if ns < at} <= ids["p"] <= {name for ns, name in events if ns <= at}


def test_a_store_that_was_away_for_a_session_has_everything_when_it_is_back(stage: Stage, tapewire: Run) -> None:
    """The daybook made passes all the time; one by hand brings the rest. The other store did not wait for it.

    What went there is at most three times the final size, and no private file lies in the public place.
    """
    public, private = stage.run.parent / "public", stage.run.parent / "private"
    before = found(public)

    ended = tapewire("mirror", "--run", stage.run)

    assert ended.returncode == 0, ended.stderr
    assert (stage.away["public"], bool(stage.away["private"])) == ([], True)
    assert before
    log = (stage.run / "logs" / "mirror.log").read_text()
    assert "public" in log
    for place in (public, private):
        sent = re.findall(rf"([\d,]+) bytes to file://{place};", log + ended.stdout)
        final = sum((place / name).stat().st_size for name in found(place))
        assert 0 < final <= sum(int(size.replace(",", "")) for size in sent) <= 3 * final
    feed = {path.stem.replace("-", "/"): path.read_bytes() for path in (stage.run / "feed").glob("2*.jsonl")}
    there = {path.relative_to(public).as_posix(): path.read_bytes() for path in public.rglob("*") if path.is_file()}
    assert there == {f"{date}/feed.jsonl": content for date, content in feed.items()}
    for path in (path for path in private.rglob("*") if path.is_file()):
        assert path.read_bytes() == (stage.run / "days" / path.relative_to(private)).read_bytes()
    assert len([*private.rglob("trades.jsonl")]) == len(feed)
