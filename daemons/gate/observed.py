"""What the gate has been told of the world outside: the market, as far as questions and words bring it along, and connections."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field, replace

from tapewire.bus.messages import Intents, LinkState
from tapewire.daemons.market.ticks import real


@dataclass(slots=True)
class Heard:
    """The latest of everything.

    now_ns: market time of the latest word of anybody; asked_ns: of the latest question. session: the latest trade date of a
    question. bars, closes: number of the last bar, and its close, of each instrument. link_up: the venue is connected; journal_up:
    the logger is alive; both are until somebody says otherwise. accounts: those the venue has, None before its first Hello.
    """

    now_ns: int = 0
    asked_ns: int = 0
    session: str = ""
    bars: dict[str, int] = field(default_factory=dict)
    closes: dict[str, float] = field(default_factory=dict)
    link_up: bool = True
    journal_up: bool = True
    accounts: tuple[str, ...] | None = None

    def copy(self) -> Heard:
        return replace(self, bars={**self.bars}, closes={**self.closes})

    def word(self, at_ns: int) -> None:
        """The venue has said something at this market time."""
        self.now_ns = max(self.now_ns, at_ns)

    def question(self, at_ns: int, asked: Intents, known: Container[str]) -> None:
        """The market that comes with a question; the close only of an instrument that is known."""
        self.asked_ns = max(self.asked_ns, at_ns, asked.bar_ns)
        self.session = max(self.session, asked.session)
        self.bars[asked.instrument] = asked.bar_index
        if asked.instrument in known and real(asked.close):
            self.closes[asked.instrument] = asked.close
        self.word(self.asked_ns)

    def bar(self, name: str, index: int) -> None:
        """Something has filled in this bar."""
        self.bars[name] = max(self.bars.get(name, 0), index)

    def link(self, state: LinkState) -> None:
        """A connection came up or went down."""
        if state.of == "journal":
            self.journal_up = state.up
        else:
            self.link_up = state.up
