"""A run trades one account: no word of another one reaches its books, whatever the bridge is set to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tapewire.bus.messages import Alarm, Execution, Hello, Position, VenuePosition
from tests.gates import ACCOUNT, Desk


def fill(account: str) -> Execution:
    return Execution("X-1", "", account, "MNQ", 2, 24_987.75, "FOREIGN", 0, 0)


def holds(account: str) -> Hello:
    return Hello("NinjaTrader", "1", ("SimB", ACCOUNT), (VenuePosition("MNQ", Position(account, 2, 24_987.75)),))


def test_a_fill_in_another_account_is_not_booked() -> None:
    """An alarm names both accounts, and nothing changes."""
    desk = Desk()

    outputs = desk.step(fill("SimB"), topic="venue.MNQ.")

    (alarm,) = [output.body for output in outputs if isinstance(output.body, Alarm)]
    assert alarm.name == "other_account"
    assert "SimB" in alarm.text
    assert ACCOUNT in alarm.text
    assert desk.gate.book.qty("MNQ") == 0


def test_the_position_of_another_account_is_not_adopted() -> None:
    """A bridge may see several accounts."""
    desk = Desk()

    desk.step(holds("SimB"), topic="venue.nt.")

    assert desk.gate.book.qty("MNQ") == 0


@pytest.mark.parametrize("word", [fill, holds])
def test_our_own_position_is_booked(word: Callable[[str], Execution | Hello]) -> None:
    """The same words of the account that this run trades count."""
    desk = Desk()

    desk.step(word(ACCOUNT), topic="venue.MNQ.")

    assert desk.gate.book.qty("MNQ") == 2
