"""A drawing that fits any width without a script: what scales is drawn in its own units, what may not scale stands in percent.

A plot has three layers in one cell and two axes beside it. The first layer is stretched to the cell; strokes keep their width
(`vector-effect` in the style), so it holds paths and fields. The second holds text and marks at places in percent, which keep their
size and shape. The axes are labels alone. Places are attributes, not styles: the live page allows no inline style.

By hand, and not with a library of charts: the page is drawn before any script runs, also where none may (a mail, a notebook that is
not trusted, the live page), it prints as lines, every mark can be read by a test, and candles of 60 sessions take 1 MB.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from tapewire.replay.report.text import text

UNITS = 1000  # of height; places in it are whole numbers, a third of a pixel at most

Label = tuple[float, str, int]
"""A place from 0 to 1, the words, and the rank: labels of rank 1 and more are left out where there is little room."""


class Scale(Struct, frozen=True):
    """From values to a share of the plot, 0 at `low` and 1 at `high`."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        return (value - self.low) / ((self.high - self.low) or 1.0)


def padded(low: float, high: float, room: float) -> Scale:
    """A scale with this share of its range as room at both ends."""
    more = (high - low) * room or 1.0
    return Scale(low - more, high + more)


def down(share: float) -> int:
    """A share of the height, counted from below, in units from above."""
    return round((1 - share) * UNITS)


def percent(share: float) -> str:
    return f"{share * 100:.2f}%"


def above(share: float) -> str:
    """A share of the height, counted from below, in percent from above."""
    return percent(1 - share)


def round_steps(low: float, high: float, most: int) -> list[float]:
    """Round values (1, 2, 2.5 or 5 times a power of ten apart) between low and high, at most `most` of them."""
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]


def steps(scale: Scale, most: int, label: Callable[[float], str]) -> list[Label]:
    """Labels at round values."""
    return [(scale(value), label(value), at % 2) for at, value in enumerate(round_steps(scale.low, scale.high, most))]


def ranked(labels: Sequence[tuple[float, str]], near: float, nearer: float) -> list[Label]:
    """Of labels in order those that are `near` apart at least, as shares of the width; those that are less than `nearer` apart get
    rank 1."""
    kept: list[Label] = []
    last, first = -1.0, -1.0
    for place, words in labels:
        if last >= 0 and place - last < near:
            continue
        last = place
        rank = int(first >= 0 and place - first < nearer)
        if not rank:
            first = place
        kept.append((place, words, rank))
    return kept


def plot(
    kind: str,
    about: str,
    width: int,
    stretched: Iterable[str],
    marks: Iterable[str] = (),
    *,
    y: Sequence[Label] = (),
    x: Sequence[Label] = (),
    ruled: bool = True,
) -> str:
    """The whole drawing.

    Args:
        kind: CSS class. about: what it shows, in words. width: of the stretched layer, in its own units; its height is UNITS.
        ruled: lines across the plot at the labels of both axes.
    """
    rules = "".join(f"M0 {down(place)}H{width}" for place, _, _ in y) + "".join(
        f"M{place * width:.1f} 0V{UNITS}" for place, _, _ in x
    )
    grid = f'<path class="grid" d="{rules}"/>' if ruled and rules else ""
    across = "".join(f'<text{_rank(rank)} x="{percent(place)}" y="15">{text(words)}</text>' for place, words, rank in x)
    beside = "".join(f'<text x="7" y="{above(place)}" dy="4">{text(words)}</text>' for place, words, _ in y)
    return (
        f'<div class="plot {kind}" role="img" aria-label="{text(about)}">'
        f'<svg class="chart" viewBox="0 0 {width} {UNITS}" preserveAspectRatio="none">{grid}{"".join(stretched)}</svg>'
        f'<svg class="marks">{"".join(marks)}</svg><svg class="beside">{beside}</svg><svg class="across">{across}</svg></div>'
    )


def mark(kind: str, x: float, y: float, path: str, title: str = "") -> str:
    """A mark of a fixed size: a path around the place."""
    told = f"<title>{text(title)}</title>" if title else ""
    return f'<svg class="{kind}" x="{percent(x)}" y="{above(y)}">{told}<path d="{path}"/></svg>'


def _rank(rank: int) -> str:
    return ' class="minor"' if rank else ""
