"""SIGKILL changes nothing: a replay in which every daemon dies in turn leaves the journal of an undisturbed run."""

from __future__ import annotations

import datetime as dt
import os
import signal
from itertools import cycle
from pathlib import Path

import msgspec
import pytest

from tapewire.bus.messages import Bar
from tapewire.daemons.operator import supervise
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.shell import logs
from tapewire.replay import chaos, runs
from tapewire.replay.player import Player
from tests.integration.test_parity import journal

pytestmark = pytest.mark.slow

EVERY = 97  # bars between two kills; prime to the pipeline's four, so they hit flat, working and open positions in turn


def test_killing_every_daemon_in_turn_changes_no_byte(home: Path, bars: Path, tmp_path: Path) -> None:
    """Broker, logger, publisher, gate, tracker and evaluator are killed again and again; nothing is lost, doubled or different."""
    preset = configuration.preset("seed", ["pipeline"], ["auction_row_ticks=4"])
    conf = configuration.load("replay", instance="kills", traded=["MNQ"], preset=preset)
    base = supervise.free_base_port(conf.bus.host, conf.bus.base_port)
    recording, calendar = runs.read(bars, "MNQ", lambda share: None)
    conf = msgspec.structs.replace(conf, calendar=calendar, bus=msgspec.structs.replace(conf.bus, base_port=base))
    rth = next(bar.index for bar in recording.bars if _eastern(bar) >= dt.time(9, 31) and _eastern(bar) < dt.time(16))
    recording = msgspec.structs.replace(recording, bars=recording.bars[: rth + 14 * EVERY])
    undisturbed, disturbed = tmp_path / "undisturbed", runs.prepare(tmp_path / "disturbed")
    runs.backtest(conf, recording, undisturbed, lambda share: None)
    configuration.write(conf, disturbed)
    victims, killed = cycle(supervise.DAEMONS), []

    with runs.supervised(conf, disturbed, lambda text: None) as instance:

        def strike(bar: Bar) -> None:
            if bar.index >= rth and (bar.index - rth) % EVERY == 0:
                name = next(victims)
                pid = next(each["pid"] for each in supervise.processes(instance) if each["name"] == name)
                if pid:
                    os.kill(pid, signal.SIGKILL)
                    killed.append(name)

        with Player(conf, disturbed, runs.venue(conf), logs.configure("replay")) as player:
            player.join()
            player.play(recording.bars, played=strike)
            player.finish()

    assert set(killed) == set(supervise.DAEMONS)
    assert "auction.MNQ.tape" in journal(disturbed)
    assert journal(disturbed) == journal(undisturbed)


def test_the_kill_matrix_has_no_hole(home: Path, bars: Path, tmp_path: Path) -> None:
    """Each daemon at each step of its round, flat, in flight and open: every strike hits, and nothing differs or happens twice."""
    conf = configuration.load("replay", instance="matrix", traded=["MNQ"], preset=configuration.preset("seed", ["pipeline"]))
    base = supervise.free_base_port(conf.bus.host, conf.bus.base_port)
    recording, calendar = runs.read(bars, "MNQ", lambda share: None)
    conf = msgspec.structs.replace(conf, calendar=calendar, bus=msgspec.structs.replace(conf.bus, base_port=base))

    outcome = chaos.matrix(conf, recording, tmp_path, lambda share: None, lambda text: None, logs.configure("replay"))

    assert outcome.difference is None, str(outcome.difference)
    assert outcome.twice == ()
    assert [cell for cell in outcome.cells if not cell.struck] == []
    assert len(outcome.cells) == len(chaos.STATES) * sum(len(steps) for steps in chaos.STEPS.values())


def _eastern(bar: Bar) -> dt.time:
    from tapewire.daemons.settings.calendar import NEW_YORK

    return dt.datetime.fromtimestamp(bar.close_ns / 1e9, NEW_YORK).time()
