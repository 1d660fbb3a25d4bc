"""How a request is admitted, by the daemon's rule for its kind."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import structlog

from tapewire.bus import wire
from tapewire.bus.clock import ManualClock
from tapewire.bus.daemon import Admission, Daemon, Event, LogPolicy, Output, When
from tapewire.bus.messages import Alarm, Arm, Body, Gap, Kill
from tapewire.bus.testing import event
from tapewire.daemons.shell.intake import Intake
from tapewire.daemons.shell.watch import Watch

MARKET_NS = 500
WAITED_NS = 7
SENT_NS = 900
ARM = Arm("anna")


class Still:
    """A core that does nothing."""

    def step(self, received: Event) -> Sequence[Output]:
        return ()


def intake(rule: Admission, *, reads: bool = False, durable: bool = True) -> Intake:
    """The intake of a daemon that admits `Arm` by this rule, and that reached MARKET_NS some time ago."""
    policy = LogPolicy(snapshot=lambda core: b"", restored=lambda data: Still())
    daemon = Daemon("tracker", Still(), serves="tracker", admits={Arm: rule}, durable=policy if durable else None)
    clock = ManualClock(1_000)
    watch = Watch(15.0, clock.monotonic_ns())
    watch.heard(sent(1, Alarm("a", "b"), MARKET_NS), clock.monotonic_ns())
    clock.advance(WAITED_NS)
    return Intake(daemon, clock, watch, structlog.get_logger(), reads=reads)


def sent(number: int, body: Body = ARM, at_ns: int = SENT_NS) -> Event:
    return event(body, topic="word.", seq=number, event_ns=at_ns, sender="anna")


def take(into: Intake, *events: Event, reused: bool = False) -> None:
    for each in events:
        into.request(b"anna", each, wire.encode(each.header, each.body), reused=reused)


def numbers(into: Intake) -> list[int]:
    return [each.header.seq for each in into.hand_over()[1]]


@pytest.mark.parametrize(
    ("when", "at_ns"), [(When.SENDER, SENT_NS), (When.REACHED, MARKET_NS), (When.ESTIMATED, MARKET_NS + WAITED_NS)]
)
@pytest.mark.parametrize("reused", [False, True], ids=["new name", "reused name"])
@pytest.mark.parametrize("numbered", [True, False], ids=["numbered", "not numbered"])
def test_a_request_has_the_market_time_of_its_kind(when: When, at_ns: int, reused: bool, numbered: bool) -> None:
    """In the core and in the log alike, so a fold gives the same. Another kind keeps its sender's time."""
    into = intake(Admission(when=when, numbered=numbered))
    take(into, sent(1), reused=reused)
    take(into, event(Kill("anna"), topic="other.", event_ns=SENT_NS))
    entries, events = into.hand_over()

    assert [each.header.event_ns for each in events] == [at_ns, SENT_NS]
    assert [wire.decode(each.frame)[0].event_ns for each in entries] == [at_ns, SENT_NS]


def test_numbered_requests_come_in_their_order_and_once() -> None:
    """An early one waits for the one before it."""
    into = intake(Admission())
    take(into, sent(1), sent(3), sent(1), sent(2), sent(3))

    assert numbers(into) == [1, 2, 3]


def test_requests_of_many_senders_keep_their_arrival_order() -> None:
    """Their numbers have no common order. A duplicate in the same round is dropped by its name; a later one has a stored reply."""
    into = intake(Admission(numbered=False))
    take(into, sent(7), sent(3), sent(7), sent(9))

    assert numbers(into) == [7, 3, 9]


@pytest.mark.parametrize(
    "released_by",
    [sent(1, Alarm("bar", ""), SENT_NS), sent(1, Gap("raw.", 1, 1, 1, "tracker"), 1 << 60)],
    ids=["the fact", "a gap in its place"],
)
def test_a_request_waits_for_the_fact_it_refers_to(released_by: Event) -> None:
    """It follows the fact, in the same round. An older fact does not release it."""
    into = intake(Admission(waits=True), reads=True)
    older = sent(1, Alarm("bar", ""), SENT_NS - 1)
    take(into, sent(5, at_ns=SENT_NS).but(header=sent(1).header))
    into.fact(older, b"")
    before = [type(each.body) for each in into.hand_over()[1]]
    into.fact(released_by, b"")

    assert before == [Alarm]
    assert [type(each.body) for each in into.hand_over()[1]] == [type(released_by.body), Arm]


@pytest.mark.parametrize(("waits", "reads"), [(False, True), (True, False)], ids=["another kind", "a daemon without subscriptions"])
def test_nothing_else_waits(waits: bool, reads: bool) -> None:
    """It is admitted at once."""
    into = intake(Admission(waits=waits), reads=reads)
    take(into, sent(1))

    assert numbers(into) == [1]


def test_only_a_durable_daemon_keeps_records() -> None:
    """For every input, in the order of the events."""
    into = intake(Admission())
    without = intake(Admission(), durable=False)
    for each in (into, without):
        take(each, sent(1))
        each.fact(sent(1, Alarm("a", "b")), b"")
        each.word(b"nt", sent(2), b"")
        each.reply(sent(1), b"")

    assert [entry.way for entry in into.hand_over()[0]] == ["asked", "fact", "link", "asked"]
    assert without.hand_over()[0] == []


def test_a_link_message_is_acknowledged_once_it_is_admitted() -> None:
    """So is its duplicate, which is not processed again. A message behind a hole is not, as a death would lose it."""
    into = intake(Admission())
    acknowledged = [into.word(b"nt", sent(number), b"") for number in (1, 1, 3)]

    assert acknowledged == [True, True, False]
    assert numbers(into) == [1]


def test_a_name_that_is_used_again_is_logged_once_and_counted() -> None:
    """Each such request is taken, but its sender could fill the disk with lines."""
    into = intake(Admission(when=When.SENDER))

    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            take(into, sent(1), reused=True)

    assert [line["event"] for line in lines] == ["name_given_again"]
    assert into.reused == 3
