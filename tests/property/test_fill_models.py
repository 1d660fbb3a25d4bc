"""What holds for every bar and every model: no price out of nowhere, no contract lost, and pessimistic is never better."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tapewire.bus.messages import Action, Bar, Execution, OrderStatus, OrderUpdate, PlaceOrder
from tapewire.bus.testing import bar, eastern
from tapewire.daemons.settings.fills import CLOSE, MODELS, NEXT_OPEN, NINJATRADER, OPTIMISTIC, PESSIMISTIC, FillOptions
from tapewire.daemons.settings.load import instruments
from tapewire.replay.venue.core import Venue
from tapewire.replay.venue.reports import VenueReport

ACCOUNT = "Sim101"
TICK = 0.25
SLIPPAGE = TICK * instruments()["MNQ"].slippage_ticks


@st.composite
def candles(draw: st.DrawFn) -> list[Bar]:
    """Some minutes around 100, on the tick grid, that reach brackets and limits often, with gaps between them."""
    made = []
    for minute in range(1, draw(st.integers(1, 6)) + 1):
        prices = draw(st.tuples(*(st.integers(320, 480) for _ in range(2))))
        high, low = max(prices) + draw(st.integers(0, 80)), min(prices) - draw(st.integers(0, 80))
        opened, closed = (price * TICK for price in prices)
        each = bar(f"11:{minute:02}", opened, closed, high=high * TICK, low=low * TICK, index=10 + minute)
        made.append(msgspec.structs.replace(each, volume=draw(st.integers(1, 60))))
    return made


@st.composite
def entries(draw: st.DrawFn, *, limits: bool = True) -> PlaceOrder:
    """A long or a short around 100, with its bracket, and perhaps a limit."""
    action = draw(st.sampled_from((Action.ENTER_LONG, Action.ENTER_SHORT)))
    side = 1 if action is Action.ENTER_LONG else -1
    stop, target, limit = (draw(st.integers(1, 60)) * TICK for _ in range(3))
    rests = limits and draw(st.booleans())
    enters = 100.0 - side * limit if rests else 100.0
    return PlaceOrder(
        id="IN",
        account=ACCOUNT,
        instrument="MNQ",
        action=action,
        qty=draw(st.integers(1, 9)),
        stop=enters - side * stop,
        target=enters + side * target if draw(st.booleans()) else None,
        valid_until_ns=eastern("11:04"),
        limit=enters if rests else None,
    )


options = st.builds(
    FillOptions,
    limits=st.sampled_from((None, "touch", "through")),
    gap=st.sampled_from((None, "open", "limit")),
    partial_share=st.sampled_from((None, 0.05, 0.1, 0.5)),
    expire=st.booleans(),
)


def play(model: str, entry: PlaceOrder, bars: Sequence[Bar], chosen: FillOptions | None = None) -> list[VenueReport]:
    venue = Venue(instruments(), ACCOUNT, model, chosen)
    venue.on_bar(bar("11:00", 100.0, high=102.0, low=98.0, index=10))
    reports = [*venue.on_order(entry)]
    for each in bars:
        reports += venue.on_bar(each)
    return reports + venue.finish()


def result(reports: Sequence[VenueReport]) -> float:
    """Points of the whole round turn."""
    return -sum(each.qty * each.price for each in reports if isinstance(each, Execution))


@given(st.sampled_from(MODELS), entries(), candles(), options)
def test_no_contract_is_lost_and_none_is_made(model: str, entry: PlaceOrder, bars: list[Bar], chosen: FillOptions) -> None:
    """What comes in goes out, never more than was ordered; what did not come in is cancelled, once."""
    reports = play(model, entry, bars, chosen)

    fills = [each for each in reports if isinstance(each, Execution)]
    side = 1 if entry.action is Action.ENTER_LONG else -1
    came_in = sum(each.qty for each in fills if each.role == "ENTRY") * side
    cancelled = [each for each in reports if isinstance(each, OrderUpdate) and each.status is OrderStatus.CANCELLED]
    assert 0 <= came_in <= entry.qty
    assert sum(each.qty for each in fills) == 0
    assert len(cancelled) == (came_in < entry.qty)
    assert len({each.id for each in reports}) == len(reports)


@given(st.sampled_from(MODELS), entries(), candles(), options)
def test_a_fill_is_on_its_bar_but_for_slippage(model: str, entry: PlaceOrder, bars: list[Bar], chosen: FillOptions) -> None:
    """Within high and low, and beyond them by slippage at most; where models clamp, not even so. A price that is kept in spite of a
    gap is outside, and is never better than the open."""
    by_ns = {each.close_ns: each for each in (bar("11:00", 100.0, high=102.0, low=98.0, index=10), *bars)}

    for each in play(model, entry, bars, chosen):
        if not isinstance(each, Execution):
            continue
        on = by_ns[each.bar_ns]
        kept = entry.limit if each.role == "ENTRY" else entry.target if each.role == "TARGET" else None
        if kept is not None and abs(each.price - kept) <= SLIPPAGE:
            assert (each.price - on.open) * each.qty >= 0 or on.low <= kept <= on.high
        else:
            beyond = 0.0 if model in (NINJATRADER, OPTIMISTIC) else SLIPPAGE
            assert on.low - beyond <= each.price <= on.high + beyond


@given(entries(limits=False), candles())
def test_pessimistic_is_never_better_and_optimistic_never_worse(entry: PlaceOrder, bars: list[Bar]) -> None:
    """Of one entry at the market: `next_open` lies between them, and `ninjatrader` is never worse than `pessimistic`."""
    results = {model: round(result(play(model, entry, bars)), 6) for model in MODELS if model != CLOSE}

    assert results[PESSIMISTIC] <= results[NEXT_OPEN] <= results[OPTIMISTIC]
    assert results[PESSIMISTIC] <= results[NINJATRADER]


@given(st.sampled_from(MODELS), entries(), candles(), options)
def test_the_same_bars_and_orders_give_the_same_reports(
    model: str, entry: PlaceOrder, bars: list[Bar], chosen: FillOptions
) -> None:
    assert play(model, entry, bars, chosen) == play(model, entry, bars, chosen)


@given(st.sampled_from(MODELS), entries(), candles())
def test_a_share_that_is_always_enough_changes_nothing(model: str, entry: PlaceOrder, bars: list[Bar]) -> None:
    """In parts of at least the whole order, every report is the same."""
    ample = [msgspec.structs.replace(each, volume=10_000) for each in bars]
    venues = [play(model, entry, ample, FillOptions(partial_share=share)) for share in (None, 1.0)]

    assert venues[0] == venues[1]
