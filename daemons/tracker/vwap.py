"""Volume weighted average price (playbook 2.1). A session runs two: from the first RTH bar, and from 18:01 over every bar."""

from __future__ import annotations

from bus.messages import Bar


class Vwap:
    """`sum(typ*V) / sum(V)` with `typ = (H+L+C)/3`. `value` is in points, None until there is volume."""

    __slots__ = ("_traded", "_volume", "value")

    def __init__(self) -> None:
        self._traded = 0.0
        self._volume = 0
        self.value: float | None = None

    def fold(self, bar: Bar) -> None:
        """Take one bar of the anchored period."""
        volume = bar.volume
        self._traded += (bar.high + bar.low + bar.close) / 3 * volume
        self._volume += volume
        if self._volume > 0:
            self.value = self._traded / self._volume
