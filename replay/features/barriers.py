"""Labels by triple barrier: what would have come first, a profit, a loss, or the end of the time.

The method is M. Lopez de Prado's (Advances in Financial Machine Learning, 2018, chapter 3.4). From the close of a bar, one barrier
lies a multiple of its ATR in favour of a side, one a multiple against it, and the third is a number of bars:

    1     the profit came first
    -1    the loss came first, or both within one bar, whose order it does not record: the worse is taken, as the venue takes it
    0     neither came in time
    NaN   nobody knows: the bar has no ATR, or no bar follows

A bar touches a barrier with its high or its low, and a bar that opens beyond a barrier ends there, at its open, before anything
else; so the order is that of the venue: open beyond the loss, open beyond the profit, loss touched, profit touched. A bar with
volume 0 touches nothing, since nothing fills there, and counts as time.

A path ends with its trade date; that of an RTH bar with RTH, as positions of regular hours do. It is shorter then, and still 0
where nothing was touched. Where the recording ends before the hours do, that is not known, and the label is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from tapewire.bus.errors import ConfError, suggest
from tapewire.bus.messages import LONG, SHORT, Direction

Floats: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]

SIDES: tuple[Direction, ...] = (LONG, SHORT)


def side(word: str) -> Direction:
    """LONG or SHORT by its word, in any case. Raises ConfError for another word."""
    known: dict[str, Direction] = {each.lower(): each for each in SIDES}
    if (found := known.get(word.lower())) is None:
        raise ConfError(f"side {word!r}{suggest(word, known)}: write long or short")
    return found


def sides(words: Iterable[str]) -> list[Direction]:
    """As `side`, of each. Raises ConfError for one that comes twice, too, and for none."""
    found = [side(word) for word in words]
    if not found or len(set(found)) < len(found):
        raise ConfError(f"sides {', '.join(found) or 'are missing'}: write long, short, or each once")
    return found


class TripleBarrier(Struct, frozen=True):
    """Where the barriers are. profit_atr, loss_atr: their distances from the close; bars: the time; side: of whom the profit is."""

    profit_atr: float = 2.0
    loss_atr: float = 2.0
    bars: int = 30
    side: Direction = LONG

    def __post_init__(self) -> None:
        for name in ("profit_atr", "loss_atr"):
            if not 0 < getattr(self, name) < np.inf:
                raise ConfError(f"{name} = {getattr(self, name)}: write a distance above 0, such as 2.0")
        if self.bars < 1:
            raise ConfError(f"bars = {self.bars}: write 1 or more")

    def __str__(self) -> str:
        return (
            f"1 if a {self.side} from the close reaches {self.profit_atr:g} ATR of profit before {self.loss_atr:g} ATR of loss, "
            f"within {self.bars} bars of its session; -1 if the loss comes first or in the same bar, 0 if neither comes"
        )


class Path(NamedTuple):
    """The bars of a recording in columns, one place each.

    atr: NaN where it is missing. last: the place of the last bar that the label of this one may look at. known: whether the hours
    end there, so that no bar is missing behind it.
    """

    close_ns: Whole
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Whole
    atr: Floats
    last: Whole
    known: NDArray[np.bool_]


class BarrierLabels(NamedTuple):
    """A label of each bar: its value, the close of the last bar that it looks at, and the move in favour of the side, in ATR."""

    label: Floats
    ends_ns: Whole
    move_atr: Floats


def labelled(rule: TripleBarrier, path: Path) -> BarrierLabels:
    """The label of each bar of a recording. Steps through the time, all bars at once."""
    sign = 1.0 if rule.side == LONG else -1.0
    opens, closes = sign * path.open, sign * path.close
    best, worst = (path.high, path.low) if sign > 0 else (-path.low, -path.high)
    above, below = closes + rule.profit_atr * path.atr, closes - rule.loss_atr * path.atr
    count = len(closes)
    label, leaves = np.full(count, np.nan), np.full(count, np.nan)
    ends = np.arange(count)
    waiting = np.flatnonzero(np.isfinite(path.atr) & (path.last > ends))
    for step in range(1, min(rule.bars, count) + 1):
        at = waiting + step
        inside = at <= path.last[waiting]
        late = waiting[~inside]
        label[late[path.known[late]]] = 0.0
        waiting, at = waiting[inside], at[inside]
        ends[waiting] = at
        up, down = above[waiting], below[waiting]
        fell = np.minimum(opens[at], down)
        rose = np.maximum(opens[at], up)
        trades = path.volume[at] > 0
        lost = trades & (opens[at] <= down)
        won = trades & ~lost & (opens[at] >= up)
        lost |= trades & ~won & (worst[at] <= down)
        won |= trades & ~lost & (best[at] >= up)
        label[waiting[lost]], leaves[waiting[lost]] = -1.0, fell[lost]
        label[waiting[won]], leaves[waiting[won]] = 1.0, rose[won]
        waiting = waiting[~(lost | won)]
    label[waiting] = 0.0
    timed = label == 0.0
    leaves[timed] = closes[ends[timed]]
    ends[np.isnan(label)] = np.flatnonzero(np.isnan(label))
    return BarrierLabels(label, path.close_ns[ends], (leaves - closes) / path.atr)
