"""Several entries on one side: one position at the venue, as in the gate's books, with a bracket for each."""

from __future__ import annotations

import datetime as dt
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

import tapewire
from tapewire.bus.messages import (
    Action,
    Bar,
    ClosePosition,
    Execution,
    Fill,
    MoveBracket,
    OrderStatus,
    OrderUpdate,
    PlaceOrder,
    Session,
)
from tapewire.bus.testing import bar, eastern
from tapewire.daemons.settings import overrides
from tapewire.daemons.settings.load import instruments
from tapewire.replay import tapes
from tapewire.replay.sources import synthetic
from tapewire.replay.venue.core import Venue
from tapewire.replay.venue.reports import VenueReport
from tapewire.strategies import registry
from tapewire.strategies.protocol import LONG, DayTypeOf, Proposal

ACCOUNT = "Sim101"
FIRST = dt.date(2026, 3, 2)
LOOSENED = ("conflict=additive", "risk.one_position=none", "risk.one_entry_per_bar=none")


class Morning:
    """Buys at 10:00, one point below the stop of the other one."""

    name: ClassVar[str] = "Morning"
    setups: ClassVar[tuple[str, ...]] = ("MORNING",)
    points: ClassVar[float] = 11.0

    class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        pass

    def __init__(self, params: Params, day_type: DayTypeOf) -> None:
        self.minute = 0

    def start(self, session: str) -> None:
        self.minute = 0

    def update(self, s: Session) -> None:
        self.minute = s.minute

    def propose(self, s: Session) -> Proposal | None:
        if self.minute != 600:
            return None
        close = s.bar.close
        return Proposal(
            strategy=self.name,
            setup=self.setups[0],
            direction=LONG,
            entry=close,
            stop=close - self.points,
            target=close + self.points,
            reason="10:00",
        )

    def consume(self, proposal: Proposal) -> None:
        pass


class Early(Morning):
    """The same with a bracket that is nearer."""

    name: ClassVar[str] = "Early"
    setups: ClassVar[tuple[str, ...]] = ("EARLY",)
    points: ClassVar[float] = 10.0


def entry(name: str, action: Action = Action.ENTER_LONG, **fields: Any) -> PlaceOrder:
    side = 1 if action is Action.ENTER_LONG else -1
    given = {"stop": 100.0 - 10 * side, "target": 100.0 + 20 * side, "qty": 1, "valid_until_ns": eastern("11:02")}
    return PlaceOrder(id=name, account=ACCOUNT, instrument="MNQ", action=action, **{**given, **fields})


def at(minute: int, opened: float, high: float, low: float, closed: float) -> Bar:
    return bar(f"11:{minute:02}", opened, closed, high=high, low=low, index=10 + minute)


def opened(*entries: PlaceOrder, adds: bool = True) -> tuple[Venue, list[VenueReport]]:
    """A venue after the deciding bar and these entries."""
    venue = Venue(instruments(), ACCOUNT, adds=adds)
    venue.on_bar(bar("11:00", 100.0, index=10))
    return venue, [report for each in entries for report in venue.on_order(each)]


def fills(reports: list[VenueReport]) -> list[tuple[str, str, int, float]]:
    return [(each.order_id, each.role, each.qty, each.price) for each in reports if isinstance(each, Execution)]


def refusals(reports: list[VenueReport]) -> list[str]:
    return [each.detail for each in reports if isinstance(each, OrderUpdate) and each.status is OrderStatus.REJECTED]


def test_two_entries_of_a_bar_are_one_position() -> None:
    """Both fill at the next open; the position is of the one that came first, at the average price, and has its bracket."""
    venue, _ = opened(entry("A"), entry("B", stop=95.0, target=105.0, qty=2))
    reports = venue.on_bar(at(1, 100.0, 101.0, 99.0, 100.0))

    position = venue.position("MNQ")

    assert fills(reports) == [("A", "ENTRY", 1, 100.25), ("B", "ENTRY", 2, 100.25)]
    assert (position.qty, position.price, position.entry_id, position.stop, position.target) == (3, 100.25, "A", 90.0, 120.0)


def test_each_entry_leaves_by_its_own_bracket() -> None:
    """The second one's target closes its contracts; the first one's stop the rest. The profit is booked when all are gone."""
    venue, _ = opened(entry("A"), entry("B", stop=95.0, target=105.0, qty=2))
    venue.on_bar(at(1, 100.0, 101.0, 99.0, 100.0))
    first = venue.on_bar(at(2, 101.0, 106.0, 100.0, 105.0))
    between = venue.position("MNQ")
    second = venue.on_bar(at(3, 95.0, 96.0, 89.0, 90.0))

    assert fills(first) == [("B", "TARGET", -2, 104.75)]
    assert (between.qty, between.entry_id, between.realised) == (1, "A", 0.0)
    assert fills(second) == [("A", "STOP", -1, 89.75)]
    assert venue.position("MNQ").realised == pytest.approx((2 * 4.5 - 10.5) * 2 - 6 * 0.62)


def test_what_is_left_keeps_the_name_of_the_round_turn() -> None:
    """The first contracts may go first. The books of the gate know the trade by its first entry until it is flat; so does this."""
    venue, _ = opened(entry("A", stop=99.5), entry("B"))
    venue.on_bar(at(1, 100.0, 101.0, 99.0, 100.0))

    position = venue.position("MNQ")

    assert (position.qty, position.entry_id, position.stop) == (1, "A", 90.0)
    assert fills(venue.on_order(ClosePosition("OUT", ACCOUNT, "MNQ", "A", "EOD"))) == []


def test_a_close_is_of_all_and_a_stop_only_tightens() -> None:
    venue, _ = opened(entry("A"), entry("B", stop=95.0))
    venue.on_bar(at(1, 100.0, 101.0, 99.0, 100.0))
    venue.on_order(MoveBracket("M", ACCOUNT, "MNQ", "A", stop=92.0))
    stopped = venue.on_bar(at(2, 96.0, 97.0, 94.0, 95.0))
    venue.on_order(ClosePosition("OUT", ACCOUNT, "MNQ", "A", "EOD"))

    assert fills(stopped) == [("B", "STOP", -1, 94.75)]
    assert venue.position("MNQ").stop == 92.0
    assert fills(venue.on_bar(at(3, 96.0, 97.0, 95.0, 96.0))) == [("OUT", "EXIT", -1, 95.75)]


def test_one_close_is_one_fill_of_all_contracts() -> None:
    venue, _ = opened(entry("A"), entry("B", qty=2))
    venue.on_bar(at(1, 100.0, 101.0, 99.0, 100.0))
    venue.on_order(ClosePosition("OUT", ACCOUNT, "MNQ", "A", "EOD"))

    assert fills(venue.on_bar(at(2, 96.0, 97.0, 95.0, 96.0))) == [("OUT", "EXIT", -3, 95.75)]


def test_an_entry_against_the_open_side_is_refused() -> None:
    """A future's account nets; an entry against it would be a close in disguise."""
    _, reports = opened(entry("A"), entry("B", Action.ENTER_SHORT))

    assert refusals(reports) == ["A is open or working; an entry may add to it, not work against it"]


def test_without_the_mode_there_is_one_position() -> None:
    _, reports = opened(entry("A"), entry("B"), adds=False)

    assert refusals(reports) == ["A is open or working; one position per instrument"]


def test_a_resting_limit_of_another_entry_outlives_a_stop() -> None:
    """It is an order of its own: its round turn begins when it fills."""
    limit = msgspec.structs.replace(entry("B", stop=80.0), limit=88.0, valid_until_ns=eastern("11:09"))
    venue, _ = opened(entry("A"), limit)
    stopped = venue.on_bar(at(1, 100.0, 101.0, 90.0, 95.0))
    entered = venue.on_bar(at(2, 90.0, 91.0, 88.0, 90.0))

    assert fills(stopped) == [("A", "ENTRY", 1, 100.25), ("A", "STOP", -1, 89.75)]
    assert fills(entered) == [("B", "ENTRY", 1, 88.0)]
    assert venue.position("MNQ").entry_id == "B"


def test_a_run_trades_two_strategies_as_one_position(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through evaluator, gate, venue and books: one trade of both strategies' contracts, which ends with the last of them."""
    points = [EntryPoint(name, f"{__name__}:{name.title()}", registry.GROUP) for name in ("morning", "early")]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points if group == registry.GROUP else [])
    synthetic.generate(tmp_path / "bars", sessions=1, seed=8, start=FIRST)
    chosen: dict[str, Any] = {"preset": "bare", "strategies": ["morning", "early"]}
    settings = overrides.read(LOOSENED)

    both = tapewire.backtest(tmp_path / "bars", set=settings, **chosen)
    alone = tapewire.backtest(tmp_path / "bars", set={"conflict": "additive"}, **chosen)

    filled = [(each.order_id[-4:], each.role, each.qty) for each in tapes.facts(both.folder, "fill.", Fill)]
    assert [each[1:] for each in filled[:2]] == [("ENTRY", 1), ("ENTRY", 1)]
    assert sum(qty for _, _, qty in filled) == 0
    assert [(each.strategy, each.size) for each in both.trades.itertuples()] == [("Morning", 2)]
    assert alone.summary.refusals == {"ENTRY_ON_BAR": 1}
    assert [(each.strategy, each.size) for each in alone.trades.itertuples()] == [("Morning", 1)]
