"""Two accounts side by side, as two runs with ports, folders and keys of their own, and the test as NinjaTrader beneath both."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq

from tapewire.bus import access, keys, sockets, wire
from tapewire.bus.client import request_control
from tapewire.bus.messages import Execution, Header, Hello
from tapewire.daemons.operator import instances, supervise
from tapewire.daemons.operator.commands import NOT_READY
from tapewire.daemons.settings.structs import PORTS
from tests.integration.conftest import home_in, run
from tests.integration.test_kill_flatten import Market
from tests.integration.test_processes import eventually

pytestmark = pytest.mark.slow

ACCOUNTS = {"anna": "SimA", "bob": "SimB"}
HELD = {"anna": Execution("X-A", "", "SimA", "MNQ", 2, 24_987.75, "FOREIGN", 0, 0)}
HELD["bob"] = Execution("X-B", "", "SimB", "MNQ", -1, 25_001.25, "FOREIGN", 0, 0)


class Side:
    """One account: its run, and the venue's end of its link."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], name: str) -> None:
        self.started = subprocess.CompletedProcess([], 0, "", "")
        self.instance = instances.choose(name)
        self.run = Path(self.instance.run)
        self.market = Market(context, self.run, ())
        self.market.send("venue.nt.", Hello("NinjaTrader", "1", (ACCOUNTS[name],)))
        self.market.send("venue.MNQ.", HELD[name])
        self.market.serve()

    def state(self) -> dict[str, Any]:
        """What the gate reports."""
        with zmq.Context() as context:
            line = access.local(self.run, "reader").to("control.gate")
            state: dict[str, Any] = request_control(context, line, "state")
            return state

    @property
    def qty(self) -> int:
        return int(self.state()["books"]["positions"]["MNQ"]["qty"])


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Side]]:
    """Both accounts are up and hold a position each."""
    folder = tmp_path_factory.mktemp("accounts")
    with home_in(folder), zmq.Context() as context:
        for number, (name, account) in enumerate(ACCOUNTS.items()):
            file = folder / f"{name}.toml"
            file.write_text(f'[bus]\nbase_port = {5550 + 100 * number}\n[trading]\nenabled = true\naccount = "{account}"\n')
            done = run("up", "--account", file, "--var", folder / "var", "--wait", "--timeout", 0)
            if "in use" in done.stderr:
                pytest.skip("the live ports are in use on this machine; this test starts the live configuration")
            assert done.returncode == NOT_READY, done.stderr
        made = {name: Side(context, name) for name in ACCOUNTS}
        made["bob"].started = done
        yield made
        for name, side in made.items():
            side.market.link.close(linger=0)
            assert run("down", "--run", folder / "var" / name).returncode == 0


def test_each_account_has_its_own_books(sides: dict[str, Side]) -> None:
    """What the venue reports of one is in no file of the other."""
    assert (sides["anna"].qty, sides["bob"].qty) == (2, -1)
    for name, other in (("anna", b"SimB"), ("bob", b"SimA")):
        written = [path for path in sides[name].run.rglob("*") if path.is_file()]
        assert not [path for path in written if other in path.read_bytes()]


def test_up_with_wait_tells_its_progress_and_what_is_missing(sides: dict[str, Side]) -> None:
    """Each daemon that is up, then what an entry needs beyond them. They stay up, and the exit status is of its own."""
    said = sides["bob"].started.stderr

    assert "up: none yet; waiting for broker, " in said
    assert "up: all daemons; waiting for NinjaTrader" in said
    assert "not ready after 0 s: platform: no heartbeat received" in said
    assert "not ready after 0 s: data: no bar of MNQ yet" in said


def test_status_says_that_a_run_starts(sides: dict[str, Side]) -> None:
    """Until all daemons have been ready."""
    bob = sides["bob"].instance
    instances.register(msgspec.structs.replace(bob, ready=False))
    starting = run("status", "--instance", "bob").stdout
    instances.register(bob)

    assert starting.startswith("bob (live, starting), ")
    assert run("status", "--instance", "bob").stdout.startswith("bob (live), ")


def test_status_shows_every_run(sides: dict[str, Side], tmp_path: Path) -> None:
    """Six daemons each; --run and --instance choose one, by folder or by name."""
    rows = json.loads(run("status", "--json").stdout)
    chosen = json.loads(run("status", "--json", "--run", sides["bob"].run).stdout)

    assert sorted({row["instance"] for row in rows if "instance" in row}) == ["anna", "bob"]
    assert len([row for row in rows if "instance" in row]) == 2 * len(supervise.DAEMONS)
    assert {row["instance"] for row in chosen if "instance" in row} == {"bob"}


def test_what_acts_on_one_account_asks_for_its_name(sides: dict[str, Side]) -> None:
    """None of them guesses."""
    for command in ("down", "arm", "ready"):
        done = run(command)

        assert done.returncode == 78
        assert "anna, bob" in done.stderr


def test_an_account_has_one_run(sides: dict[str, Side], tmp_path: Path) -> None:
    """A second one would count its trades and its losses apart."""
    (tmp_path / "carl.toml").write_text('[bus]\nbase_port = 5850\n[trading]\nenabled = true\naccount = "SimA"\n')

    done = run("up", "--account", tmp_path / "carl.toml", "--var", tmp_path)

    assert done.returncode == 78
    assert "the run anna trades account SimA already" in done.stderr


def test_a_bridge_with_the_others_key_is_turned_away(sides: dict[str, Side], tmp_path: Path) -> None:
    """The strategy of one account, set to the ports of the other, reaches nothing."""
    anna, bob = sides["anna"], sides["bob"]
    port = bob.instance.base_port
    keys.export(anna.run, keys.find(anna.run, "nt"), tmp_path / "tapewire.key", host=bob.instance.host, base_port=port)
    before = bob.state()["turned_away"]
    with zmq.Context() as context:
        link = sockets.requester(context, access.remote(tmp_path / "tapewire.key", PORTS.__getitem__).to("venue"), "nt")
        sockets.send(link, (b"", b"venue.MNQ.", wire.encode(Header(1, "nt", 1, 9, 0), HELD["anna"])))
        assert eventually(lambda: bob.state()["turned_away"] > before)
        link.close(linger=0)

    assert bob.qty == -1


def test_kill_means_every_account(sides: dict[str, Side]) -> None:
    """In an emergency it asks for no name; `arm` does."""
    killed = run("kill")
    states = [side.state()["killed"] for side in sides.values()]
    for name in ACCOUNTS:
        assert run("arm", "--instance", name).returncode == 0

    assert killed.returncode == 0, killed.stderr
    assert states == [True, True]
    assert killed.stdout.count("latched on disk and in the gate") == 2
