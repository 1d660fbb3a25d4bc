"""Twins of an account's round turns among a run's trades: nearest entries, each once, differences signed against us."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tapewire.bus.errors import ConfError
from tapewire.replay.compare import twins
from tapewire.replay.compare.history import AccountTurn, Terms
from tapewire.replay.compare.twins import Pairing, RunTrade
from tapewire.replay.tapes import wall
from tests.runs import SESSION, at

TERMS = {"MNQ": Terms(0.25, 2.0)}
SECOND = 1_000_000_000


def turn(
    entry_s: float, *, side: int = 1, size: int = 1, prices=(100.0, 103.0), instrument="MNQ 03-27", held_s=600.0
) -> AccountTurn:
    """A round turn of the account, entered so many seconds after 11:00:00 New York time."""
    entry_ns = at(660) + round(entry_s * SECOND)
    entered, left = (size * Decimal(str(price)) for price in prices)
    return AccountTurn(
        account="Sim101",
        instrument=instrument,
        direction=side,
        size=size,
        closed=size,
        entry_ns=entry_ns,
        exit_ns=entry_ns + round(held_s * SECOND),
        entered=entered,
        left=left,
        fees=Decimal("1.50"),
    )


def trade(minute: int = 661, *, side: int = 1, size: int = 1, prices=(100.0, 103.0), instrument="MNQ", held: int = 10) -> RunTrade:
    """A trade of the run, filled in the bar that closes at this minute after midnight."""
    return RunTrade(
        session=SESSION,
        strategy="Edge Fade",
        direction="LONG" if side > 0 else "SHORT",
        size=size,
        signal_time=wall(at(minute - 1)),
        entry_time=wall(at(minute)),
        entry_price=prices[0],
        exit_time=wall(at(minute + held)),
        exit_price=prices[1],
        reason="TARGET",
        commission=1.24,
        net=0.0,
        id=f"T-{minute}-{instrument}-{side}",
        instrument=instrument,
    )


def pair(turns: list[AccountTurn], trades: list[RunTrade], window_s: float = 300) -> Pairing:
    return twins.pair(turns, trades, window_s, TERMS)


@pytest.mark.parametrize(
    "side, own, entry, left, money",
    [
        (1, (100.5, 102.75), 2.0, 1.0, 1.5),
        (-1, (99.5, 103.25), 2.0, 1.0, 1.5),
        (1, (99.75, 103.0), -1.0, 0.0, -0.5),
        (-1, (100.25, 102.5), -1.0, -2.0, -1.5),
    ],
    ids=["long, worse", "short, worse", "long, better", "short, better"],
)
def test_slippage_is_signed_against_us(side, own, entry, left, money):
    """Bought dearer or sold cheaper than in the run is positive, in ticks of each price and in dollars."""
    (twin,) = pair([turn(0, side=side, prices=own)], [trade(side=side)]).twins

    assert (twin.entry_ticks, twin.exit_ticks, twin.slippage_ticks, twin.slippage) == (entry, left, entry + left, money)


def test_different_sizes_slip_for_what_both_traded():
    """3 of the account against 2 of the run: two contracts slipped."""
    (twin,) = pair([turn(0, size=3, prices=(100.25, 103.0))], [trade(size=2)]).twins

    assert (twin.size, twin.slippage_ticks, twin.slippage) == (1, 2.0, 1.0)
    assert twin.fees == pytest.approx(0.26)


@pytest.mark.parametrize("entry_s, apart, delay", [(0, 0, 0), (59.9, 0, 59.9), (60, 0, 60), (75, 15, 75), (-20, -20, -20)], ids=str)
def test_a_run_knows_its_fills_to_the_bar(entry_s, apart, delay):
    """Anywhere in the bar is no difference; the delay counts from the signal, which is the bar's opening."""
    (twin,) = pair([turn(entry_s)], [trade()]).twins

    assert (twin.entry_s, twin.delay_s) == (apart, delay)


@pytest.mark.parametrize(
    "own, theirs, paired",
    [
        (turn(360), trade(), True),
        (turn(360.001), trade(), False),
        (turn(-300), trade(), True),
        (turn(-300.001), trade(), False),
        (turn(0, side=-1), trade(), False),
        (turn(0, instrument="NQ 03-27"), trade(), False),
        (turn(0, instrument="MNQ 06-27"), trade(instrument="MNQ 03-27"), False),
        (turn(0, instrument="MNQH7"), trade(instrument="MNQ MAR27"), True),
    ],
    ids=["late", "too late", "early", "too early", "other side", "other root", "other contract", "same contract"],
)
def test_twins_are_near_and_of_one_kind(own, theirs, paired):
    """The window of 300 s counts from the bar's ends."""
    found = pair([own], [theirs])

    assert len(found.twins) == paired
    assert (len(found.account_only), len(found.run_only)) == ((0, 0) if paired else (1, 1))


def test_the_nearest_entries_are_twins_and_each_is_taken_once():
    """The second turn is nearest to the first trade; the first turn then has the other one, or none."""
    found = pair([turn(100), turn(70)], [trade(661), trade(664)])

    assert [(t.delay_s, t.run.id) for t in found.twins] == [(70, "T-661-MNQ-1"), (-80, "T-664-MNQ-1")]
    assert pair([turn(100), turn(70)], [trade(661)]).account_only[0].entry_time == wall(at(661) + 40 * SECOND)


def test_equally_near_entries_are_decided_by_the_exits():
    """Two accounts' copies would be equal; here one left when the run did."""
    found = pair([turn(5, held_s=1200), turn(10, held_s=600)], [trade()])

    assert (found.twins[0].delay_s, found.account_only[0].entry_time) == (10, wall(at(660) + 5 * SECOND))


def test_the_order_of_the_input_does_not_matter():
    """The same twins whichever side is read first."""
    turns, trades = [turn(s) for s in (0, 30, 170, 400)], [trade(m) for m in (661, 662, 667)]

    assert set(map(str, pair(turns, trades).twins)) == set(map(str, pair(turns[::-1], trades[::-1]).twins))


def test_a_lone_trade_has_its_net_where_the_terms_are_known():
    """An instrument that neither run nor source defines has none."""
    known, unknown = pair([turn(0), turn(0, instrument="XX 03-27")], []).account_only

    assert (known.net, unknown.net) == (4.5, None)


def test_a_run_in_an_unknown_instrument_is_refused():
    """Its ticks are needed."""
    with pytest.raises(ConfError, match=r"the run traded 'XX', which neither its run\.json nor conf/instruments\.toml defines"):
        pair([turn(0, instrument="XX")], [trade(instrument="XX")])
