"""The check of the chart's trading hours against the calendar of the run (daemons/market/quorum.py)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec

from tapewire.bus.messages import VenueChart
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.clock import SessionClock
from tapewire.daemons.market.quorum import Disagreement, disagreements
from tapewire.daemons.operator.doctor.findings import Found, broken, ok, unknown, warning

REMEDY = "find out which holds, write it into conf/calendar.toml (a [[day]]), then `tapewire down`, `tapewire up`"
OLD = "copy ninjascript/*.cs of this version into NinjaTrader again, compile (F5), enable the strategy"


def judge(calendar: Calendar, chart: Mapping[str, Any] | None, now_ns: int) -> Found:
    """The finding about one instrument.

    Args:
        chart: its chart in the bridge's hello; None if there is none.
    """
    there = None if chart is None else msgspec.convert(chart, VenueChart)
    if there is None or not there.days:
        return unknown("the bridge sends no trading hours of its chart", OLD)
    today, found = _today(calendar, now_ns), disagreements(calendar, there)
    open_ones = [each for each in found if not each.settled and each.date >= today]
    if open_ones:
        text = "; ".join(each.text for each in open_ones)
        return broken(f"no entries today: {text}", REMEDY) if open_ones[0].date == today else warning(text, REMEDY)
    settled = "".join(f"; {each.text}" for each in found if each.settled)
    return ok(
        f"the template {there.template!r} agrees with the calendar from {there.days[0].date} to {there.days[-1].date}{settled}"
    )


def disputed(calendar: Calendar, chart: Mapping[str, Any] | None, now_ns: int) -> Disagreement | None:
    """The disagreement that stops today's entries; None without one."""
    found = disagreements(calendar, msgspec.convert(chart, VenueChart)) if chart else []
    return next((each for each in found if not each.settled and each.date == _today(calendar, now_ns)), None)


def _today(calendar: Calendar, now_ns: int) -> str:
    return dt.date.fromisoformat(SessionClock(calendar).read(now_ns)[0].date).isoformat()
