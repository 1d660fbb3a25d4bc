"""A session's profile beside its candles: TPOs as a field from the right edge, volume as its outline, value area, single prints.

It is drawn of every session, with rows of the run's preset; where that has none, of so many ticks that there are ROWS at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from tapewire.bus.messages import Prints, Profile, ValueArea
from tapewire.daemons.tracker.auction import AuctionState, RowSize
from tapewire.replay.report.text import count, price

ROWS = 120  # steps of the drawing; a profile with more rows is drawn in groups of them
REACH = 0.16  # of the fullest row, as a share of the width
ROUND = (1, 2, 5)
PRIOR = "prior-value"
OPENED = {
    "above_range": "opened above the range before",
    "above_value": "opened above value",
    "in_value": "opened in value",
    "below_value": "opened below value",
    "below_range": "opened below the range before",
}


class MinutePrices(Protocol):
    """Of a bar."""

    @property
    def open(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def volume(self) -> int: ...


class RthMinute(Protocol):
    """A minute of RTH as the page has it."""

    @property
    def bar(self) -> MinutePrices: ...
    @property
    def minute(self) -> int: ...
    @property
    def closes(self) -> int: ...


def of(instrument: str, session: str, minutes: Sequence[RthMinute], tick: float, row_ticks: int = 0) -> Profile | None:
    """The profile of the minutes of one session, in order; None without any, and beyond any market's range.

    Args:
        tick: of the instrument. row_ticks: ticks in a row; 0 for ROWS rows at most.
    """
    if not minutes:
        return None
    span = (max(m.bar.high for m in minutes) - min(m.bar.low for m in minutes)) / tick
    state = AuctionState(instrument, RowSize(tick, row_ticks or _round(span / ROWS)))
    state.turn(session, counts=False)
    for m in minutes:
        state.fold(m.minute, m.closes, m.bar.open, m.bar.high, m.bar.low, m.bar.volume)
    state.end()
    told = state.closed()
    return told[-1] if told else None


def paths(profile: Profile, width: int, y: Callable[[float], int], within: Callable[[float], bool]) -> Iterator[str]:
    """What is drawn below the candles, at the right end of it.

    Args:
        width: of the drawing. y: from a price to a height. within: as for `lines`.
    """
    made = profile.auction
    tpos = [each.bit_count() for each in profile.letters]
    yield f'<path class="tpo" d="{_steps(profile, tpos, width, y)}z"><title>TPOs</title></path>'
    if any(profile.volumes):
        yield f'<path class="at-price" d="{_steps(profile, profile.volumes, width, y)}"><title>volume at price</title></path>'
    for run in made.singles:
        edges = f"M{width} {y(run.high)}h-{round(width * 0.012)}V{y(run.low)}H{width}z"
        yield f'<path class="singles" d="{edges}"><title>single prints {_between(run)}</title></path>'
    for kind, level, name in lines(profile, within):
        title = name.replace("p", "the session before: ") if kind == PRIOR else name
        yield f'<path class="{kind}" d="M0 {y(level)}H{width}"><title>{title} {price(level)}</title></path>'


def lines(profile: Profile, within: Callable[[float], bool]) -> Iterator[tuple[str, float, str]]:
    """Value areas and point of control: CSS class, price, name. within: whether a price is among those of the drawing."""
    made = profile.auction
    areas = [("value-edge", made.tpo, "")] if made.tpo is not None else []
    if made.tpo is not None:
        yield "poc", made.tpo.poc, "POC"
    if made.prior is not None:
        areas.append((PRIOR, made.prior.tpo, "p"))
    for kind, area, before in areas:
        for end, level in (("VAH", area.high), ("VAL", area.low)):
            if within(level):
                yield kind, level, f"{before}{end}"


def words(profile: Profile) -> str:
    """The profile in one line."""
    made = profile.auction
    told = [f"value area {_area(made.tpo)}" if made.tpo is not None else "no value area"]
    if made.volume is not None:
        told.append(f"by volume {_area(made.volume)}")
    told += [OPENED[made.opened]] if made.opened is not None else []
    told += [f"value {made.value.replace('_', ' ')}"] if made.value is not None else []
    told += [name for name, is_so in (("poor high", made.poor_high), ("poor low", made.poor_low)) if is_so]
    told += [
        f"tail of {count(rows, 'row')} at the {end}" for end, rows in (("high", made.tail_high), ("low", made.tail_low)) if rows
    ]
    told += [f"single prints {', '.join(map(_between, made.singles))}"] if made.singles else []
    return f"Profile in rows of {price(profile.row)}: {'; '.join(told)}. Volume is spread over the range of each minute."


def _area(area: ValueArea) -> str:
    return f"{price(area.low)} to {price(area.high)}, POC {price(area.poc)}"


def _between(run: Prints) -> str:
    return price(run.low) if run.low == run.high else f"{price(run.low)} to {price(run.high)}"


def _steps(profile: Profile, values: Sequence[int], width: int, y: Callable[[float], int]) -> str:
    """The outline of a histogram whose bars grow from the right edge, from the lowest row up."""
    most, many = max(values), -(-len(values) // ROWS)
    path, at = [f"M{width} {y(profile.low)}"], width
    for first in range(0, len(values), many):
        group = values[first : first + many]
        x = width - round(sum(group) / len(group) / most * REACH * width)
        if x != at:
            path.append(f"V{y(profile.low + first * profile.row)}H{x}")
            at = x
    return f"{''.join(path)}V{y(profile.low + len(values) * profile.row)}H{width}"


def _round(least: float) -> int:
    """1, 2, 5, 10, 20, ...: the first that is not less."""
    power = 1
    while True:
        for each in ROUND:
            if each * power >= least:
                return each * power
        power *= 10
