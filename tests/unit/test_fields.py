"""The fields that pass from one message to the next; a name means the same in all of them."""

from itertools import combinations
from typing import get_type_hints

import msgspec
import pytest

from tapewire.bus.fields import copied, shared
from tapewire.bus.messages import (
    Execution,
    Fill,
    Intent,
    PublicSignal,
    PublicTrade,
    Reject,
    Signal,
    Suppressed,
    Trade,
)
from tapewire.strategies.protocol import Proposal
from tests.golden.examples import EXAMPLES, V_LONG

IDEA = ("strategy", "setup", "direction")
PRICES = ("entry", "stop", "target")
DAY = ("day_type", "confidence", "day_confidence", "quality")
REST = ("limit", "score", "pattern")
DISTANCES = ("stop_points", "target_points")

# The fields that the two types share. The copier may give some of them values of its own.
PASSES = {
    (Intent, Proposal): ("id", *IDEA, "reason", *PRICES, *DAY, "limit", "stop_rounding", "score", "pattern", *DISTANCES),
    (Suppressed, Proposal): ("id", *IDEA, "reason", *PRICES, "score", "pattern"),
    (Signal, Intent): ("id", "action", *IDEA, "reason", "valid_until_ns", *PRICES, *DAY, *REST),
    (Reject, Intent): ("id", "action", *IDEA, "reason", *PRICES),
    (PublicSignal, Signal): (
        "id",
        "instrument",
        "session",
        "bar_ns",
        "action",
        *IDEA,
        "reason",
        "confidence",
        "valid_until_ns",
        *PRICES,
        *REST,
        "contract",
    ),
    (PublicTrade, Trade): (
        "id",
        "instrument",
        "session",
        *IDEA,
        "entry_ns",
        "entry_price",
        "exit_ns",
        "exit_price",
        "reason",
    ),
    (Fill, Execution): ("order_id", "instrument", "account", "qty", "price", "role", "bar_ns", "bar_index"),
}

# Where one name has two types on purpose: the gate's code instead of the strategy's words, prices that must be there, and distances
# that are absent on the wire where a strategy has None.
NARROWER = {
    ("Reject", "reason"),
    ("Suppressed", "entry"),
    ("Suppressed", "stop"),
    ("Proposal", "entry"),
    ("Proposal", "stop_points"),
    ("Proposal", "target_points"),
}


@pytest.mark.parametrize(("kind", "source"), list(PASSES), ids=lambda kind: kind.__name__)
def test_these_fields_pass_and_no_others(kind, source):
    """A field that is new to both types must be added here: it then reaches the readers of the other one."""
    assert shared(kind, source) == PASSES[kind, source]


def test_subscribers_see_nothing_of_the_account():
    """Neither the account, nor the size, nor our order."""
    seen = {*shared(PublicSignal, Signal), *shared(PublicTrade, Trade)}

    assert not seen & {"account", "size", "order_id", "gross_cents", "commission_cents", "net_cents"}


def test_given_values_win_over_copied_ones():
    """Own values win; all else comes from the source."""
    intent = V_LONG

    signal = copied(Signal, intent, order_id="O", instrument="ES", session="2026-03-03", bar_ns=7, size=2, stop=6104.0)

    assert signal.stop == 6104.0
    assert (signal.order_id, signal.size) == ("O", 2)
    rest = {*PASSES[Signal, Intent]} - {"stop"}
    assert {name: getattr(signal, name) for name in rest} == {name: getattr(intent, name) for name in rest}


def test_a_public_signal_is_the_signal_without_private_fields():
    """The golden signal becomes the golden public one."""
    _, _, signal = EXAMPLES["signal - a limit entry"]
    _, _, public = EXAMPLES["public_signal - a limit entry"]

    made = copied(PublicSignal, msgspec.structs.replace(signal, confidence=public.confidence, stop=public.stop))

    assert made == public


@pytest.mark.parametrize(
    ("own", "complaint"),
    [
        ({"ticks": 1, "account": "Sim101"}, "Unexpected keyword argument 'account'"),
        ({}, "Missing required argument 'ticks'"),
    ],
)
def test_a_field_too_many_or_too_few_is_an_error(own, complaint):
    """No message is published with half of its fields."""
    _, _, trade = EXAMPLES["trade"]

    with pytest.raises(TypeError, match=complaint):
        copied(PublicTrade, trade, **own)


@pytest.mark.parametrize(
    ("one", "other"),
    list(combinations([Proposal, Intent, Signal, Reject, Suppressed, PublicSignal], 2)),
    ids=lambda kind: kind.__name__,
)
def test_a_name_has_one_type_in_all_of_them(one, other):
    """Each message spells its fields; no two of them may give one name two types."""
    hints, others = get_type_hints(one), get_type_hints(other)
    narrowed = {name for kind, name in NARROWER if kind in (one.__name__, other.__name__)}

    assert {name for name in shared(one, other) if hints[name] != others[name]} <= narrowed
