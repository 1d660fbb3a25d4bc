"""The tracker's auction against a slow reference that starts anew at every bar, and rules that hold for any session."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tapewire.bus.messages import Auction, Prints, ValueArea
from tapewire.daemons.market.ticks import price, ticks
from tapewire.daemons.settings.load import instruments
from tapewire.daemons.tracker.auction import AuctionState, RowSize
from tapewire.strategies.auction import AuctionRows, value_area
from tapewire.strategies.clock import RTH_OPEN

KNOWN = instruments()
CLOSES = RTH_OPEN + 120  # four brackets


class Minute(NamedTuple):
    """A bar of the session: its minute from the open, its range in ticks, its contracts."""

    minute: int
    low: int
    high: int
    volume: int


@st.composite
def minutes(draw: st.DrawFn) -> list[Minute]:
    """Some minutes of a session, most of them, in order, walking a little at a time."""
    at, level, made = 0, draw(st.integers(-30, 30)), []
    for _ in range(draw(st.integers(1, 25))):
        at += draw(st.sampled_from([1, 1, 1, 2, 7, 31]))
        if at > CLOSES - RTH_OPEN:
            break
        level += draw(st.integers(-9, 9))
        height = draw(st.integers(0, 8))
        made.append(Minute(at, level, level + height, draw(st.sampled_from([0, 1, 2, 10, 997]))))
    return made


def tracked(session: list[Minute], size: RowSize) -> list[Auction]:
    """What the tracker has after each bar."""
    state, found = AuctionState("MNQ", size), []
    state.turn("2026-03-03", counts=False)
    for each in session:
        low, high = price(each.low, size.tick), price(each.high, size.tick)
        state.fold(RTH_OPEN + each.minute, CLOSES, low, high, low, each.volume)
        found.append(state.auction)
    return found


def reference(session: list[Minute], size: RowSize) -> Auction:
    """The same after the last bar, from sets and fractions."""
    n = size.ticks
    ranges: dict[int, tuple[int, int]] = {}
    volumes: dict[int, int] = {}
    for each in session:
        bracket = (each.minute - 1) // 30
        low, high = ranges.get(bracket, (each.low, each.high))
        ranges[bracket] = min(low, each.low), max(high, each.high)
        wide = each.high - each.low + 1
        upto = [floor(Fraction(k * each.volume, wide) + Fraction(1, 2)) for k in range(wide + 1)]
        for k in range(wide):
            row = floor(Fraction(each.low + k, n))
            volumes[row] = volumes.get(row, 0) + upto[k + 1] - upto[k]
    letters: dict[int, set[int]] = {}
    for bracket, (low, high) in ranges.items():
        for tick in range(low, high + 1):
            letters.setdefault(tick // n, set()).add(bracket)
    first, last = min(letters), max(letters)
    counts = {row: len(letters.get(row, ())) for row in range(first, last + 1)}
    newest, minute = max(ranges), session[-1].minute
    over = {bracket for bracket in ranges if bracket < newest or minute % 30 == 0}

    def single(row: int) -> bool:
        return counts[row] == 1 and letters[row] <= over

    def tail(inwards: list[int]) -> int:
        if counts[inwards[0]] != 1 or newest in letters[inwards[0]]:
            return 0
        return next((at for at, row in enumerate(inwards) if not single(row)), len(inwards))

    everything = list(range(first, last + 1))
    runs: list[list[int]] = []
    for row in everything:
        if single(row):
            if runs and runs[-1][-1] == row - 1:
                runs[-1].append(row)
            else:
                runs.append([row])
    inside = [run for run in runs if run[0] != first and run[-1] != last]
    return Auction(
        row=price(n, size.tick),
        bracket=newest,
        tpos=sum(counts.values()),
        tpo=area(counts, size),
        volume=area({row: volumes.get(row, 0) for row in everything}, size),
        singles=tuple(Prints(price(run[0] * n, size.tick), price(run[-1] * n + n - 1, size.tick)) for run in inside),
        tail_high=tail(everything[::-1]),
        tail_low=tail(everything),
        poor_high=counts[last] >= 2,
        poor_low=counts[first] >= 2,
    )


def area(by: dict[int, int], size: RowSize) -> ValueArea | None:
    """The handbook's value area, row by row."""
    total, first, last, n = sum(by.values()), min(by), max(by), size.ticks
    if not total:
        return None
    middle = Fraction(first + last, 2)
    poc = min(by, key=lambda row: (-by[row], abs(row - middle), row))
    inside = {poc}
    while Fraction(sum(by[row] for row in inside), total) < Fraction(7, 10):
        up = [row for row in (max(inside) + 1, max(inside) + 2) if row <= last]
        down = [row for row in (min(inside) - 1, min(inside) - 2) if row >= first]
        above, below = sum(by[row] for row in up), sum(by[row] for row in down)
        inside |= set(up if up and (not down or above >= below) else down)
    low, high = min(inside) * n, max(inside) * n + n - 1
    return ValueArea(price(poc * n + (n - 1) // 2, size.tick), price(high, size.tick), price(low, size.tick))


SIZES = st.builds(RowSize, st.sampled_from([0.25, 0.01, 0.0000005]), st.sampled_from([1, 2, 3, 10]))


@given(minutes(), SIZES)
@example([Minute(1, 0, 4, 10), Minute(30, 2, 2, 1), Minute(31, 9, 12, 0)], RowSize(0.25, 1))
def test_every_bar_has_what_a_slow_reference_has(session: list[Minute], size: RowSize) -> None:
    """Value areas, tails, single prints and poor extremes, after each bar; so any prefix of bars gives the same as well."""
    found = tracked(session, size)

    for count, auction in enumerate(found, 1):
        assert auction == reference(session[:count], size)


@given(minutes(), st.integers(-1000, 1000), st.sampled_from([1, 4]))
def test_a_move_by_whole_rows_moves_every_price(session: list[Minute], by: int, row_ticks: int) -> None:
    """And nothing else: no rule depends on where the market stands."""
    size = RowSize(1.0, row_ticks)
    shift = by * row_ticks
    moved = [each._replace(low=each.low + shift, high=each.high + shift) for each in session]
    for here, there in zip(tracked(session, size), tracked(moved, size), strict=True):
        assert (here.tpos, here.tail_high, here.tail_low, here.poor_high) == (
            there.tpos,
            there.tail_high,
            there.tail_low,
            there.poor_high,
        )
        assert there.singles == tuple(Prints(run.low + shift, run.high + shift) for run in here.singles)
        for mine, theirs in ((here.tpo, there.tpo), (here.volume, there.volume)):
            assert theirs == (mine and ValueArea(mine.poc + shift, mine.high + shift, mine.low + shift))


@given(minutes(), st.sampled_from([1, 3]))
def test_nothing_is_lost_or_made_up(session: list[Minute], row_ticks: int) -> None:
    """All contracts are in a row; the sums are the rows'; a row has as many TPOs as brackets."""
    rows = AuctionRows(row_ticks)
    for each in session:
        rows.fold((each.minute - 1) // 30, each.low, each.high, each.volume)

    assert sum(rows.volumes) == rows.volume == sum(each.volume for each in session)
    assert sum(rows.counts) == rows.tpos
    assert [bits.bit_count() for bits in rows.letters] == rows.counts
    assert rows.lowest == min(each.low for each in session) // row_ticks


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_a_value_area_holds_its_share_and_no_pair_too_many(counts: list[int]) -> None:
    """70 % at least; without its last pair less. The fullest row is in it."""
    found = value_area(counts, sum(counts))
    if found is None:
        assert sum(counts) == 0
        return
    poc, low, high = found
    inside = sum(counts[low : high + 1])
    ends = [sum(counts[low : low + 2]), sum(counts[high - 1 : high + 1])] if high > low else []

    assert low <= poc <= high
    assert counts[poc] == max(counts)
    assert 10 * inside >= 7 * sum(counts)
    assert not ends or 10 * (inside - max(ends)) < 7 * sum(counts)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 400_000), min_size=1, max_size=40))
def test_a_price_on_the_tick_is_in_its_own_row(counts: list[int]) -> None:
    """Of every shipped instrument: no division puts a price one row too high or too low."""
    for name, terms in KNOWN.items():
        for count in counts:
            at = price(count, terms.tick)

            assert ticks(at, terms.tick) == count, (name, at)
