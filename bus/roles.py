"""Who may do what: the role of a key decides, never a field of a message (PROTOCOL.md 14).

A key has a name and a role. The name of a daemon's key is the daemon's name, and the bridge's is `nt`, so the topics that end with
a process's name (`sys.beat.gate.`) are its own. What no table allows is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from tapewire.bus import topics


class Role(StrEnum):
    """What a key is for.

    The first seven are the daemons. API: the HTTP door, which reads; it acts by the keys of its callers. ALERTS: tells people what
    it reads. BRIDGE: NinjaTrader, or the player in its place. OPERATOR: a person's commands (`kill`, `arm`). READER: `tap`,
    `status`, and other programs that read. EXTERNAL: a sender of external signals. SUBSCRIBER: reads the public ports of its tier,
    and nothing else.
    """

    BROKER = "broker"
    TRACKER = "tracker"
    EVALUATOR = "evaluator"
    GATE = "gate"
    PUBLISHER = "publisher"
    LOGGER = "logger"
    DAYBOOK = "daybook"
    API = "api"
    ALERTS = "alerts"
    BRIDGE = "bridge"
    OPERATOR = "operator"
    READER = "reader"
    EXTERNAL = "external"
    SUBSCRIBER = "subscriber"


class SubscriberTier(StrEnum):
    """What a subscriber gets. PREMIUM: signals and trades as they come. DELAYED: the same later. FREE: summaries."""

    PREMIUM = "premium"
    DELAYED = "delayed"
    FREE = "free"


DAEMONS = frozenset({Role.BROKER, Role.TRACKER, Role.EVALUATOR, Role.GATE, Role.PUBLISHER, Role.LOGGER, Role.DAYBOOK})
CLIENTS = frozenset({Role.API, Role.ALERTS})
"""Daemons that a run may lack: they keep nothing, and no other daemon waits for them."""
FOR_PEOPLE = frozenset({Role.OPERATOR, Role.READER, Role.EXTERNAL, Role.SUBSCRIBER})
VENUE = "nt"  # the name of the bridge's key, and its routing id

# Topic prefixes that a role may publish. `sys.` topics of its own name come on top: OWN.
PUBLISHES: Mapping[Role, tuple[str, ...]] = {
    Role.TRACKER: (topics.SESSION, topics.TIMEFRAME, topics.LEVELS, topics.AUCTION),
    Role.EVALUATOR: (topics.INTENT, topics.EVAL_DONE, topics.SUPPRESSED),
    Role.GATE: (
        topics.DECISION,
        topics.SIGNAL,
        topics.REJECT,
        topics.COMMAND,
        topics.ORDER,
        topics.FILL,
        topics.POSITION,
        topics.TRADE,
        topics.RISK,
        topics.INGRESS,
    ),
    Role.PUBLISHER: (topics.PUBLIC,),
    Role.BRIDGE: (topics.RAW,),
    Role.DAYBOOK: (topics.FEED, topics.OPS),
}
_PROCESS = (topics.BEAT, topics.RESEND, topics.GAP, topics.ALARM)
OWN: Mapping[Role, tuple[str, ...]] = {
    **dict.fromkeys((*DAEMONS, Role.BRIDGE), _PROCESS),
    # Nothing of theirs is in the journal, so that it is the same without them.
    **dict.fromkeys(CLIENTS, (topics.BEAT,)),
    Role.READER: (topics.RESEND,),
}

_PEOPLE = frozenset({Role.READER, Role.OPERATOR})
_READING = _PEOPLE | CLIENTS
# What a role may send to a port that answers, by the type of the body; `control` by its verb, too.
CONTROL: Mapping[str, frozenset[Role]] = dict.fromkeys(
    ("stop", "init", "start", "pause", "step", "speed", "seek"), frozenset({Role.OPERATOR})
)
_CONTROL = {"control": _READING}
_HISTORY = DAEMONS | _READING | {Role.BRIDGE}
ASKS: Mapping[str, Mapping[str, frozenset[Role]]] = {
    "gate": {
        "intents": frozenset({Role.EVALUATOR}),
        "kill": frozenset({Role.OPERATOR}),
        "arm": frozenset({Role.OPERATOR}),
        "external_signal": frozenset({Role.EXTERNAL, Role.OPERATOR}),
        **_CONTROL,
    },
    "tracker": _CONTROL,
    "evaluator": _CONTROL,
    "venue": dict.fromkeys(("hello", "accounts", "order_update", "execution", "ack"), frozenset({Role.BRIDGE})),
    "history": {"topics_request": _HISTORY, "history_request": _HISTORY},
    "public.ask": {"control": _PEOPLE | {Role.SUBSCRIBER}},
}
# Who may connect to the other ports. At `backfill` the bridge replies to the daemons' side.
CONNECTS: Mapping[str, frozenset[Role]] = {
    "broker.in": frozenset({*PUBLISHES, *OWN}) - {Role.BROKER},
    "broker.out": DAEMONS | _READING | {Role.BRIDGE},
    "ticks.in": frozenset({Role.BRIDGE}),
    "ticks.out": _PEOPLE | {Role.TRACKER, Role.LOGGER},
    "backfill": frozenset({Role.BRIDGE}),
    "public": _PEOPLE | {Role.SUBSCRIBER},
    "public.delayed": _PEOPLE | {Role.SUBSCRIBER},
    "public.free": _PEOPLE | {Role.SUBSCRIBER},
}
ASK = "public.ask"
"""The port where subscribers of every tier ask."""

STREAMS: Mapping[SubscriberTier, str] = {
    SubscriberTier.PREMIUM: "public",
    SubscriberTier.DELAYED: "public.delayed",
    SubscriberTier.FREE: "public.free",
}
"""The port of each tier's stream."""

# The public ports of each tier; a key of one tier is let in at no other's.
TIERS: Mapping[SubscriberTier, frozenset[str]] = {tier: frozenset({port, ASK}) for tier, port in STREAMS.items()}
PUBLIC = frozenset[str]().union(*TIERS.values())
"""Every port that a subscriber may be let in at."""

CONTROL_PORT = "control."


def may_connect(role: Role, port: str) -> bool:
    """Whether a key of this role may open a connection to a port."""
    if port.startswith(CONTROL_PORT):
        return role in _READING
    if port in ASKS:
        return any(role in roles for roles in ASKS[port].values())
    return role in CONNECTS.get(port, ())


def may_publish(role: Role, name: str, topic: str) -> bool:
    """Whether the key `name` of this role may publish a topic."""
    if topic.startswith(topics.TICK):  # it has ports of its own
        return False
    return topic.startswith(PUBLISHES.get(role, ())) or any(topic == topics.of(each, name) for each in OWN.get(role, ()))


def may_ask(role: Role, port: str, kind: str, verb: str = "") -> bool:
    """Whether a key of this role may send a message to a port that answers.

    Args:
        kind: the type of the body, such as `intents`. verb: of a `control`.
    """
    allowed = _READING if port.startswith(CONTROL_PORT) and kind == "control" else ASKS.get(port, {}).get(kind, frozenset())
    return role in allowed and role in CONTROL.get(verb, allowed)


def of_process(name: str) -> Role | None:
    """The role of a process by its name on the bus; None for a name that no process has."""
    return Role.BRIDGE if name == VENUE else Role(name) if name in DAEMONS | CLIENTS else None
