"""Who may do what: every role at every topic and every port, against tables of their own (PROTOCOL.md 3 and 14)."""

from __future__ import annotations

from typing import get_args

import pytest

from tapewire.bus import roles
from tapewire.bus.messages import Body, Verb
from tapewire.bus.roles import Role
from tapewire.daemons import makers
from tapewire.daemons.settings.structs import PORTS

NAMES = {
    "broker": "broker",
    "daybook": "daybook",
    "tracker": "tracker",
    "evaluator": "evaluator",
    "gate": "gate",
    "api": "api",
    "alerts": "alerts",
    "publisher": "publisher",
    "logger": "logger",
    "bridge": "nt",
    "operator": "operator",
    "reader": "anna",
    "external": "fks",
    "subscriber": "paul",
}
DAEMONS = ("broker", "daybook", "tracker", "evaluator", "gate", "publisher", "logger")
CLIENTS = ("api", "alerts")
READING = (*DAEMONS, *CLIENTS, "bridge", "reader")

# The writer of each topic, as PROTOCOL.md 3 lists them.
WRITERS = {
    "raw.bar.MNQ.1m.": "bridge",
    "session.MNQ.": "tracker",
    "bar.MNQ.5m.": "tracker",
    "auction.MNQ.": "tracker",
    "intent.MNQ.": "evaluator",
    "decision.MNQ.": "gate",
    "eval.done.MNQ.": "evaluator",
    "suppressed.MNQ.": "evaluator",
    "signal.MNQ.": "gate",
    "reject.MNQ.": "gate",
    "command.MNQ.": "gate",
    "order.MNQ.": "gate",
    "fill.MNQ.": "gate",
    "position.MNQ.": "gate",
    "trade.MNQ.": "gate",
    "risk.Sim101.": "gate",
    "ingress.MNQ.": "gate",
    "ingress.answer.": "gate",
    "public.signal.MNQ.": "publisher",
    "public.trade.MNQ.": "publisher",
}
# Topics that nobody publishes: of the other links, of no family, and names that only begin like one.
NOBODY = (
    *(
        "venue.MNQ.",
        "venue.nt.",
        "raw.tick.MNQ.",
        "operator.word.",
        "lease.",
        "ack.",
        "request.",
        "history.",
        "control.",
        "due.",
        "epoch.",
    ),
    *("sys.welcome.", "sys.", "sys.beat.", "sys.beat.gate", "sys.beat.gate.x.", "sys.word.gate.", "chart.MNQ.1m."),
    *("", ".", "other.", "raw", "rawbar.", "sessions.MNQ.", "eval.", "publicity.", "Session.MNQ."),
)
OWN = {
    "sys.beat.": (*DAEMONS, *CLIENTS, "bridge"),
    "sys.gap.": (*DAEMONS, "bridge"),
    "sys.alarm.": (*DAEMONS, "bridge"),
    "sys.resend.": (*DAEMONS, "bridge", "reader"),
}
SYS = [f"{family}{name}." for family in OWN for name in (*NAMES.values(), "stranger")]

READERS = ("reader", "operator", *CLIENTS)

# Who may send which message to which port, and which verb of `control`.
CONTROLS = {
    "ping": READERS,
    "state": READERS,
    "parameters": READERS,
    **dict.fromkeys(("since", "today", "history", "performance", "session"), READERS),
    **dict.fromkeys(("evaluate", "strategies", "health", "ready", "connection_test", "accounts"), READERS),
    **dict.fromkeys(("stop", "init", "start", "pause", "step", "speed", "seek"), ("operator",)),
}
REQUESTS = {
    "gate": {"intents": ("evaluator",), "kill": ("operator",), "arm": ("operator",), "external_signal": ("external", "operator")},
    "tracker": {},
    "evaluator": {},
    "venue": dict.fromkeys(("hello", "accounts", "order_update", "execution", "ack"), ("bridge",)),
    "history": dict.fromkeys(("topics_request", "history_request"), (*READING, "operator")),
    "broker.in": {},
    "broker.out": {},
    "ticks.in": {},
    "ticks.out": {},
    "public": {},
    "public.delayed": {},
    "public.free": {},
    "public.ask": {},
    "backfill": {},
    "control.replay": {},
    **{f"control.{name}": {} for name in (*DAEMONS, *CLIENTS)},
    "no.such.port": {},
}
CONTROLLED = ("gate", "tracker", "evaluator", "control.replay", *(f"control.{name}" for name in (*DAEMONS, *CLIENTS)))
CONNECTIONS = {
    "broker.in": ("daybook", "tracker", "evaluator", "gate", "publisher", "logger", *CLIENTS, "bridge", "reader"),
    "broker.out": (*READING, "operator"),
    "ticks.in": ("bridge",),
    "ticks.out": ("tracker", "logger", "reader", "operator"),
    "tracker": READERS,
    "evaluator": READERS,
    "gate": ("evaluator", *READERS, "external"),
    "venue": ("bridge",),
    "history": (*READING, "operator"),
    "backfill": ("bridge",),
    **dict.fromkeys(("public", "public.delayed", "public.free", "public.ask"), ("reader", "operator", "subscriber")),
    "control.replay": READERS,
    **{f"control.{name}": READERS for name in (*DAEMONS, *CLIENTS)},
    "no.such.port": (),
}

every_role = pytest.mark.parametrize("role", list(Role))


def test_the_tables_name_every_role_port_message_and_verb() -> None:
    """A new one needs a line here."""
    assert set(NAMES) == {role.value for role in Role}
    assert set(DAEMONS) == set(makers.NAMES)
    assert set(CLIENTS) == set(makers.CLIENTS)
    assert set(PORTS) < set(CONNECTIONS) == set(REQUESTS)
    assert set(CONTROLS) == set(get_args(Verb))


@every_role
def test_a_role_publishes_its_own_topics_only(role: Role) -> None:
    """Of every family in PROTOCOL.md 3, of the system's topics under every name, and of topics that nobody writes."""
    name = NAMES[role.value]
    topics = [*WRITERS, *SYS, *NOBODY]

    allowed = [topic for topic in topics if roles.may_publish(role, name, topic)]

    own = [f"{family}{name}." for family, writers in OWN.items() if role.value in writers]
    assert allowed == [topic for topic, writer in WRITERS.items() if writer == role.value] + own


@every_role
def test_a_role_sends_only_what_its_ports_take(role: Role) -> None:
    """Every message of the protocol to every port; of `control` every verb, and one that does not exist."""
    kinds = {str(each.__struct_config__.tag) for each in get_args(Body)} - {"control"}
    allowed = {(port, kind) for port in REQUESTS for kind in kinds if roles.may_ask(role, port, kind)}
    verbs = {(port, verb) for port in REQUESTS for verb in CONTROLS if roles.may_ask(role, port, "control", verb)}

    assert allowed == {(port, kind) for port, taken in REQUESTS.items() for kind, who in taken.items() if role.value in who}
    controlled = {(port, verb) for port in CONTROLLED for verb, who in CONTROLS.items() if role.value in who}
    asking = ("subscriber", "reader", "operator")
    asked = {("public.ask", verb) for verb, who in CONTROLS.items() if role.value in (asking if "reader" in who else who)}
    assert verbs == controlled | asked
    assert roles.may_ask(role, "gate", "control", "stae") is (role.value in READERS)  # its reply lists the verbs


@every_role
def test_a_role_connects_to_its_ports_only(role: Role) -> None:
    """Every port on tcp and inside the machine, and one that does not exist."""
    allowed = [port for port in CONNECTIONS if roles.may_connect(role, port)]

    assert allowed == [port for port, who in CONNECTIONS.items() if role.value in who]


def test_a_process_is_known_by_its_name() -> None:
    """A heartbeat names its process: a daemon or the venue, and nobody else."""
    named = {name: roles.of_process(name) for name in (*NAMES.values(), "bridge", "stranger", "")}

    assert {name: role.value for name, role in named.items() if role is not None} == {
        **{name: name for name in (*DAEMONS, *CLIENTS)},
        "nt": "bridge",
    }
