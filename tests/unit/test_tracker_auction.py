"""The auction in the stream of sessions, and its profiles: when each comes, and what the session before left."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tapewire.bus import wire
from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Auction, Prints, PriorValue, Profile, Session, ValueArea
from tapewire.bus.testing import bar, event
from tapewire.daemons import evaluation
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.tracker import Tracker, shown
from tapewire.daemons.tracker.auction import RowSize
from tapewire.daemons.tracker.core import daemon
from tapewire.replay.research import grid
from tapewire.strategies.auction import MOST_ROWS

MONDAY, TUESDAY, WEDNESDAY = "2026-03-02", "2026-03-03", "2026-03-04"


TICK = RowSize(0.25, 1)


class Market:
    """A tracker of MNQ with a row a tick, and what it has published."""

    def __init__(self, *, half_days: dict[str, str] | None = None, size: RowSize | None = TICK) -> None:
        self.core = Tracker({"MNQ": Calendar(half_days=half_days or {})}, rows={"MNQ": size} if size else {})
        self.sessions: list[Session] = []
        self.profiles: list[Profile] = []

    def take(self, at: str, low: float = 100.0, high: float = 101.0, day: str = TUESDAY, **fields: Any) -> Session:
        """A bar that opens at its low."""
        before = len(self.sessions)
        for output in self.core.step(event(bar(at, low, high, day=day, **fields))):
            if isinstance(output.body, Session):
                self.sessions.append(output.body)
            elif isinstance(output.body, Profile):
                assert output.topic == "auction.MNQ."
                self.profiles.append(output.body)
        assert len(self.sessions) == before + 1
        return self.sessions[-1]

    def day(self, day: str, low: float, high: float, last: str = "16:00") -> Session:
        """A whole session within these prices."""
        end = int(last[:2]) * 60 + int(last[3:])
        made = [self.take(f"{minute // 60:02}:{minute % 60:02}", low, high, day) for minute in range(571, end + 1)]
        return made[-1]


def auction(session: Session) -> Auction:
    assert isinstance(session.auction, Auction)
    return session.auction


def test_a_run_that_does_not_ask_has_no_auction_and_the_same_bytes() -> None:
    """The field is not on the wire at all, not even as null."""
    session = Market(size=None).take("09:31")
    written = wire.encode(event(session).header, session)

    assert session.auction is msgspec.UNSET
    assert b"auction" not in written
    assert wire.decode(written)[1] == session


def test_the_auction_is_in_each_session_of_a_run_that_asks() -> None:
    """Before the open it is empty; it reads back as it was written."""
    market = Market()

    night, first = market.take("09:30"), market.take("09:31", 100.0, 100.5)

    assert night.auction == Auction(0.25)
    assert auction(first).tpo == ValueArea(poc=100.25, high=100.5, low=100.0)
    assert wire.decode(wire.encode(event(first).header, first))[1] == first


def test_a_bracket_is_over_with_its_last_minute() -> None:
    """Then its profile goes out, behind the session of that bar."""
    market = Market()
    market.take("09:31", 100.0, 100.5)
    market.take("09:59", 100.5, 100.75)
    assert market.profiles == []

    last = market.take("10:00", 100.0, 100.25)

    (profile,) = market.profiles
    assert (profile.instrument, profile.session, profile.bracket, profile.final) == ("MNQ", TUESDAY, 0, False)
    assert (profile.row, profile.low, profile.letters) == (0.25, 100.0, (1, 1, 1, 1))
    assert sum(profile.volumes) == 3_000
    assert profile.auction == last.auction


def test_a_bracket_whose_last_minute_is_missing_is_over_with_the_next_bar() -> None:
    """The profile is that of the bars before."""
    market = Market()
    market.take("09:31", 100.0, 100.5)

    market.take("10:02", 99.0, 99.5)

    (profile,) = market.profiles
    assert (profile.bracket, profile.low, profile.letters) == (0, 100.0, (1, 1, 1))


def test_the_last_bracket_is_final() -> None:
    """At the close, with the thirteenth bracket of a whole day, and the eighth, of fifteen minutes, of a half day."""
    whole, half = Market(), Market(half_days={TUESDAY: "13:15"})

    whole.day(TUESDAY, 100.0, 101.0)
    half.day(TUESDAY, 100.0, 101.0, "13:15")

    assert [(each.bracket, each.final) for each in whole.profiles] == [(number, number == 12) for number in range(13)]
    assert [(each.bracket, each.final) for each in half.profiles] == [(number, number == 7) for number in range(8)]


@pytest.mark.parametrize(("at", "day"), [("16:05", TUESDAY), ("18:01", TUESDAY), ("09:31", WEDNESDAY)])
def test_a_session_without_its_last_bar_ends_with_the_next_one(at: str, day: str) -> None:
    """After the close, in the next evening, or on the next date. It is told once."""
    market = Market()
    market.take("15:58")
    assert market.profiles == []

    market.take(at, day=day)
    market.take("09:45", day=WEDNESDAY)

    assert [(each.session, each.bracket, each.final) for each in market.profiles] == [(TUESDAY, 12, True)]


def test_a_final_profile_comes_too_if_the_whole_last_bracket_is_missing() -> None:
    """The bracket before it was told at its end; the session's end is told then."""
    market = Market()
    market.take("15:30")
    market.take("16:01")

    assert [(each.bracket, each.final) for each in market.profiles] == [(11, False), (11, True)]


def test_the_session_before_is_there_from_the_first_bar_of_the_night() -> None:
    """Its value areas, its range, its single prints; and it stays until the next date."""
    market = Market()
    for minute in range(571, 960 + 1):  # a first bracket of 100 to 110, then 100 to 101 and 105 to 106
        low, high = (100.0, 110.0) if minute <= 600 else (100.0, 101.0) if minute <= 630 else (105.0, 106.0)
        market.take(f"{minute // 60:02}:{minute % 60:02}", low, high, MONDAY)

    night = auction(market.take("18:01", day=MONDAY))

    assert night.prior is not None
    assert night.prior == PriorValue(
        session=MONDAY,
        tpo=ValueArea(poc=105.0, high=109.0, low=105.0),  # above and below its five fullest rows all pairs are equal
        volume=night.prior.volume,
        high=110.0,
        low=100.0,
        poor_low=True,
        singles=(Prints(101.25, 104.75),),
    )
    assert auction(market.day(TUESDAY, 100.0, 101.0)).prior == night.prior
    assert auction(market.take("18:01", day=TUESDAY)).prior != night.prior


def test_a_session_without_an_initial_balance_is_not_the_one_before() -> None:
    """As for the levels pdh, pdl and pdc."""
    market = Market()
    market.day(MONDAY, 100.0, 110.0)
    for minute in range(571, 600):
        market.take(f"09:{minute - 540}", 200.0, 210.0, TUESDAY)

    session = market.take("09:31", 100.0, 101.0, WEDNESDAY)

    assert session.levels.pdh == 110.0
    prior = auction(session).prior
    assert prior is not None
    assert (prior.session, prior.low, prior.high) == (MONDAY, 100.0, 110.0)


@pytest.mark.parametrize(
    ("opens", "relation"),
    [
        (110.25, "above_range"),
        (110.0, "above_value"),
        (107.25, "above_value"),
        (107.0, "in_value"),
        (103.5, "in_value"),
        (103.25, "below_value"),
        (100.0, "below_value"),
        (99.75, "below_range"),
    ],
)
def test_the_open_is_read_against_the_session_before(opens: float, relation: str) -> None:
    """Monday's range is 100 to 110, and its value 103.5 to 107; edges belong to it."""
    market = Market()
    market.take("09:31", 100.0, 110.0, MONDAY)
    for minute in range(572, 960 + 1):
        market.take(f"{minute // 60:02}:{minute % 60:02}", 103.0, 107.0, MONDAY)

    first = auction(market.take("09:31", opens, opens + 0.25, TUESDAY))

    assert first.prior is not None
    assert (first.prior.tpo.low, first.prior.tpo.high) == (103.5, 107.0)
    assert first.opened == relation


@pytest.mark.parametrize(
    ("low", "high", "relation"),
    [
        (120.0, 125.0, "higher"),
        (103.0, 120.0, "overlapping_higher"),
        (100.0, 110.0, "unchanged"),
        (104.0, 106.0, "inside"),
        (80.0, 130.0, "outside"),
        (90.0, 107.0, "overlapping_lower"),
        (80.0, 90.0, "lower"),
    ],
)
def test_value_is_read_against_the_session_before(low: float, high: float, relation: str) -> None:
    """Monday traded from 100 to 110 all day, so its value area is its middle 70 %, as is that of the bar after it."""
    market = Market()
    market.day(MONDAY, 100.0, 110.0)

    assert auction(market.take("09:31", low, high, TUESDAY)).value == relation


def test_a_range_beyond_any_market_has_no_profile() -> None:
    """The date has none any more, whatever follows; the next one has again, and the one before stands."""
    market = Market()
    market.day(MONDAY, 100.0, 110.0)
    prior = auction(market.take("18:01", day=MONDAY)).prior
    market.take("09:31", day=TUESDAY)

    broken = auction(market.take("09:32", 100.0, 100.0 + MOST_ROWS, TUESDAY))
    after = auction(market.take("10:00", day=TUESDAY))
    next_day = auction(market.take("09:31", day=WEDNESDAY))

    assert broken == after == Auction(0.25, prior=prior, opened=auction(market.sessions[391]).opened)
    assert next_day.tpo is not None
    assert next_day.prior == prior
    assert [each.session for each in market.profiles] == [MONDAY] * 13


@pytest.mark.parametrize("price", [1e300, -1e300, 1e18])
def test_a_price_of_no_market_ends_no_tracker(price: float) -> None:
    """A finite number that no count of ticks can hold."""
    market = Market()

    assert auction(market.take("09:31", price, price)).tpo is None


def test_bars_of_the_night_change_nothing() -> None:
    """The auction is that of regular trading hours."""
    market = Market()
    market.take("09:31", 100.0, 101.0)
    last = auction(market.take("16:00", 100.0, 101.0))

    assert auction(market.take("16:30", 50.0, 200.0)) == last


def test_a_person_may_ask_for_it() -> None:
    """The verb `state` shows it with the session, and nothing of the kind in a run without."""
    asked, unasked = Market(), Market(size=None)
    for market in (asked, unasked):
        market.take("09:31", 100.0, 100.5)

    assert shown.sessions(asked.core)["2026-03-03-MNQ"]["auction"]["tpo"] == {"poc": 100.25, "high": 100.5, "low": 100.0}
    assert "auction" not in shown.sessions(unasked.core)["2026-03-03-MNQ"]


def conf(**changes: Any) -> Conf:
    """A replay of MNQ."""
    preset = configuration.preset("seed", settings=[f"{name}={value}" for name, value in changes.items()])
    return configuration.load("replay", instance="test", traded=["MNQ"], preset=preset)


def test_the_preset_asks_for_it() -> None:
    """By its own key or by --set, in ticks of the instrument."""
    asks, silent = daemon(conf(auction_row_ticks=4)).core, daemon(conf()).core
    given = event(bar("09:31", 21_000.0))
    (asked,), (unasked,) = (core.step(given) for core in (asks, silent))

    assert isinstance(asked.body, Session)
    assert isinstance(unasked.body, Session)
    assert auction(asked.body).row == 1.0
    assert unasked.body.auction is msgspec.UNSET
    assert msgspec.structs.replace(asked.body, auction=msgspec.UNSET) == unasked.body


@pytest.mark.parametrize("count", ["-1", "0.5", "1000000"])
def test_rows_of_no_whole_ticks_are_refused(count: str) -> None:
    """With the key's name."""
    with pytest.raises(ConfError, match="auction_row_ticks"):
        conf(auction_row_ticks=count)


def test_a_sweep_does_not_vary_the_sessions() -> None:
    """Its cells share them."""
    with pytest.raises(ConfError, match="one sweep for each value"):
        grid.applied(conf(), {"auction_row_ticks": 2})


def test_evaluate_reads_the_auction_that_the_request_asks_for() -> None:
    """Bars and settings in: the same rows as the stream would have."""
    asked = evaluation.Question(bars=(bar("09:31"),), settings={"auction_row_ticks": 2})
    core, _ = evaluation._fresh(conf(), asked)
    (output,) = core.step(event(asked.bars[0]))

    assert isinstance(output.body, Session)
    assert auction(output.body).row == 0.5


def test_a_profile_fits_into_a_message() -> None:
    """The most rows that there may be, in the most brackets, with the most contracts."""
    rows = MOST_ROWS
    largest = Profile("MNQ", TUESDAY, 12, True, 0.25, 100.0, (2**13 - 1,) * rows, (10**12,) * rows, Auction(0.25))

    assert len(wire.encode(event(largest).header, largest)) < 1 << 20
