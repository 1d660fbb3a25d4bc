"""How many bars a lookback is, and what an interrupted backfill may go on from (capabilities E.1, E.2)."""

import pytest

from bus.errors import ConfError
from replay.backfill import bars


@pytest.mark.parametrize(
    ("lookback", "unit", "minutes", "expected"),
    [
        (30, "days", 1, 43_200),
        (7, "days", 5, 2_016),
        (3, "months", 1440, 100),  # about 90 days, and 100 at least
        (1, "weeks", 1, 10_080),
        (2, "years", 1, 1_051_200),
        (1, "days", 60, 100),
        (5, "years", 1, 1_100_000),  # the ceiling
    ],
)
def test_a_lookback_is_a_number_of_bars(lookback, unit, minutes, expected):
    """The design's three examples, the other units, and both ends."""
    assert bars(lookback, unit, minutes) == expected


@pytest.mark.parametrize(
    ("lookback", "unit", "told"), [(3, "fortnights", "days, weeks"), (3, "day", "did you mean 'days'"), (0, "days", "1")]
)
def test_a_lookback_that_cannot_be_is_refused(lookback, unit, told):
    """With the units there are, or what to write."""
    with pytest.raises(ConfError, match=told):
        bars(lookback, unit, 1)
