"""What the venue says on connecting, against what our books say.

The venue's word on positions is the truth, but not always news: fills that we have not acknowledged are sent again after its
Hello. So a difference is never booked as if it were a fill, with one exception: a position that stood there before us and that
no order of ours opened is adopted as a foreign one. Every other difference stops entries in that instrument until the fills that
follow explain it, or a person says `arm`, which takes the venue's word. A later Hello that agrees explains nothing. Exits still
go out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple

from tapewire.bus import topics
from tapewire.bus.daemon import Event
from tapewire.bus.messages import Execution, Hello, VenuePosition
from tapewire.daemons.gate.books.ledger import Ledger
from tapewire.daemons.gate.books.orders import PENDING, Orders


class Progress(Enum):
    """How far we have heard an instrument, against how far the venue had said it when it looked.

    BEHIND: some words are still on their way, and may explain a difference. AHEAD: the picture is older than our news.
    """

    BEHIND = auto()
    LEVEL = auto()
    AHEAD = auto()


class Findings(NamedTuple):
    """adopted: foreign positions to book. texts: each finding in words."""

    adopted: list[Execution]
    texts: list[str]


class Settled(NamedTuple):
    """What a person's word has made of a dispute, in words; and what to book, so that our books say what the venue says."""

    text: str
    execution: Execution | None = None


@dataclass(slots=True)
class Disputes:
    """Where the venue's word on positions and our books differ.

    held: the venue's quantity of each instrument in dispute. heard: epoch and number of its last word, by topic; looked: how far
    its words had come when it last said what stands there.
    """

    held: dict[str, int] = field(default_factory=dict)
    heard: dict[str, tuple[int, int]] = field(default_factory=dict)
    looked: dict[str, tuple[int, int]] = field(default_factory=dict)

    def copy(self) -> Disputes:
        return Disputes({**self.held}, {**self.heard}, {**self.looked})

    def hear(self, topic: str, number: tuple[int, int]) -> None:
        """A word of the venue has come; a repeat has an older number."""
        self.heard[topic] = max(number, self.heard.get(topic, number))

    def compare(self, hello: Hello, account: str, at_ns: int, book: Ledger, orders: Orders, traded: Iterable[str]) -> Findings:
        """Hold the venue's snapshot of `account` against our books. Where its picture is outdated, nothing is compared."""
        reported = {stands.instrument: stands for stands in hello.positions if stands.position.account == account}
        findings = Findings([], [])
        for name in traded:
            progress = self._against(hello, name)
            if progress is Progress.AHEAD:
                continue
            stands = reported.get(name)
            theirs, ours = (stands.position.qty if stands else 0), book.qty(name)
            if stands is not None and theirs and progress is Progress.LEVEL and _foreign(stands, book, orders):
                findings.adopted.append(_adoption(stands, hello, at_ns))
                findings.texts.append(f"{theirs:+d} {name} stood at the venue before us; adopted as foreign")
            elif theirs != ours:
                self.held[name] = theirs
                findings.texts.append(f"the venue reports {theirs:+d} {name}, our books say {ours:+d}; no entries until they agree")
            if name in self.held:  # one that has gone by itself still wants a person, but what stands is what it says now
                self.held[name] = theirs
            entry_id = stands.position.entry_id if stands else ""
            findings.texts.extend(
                f"{order.order_id} is {order.status} here and unknown to the venue"
                for order in orders.working(name)
                if order.status is not PENDING and order.order_id not in hello.working and order.order_id != entry_id
            )
        self.looked |= {topic: max(at, self.looked.get(topic, at)) for topic, at in hello.words.items()}
        return findings

    def booked(self, name: str, qty: int, ours: int) -> None:
        """A fill has been booked: one since the venue's hello moves both sides, an older one may explain the dispute."""
        if name not in self.held:
            return
        if self._progress(name, self.looked) is Progress.AHEAD:
            self.held[name] += qty
        elif self.held[name] == ours:
            del self.held[name]

    def settle(self, event: Event, account: str, book: Ledger, closes: Mapping[str, float]) -> Iterator[Settled]:
        """A person has looked: position truth is the venue's, where nothing is under way that may explain the difference.

        One instrument after the other; the next is in dispute until what was said of the last is booked.

        Args:
            event: the person's word. closes: the last closes, at which differences are booked.
        """
        for name, theirs in sorted(self.held.items()):
            ours, close = book.qty(name), closes.get(name)
            stays = f"{name} stays disputed:"
            if theirs == ours:
                del self.held[name]
            elif self._progress(name, self.looked) is Progress.BEHIND:
                yield Settled(f"{stays} words of the venue are on their way that may explain its {theirs:+d}")
            elif close is None:
                yield Settled(f"{stays} no price to book the venue's {theirs:+d} at; arm again after its next bar")
            else:
                del self.held[name]
                text = f"the venue's {theirs:+d} {name} taken over in place of our {ours:+d}, booked at the last close {close}"
                yield Settled(text, _taken_over(event, name, account, theirs - ours, close))

    def _against(self, hello: Hello, name: str) -> Progress:
        """A picture older than the venue's last one is as outdated as one older than our news."""
        topic = topics.of(topics.VENUE, name)
        if topic in hello.words and hello.words[topic] < self.looked.get(topic, hello.words[topic]):
            return Progress.AHEAD
        return self._progress(name, hello.words)

    def _progress(self, name: str, looked: Mapping[str, tuple[int, int]]) -> Progress:
        """A venue that does not tell how far it had come is taken to be level with us."""
        topic = topics.of(topics.VENUE, name)
        ours = self.heard.get(topic, (0, 0))
        theirs = looked.get(topic, ours)
        return Progress.BEHIND if ours < theirs else Progress.AHEAD if ours > theirs else Progress.LEVEL


def _taken_over(event: Event, instrument: str, account: str, qty: int, price: float) -> Execution:
    """The difference between the venue's position and ours as an execution, so that the books say what the venue says."""
    return Execution(
        id=f"{instrument}-{event.header.source}-{event.header.epoch}-ARMED",
        order_id="",
        account=account,
        instrument=instrument,
        qty=qty,
        price=price,
        role="FOREIGN",
        bar_ns=event.header.event_ns,
        bar_index=0,
    )


def _foreign(stands: VenuePosition, book: Ledger, orders: Orders) -> bool:
    nothing_of_ours = book.qty(stands.instrument) == 0 and not any(orders.working(stands.instrument))
    return nothing_of_ours and stands.position.entry_id not in orders and stands.position.price is not None


def _adoption(stands: VenuePosition, hello: Hello, at_ns: int) -> Execution:
    position = stands.position
    return Execution(
        id=f"{stands.instrument}-{hello.venue}-{at_ns}-ADOPTED",
        order_id="",
        account=position.account,
        instrument=stands.instrument,
        qty=position.qty,
        price=position.price or 0.0,
        role="FOREIGN",
        bar_ns=at_ns,
        bar_index=0,
    )
