"""`doctor` and `ready` with the C# bridge: all is ok, and which checks and lights fail if it dies or its data is incomplete."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from tapewire.bus import keys, private
from tapewire.daemons.operator import gather, instances
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import runs
from tests import bridges
from tests.bridges import Bridge
from tests.integration.conftest import Run
from tests.integration.test_processes import eventually
from tests.links import plain as plain
from tests.mono import needs_mono
from tests.mono import program as program

pytestmark = [pytest.mark.slow, needs_mono]

IN_RTH = 1_000  # a bar of regular trading hours


@contextmanager
def trading(conf: Conf, program: Path, data: Path, folder: Path, *options: object) -> Iterator[Bridge]:
    """The supervised daemons of a run and a bridge that has sent them five bars."""
    run = runs.prepare(folder / "run")
    configuration.write(conf, run)
    with runs.supervised(conf, run, lambda text: None):
        bridge = Bridge(program, conf, run, data, folder / "nt", "--from", IN_RTH, "--broker", folder / "broker", *options)
        try:
            bridge.done()
            for _ in range(5):
                bridge.do("bar")
            for written in (run, instances.folder()):  # by this process, without the mode mask of a command
                private.tighten(written)
            yield bridge
        finally:
            bridge.kill()


def findings(tapewire: Run) -> dict[str, dict[str, str]]:
    return {each["name"]: each for each in json.loads(tapewire("doctor", "--json").stdout)}


def states(found: dict[str, dict[str, str]], state: str) -> set[str]:
    return {name for name, each in found.items() if each["state"] == state}


def lit(tapewire: Run) -> dict[str, bool]:
    return {light["name"]: light["on"] for light in json.loads(tapewire("ready", "--json").stdout)}


def dark(tapewire: Run) -> set[str]:
    return {name for name, on in lit(tapewire).items() if not on}


def test_all_is_ok_until_the_bridge_is_killed(tapewire: Run, program: Path, plain: Path, tmp_path: Path) -> None:
    """Every check is ok and every light on. The latched kill switch turns the account's light off, and the doctor names it. The
    death of NinjaTrader's process turns platform and data off, and the doctor names the bridge."""
    with trading(bridges.conf(), program, plain, tmp_path) as bridge:
        assert eventually(lambda: dark(tapewire) == set())
        healthy = tapewire("doctor")
        tapewire("kill")
        latched, held = dark(tapewire), findings(tapewire)
        tapewire("arm")
        bridge.kill()
        out, dead = dark(tapewire), findings(tapewire)

    assert healthy.returncode == 0, healthy.stdout
    assert [line for line in healthy.stdout.splitlines() if line.startswith(("broken", "unknown"))] == []
    assert "NinjaTrader, heartbeat" in healthy.stdout
    assert latched == {"account"}
    assert states(held, "broken") == {"kill switch"}
    assert out == {"platform", "data"}
    assert states(dead, "broken") == {"bridge"}
    assert "enable TapewireBridge" in dead["bridge"]["remedy"]


def test_a_chart_without_order_flow_is_named(tapewire: Run, program: Path, plain: Path, tmp_path: Path) -> None:
    """The series is not volumetric; every other check is ok."""
    with trading(bridges.conf(), program, plain, tmp_path, "--volumetric", 0):
        assert eventually(lambda: dark(tapewire) == set())
        found = findings(tapewire)

    assert states(found, "broken") == {"order flow MNQ"}
    assert states(found, "unknown") == set()
    assert "not volumetric" in found["order flow MNQ"]["value"]


def test_the_doctor_reports_why_ninjatrader_refuses_entries(tapewire: Run, program: Path, plain: Path, tmp_path: Path) -> None:
    """The strategy has another account, and NinjaTrader has lost its connection. Reconnected, only the account is broken."""
    conf = bridges.conf()
    conf = msgspec.structs.replace(conf, trading=msgspec.structs.replace(conf.trading, account="Sim101"))
    with trading(conf, program, plain, tmp_path) as bridge:
        bridge.do("lost")
        assert eventually(lambda: states(findings(tapewire), "broken") == {"account", "entries"})
        stopped = findings(tapewire)["entries"]["value"]
        bridge.do("connected")
        assert eventually(lambda: states(findings(tapewire), "broken") == {"account"})

    assert stopped == "NinjaTrader refuses them: NinjaTrader has lost its connection"


def test_without_daemons_a_bridge_is_found_on_the_backfill_port(home: Path, program: Path, plain: Path, tmp_path: Path) -> None:
    """It connects to the port on which its chart is requested. So both sides reach each other, and only the daemons are missing."""
    conf = bridges.conf()
    keys.make(tmp_path)
    absent = gather.charts(conf, tmp_path)
    bridge = Bridge(program, conf, tmp_path, plain, tmp_path / "nt", "--from", IN_RTH, "--historical", 5)
    bridge.done()
    found = gather.charts(conf, tmp_path)
    bridge.kill()

    assert absent is None
    assert found is not None
    assert [(each.topic, each.records) for each in found.topics] == [("chart.MNQ.1m.", IN_RTH)]
