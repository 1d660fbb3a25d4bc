"""A value that is made and read for each bar: a class of a compiled module.

Compiled code reads a field of such a class ten times as fast as one of a Struct or a NamedTuple. Messages are Structs, as they are
encoded, decoded and checked; what stays within a process is one of these where its fields are read often.
"""

from __future__ import annotations

from typing import ClassVar, Self

from mypy_extensions import mypyc_attr


@mypyc_attr(acyclic=True)
class Value:
    """Equal to another of its class with equal fields, which are in the order of `__match_args__`. Nobody changes a field."""

    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]] = ()

    def fields(self) -> dict[str, object]:
        """By name."""
        return {name: getattr(self, name) for name in self.__match_args__}

    def but(self, **changes: object) -> Self:
        """The same with other values of some fields."""
        return type(self)(**{**self.fields(), **changes})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Value) and type(other) is type(self) and self.fields() == other.fields()

    def __hash__(self) -> int:
        return hash(tuple(self.fields().values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.fields().items())})"
