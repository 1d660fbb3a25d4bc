"""Open profit and loss of the positions in a prop-firm program, as the rules see it bar by bar (playbook 6). Integer cents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tapewire.bus.messages import Bar
from tapewire.daemons.settings.structs import Instrument


@dataclass(slots=True)
class OpenEquity:
    """The open positions by instrument.

    held: quantity and price of each position at its last bar. open: its worst and its best open result there, in cents. left_ns:
    the close of the bar in which the last round turn ended.
    """

    held: dict[str, tuple[int, float]] = field(default_factory=dict)
    open: dict[str, tuple[int, int]] = field(default_factory=dict)
    left_ns: dict[str, int] = field(default_factory=dict)

    def copy(self) -> OpenEquity:
        return OpenEquity({**self.held}, {**self.open}, {**self.left_ns})

    @property
    def worst_cents(self) -> int:
        return sum(worst for worst, _ in self.open.values())

    @property
    def best_cents(self) -> int:
        return sum(best for _, best in self.open.values())

    def close(self, instrument: str, exit_ns: int) -> None:
        """A round turn has ended in the bar of this close."""
        self.open.pop(instrument, None)
        self.held.pop(instrument, None)
        self.left_ns[instrument] = exit_ns

    def mark(self, bar: Bar, instruments: Mapping[str, Instrument]) -> bool:
        """Value the position at a bar. Returns whether there is one.

        A position held through the whole bar counts with the bar's better extreme first and its worse one second, because a bar
        does not record their order. In the bar of its entry it counts with the close. A bar that arrives after its trade has ended
        is late and does not count.
        """
        position, name = bar.position, bar.instrument
        if position is None or bar.close_ns <= self.left_ns.get(name, 0):
            return False
        if position.qty == 0 or position.price is None:
            self.held.pop(name, None)
            self.open.pop(name, None)
            return False
        held = (position.qty, position.price)
        extremes = (bar.high, bar.low) if self.held.get(name) == held else (bar.close, bar.close)
        self.held[name] = held
        value = instruments[name].point_value * position.qty
        worst, best = sorted(round((extreme - position.price) * value * 100) for extreme in extremes)
        self.open[name] = (worst, best)
        return True
