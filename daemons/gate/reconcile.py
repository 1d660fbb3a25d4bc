"""What the venue says on connecting, against what our books say.

The venue's word on positions is the truth, but not always news: fills that we have not acknowledged are sent again after its
Hello. So a difference is never booked as if it were a fill, with one exception: a position that stood there before us and that
no order of ours opened is adopted as a foreign one. Every other difference stops entries in that instrument until the fills that
follow explain it, or a person says `arm`, which takes the venue's word. A later Hello that agrees explains nothing. Exits still
go out.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import NamedTuple

from bus import topics
from bus.daemon import Event
from bus.messages import Execution, Hello, VenuePosition
from daemons.gate.ledger import Ledger
from daemons.gate.orders import PENDING, Orders


class Findings(NamedTuple):
    """theirs: the venue's quantities. adopted: foreign positions to book. disputed: the venue's quantity where ours differs.
    texts: each finding in words.
    """

    theirs: dict[str, int]
    adopted: list[Execution]
    disputed: dict[str, int]
    texts: list[str]


def compare(hello: Hello, account: str, at_ns: int, book: Ledger, orders: Orders, instruments: Mapping[str, Progress]) -> Findings:
    """Hold the venue's snapshot of `account` against our books, for these instruments. One that is AHEAD is not compared."""
    reported = {stands.instrument: stands for stands in hello.positions if stands.position.account == account}
    findings = Findings({}, [], {}, [])
    for name, heard in instruments.items():
        if heard is Progress.AHEAD:
            continue
        stands = reported.get(name)
        theirs, ours = (stands.position.qty if stands else 0), book.qty(name)
        findings.theirs[name] = theirs
        if stands is not None and theirs and heard is Progress.LEVEL and _foreign(stands, book, orders):
            findings.adopted.append(_adoption(stands, hello, at_ns))
            findings.texts.append(f"{theirs:+d} {name} stood at the venue before us; adopted as foreign")
        elif theirs != ours:
            findings.disputed[name] = theirs
            findings.texts.append(f"the venue reports {theirs:+d} {name}, our books say {ours:+d}; no entries until they agree")
        entry_id = stands.position.entry_id if stands else ""
        findings.texts.extend(
            f"{order.order_id} is {order.status} here and unknown to the venue"
            for order in orders.working(name)
            if order.status is not PENDING and order.order_id not in hello.working and order.order_id != entry_id
        )
    return findings


class Progress(Enum):
    """How far we have heard an instrument, against how far the venue had said it when it looked.

    BEHIND: some words are still on their way, and may explain a difference. AHEAD: the hello was sent again, late.
    """

    BEHIND = auto()
    LEVEL = auto()
    AHEAD = auto()


def progress(instrument: str, heard: Mapping[str, tuple[int, int]], looked: Mapping[str, tuple[int, int]]) -> Progress:
    """heard, looked: epoch and number by topic. A venue that does not tell is taken to be level with us."""
    topic = topics.of(topics.VENUE, instrument)
    ours = heard.get(topic, (0, 0))
    theirs = looked.get(topic, ours)
    return Progress.BEHIND if ours < theirs else Progress.AHEAD if ours > theirs else Progress.LEVEL


def taken_over(event: Event, instrument: str, account: str, qty: int, price: float) -> Execution:
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
