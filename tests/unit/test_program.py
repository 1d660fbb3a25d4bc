"""An account in a prop firm's program: years of hand-made days against hand-computed numbers, both sides of every limit.

The terms are those of the playbook's evaluation unless a test sets others: 150,000, target 9,000, 4,500 below a mark that moves
at the end of the day.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.messages import Position
from tapewire.bus.testing import bar, eastern
from tapewire.daemons.gate import shown
from tapewire.daemons.gate.firm.progress import Failure, ProgramRule, ProgramState
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.settings.programs import Consistency, DailyLoss, Evaluation, Funded, Lock, Payouts, Program, Trailing
from tests.programs import YEAR, Account, bare, intraday, shipped

PAYOUTS = Payouts(days=5, day_profit=250.0, share=0.9, cap=5_000.0, live_after=6, processing_days=7)


def funded(payouts: Payouts | None = PAYOUTS, trailing: Trailing | None = None, days: int = 1) -> Account:
    """An account that passed on the year's first day and is funded from the second on."""
    account = Account(bare(Evaluation(target=9_000.0), Funded(trailing=trailing, payouts=payouts)))
    account.year([9_000.0 / days] * days)
    assert account.state is ProgramState.FUNDED
    return account


# --- a year that passes -------------------------------------------------------------------------------------------------------


def test_a_year_that_passes_is_funded_paid_six_times_and_goes_live() -> None:
    """18 days of +500 make the target; then each five days of +300 are due, until the sixth payout.

    Of 1,500.00 the first payout takes 90 %, 1,350.00, and leaves 150.00, with which the next one is of 1,650.00, and so on.
    """
    account = Account(shipped())

    account.year([500.0] * 18 + [300.0] * 200)

    assert (account.passed, account.days[17].equity_cents) == (YEAR[17], 15_900_000)
    assert [payout.cents for payout in account.payouts] == [135_000, 148_500, 149_850, 149_985, 149_998, 150_000]
    assert [payout.session for payout in account.payouts] == [YEAR[day] for day in (22, 27, 32, 37, 42, 47)]
    assert account.state is ProgramState.LIVE
    assert len(account.days) == 48
    assert account.equity_cents == 15_016_667


def test_the_target_counts_at_the_end_of_the_day() -> None:
    """9,000 in the morning is no pass when the afternoon gives 0.01 of it back; the same on the next day is."""
    account = Account(shipped())
    account.trades(YEAR[0], 9_000.0)
    before = account.state
    account.trades(YEAR[0], -0.01)
    account.on(YEAR[1])

    assert (before, account.state) == (ProgramState.OPEN, ProgramState.OPEN)

    account.year([0.01], first=1)

    assert (account.state, account.passed) == (ProgramState.FUNDED, YEAR[1])


def test_without_a_funded_account_a_pass_is_the_end() -> None:
    """PASSED is final: later losses do not count."""
    account = Account(bare(Evaluation(target=9_000.0, trailing=Trailing(distance=4_500.0, mode="end_of_day"))))

    account.year([9_000.0, -9_000.0])

    assert (account.state, account.equity_cents, len(account.days)) == (ProgramState.PASSED, 15_900_000, 1)


# --- a year that fails each rule, and the day that just does not ----------------------------------------------------------


@pytest.mark.parametrize(
    ("story", "program", "days", "failed"),
    [
        ("4,500 below the start is a breach", shipped(), [-4_500.0], (ProgramRule.TRAILING_DRAWDOWN, 0)),
        ("a cent less is not", shipped(), [-4_499.99], None),
        ("by several days", shipped(), [-2_000.0, -2_000.0, -499.99, -0.01], (ProgramRule.TRAILING_DRAWDOWN, 3)),
        ("4,500 below the mark that a good day left", shipped(), [3_000.0, -4_500.0], (ProgramRule.TRAILING_DRAWDOWN, 1)),
        ("a cent less", shipped(), [3_000.0, -4_499.99], None),
        ("the mark does not come down again", shipped(), [3_000.0, -2_000.0, -2_500.0], (ProgramRule.TRAILING_DRAWDOWN, 2)),
        ("within a day after its first trade", shipped(), [(-4_500.0, 5_000.0)], (ProgramRule.TRAILING_DRAWDOWN, 0)),
        ("a morning's profit does not move the mark", shipped(), [(4_000.0, -8_499.99)], None),
        ("nor lowers the floor", shipped(), [(4_000.0, -8_500.0)], (ProgramRule.TRAILING_DRAWDOWN, 0)),
        ("no daily loss rule", shipped(), [-4_000.0], None),
        ("a day's loss", shipped({"daily_loss": DailyLoss(limit=2_000.0)}), [500.0, -2_000.0], (ProgramRule.DAILY_LOSS, 1)),
        ("a cent less", shipped({"daily_loss": DailyLoss(limit=2_000.0)}), [500.0, -1_999.99], None),
        ("of two days", shipped({"daily_loss": DailyLoss(limit=2_000.0)}), [-1_500.0, -1_500.0], None),
        ("of two trades", shipped({"daily_loss": DailyLoss(limit=2_000.0)}), [(-1_500.0, -500.0)], (ProgramRule.DAILY_LOSS, 0)),
        ("net of a gain", shipped({"daily_loss": DailyLoss(limit=2_000.0)}), [(100.0, -2_000.0)], None),
        ("both at once", shipped({"daily_loss": DailyLoss(limit=4_500.0)}), [-4_500.0], (ProgramRule.TRAILING_DRAWDOWN, 0)),
    ],
)
def test_both_sides_of_each_loss_limit(
    story: str, program: Program, days: list[Any], failed: tuple[ProgramRule, int] | None
) -> None:
    """The rule and the day of the year on which it fails, or that the account is still open."""
    account = Account(program)

    account.year(days)

    failure = account.failure
    assert (failure and (failure.rule, YEAR.index(failure.session))) == failed, story
    assert account.state is (ProgramState.FAILED if failed else ProgramState.OPEN)


def test_a_failure_has_rule_phase_time_and_numbers() -> None:
    """And the day's line repeats it; the mark and floor are those that were in force."""
    account = Account(shipped())
    account.trades(YEAR[0], 3_000.0)
    account.trades(YEAR[1], -4_600.0, at="13:37")

    detail = "equity 148400.00, floor 148500.00 (the mark is 153000.00)"
    assert account.failure == Failure(ProgramRule.TRAILING_DRAWDOWN, ProgramState.OPEN, YEAR[1], eastern("13:37", YEAR[1]), detail)
    assert (account.days[-1].mark_cents, account.days[-1].floor_cents) == (15_300_000, 14_850_000)
    assert account.news == [f"program evaluation_150k_2026_02: FAILED TRAILING_DRAWDOWN on {YEAR[1]}: {detail}"]


@pytest.mark.parametrize(("limit", "failed"), [(None, None), (31, None), (30, "2027-01-30")])
def test_a_time_limit_runs_in_calendar_days_from_the_first_trade(limit: int | None, failed: str | None) -> None:
    """A trade on 1 January and one on the 31st: with 30 days the account has failed on the 30th, with 31 that one still counts."""
    account = Account(shipped({"time_limit_days": limit}))
    account.trades("2027-01-01", 100.0)
    account.on("2027-01-31")

    assert (account.failure and (account.failure.rule, account.failure.session, account.failure.at_ns)) == (
        failed and (ProgramRule.TIME_LIMIT, failed, None)
    )


def test_a_pass_on_the_last_day_is_in_time() -> None:
    """The day ends before the limit is looked at."""
    account = Account(shipped({"time_limit_days": 1}))
    account.trades(YEAR[0], 9_000.0)
    account.on(YEAR[1])

    assert account.state is ProgramState.FUNDED


@pytest.mark.parametrize(
    ("entered", "left", "half_days", "failed"),
    [
        ("11:00", "15:55", {}, False),
        ("11:00", "15:56", {}, True),
        ("11:00", "13:01", {}, False),
        ("11:00", "13:00", {YEAR[1]: "13:00"}, False),
        ("11:00", "13:01", {YEAR[1]: "13:00"}, True),
    ],
)
def test_positions_are_closed_by_the_flat_by_time(entered: str, left: str, half_days: dict[str, str], failed: bool) -> None:
    """15:55, and on a half day its close: the bar of the last fill may be stamped with it and not later."""
    account = Account(shipped(flat_by="15:55"), Calendar(half_days=half_days))
    account.trade("MNQ", YEAR[1], eastern(entered, YEAR[1]), eastern(left, YEAR[1]), 0)

    assert (account.failure is not None and account.failure.rule is ProgramRule.FLAT_BY) is failed


def test_no_position_is_carried_into_another_trade_date() -> None:
    """Closed at 09:31 of the next day, well before its flat-by time, it was open at that of its own."""
    account = Account(shipped(flat_by="15:55"))
    account.trade("MNQ", YEAR[1], eastern("11:00", YEAR[1]), eastern("09:31", YEAR[2]), 0)

    assert account.failure is not None
    assert account.failure.detail == f"entered on {YEAR[1]}, closed on {YEAR[2]}"


def test_a_paused_day_ends_with_the_day() -> None:
    """Where the firm only stops the day, the account goes on, and the next day is not paused."""
    account = Account(shipped({"daily_loss": DailyLoss(limit=2_000.0, breach="pause")}))
    account.trades(YEAR[0], -2_000.0)
    assert account.today is not None
    paused = account.today.paused
    account.trades(YEAR[1], 10.0)

    assert (paused, account.today.paused, account.state) == (True, False, ProgramState.OPEN)
    assert account.days[0].note == "daily loss: paused"


# --- minimum days, consistency -------------------------------------------------------------------------------------------------


def test_the_target_waits_for_the_minimum_of_days() -> None:
    """Reached on the first of three days, it passes on the third day with a trade, if it still stands."""
    account = Account(shipped({"minimum_days": 3}))
    account.trades(YEAR[0], 9_500.0)
    account.trades(YEAR[3], -100.0)
    account.on(YEAR[4])
    before = account.state
    account.year([0.0], first=7)

    assert (before, account.passed) == (ProgramState.OPEN, YEAR[7])
    assert account.days[0].note == "target reached on trading day 1 of at least 3"


@pytest.mark.parametrize(
    ("enforce", "days", "share", "passed"),
    [
        (False, [4_500.0, 4_500.0], 0.5, True),
        (True, [4_500.0, 4_500.0], 0.5, False),
        (True, [3_600.0, 3_600.0, 1_800.0], 0.4, True),
        (True, [3_600.01, 3_600.0, 1_799.99], 3_600.01 / 9_000.0, False),
        (True, [4_500.0, 4_500.0, 2_250.0], 0.4, True),
        (True, [4_500.0, -500.0, 4_500.0, 500.0, 2_250.0], 0.4, True),
    ],
)
def test_the_best_day_is_at_most_forty_percent_of_the_profit(enforce: bool, days: list[float], share: float, passed: bool) -> None:
    """Reported only, it stops no account. Enforced, the pass waits until the profit has grown around the best day."""
    account = Account(shipped(consistency=Consistency(share=0.4, enforce=enforce)))

    account.year(days)

    assert (account.state is ProgramState.FUNDED) is passed
    assert account.days[-1].best_share == pytest.approx(share)


def test_without_a_profit_there_is_no_share() -> None:
    """A best day of nothing is not a number."""
    account = Account(shipped())

    account.year([500.0, -500.0, -100.0])

    assert [day.best_share for day in account.days] == [1.0, None, None]


# --- the mark, the floor and the lock ---------------------------------------------------------------------------------------------


def test_the_mark_moves_only_at_the_end_of_the_day() -> None:
    """Up to 152,000 and back to 151,000 within the day leaves the mark at 151,000, and it stays there on a losing day."""
    account = Account(shipped())
    account.trades(YEAR[0], 2_000.0, -1_000.0)
    during = account.mark_cents
    account.year([-300.0], first=1)

    assert during == 15_000_000
    assert [(day.mark_cents, day.floor_cents) for day in account.days] == [(15_100_000, 14_650_000)] * 2


@pytest.mark.parametrize(
    ("days", "floors"),
    [
        ([99.99], [145_599.99]),
        ([100.0], [150_100.0]),
        ([50.0, 50.0, -20.0], [145_550.0, 150_100.0]),
        ([(500.0, -450.0), 49.99], [145_550.0, 145_599.99]),
        ([6_000.0, -1_000.0], [150_100.0, 150_100.0]),
    ],
)
def test_the_funded_floor_locks_at_start_plus_hundred(days: list[Any], floors: list[float]) -> None:
    """Once an end of day stands at 150,100 or more, the floor is 150,100 for good; before, it trails the mark."""
    account = funded(trailing=Trailing(distance=4_500.0, mode="end_of_day", lock=Lock(profit=100.0, floor=100.0)))

    account.year(days, first=1)

    assert [day.floor_cents for day in account.days[1:]][: len(floors)] == [round(floor * 100) for floor in floors]


@pytest.mark.parametrize(("loss", "failed"), [(-399.99, False), (-400.0, True)])
def test_a_locked_floor_is_breached_at_its_own_figure(loss: float, failed: bool) -> None:
    """From 150,500 a loss of 400 ends on the floor of 150,100: a breach."""
    account = funded(trailing=Trailing(distance=4_500.0, mode="end_of_day", lock=Lock(profit=100.0, floor=100.0)))

    account.year([500.0, loss], first=1)

    assert (account.state is ProgramState.FAILED) is failed
    if account.failure:
        assert (account.failure.phase, account.failure.detail) == (ProgramState.FUNDED, "equity 150100.00, floor 150100.00 (fixed)")


@pytest.mark.parametrize(("opens_at", "equity", "floor"), [("start", 150_000.0, 145_500.0), ("carried", 159_200.0, 154_700.0)])
def test_the_mark_restarts_with_the_funded_account(opens_at: Any, equity: float, floor: float) -> None:
    """A new account of 150,000, or the old one with its 159,200: the mark is where its equity is."""
    account = Account(shipped(funded={"opens_at": opens_at}))

    account.year([9_200.0])

    assert (account.equity_cents, account.mark_cents) == (round(equity * 100), round(equity * 100))
    assert account.floor_cents == round(floor * 100)


# --- payouts ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "payouts", "equity"),
    [
        ([250.0] * 5, [1_125.0], 150_125.0),
        ([250.0] * 4, [], 151_000.0),
        ([250.0] * 4 + [249.99], [], 151_249.99),
        ([250.0] * 4 + [249.99, 250.0], [1_349.99], 150_150.0),
        ([(200.0, 50.0)] * 5, [1_125.0], 150_125.0),
        ([1_111.11] * 5, [4_999.99], 150_555.56),
        ([1_111.12] * 5, [5_000.0], 150_555.60),
        ([2_000.0] * 5, [5_000.0], 155_000.0),
        ([2_000.0] * 5 + [250.0] * 5, [5_000.0, 5_000.0], 151_250.0),
        ([250.0] * 5 + [250.0] * 4, [1_125.0], 151_125.0),
        ([250.0] * 4 + [-2_000.0, 250.0], [], 149_250.0),
        ([250.0] * 4 + [-2_000.0, 250.0, 800.0], [45.0], 150_005.0),
    ],
)
def test_a_payout_is_the_smaller_of_ninety_percent_and_the_cap(days: list[Any], payouts: list[float], equity: float) -> None:
    """Due after five days of 250 or more since the last one, if there is a profit."""
    account = funded()

    account.year(days, first=1)

    assert [payout.cents for payout in account.payouts] == [round(payout * 100) for payout in payouts]
    assert account.equity_cents == round(equity * 100)


def test_the_mark_restarts_with_a_payout() -> None:
    """155,000 after the payout of 5,000: mark 155,000, and where nothing locked it, the floor 150,500 below."""
    account = funded(trailing=Trailing(distance=4_500.0, mode="end_of_day"))

    account.year([2_000.0] * 5, first=1)

    assert (account.mark_cents, account.floor_cents) == (15_500_000, 15_050_000)
    assert account.days[-1].equity_cents == 16_000_000
    assert account.days[-1].note == "payout 5000.00"


def test_a_payout_arrives_after_its_processing_days() -> None:
    """Requested at the end of the sixth weekday of the year, 8 January; it arrives seven days later."""
    account = funded()

    account.year([250.0] * 5, first=1)

    assert (account.payouts[0].session, account.payouts[0].paid) == ("2027-01-08", "2027-01-15")


@pytest.mark.parametrize(("leave", "paid"), [(0.0, True), (24.99, True), (25.0, False)])
def test_no_payout_that_would_end_the_account_is_requested(leave: float, paid: bool) -> None:
    """1,125 of 1,250 leaves 150,125, which is 25 above the fixed floor; more than `leave` must be left."""
    payouts = Payouts(days=5, day_profit=250.0, share=0.9, cap=5_000.0, leave=leave)
    account = funded(payouts, Trailing(distance=4_500.0, mode="end_of_day", lock=Lock(profit=100.0, floor=100.0)))

    account.year([250.0] * 5, first=1)

    assert bool(account.payouts) is paid
    if not paid:
        assert account.days[-1].note == "payout of 1125.00 due, not asked for: it would leave 25.00 above the floor"


def test_an_enforced_consistency_holds_payouts_back() -> None:
    """A best day of 2,000 in 3,000 is too much of it; with two more days of 1,000 it is 40 %, and all of it is due."""
    program = bare(Evaluation(target=9_000.0), Funded(payouts=PAYOUTS), consistency=Consistency(share=0.4, enforce=True))
    account = Account(program)
    account.year([3_000.0, 3_000.0, 3_000.0])
    account.year([2_000.0, 250.0, 250.0, 250.0, 250.0], first=3)
    before = list(account.payouts)
    account.year([1_000.0, 1_000.0], first=8)

    assert before == []
    assert [payout.cents for payout in account.payouts] == [450_000]


# --- open equity -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "failed"), [(20_775.05, False), (20_775.0, True)])
def test_open_loss_breaches_an_intraday_floor(low: float, failed: bool) -> None:
    """Ten MNQ from 21,000: 225 points are 4,500, though the bar closes where it began."""
    account = Account(intraday())
    account.held("10:31", 21_000.0, 21_000.0, 21_000.0)
    account.held("10:32", 21_000.0, low, 21_000.0)

    assert (account.state is ProgramState.FAILED) is failed


def test_open_profit_moves_an_intraday_mark() -> None:
    """+100 points are 2,000: the mark is 152,000 at once, and 125 points below the entry are 4,500 under it."""
    account = Account(intraday())
    account.held("10:31", 21_000.0, 21_000.0, 21_000.0)
    account.held("10:32", 21_100.0, 21_000.0, 21_000.0)
    account.held("10:33", 21_000.0, 20_875.05, 21_000.0)
    before = (account.mark_cents, account.state)
    account.held("10:34", 21_000.0, 20_875.0, 21_000.0)

    assert before == (15_200_000, ProgramState.OPEN)
    assert account.failure is not None
    assert (account.failure.at_ns, account.failure.rule) == (eastern("10:34", YEAR[0]), ProgramRule.TRAILING_DRAWDOWN)


def test_within_one_bar_the_better_extreme_counts_first() -> None:
    """A bar does not record the order of its high and low: the account is judged by the worse one."""
    account = Account(intraday())
    account.held("10:31", 21_000.0, 21_000.0, 21_000.0)
    account.held("10:32", 21_100.0, 20_875.0, 21_000.0)

    assert account.state is ProgramState.FAILED


def test_a_short_position_is_measured_from_the_other_side() -> None:
    """Short ten, the low is the gain and the high the loss."""
    account = Account(intraday())
    account.held("10:31", 21_000.0, 21_000.0, 21_000.0, qty=-10)
    account.held("10:32", 21_010.0, 20_900.0, 21_000.0, qty=-10)

    assert (account.mark_cents, account.state) == (15_200_000, ProgramState.OPEN)


def test_the_bar_of_the_entry_counts_with_its_close() -> None:
    """The bar's range before the fill does not count."""
    account = Account(intraday())
    account.held("10:31", 21_500.0, 20_500.0, 21_010.0)

    assert (account.mark_cents, account.state) == (15_020_000, ProgramState.OPEN)


def test_a_realised_gain_moves_an_intraday_mark_at_once() -> None:
    """+3,000 and then -4,500 on one day is a breach there, and none where the mark waits for the end of the day."""
    both = Account(intraday()), Account(shipped())
    for account in both:
        account.trades(YEAR[0], 3_000.0, -4_499.99)
    before = [account.state for account in both]
    for account in both:
        account.trades(YEAR[0], -0.01)

    assert before == [ProgramState.OPEN, ProgramState.OPEN]
    assert [account.state for account in both] == [ProgramState.FAILED, ProgramState.OPEN]


def test_an_end_of_day_program_does_not_look_at_open_equity() -> None:
    """An open loss of 10,000 does not count before it is realised."""
    account = Account(shipped())
    account.held("10:31", 21_000.0, 21_000.0, 21_000.0)
    account.held("10:32", 21_000.0, 20_500.0, 20_500.0)

    assert (account.state, account.mark_cents) == (ProgramState.OPEN, 15_000_000)


def test_a_bar_that_comes_after_its_trade_has_ended_is_late() -> None:
    """The gate may receive the last fill before the bar: open profit is not counted on top of the realised one."""
    account = Account(intraday())
    account.held("10:31", 21_100.0, 21_100.0, 21_100.0)
    account.trades(YEAR[0], 2_000.0, at="10:33")
    account.held("10:32", 21_300.0, 21_100.0, 21_300.0)

    assert account.mark_cents == 15_200_000


def test_two_instruments_are_open_together() -> None:
    """Half of the loss in each is the whole loss of the account; one of them closed is no longer open."""
    account = Account(intraday())
    account.held("10:31", 21_000.0, 21_000.0, 20_900.0)
    account.bar(bar("10:31", 5_975.0, day=YEAR[0], instrument="ES", position=Position("Sim101", 2, 6_000.0)))

    assert account.failure is not None
    assert account.failure.detail == "equity 145500.00, floor 145500.00 (the mark is 150000.00)"


@pytest.mark.parametrize(("counts_open", "failed"), [(True, True), (False, False)])
def test_a_daily_loss_may_count_open_loss(counts_open: bool, failed: bool) -> None:
    """-1,000 realised and -1,000 open are 2,000 where the firm counts both."""
    account = Account(bare(Evaluation(daily_loss=DailyLoss(limit=2_000.0, open=counts_open))))
    account.trades(YEAR[0], -1_000.0, at="10:00")
    account.held("10:31", 20_950.0, 20_950.0, 20_950.0)

    assert (account.state is ProgramState.FAILED) is failed


# --- invariants -----------------------------------------------------------------------------------------------------

NETS = st.lists(st.lists(st.integers(-300_000, 300_000), min_size=1, max_size=4), max_size=60)


def run(days: list[list[int]], told_idle_days: bool = False) -> Account:
    account = Account(shipped())
    for at, nets in enumerate(days):
        for cents in nets:
            account.trades(YEAR[3 * at], cents / 100)
        for idle in YEAR[3 * at + 1 : 3 * at + 3] if told_idle_days else ():
            account.on(idle)
    account.end_day()
    return account


@given(NETS)
def test_the_books_of_a_year_add_up(days: list[list[int]]) -> None:
    """Equity is start, days and payouts; the floor of an evaluation never falls; an ended program stays ended."""
    account = run(days)
    for phase in (ProgramState.OPEN, ProgramState.FUNDED):
        lines = [day for day in account.days if day.phase is phase]
        equity = 15_000_000
        paid = {payout.session: payout.cents for payout in account.payouts}
        for day in lines:
            equity += day.pnl_cents
            assert day.equity_cents == equity
            equity -= paid.get(day.session, 0)
    floors = [day.floor_cents or 0 for day in account.days if day.phase is ProgramState.OPEN and day.session != account.passed]
    assert all(a <= b for a, b in pairwise(floors))
    if account.failure:
        assert account.days[-1].session == account.failure.session
    if account.passed:
        assert next(day for day in account.days if day.session == account.passed).equity_cents >= 15_900_000


@given(NETS)
def test_days_without_a_trade_change_nothing(days: list[list[int]]) -> None:
    """The gate receives a date with a request, the journal holds every one: both give the same outcome."""
    quiet, informed = run(days), run(days, told_idle_days=True)

    assert (quiet.days, quiet.state, quiet.failure, quiet.payouts) == (
        informed.days,
        informed.state,
        informed.failure,
        informed.payouts,
    )


# --- what the gate shows ------------------------------------------------------------------------------------------------------


def test_progress_tells_what_is_left_to_the_floor_the_target_and_the_days_loss() -> None:
    """In cents, after +1,000 on one day and -300 on the next; a rule that the phase does not have is null."""
    account = Account(
        bare(Evaluation(target=9_000.0, trailing=Trailing(distance=4_500.0, mode="end_of_day"), daily_loss=DailyLoss(limit=800.0)))
    )
    account.trades(YEAR[0], 1_000.0)
    account.on(YEAR[1])
    account.trades(YEAR[1], -300.0)

    told = shown.progress(account)

    assert (told["state"], told["profit_cents"], told["target_cents"]) == ("OPEN", 70_000, 900_000)
    assert (told["above_floor_cents"], told["floor_distance_cents"]) == (420_000, 450_000)
    assert (told["day_cents"], told["day_loss_cents"]) == (-30_000, 80_000)
    assert shown.progress(Account(bare(Evaluation(target=9_000.0))))["above_floor_cents"] is None
