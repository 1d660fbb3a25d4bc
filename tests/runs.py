"""Builders of runs: a folder in which daemons can start, and a finished journal as a run writes it, message by message."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tapewire.bus import access, topics, wire
from tapewire.bus.journal import Journal
from tapewire.bus.messages import Action, Bar, Body, Intent, Intents, Range, Reason, Reject, Session, Signal, Trade
from tapewire.bus.stamp import Stamper, ref
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.load import instruments
from tapewire.daemons.settings.structs import Bus, Conf, Preset, Trading

SESSION = "2027-02-24"
MINUTE_NS = 60_000_000_000
MIDNIGHT_NS = 1_803_445_200_000_000_000  # 2027-02-24 00:00 in New York


class Tape:
    """Writes a run's journal. `publish` returns the new message's name, for use as the cause of the next."""

    def __init__(self, run: Path) -> None:
        self.folder = run / "journal"
        self.folder.mkdir(parents=True)
        self.stamper = Stamper("test")
        self.journals: dict[str, Journal] = {}

    def publish(self, topic: str, at_ns: int, body: Body, cause: str = "") -> str:
        header = self.stamper.header(topic, at_ns, cause)
        if topic not in self.journals:
            self.journals[topic] = Journal.open(self.folder / f"{topic.removesuffix('.')}.tape")
        self.journals[topic].append(wire.encode(header, body))
        return ref(topic, header)

    def close(self) -> None:
        for journal in self.journals.values():
            journal.close()


@contextmanager
def begun(conf: Conf, run: Path) -> Iterator[Path]:
    """A run's folder as the daemons expect it, without `tapewire up`: configuration, keys, and a folder for the sockets, which is
    removed afterwards."""
    run.mkdir(parents=True, exist_ok=True)
    configuration.write(conf, run)
    access.prepare(run)
    try:
        yield run
    finally:
        access.tidy(run)


def at(minute: int) -> int:
    """A minute of 2027-02-24, counted from midnight in New York, in UTC nanoseconds."""
    return MIDNIGHT_NS + minute * MINUTE_NS


def conf(**changes: object) -> Conf:
    fields = {
        "instance": "test",
        "bus": Bus(clock_runs=False),
        "trading": Trading(),
        "instruments": instruments(),
        "traded": ("MNQ",),
        "preset": Preset(name="seed", description="", day_type="edge", strategies=("edge_fade",)),
    }
    return Conf(**(fields | changes))


def bar(minute: int, close: float = 100.0) -> Bar:
    return Bar("MNQ", at(minute - 1), at(minute), close, close + 1, close - 1, close, 10, 6, 4, index=minute)


def session(minute: int, close: float = 100.0, closes: int = 960) -> Session:
    after_ib = minute > 630
    return Session(
        bar=bar(minute, close),
        session=SESSION,
        minute=minute,
        rth=570 < minute <= closes,
        closes=closes,
        i=minute - 571,
        k=minute - 631 if after_ib else None,
        vwap=close - 0.5,
        ib=Range(104.0, 96.0, 100.0, 100.0, 60, final=after_ib, valid=after_ib),
        day_type_edge="b_day" if after_ib else "none",
    )


def intents(minute: int, close: float = 100.0) -> Intents:
    entry = Intent(f"{minute}-in", Action.ENTER_LONG, "Edge Fade", "EDGE_TO_MID", "LONG", "low in the IB", at(minute + 1), close)
    return Intents(f"MNQ-20270224-{minute}", "MNQ", SESSION, at(minute), minute, close, (entry,))


def signal(minute: int, action: Action = Action.ENTER_LONG, *, stop: float | None = 95.0, target: float | None = 103.0) -> Signal:
    return Signal(
        f"{minute}-{action}",
        f"O-{minute}",
        "MNQ",
        SESSION,
        at(minute),
        action,
        "Edge Fade",
        "EDGE_TO_MID",
        "LONG",
        1,
        "low in the IB",
        at(minute + 1),
        entry=100.0 if action is Action.ENTER_LONG else None,
        stop=stop,
        target=target,
    )


def reject(minute: int, reason: Reason = Reason.MAX_TRADES, *, action: Action = Action.ENTER_LONG) -> Reject:
    names = ("Edge Fade", "EDGE_TO_MID", "LONG" if action is Action.ENTER_LONG else "SHORT")
    prices = (100.0, 95.1, 103.1)
    return Reject(f"{minute}-{reason}", "MNQ", SESSION, at(minute), action, *names, reason, "ten trades today", *prices)


def trade(entered: int, left: int, net_cents: int, *, reason: str = "TARGET", strategy: str = "Edge Fade") -> Trade:
    return Trade(
        id=f"T-{entered}",
        instrument="MNQ",
        account="Replay",
        session=SESSION,
        strategy=strategy,
        setup="EDGE_TO_MID",
        direction="LONG",
        size=1,
        signal_ns=at(entered - 1),
        entry_ns=at(entered),
        entry_price=100.25,
        exit_ns=at(left),
        exit_price=103.0,
        reason=reason,
        bars_held=left - entered + 1,
        stop=95.0,
        target=103.0,
        gross_cents=net_cents + 124,
        commission_cents=124,
        net_cents=net_cents,
    )


def finished(run: Path, minutes: Iterable[int] = range(571, 961), *, price: float = 100.0) -> Path:
    """A run over one session with one approved entry at 11:00 that reaches its target at 11:20, and one refusal at 12:00."""
    tape = Tape(run)
    for minute in minutes:
        close = price + (minute % 7) / 4
        cause = tape.publish(topics.bar("MNQ"), at(minute), bar(minute, close))
        cause = tape.publish("session.MNQ.", at(minute), session(minute, close), cause)
        if minute == 660:
            cause = tape.publish("intent.MNQ.", at(minute), intents(minute, close), cause)
            tape.publish("signal.MNQ.", at(minute), signal(minute), cause)
        if minute == 680:
            tape.publish("trade.MNQ.", at(minute), trade(661, 680, 426), cause)
        if minute == 720:
            cause = tape.publish("intent.MNQ.", at(minute), intents(minute, close), cause)
            tape.publish("reject.MNQ.", at(minute), reject(minute), cause)
    tape.close()
    return run
