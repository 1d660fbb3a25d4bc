"""The bridge and its key file: what a trader sees without it or with a wrong one, and that writing the right one is enough."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tapewire.bus import keys
from tapewire.bus.roles import VENUE, Role
from tapewire.daemons.settings.structs import Conf
from tests import bridges
from tests.bridges import Bridge, Gate
from tests.links import START, Link
from tests.links import link as link
from tests.links import plain as plain
from tests.mono import needs_mono
from tests.mono import program as program

pytestmark = [pytest.mark.slow, needs_mono]


class Chart:
    """A chart with the strategy in NinjaTrader's process, beside broker, logger and the test's gate; the test writes its key."""

    def __init__(self, conf: Conf, folder: Path, bridge: Bridge, gate: Gate) -> None:
        self.conf = conf
        self.run = folder / "run"
        self.folder = folder / "nt"
        self.bridge = bridge
        self.gate = gate

    @property
    def silence(self) -> str:
        """What the corner shows if nobody answers."""
        where = f"{self.conf.bus.host}:{self.conf.bus.base_port}"
        return f"no answer from {where}: is tapewire up, and is tapewire.key of this installation? (tapewire doctor tells which)"

    @property
    def no_key(self) -> str:
        """What the corner shows without the file."""
        return f'no key: run `tapewire keys bridge --to "{self.folder}"` on the tapewire side'

    def corner(self, chart: str = "") -> list[str]:
        """The lines of the text in the chart's corner."""
        return self.bridge.do(f"{chart}corner", self.gate.pump)

    def until_shown(self, *last: str, chart: str = "") -> None:
        """Wait until these are the lines below the five lights."""
        self.gate.until(lambda: self.corner(chart)[1:] == list(last), f"{last} in the corner")

    def until_connected(self) -> None:
        """Write the right key, then wait for the bridge's hello, and until the corner shows no complaint."""
        bridges.hand_key(self.conf, self.run, self.folder)
        self.gate.until(self.gate.hellos, "hello")
        self.gate.until(lambda: self.corner()[0].startswith("BUS GATE "), "the lights")
        self.until_shown()

    def log(self) -> list[str]:
        """NinjaTrader's log."""
        return self.bridge.do("printed", self.gate.pump)


@contextmanager
def chart(
    program: Path, data: Path, folder: Path, write: Callable[[Conf, Path], None] = lambda conf, folder: None, *options: object
) -> Iterator[Chart]:
    """write: writes a key file for this configuration into the test's folder."""
    conf = bridges.conf()
    with bridges.bus(conf, folder / "run"):
        (folder / "nt").mkdir()
        write(conf, folder)
        gate = Gate(conf, folder / "run")
        bridge = Bridge(program, conf, None, data, folder / "nt", "--from", START, *options)
        try:
            bridge.done(gate.pump)
            yield Chart(conf, folder, bridge, gate)
        finally:
            bridge.close()
            gate.close()


def of_another_run(conf: Conf, folder: Path) -> None:
    """The key file of another installation: its daemons are not these."""
    other = folder / "other"
    other.mkdir()
    bridges.hand_key(conf, other, folder / "nt")


def unknown(conf: Conf, folder: Path) -> None:
    """A key that was revoked: these daemons, and none of their keys."""
    run = folder / "run"
    bridges.hand_key(conf, run, folder / "nt")
    keys.revoke(run, VENUE)


def test_a_key_that_is_written_later_is_enough(home: Path, program: Path, plain: Path, tmp_path: Path) -> None:
    """Without a key the bridge connects to nothing; corner and log name the command. With the file it connects; nothing has to be
    loaded again."""
    with chart(program, plain, tmp_path) as shown:
        shown.until_shown(shown.no_key)
        lights = shown.corner()[0]
        turned_away = shown.gate.guard.state()["turned_away"]

        shown.until_connected()
        log = shown.log()

    assert lights.startswith("bus gate ACCOUNT ")
    assert turned_away == 0
    assert log == [f"Error: tapewire: {shown.no_key}"]


def test_the_corner_counts_what_waits(home: Path, program: Path, plain: Path, tmp_path: Path) -> None:
    """A bar that closes without a connection is queued; it goes out once there is one, and so does the hello."""
    with chart(program, plain, tmp_path) as shown:
        shown.bridge.do("bar", shown.gate.pump)
        shown.gate.until(lambda: shown.corner()[0].endswith("bars 0 orders 0 fills 0 refused 0 " + counted(0, 1)), "a queued bar")

        shown.until_connected()
        shown.gate.until(lambda: shown.corner()[0].endswith("bars 1 orders 0 fills 0 refused 0 " + counted(2, 0)), "none queued")


def counted(sent: int, queued: int) -> str:
    return f"sent {sent} failed 0 queued {queued} dropped 0"


@pytest.mark.parametrize("write", [of_another_run, unknown])
def test_a_wrong_key_is_shown_and_replaced(
    home: Path, program: Path, plain: Path, tmp_path: Path, write: Callable[[Conf, Path], None]
) -> None:
    """The key of another installation, or a revoked one: after seconds of silence the corner asks for the right one, and the bridge
    connects with it."""
    with chart(program, plain, tmp_path, write) as shown:
        shown.until_shown(shown.silence)
        lights = shown.corner()[0]

        shown.until_connected()
        log = shown.log()

    assert lights.startswith("bus gate ACCOUNT ")
    assert log == [f"Error: tapewire: {shown.silence}"]


def test_another_role_is_not_the_bridges(home: Path, program: Path, plain: Path, tmp_path: Path) -> None:
    """The file of a reader's key under the bridge's name: nobody is asked, and the corner names the command."""

    def of_a_reader(conf: Conf, folder: Path) -> None:
        run = folder / "run"
        key = keys.new(run, "anna", Role.READER)
        keys.export(run, key, folder / "nt" / keys.BRIDGE_FILE, host=conf.bus.host, base_port=conf.bus.base_port)

    with chart(program, plain, tmp_path, of_a_reader) as shown:
        command = f'`tapewire keys bridge --to "{shown.folder}"`'
        shown.until_shown(f"tapewire.key: its role is not bridge; write it again: run {command} on the tapewire side")

        shown.until_connected()


def test_an_indicator_without_a_key_says_so(home: Path, program: Path, plain: Path, tmp_path: Path) -> None:
    """A chart that only feeds data shows nothing else in its corner, and nothing once it is connected."""
    with chart(program, plain, tmp_path) as shown:
        for line in ("unload", "chart YM YM YM 0", "on YM indicator"):
            shown.bridge.do(line, shown.gate.pump)
        shown.gate.until(lambda: shown.corner("on YM ")[1:] == [shown.no_key], "the complaint")

        bridges.hand_key(shown.conf, shown.run, shown.folder)
        shown.gate.until(lambda: shown.corner("on YM ")[1:] == [], "no complaint")
        log = shown.bridge.do("on YM printed", shown.gate.pump)

    assert log == [f"Error: tapewire: {shown.no_key}"]


def test_a_revoked_key_is_out_until_another_is_written(link: Link) -> None:
    """In the middle of trading: the bridge is cut off, and its lights go out. With a new key it returns, with its position."""
    shown = Chart(link.conf, link.run.parent, link.bridge, link.gate)
    link.hold()
    hellos = len(link.gate.hellos())

    keys.revoke(link.run, VENUE)
    shown.until_shown(shown.silence)
    dark = link.dark()
    bridges.hand_key(link.conf, link.run, shown.folder)
    link.gate.until(lambda: len(link.gate.hellos()) > hellos, "hello")
    shown.until_shown()
    link.bar()
    held = link.stamped().position

    assert dark
    assert link.gate.hellos()[-1].positions[0].position.entry_id == "E1"
    assert held is not None
    assert held.entry_id == "E1"


def test_a_key_that_the_daemons_take_again_needs_nothing_here(home: Path, program: Path, plain: Path, tmp_path: Path) -> None:
    """The operator puts a key back that he had removed: the socket library tries again by itself."""
    held = tmp_path / "run" / keys.FOLDER / f"{VENUE}{keys.SUFFIX}"
    away = tmp_path / "away"

    def removed(conf: Conf, folder: Path) -> None:
        bridges.hand_key(conf, folder / "run", folder / "nt")
        held.rename(away)

    with chart(program, plain, tmp_path, removed) as shown:
        shown.until_shown(shown.silence)

        away.rename(held)
        shown.gate.until(shown.gate.hellos, "hello")
        shown.until_shown()


def test_a_host_that_cannot_be_resolved_is_tried_again(home: Path, program: Path, plain: Path, tmp_path: Path) -> None:
    """NetMQ throws at Connect, as when NinjaTrader starts before the network. The corner and the log name the host, and the bridge
    connects by itself once the name is known; entries have not stopped."""

    def right(conf: Conf, folder: Path) -> None:
        bridges.hand_key(conf, folder / "run", folder / "nt")

    with chart(program, plain, tmp_path, right, "--host", "localhost", "--nameless", 1) as shown:
        shown.gate.until(lambda: len(shown.corner()) > 1, "a complaint in the corner")
        lights, complaint = shown.corner()

        shown.bridge.do("names", shown.gate.pump)
        shown.gate.until(shown.gate.hellos, "hello")
        shown.until_shown()
        log = shown.log()

    assert lights.startswith("bus gate ACCOUNT ")
    assert "entries stopped" not in lights
    assert complaint.startswith(f"cannot connect to localhost:{shown.conf.bus.base_port}: ")
    assert log == [f"Error: tapewire: {complaint}"]
