"""`tapewire subscribers`: when a key ends."""

from __future__ import annotations

import datetime as dt

import pytest

from tapewire.bus.errors import ConfError
from tapewire.daemons.operator import subscribers


@pytest.mark.parametrize("text", ["0001-01-01", "2020-01-31", "2020-01-31T21:00+00:00"])
def test_a_key_that_would_let_nobody_in_is_not_made(text: str) -> None:
    """A year that was mistyped would be found out by the subscriber."""
    with pytest.raises(ConfError, match=r"--expires '.*' is over; write a later one"):
        subscribers.coming(text)


def test_a_last_day_holds_until_it_is_over() -> None:
    today = dt.datetime.now(dt.UTC).date()

    assert subscribers.coming("") is None
    assert subscribers.coming((today + dt.timedelta(1)).isoformat()) == dt.datetime.combine(
        today + dt.timedelta(2), dt.time(), dt.UTC
    )
