"""Features of other instruments: what ES and YM do beside NQ, by their bars with the same stamp."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import fsum

from tapewire.strategies.features.feature import Feature
from tapewire.strategies.features.moment import Last, Moment


def _agree(m: Moment) -> float | None:
    own, cross = m.bar.close - m.bar.open, m.bar.cross
    if not own or not cross:
        return None
    return sum((each.close - each.open) * own > 0 for each in cross) / len(cross)


def _gained(closes: Last, n: int) -> float | None:
    """The gain over n bars in hundredths of a percent; None where a close is missing or not above 0."""
    now, before = closes.back(0), closes.back(n)
    return 10_000 * (now - before) / before if now is not None and before is not None and before > 0 and now == now else None


def _lead(n: int, m: Moment) -> float | None:
    own = _gained(m.closes, n)
    others = [gained for closes in m.crosses.values() if (gained := _gained(closes, n)) is not None]
    return None if own is None or not others else own - fsum(others) / len(others)


def table() -> Iterator[Feature]:
    """The features of this family, in order."""
    yield Feature(
        "cross_agree_share", "share", "Share of the other instruments whose bar went the same way: sign of c - o.", _agree
    )
    for n in (5, 15, 60):
        yield Feature(
            f"cross_lead_{n}_bp",
            "bp",
            f"The gain over {n} bars less the mean of the other instruments': 10000 * (c / c[{n}] - 1).",
            partial(_lead, n),
        )
    yield Feature(
        "missing_cross_count",
        "count",
        "Other instruments of earlier bars of the date that have no bar at this stamp.",
        lambda m: len(m.s.missing_cross),
    )
