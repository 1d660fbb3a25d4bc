"""Round turns lose nothing: whatever is bought and sold, sizes, money and fees of the fills are those of the turns."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tapewire.replay.compare import turns
from tapewire.replay.compare.history import AccountFill, AccountHistory, AccountTurn
from tests.runs import at

cents = st.decimals(min_value=0, max_value=50, places=4, allow_nan=False, allow_infinity=False)
ticks = st.integers(min_value=-40, max_value=120_000).map(lambda count: Decimal(count) / 4)  # spreads trade below zero


@st.composite
def fills(draw):
    """Any fills of two accounts and two instruments; several in one second and of one order."""
    return [
        AccountFill(
            account=draw(st.sampled_from(["Sim101", "Sim102"])),
            instrument=draw(st.sampled_from(["MNQ 03-27", "ES 03-27"])),
            at_ns=at(draw(st.integers(0, 12))),
            side=draw(st.sampled_from([1, -1])),
            size=draw(st.integers(1, 5)),
            price=draw(ticks),
            fees=draw(cents),
            id=str(number),
            order=draw(st.sampled_from(["", "a", "b"])),
        )
        for number in range(draw(st.integers(0, 25)))
    ]


def key(each: AccountFill | AccountTurn) -> tuple[str, str]:
    return each.account, each.instrument


@given(fills())
def test_sizes_money_and_fees_are_kept(made):
    """For each account and instrument, to the last digit; what is open is on one side only."""
    found = turns.fold(AccountHistory(source="test"), made)

    every = [*found.turns, *found.open]
    assert all(turn.closed == turn.size for turn in found.turns)
    assert all(turn.closed < turn.size for turn in found.open)
    assert {key(fill) for fill in made} == {key(turn) for turn in every}
    for one in {key(fill) for fill in made}:
        own = [fill for fill in made if key(fill) == one]
        made_of = [turn for turn in every if key(turn) == one]
        assert sum(fill.size for fill in own) == sum(turn.size + turn.closed for turn in made_of)
        assert sum(fill.side * fill.size for fill in own) == sum(turn.direction * (turn.size - turn.closed) for turn in made_of)
        paid = sum((fill.side * fill.size * fill.price for fill in own), Decimal(0))
        assert paid == sum((turn.direction * (turn.entered - turn.left) for turn in made_of), Decimal(0))
        assert sum((fill.fees for fill in own), Decimal(0)) == sum((turn.fees for turn in made_of), Decimal(0))
        assert len({turn.direction for turn in made_of if turn.closed < turn.size}) <= 1


@given(fills())
def test_the_order_in_the_file_decides_only_within_one_second(made):
    """Fills of different times may stand in any order."""
    apart = list({fill.at_ns: fill for fill in made}.values())

    assert turns.fold(AccountHistory(source="t"), apart) == turns.fold(AccountHistory(source="t"), apart[::-1])
