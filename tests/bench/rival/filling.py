"""A slow engine whose fill rules are switches: with those of an engine it makes that engine's trades.

So the difference between two engines is the list of switches in which they differ, and what each of them changes can be counted
(`staircase`): from our rules to theirs one switch after another, each time comparing the trades before and after.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from tests.bench.rival.played import Rule, Told


class Bars(NamedTuple):
    """One value per bar. last: whether it is the last one of its trade date."""

    open: Sequence[float]
    high: Sequence[float]
    low: Sequence[float]
    close: Sequence[float]
    volume: Sequence[float]
    last: Sequence[bool]


class Rules(NamedTuple):
    """How an engine fills. The defaults are ours (playbook 5.1).

    entry: what is decided on a bar fills at the next bar's open, or at this bar's close.
    entry_bar: stop and target may end a position on the bar that fills the entry.
    both: which of the two ends it on a bar that touches both. `open`: what the open has passed, else the stop. `stop`: the stop,
        whatever the open has passed. `high`: what the path open, high, low, close meets first.
    gap_stop, gap_target: a stop or target that the open has passed fills at the open, or at its own price.
    same_bar: a position that has ended within a bar may be followed by an entry that the same bar's close decides.
    levels: stop and target are prices, or a share of the entry price, multiplied again.
    empty: bars without volume fill, too.
    date_ends, data_ends: what is open is closed at the last close of the trade date, or of the data.
    """

    entry: Literal["open", "close"] = "open"
    entry_bar: bool = True
    both: Literal["open", "stop", "high"] = "open"
    gap_stop: Literal["open", "own"] = "open"
    gap_target: Literal["open", "own"] = "open"
    same_bar: bool = True
    levels: Literal["points", "share"] = "points"
    empty: bool = False
    date_ends: bool = True
    data_ends: bool = True


OURS = Rules()

Crosses = Mapping[int, int]


class Made(NamedTuple):
    """A trade and the bar that decided it."""

    decided: int
    told: Told


class Held(NamedTuple):
    """An open position."""

    decided: int
    side: int
    entered: int
    entry: float
    stop: float
    target: float

    def left(self, at: int, price: float) -> Made:
        return Made(self.decided, Told(self.side, self.entered, self.entry, at, price))


def fills(bars: Bars, crosses: Crosses, rule: Rule, reverses: bool, how: Rules = OURS) -> list[Made]:
    """The trades, in the order of their entries."""
    made: list[Made] = []
    held: Held | None = None
    ordered: int | None = None  # the bar that decided the entry that works
    leaves = False
    traded = 0.0

    def entered(decided: int, at: int, price: float) -> Held:
        side, close = crosses[decided], bars.close[decided]
        if how.levels == "points":
            return Held(decided, side, at, price, close - side * rule.stop, close + side * rule.target)
        down, up = price * (1 - side * (rule.stop * (1 / close))), price * (1 + side * (rule.target * (1 / close)))
        return Held(decided, side, at, price, down, up)

    for at in range(len(bars.close)):
        working = bars.volume[at] > 0 or how.empty
        fresh = closed = False
        if working:
            traded = bars.close[at]
            if leaves and held is not None:
                made.append(held.left(at, bars.open[at]))
                held, leaves = None, False
            if ordered is not None and held is None:
                held, ordered, fresh = entered(ordered, at, bars.open[at]), None, True
            if held is not None and (how.entry_bar or not fresh):
                price = ended(held, bars, at, how)
                if price is not None:
                    made.append(held.left(at, price))
                    held, closed = None, True
        cross = crosses.get(at, 0)
        if cross and (how.same_bar or not closed):
            turns = reverses and held is not None and held.side * cross < 0
            if how.entry == "close":
                if turns and held is not None:
                    made.append(held.left(at, bars.close[at]))
                    held = None
                if held is None:
                    held = entered(at, at, bars.close[at])
            elif held is None or turns:
                ordered, leaves = at, turns
        if how.date_ends and bars.last[at]:
            if held is not None:
                made.append(held.left(at, traded))
            held, ordered, leaves = None, None, False
    if held is not None and how.data_ends:
        made.append(held.left(len(bars.close) - 1, traded))
    return sorted(made, key=lambda each: each.told.entered)


def ended(held: Held, bars: Bars, at: int, how: Rules) -> float | None:
    """The price at which stop or target end a position on a bar; None if neither does."""
    side, opened = held.side, bars.open[at]
    worst, best = (bars.low[at], bars.high[at]) if side > 0 else (bars.high[at], bars.low[at])
    stop_passed, target_passed = (opened - held.stop) * side <= 0, (opened - held.target) * side >= 0
    stopped = stop_passed or (worst - held.stop) * side <= 0
    reached = target_passed or (best - held.target) * side >= 0
    at_stop = opened if stop_passed and how.gap_stop == "open" else held.stop
    at_target = opened if target_passed and how.gap_target == "open" else held.target
    if stopped and reached:
        target_first = {"open": target_passed, "stop": False, "high": target_passed or (side > 0 and not stop_passed)}[how.both]
        return at_target if target_first else at_stop
    return at_stop if stopped else at_target if reached else None


def rounded(told: Told) -> Told:
    """Prices to a thousandth of a point: a share of a price is none of it exactly."""
    return told._replace(entry=round(told.entry, 3), exit=round(told.exit, 3))


class Step(NamedTuple):
    """What one rule changes.

    changed: trades of the same decision with other prices or another exit. moved: those with another bar of the entry alone. more,
    fewer: trades that are there only after it, or only before it, because a position was open or not when a cross came.
    """

    rule: str
    changed: int
    moved: int
    more: int
    fewer: int


def staircase(bars: Bars, crosses: Crosses, theirs: Crosses, rule: Rule, reverses: bool, how: Rules) -> Iterator[Step]:
    """From our rules and the exact crosses to those of an engine; rules that it shares are no step."""
    now = OURS
    before = fills(bars, crosses, rule, reverses, now)
    if dict(crosses) != dict(theirs):
        after = fills(bars, theirs, rule, reverses, now)
        yield compared("averages", before, after)
        before = after
    for name in Rules._fields:
        if getattr(now, name) != getattr(how, name):
            now = now._replace(**{name: getattr(how, name)})
            after = fills(bars, theirs, rule, reverses, now)
            yield compared(name, before, after)
            before = after


def compared(rule: str, before: Sequence[Made], after: Sequence[Made]) -> Step:
    old, new = ({each.decided: rounded(each.told) for each in side} for side in (before, after))
    both = [(old[decided], new[decided]) for decided in old.keys() & new.keys()]
    moved = sum(one != two and one._replace(entered=two.entered) == two for one, two in both)
    changed = sum(one != two for one, two in both) - moved
    return Step(rule, changed, moved, len(new.keys() - old.keys()), len(old.keys() - new.keys()))
