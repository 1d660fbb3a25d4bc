"""The doctor's line about the contract on the chart: five sessions before the roll it warns, and names the next one."""

from __future__ import annotations

import pytest

from tapewire.bus.testing import eastern
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.contracts import Rolls
from tapewire.daemons.operator.doctor.contracts import judge
from tapewire.daemons.operator.doctor.findings import CheckState, Found
from tapewire.daemons.settings import load as configuration

ROLLS = configuration.rolls()
OK, WARNING, BROKEN, UNKNOWN = CheckState.OK, CheckState.WARNING, CheckState.BROKEN, CheckState.UNKNOWN


def found(chart: str | None, day: str, at: str = "11:00", calendar: Calendar | None = None) -> Found:
    return judge(ROLLS, calendar or Calendar(), "MNQ", chart, eastern(at, day))


@pytest.mark.parametrize(
    ("chart", "day", "state", "value", "remedy"),
    [
        ("MNQ 03-26", "2026-03-06", OK, "MNQ 03-26 rolls on 2026-03-16 and expires on 2026-03-20; the next is MNQ 06-26", ""),
        ("MNQ 03-26", "2026-03-09", WARNING, "5 sessions left: MNQ 03-26 rolls on 2026-03-16", "chart on MNQ 06-26"),
        ("MNQ 03-26", "2026-03-13", WARNING, "1 session left", "chart on MNQ 06-26"),
        ("MNQ 03-26", "2026-03-16", WARNING, "MNQ 03-26 has rolled on 2026-03-16", "chart on MNQ 06-26"),
        ("MNQ 03-26", "2026-03-21", BROKEN, "MNQ 03-26 has expired on 2026-03-20; MNQ 06-26 is in front", "chart on MNQ 06-26"),
        ("MNQ 06-26", "2026-03-13", OK, "MNQ 06-26 rolls on 2026-06-15", ""),
        ("MNQ 03-28", "2026-03-13", BROKEN, "MNQ 03-28 is not listed yet", "chart on MNQ 03-26"),
        ("MNQ ##-##", "2026-03-13", OK, "continuous", ""),
        ("EURUSD", "2026-03-13", BROKEN, "'EURUSD' names no contract", "chart on MNQ 03-26"),
        (None, "2026-03-06", UNKNOWN, "names no contract; MNQ 03-26 is in front", "compile (F5)"),
        ("MNQ 03-30", "2030-03-01", WARNING, "conf/rolls.toml ends with 2030-12-16", "add the months"),
        ("MNQ 03-31", "2031-03-01", BROKEN, "no month of MNQ for 2031-03-03", "add the months"),
    ],
)
def test_the_contract_is_judged_by_its_dates(chart: str | None, day: str, state: CheckState, value: str, remedy: str) -> None:
    """Sessions count from today's trade date to the last one before the roll."""
    line = found(chart, day)

    assert line.state is state
    assert value in line.value
    assert remedy in line.remedy


def test_a_holiday_is_no_session() -> None:
    """The warning comes five sessions before, not five weekdays."""
    calendar = Calendar(holidays=("2026-03-11",))

    assert found("MNQ 03-26", "2026-03-06", calendar=calendar).state is WARNING


def test_the_line_says_where_the_dates_are_from() -> None:
    """And the day on which they were read there."""
    assert f"by conf/rolls.toml, read {ROLLS.tables[0].read}" in found("MNQ 03-26", "2026-03-06").value


def test_without_a_table_no_month_is_checked() -> None:
    """The line says so, and is ok."""
    line = judge(Rolls(roots={"CL": "CL"}), Calendar(), "CL", "CL 01-26", eastern("11:00", "2026-03-06"))

    assert line.state is OK
    assert "no table" in line.value
