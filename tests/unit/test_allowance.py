"""What a program lets an account enter: sizes and caps on both sides of each tier, refusals, and the gate that applies them.

Sizes and tiers are those of the playbook, section 6.
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tapewire.bus.messages import Action, Alarm, Execution, Position, Reason, Reject
from tapewire.bus.testing import DAY, bar, eastern, intent
from tapewire.daemons.gate.books import stake
from tapewire.daemons.gate.core import daemon
from tapewire.daemons.gate.firm import allowance
from tapewire.daemons.settings import load as conf
from tapewire.daemons.settings.programs import DailyLoss, Evaluation, Program, Trailing
from tapewire.daemons.settings.structs import Conf, RiskLimits
from tests import gates
from tests.gates import ACCOUNT, Desk
from tests.programs import INSTRUMENTS, YEAR, Account, bare, intraday, shipped

MORNING = eastern("11:00", YEAR[-1])
A, B = "Trend Day Bull", "Edge Fade"
ONE = 10_000  # 50 points of MNQ, in cents


def at(profit: float, program: Program | None = None, peak: float | None = None) -> Account:
    """An account whose realised profit is this, after an end of day at `peak` (dollars of profit)."""
    account = Account(program or bare(contracts=shipped().contracts, evaluation=sized()))
    account.year([peak or 0.0, profit - (peak or 0.0)])
    return account


def sized() -> Evaluation:
    """The evaluation's sizes without its rules, so that a test may set any profit and drawdown."""
    return Evaluation(sizing=shipped().evaluation.sizing)


def funded_sizes() -> Program:
    funded = shipped().funded
    assert funded is not None
    return bare(Evaluation(sizing=funded.sizing))


@pytest.mark.parametrize(
    ("profit", "most"),
    [
        (-3_000.0, 30),
        (0.0, 30),
        (1_499.99, 30),
        (1_500.0, 40),
        (1_999.99, 40),
        (2_000.0, 50),
        (2_999.99, 50),
        (3_000.0, 80),
        (4_499.99, 80),
        (4_500.0, 120),
        (9_000.0, 120),
    ],
)
def test_the_cap_rises_with_the_profit(profit: float, most: int) -> None:
    """MNQ by realised profit; another instrument has no cap to look up."""
    account = at(profit)

    assert allowance.most_contracts(account, "MNQ") == most
    assert allowance.most_contracts(account, "MES") is None


@pytest.mark.parametrize(
    ("profit", "peak", "a", "b"),
    [
        (0.0, 0.0, 15, 7),
        (0.0, 2_000.0, 15, 7),
        (-0.01, 2_000.0, 7, 3),
        (0.0, 3_500.0, 7, 3),
        (-0.01, 3_500.0, 0, 0),
    ],
)
def test_an_evaluation_risks_less_in_a_drawdown(profit: float, peak: float, a: int, b: int) -> None:
    """1,500 and 750 a trade, half of it more than 2,000 below the mark, nothing more than 3,500 below; 100 a contract."""
    account = at(profit, peak=peak)

    assert [allowance.size(account, "MNQ", each, ONE) for each in (A, B)] == [a, b]


@pytest.mark.parametrize(
    ("profit", "peak", "a", "b"),
    [
        (-500.0, 0.0, 2, 2),
        (999.99, 0.0, 2, 2),
        (1_000.0, 0.0, 3, 3),
        (1_999.99, 0.0, 3, 3),
        (2_000.0, 0.0, 6, 4),
        (2_000.0, 5_000.0, 6, 4),
        (1_999.99, 5_000.0, 0, 0),
    ],
)
def test_a_funded_account_risks_by_its_profit(profit: float, peak: float, a: int, b: int) -> None:
    """200, 300, then 600 and 450; nothing more than 3,000 below the mark."""
    account = at(profit, funded_sizes(), peak)

    assert [allowance.size(account, "MNQ", each, ONE) for each in (A, B)] == [a, b]


@pytest.mark.parametrize(
    ("risk", "contracts"),
    [(75_000, 1), (75_001, 1), (500_000, 1), (37_500, 2), (37_501, 1), (25_000, 3), (2_500, 30), (2_419, 30), (1, 30)],
)
def test_a_size_is_what_the_dollars_pay_for_at_least_one_at_most_the_cap(risk: int, contracts: int) -> None:
    """750 dollars by the risk of one contract in cents; the cap is 30 at no profit."""
    assert allowance.size(at(0.0), "MNQ", B, risk) == contracts


@pytest.mark.parametrize(
    ("profit", "a", "b"),
    [(-1.0, 1, 1), (0.0, 1, 1), (3_000.0, 1, 1), (3_000.01, 2, 1), (6_000.0, 2, 1), (6_000.01, 3, 2)],
)
def test_the_scaling_option_counts_contracts_by_profit_buffer(profit: float, a: int, b: int) -> None:
    """The source's: 1 up to 3,000; then A 2, B 1; above 6,000 A 3, B 2, whatever a contract risks."""
    account = at(profit, conf.program("buffer_scaling"))

    assert [allowance.size(account, "MNQ", each, ONE) for each in ("B-Day IBL Fade", "Bear Accept Short")] == [a, b]


def test_without_sizes_the_preset_decides() -> None:
    """None is not 0."""
    assert allowance.size(Account(bare()), "MNQ", A, ONE) is None


# --- refusals -------------------------------------------------------------------------------------------------------------------

TRAILING = Trailing(distance=4_500.0, mode="end_of_day")


@pytest.mark.parametrize(
    ("story", "program", "days", "entry", "error"),
    [
        ("nothing stands against it", shipped(), [100.0], {}, None),
        ("failed", shipped(), [-4_500.0], {}, "FAILED by TRAILING_DRAWDOWN: equity 145500.00, floor 145500.00"),
        ("passed, with nothing after it", bare(Evaluation(target=100.0)), [100.0], {}, "PASSED"),
        ("an instrument without tiers", shipped(), [], {"instrument": "MES"}, "names no contracts for MES"),
        ("at the cap", shipped(), [], {"contracts": 30}, None),
        ("above the cap", shipped(), [], {"contracts": 31}, "31 contracts, at most 30 at a profit of 0.00"),
        ("the program gave no size", shipped(), [3_000.0, -3_600.0], {}, "no size left, 3600.00 below the mark"),
        ("a stop a cent above the floor", shipped(), [-1_000.0], {"stake_cents": 349_999}, None),
        ("a stop on the floor", shipped(), [-1_000.0], {"stake_cents": 350_000}, "3500.00 at stake, 3500.00 above the floor"),
    ],
)
def test_each_rule_that_refuses_an_entry(
    story: str, program: Program, days: list[float], entry: dict[str, Any], error: str | None
) -> None:
    """One contract of MNQ at 11:00, with one thing changed."""
    account = Account(program)
    account.year(days)
    case = {"instrument": "MNQ", "strategy": B, "bar_ns": MORNING, "contracts": 1, "stake_cents": 100, **entry}

    refused = allowance.refusal(account, **case)

    assert (refused is None) is (error is None), story
    assert (error or "") in (refused or ""), story


@pytest.mark.parametrize(
    ("stake_cents", "error"), [(99_999, None), (100_000, "1000.00 at stake with the day at -1000.00, limit -2000.00")]
)
def test_a_stop_may_not_reach_the_days_limit(stake_cents: int, error: str | None) -> None:
    """-1,000 so far, limit 2,000: an entry may lose less than 1,000. The next day begins at 0."""
    account = Account(bare(Evaluation(daily_loss=DailyLoss(limit=2_000.0))))
    account.trades(YEAR[0], -1_000.0)
    refused = allowance.refusal(account, "MNQ", B, MORNING, 1, stake_cents)
    account.on(YEAR[1])

    assert (error or "") in (refused or "")
    assert (refused is None) is (error is None)
    assert allowance.refusal(account, "MNQ", B, MORNING, 1, stake_cents) is None


def test_a_paused_day_takes_no_entries() -> None:
    """Until tomorrow."""
    account = Account(bare(Evaluation(daily_loss=DailyLoss(limit=2_000.0, breach="pause"))))
    account.trades(YEAR[0], -2_000.0, 1_500.0)
    today = allowance.refusal(account, "MNQ", B, MORNING, 1, 100)
    account.on(YEAR[1])

    assert today == "program bare: the day is at -500.00 and paused until tomorrow"
    assert allowance.refusal(account, "MNQ", B, MORNING, 1, 100) is None


@pytest.mark.parametrize(("clock", "allowed"), [("15:54", True), ("15:55", False), ("16:30", False), ("18:01", True)])
def test_entries_end_at_the_flat_by_time(clock: str, allowed: bool) -> None:
    """18:01 is the evening of the next trade date."""
    account = Account(bare(flat_by="15:55"))

    assert (allowance.refusal(account, "MNQ", B, eastern(clock, YEAR[3]), 1, 100) is None) is allowed


# --- the gate -------------------------------------------------------------------------------------------------------------------


def settings(program: Program, **changes: Any) -> Conf:
    return replace(gates.conf(risk=changes.pop("risk", None)), program=program, **changes)


def test_the_gate_refuses_by_the_program_with_a_reason() -> None:
    """An entry from 21,000 with its stop at 20,980 has 41.24 at stake; 41.24 above the floor is not enough."""
    desk = Desk(settings(bare(Evaluation(trailing=Trailing(distance=142.48, mode="end_of_day")))))
    desk.lose(101.24)
    (decision,) = desk.ask(intent(at="11:00"), at="11:00")

    (reject,) = desk.bodies(Reject)
    assert (decision.reason, reject.reason) == (Reason.PROGRAM, Reason.PROGRAM)
    assert decision.detail == "program bare: 41.24 at stake, 41.24 above the floor of 149857.52"


def test_the_gate_sizes_by_the_program_up_to_the_presets_maximum() -> None:
    """750 dollars by 40 a contract are 18; a preset that allows 12 at most is not overruled."""
    sizes = [
        Desk(settings(bare(sized()), risk=RiskLimits(contracts=1, max_contracts=most))).ask(intent())[0].size for most in (30, 12)
    ]

    assert sizes == [18, 12]


def test_exits_and_stops_pass_when_the_program_has_ended() -> None:
    """The account has failed by open loss; orders that protect the position pass, a new entry does not."""
    desk = Desk(settings(intraday(distance=1_000.0)))
    entry_id = desk.position("10:50")
    for clock, low in (("10:52", 21_000.0), ("10:53", 20_500.0)):
        desk.step(bar(clock, 21_000.0, low=low, position=Position(ACCOUNT, 1, 21_000.0, entry_id)))
    (stop,) = desk.ask(intent(Action.MOVE_STOP, at="10:54", stop=20_990.0, entry_id=entry_id), at="10:54")
    (leave,) = desk.ask(intent(Action.EXIT, at="10:55", entry_id=entry_id), at="10:55")
    desk.filled(leave.order_id, -1, 21_000.0, "EXIT", at="10:56")
    (again,) = desk.ask(intent(at="10:57"), at="10:57")

    assert (stop.approved, leave.approved) == (True, True)
    assert again.reason is Reason.PROGRAM
    assert [alarm.text for alarm in desk.bodies(Alarm)] == [
        f"program bare: FAILED TRAILING_DRAWDOWN on {DAY}: equity 149000.00, floor 149000.00 (the mark is 150000.00)"
    ]


def test_the_gate_reads_bars_only_for_open_equity() -> None:
    """A program by the end of the day needs none, and neither does no program at all."""
    subscribed = [daemon(each).subscribe for each in (gates.conf(), settings(shipped()), settings(intraday()))]

    assert subscribed == [(), (), ("raw.",)]


@pytest.mark.parametrize(
    ("filled", "moved_to", "cents"),
    [(0, None, 20_248), (1, None, 20_248), (2, None, 20_248), (2, 6_000.0, 248), (2, 6_010.0, 248)],
)
def test_open_and_pending_contracts_are_at_stake(filled: int, moved_to: float | None, cents: int) -> None:
    """Two MES from 6,000 with the stop at 5,980: 20 points are 100 dollars each, and 1.24 of commission, working, half or filled.

    With the stop at the entry only the commission is left; beyond it there is no gain to count on.
    """
    desk = Desk(settings(bare(), traded=("MNQ", "MES"), risk=RiskLimits(contracts=2)))
    wanted = intent(id="MES-1", entry=6_000.0, stop=5_980.0, target=6_040.0)
    (decision,) = desk.ask(wanted, id="MES-20270224-1100", instrument="MES", close=6_000.0)
    if filled:
        desk.step(Execution("E1", decision.order_id, ACCOUNT, "MES", filled, 6_000.0, "ENTRY", eastern("11:01"), 91))
    if moved_to is not None:
        order = desk.gate.orders.get(decision.order_id)
        assert order is not None
        order.stop = moved_to

    assert stake.at_stake_cents(INSTRUMENTS, desk.gate.book, desk.gate.orders) == cents


def test_two_instruments_cannot_breach_the_floor_together() -> None:
    """142.48 above the floor pay for one of the two stops of 101.24 and 41.24, not for both."""
    desk = Desk(settings(bare(Evaluation(trailing=Trailing(distance=142.48, mode="end_of_day"))), traded=("MNQ", "MES")))
    (first,) = desk.ask(intent(id="MES-1", entry=6_000.0, stop=5_980.0, target=6_040.0), id="M", instrument="MES", close=6_000.0)
    (second,) = desk.ask(intent())

    assert first.approved
    assert second.reason is Reason.PROGRAM
