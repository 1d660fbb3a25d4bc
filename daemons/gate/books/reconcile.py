"""Reconciliation: the venue's snapshot of positions (its Hello, on connecting) against our books.

The venue's snapshot is the truth about positions, but it may be older or newer than our books: fills that we have not acknowledged
are resent after the Hello. So a difference is never booked as if it were a fill, with one exception: a position that stood at the
venue before us, and that no order of ours opened, is adopted as a foreign one. Every other difference is a dispute. It stops
entries in that instrument until the fills that follow explain it, or a person sends `arm`, which adopts the venue's quantity. A
later Hello that agrees explains nothing. Exits are still sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum, auto
from typing import NamedTuple

from msgspec import Struct, field

from tapewire.bus import topics
from tapewire.bus.daemon import Event
from tapewire.bus.messages import Execution, Hello, VenuePosition
from tapewire.daemons.gate.books.ledger import Ledger
from tapewire.daemons.gate.books.orders import PENDING, Orders


class VenueProgress(Enum):
    """Our last venue message of an instrument, against the venue's last one when it made its snapshot.

    BEHIND: some messages are still on their way, and may explain a difference. AHEAD: the snapshot is older than our books.
    """

    BEHIND = auto()
    LEVEL = auto()
    AHEAD = auto()


class Reconciliation(NamedTuple):
    """adopted: foreign positions to book. texts: one sentence per finding."""

    adopted: list[Execution]
    texts: list[str]


class Resolved(NamedTuple):
    """What `arm` did with a dispute, in words; and what to book, so that our books equal the venue's position."""

    text: str
    execution: Execution | None = None


class Disputes(Struct):
    """Where the venue's positions and our books differ.

    held: the venue's quantity of each instrument in dispute. received: epoch and number of its last message, by topic. reported:
    the same of the last message before its latest snapshot.
    """

    held: dict[str, int] = field(default_factory=dict)
    received: dict[str, tuple[int, int]] = field(name="heard", default_factory=dict)
    reported: dict[str, tuple[int, int]] = field(name="looked", default_factory=dict)

    def copy(self) -> Disputes:
        return Disputes({**self.held}, {**self.received}, {**self.reported})

    def receive(self, topic: str, number: tuple[int, int]) -> None:
        """A message of the venue has arrived. A resent one has an older number and changes nothing."""
        self.received[topic] = max(number, self.received.get(topic, number))

    def compare(
        self, hello: Hello, account: str, at_ns: int, book: Ledger, orders: Orders, traded: Iterable[str]
    ) -> Reconciliation:
        """Compare the venue's snapshot of `account` with our books. Where the snapshot is outdated, nothing is compared."""
        reported = {each.instrument: each for each in hello.positions if each.position.account == account}
        found = Reconciliation([], [])
        for name in traded:
            progress = self._against(hello, name)
            if progress is VenueProgress.AHEAD:
                continue
            venue = reported.get(name)
            theirs, ours = (venue.position.qty if venue else 0), book.qty(name)
            if venue is not None and theirs and progress is VenueProgress.LEVEL and _foreign(venue, book, orders):
                found.adopted.append(_adoption(venue, hello, at_ns))
                found.texts.append(f"{theirs:+d} {name} stood at the venue before us; adopted as foreign")
            elif theirs != ours:
                self.held[name] = theirs
                found.texts.append(f"the venue reports {theirs:+d} {name}, our books say {ours:+d}; no entries until they agree")
            if name in self.held:  # a dispute stays until a person or a fill ends it; its quantity is the venue's latest
                self.held[name] = theirs
            entry_id = venue.position.entry_id if venue else ""
            found.texts.extend(
                f"{order.order_id} is {order.status} here and unknown to the venue"
                for order in orders.working(name)
                if order.status is not PENDING and order.order_id not in hello.working and order.order_id != entry_id
            )
        self.reported |= {topic: max(at, self.reported.get(topic, at)) for topic, at in hello.words.items()}
        return found

    def booked(self, name: str, qty: int, ours: int) -> None:
        """A fill has been booked. One later than the venue's snapshot moves both sides; an older one may explain the dispute."""
        if name not in self.held:
            return
        if self._progress(name, self.reported) is VenueProgress.AHEAD:
            self.held[name] += qty
        elif self.held[name] == ours:
            del self.held[name]

    def resolve(self, event: Event, account: str, book: Ledger, closes: Mapping[str, float]) -> Iterator[Resolved]:
        """End the disputes on a person's `arm`: the venue's quantity stands where no pending message may explain the difference.

        One instrument after the other. The next one stays in dispute until the caller has booked the last one's execution.

        Args:
            event: the `Arm` message. closes: the last closes, at which differences are booked.
        """
        for name, theirs in sorted(self.held.items()):
            ours, close = book.qty(name), closes.get(name)
            stays = f"{name} stays disputed:"
            if theirs == ours:
                del self.held[name]
            elif self._progress(name, self.reported) is VenueProgress.BEHIND:
                yield Resolved(f"{stays} venue messages are pending that may explain its {theirs:+d}")
            elif close is None:
                yield Resolved(f"{stays} no price to book the venue's {theirs:+d} at; arm again after its next bar")
            else:
                del self.held[name]
                text = f"the venue's {theirs:+d} {name} taken over in place of our {ours:+d}, booked at the last close {close}"
                yield Resolved(text, _taken_over(event, name, account, theirs - ours, close))

    def _against(self, hello: Hello, name: str) -> VenueProgress:
        """A snapshot older than the venue's last one is as outdated as one older than our books."""
        topic = topics.of(topics.VENUE, name)
        if topic in hello.words and hello.words[topic] < self.reported.get(topic, hello.words[topic]):
            return VenueProgress.AHEAD
        return self._progress(name, hello.words)

    def _progress(self, name: str, reported: Mapping[str, tuple[int, int]]) -> VenueProgress:
        """A venue that does not report its last number counts as level with us."""
        topic = topics.of(topics.VENUE, name)
        ours = self.received.get(topic, (0, 0))
        theirs = reported.get(topic, ours)
        return VenueProgress.BEHIND if ours < theirs else VenueProgress.AHEAD if ours > theirs else VenueProgress.LEVEL


def _taken_over(event: Event, instrument: str, account: str, qty: int, price: float) -> Execution:
    """The difference between the venue's position and ours as an execution, so that our books equal the venue's position."""
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


def _foreign(venue: VenuePosition, book: Ledger, orders: Orders) -> bool:
    nothing_of_ours = book.qty(venue.instrument) == 0 and not any(orders.working(venue.instrument))
    return nothing_of_ours and venue.position.entry_id not in orders and venue.position.price is not None


def _adoption(venue: VenuePosition, hello: Hello, at_ns: int) -> Execution:
    position = venue.position
    return Execution(
        id=f"{venue.instrument}-{hello.venue}-{at_ns}-ADOPTED",
        order_id="",
        account=position.account,
        instrument=venue.instrument,
        qty=position.qty,
        price=position.price or 0.0,
        role="FOREIGN",
        bar_ns=at_ns,
        bar_index=0,
    )
