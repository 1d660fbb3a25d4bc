"""The types on the wire keep their rules, all of them."""

from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from tapewire.bus.messages import (
    PROTOCOL_VERSION,
    Action,
    Body,
    ExternalSignal,
    Header,
    IngressError,
    IngressState,
    OrderStatus,
    Reason,
    StopRounding,
    TradingState,
)

BODIES = get_args(Body)


def tag_of(kind):
    return kind.__struct_config__.tag


def structs_below(kind):
    """A struct type and every struct type that its fields hold."""
    seen, todo = set(), [kind]
    while todo:
        each = todo.pop()
        if isinstance(each, type) and issubclass(each, msgspec.Struct) and each not in seen:
            seen.add(each)
            todo += get_type_hints(each).values()
        todo += get_args(each)
    return seen


def test_the_protocol_is_version_1():
    """Raising it is a decision for every client ever written; PROTOCOL.md, "Evolution", has the rule."""
    assert PROTOCOL_VERSION == 1


def test_every_type_has_its_own_tag():
    """`type` names the message, in snake case."""
    tags = [tag_of(kind) for kind in BODIES]

    assert len(set(tags)) == len(tags)
    assert all(kind.__struct_config__.tag_field == "type" for kind in BODIES)
    assert all(tag.islower() and tag.replace("_", "").isalpha() for tag in tags)


@pytest.mark.parametrize("kind", BODIES, ids=tag_of)
def test_a_body_never_uses_a_name_of_the_header(kind):
    """Both live in one flat map: a second `seq` or `type` would replace the first without an error."""
    assert not set(kind.__struct_fields__) & {*Header.__struct_fields__, "type"}


@pytest.mark.parametrize("kind", BODIES, ids=tag_of)
def test_messages_are_values(kind):
    """Frozen all the way down: a receiver cannot change a published message."""
    assert all(each.__struct_config__.frozen for each in structs_below(kind))


@pytest.mark.parametrize("kind", BODIES, ids=tag_of)
def test_a_reader_ignores_unknown_fields_at_every_depth(kind):
    """New fields may come anywhere; no struct on the wire may forbid them."""
    assert not any(each.__struct_config__.forbid_unknown_fields for each in structs_below(kind))


@pytest.mark.parametrize("kind", BODIES, ids=tag_of)
def test_money_is_whole_cents_and_time_is_whole_nanoseconds(kind):
    """Names carry the unit, and the unit has one type."""
    for each in structs_below(kind):
        for name, hint in get_type_hints(each).items():
            if name.endswith(("_ns", "_cents")):
                assert hint is int, f"{each.__name__}.{name}"


@pytest.mark.parametrize("kind", BODIES, ids=tag_of)
def test_every_field_is_of_a_kind_that_any_messagepack_library_has(kind):
    """Numbers, texts, booleans, byte strings, null, arrays and maps of these: nothing that needs an extension type."""
    codes = {Action, Reason, OrderStatus, StopRounding, TradingState, IngressState, IngressError}
    plain = {int, float, str, bool, bytes, type(None), msgspec.UnsetType, *codes}  # unset: not on the wire at all
    if kind is ExternalSignal:
        plain.add(Any)  # a foreign sender's map, so the reply can name what is wrong in it

    def check(hint):
        if get_origin(hint) is Literal:
            return all(type(word) is str for word in get_args(hint))
        if get_origin(hint) in (tuple, dict, Union) or get_args(hint):
            return all(check(each) for each in get_args(hint) if each is not Ellipsis)
        return hint in plain or issubclass(hint, msgspec.Struct)

    assert all(check(hint) for each in structs_below(kind) for hint in get_type_hints(each).values())


def test_codes_are_their_own_names():
    """The log, the code and the wire have the same text."""
    for codes in (Action, Reason, OrderStatus, StopRounding, TradingState):
        assert all(code.value == code.name for code in codes)
