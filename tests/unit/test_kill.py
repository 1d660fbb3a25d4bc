"""What `kill` says of what it saw, with its exit status; and which run it means."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tapewire.bus.errors import ConfError
from tapewire.daemons.operator import instances, kill
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.operator.kill import Closed, Seen

LIVE = Instance("live", "live", "/run", "127.0.0.1", 5550, 0, "")
GOOD = {"run": "/run", "on_disk": True, "acknowledged": True, "killed": True, "venue_up": True}
NO_REPLY = ["the gate does not reply (no reply within 5 s)"]


def said(seen: Seen, *, flatten: bool) -> tuple[str, bool]:
    """All lines, and whether every one is well."""
    lines = list(kill.lines(LIVE, seen, flatten=flatten))
    return "\n".join(line for line, _ in lines), all(well for _, well in lines)


@pytest.mark.parametrize(
    "changes, flatten, status, text",
    [
        pytest.param({}, False, 0, "the venue is told by the lease", id="all well"),
        pytest.param({"venue_up": False}, False, 0, "the venue is not connected", id="no venue"),
        pytest.param({"closed": [Closed("MNQ", 2, 0, 24987.75)]}, True, 0, "closed: MNQ +2 at 24987.75", id="closed"),
        pytest.param({}, True, 0, "there was no position to close", id="flat before"),
        pytest.param({"closed": [Closed("MNQ", 2, 2)]}, True, 1, "STILL OPEN: MNQ +2 of +2", id="open"),
        pytest.param({"closed": [Closed("MNQ", -3, -1, 24987.75)]}, True, 1, "STILL OPEN: MNQ -1 of -3 at 24987.75", id="part"),
        pytest.param({"working": ["E1"]}, True, 1, "STILL WORKS: E1", id="an entry works"),
        pytest.param({"on_disk": False, "faults": ["disk full"]}, False, 74, "NOT ON DISK: disk full", id="no disk"),
        pytest.param(
            {"acknowledged": False, "killed": False, "faults": NO_REPLY}, False, 75, "latched on disk, but the gate", id="no gate"
        ),
        pytest.param(
            {"acknowledged": False, "killed": False, "faults": NO_REPLY}, True, 75, "NOTHING WAS FLATTENED", id="no gate, flatten"
        ),
        pytest.param({"killed": False, "faults": ["released?"]}, False, 75, "released?", id="armed meanwhile"),
        pytest.param(
            {"on_disk": False, "acknowledged": False, "killed": False, "faults": ["disk full", *NO_REPLY]},
            False,
            69,
            "stop the daemons with `tapewire down`",
            id="neither",
        ),
    ],
)
def test_each_outcome_has_its_status_and_its_sentence(changes: dict[str, object], flatten: bool, status: int, text: str) -> None:
    """A line that is not well goes to stderr, and status 0 has none."""
    seen = Seen(**{**GOOD, **changes})

    lines, well = said(seen, flatten=flatten)

    assert kill.status_of(seen, flatten=flatten) == status
    assert text in lines
    assert well == (status == 0)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def registered(name: str, kind: str, pid: int) -> Instance:
    instance = Instance(name, kind, f"/nowhere/{name}", "127.0.0.1", 5550, pid, "")
    instances.register(instance)
    return instance


def test_the_live_run_is_meant_beside_replays_and_after_its_supervisors_death(home: Path) -> None:
    """A command on money is refused by nothing else that is up."""
    registered("replay-6550", "replay", os.getpid())
    registered("replay-6650", "replay", os.getpid())
    live = registered("live", "live", 2**22 + 1)

    assert instances.for_money(None, home) == live
    assert [each.name for each in instances.running()] == ["replay-6550", "replay-6650"]
    assert instances.for_money(None, home) == live


def test_without_a_live_run_the_only_replay_is_meant_and_of_several_none(home: Path) -> None:
    """One tries the commands on a replay; of two the person chooses."""
    first = registered("replay-6550", "replay", os.getpid())
    alone = instances.for_money(None, home)
    registered("replay-6650", "replay", os.getpid())

    assert alone == first
    assert instances.for_money("replay-6550", home) == first
    with pytest.raises(ConfError, match="several replays are up"):
        instances.for_money(None, home)


def test_a_run_that_is_not_registered_is_found_where_up_puts_it(home: Path) -> None:
    """The registry may be lost; the latch is a file in the run's folder."""
    with pytest.raises(ConfError, match="no live run is known"):
        instances.for_money(None, home / "var")
    (home / "var").mkdir()
    (home / "var" / "run.json").write_text("{}")

    assert instances.for_money(None, home / "var").run == str(home / "var")


def test_the_file_of_a_replay_goes_with_it(home: Path) -> None:
    """That of a live run stays."""
    registered("replay-6550", "replay", 2**22 + 1)
    registered("live", "live", 2**22 + 1)

    assert [each.name for each in instances.known()] == ["live"]
    assert instances.running() == []


def test_a_harmed_file_of_the_registry_stops_no_command(home: Path) -> None:
    """A power cut may leave half of it; the other runs are found."""
    live = registered("live", "live", os.getpid())
    (instances.folder() / "replay-6550.json").write_text('{"name": "repl')

    assert instances.for_money(None, home) == live


def test_a_user_without_a_name_can_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container the system may not know him."""
    monkeypatch.setattr("getpass.getuser", lambda: {}["USER"])

    assert kill.user() == str(os.getuid())
