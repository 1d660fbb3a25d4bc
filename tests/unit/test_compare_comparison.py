"""An account beside a run: which account, which dates, what the twins add up to, and what speaks against the times."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tapewire.bus.errors import ConfError, DataError
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Trading
from tapewire.replay import outputs
from tapewire.replay.compare import text
from tapewire.replay.compare.comparison import AccountComparison, compare, read_trades
from tapewire.replay.compare.history import AccountHistory, AccountTurn
from tests.runs import Tape, at, conf, session, trade

HOUR = 60
DAY = 24 * HOUR


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backtest with trades from 11:01 and 12:01 on, long from 100.25 to 103."""
    folder = tmp_path_factory.mktemp("run")
    tape = Tape(folder)
    tape.publish("session.MNQ.", at(660), session(660))
    for minute in (661, 721):
        tape.publish("trade.MNQ.", at(minute + 20), trade(minute, minute + 20, 426))
    tape.close()
    configuration.write(conf(), folder)
    outputs.write(folder, conf())
    return folder


def turn(minute: float, account: str = "Sim101", price: float = 100.5) -> AccountTurn:
    return AccountTurn(
        account=account,
        instrument="MNQ 03-27",
        direction=1,
        size=1,
        closed=1,
        entry_ns=at(0) + round(minute * 60) * 1_000_000_000,
        exit_ns=at(0) + round(minute * 60 + 1200) * 1_000_000_000,
        entered=Decimal(str(price)),
        left=Decimal(103),
        fees=Decimal("1.24"),
    )


def history(*turns: AccountTurn, playback: tuple[str, ...] = (), **more: object) -> AccountHistory:
    names = dict.fromkeys(turn.account for turn in turns)
    accounts = {name: (name, f"{name} shown") for name in names}
    return AccountHistory(source="a test", turns=turns, accounts=accounts, playback=frozenset(playback), **more)


def counts(found: AccountComparison) -> tuple[int, int, int]:
    return len(found.twins), len(found.account_only), len(found.run_only)


def test_all_with_a_twin_are_whole(run):
    """One tick worse at each entry, 5 s after the signal's bar; the run's own fills include one tick."""
    found = compare(history(turn(660 + 5 / 60), turn(720 + 5 / 60)), run)

    assert (found.whole, counts(found)) == (True, (2, 0, 0))
    assert msgspec.to_builtins(found.figures) == {
        "entry_ticks": 1.0,
        "exit_ticks": 0.0,
        "slippage_ticks": 2.0,
        "slippage": 1.0,
        "assumed_ticks": 1,
        "delay_s": 5.0,
        "exit_s": 0.0,
        "account_fees": 2.48,
        "run_fees": 2.48,
        "account_net": 7.52,
        "run_net": 8.52,
    }


def test_a_trade_without_a_twin_is_not_whole(run):
    """On either side."""
    assert counts(compare(history(turn(660)), run)) == (1, 0, 1)
    assert counts(compare(history(turn(660), turn(720), turn(800)), run)) == (2, 1, 0)
    assert not compare(history(turn(660)), run).whole


def test_other_trade_dates_are_counted_and_not_compared(run):
    """The run's dates are the bounds; others can be named. The evening belongs to the next trade date."""
    found = history(turn(660), turn(720), turn(660 - DAY), turn(18 * HOUR + 0.5), turn(-6 * HOUR + 0.5))

    inside = compare(found, run)
    wide = compare(found, run, first="2027-02-23", last="2027-02-25")

    assert (inside.first, inside.last, inside.turns, inside.outside) == ("2027-02-24", "2027-02-24", 3, 2)
    assert (wide.turns, wide.outside) == (5, 0)
    assert compare(found, run, first="2027-02-25", last="2027-02-26").trades == 0


def test_one_account_is_compared_and_playback_only_when_nothing_else_traded(run):
    """A playback account does not make the choice doubtful."""
    mixed = history(turn(660), turn(720), turn(660, "Playback101"), playback=("Playback101",))
    alone = history(turn(660, "Playback101"), playback=("Playback101",))

    assert (compare(mixed, run).account, compare(mixed, run).playback) == ("Sim101", False)
    assert (compare(alone, run).account, compare(alone, run).playback) == ("Playback101", True)
    assert "whether its fills have replayed or real time is not known" in compare(alone, run).doubts[0]


def test_several_accounts_need_the_option(run):
    """The error lists them with their round turns; a name is also found as NinjaTrader shows it."""
    found = history(turn(660), turn(660, "Sim102"), turn(720, "Sim102"))

    with pytest.raises(ConfError, match=r"several accounts: Sim101 \(1 round turn\), Sim102 \(2 round turns\); say --account NAME"):
        compare(found, run)
    with pytest.raises(ConfError, match=r"--account 'Sim12' \(did you mean 'Sim102'\?\); the source has Sim101, Sim101 shown"):
        compare(found, run, account="Sim12")
    assert compare(found, run, account="Sim102 shown").account == "Sim102"
    assert counts(compare(found, run, account="Sim102")) == (2, 0, 0)


def test_times_of_another_zone_are_doubted(run):
    """Six hours off: no twin, and the shift that would give them is named."""
    (doubt,) = compare(history(turn(660 - 6 * HOUR), turn(720 - 6 * HOUR)), run).doubts

    assert doubt.startswith("with the account's times 6 h later, 2 trades would have a twin instead of 0; is the zone")


def test_fills_in_the_daily_break_are_doubted(run):
    """17:00 to 18:00 in New York, and the weekend."""
    (doubt,) = compare(history(turn(660), turn(720), turn(17 * HOUR + 5)), run).doubts

    assert doubt.startswith(
        "fills while the exchange is closed (17:00 to 18:00 New York, or the weekend): 2, the first at 2027-02-24T17:05"
    )


def test_a_live_run_has_no_slippage_of_its_own(tmp_path):
    """Its account is the source's. It leaves a journal and no results; the journal has its trades."""
    tape = Tape(tmp_path)
    for minute in (661, 721):
        tape.publish("trade.MNQ.", at(minute + 20), trade(minute, minute + 20, 426))
    tape.close()
    configuration.write(conf(trading=Trading(account="Sim101")), tmp_path)

    found = compare(history(turn(660), turn(720)), tmp_path)

    assert (counts(found), found.first, found.twins[0].run.net) == ((2, 0, 0), "2027-02-24", 4.26)
    assert found.figures is not None
    assert found.figures.assumed_ticks == 0


def test_a_journal_and_the_results_hold_the_same_trades(run):
    """Whichever of the two is read."""
    results = read_trades(run)

    (run / "trades.jsonl").rename(run / "away")
    journal = read_trades(run)
    (run / "away").rename(run / "trades.jsonl")

    assert len(results) == 2
    assert journal == results


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    """And so are results that are none."""
    with pytest.raises(ConfError, match=r"has no journal/; name the folder that"):
        compare(history(turn(660)), tmp_path)
    (tmp_path / "trades.jsonl").write_text('{"session": 1}\n')
    with pytest.raises(DataError, match=r"trades\.jsonl: .*; start the run again"):
        compare(history(turn(660)), tmp_path)


def test_the_summary_stands_first_and_long_tables_end(run):
    """A person reads a dozen lines, then the tables; --json has all rows."""
    many = history(*(turn(800 + minute) for minute in range(50)), turn(660), open=(turn(900),), unseen={"Sim101": 2})

    lines = list(text.lines(compare(many, run)))

    assert [line.split("  ")[0].strip() for line in lines[:7]] == [
        "source",
        "account",
        "run",
        "trade dates",
        "twins",
        "open",
        "unseen",
    ]
    assert lines[4] == "twins         1; without one: 50 of the account, 1 of the run"
    assert "slippage      +1.00 ticks, +0.50 $ against you; the run's own fills include 1 a fill" in lines
    assert "and 10 more (--json has all)" in lines
    assert len(lines) < 70
