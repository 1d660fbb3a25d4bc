"""The tick of every shipped instrument, from half a millionth to five points, through what rounds and counts prices."""

import math
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tapewire.bus.messages import Execution
from tapewire.daemons.gate.books.ledger import Ledger
from tapewire.daemons.market.ticks import NEARLY, on_grid, price, protective, ticks
from tapewire.daemons.settings.load import instruments

# Each example goes through all of them.
KNOWN = instruments()
COUNTS = st.integers(-200_000, 400_000)


@given(COUNTS)
def test_a_count_of_ticks_and_its_price_are_the_same(count):
    """Both ways, also after the wire and written in full: no price falls between two ticks."""
    for name, terms in KNOWN.items():
        at = price(count, terms.tick)

        assert ticks(at, terms.tick) == count, name
        assert on_grid(at, terms.tick), name
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(at)) == at, name
        assert Decimal(repr(at)) == count * Decimal(repr(terms.tick)), name


@given(COUNTS, st.floats(-0.999, 0.999), st.sampled_from([1, -1]))
def test_a_stop_goes_to_the_tick_on_its_side(count, share, direction):
    """Down for a long, up for a short, by less than a tick; a price on a tick stays."""
    for name, terms in KNOWN.items():
        at = price(count, terms.tick)
        between = at + share * terms.tick
        slack = 2 * NEARLY * terms.tick + 4 * math.ulp(between)

        rounded = protective(between, terms.tick, direction)

        assert protective(at, terms.tick, direction) == at, name
        assert on_grid(rounded, terms.tick), name
        assert -slack <= (between - rounded) * direction < terms.tick + slack, name


@settings(max_examples=30)
@given(st.integers(1, 30), st.integers(-400, 400))
def test_money_is_exact_to_the_cent(qty, moved):
    """A round turn earns its ticks at the exact value of a tick, rounded once."""
    for name, terms in KNOWN.items():
        book, start = Ledger(KNOWN), 10_000
        fills = ((qty, start, "ENTRY"), (-qty, start + moved, "EXIT"))
        turns = [
            book.book(Execution(role, "O", "A", name, size, price(at, terms.tick), role, 0, 0), "O", "S")  # type: ignore[arg-type]
            for size, at, role in fills
        ]
        value = Decimal(repr(terms.tick)) * Decimal(repr(terms.point_value)) * 100

        assert turns[1] is not None, name
        gross, _ = book.realise(turns[1], name, "2026-03-03")
        assert gross == int((value * moved * qty).to_integral_value(ROUND_HALF_EVEN)), name
