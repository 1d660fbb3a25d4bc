"""The doctor's line about the chart's trading hours, and the light of `ready`."""

from __future__ import annotations

from typing import Any

import pytest

from tapewire.bus.testing import eastern
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.operator.doctor.findings import CheckState
from tapewire.daemons.operator.doctor.hours import disputed, judge

DAYS = ("2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27", "2026-11-30")
CHART: dict[str, Any] = {
    "instrument": "MNQ",
    "template": "CME US Index Futures ETH",
    "days": [{"date": day, "opens_ns": 0, "closes_ns": eastern("17:00", day)} for day in DAYS],
}
EARLY = {"2026-11-27": "13:15"}


@pytest.mark.parametrize(
    ("calendar", "chart", "today", "state", "value"),
    [
        (Calendar(), CHART, "2026-11-25", CheckState.OK, "agrees with the calendar from 2026-11-24 to 2026-11-30"),
        (Calendar(half_days=EARLY), CHART, "2026-11-25", CheckState.WARNING, "2026-11-27: by the template"),
        (Calendar(half_days=EARLY), CHART, "2026-11-27", CheckState.BROKEN, "no entries today: 2026-11-27: by the template"),
        (Calendar(half_days=EARLY), CHART, "2026-11-30", CheckState.OK, "agrees"),
        (
            Calendar(half_days=EARLY, corrected=("2026-11-27",)),
            CHART,
            "2026-11-27",
            CheckState.OK,
            "conf/calendar.toml, which holds",
        ),
        (Calendar(), None, "2026-11-25", CheckState.UNKNOWN, "no trading hours"),
        (Calendar(), {"instrument": "MNQ"}, "2026-11-25", CheckState.UNKNOWN, "no trading hours"),
    ],
)
def test_a_disagreement_is_broken_on_its_day_and_a_warning_before(
    calendar: Calendar, chart: dict[str, Any] | None, today: str, state: CheckState, value: str
) -> None:
    """The remedy is the file of corrections."""
    found = judge(calendar, chart, eastern("11:00", today))

    assert found.state is state
    assert value in found.value
    if state in (CheckState.WARNING, CheckState.BROKEN):
        assert "conf/calendar.toml" in found.remedy


@pytest.mark.parametrize(("today", "stops"), [("2026-11-25", False), ("2026-11-27", True), ("2026-11-30", False)])
def test_only_todays_disagreement_stops_todays_entries(today: str, stops: bool) -> None:
    """`ready` shows it in the light of the data."""
    assert (disputed(Calendar(half_days=EARLY), CHART, eastern("11:00", today)) is not None) is stops


def test_without_a_chart_nothing_is_disputed() -> None:
    """An old bridge sends none."""
    assert disputed(Calendar(half_days=EARLY), None, eastern("11:00", "2026-11-27")) is None
