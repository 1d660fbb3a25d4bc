"""Our books against the figures that the platform reports of the account: what is an alarm, and how often it comes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tapewire.bus.daemon import Output
from tapewire.bus.messages import AccountFigures, Accounts, Alarm, Hello
from tapewire.bus.testing import eastern, event
from tapewire.daemons.settings.structs import RiskLimits, Trading
from tests.gates import ACCOUNT, Desk, conf

START = 150_000.0


class Watched(Desk):
    """A gate with an account of 150,000 dollars, and a platform that reports it."""

    def __init__(self, *, books_apart: float = 100.0, account_apart: float = 5000.0) -> None:
        trading = Trading(enabled=True, account=ACCOUNT, books_apart=books_apart, account_apart=account_apart)
        super().__init__(conf(trading=trading, risk=RiskLimits(contracts=1, start=START)))

    def report(self, realised: float | None = 0.0, cash: float | None = START, *, times: int = 2, name: str = ACCOUNT) -> list[str]:
        """The platform reports so often. Returns the alarms, as name and text."""
        figures = (AccountFigures("Other", realised=9e6), AccountFigures(name, realised=realised, cash=cash))
        return [text for _ in range(times) for text in alarms(self.at("11:05", Accounts(figures)))]

    def at(self, clock: str, body: Accounts | Hello) -> Sequence[Output]:
        self.events += 1
        outputs = self.gate.step(event(body, topic="venue.accounts.", seq=self.events, event_ns=eastern(clock)))
        self.outputs += outputs
        return outputs


def alarms(outputs: Sequence[Output]) -> list[str]:
    return [f"{output.body.name}: {output.body.text}" for output in outputs if isinstance(output.body, Alarm)]


@pytest.mark.parametrize(("realised", "count"), [(-100.0, 0), (-100.01, 1), (100.01, 1), (None, 0)])
def test_a_difference_beyond_the_amount_is_told_with_both_figures(realised: float | None, count: int) -> None:
    """100 dollars by default; what the platform does not report is not compared."""
    assert len(Watched().report(realised)) == count


def test_the_alarm_names_both_figures_and_the_setting() -> None:
    """So that a person can look at both."""
    watched = Watched()
    watched.lose(500.24)

    (text,) = watched.report(-900.24, START - 900.24)

    assert text.startswith("account_differs: Sim101: the platform has -900.24 realised today, our books -500.24")
    assert text.endswith("apart by -400.00, at most 100.00 ([trading] books_apart)")


def test_a_report_that_is_ahead_of_a_fill_is_no_difference() -> None:
    """It counts when two reports in a row show the same two figures."""
    watched = Watched()

    ahead = watched.report(-500.24, times=1)
    watched.lose(500.24)
    after = watched.report(-500.24, START - 500.24)

    assert ahead + after == []


def test_a_difference_is_told_once_and_again_when_it_has_grown() -> None:
    """By the amount that is allowed, or after it was gone."""
    watched = Watched()

    told = [len(watched.report(dollars, times=4)) for dollars in (-150.0, -160.0, -240.0, -260.0, 0.0, -150.0)]

    assert told == [1, 0, 0, 1, 0, 1]


@pytest.mark.parametrize(("cash", "count"), [(145_000.0, 0), (144_999.99, 1), (50_000.0, 1)])
def test_an_account_of_another_size_than_the_settings_is_told(cash: float, count: int) -> None:
    """Its cash against [risk] start and our result."""
    assert len([text for text in Watched().report(cash=cash) if text.startswith("account_size")]) == count


def test_zero_turns_an_alarm_off() -> None:
    """Each has its own setting."""
    assert Watched(books_apart=0, account_apart=0).report(-9_999.0, 1.0) == []


def test_other_accounts_are_not_compared() -> None:
    """Only the traded one has books here."""
    assert Watched().report(-9_999.0, 1.0, name="Sim102") == []


def test_a_hello_counts_as_a_report() -> None:
    """It has the same figures."""
    watched = Watched()
    figures = (AccountFigures(ACCOUNT, realised=-500.0, cash=START),)
    hello = Hello("NinjaTrader", "1", (ACCOUNT,), figures=figures)

    told = [len(alarms(watched.at("11:05", body))) for body in (hello, Accounts(figures))]

    assert told == [0, 1]


def test_without_a_bar_nothing_is_compared() -> None:
    """The books are of a trade date, and there is none yet."""
    watched = Watched()
    accounts = Accounts((AccountFigures(ACCOUNT, realised=-500.0),))

    assert [alarms(watched.step(accounts, topic="venue.accounts.")) for _ in range(2)] == [[], []]


def test_no_alarm_stops_an_entry() -> None:
    """A person decides what the difference means."""
    watched = Watched()
    watched.report(-9_999.0, 1.0)

    assert watched.enter()
