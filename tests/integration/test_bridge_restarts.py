"""The restart matrix (ninjascript/README.md): the killed processes, times the broker's positions and orders at that moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tapewire.bus.messages import Bar, Fill, OrderEvent, OrderStatus, PositionChanged
from tapewire.daemons.operator import supervise
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.settings.structs import Conf
from tapewire.replay import tapes
from tapewire.replay.chaos import used_twice
from tests import bridges
from tests.integration.test_parity import journal
from tests.mono import needs_mono
from tests.mono import program as program
from tests.stages import DIE, GO, RELOAD, Moment, Stage, kill

pytestmark = [pytest.mark.slow, needs_mono]


Blow = Callable[[Conf, Instance], str]


def reload_bridge(conf: Conf, instance: Instance) -> str:
    return RELOAD


def kill_ninjatrader(conf: Conf, instance: Instance) -> str:
    return DIE


def kill_daemons(conf: Conf, instance: Instance) -> str:
    for name in supervise.DAEMONS:
        kill(instance, name)
    return GO


def kill_broker(conf: Conf, instance: Instance) -> str:
    kill(instance, "broker")
    return GO


def kill_everything(conf: Conf, instance: Instance) -> str:
    """Kill once the journal is complete: its writers die as well and cannot resend, so a missing bar would be decided again."""
    bridges.wait_until_read(Path(instance.run))
    kill_daemons(conf, instance)
    return DIE


BLOWS: dict[str, Blow] = {
    "bridge reloaded": reload_bridge,
    "NinjaTrader killed": kill_ninjatrader,
    "all daemons killed": kill_daemons,
    "broker killed": kill_broker,
    "NinjaTrader and all daemons killed": kill_everything,
}
UNHURRIED = ("--lapse", 60_000)  # a restart on a busy machine may take longer than a lease
LASTING = ("all daemons killed", "broker killed")  # the bridge survives them


class Strikes:
    """Strikes when the state occurs for the first time; flat counts after a first position. `moments` keeps the reports."""

    def __init__(self, state: str, blow: Blow, conf: Conf) -> None:
        self.state = state
        self.blow = blow
        self.conf = conf
        self.moments: list[Moment] = []
        self.at: int | None = None

    def __call__(self, instance: Instance, moment: Moment) -> str:
        self.moments.append(moment)
        traded = self.state != "flat" or any(before.state == "open" for before in self.moments)
        if self.at is not None or moment.state != self.state or not traded:
            return GO
        self.at = len(self.moments) - 1
        return self.blow(self.conf, instance)

    @property
    def struck(self) -> Moment:
        """The moment of the strike."""
        assert self.at is not None, f"nothing was {self.state}: {self.moments}"
        return self.moments[self.at]

    @property
    def next(self) -> Moment:
        """The next report: after a restart of the bridge, its first finding."""
        assert self.at is not None
        return self.moments[self.at + 1]


@pytest.fixture(scope="module")
def morning(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """From half an hour before the first open until the twelfth trade is over."""
    folder = bridges.unpacked(bars, tmp_path_factory.mktemp("morning"))
    for path in folder.iterdir():
        lines = path.read_text().splitlines(keepends=True)
        kept = (line for line in lines if not line[0].isdigit() or "2026-03-02T09:00" < line < "2026-03-02T10:19")
        path.write_text("".join(kept))
    return folder


@pytest.mark.parametrize("state", ["flat", "working", "open"])
@pytest.mark.parametrize("who", BLOWS)
def test_a_strike_costs_at_most_the_entry_that_was_working(
    home: Path, program: Path, morning: Path, tmp_path: Path, who: str, state: str
) -> None:
    """No bar is lost or duplicated, no order is placed twice, the books end flat. A position is adopted with its bracket; every
    later bar names it. An entry that was working is cancelled if the bridge died, as nothing would protect it; every other trade is
    made, and where the bridge survived, and the gate was back before the lease lapsed, not a byte differs."""
    stage = Stage(program, morning, tmp_path, bridges.conf(["pipeline"]))
    strikes = Strikes(state, BLOWS[who], stage.conf)

    run = stage.play("--historical", 30, "--cross-first", 1, "--broker", tmp_path / "broker", *UNHURRIED, moment=strikes)
    measure = stage.measure()
    bars = list(tapes.facts(run, "raw.", Bar))
    held = [bar.position for bar in bars if bar.position is not None and bar.position.qty]
    books = [changed.qty for changed in tapes.facts(run, "position.", PositionChanged)]
    cancelled = {e.order_id for e in tapes.facts(run, "order.", OrderEvent) if e.status is OrderStatus.CANCELLED}
    died = who not in LASTING

    assert [bar.close_ns for bar in bars] == [bar.close_ns for bar in stage.recording.bars]
    assert [bar.index for bar in bars] == list(range(len(bars)))
    assert used_twice(run) == []
    assert sum(fill.qty for fill in tapes.facts(run, "fill.", Fill)) == books[-1] == 0
    assert all(each.entry_id and each.stop is not None and each.target is not None for each in held)
    assert cancelled == ({strikes.struck.words[0]} if died and state == "working" else set())
    assert trades(run) == {key: trade for key, trade in trades(measure).items() if key not in cancelled}
    if died and state == "open":
        assert strikes.next.words == strikes.struck.words
        assert strikes.next.state == "open"
    if not died:
        assert journal(run) == journal(measure)


@pytest.mark.parametrize("state", ["flat", "working", "open"])
def test_every_daemon_in_turn_may_die_while_the_bridge_trades(
    home: Path, program: Path, morning: Path, tmp_path: Path, state: str
) -> None:
    """One daemon at each start of this state: not a byte of the journal differs."""
    stage = Stage(program, morning, tmp_path, bridges.conf(["pipeline"]))
    victims = list(supervise.DAEMONS)

    def strike(instance: Instance, moment: Moment) -> str:
        if moment.state == state and victims and kill(instance, victims[0]):
            victims.pop(0)
        return GO

    run = stage.play("--historical", 30, "--cross-first", 1, *UNHURRIED, moment=strike)

    assert victims == []
    assert journal(run) == journal(stage.measure())


def trades(run: Path) -> dict[str, object]:
    """Each trade by its id."""
    lines = (run / "trades.jsonl").read_bytes().splitlines()
    return {trade["id"]: trade for trade in map(msgspec.json.decode, lines)}
