"""Features of order flow: who was in a hurry. A delta is contracts bought at the ask less contracts sold at the bid."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tapewire.bus.messages import Flow
from tapewire.strategies.features.feature import Feature
from tapewire.strategies.features.moment import Moment, ratio


def _flow(m: Moment) -> Flow | None:
    """The order flow of an RTH bar that has it."""
    flow = m.s.flow
    return flow if flow is not None and flow.present else None


def _share(n: int, m: Moment) -> float | None:
    return ratio(m.deltas.total(n), m.volumes.total(n))


def _turn(m: Moment) -> float | None:
    short, long = _share(5, m), _share(20, m)
    return None if short is None or long is None else short - long


def _divergence(m: Moment) -> float | None:
    moved, delta = m.moved(10), m.deltas.total(10)
    if moved is None or delta is None or delta != delta:
        return None
    return (moved > 0 > delta) - (moved < 0 < delta)


def _absorption(m: Moment) -> float | None:
    delta, body = m.delta, m.bar.close - m.bar.open
    return None if delta is None else (body > 0 > delta) - (body < 0 < delta)


def table() -> Iterator[Feature]:
    """The features of this family, in order."""
    yield Feature("flow_flag", "flag", "1 if the bar has order flow.", lambda m: m.delta is not None)
    yield Feature("delta_share", "share", "The bar's delta by its volume.", lambda m: ratio(m.delta, m.bar.volume))
    for n in (5, 20, 60):
        yield Feature(f"delta_{n}_share", "share", f"Delta of the last {n} bars by their volume.", partial(_share, n))
    yield Feature("delta_turn_share", "share", "Delta by volume of the last 5 bars less that of the last 20.", _turn)
    yield Feature(
        "delta_rth_share",
        "share",
        "Delta of RTH so far by its volume; missing once a bar had no order flow.",
        lambda m: ratio(m.rth.delta, m.rth.volume),
    )
    yield Feature(
        "delta_percentile_percent",
        "percent",
        "Rank of the bar's delta among the last 20 RTH bars, across sessions (playbook 2.5).",
        lambda m: None if (flow := _flow(m)) is None else flow.delta_percentile,
    )
    yield Feature(
        "imbalance_ratio",
        "ratio",
        "Contracts bought over contracts sold in the bar (playbook 2.5); in RTH.",
        lambda m: None if (flow := _flow(m)) is None else flow.imbalance_ratio,
    )
    yield Feature(
        "quality_count",
        "count",
        "How many of the three terms of the order flow hold, 0 to 3 (playbook 2.5); in RTH.",
        lambda m: None if (flow := _flow(m)) is None else flow.quality,
    )
    yield Feature(
        "divergence_10_code",
        "code",
        "1 if the price rose over 10 bars on a delta below 0, -1 if it fell on one above 0, else 0.",
        _divergence,
    )
    yield Feature(
        "absorption_code",
        "code",
        "1 if the bar closed above its open on a delta below 0, -1 if below on one above 0, else 0.",
        _absorption,
    )
