"""Builders for tests of prop-firm programs: trade dates, an account in a program, and days made of trades."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from tapewire.bus.messages import Position
from tapewire.bus.testing import bar, eastern
from tapewire.daemons.gate.firm.program import ProgramAccount
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.settings import load as conf
from tapewire.daemons.settings.programs import Evaluation, Funded, Program, Trailing

INSTRUMENTS = conf.instruments()
SHIPPED = "evaluation_150k_2026_02"


def _weekdays(year: int) -> list[str]:
    days = (dt.date(year, 1, 1) + dt.timedelta(each) for each in range(365))
    return [day.isoformat() for day in days if day.weekday() < 5]


YEAR = _weekdays(2027)
"""The 261 weekdays of 2027, from Friday, 1 January; nothing here depends on which of them are holidays."""


def shipped(evaluation: dict[str, Any] | None = None, funded: dict[str, Any] | None = None, **changes: Any) -> Program:
    """The program of the playbook with some of its terms changed."""
    program = conf.program(SHIPPED)
    assert program.funded is not None
    changes.setdefault("evaluation", replace(program.evaluation, **(evaluation or {})))
    changes.setdefault("funded", replace(program.funded, **(funded or {})))
    return replace(program, **changes)


def bare(evaluation: Evaluation | None = None, funded: Funded | None = None, **fields: Any) -> Program:
    """A program with no rules but those given."""
    names = {"name": "bare", "description": "none", "as_of": dt.date(2026, 2, 1), "check": "none", "start": 150_000.0}
    return Program(**{**names, "evaluation": evaluation or Evaluation(), "funded": funded, **fields})


def intraday(distance: float = 4_500.0, **fields: Any) -> Program:
    return bare(Evaluation(trailing=Trailing(distance=distance, mode="intraday", **fields)))


class Account(ProgramAccount):
    """An account that takes trades in dollars."""

    def __init__(self, program: Program, calendar: Calendar | None = None) -> None:
        super().__init__(program, INSTRUMENTS, calendar or Calendar())

    def trades(self, day: str, *nets: float, at: str = "11:00") -> None:
        """Round turns that end one after the other at `at`."""
        for net in nets:
            self.trade("MNQ", day, eastern("10:45", day), eastern(at, day), round(net * 100))

    def year(self, days: Sequence[float | tuple[float, ...]], first: int = 0) -> None:
        """One trade a day, or several, from the year's `first` day on; the last day ends, too."""
        for day, nets in zip(YEAR[first:], days, strict=False):
            self.trades(day, *(nets if isinstance(nets, tuple) else (nets,)))
        self.end_day()

    def held(self, at: str, high: float, low: float, close: float, *, qty: int = 10, day: str = YEAR[0]) -> None:
        """A bar with a position open at its close, entered at 21,000. Ten MNQ make 20 dollars a point."""
        self.bar(bar(at, close, day=day, high=high, low=low, position=Position("Sim101", qty, 21_000.0)))
