"""Closed sets on the wire: a value of the set is read, any other is refused with the field's name."""

from enum import Enum
from typing import Literal, get_args, get_origin, get_type_hints

import msgpack
import msgspec
import pytest

from tapewire.bus import wire
from tapewire.bus.errors import PeerError
from tapewire.bus.messages import Body, Risk, TradingState
from tests.golden.examples import EXAMPLES

# Field by field: its golden message, its path in the map, one value of its set, and one that is not.
FIELDS = {
    "Bar.phase": ("bar", "phase", "historical", "live"),
    "IbHistory.regime": ("session", "history.regime", "low", "LOW"),
    "Session.first_side": ("session", "first_side", "short", "SHORT"),
    "Session.day_type_edge": ("session", "day_type_edge", "b_day", "B-Day"),
    "Session.day_type_midpoint": ("session", "day_type_midpoint", "super_trend_up", "super"),
    "Session.widest": ("session", "widest", "none", ""),
    "Auction.opened": ("session - with an auction", "auction.opened", "below_range", "below"),
    "Auction.value": ("session - with an auction", "auction.value", "unchanged", "equal"),
    "Intent.action": ("intents", "intents.0.action", "EXIT", "CLOSE"),
    "Intent.direction": ("intents", "intents.0.direction", "SHORT", "short"),
    "Intent.day_type": ("intents", "intents.0.day_type", "p_day", "range"),
    "Intent.confidence": ("intents", "intents.0.confidence", "medium", "low"),
    "Intent.stop_rounding": ("intents", "intents.0.stop_rounding", "TOWARD", "NEAREST"),
    "Pattern.kind": ("suppressed", "pattern.kind", "V_REVERSAL", "W_REVERSAL"),
    "Pattern.subtype": ("suppressed", "pattern.subtype", "UPWARD_V", "SIDEWAYS_V"),
    "Decision.reason": ("decisions", "decisions.1.reason", "KILLED", "BECAUSE"),
    "Suppressed.direction": ("suppressed", "direction", "SHORT", "SELL"),
    "Signal.action": ("signal", "action", "EXIT", "CLOSE"),
    "Signal.direction": ("signal", "direction", "SHORT", "SELL"),
    "Signal.day_type": ("signal", "day_type", "trend_down", "down"),
    "Signal.confidence": ("signal", "confidence", "normal", "sure"),
    "Reject.action": ("reject", "action", "ENTER_SHORT", "SHORT"),
    "Reject.direction": ("reject", "direction", "SHORT", "SELL"),
    "Reject.reason": ("reject", "reason", "EXPIRED", "LATE"),
    "OrderEvent.action": ("order_event", "action", "EXIT", "CLOSE"),
    "OrderEvent.status": ("order_event", "status", "DONE", "Done"),
    "Fill.role": ("fill", "role", "FOREIGN", "OTHER"),
    "Trade.direction": ("trade", "direction", "SHORT", "SELL"),
    "Risk.state": ("risk - reducing", "state", "HALTED", "STOPPED"),
    "IngressEvent.state": ("ingress_event", "state", "SENT", "POSTED"),
    "IngressEvent.direction": ("ingress_event", "direction", "SHORT", "sell"),
    "ExternalAnswer.state": ("external_answer", "state", "EXPIRED", "WAITING"),
    "ExternalAnswer.reason": ("external_answer - refused", "reason", "EXPIRED", "LATE"),
    "ExternalAnswer.error": ("external_answer - invalid", "error", "duplicate", "DUPLICATE"),
    "PlaceOrder.action": ("place_order", "action", "ENTER_SHORT", "SHORT"),
    "Lap.stage": ("beat - with laps", "laps.0.stage", "gate", "door"),
    "FeedStatus.status": ("feed_status", "status", "silent", "quiet"),
    "OpsEvent.event": ("ops_event", "event", "stopped", "ended"),
    "LinkState.of": ("link_state", "of", "journal", "logger"),
    "OrderUpdate.status": ("order_update", "status", "ACCEPTED", "OK"),
    "Execution.role": ("execution", "role", "SESSION_END", "CLOSE"),
    "PublicSignal.action": ("public_signal", "action", "EXIT", "CLOSE"),
    "PublicSignal.direction": ("public_signal", "direction", "SHORT", "SELL"),
    "PublicSignal.confidence": ("public_signal", "confidence", "medium", "low"),
    "PublicTrade.direction": ("public_trade", "direction", "SHORT", "SELL"),
}


def closed(hint):
    """Whether a field's type is a set of words, absent or not."""
    kinds = [hint] if get_origin(hint) is Literal else [hint, *get_args(hint)]
    return any(get_origin(kind) is Literal or (isinstance(kind, type) and issubclass(kind, Enum)) for kind in kinds)


def structs_on_the_wire():
    seen, todo = set(), list(get_args(Body))
    while todo:
        each = todo.pop()
        if isinstance(each, type) and issubclass(each, msgspec.Struct) and each not in seen:
            seen.add(each)
            todo += get_type_hints(each).values()
        todo += get_args(each)
    return seen


def frame(example, path, word):
    """The golden message with a word in place of its own."""
    _, header, body = EXAMPLES[example]
    whole = msgpack.unpackb(wire.encode(header, body))
    *way, last = path.split(".")
    at = whole
    for step in way:
        at = at[int(step)] if isinstance(at, list) else at[step]
    assert last in at, f"{example} has no {path}"
    at[last] = word
    return msgpack.packb(whole)


def test_every_closed_field_is_in_the_table():
    """A field that becomes one, or a new one, is tested below."""
    fields = {
        f"{kind.__name__}.{name}" for kind in structs_on_the_wire() for name, hint in get_type_hints(kind).items() if closed(hint)
    }

    assert fields == set(FIELDS)


@pytest.mark.parametrize(("example", "path", "word"), [row[:3] for row in FIELDS.values()], ids=FIELDS)
def test_a_word_of_the_set_is_read_and_written_again(example, path, word):
    """The same text comes back, byte for byte."""
    right = frame(example, path, word)

    assert wire.encode(*wire.decode(right)) == right


@pytest.mark.parametrize(("example", "path", "word"), [(e, p, wrong) for e, p, _, wrong in FIELDS.values()], ids=FIELDS)
def test_any_other_word_is_refused(example, path, word):
    """The error names the word and the field."""
    field = path.rpartition(".")[2]

    with pytest.raises(PeerError, match=rf"undecodable frame: Invalid enum value '{word}' - at `\$.*\.{field}`"):
        wire.decode(frame(example, path, word))


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("NORMAL", TradingState.ACTIVE),
        ("KILLED", TradingState.HALTED),
        ("DAILY_LOSS", TradingState.REDUCING),
        ("MAX_DRAWDOWN", TradingState.REDUCING),
        ("MAX_TRADES", TradingState.REDUCING),
    ],
)
def test_the_words_of_the_first_risk_messages_are_still_read(word, state):
    """They named the limit as the state; a reader takes the state that it leads to."""
    _, body = wire.decode(frame("risk", "state", word))

    assert isinstance(body, Risk)
    assert body.state is state
