"""`doctor` and `ready` with the C# bridge at the other end: all is well, and what goes out when it dies or brings too little."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from tapewire.daemons.operator import gather
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
    """The supervised daemons of a run and a bridge that has brought five bars to them."""
    run = runs.prepare(folder / "run")
    configuration.write(conf, run)
    with runs.supervised(conf, run, lambda text: None):
        bridge = Bridge(program, conf, data, folder / "nt", "--from", IN_RTH, "--broker", folder / "broker", *options)
        try:
            bridge.done()
            for _ in range(5):
                bridge.do("bar")
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


def test_all_is_well_until_it_is_killed(tapewire: Run, program: Path, plain: Path, tmp_path: Path) -> None:
    """Every line ok and every light on. With the kill switch latched the account's light goes out, and the doctor names it; with
    NinjaTrader's process killed, platform and data go out, and the bridge is to blame."""
    with trading(bridges.conf(), program, plain, tmp_path) as bridge:
        assert eventually(lambda: dark(tapewire) == set())
        well = tapewire("doctor")
        tapewire("kill")
        latched, held = dark(tapewire), findings(tapewire)
        tapewire("arm")
        bridge.kill()
        out, ill = dark(tapewire), findings(tapewire)

    assert well.returncode == 0, well.stdout
    assert [line for line in well.stdout.splitlines() if line.startswith(("broken", "unknown"))] == []
    assert "NinjaTrader, heartbeat" in well.stdout
    assert latched == {"account"}
    assert states(held, "broken") == {"kill switch"}
    assert out == {"platform", "data"}
    assert states(ill, "broken") == {"bridge"}
    assert "enable TapewireBridge" in ill["bridge"]["remedy"]


def test_a_chart_without_order_flow_is_named(tapewire: Run, program: Path, plain: Path, tmp_path: Path) -> None:
    """The series is not volumetric: everything else is ok."""
    with trading(bridges.conf(), program, plain, tmp_path, "--volumetric", 0):
        assert eventually(lambda: dark(tapewire) == set())
        found = findings(tapewire)

    assert states(found, "broken") == {"order flow MNQ"}
    assert states(found, "unknown") == set()
    assert "not volumetric" in found["order flow MNQ"]["value"]


def test_what_stops_entries_at_ninjatrader_is_seen_from_here(tapewire: Run, program: Path, plain: Path, tmp_path: Path) -> None:
    """Another account than ours, and NinjaTrader has lost its connection; with it back, the account alone is left."""
    conf = bridges.conf()
    conf = msgspec.structs.replace(conf, trading=msgspec.structs.replace(conf.trading, account="Sim101"))
    with trading(conf, program, plain, tmp_path) as bridge:
        bridge.do("lost")
        assert eventually(lambda: states(findings(tapewire), "broken") == {"account", "entries"})
        stopped = findings(tapewire)["entries"]["value"]
        bridge.do("connected")
        assert eventually(lambda: states(findings(tapewire), "broken") == {"account"})

    assert stopped == "NinjaTrader takes none: NinjaTrader has lost its connection"


def test_without_daemons_a_bridge_is_found_by_the_port_it_looks_at(home: Path, program: Path, plain: Path, tmp_path: Path) -> None:
    """It connects to whoever asks for its chart: so both sides reach each other, and what is missing are the daemons."""
    conf = bridges.conf()
    nobody = gather.charts(conf)
    bridge = Bridge(program, conf, plain, tmp_path / "nt", "--from", IN_RTH, "--historical", 5)
    bridge.done()
    found = gather.charts(conf)
    bridge.kill()

    assert nobody is None
    assert found is not None
    assert [(each.topic, each.records) for each in found.topics] == [("chart.MNQ.1m.", IN_RTH)]
