"""The in-process loop: the receivers of each message, its order, its name and its cause."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest

from tapewire.bus.daemon import Daemon, Event, Output, Publish, Reply, Request
from tapewire.bus.errors import ConfError, Poisoned
from tapewire.bus.messages import (
    Alarm,
    Bar,
    Body,
    Decisions,
    EvalDone,
    Execution,
    Fill,
    Header,
    Intents,
    OrderEvent,
    OrderUpdate,
    PlaceOrder,
    Session,
    Signal,
    Trade,
)
from tapewire.bus.stamp import ref
from tapewire.bus.testing import bar, intent, intents, session
from tapewire.daemons.gate import core as gate
from tapewire.replay import loop
from tapewire.replay.venue.core import Venue
from tests.gates import ACCOUNT, conf


class Core:
    """A core that keeps its events and returns the outputs that a function gives for the body."""

    def __init__(self, outputs_of: Callable[[Body], Iterable[Output]] = lambda _: ()) -> None:
        self.seen: list[Event] = []
        self._outputs_of = outputs_of

    def step(self, event: Event) -> Sequence[Output]:
        self.seen.append(event)
        return tuple(self._outputs_of(event.body))

    @property
    def bodies(self) -> list[str]:
        return [type(event.body).__name__ for event in self.seen]


class Tape:
    """Records what is published, with its name and its cause."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, Header, Body]] = []

    def __call__(self, topic: str, header: Header, body: Body) -> None:
        self.messages.append((topic, header, body))

    @property
    def kinds(self) -> list[str]:
        return [type(body).__name__ for _, _, body in self.messages]


def venue(fill: str = "next_open") -> Venue:
    return Venue(conf().instruments, ACCOUNT, fill)


def tracker() -> Daemon:
    """Publishes a session per bar."""
    return Daemon("tracker", Core(lambda body: [Publish("session.MNQ.", session("11:00"))]), subscribe=("raw.",))


def evaluator() -> Daemon:
    """Requests a long on the 11:00 bar, and publishes eval.done for every bar."""

    def outputs_of(body: Body) -> Iterable[Output]:
        if isinstance(body, Session):
            yield Request("gate", "intent.MNQ.", intents(intent(stop=20_980.0)))
        if isinstance(body, Decisions):
            yield Publish("eval.done.MNQ.", EvalDone("MNQ", "2026-03-03", body.bar_ns, 0))

    return Daemon("evaluator", Core(outputs_of), subscribe=("session.",), requests=("gate",), serves="evaluator")


def played(*bars: Bar, daemons: list[Daemon] | None = None, fill: str = "next_open") -> Tape:
    tape = Tape()
    loop.run([tracker(), evaluator(), gate.daemon(conf())] if daemons is None else daemons, venue(fill), bars, tape)
    return tape


def test_one_bar_from_the_feed_to_the_order() -> None:
    """Bar, session, intents, the order and its signal, the decision, done, and then the venue's acceptance as a fact."""
    tape = played(bar("11:00"))

    assert tape.kinds[:8] == ["Bar", "Session", "Intents", "PlaceOrder", "Signal", "Decisions", "OrderEvent", "EvalDone"]


def test_every_cause_names_a_recorded_message() -> None:
    """From the trade back to the bar, one name at a time; only bars have no cause."""
    tape = played(bar("11:00"), bar("11:01", low=20_900.0), bar("11:02"))
    causes = {ref(topic, header): header.cause for topic, header, _ in tape.messages}
    kinds = {ref(topic, header): type(body).__name__ for topic, header, body in tape.messages}

    assert {kinds[name] for name, cause in causes.items() if not cause} == {"Bar"}
    assert all(cause in causes for cause in causes.values() if cause)
    name, path = next(name for name, kind in kinds.items() if kind == "Trade"), []
    while name:
        path.append(kinds[name])
        name = causes[name]
    assert path == ["Trade", "Intents", "Session", "Bar"]


def test_event_time_is_the_bars_throughout() -> None:
    """Every message that follows from a bar has the time of its close; a fill has that of the bar that filled it."""
    first, second = bar("11:00"), bar("11:01")
    tape = played(first, second)

    assert next(h.event_ns for _, h, body in tape.messages if isinstance(body, Signal)) == first.close_ns
    assert next(h.event_ns for _, h, body in tape.messages if isinstance(body, Fill)) == second.close_ns


def test_the_bar_carries_the_position_of_its_close() -> None:
    """At 11:00 flat, at 11:01 the entry has filled at that bar's open."""
    tape = played(bar("11:00"), bar("11:01"))

    positions = [body.position for _, _, body in tape.messages if isinstance(body, Bar)]
    assert [position and position.qty for position in positions] == [0, 1]


def test_fills_are_booked_before_the_bar_is_published() -> None:
    """A reader of the bar may rely on the gate's books to include its fills."""
    tape = played(bar("11:00"), bar("11:01"))

    second_bar = [kind for kind in range(len(tape.kinds)) if tape.kinds[kind] == "Bar"][1]
    assert tape.kinds.index("Fill") < second_bar


def test_only_the_gate_gets_the_reports_of_the_venue() -> None:
    """A reader of every topic gets facts and orders, never the link's own messages."""
    reader = Core()
    tape = played(
        bar("11:00"), bar("11:01"), daemons=[tracker(), evaluator(), gate.daemon(conf()), Daemon("tap", reader, subscribe=("",))]
    )

    assert not any(isinstance(body, Execution | OrderUpdate) for _, _, body in tape.messages)
    assert reader.bodies == tape.kinds


def test_no_daemon_gets_a_message_twice() -> None:
    """A service that also reads the topic of its requests, and a requester that reads the replies, get each message once."""
    service = Core(lambda body: [Reply("decision.MNQ.", Decisions("", "MNQ", 0, ()))] if isinstance(body, Intents) else [])
    requester = Core(lambda body: [Request("gate", "intent.MNQ.", intents())] if isinstance(body, Bar) else [])
    loop.run(
        [
            Daemon("gate", service, subscribe=("intent.", "decision."), serves="gate"),
            Daemon("evaluator", requester, subscribe=("raw.", "intent.", "decision."), requests=("gate",)),
        ],
        venue(),
        [bar()],
    )

    assert service.bodies == ["Intents", "Decisions"]
    assert requester.bodies == ["Bar", "Intents", "Decisions"]
    assert [event.sender for event in service.seen] == ["evaluator", ""]


def test_a_reply_names_its_request() -> None:
    """Even if the daemon sets another cause on its other outputs, the requester finds its request by the reply's cause."""
    tape = played(bar("11:00"))
    request = next(ref(topic, header) for topic, header, body in tape.messages if isinstance(body, Intents))

    assert [header.cause for _, header, body in tape.messages if isinstance(body, Decisions)] == [request]


def test_each_source_numbers_its_own_topics() -> None:
    """seq counts the messages of one topic from 1; the venue's source is nt."""
    tape = played(bar("11:00"), bar("11:01"))

    bars = [header for topic, header, _ in tape.messages if topic == "raw.bar.MNQ.1m."]
    assert [(header.source, header.seq) for header in bars] == [("nt", 1), ("nt", 2)]
    orders = [header for _, header, body in tape.messages if isinstance(body, OrderEvent)]
    assert [(header.source, header.seq) for header in orders] == [("gate", number) for number in range(1, len(orders) + 1)]


def test_a_prefix_matches_whole_fields() -> None:
    """Subscribed to MNQ's bars, not to those of another symbol that begins alike."""
    reader = Core()
    bars = [bar("11:00"), bar("11:00", instrument="MES")]
    loop.run([Daemon("tap", reader, subscribe=("raw.bar.MNQ.",))], venue(), bars)

    assert len(reader.seen) == 1


def test_a_daemon_without_subscriptions_gets_nothing() -> None:
    """No prefix at all is not the empty prefix."""
    unsubscribed = Core()
    loop.run([Daemon("unsubscribed", unsubscribed)], venue(), [bar()])

    assert unsubscribed.seen == []


def test_the_end_of_the_bars_closes_open_positions() -> None:
    """The last trade of a run ends with the data."""
    tape = played(bar("11:00", index=90), bar("11:01", index=91))

    (trade,) = (body for _, _, body in tape.messages if isinstance(body, Trade))
    assert (trade.reason, trade.bars_held) == ("SESSION_END", 1)


def test_filled_at_the_close_before_the_next_bar() -> None:
    """With the fill model close, order and fill belong to one bar."""
    tape = played(bar("11:00"), fill="close")

    placed, filled = (
        next(header.event_ns for _, header, body in tape.messages if isinstance(body, kind)) for kind in (PlaceOrder, Fill)
    )
    assert placed == filled == bar("11:00").close_ns


def test_the_same_bars_give_the_same_tape() -> None:
    """Two runs of fresh daemons agree in every header and body."""
    bars = [bar("11:00"), bar("11:01", low=20_900.0), bar("11:02")]

    assert played(*bars).messages == played(*bars).messages


@pytest.mark.parametrize(
    ("daemons", "text"),
    [
        ([Daemon("a", Core(), requests=("gate",))], "a uses 'gate', which no daemon in this loop serves"),
        ([Daemon("a", Core(), serves="gate"), Daemon("b", Core(), serves="gate")], "b and a both serve 'gate'"),
    ],
)
def test_a_wrong_wiring_is_refused_at_the_start(daemons: list[Daemon], text: str) -> None:
    """No daemon waits for a reply that cannot arrive."""
    with pytest.raises(ConfError, match=text):
        loop.Loop(daemons, venue())


def test_without_a_gate_the_venue_has_no_receiver() -> None:
    """Research runs have no orders, and the loop works without them."""
    alarm = Core(lambda body: [Publish("sys.alarm.a.", Alarm("a", "b"))])
    tape = played(bar(), daemons=[Daemon("a", alarm, subscribe=("raw.",))])

    assert tape.kinds == ["Bar", "Alarm"]


def test_a_core_that_raises_ends_the_run_with_its_line() -> None:
    """A result behind it would rest on a core that has taken half of an event. The text names daemon, message and line."""

    def fail(body: Body) -> Iterable[Output]:
        raise KeyError("XYZ")

    daemons = [Daemon("tracker", Core(fail), subscribe=("raw.",))]

    with pytest.raises(
        Poisoned, match=r"^tracker: raw\.bar\.MNQ\.1m\.@1:1 ended the run: KeyError \('XYZ'\) at unit/test_loop\.py:\d+"
    ):
        played(bar("11:00"), daemons=daemons)
