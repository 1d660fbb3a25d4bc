"""Features of volume: how much was traded, by what is usual."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tapewire.strategies.features.feature import Feature
from tapewire.strategies.features.moment import Moment, ratio


def _mean(n: int, m: Moment) -> float | None:
    total = m.volumes.total(n)
    return None if total is None else total / n


def _by_mean(n: int, m: Moment) -> float | None:
    return ratio(m.bar.volume, _mean(n, m))


def _by_rth(m: Moment) -> float | None:
    return ratio(m.bar.volume, m.rth.volume / m.rth.bars) if m.s.rth and m.rth.bars else None


def _up_ticks(m: Moment) -> float | None:
    up, down = m.bar.up_ticks, m.bar.down_ticks
    return None if up is None or down is None else ratio(up, up + down)


def table() -> Iterator[Feature]:
    """The features of this family, in order."""
    for n in (20, 60):
        yield Feature(
            f"volume_{n}_ratio", "ratio", f"The volume over the mean of the last {n} bars, this one included.", partial(_by_mean, n)
        )
    yield Feature(
        "volume_5_60_ratio",
        "ratio",
        "Mean volume of the last 5 bars over that of the last 60.",
        lambda m: ratio(_mean(5, m), _mean(60, m)),
    )
    yield Feature(
        "volume_rth_ratio", "ratio", "The volume over the mean of the RTH bars so far, this one included; in RTH.", _by_rth
    )
    yield Feature(
        "volume_spike_ratio",
        "ratio",
        "The volume over the mean of the last 20 RTH bars, across sessions (playbook 2.5).",
        lambda m: None if m.s.flow is None else m.s.flow.volume_spike,
    )
    yield Feature(
        "up_volume_20_share",
        "share",
        "Of the volume of the last 20 bars, the part in bars that closed above their open.",
        lambda m: ratio(m.up_volumes.total(20), m.volumes.total(20)),
    )
    yield Feature("up_ticks_share", "share", "Trades above the price before, of those above or below it, in the bar.", _up_ticks)
