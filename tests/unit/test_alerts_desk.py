"""Who is told what: types and levels, repeats, quiet hours, rules, the digest, silence. All of it by data time."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from tapewire.bus import topics
from tapewire.bus.daemon import Event
from tapewire.bus.messages import (
    Action,
    Alarm,
    Body,
    EvalDone,
    FeedStatus,
    Fill,
    Gap,
    IngressEvent,
    IngressState,
    OpsEvent,
    OrderEvent,
    OrderStatus,
    PositionChanged,
    Reason,
    Risk,
    TradingState,
)
from tapewire.bus.testing import DAY, eastern, event
from tapewire.daemons.alerts import desk as desks
from tapewire.daemons.alerts import process
from tapewire.daemons.alerts.desk import AlertDesk, Post
from tapewire.daemons.alerts.memory import Memory
from tapewire.daemons.settings.alerting import Alerting, Channel, Level, Rule
from tests import runs

SECOND_NS = 1_000_000_000
NOON_NS = eastern("12:00")
FOLDER = Path(process.__file__).parent
OWN = (desks.SILENCE, desks.POSITION, desks.CHANNEL, desks.DIGEST)


def desk(
    memory: Memory | None = None,
    *,
    channels: dict[str, Channel] | None = None,
    rules: tuple[Rule, ...] | None = None,
    live: bool = False,
    opened: bool = True,
    daemons: tuple[str, ...] = (),
    **settings: object,
) -> AlertDesk:
    """One channel that is told everything, unless something else is said."""
    channels = {"phone": Channel()} if channels is None else channels
    rules = (Rule(topics=("",), channels=tuple(channels)),) if rules is None else rules
    conf = Alerting(enabled=True, channels=channels, rules=rules, **settings)
    return AlertDesk(conf, memory or Memory(), live=live, market_open=lambda name, at_ns: opened, daemons=daemons)


def signal(at_ns: int, action: Action = Action.ENTER_LONG, direction: str = "LONG", symbol: str = "MNQ") -> Event:
    body = msgspec.structs.replace(runs.signal(660, action), instrument=symbol, bar_ns=at_ns, direction=direction)
    return event(body, topic=f"signal.{symbol}.", event_ns=at_ns)


def fact(topic: str, body: Body, at_ns: int = NOON_NS) -> Event:
    return event(body, topic=topic, source="gate", event_ns=at_ns)


def alarm(name: str, text: str = "why", at_ns: int = NOON_NS) -> Event:
    return fact("sys.alarm.gate.", Alarm(name, text), at_ns)


def risk(state: TradingState, reason: str = "", at_ns: int = NOON_NS) -> Event:
    return fact("risk.Sim101.", Risk("Sim101", DAY, state, -5_000, -5_000, 5_000, 3, reason), at_ns)


def titles(posts: list[Post]) -> list[str]:
    return [post.alert.title for post in posts]


def told(desk: AlertDesk, *events: Event) -> list[str]:
    return [title for each in events for title in titles(desk.take(each))]


# --- what is told, and how loudly ------------------------------------------------------------------------------------------------

FILL = Fill("E1", "O1", "MNQ", "Sim101", 2, 21_000.25, "ENTRY", NOON_NS, 90)
INGRESS = IngressEvent("I1", "MNQ_buy_21000", "MNQ", IngressState.FAILED, "LONG", 21_000.0, 40, 20, "fks", NOON_NS, detail="late")


@pytest.mark.parametrize(
    ("topic", "body", "level", "title"),
    [
        ("fill.MNQ.", FILL, "info", "MNQ: bought 2 at 21000.25, entry"),
        ("fill.MNQ.", msgspec.structs.replace(FILL, qty=-1, role="FOREIGN"), "warning", "MNQ: sold 1 at 21000.25, foreign"),
        ("trade.MNQ.", runs.trade(661, 680, -426), "info", "MNQ: long closed -$4.26"),
        ("reject.MNQ.", runs.reject(660, Reason.MAX_TRADES), "info", "MNQ: Edge Fade refused, MAX_TRADES"),
        ("order.MNQ.", OrderEvent("O1", "MNQ", Action.ENTER_LONG, OrderStatus.REJECTED, 1), "warning", "MNQ: order rejected"),
        ("order.MNQ.", OrderEvent("O1", "MNQ", Action.ENTER_LONG, OrderStatus.ACCEPTED, 1), "", ""),
        ("ingress.MNQ.", INGRESS, "warning", "MNQ: external signal failed"),
        ("ingress.MNQ.", msgspec.structs.replace(INGRESS, state=IngressState.SENT), "", ""),
        ("sys.gap.tracker.", Gap("raw.bar.MNQ.1m.", 1, 4, 6, "tracker"), "warning", "tracker has lost 3 messages"),
        ("sys.alarm.gate.", Alarm("killed", "anna latched it"), "critical", "gate: killed"),
        ("sys.alarm.gate.", Alarm("calendar", "differs"), "warning", "gate: calendar"),
        ("sys.alarm.logger.", Alarm("journal_restored", "all there"), "info", "gate: journal restored"),
        ("ops.event.", OpsEvent("disconnected", "nt", "no heartbeat"), "warning", "nt: disconnected"),
        ("ops.event.", OpsEvent("error", "gate", "calendar: differs"), "", ""),
        ("eval.done.MNQ.", EvalDone("MNQ", DAY, NOON_NS, 90), "", ""),
    ],
)
def test_a_fact_is_worth_an_alert_of_a_level(topic: str, body: Body, level: str, title: str) -> None:
    """In the words of the field; what tells nothing new to a person is worth none."""
    posts = desk().take(fact(topic, body))

    assert [(post.alert.level, post.alert.title) for post in posts] == ([(level, title)] if title else [])


@pytest.mark.parametrize(
    ("action", "direction", "word"),
    [
        (Action.ENTER_LONG, "LONG", "Buy"),
        (Action.ENTER_SHORT, "SHORT", "Short"),
        (Action.EXIT, "LONG", "Sell"),
        (Action.EXIT, "SHORT", "Cover"),
        (Action.MOVE_STOP, "LONG", "Move stop"),
    ],
)
def test_a_signal_has_the_six_fields_of_a_webhook(action: Action, direction: str, word: str) -> None:
    """signal_type, symbol, price, timestamp, strategy, indicators."""
    (post,) = desk().take(signal(NOON_NS, action, direction))

    fields = post.alert.fields
    assert fields["signal_type"] == word
    assert (fields["symbol"], fields["timestamp"], fields["strategy"]) == ("MNQ", "2026-03-03T17:00:00+00:00", "Edge Fade")
    assert {"price", "indicators"} < set(fields)
    assert fields["indicators"]["setup"] == "EDGE_TO_MID"


# --- repeats --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "count"), [(0, 1), (299, 1), (300, 2), (301, 2)])
def test_the_same_type_and_instrument_is_told_once_in_300_seconds_of_data_time(seconds: int, count: int) -> None:
    """On bars of their own: an alert within the time is left out."""
    assert len(told(desk(), signal(NOON_NS), signal(NOON_NS + seconds * SECOND_NS))) == count


def test_another_type_or_another_instrument_is_another_thing() -> None:
    """Buy, Short and Buy on one bar are two alerts; ES is none of MNQ's."""
    bar = [signal(NOON_NS), signal(NOON_NS, Action.ENTER_SHORT, "SHORT"), signal(NOON_NS), signal(NOON_NS, symbol="MES")]

    assert [title.partition(" ")[2].split()[0] + title[:4] for title in told(desk(), *bar)] == ["BuyMNQ:", "ShortMNQ:", "BuyMES:"]


def test_a_bar_is_told_once_for_ever() -> None:
    """Hours later as well: of the same type, instrument and bar."""
    late = signal(NOON_NS)
    late = late.but(header=msgspec.structs.replace(late.header, event_ns=eastern("15:00")))

    assert len(told(desk(), signal(NOON_NS), late)) == 1


def test_what_is_a_thing_of_its_own_is_always_told() -> None:
    """Two fills within a second are two fills."""
    assert len(told(desk(), fact("fill.MNQ.", FILL), fact("fill.MNQ.", FILL))) == 2


def test_the_kill_switch_is_told_each_time_that_it_is_moved() -> None:
    """The latch and the operator's word give two alarms of one kill; a kill after an arm is another one."""
    words = ["killed", "killed", "armed", "armed", "killed"]

    assert told(desk(), *map(alarm, words)) == ["gate: killed", "gate: armed", "gate: killed"]


def test_a_restart_remembers_what_was_told() -> None:
    """The memory goes through the file's bytes."""
    first = desk()
    first.take(signal(NOON_NS))

    second = desk(msgspec.json.decode(msgspec.json.encode(first.memory), type=Memory))

    assert told(second, signal(NOON_NS), signal(NOON_NS + 299 * SECOND_NS)) == []
    assert len(told(second, signal(NOON_NS + 301 * SECOND_NS))) == 1


# --- states ---------------------------------------------------------------------------------------------------------------------


def test_trading_that_stops_and_goes_on_is_told() -> None:
    """Each change once; of the kill switch the alarm tells."""
    steps = [
        risk(TradingState.ACTIVE),
        risk(TradingState.REDUCING, "DAILY_LOSS"),
        risk(TradingState.REDUCING, "DAILY_LOSS"),
        risk(TradingState.ACTIVE),
        risk(TradingState.HALTED, "KILLED"),
        risk(TradingState.ACTIVE),
        risk(TradingState.HALTED, "MAX_DRAWDOWN"),
    ]
    judge = desk()

    posts = [post.alert for step in steps for post in judge.take(step)]

    assert [(each.level, each.title) for each in posts] == [
        ("warning", "Sim101: trading is reducing, DAILY_LOSS"),
        ("info", "Sim101: trading is active"),
        ("critical", "Sim101: trading is halted, MAX_DRAWDOWN"),
    ]


def test_a_position_is_told_once_when_it_is_old() -> None:
    """After 120 minutes of data time, whatever is added to it; a new one counts anew."""
    judge = desk()

    def position(qty: int, at: str) -> list[str]:
        return told(judge, fact("position.MNQ.", PositionChanged("MNQ", "Sim101", qty, 21_000.0), eastern(at)))

    def bar(at: str) -> list[str]:
        return told(judge, fact("eval.done.MNQ.", EvalDone("MNQ", DAY, eastern(at), 90), eastern(at)))

    assert position(1, "10:00") + position(2, "10:30") + bar("11:59") == []
    assert bar("12:00") == ["MNQ: position +2 is open for 120 minutes"]
    assert bar("12:01") + position(0, "12:02") + position(-1, "12:03") + bar("13:00") == []
    assert bar("14:03") == ["MNQ: position -1 is open for 120 minutes"]


def feed(status: str, at: str = "12:00") -> Event:
    return fact("feed.status.MNQ.", FeedStatus("MNQ", status, "a sentence"), eastern(at))


def test_bars_that_do_not_come_are_an_alarm_while_the_market_is_open() -> None:
    """And their coming back is told. All is not well meanwhile."""
    judge = desk()

    assert [post.alert.level for post in judge.take(feed("silent"))] == ["critical"]
    assert not judge.well
    assert titles(judge.take(feed("connected"))) == ["MNQ: the feed is connected"]
    assert judge.well


def test_a_bridge_that_is_away_while_the_market_is_closed_is_no_alarm() -> None:
    """NinjaTrader is off at night."""
    judge = desk(opened=False)

    assert told(judge, feed("silent"), feed("connected")) == []
    assert judge.well


# --- silence --------------------------------------------------------------------------------------------------------------------


def looks(judge: AlertDesk, seconds: float, heard: dict[str, float], notes: dict[str, str] | None = None) -> list[Post]:
    times = {name: int(at * SECOND_NS) for name, at in heard.items()}
    return judge.look(int(seconds * SECOND_NS), times, notes or {}, 0)


def test_a_daemon_that_falls_silent_is_told_once_and_its_return_too() -> None:
    """After `silent_s`; while it is silent, all is not well."""
    judge = desk(daemons=("gate", "logger"))
    posts = [looks(judge, at, {"gate": min(at, 20), "logger": at}) for at in range(40)]

    assert [(at, titles(found)) for at, found in enumerate(posts) if found] == [(30, ["gate: silent"])]
    assert not judge.well
    assert titles(looks(judge, 40, {"gate": 40, "logger": 40})) == ["gate: heard again"]
    assert judge.well


def test_a_daemon_that_was_stopped_in_order_is_not_missed() -> None:
    """Its last heartbeat says so."""
    judge = desk(daemons=("gate",))

    assert [looks(judge, at, {"gate": 1}, {"gate": "stopped"}) for at in range(30)] == [[]] * 30


def test_a_broker_that_stands_still_is_one_alert() -> None:
    """Nobody is heard then."""
    judge = desk(daemons=("broker", "gate", "logger"))
    posts = [post for at in range(30) for post in looks(judge, at, {})]

    assert titles(posts) == ["every daemon: silent"]


def test_a_machine_that_slept_blames_nobody() -> None:
    """A clock that has leapt shows that this process stood still; the others get their time."""
    judge = desk(daemons=("gate",))
    looks(judge, 1, {"gate": 1})

    posts = [post for at in range(3_600, 3_609) for post in looks(judge, at, {"gate": 1})]

    assert posts == []


# --- rules, levels, quiet hours --------------------------------------------------------------------------------------------------


def test_rules_lead_from_topics_levels_and_instruments_to_channels() -> None:
    """Each channel once, whatever number of rules name it."""
    rules = (
        Rule(topics=("signal.", "fill."), channels=("chat",), instruments=("MES",)),
        Rule(topics=("",), channels=("phone",), level=Level.WARNING),
        Rule(topics=("sys.alarm.",), channels=("phone", "chat")),
    )
    judge = desk(channels={"chat": Channel(), "phone": Channel(Level.CRITICAL)}, rules=rules)

    where = [
        [post.channel for post in judge.take(each)] for each in (signal(NOON_NS), signal(NOON_NS, symbol="MES"), alarm("killed"))
    ]
    warned = [post.channel for post in judge.take(alarm("calendar"))]

    assert where == [[], ["chat"], ["phone", "chat"]]
    assert warned == ["chat"]


def test_quiet_hours_keep_what_can_wait_and_tell_it_as_one() -> None:
    """In their own zone, over midnight: 22:00 to 07:00 in Berlin ends at 01:00 New York. What is critical comes at once."""
    quiet = {"phone": Channel(quiet=("22:00-07:00",)), "log": Channel()}
    judge = desk(channels=quiet, zone="Europe/Berlin", digest_at="")

    def posts(each: Event) -> list[tuple[str, str]]:
        return [(post.channel, post.alert.title) for post in judge.take(each)]

    assert [name for name, _ in posts(signal(eastern("15:59")))] == ["phone", "log"]
    assert [name for name, _ in posts(signal(eastern("16:30")))] == ["log"]
    assert [name for name, _ in posts(signal(eastern("16:40"), Action.ENTER_SHORT, "SHORT"))] == ["log"]
    assert [name for name, _ in posts(alarm("unprotected"))] == ["phone", "log"]
    morning = judge.take(signal(eastern("01:00", "2026-03-04")))
    assert (morning[0].channel, morning[0].alert.title) == ("phone", "2 alerts in the quiet hours")
    assert morning[0].alert.text.splitlines() == ["MNQ: Buy 1 at 100", "MNQ: Short 1"]
    assert [post.channel for post in morning[1:]] == ["phone", "log"]


# --- the day --------------------------------------------------------------------------------------------------------------------


def test_the_day_is_summed_up_at_its_end() -> None:
    """Once, when data time has passed it; a day on which nothing happened says nothing."""
    judge = desk()
    judge.take(signal(eastern("10:00")))
    judge.take(fact("reject.MNQ.", runs.reject(660, Reason.MAX_TRADES), eastern("10:01")))
    judge.take(fact("trade.MNQ.", runs.trade(661, 680, 426), eastern("10:20")))
    judge.take(alarm("calendar"))

    def bar(at: str, day: str) -> list[Post]:
        return judge.take(fact("eval.done.MNQ.", EvalDone("MNQ", day, eastern(at, day), 90), eastern(at, day)))

    (digest,) = bar("17:05", DAY)
    later = [bar("18:01", DAY), bar("17:04", "2026-03-04")]

    assert digest.alert.title == f"{DAY}: 1 trade, 1 won, +$4.26; 1 signal, 1 refused"
    assert digest.alert.text.splitlines() == ["0 bars, 0 fills", "refused: MAX_TRADES 1", "warnings: alarm calendar 1"]
    assert later == [[], []]


def test_a_live_market_that_is_silent_ends_its_day_by_the_clock() -> None:
    """The shell tells the wall clock."""
    judge = desk(live=True)
    judge.take(signal(eastern("10:00")))

    assert judge.look(1, {}, {}, eastern("17:04")) == []
    assert titles(judge.look(2, {}, {}, eastern("17:05"))) == [f"{DAY}: no trade; 1 signal, 0 refused"]


def test_a_wall_clock_is_no_market_time_in_a_replay() -> None:
    """Alarms carry it, and a replay of old bars would leap into the present."""
    judge = desk()
    judge.take(signal(NOON_NS))
    judge.take(alarm("calendar", at_ns=eastern("12:00", "2030-01-02")))

    assert judge.memory.now_ns == NOON_NS


def test_the_newest_hundred_are_remembered() -> None:
    """For `tapewire alert list`."""
    judge = desk()
    for at in range(130):
        judge.take(fact("fill.MNQ.", msgspec.structs.replace(FILL, qty=at + 1)))

    assert [each.title.split()[2] for each in judge.memory.recent] == [str(at + 1) for at in range(30, 130)]


def test_a_channel_that_fails_is_told_to_the_others() -> None:
    """Not to itself."""
    judge = desk(channels={"phone": Channel(), "log": Channel()})

    posts = judge.failed("phone", works=False)

    assert [(post.channel, post.alert.title) for post in posts] == [("log", "channel phone cannot deliver")]


def test_the_settings_of_the_document_work_as_printed() -> None:
    """Every channel has its rule."""
    (example,) = re.findall(r"```toml\n(.*?)```", (FOLDER / "README.md").read_text("utf-8"), re.DOTALL)

    conf = msgspec.convert(tomllib.loads(example)["alerts"], Alerting)

    assert conf.enabled
    assert {name for rule in conf.rules for name in rule.channels} == set(conf.channels)


def test_the_document_lists_every_topic_that_is_told() -> None:
    """A rule may name each of them. Positions are read for their age alone."""
    rows = re.findall(r"^\| `([a-z.]+)` \|", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE)

    assert set(rows) == {*process.READ, *OWN} - {topics.POSITION}
