"""When entries are allowed: both sides of every minute, in the evening before, on Fridays, half days and holidays."""

from __future__ import annotations

from typing import Any

import pytest

from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Reason
from tapewire.bus.testing import DAY, eastern, intent
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.hours import EntryTimes, Hours, window
from tapewire.daemons.settings.structs import RiskLimits
from tests.gates import Desk, conf

TUESDAY, FRIDAY, HALF_DAY, HOLIDAY = "2026-03-03", "2026-03-06", "2026-03-10", "2026-03-11"
CALENDAR = Calendar(half_days={HALF_DAY: "13:00"}, holidays=(HOLIDAY,))
BOUNCE = RiskLimits(
    entry_windows=("18:00-16:45",), friday_until="16:30", flatten_from="16:45", friday_flatten_from="16:40", close_min=5
)


@pytest.mark.parametrize(
    ("windows", "day", "at", "inside"),
    [
        (["03:00-04:00"], TUESDAY, "02:59", False),
        (["03:00-04:00"], TUESDAY, "03:00", True),
        (["03:00-04:00"], TUESDAY, "03:59", True),
        (["03:00-04:00"], TUESDAY, "04:00", False),
        (["03:00-04:00", "13:30-15:00"], TUESDAY, "14:00", True),
        (["18:00-16:45"], "2026-03-02", "18:01", True),  # Tuesday's trade date has begun
        (["18:00-16:45"], TUESDAY, "16:44", True),
        (["18:00-16:45"], TUESDAY, "16:45", False),
        (["18:00-16:45"], TUESDAY, "17:30", False),
        (["20:00-02:00"], "2026-03-02", "23:00", True),
        (["20:00-02:00"], TUESDAY, "01:59", True),
        (["20:00-02:00"], TUESDAY, "19:59", False),
        (["18:00-24:00"], "2026-03-02", "23:59", True),
        (["18:00-24:00"], TUESDAY, "00:00", False),
        (["18:00-16:45"], FRIDAY, "18:30", False),  # Friday evening belongs to Monday's trade date and does not border it
        ([], TUESDAY, "12:00", False),
    ],
)
def test_a_window_includes_its_start_and_not_its_end(windows: list[str], day: str, at: str, inside: bool) -> None:
    """By the close stamp of the bar, in the trade date it belongs to."""
    hours = Hours(EntryTimes(windows=tuple(windows)), CALENDAR)

    assert (hours.outside(eastern(at, day)) is None) is inside


@pytest.mark.parametrize(
    ("question", "day", "at", "refused"),
    [
        ("outside", FRIDAY, "16:29", False),
        ("outside", FRIDAY, "16:30", True),
        ("outside", TUESDAY, "16:30", False),
        ("flattening", TUESDAY, "16:44", False),
        ("flattening", TUESDAY, "16:45", True),
        ("flattening", TUESDAY, "18:00", True),
        ("flattening", TUESDAY, "18:01", False),  # the next trade date
        ("flattening", FRIDAY, "16:39", False),
        ("flattening", FRIDAY, "16:40", True),
        ("flattening", HALF_DAY, "13:44", False),
        ("flattening", HALF_DAY, "13:45", True),  # three hours earlier, as the close is
        ("closing", TUESDAY, "15:54", False),
        ("closing", TUESDAY, "15:55", True),
        ("closing", TUESDAY, "16:00", True),
        ("closing", TUESDAY, "16:01", False),
        ("closing", HALF_DAY, "12:54", False),
        ("closing", HALF_DAY, "12:55", True),
        ("holiday", TUESDAY, "12:00", False),
        ("holiday", HALF_DAY, "12:00", False),
        ("holiday", HOLIDAY, "12:00", True),
        ("holiday", HALF_DAY, "19:00", True),  # the evening before
    ],
)
def test_the_day_ends_for_entries(question: str, day: str, at: str, refused: bool) -> None:
    """Windows until Friday's end, flat from a time on, the last minutes before the close, and not at all on a holiday."""
    answer = getattr(Hours(BOUNCE.times, CALENDAR), question)(eastern(at, day))

    assert (answer is not None) is refused


def test_without_hours_every_time_is_allowed() -> None:
    """Without limits nothing is refused."""
    hours, at_ns = Hours(EntryTimes(), CALENDAR), eastern("17:30", TUESDAY)

    assert (hours.outside(at_ns), hours.flattening(at_ns), hours.closing(at_ns)) == (None, None, None)


@pytest.mark.parametrize("text", ["", "09:30", "09:30-", "9:30-16:00", "16:00-09:30", "09:30-09:30", "25:00-26:00", "16:00-19:00"])
def test_a_text_that_is_not_a_window_is_refused(text: str) -> None:
    """Misspelt, empty, backwards, or across 18:00 where the trade date ends."""
    with pytest.raises(ConfError, match="entry_windows: "):
        window(text)


@pytest.mark.parametrize("key", ["flatten_from", "friday_flatten_from", "friday_until"])
@pytest.mark.parametrize("value", ["18:00", "23:00", "16.45"])
def test_a_time_that_ends_the_day_lies_within_it(key: str, value: str) -> None:
    """From 18:00 on it would belong to the next trade date."""
    limits: dict[str, Any] = {key: value}

    with pytest.raises(ConfError, match=key):
        Hours(RiskLimits(**limits).times, CALENDAR)


def test_the_gate_asks_the_calendar_of_the_instrument() -> None:
    """On a holiday of equity indices alone, an entry in crude oil is not refused for it."""
    settings = conf(traded=("MNQ", "CL"), calendar=Calendar(holidays=(DAY,)), calendars={"energy": Calendar()})

    (index,), (oil,) = Desk(settings).ask(intent()), Desk(settings).ask(intent(), instrument="CL")

    assert (index.reason, oil.reason) == (Reason.HOLIDAY, None)
