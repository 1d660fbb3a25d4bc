"""The test kit for users keeps its own promises."""

import pytest

from tapewire.bus import topics
from tapewire.bus.daemon import Command, Daemon, Event, LinkPolicy, Publish, Reply, Request
from tapewire.bus.errors import InvariantError
from tapewire.bus.messages import (
    Action,
    Decision,
    Decisions,
    EvalDone,
    Execution,
    Gap,
    Intents,
    OrderStatus,
    OrderUpdate,
    PlaceOrder,
    Session,
)
from tapewire.bus.testing import LossyBus, MemoryBus, account_for, bar, eastern, event, intent, intents, session, topic_of


class Core:
    """A core with one function for each body type, which returns the outputs for the event."""

    def __init__(self, **rules):
        self.rules = rules
        self.seen = []

    def step(self, received):
        self.seen.append(received)
        rule = self.rules.get(type(received.body).__name__)
        return rule(received) if rule else ()


ORDER = PlaceOrder("O-1", "Sim101", "MNQ", Action.ENTER_LONG, 1, 20_980.0, None, 0)
DECIDED = Decisions("MNQ-20260303-1100", "MNQ", 0, (Decision("I-1", True, "O-1", 1),))


def chain():
    """Tracker, evaluator, gate and venue in miniature: each publishes the one message that the next one waits for."""
    tracker = Core(Bar=lambda e: [Publish("session.MNQ.", session(bar=e.body))])
    evaluator = Core(
        Session=lambda e: [Request("gate", "intent.MNQ.", intents())],
        Decisions=lambda e: [Publish("eval.done.MNQ.", EvalDone("MNQ", "2026-03-03", 0, 0))],
    )
    gate = Core(Intents=lambda e: [Command("command.MNQ.", ORDER), Reply("decision.MNQ.", DECIDED)])
    venue = Core(PlaceOrder=lambda e: [Command("venue.MNQ.", OrderUpdate("U-1", "O-1", "MNQ", OrderStatus.ACCEPTED))])
    cores = {"tracker": tracker, "evaluator": evaluator, "gate": gate, "nt": venue}
    bus = MemoryBus(
        Daemon("tracker", tracker, subscribe=(topics.RAW,)),
        Daemon("evaluator", evaluator, subscribe=(topics.SESSION,), requests=("gate",)),
        Daemon("gate", gate, serves="gate", venue=LinkPolicy()),
        venue=Daemon("nt", venue),
    )
    return bus, cores


def test_one_bar_runs_through_all_daemons_in_order():
    """`publish` returns once no message is pending, and every message that followed has been published."""
    bus, _ = chain()
    bus.publish("nt", bar())

    assert [message.topic for message in bus.published] == [
        "raw.bar.MNQ.1m.",
        "session.MNQ.",
        "intent.MNQ.",
        "command.MNQ.",
        "decision.MNQ.",
        "venue.MNQ.",
        "eval.done.MNQ.",
    ]


def test_every_message_names_its_cause_and_keeps_the_market_time():
    """From any message the causes lead back to the bar."""
    bus, _ = chain()
    first = bus.publish("nt", bar("11:00"))
    by_ref = {message.ref: message for message in bus.published}
    walk = bus.published[-1]
    while walk.header.cause:
        walk = by_ref[walk.header.cause]

    assert walk == first
    assert {message.header.event_ns for message in bus.published} == {eastern("11:00")}


def test_requests_and_commands_reach_only_their_receiver():
    """A request goes to the service, its reply to the requester, an order to the venue, the venue's report to the gate."""
    bus, cores = chain()
    bus.publish("nt", bar())

    assert {name: [type(e.body).__name__ for e in core.seen] for name, core in cores.items()} == {
        "tracker": ["Bar"],
        "evaluator": ["Session", "Decisions"],
        "gate": ["Intents", "OrderUpdate"],
        "nt": ["PlaceOrder"],
    }
    assert [e.sender for e in cores["gate"].seen] == ["evaluator", "nt"]


def test_a_test_may_send_a_request_itself():
    """The reply names the request as its cause."""
    bus, _ = chain()
    request = bus.request("me", "gate", intents())

    assert [message.body for message in bus.caused_by(request) if isinstance(message.body, Decisions)] == [DECIDED]
    assert bus.bodies(Intents) == [intents()]


def test_a_service_that_subscribes_to_its_requests_gets_each_once():
    """A message that reaches a daemon in two ways is one message."""
    core = Core()
    bus = MemoryBus(Daemon("gate", core, subscribe=(topics.INTENT,), serves="gate"))
    bus.request("me", "gate", intents())

    assert len(core.seen) == 1


def test_daemons_that_answer_each_other_for_ever_are_stopped():
    """An endless exchange is a bug, and a test must end."""
    core = Core(Bar=lambda e: [Publish(e.topic, e.body)])
    bus = MemoryBus(Daemon("echo", core, subscribe=(topics.RAW,)))

    with pytest.raises(InvariantError, match="answer each other for ever"):
        bus.publish("nt", bar())


def test_a_request_without_a_service_is_an_error():
    """The test lacks the daemon that serves it."""
    with pytest.raises(ValueError, match="no daemon on this bus serves 'gate'"):
        MemoryBus().request("me", "gate", intents())


def test_two_daemons_of_one_name_are_refused():
    """A name is a source, and a topic has one writer."""
    with pytest.raises(ValueError, match="share a name: a, a"):
        MemoryBus(Daemon("a", Core()), Daemon("a", Core()))


def test_a_bar_is_valid_by_itself():
    """Open, close and times follow from the given values."""
    made = bar("09:31", 21_000.0, 20_990.0, volume=7)

    assert (made.open, made.high, made.low, made.close, made.volume) == (21_000.0, 21_000.0, 20_990.0, 20_990.0, 7)
    assert made.close_ns - made.open_ns == 60_000_000_000


@pytest.mark.parametrize(
    "at, rth, i, k",
    [
        ("09:30", False, None, None),
        ("09:31", True, 0, None),
        ("10:30", True, 59, None),
        ("10:31", True, 60, 0),
        ("16:00", True, 389, 329),
        ("16:01", False, None, None),
    ],
)
def test_a_session_counts_its_bars_as_the_tracker_does(at, rth, i, k):
    """RTH bars from 09:31 to 16:00; post-IB bars from 10:31 (playbook 1)."""
    made = session(at)

    assert (made.rth, made.i, made.k) == (rth, i, k)
    assert (made.ib is not None) == (k is not None)


def test_given_fields_win():
    """A test names only its own fields."""
    assert session("11:00", above=5, bar=bar("11:00", 5.0)).bar.open == 5.0
    assert session("11:00", above=5).above == 5
    assert intent(stop=1.0).stop == 1.0
    assert intents(intent(id="a"), intent(id="b")).intents[1].id == "b"


@pytest.mark.parametrize(
    "action, stop, target",
    [
        (Action.ENTER_LONG, 20_980.0, 21_040.0),
        (Action.ENTER_SHORT, 21_020.0, 20_960.0),
        (Action.EXIT, None, None),
    ],
)
def test_an_intents_bracket_is_on_the_right_side(action, stop, target):
    """Long: stop below, target above; short mirrored; an exit has none. The id stays within 50 characters."""
    made = intent(action)

    assert (made.stop, made.target) == (stop, target)
    assert len(made.id) <= 50


@pytest.mark.parametrize(
    "body, topic",
    [
        (bar(), "raw.bar.MNQ.1m."),
        (session(), "session.MNQ."),
        (intents(), "intent.MNQ."),
        (ORDER, "command.MNQ."),
        (Execution("X-1", "O-1", "Sim101", "MNQ", 1, 1.0, "ENTRY", 0, 0), "venue.MNQ."),
    ],
)
def test_a_topic_follows_from_the_message(body, topic):
    """Where the message has an instrument."""
    assert topic_of(body) == event(body).topic == topic


def test_a_message_about_nothing_in_particular_needs_a_topic():
    """The error names the missing argument."""
    with pytest.raises(ValueError, match="the topic of Gap does not follow from it; give topic="):
        event(Gap("raw.bar.MNQ.1m.", 1, 1, 1, "reader"))


def test_an_event_has_a_name_and_the_markets_time():
    """As a core receives it: topic, header, body, sender."""
    made = event(session("11:00"), seq=7, cause="raw.bar.MNQ.1m.@1:7", sender="tracker")

    assert isinstance(made, Event)
    assert isinstance(made.body, Session)
    assert (made.ref, made.header.cause, made.sender) == ("session.MNQ.@1:7", "raw.bar.MNQ.1m.@1:7", "tracker")
    assert made.header.event_ns == eastern("11:00")


def test_the_same_seed_loses_the_same_frames():
    """A failing seed can be played again."""

    def play(seed):
        bus = LossyBus(seed, drop=0.5)
        for _ in range(30):
            bus.publish(bar())
        bus.drain()
        return bus.received, bus.sequencer.healed

    assert play(3) == play(3)
    assert play(3) != play(4)


def test_a_lost_frame_becomes_a_gap_when_the_ring_is_too_small():
    """One frame kept, and a network that loses half: the reader still accounts for every number."""
    bus = LossyBus(1, drop=0.5, ring=1)
    for _ in range(20):
        bus.publish(bar())
    bus.drain()

    assert account_for(bus.received) == [(1, seq) for seq in range(1, 21)]
    assert any(isinstance(each, Gap) for each in bus.received)


def test_chances_that_let_nothing_arrive_are_refused():
    """With a delay of 1 no frame would ever arrive."""
    with pytest.raises(ValueError, match="delay below 1"):
        LossyBus(1, delay=1)
