"""`doctor` and `ready` with the C# bridge at the other end: all is well, and what goes out when it dies or brings too little."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from daemons import conf as configuration
from daemons.settings import Conf
from replay import runs
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


def findings(tapewire: Run) -> dict[str, dict[str, object]]:
    return {check["name"]: check for check in json.loads(tapewire("doctor", "--json").stdout)}


def lit(tapewire: Run) -> dict[str, bool]:
    return {light["name"]: light["on"] for light in json.loads(tapewire("ready", "--json").stdout)}


def test_all_is_well_until_the_bridge_dies(tapewire: Run, program: Path, plain: Path, tmp_path: Path) -> None:
    """Every line ok and every light on; with NinjaTrader's process killed, the bridge is named and platform and data go out."""
    with trading(bridges.conf(), program, plain, tmp_path) as bridge:
        assert eventually(lambda: all(lit(tapewire).values()))
        well = findings(tapewire)
        bridge.kill()
        dark = eventually(lambda: {name for name, on in lit(tapewire).items() if not on} == {"platform", "data"})
        ill = tapewire("doctor")

    assert [check for check in well.values() if not check["ok"]] == []
    assert {"bridge", "bridge clock", "bridge account", "bars of MNQ", "order flow of MNQ"} <= set(well)
    assert dark
    assert ill.returncode == 1
    assert "start the strategy TapewireBridge" in ill.stdout


def test_a_chart_without_order_flow_is_named(tapewire: Run, program: Path, plain: Path, tmp_path: Path) -> None:
    """The series is not volumetric: everything else is ok."""
    with trading(bridges.conf(), program, plain, tmp_path, "--volumetric", 0):
        assert eventually(lambda: "order flow of MNQ" in findings(tapewire))
        found = findings(tapewire)

    assert {name for name, check in found.items() if not check["ok"]} == {"order flow of MNQ"}
    assert "not volumetric" in str(found["order flow of MNQ"]["text"])


def test_another_account_is_named(tapewire: Run, program: Path, plain: Path, tmp_path: Path) -> None:
    """The daemons trade an account that the strategy on the chart does not."""
    conf = bridges.conf()
    conf = msgspec.structs.replace(conf, trading=msgspec.structs.replace(conf.trading, account="Sim101"))
    with trading(conf, program, plain, tmp_path):
        assert eventually(lambda: "bridge account" in findings(tapewire))
        found = findings(tapewire)

    assert found["bridge account"]["ok"] is False
    assert "conf/live.toml names Sim101" in str(found["bridge account"]["text"])
