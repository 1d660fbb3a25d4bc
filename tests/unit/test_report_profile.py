"""The drawing of a session's profile, and its words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from tapewire.bus.messages import Auction, Prints, PriorValue, Profile, ValueArea
from tapewire.replay.report import profile


class Prices(Struct, frozen=True):
    open: float
    high: float
    low: float
    volume: int


class Minute(Struct, frozen=True):
    bar: Prices
    minute: int
    closes: int = 960


def minutes(*ranges: tuple[float, float], volume: int = 100) -> list[Minute]:
    """A bar at the beginning of each bracket."""
    return [Minute(Prices(low, high, low, volume), 571 + 30 * at) for at, (low, high) in enumerate(ranges)]


def made(*ranges: tuple[float, float], **fields: Any) -> Profile:
    found = profile.of("MNQ", "2026-03-03", minutes(*ranges, **fields), 0.25)
    assert found is not None
    return found


def height(price: float) -> int:
    """From the top, of a drawing 1000 high for prices 0 to 1000."""
    return round(1000 - price)


def everywhere(price: float) -> bool:
    return True


def test_a_session_without_minutes_has_no_profile() -> None:
    """A holiday, or a journal that kept none."""
    assert profile.of("MNQ", "2026-03-03", [], 0.25) is None


@pytest.mark.parametrize(
    ("points", "row"), [(1.0, 0.25), (29.0, 0.25), (31.0, 0.5), (61.0, 1.25), (149.0, 1.25), (151.0, 2.5), (10_000.0, 125.0)]
)
def test_rows_are_as_high_as_the_range_asks_for(points: float, row: float) -> None:
    """1, 2, 5, 10 ... ticks, so that there are 120 rows at most, and one more where the range begins inside a row."""
    found = made((100.0, 100.0 + points))

    assert found.row == row
    assert len(found.letters) <= profile.ROWS + 1


def test_rows_are_those_of_the_run_if_it_has_any() -> None:
    """Then the figures below the drawing are those that strategies read."""
    found = profile.of("MNQ", "2026-03-03", minutes((100.0, 400.0)), 0.25, 4)

    assert found is not None
    assert (found.row, found.final, len(found.letters)) == (1.0, True, 301)


def test_the_field_is_as_wide_as_its_rows_have_tpos() -> None:
    """Three brackets in 104 to 105, one above and below: at the right edge, 0.16 of the width at the most."""
    found = made((102.0, 107.0), (104.0, 105.0), (104.0, 105.0))
    field = next(path for path in profile.paths(found, 780, height, everywhere) if 'class="tpo"' in path)
    steps = [int(x) for x in re.findall(r"H(\d+)", field)]

    assert min(steps) == 780 - round(0.16 * 780)
    assert steps == [780 - 42, 780 - 125, 780 - 42, 780]
    assert field.startswith(f'<path class="tpo" d="M780 {height(102.0)}')


def test_a_profile_of_many_rows_is_drawn_in_few_steps() -> None:
    """A row a tick of a wide day would be a hundred kilobytes of page."""
    wide = profile.of("MNQ", "2026-03-03", minutes(*((100.0 + at, 900.0 - 7 * at) for at in range(13))), 0.25, 1)

    assert wide is not None
    assert len(wide.letters) > 3_000
    assert all(path.count("H") <= profile.ROWS + 1 for path in profile.paths(wide, 780, height, everywhere))


def test_a_session_without_volume_has_no_outline() -> None:
    """Its TPOs are drawn all the same."""
    kinds = [
        re.findall(r'class="([\w-]+)"', path)[0] for path in profile.paths(made((1.0, 2.0), volume=0), 780, height, everywhere)
    ]

    assert kinds == ["tpo", "poc", "value-edge", "value-edge"]


def test_the_words_tell_all_that_is_known() -> None:
    """In the order in which a trader asks."""
    prior = PriorValue("2026-03-02", ValueArea(90.0, 95.0, 85.0), None, 99.0, 80.0)
    auction = Auction(
        0.25,
        12,
        99,
        ValueArea(104.0, 106.0, 102.0),
        ValueArea(104.25, 105.0, 103.0),
        singles=(Prints(100.0, 100.5), Prints(101.0, 101.0)),
        tail_high=1,
        tail_low=3,
        poor_high=True,
        prior=prior,
        opened="above_range",
        value="higher",
    )
    told = profile.words(replace(made((100.0, 110.0)), row=0.25, auction=auction))

    assert told == (
        "Profile in rows of 0.25: value area 102.00 to 106.00, POC 104.00; by volume 103.00 to 105.00, POC 104.25; "
        "opened above the range before; value higher; poor high; tail of 1 row at the high; tail of 3 rows at the low; "
        "single prints 100.00 to 100.50, 101.00. Volume is spread over the range of each minute."
    )


def test_levels_beyond_the_prices_are_left_out() -> None:
    """A gap would put the value of the session before above the drawing's edge."""
    prior = PriorValue("2026-03-02", ValueArea(90.0, 95.0, 85.0), None, 99.0, 80.0)
    drawn = replace(made((100.0, 110.0)), auction=Auction(0.25, tpo=ValueArea(104.0, 106.0, 102.0), prior=prior))

    assert [(name, level) for _, level, name in profile.lines(drawn, lambda price: price > 90.0)] == [
        ("POC", 104.0),
        ("VAH", 106.0),
        ("VAL", 102.0),
        ("pVAH", 95.0),
    ]
    assert any("the session before: VAH 95.00" in path for path in profile.paths(drawn, 780, height, everywhere))
