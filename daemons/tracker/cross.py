"""Companion instruments, whose bars travel with a traded one (ES and YM beside NQ): which of them are missing at a stamp.

They are not configured: an instrument that has come earlier in the trade date is expected for the rest of it.
"""

from __future__ import annotations

from tapewire.bus.messages import CrossBar


class CrossInstruments:
    """The companion instruments of one trade date."""

    __slots__ = ("_expected",)

    def __init__(self) -> None:
        self._expected: tuple[str, ...] = ()

    def fold(self, cross: tuple[CrossBar, ...]) -> tuple[str, ...]:
        """Take the companion bars of one bar. Returns the expected names that are missing, in alphabetical order."""
        expected = self._expected
        if not cross:
            return expected
        here = tuple([each.instrument for each in cross])
        if here == expected:
            return ()
        missing = tuple(name for name in expected if name not in here)
        self._expected = tuple(sorted({*expected, *here}))
        return missing
