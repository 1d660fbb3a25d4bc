"""Order flow: pre-delta, the rank among the last 20 RTH bars, and what counts as missing (playbook 2.3, 2.5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.testing import bar
from tapewire.daemons.tracker.flow import OrderFlow, PreDelta

TRADED = st.tuples(st.integers(0, 30), st.integers(0, 30))


def flow_of(*traded, post_ib=False):
    """The flow records of RTH bars given as (ask volume, bid volume)."""
    flow, pre = OrderFlow(), PreDelta()
    return [flow.fold(bar(volume=ask + bid, ask_volume=ask, bid_volume=bid), pre, post_ib=post_ib) for ask, bid in traded]


@given(st.lists(TRADED, min_size=1, max_size=60))
def test_the_running_features_are_the_playbooks_formulas(traded):
    """Percentile, spike, delta10 and CVD of the last bar equal their definitions over the whole list, to the last bit."""
    got = flow_of(*traded)[-1]

    deltas = [ask - bid for ask, bid in traded]
    volumes = [ask + bid for ask, bid in traded]
    window, n = deltas[-20:], min(20, len(traded))
    less, equal = sum(d < deltas[-1] for d in window), window.count(deltas[-1])
    mean = sum(volumes[-20:]) / n
    assert got.delta == deltas[-1]
    assert got.delta_percentile == 100 * (less + (equal + 1) / 2) / n
    assert got.volume_spike == (volumes[-1] / mean if mean else None)
    assert got.delta10 == sum(deltas[-10:])
    assert got.cvd == sum(deltas)


@given(st.lists(TRADED, min_size=1, max_size=25))
def test_delta_previous9_leaves_the_current_bar_out(traded):
    """The up to nine post-IB deltas before this bar: 0 on the first."""
    got = [flow.delta_previous9 for flow in flow_of(*traded, post_ib=True)]

    deltas = [ask - bid for ask, bid in traded]
    assert got == [sum(deltas[max(0, k - 9) : k]) for k in range(len(deltas))]


def test_there_is_no_delta_previous9_before_the_post_ib_part():
    """And bars before it never enter the sum."""
    flow, pre = OrderFlow(), PreDelta()
    early = flow.fold(bar(ask_volume=700, bid_volume=300), pre, post_ib=False)
    first = flow.fold(bar(ask_volume=600, bid_volume=400), pre, post_ib=True)
    second = flow.fold(bar(ask_volume=500, bid_volume=500), pre, post_ib=True)

    assert [early.delta_previous9, first.delta_previous9, second.delta_previous9] == [None, 0.0, 200.0]
    assert second.delta10 == 600.0


def test_the_window_outlives_the_session_and_the_pre_delta_does_not():
    """A new session brings a new PreDelta; its first bar is ranked against the previous session."""
    flow = OrderFlow()
    for _ in range(19):
        flow.fold(bar(volume=100, ask_volume=90, bid_volume=10), PreDelta(), post_ib=False)

    first = flow.fold(bar(volume=50, ask_volume=20, bid_volume=30), PreDelta(), post_ib=False)

    assert first.delta10 == -10.0
    assert first.delta_percentile == 5.0
    assert first.volume_spike == 50 / 97.5
    assert first.cvd == 19 * 80 - 10


@pytest.mark.parametrize(
    "fields",
    [
        {"volume": 100, "ask_volume": 0, "bid_volume": 0},
        {"volume": 100},
        {"volume": 100, "ask_volume": 60},
        {"volume": 0},
    ],
    ids=["volume without sides", "not volumetric", "one side only", "not volumetric and empty"],
)
def test_a_bar_without_order_flow_is_marked_and_still_counts(fields):
    """Delta 0, imbalance missing, not present; the window advances and the bar is ranked like any other (playbook 1.1)."""
    flow, pre = OrderFlow(), PreDelta()
    flow.fold(bar(volume=100, ask_volume=70, bid_volume=30), pre, post_ib=True)

    got = flow.fold(bar(**fields), pre, post_ib=True)
    following = flow.fold(bar(volume=100, ask_volume=49, bid_volume=51), pre, post_ib=True)

    assert (got.present, got.delta, got.imbalance_ratio) == (False, 0.0, None)
    assert (got.delta_percentile, got.delta10, got.delta_previous9, got.cvd) == (50.0, 40.0, 40.0, 40.0)
    assert following.delta_percentile == 100 * 1 / 3
    assert following.delta_previous9 == 40.0


def test_an_empty_minute_has_order_flow():
    """No volume at all is not missing order flow: only its ratios are missing."""
    (got,) = flow_of((0, 0))

    assert (got.present, got.imbalance_ratio, got.volume_spike) == (True, None, None)


def test_a_missing_term_counts_as_failed():
    """Without bid volume the imbalance is missing, although everything was bought."""
    calm, (ask, bid) = (50, 50), (300, 0)
    got = flow_of(calm, calm, (ask, bid))[-1]

    assert got.imbalance_ratio is None
    assert got.quality == 2


@pytest.mark.parametrize(
    "traded, terms",
    [
        ([(50, 50)], {"percentile": 100.0, "imbalance": 1.0, "spike": 1.0, "quality": 2}),
        ([(51, 49)], {"percentile": 100.0, "imbalance": 51 / 49, "spike": 1.0, "quality": 3}),
        ([(9, 1), (9, 1), (8, 2), (5, 5), (7, 3)], {"percentile": 40.0, "imbalance": 7 / 3, "spike": 1.0, "quality": 2}),
        ([(9, 1), (1, 9), (8, 2), (2, 8), (7, 3)], {"percentile": 60.0, "imbalance": 7 / 3, "spike": 1.0, "quality": 3}),
        ([(50, 50), (60, 39)], {"percentile": 100.0, "imbalance": 60 / 39, "spike": 99 / 99.5, "quality": 2}),
    ],
    ids=["imbalance of exactly 1 fails", "all three", "percentile 40", "percentile of exactly 60", "volume below the mean"],
)
def test_quality_counts_the_terms_that_hold(traded, terms):
    """`>= 60`, `> 1.0`, `>= 1.0`."""
    got = flow_of(*traded)[-1]

    assert {
        "percentile": got.delta_percentile,
        "imbalance": got.imbalance_ratio,
        "spike": got.volume_spike,
        "quality": got.quality,
    } == terms
