"""A message made from another one: the fields that both have are copied by name.

One trade idea is a `Proposal`, then an `Intent`, a `Signal` and a `PublicSignal`, or else a `Suppressed` or a `Reject`. Each of
these types spells its own fields, because their order is the order of the bytes on the wire. The copying stands here, once for all.
tests/unit/test_fields.py lists pair by pair which fields are copied, so that none reaches a new reader unnoticed.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

from msgspec import Struct

T = TypeVar("T", bound=Struct)


def copied(kind: type[T], source: Struct, **own: Any) -> T:
    """A message of `kind`: the values of `own`, and each other field from the source's field of the same name.

    Raises:
        TypeError: `own` names a field that `kind` does not have, or a field without a default is in neither.
    """
    fields = {name: getattr(source, name) for name in shared(kind, type(source))}
    return kind(**(fields | own))


@cache
def shared(kind: type[Struct], source: type[Struct]) -> tuple[str, ...]:
    """The fields that both types have, in the order of `kind`."""
    return tuple(name for name in kind.__struct_fields__ if name in source.__struct_fields__)
