"""Alerts under any sequence of facts: nothing twice, nothing lost for good, and a restart anywhere changes no decision."""

from __future__ import annotations

import hypothesis.strategies as st
import msgspec
from hypothesis import given

from tapewire.bus.daemon import Event
from tapewire.bus.messages import Action, Alarm, EvalDone, Risk, TradingState
from tapewire.bus.testing import DAY, eastern, event
from tapewire.daemons.alerts import pace
from tapewire.daemons.alerts.addresses import HIDDEN, Address
from tapewire.daemons.alerts.alert import Alert
from tapewire.daemons.alerts.desk import AlertDesk, Post
from tapewire.daemons.alerts.following import Following
from tapewire.daemons.alerts.following import number as following_number
from tapewire.daemons.alerts.memory import Memory
from tapewire.daemons.settings.alerting import Alerting, Channel, Level, Rule
from tests import runs

SECOND_NS = 1_000_000_000
BEGIN_NS = eastern("09:30")
CONF = Alerting(
    enabled=True,
    channels={"phone": Channel(Level.WARNING, quiet=("12:00-13:00", "22:00-07:00")), "log": Channel()},
    rules=(Rule(topics=("",), channels=("phone", "log")), Rule(topics=("signal.",), channels=("phone",), instruments=("MES",))),
)


def signal(at_ns: int, symbol: str, action: Action, bar_ns: int) -> Event:
    body = msgspec.structs.replace(runs.signal(660, action), instrument=symbol, bar_ns=bar_ns)
    return event(body, topic=f"signal.{symbol}.", event_ns=at_ns)


@st.composite
def facts(draw: st.DrawFn) -> list[Event]:
    """Facts in the order of data time, with bars that may be old ones, over some days."""
    at_ns, found = BEGIN_NS, []
    for step in draw(st.lists(st.integers(0, 7_200), max_size=60)):
        at_ns += step * SECOND_NS
        kind = draw(st.sampled_from(["signal", "alarm", "risk", "bar"]))
        if kind == "signal":
            bar_ns = at_ns - draw(st.sampled_from([0, 0, 0, 60, 600])) * SECOND_NS
            action = draw(st.sampled_from([Action.ENTER_LONG, Action.EXIT]))
            found.append(signal(at_ns, draw(st.sampled_from(["MNQ", "MES"])), action, bar_ns))
        elif kind == "alarm":
            name = draw(st.sampled_from(["killed", "armed", "calendar", "unprotected"]))
            found.append(event(Alarm(name, draw(st.sampled_from("ab"))), topic="sys.alarm.gate.", source="gate", event_ns=0))
        elif kind == "risk":
            state = draw(st.sampled_from([*TradingState]))
            found.append(event(Risk("Sim101", DAY, state, 0, 0, 0, 0, "DAILY_LOSS"), topic="risk.Sim101.", event_ns=at_ns))
        else:
            found.append(event(EvalDone("MNQ", DAY, at_ns, 1), topic="eval.done.MNQ.", event_ns=at_ns))
    return found


def desk(memory: Memory) -> AlertDesk:
    return AlertDesk(CONF, memory, live=False, market_open=lambda name, at_ns: True)


@given(facts(), st.sets(st.integers(0, 60)))
def test_a_restart_anywhere_changes_no_decision(events: list[Event], cuts: set[int]) -> None:
    """What is remembered goes through the bytes of its file."""
    whole, cut = desk(Memory()), desk(Memory())
    posts: tuple[list[Post], list[Post]] = ([], [])

    for at, each in enumerate(events):
        if at in cuts:
            cut = desk(msgspec.json.decode(msgspec.json.encode(cut.memory), type=Memory))
        posts[0].extend(whole.take(each))
        posts[1].extend(cut.take(each))

    assert posts[0] == posts[1]


@given(facts())
def test_the_same_is_never_told_within_its_time_nor_of_the_same_bar(events: list[Event]) -> None:
    """Of each type and instrument, in every channel; the kill switch is the same again once its opposite was told."""
    judge, last, bars = desk(Memory()), {}, {}

    for each in events:
        for channel, alert in judge.take(each):
            if alert.again or alert.kind in ("alarm killed", "alarm armed"):
                continue
            key = (channel, alert.key)
            now_ns = judge.memory.now_ns
            assert now_ns - last.get(key, -(10**30)) >= 300 * SECOND_NS
            assert (key, alert.bar_ns) not in bars or not alert.bar_ns
            last[key], bars[key, alert.bar_ns] = now_ns, True


@given(facts())
def test_quiet_hours_lose_nothing_and_break_no_silence(events: list[Event]) -> None:
    """What the phone would have been told without them it is told, at once or when they are over."""
    judge = desk(Memory())
    loud = AlertDesk(
        msgspec.structs.replace(CONF, channels={"phone": Channel(Level.WARNING), "log": Channel()}),
        Memory(),
        live=False,
        market_open=lambda name, at_ns: True,
    )
    told = kept = wanted = 0

    for each in events:
        for channel, alert in judge.take(each):
            if channel == "phone":
                told += alert.kind != "quiet"
                kept += int(alert.title.split()[0]) if alert.kind == "quiet" else 0
        wanted += sum(post.channel == "phone" for post in loud.take(each))
    waiting = judge.memory.held["phone"].count if "phone" in judge.memory.held else 0

    assert told + kept + waiting == wanted


@given(st.lists(st.floats(0, 30), max_size=200), st.integers(1, 20))
def test_no_minute_has_more_messages_than_the_pace_allows(waits: list[float], per_minute: int) -> None:
    """However the sender is asked: it waits as long as it is told, and sends."""
    limit, now_s, sent = pace.SendingPace(per_minute), 0.0, []
    for wait in waits:
        now_s += wait
        now_s += limit.wait_s(now_s)
        limit.sent(now_s)
        sent.append(now_s)

    assert all(late - early > 59.999 for early, late in zip(sent, sent[per_minute:], strict=False))


@given(st.lists(st.sampled_from([*Level]), min_size=1, max_size=80))
def test_several_alerts_as_one_keep_the_highest_level_and_their_number(levels: list[Level]) -> None:
    """One is itself; of many the first lines are shown and the rest is counted."""
    alerts = [Alert(topic="t.", kind="k", level=level, title=f"n{at}") for at, level in enumerate(levels)]

    one = pace.together(alerts)

    assert one.level.rank == max(level.rank for level in levels)
    assert one == alerts[0] if len(alerts) == 1 else one.title == f"{len(alerts)} alerts"
    assert len(one.text.splitlines()) <= pace.LINES + 1


SECRETS = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"), min_size=4, max_size=40)


@given(SECRETS, SECRETS, st.sampled_from(["{0}", "url: /{0}/{1}?x", "'{1}' refused", "a:{0}@host", "{0}{1}"]))
def test_no_part_of_an_address_passes_redaction(user: str, password: str, words: str) -> None:
    """Wherever a library repeats it."""
    address = Address(f"mailtos://{user}:{password}@mail.example.org/{password}?key={user}")

    text = address.redacted(words.format(user, password))

    assert user not in text.replace(HIDDEN, " ")
    assert password not in text.replace(HIDDEN, " ")
    assert user not in repr(address) or user in "Address(***)"


@st.composite
def losses(draw: st.DrawFn) -> tuple[list[Event], set[int], dict[int, set[int]]]:
    """Facts of three topics in the order of the bus; those that the bus loses; what each reading of the journal lacks."""
    numbers: dict[str, int] = {}
    events = []
    for topic in draw(st.lists(st.sampled_from(["signal.MNQ.", "fill.MNQ.", "eval.done.MNQ."]), max_size=40)):
        numbers[topic] = numbers.get(topic, 0) + 1
        events.append(event(Alarm("n", ""), topic=topic, seq=numbers[topic], event_ns=len(events)))
    places = range(len(events))
    lost = draw(st.sets(st.sampled_from(places), max_size=15)) if events else set()
    return events, lost, {at: draw(st.sets(st.sampled_from(places), max_size=5)) if events else set() for at in range(3)}


@given(losses())
def test_each_fact_is_taken_once_in_its_order_whatever_the_bus_loses(
    found: tuple[list[Event], set[int], dict[int, set[int]]],
) -> None:
    """The journal lags behind the bus for a while, and then has everything: a hole waits for it."""
    events, lost, lags = found
    taken: list[Event] = []
    following = Following({}, ("eval.done.",), taken.append, lambda topic, count: None)
    published, readings = 0, 0

    def journal() -> list[Event]:
        """What it has behind `read`, of what was published; for the first readings it lacks something."""
        nonlocal readings
        late, readings = lags.get(readings, set()), readings + 1
        known = [each for at, each in enumerate(events[:published]) if at not in late and each.topic != "eval.done.MNQ."]
        return [each for each in known if following_number(each) > following.read.get(each.topic, (0, 0)) and whole(each, known)]

    def whole(each: Event, known: list[Event]) -> bool:
        """The logger hands out a topic up to its first hole: it takes no number before the one in front."""
        return sum(other.topic == each.topic and other.header.seq < each.header.seq for other in known) == each.header.seq - 1

    for at, each in enumerate(events):
        published = at + 1
        if at not in lost:
            following.arrived(each)
        if following.behind:
            following.caught_up(journal(), patient=True)
    for _ in range(4):
        following.behind = True
        following.caught_up(journal(), patient=True)

    for topic in ("signal.MNQ.", "fill.MNQ."):
        assert [each.header.seq for each in taken if each.topic == topic] == [
            each.header.seq for each in events if each.topic == topic
        ]
    assert following.lost == 0


def test_a_hole_that_the_journal_has_as_well_is_told_and_gone_behind() -> None:
    """Once patience is at its end; the fact behind it is taken."""
    taken: list[Event] = []
    told: list[tuple[str, int]] = []
    following = Following({"fill.MNQ.": (1, 3)}, (), taken.append, lambda topic, count: told.append((topic, count)))
    following.arrived(event(Alarm("n", ""), topic="fill.MNQ.", seq=7))

    first = following.caught_up([], patient=True), following.behind
    second = following.caught_up([], patient=False), following.behind

    assert (first, second) == ((0, True), (0, False))
    assert [each.header.seq for each in taken] == [7]
    assert told == [("fill.MNQ.", 3)]
    assert following.lost == 3
