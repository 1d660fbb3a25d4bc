"""What the gate has observed of the world outside: the market, as far as requests and venue messages carry it, and connections."""

from __future__ import annotations

from collections.abc import Container, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from tapewire.bus.bounds import MAX_PRICE
from tapewire.bus.messages import Hello, Intents, LinkState
from tapewire.daemons.market.calendar import Calendar
from tapewire.daemons.market.quorum import disagreements


class Observed(Struct):
    """The latest of everything.

    now_ns: market time of the latest message of any sender. requested_ns: market time of the latest request. session: the latest
    trade date of a request. bars, closes: number of the last bar, and its close, of each instrument. link_up: the venue is
    connected. journal_up: the logger is alive. Both are true until a `LinkState` reports otherwise. accounts: the accounts that the
    venue has, None before its first Hello. charts: the contract of each chart that trades, by instrument, as the venue names them.
    disputed_days: by instrument the trade dates on which the chart's trading hours and the calendar differ, each in words.
    """

    now_ns: int = 0
    requested_ns: int = field(name="asked_ns", default=0)
    session: str = ""
    bars: dict[str, int] = field(default_factory=dict)
    closes: dict[str, float] = field(default_factory=dict)
    link_up: bool = True
    journal_up: bool = True
    accounts: tuple[str, ...] | None = None
    charts: dict[str, str] = field(default_factory=dict)
    disputed_days: dict[str, dict[str, str]] = field(default_factory=dict)

    def copy(self) -> Observed:
        return replace(
            self, bars={**self.bars}, closes={**self.closes}, charts={**self.charts}, disputed_days={**self.disputed_days}
        )

    def message(self, at_ns: int) -> None:
        """A message of the venue, at this market time."""
        self.now_ns = max(self.now_ns, at_ns)

    def request(self, at_ns: int, request: Intents, defined: Container[str]) -> None:
        """The market data that a request carries. The close is kept only of an instrument that the settings define."""
        self.requested_ns = max(self.requested_ns, at_ns, request.bar_ns)
        self.session = max(self.session, request.session)
        self.bars[request.instrument] = request.bar_index
        if request.instrument in defined and abs(request.close) <= MAX_PRICE:
            self.closes[request.instrument] = request.close
        self.message(self.requested_ns)

    def bar(self, name: str, index: int) -> None:
        """An order has filled in this bar."""
        self.bars[name] = max(self.bars.get(name, 0), index)

    def hello(self, hello: Hello) -> None:
        """The venue has connected."""
        self.link_up, self.accounts = True, hello.accounts
        self.charts = {chart.instrument: chart.contract for chart in hello.charts if chart.contract}

    def hours(self, hello: Hello, calendars: Mapping[str, Calendar]) -> list[str]:
        """Compare the trading hours of the venue's charts with the calendars of their instruments. Returns what is new."""
        known = {text for texts in self.disputed_days.values() for text in texts.values()}
        self.disputed_days = {
            chart.instrument: {each.date: each.text for each in found}
            for chart in hello.charts
            if chart.instrument in calendars
            and (found := [each for each in disagreements(calendars[chart.instrument], chart) if not each.settled])
        }
        return [text for texts in self.disputed_days.values() for text in texts.values() if text not in known]

    def link(self, state: LinkState) -> None:
        """A connection came up or went down."""
        if state.of == "journal":
            self.journal_up = state.up
        else:
            self.link_up = state.up
