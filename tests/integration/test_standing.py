"""The live daemons while they are up, as the commands show them. They are started once for all tests of this file."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import zmq

from tapewire.bus import access
from tapewire.bus.client import History
from tapewire.bus.errors import ConfError, Transient
from tapewire.daemons.operator import instances, supervise
from tapewire.daemons.settings.structs import Bus
from tapewire.replay import tapes
from tests.integration.conftest import home_in, live, run
from tests.integration.test_processes import eventually, status

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[instances.Instance]:
    """The live daemons. A test that stops one of them resumes it before it ends."""
    folder = tmp_path_factory.mktemp("standing")
    with home_in(folder), live(folder) as instance:
        yield instance


def test_status_lists_every_daemon(standing: instances.Instance) -> None:
    """Each has a pid, an uptime, a fresh heartbeat and a state; the exit status is 0."""
    rows = status(run)

    assert set(rows) == set(supervise.DAEMONS)
    assert all(row["state"] == "RUNNING" and row["note"] == "ready" for row in rows.values())
    assert len({row["pid"] for row in rows.values()}) == len(rows)
    assert all(row["beat_age_s"] < 5 for row in rows.values())
    assert run("status").returncode == 0


def test_a_second_up_is_refused(standing: instances.Instance, tmp_path: Path) -> None:
    """Two sets of live daemons would both trade the account."""
    again = run("up", "--var", tmp_path / "other")

    assert again.returncode == ConfError.status
    assert "tapewire down" in again.stderr


def test_trading_is_off_until_an_account_is_named(standing: instances.Instance) -> None:
    """The configuration of a fresh installation has no account and trading disabled."""
    conf = json.loads((Path(standing.run) / "run.json").read_text())

    assert conf["trading"]["enabled"] is False
    assert conf["trading"]["account"] == ""


def test_the_doctor_names_a_stopped_daemon(standing: instances.Instance) -> None:
    """At first only the bridge is broken; with the evaluator frozen, its check fails as well."""
    before = run("doctor", "--json")
    pid = status(run)["evaluator"]["pid"]

    os.kill(pid, signal.SIGSTOP)
    try:
        frozen = run("doctor", "--json")
    finally:
        os.kill(pid, signal.SIGCONT)

    assert {check["name"] for check in json.loads(before.stdout) if check["state"] == "broken"} == {"bridge"}
    assert frozen.returncode == 1
    assert "evaluator control" in {check["name"] for check in json.loads(frozen.stdout) if check["state"] == "broken"}


def test_readers_of_the_history_are_bounded_and_counted(standing: instances.Instance) -> None:
    """One more is refused with the reason and counted; once one has gone, there is room at once."""
    line = access.local(Path(standing.run), "reader").to("history")
    with zmq.Context() as context, ExitStack() as opened:
        readers = [opened.enter_context(History(context, line, deadline_s=20)) for _ in range(Bus().history_readers + 1)]
        answered = [read(reader) for reader in readers]
        with pytest.raises(Transient, match="BUSY: 32 readers of the history at a time"):
            readers[answered.index(False)].topics()
        counted = run("status").stdout
    with zmq.Context() as context, History(context, line, deadline_s=20) as after:
        assert eventually(lambda: read(after))

    assert answered[0]
    assert re.search(r"history: \d+ readers within the last minute, \d+ requests refused", counted)


def read(history: History) -> bool:
    """Whether the logger lets this reader read."""
    try:
        return bool(history.topics())
    except Transient:
        return False


def published(standing: instances.Instance, prefix: str) -> list[dict[str, Any]]:
    """The journal of these topics, as the tap prints it."""
    topic = f"{prefix}."
    count = sum(1 for name in tapes.topics(Path(standing.run), topic) for _ in tapes.frames(Path(standing.run), name))
    done = run("tap", topic, "--since", "all", "--json", "--count", count) if count else None
    return [json.loads(line) for line in done.stdout.splitlines()] if done is not None else []


def test_a_start_is_told_as_events(standing: instances.Instance) -> None:
    """Of the run, and of each daemon with its first heartbeat; without a bridge the feed of its instrument is silent."""

    def started() -> set[str]:
        return {each["subject"] for each in published(standing, "ops.event") if each["event"] == "started"}

    assert eventually(lambda: started() >= {"run", *supervise.DAEMONS})
    assert eventually(lambda: [each["status"] for each in published(standing, "feed.status.MNQ")] == ["silent"])


def test_a_restart_is_told_as_two_events(standing: instances.Instance) -> None:
    """The daemon stops in order and says so; neither the daybook's own restart nor another's tells anything twice."""
    before = len(published(standing, "ops.event"))
    for name in ("daybook", "publisher"):
        assert run("restart", name).returncode == 0

    def told() -> list[tuple[str, str]]:
        return [(each["event"], each["subject"]) for each in published(standing, "ops.event")[before:]]

    assert eventually(lambda: told()[-1:] == [("started", "publisher")])
    assert told() == [("started", "daybook"), ("stopped", "publisher"), ("started", "publisher")]
