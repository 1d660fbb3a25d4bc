"""Topics: dotted names that end with a dot, so that a prefix matches whole fields (`raw.bar.ES.` never matches `ESH6`).

Each topic has exactly one writer. One function per kind of topic, so that no caller spells one by hand.
"""

from __future__ import annotations

RAW = "raw."
BAR = "raw.bar."
TICK = "raw.tick."
TIMEFRAME = "bar."
SESSION = "session."
LEVELS = "levels."
AUCTION = "auction."
INTENT = "intent."
DECISION = "decision."
EVAL_DONE = "eval.done."
SUPPRESSED = "suppressed."
SIGNAL = "signal."
REJECT = "reject."
ORDER = "order."
COMMAND = "command."
FILL = "fill."
POSITION = "position."
TRADE = "trade."
RISK = "risk."
VENUE = "venue."
OPERATOR = "operator."
INGRESS = "ingress."
PUBLIC = "public."
SUMMARY = "summary."
SYS = "sys."
BEAT = "sys.beat."
RESEND = "sys.resend."
GAP = "sys.gap."
ALARM = "sys.alarm."
WELCOME = "sys.welcome."
FEED = "feed.status."
OPS = "ops.event."


def bar(instrument: str, timeframe: str = "1m") -> str:
    return f"{BAR}{instrument}.{timeframe}."


def timeframe(instrument: str, word: str) -> str:
    """Where the tracker publishes an instrument's longer bars: `timeframe("MNQ", "5m")` is `bar.MNQ.5m.`."""
    return f"{TIMEFRAME}{instrument}.{word}."


def tick(instrument: str) -> str:
    """Where NinjaTrader publishes an instrument's last trades."""
    return of(TICK, instrument)


def of(domain: str, subject: str) -> str:
    """The topic of one subject in a domain: `of(SESSION, "MNQ")` is `session.MNQ.`."""
    return f"{domain}{subject}."


def technical(topic: str) -> bool:
    """Whether it tells of processes or of the feed, not of the market. It changes from run to run, so no comparison reads it."""
    return topic.startswith((SYS, FEED, OPS))


def matches(topic: str, prefixes: tuple[str, ...]) -> bool:
    """Whether a subscription to any of these prefixes would receive the topic. An empty prefix takes everything."""
    return topic.startswith(prefixes)
