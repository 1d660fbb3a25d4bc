"""Alerts of real processes: a replay whose daemons tell a webhook and a mailbox, and are none the worse for it."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import msgspec
import pytest
import zmq
from prometheus_client.parser import text_string_to_metric_families

from tapewire.bus import access, sockets, wire
from tapewire.bus.client import request_control
from tapewire.bus.keys import Keys
from tapewire.bus.messages import Bar, Gap, Header
from tapewire.bus.stamp import ref
from tapewire.daemons import makers
from tapewire.daemons.alerts import addresses
from tapewire.daemons.alerts.addresses import Address
from tapewire.daemons.operator import instances, supervise
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.alerting import Alerting, Channel, Level, Rule
from tapewire.daemons.settings.structs import Api
from tapewire.daemons.shell import logs
from tapewire.replay import runs, tapes
from tapewire.replay.player import Player
from tests.integration.conftest import Run
from tests.integration.test_parity import journal
from tests.listening import Webhook, eventually, mail

pytestmark = pytest.mark.slow

MINUTE_NS = 60_000_000_000
DAY_NS = 24 * 60 * MINUTE_NS
RTH_NS = (14 * 60 + 31) * MINUTE_NS  # the first RTH bar, New York in winter
SECRET = "s3cr3tT0kenXYZ"


def test_a_run_tells_its_channels_although_one_hangs_and_the_daemon_is_killed(
    home: Path, bars: Path, tmp_path: Path, tapewire: Run
) -> None:
    """Signals, fills, a gap and a kill, to a webhook and by mail. The journal is that of a run without alerts, no alert is lost, at
    most the one on its way comes twice, no address stands in any file of the run, and metrics count what the journal has."""
    conf = configuration.load("replay", instance="told", traded=["MNQ"], preset=configuration.preset("seed", ["pipeline"]))
    base = supervise.free_base_port(conf.bus.host, conf.bus.base_port)
    recording, calendar = runs.read(bars, "MNQ", lambda share: None)
    first = next(at for at, bar in enumerate(recording.bars) if bar.close_ns % DAY_NS == RTH_NS)
    recording = msgspec.structs.replace(recording, bars=recording.bars[first - 30 : first + 90])
    conf = msgspec.structs.replace(conf, calendar=calendar, bus=msgspec.structs.replace(conf.bus, base_port=base))
    runs.backtest(conf, recording, tmp_path / "undisturbed", lambda share: None)
    api = Api(enabled=True, port=base + 90)
    conf, run = msgspec.structs.replace(conf, alerts=everything(tmp_path / "alerts.toml"), api=api), runs.prepare(tmp_path / "told")
    configuration.write(conf, run)
    kills = 0

    with Webhook() as hook, Webhook() as hanging, mail() as (port, mails):
        hanging.pause.clear()
        keep(conf.alerts, hook.port, hanging.port, port)
        with runs.supervised(conf, run, lambda text: None) as instance:

            def strike(bar: Bar) -> None:
                nonlocal kills
                if bar.index % 25 == 0 and (pid := instances.daemons(instance.run).get("alerts")):
                    os.kill(pid, signal.SIGKILL)
                    kills += 1

            with Player(conf, run, runs.venue(conf), logs.configure("replay")) as player:
                player.join()
                player.play(recording.bars, played=strike)
                player.finish()
                played = journal(run)
                counted = metrics(run, api.port)
                os.kill(instances.daemons(instance.run)["api"], signal.SIGKILL)
                again = metrics(run, api.port)
                tell_a_gap(run)
                assert tapewire("kill", "--instance", "told").returncode == 0
                assert eventually(lambda: {"[told] gate: killed", "[told] tracker has lost 3 messages"} <= {*titles(hook)})
                assert eventually(lambda: any("Subject: [told] gate: killed" in text for text in mails.texts))
            names = configuration.read(run).alerts.channels
            state = asked(run, "alerts")
            hanging.pause.set()

    refs = Counter(ref for ref in map(itemgetter("ref"), told(hook)) if ref)
    fills = [ref for ref, _ in of(run, "fill.MNQ.")]
    assert kills > 2
    assert played == journal(tmp_path / "undisturbed")
    assert {name: counted.get(name) for name in COUNTED} == {name: len(of(run, topic)) for name, topic in COUNTED.items()}
    assert {name: again.get(name) for name in COUNTED} == {name: counted[name] for name in COUNTED}
    assert counted["tapewire_orders_total MNQ FILLED"] == counted["tapewire_commands_total MNQ"]
    assert counted["tapewire_lease_age_seconds"] < 5
    assert {counted[f"tapewire_up {name}"] for name in makers.NAMES} == {1}
    assert {*fills, *(ref for ref, _ in of(run, "trade.MNQ."))} <= set(refs)
    assert sum(count - 1 for count in refs.values()) <= kills
    assert {post["signal_type"] for post in told(hook) if post["topic"] == "signal.MNQ."} == {"Buy", "Sell"}
    assert len(mails.texts) == 1
    assert f"/alive/{SECRET}" in hook.gets
    assert state["channels"]["hanging"]["sent"] == 0 < state["channels"]["hook"]["sent"]
    assert set(state["channels"]) == set(names)
    assert [path for path in run.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()] == []


COUNTED = {
    "tapewire_bars_total MNQ": "raw.bar.MNQ.1m.",
    "tapewire_signals_total MNQ": "signal.MNQ.",
    "tapewire_fills_total MNQ": "fill.MNQ.",
}


def metrics(run: Path, port: int) -> dict[str, float]:
    """What Prometheus would read, by name and the values of its labels, as soon as the door is open."""
    token = Keys(run).named("reader")
    assert token is not None
    asked = Request(f"http://127.0.0.1:{port}/metrics", headers={"Authorization": f"Bearer {token.token}"})
    texts: list[str] = []

    def answered() -> bool:
        with suppress(OSError), urlopen(asked, timeout=10) as answer:
            texts.append(answer.read().decode())
        return bool(texts)

    assert eventually(answered)
    families = text_string_to_metric_families(texts[0])
    return {" ".join([each.name, *each.labels.values()]): each.value for family in families for each in family.samples}


def tell_a_gap(run: Path) -> None:
    """As the tracker would, with the tracker's key."""
    topic, body = "sys.gap.tracker.", Gap("raw.bar.MNQ.1m.", 1, 4, 6, "tracker")
    with zmq.Context() as context, sockets.publisher(context, access.local(run, "tracker").to("broker.in")) as socket:
        assert socket.poll(10_000)
        socket.send_multipart([topic.encode(), wire.encode(Header(1, "tracker", 1, 1, time.time_ns()), body)])


def everything(path: Path) -> Alerting:
    """Everything to a webhook, to one that hangs, and to the log; what is critical by mail."""
    channels = {name: Channel(per_minute=600) for name in ("hook", "hanging", "log")} | {"mail": Channel(Level.CRITICAL)}
    rule = Rule(topics=("",), channels=tuple(channels))
    return Alerting(enabled=True, addresses=str(path), channels=channels, rules=(rule,), heartbeat_s=5.0)


def keep(alerting: Alerting, hook: int, hanging: int, mail_port: int) -> None:
    """Write the addresses of these ports."""
    urls = {
        "hook": f"http://127.0.0.1:{hook}/{SECRET}",
        "hanging": f"http://127.0.0.1:{hanging}/{SECRET}",
        "mail": f"mailto://127.0.0.1:{mail_port}/?from=a@example.org&to=b@example.org&mode=insecure",
        "heartbeat": f"http://127.0.0.1:{hook}/alive/{SECRET}",
    }
    addresses.write(addresses.place(alerting), {name: Address(url) for name, url in urls.items()})


def told(hook: Webhook) -> list[dict[str, Any]]:
    """Every alert that a webhook has got, also those that came together."""
    return [each for post in hook.posts for each in (post["alerts"] or [post])]


def titles(hook: Webhook) -> list[str]:
    return [each["title"] for each in told(hook)]


def of(run: Path, topic: str) -> list[tuple[str, bytes]]:
    """The facts of a topic in a journal: name and frame."""
    frames = list(tapes.frames(run, topic))
    return [(ref(topic, wire.decode(frame)[0]), frame) for frame in frames]


def asked(run: Path, name: str) -> dict[str, Any]:
    """What a daemon reports of itself."""
    with zmq.Context() as context:
        line = access.local(run, "reader").to(f"control.{name}")
        report: dict[str, Any] = request_control(context, line, "state")
        return report
