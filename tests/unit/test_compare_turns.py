"""Fills into round turns, first in, first out."""

from decimal import Decimal

import pytest

from tapewire.replay.compare import turns
from tapewire.replay.compare.history import AccountFill, AccountHistory, AccountTurn, ContractName, contract_name, once
from tests.runs import at


def fill(minute: int, signed: int, price: float = 100.0, **more: object) -> AccountFill:
    fields = {
        "account": "Sim101",
        "instrument": "MNQ 03-27",
        "at_ns": at(minute),
        "side": 1 if signed > 0 else -1,
        "size": abs(signed),
        "price": Decimal(str(price)),
        "fees": Decimal("0.62") * abs(signed),
        "order": f"o{minute}",
    }
    return AccountFill(**(fields | more))


def fold(*fills: AccountFill) -> AccountHistory:
    return turns.fold(AccountHistory(source="test"), fills)


def shown(turn: AccountTurn) -> tuple[int, int, float, int, float]:
    """Size and direction, entry and exit minute and price."""
    return turn.direction * turn.size, (turn.entry_ns - at(0)) // 60_000_000_000, turn.entry_price, *_left(turn)


def _left(turn: AccountTurn) -> tuple[int, float]:
    return (turn.exit_ns - at(0)) // 60_000_000_000, turn.exit_price


@pytest.mark.parametrize(
    "fills, expected",
    [
        ([fill(1, 1, 100), fill(5, -1, 103)], [(1, 1, 100, 5, 103)]),
        ([fill(1, -2, 100), fill(5, 2, 97)], [(-2, 1, 100, 5, 97)]),
        ([fill(1, 1, 100), fill(2, 1, 102), fill(5, -1, 103), fill(6, -1, 104)], [(1, 1, 100, 5, 103), (1, 2, 102, 6, 104)]),
        ([fill(1, 1, 100), fill(2, 1, 102), fill(5, -2, 103)], [(1, 1, 100, 5, 103), (1, 2, 102, 5, 103)]),
        ([fill(1, 3, 100), fill(5, -1, 103), fill(6, -2, 106)], [(3, 1, 100, 6, 105)]),
        ([fill(1, 1, 100), fill(5, -3, 103), fill(6, 2, 101)], [(1, 1, 100, 5, 103), (-2, 5, 103, 6, 101)]),
        ([fill(1, 1, 100, order="a"), fill(2, 1, 101, order="a"), fill(5, -2, 103)], [(2, 1, 100.5, 5, 103)]),
        ([fill(1, 1, 100, order=""), fill(1, 1, 101, order=""), fill(5, -2, 103, order="")], [(2, 1, 100.5, 5, 103)]),
    ],
    ids=["long", "short", "scaled in", "scaled in, one exit", "scaled out", "reversed", "partial fills", "without order ids"],
)
def test_fills_become_round_turns(fills, expected):
    """A turn is what one entry order opened; exits close the oldest contracts first."""
    found = fold(*fills)

    assert [shown(turn) for turn in found.turns] == expected
    assert (found.open, found.unseen, found.doubts) == ((), {}, ())


def test_a_reversal_pays_for_both_turns():
    """The fees of the fill that passes through zero go to each turn by its contracts."""
    first, second = fold(fill(1, 1), fill(5, -3, fees=Decimal("1.00")), fill(6, 2, fees=Decimal("1.24"))).turns

    assert (first.fees, second.fees) == (Decimal("0.62") + Decimal("0.3333"), Decimal("0.6667") + Decimal("1.24"))


def test_accounts_and_contracts_do_not_close_each_other():
    """Two names of one contract are one instrument; another month is another one."""
    found = fold(
        fill(1, 1),
        fill(2, -1, account="Sim102"),
        fill(3, -1, instrument="MNQ 06-27"),
        fill(5, -1, instrument="MNQH7"),
    )

    assert [shown(turn) for turn in found.turns] == [(1, 1, 100, 5, 100)]
    assert [(turn.account, turn.instrument) for turn in found.open] == [("Sim102", "MNQ 03-27"), ("Sim101", "MNQ 06-27")]


def test_what_was_held_before_the_first_fill_opens_nothing():
    """The stated positions say that 2 were held: the first sale closes one of them, the next fills begin flat."""
    found = fold(fill(1, -1, position=1), fill(2, -2, position=-1), fill(3, 1, position=0))

    assert [shown(turn) for turn in found.turns] == [(-1, 2, 100, 3, 100)]
    assert found.unseen == {"Sim101": 2}


def test_an_exit_without_a_position_opens_nothing():
    """Where no position is stated, the mark of the fill counts."""
    found = fold(fill(1, -1, closes=True), fill(2, 1, closes=False), fill(3, -1, closes=True))

    assert [shown(turn) for turn in found.turns] == [(1, 2, 100, 3, 100)]
    assert found.unseen == {"Sim101": 1}


@pytest.mark.parametrize("positions, closes", [((0, 0), (None, None)), ((0, -1), (False, True))])
def test_positions_that_do_not_follow_from_the_fills_are_doubted(positions, closes):
    """They are not used; the turns begin flat."""
    found = fold(fill(1, 1, position=positions[0], closes=closes[0]), fill(2, -1, position=positions[1], closes=closes[1]))

    assert [shown(turn) for turn in found.turns] == [(1, 1, 100, 2, 100)]
    assert "does not follow from the fills before it" in found.doubts[0]


def test_pairs_of_one_entry_are_one_turn():
    """NinjaTrader shows a trade that left in two steps as two lines."""
    long, other = fold(fill(1, 1, 100), fill(5, -1, 103)).turns + fold(fill(1, 1, 100), fill(7, -1, 105)).turns

    (turn,) = turns.joined([long, other])

    assert shown(turn) == (2, 1, 100, 7, 104)
    assert turn.fees == Decimal("2.48")


def test_a_fill_counts_once_by_its_id():
    """The same id twice is one fill; equal fills without an id are two."""
    assert once([fill(1, 1, id="a"), fill(1, 1, id="a")])[0] == [fill(1, 1, id="a")]
    assert once([fill(1, 1, id="a"), fill(1, 1, id="a")])[1] == ("fills that stand there twice, and count once: 1",)
    assert once([fill(1, 1), fill(1, 1)]) == ([fill(1, 1), fill(1, 1)], ())


@pytest.mark.parametrize(
    "text, expected",
    [
        ("MNQ", ContractName("MNQ")),
        ("MNQ 03-27", ContractName("MNQ", 3, 7)),
        ("MNQ MAR27", ContractName("MNQ", 3, 7)),
        ("MNQH7", ContractName("MNQ", 3, 7)),
        ("MNQH27", ContractName("MNQ", 3, 7)),
        ("6EM7", ContractName("6E", 6, 7)),
        ("MNQ ##-##", ContractName("MNQ")),
        ("ES", ContractName("ES")),
    ],
)
def test_a_contract_has_several_names(text, expected):
    """NinjaTrader's three symbologies, and a root alone."""
    assert contract_name(text) == expected


def test_contracts_match_by_root_and_by_month_where_both_name_one():
    """A run on continuous bars names no month."""
    assert contract_name("MNQ").matches(contract_name("MNQ 03-27"))
    assert contract_name("MNQ MAR27").matches(contract_name("MNQH7"))
    assert not contract_name("MNQ 06-27").matches(contract_name("MNQ 03-27"))
    assert not contract_name("NQ").matches(contract_name("MNQ"))
