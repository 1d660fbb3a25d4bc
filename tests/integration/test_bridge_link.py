"""The bridge alone on its link, with a gate of the test's: refusals, lease, restarts, and foreign trades in the account."""

from __future__ import annotations

import subprocess
from pathlib import Path
from statistics import median

import msgspec
import pytest
import zmq

from tapewire.bus import access, wire
from tapewire.bus.messages import (
    Ack,
    Action,
    CancelOrder,
    ClosePosition,
    EvalDone,
    Header,
    Lease,
    MoveBracket,
    OrderStatus,
    OrderUpdate,
    PlaceOrder,
)
from tapewire.daemons.operator import gather
from tests import bridges
from tests.bridges import Gate
from tests.links import START, Link
from tests.links import link as link
from tests.links import plain as plain
from tests.mono import needs_mono
from tests.mono import program as program

pytestmark = [pytest.mark.slow, needs_mono]


def ack(name: object) -> bytes:
    return msgspec.msgpack.encode(msgspec.msgpack.decode(wire.encode(bridges.HEADER, Ack("x"))) | {"ref": name})


def lease(killed: object) -> bytes:
    return msgspec.msgpack.encode(msgspec.msgpack.decode(wire.encode(bridges.HEADER, Lease())) | {"killed": killed})


both_ways = pytest.mark.parametrize("link", [("--inline", 0), ("--inline", 1)], indirect=True, ids=["queued", "inline"])


@both_ways
def test_an_entry_is_accepted_filled_protected_and_closed(link: Link) -> None:
    """Acknowledged from NinjaTrader's report, filled at the next bar, its bracket on the bar's stamp, closed on request."""
    order = link.entry()

    accepted = link.gate.request(order)
    link.bar()
    held = link.stamped().position
    link.gate.request(ClosePosition("X1", "Replay", "MNQ", "E1", "EOD"))
    link.bar()
    flat = link.stamped().position
    link.gate.until(lambda: len(link.gate.fills()) == 2)

    assert (accepted.status, accepted.instrument) == (OrderStatus.ACCEPTED, "MNQ")
    assert held is not None
    assert (held.qty, held.entry_id, held.stop, held.target, held.working) == (2, "E1", order.stop, order.target, ())
    assert flat is not None
    assert (flat.qty, flat.entry_id, flat.stop, flat.price) == (0, "", None, None)
    assert [(fill.role, fill.order_id, fill.qty) for fill in link.gate.fills()] == [("ENTRY", "E1", 2), ("EXIT", "X1", -2)]


def test_unsound_entries_are_refused_with_a_code(link: Link) -> None:
    """The bridge's own last checks: each refusal names its code, and none of them reaches the market."""
    close, ns = link.last.close, link.last.close_ns
    entries = {
        "ACCOUNT": link.entry("a", account="Other"),
        "ACTION": link.entry("b", action=Action.MOVE_STOP),
        "EXPIRED": link.entry("c", valid_until_ns=ns - 1),
        "CONTRACT: MNQ 06-26 is not on this chart, which holds MNQ 03-26": link.entry("l", contract="MNQ 06-26"),
        "SIZE: quantity 0": link.entry("d", qty=0),
        "SIZE: quantity 1001": link.entry("e", qty=1001),
        "PRICE: stop": link.entry("f", stop=close - 10.1),
        "PRICE: target": link.entry("g", target=float("nan")),
        "PRICE: limit": link.entry("h", limit=float("inf")),
        "STOP": link.entry("i", stop=close + 10),
        "TARGET": link.entry("j", target=close - 10),
        "ID": link.entry("k" * 51),
    }

    updates = {code: link.gate.request(order) for code, order in entries.items()}

    assert {code: update.status for code, update in updates.items()} == dict.fromkeys(entries, OrderStatus.REJECTED)
    assert [code for code, update in updates.items() if not update.detail.startswith(code)] == []
    link.bar()
    assert link.gate.fills() == []


def test_exits_and_moves_without_a_position_are_refused(link: Link) -> None:
    """There is nothing to close, move or cancel."""
    close = link.gate.request(ClosePosition("x", "Replay", "MNQ", "", "EOD"))
    move = link.gate.request(MoveBracket("m", "Replay", "MNQ", "E1", stop=1.0))
    link.gate.send(CancelOrder("c", "Replay", "MNQ", "E1"))
    cancel = link.gate.update("c")

    assert {update.status for update in (close, move, cancel)} == {OrderStatus.REJECTED}
    assert close.detail.startswith("POSITION")
    assert move.detail.startswith("POSITION")
    assert cancel.detail.startswith("WORKING")


@pytest.mark.parametrize(
    ("changes", "cut", "expected"),
    [
        ({"type": "eval_done"}, 0, "TYPE"),
        ({"qty": "two"}, 0, "FIELD"),
        ({"stop": None}, 0, "FIELD"),
        ({"instrument": "MES"}, 0, "INSTRUMENT"),
    ],
    ids=["wrong kind", "wrong type", "no stop", "wrong instrument"],
)
def test_a_command_that_cannot_be_read_is_refused_by_its_id(
    link: Link, changes: dict[str, object], cut: int, expected: str
) -> None:
    """The gate, the journal and so the tap receive the reason, and the next order is executed."""
    name = link.gate.send(link.entry("bad"), changes=changes, cut=cut)

    update = link.gate.update("bad")
    link.gate.until(lambda: name in link.gate.acked, "the acknowledgement")
    link.gate.until(lambda: any(expected in text for text in link.alarms()), "the alarm in the journal")

    assert update.status is OrderStatus.REJECTED
    assert update.detail.startswith(expected)
    assert link.gate.request(link.entry("good")).status is OrderStatus.ACCEPTED


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ((b"command.MNQ.", b"\x81"), "cut off"),
        ((b"command.MNQ.", b"\x93\x01\x02\x03"), "a message is a map"),
        ((b"command.MNQ.",), "2 frames"),
        ((b"no topic", b"\x80"), "not a topic"),
        ((b"command.MNQ.", b"\x81\xa1v\x02"), "protocol version 2"),
        ((b"ack.", ack(7)), "field ref is not text"),
        ((b"lease.", lease("yes")), "field killed is not true or false"),
        ((b"session.MNQ.", wire.encode(bridges.HEADER, EvalDone("MNQ", "2026-03-02", 1, 1))), "not for the venue"),
    ],
    ids=["truncated", "no map", "a frame missing", "no topic", "unknown version", "bad ack", "bad lease", "not for us"],
)
def test_noise_on_the_link_becomes_an_alarm(link: Link, frames: tuple[bytes, ...], expected: str) -> None:
    """No reply is possible, so an alarm is published; the bridge continues."""
    link.gate.raw(*frames)

    link.gate.until(lambda: any(expected in text for text in link.alarms()), "the alarm in the journal")
    assert link.gate.request(link.entry()).status is OrderStatus.ACCEPTED


def test_commands_out_of_bounds_change_nothing(link: Link) -> None:
    """A far epoch, a far number, a long topic: each kind is told once, however many there are, and the next order is executed."""
    far = 1 << 62
    order = link.entry("far")
    for at in range(50):
        link.gate.raw(b"command.MNQ.", wire.encode(Header(1, "gate", far + at, 1, 0), order))
        link.gate.raw(b"command.MNQ.", wire.encode(Header(1, "gate", 1, far + at, 0), order))
        link.gate.raw(b"command." + b"M" * (300 + at) + b".", wire.encode(bridges.HEADER, order))

    accepted = link.gate.request(link.entry())
    alarms = link.alarms()

    assert accepted.status is OrderStatus.ACCEPTED
    assert link.gate.updates("far") == []
    assert [len([text for text in alarms if words in text]) for words in ("epoch", "the limit of a step", "topic of")] == [1, 1, 1]


def test_a_command_without_a_readable_id_is_acknowledged_with_an_alarm(link: Link) -> None:
    """No report is possible, but the acknowledgement ends the resending."""
    name = link.gate.send(link.entry("n"), changes={"id": 7})

    link.gate.until(lambda: name in link.gate.acked, "the acknowledgement")
    link.gate.until(lambda: any(name in text for text in link.alarms()), "the alarm in the journal")
    assert link.gate.request(link.entry()).status is OrderStatus.ACCEPTED


def test_an_instrument_without_a_chart_is_refused(link: Link) -> None:
    """The gate's order for a chart that is not open is rejected with a reason."""
    link.gate.send(PlaceOrder("y", "Replay", "MES", Action.ENTER_LONG, 1, 1.0, None, 1), topic="command.MES.")

    assert link.gate.update("y").detail.startswith("INSTRUMENT")


def test_without_a_lease_entries_are_refused_and_exits_work(link: Link) -> None:
    """Five seconds without the gate: no entry, exits and brackets as before; after the next lease entries pass again."""
    link.hold()

    link.gate.leasing = False
    link.gate.until(lambda: link.dark(), "the light to go out")
    moved = link.gate.request(MoveBracket("m", "Replay", "MNQ", "E1", stop=link.entry().stop + 1))
    closed = link.gate.request(ClosePosition("x", "Replay", "MNQ", "E1", "EOD"))
    link.bar()
    refused = link.gate.request(link.entry("late"))
    link.gate.leasing = True
    link.gate.until(lambda: not link.dark(), "the light to come back")
    again = link.gate.request(link.entry("again"))

    assert (moved.status, closed.status) == (OrderStatus.DONE, OrderStatus.ACCEPTED)
    assert refused.status is OrderStatus.REJECTED
    assert refused.detail.startswith("LEASE")
    assert again.status is OrderStatus.ACCEPTED


@pytest.mark.parametrize("link", [("--slow", 1)], indirect=True)
def test_without_a_lease_the_rest_of_an_entry_is_cancelled_and_its_stop_stays(link: Link) -> None:
    """One contract of three has filled when the gate falls silent. After five seconds the bridge cancels the other two, and says so
    to the gate, in an alarm and in the corner. Stop and target of the first stay where they are."""
    order = link.entry(qty=3)
    assert link.gate.request(order).status is OrderStatus.ACCEPTED
    link.bar()

    link.gate.leasing = False
    cancelled = link.gate.update("E1", OrderStatus.CANCELLED)
    corner = link.bridge.do("lights", link.gate.pump)[0]
    link.bar()
    held = link.stamped().position

    assert cancelled.detail.startswith("LEASE")
    assert "entries are cancelled and refused, stops and targets stay" in corner
    assert any("the entry E1 is cancelled" in text for text in link.alarms())
    assert [fill.qty for fill in link.gate.fills()] == [1]
    assert held is not None
    assert (held.qty, held.stop, held.target, held.working) == (1, order.stop, order.target, ())


def test_the_kill_switch_is_kept_as_a_copy(link: Link) -> None:
    """A lease with `killed` stops entries here, even if the gate loses its latch."""
    link.hold()
    link.gate.killed = True
    link.gate.until(lambda: link.dark())

    closed = link.gate.request(ClosePosition("x", "Replay", "MNQ", "", "KILL"))
    link.bar()
    refused = link.gate.request(link.entry("late"))

    assert closed.status is OrderStatus.ACCEPTED
    assert refused.detail.startswith("KILLED")


def test_a_repeat_is_acknowledged_and_acted_on_once(link: Link) -> None:
    """A duplicate is acknowledged; the same id under a new number gets the same reports; the market receives one order."""
    order = link.entry()
    first = link.gate.request(order)

    second = link.gate.send(order)
    link.gate.until(lambda: second in link.gate.acked)
    link.bar()
    link.gate.until(lambda: link.gate.fills())
    link.bar()

    assert {update.id for update in link.gate.updates("E1")} == {first.id}
    assert [fill.qty for fill in link.gate.fills()] == [2]


def test_an_id_is_used_once_across_restarts(link: Link) -> None:
    """Accepted, filled, closed, the strategy loaded again: the same id is not traded a second time."""
    link.hold()
    link.gate.request(ClosePosition("x", "Replay", "MNQ", "E1", "EOD"))
    link.bar()
    link.reload()
    link.bar()

    again = link.gate.send(link.entry())
    link.gate.until(lambda: again in link.gate.acked)
    link.bar()
    link.bar()

    assert [(fill.order_id, fill.qty) for fill in link.gate.fills()] == [("E1", 2), ("x", -2)]


def test_a_position_is_adopted_with_its_bracket_and_can_be_closed(link: Link) -> None:
    """The strategy is disabled and enabled with a position open: hello reports it, its bracket can be moved, an exit closes it."""
    link.hold()
    order = link.entry()
    link.reload()
    (adopted,) = link.gate.hellos()[-1].positions

    moved = link.gate.request(MoveBracket("m", "Replay", "MNQ", "E1", stop=order.stop + 1))
    closed = link.gate.request(ClosePosition("x", "Replay", "MNQ", "E1", "EOD"))
    link.bar()
    flat = link.stamped().position

    assert (adopted.position.qty, adopted.position.entry_id) == (2, "E1")
    assert adopted.position.stop is not None
    assert (moved.status, moved.stop) == (OrderStatus.DONE, order.stop + 1)
    assert closed.status is OrderStatus.ACCEPTED
    assert flat is not None
    assert flat.qty == 0


def test_a_restarted_gate_gets_a_new_hello(link: Link) -> None:
    """A lease with another boot requests a hello, which reports the open position."""
    link.hold()
    before = len(link.gate.hellos())

    link.gate.boot = 2

    link.gate.until(lambda: len(link.gate.hellos()) > before)
    assert link.gate.hellos()[-1].positions[0].position.entry_id == "E1"


def test_messages_are_resent_until_acknowledged(link: Link) -> None:
    """A gate that did not acknowledge receives each message again, and counts it once."""
    link.gate.acknowledging = False
    name = link.gate.send(link.entry())
    link.gate.until(lambda: name in link.gate.acked)
    link.bar()
    link.bar()
    before = len(link.gate.delivered)

    link.gate.acknowledging = True
    link.gate.until(lambda: link.gate.fills() and link.gate.updates("E1"))

    assert before == 1
    assert len(link.gate.fills()) == 1


@pytest.mark.parametrize("link", [("--hold", 30_000, "--most-bars", 3)], indirect=True)
def test_of_too_many_waiting_bars_the_oldest_is_dropped_and_never_a_word_of_an_order(link: Link) -> None:
    """The gate acknowledges nothing, so bars wait for it; there is room for three. Two are dropped: counted in the heartbeat and
    the corner, told by an alarm, and left out of the bars' numbers. The order's reports all arrive."""
    link.gate.acknowledging = False
    link.gate.send(link.entry())
    link.gate.until(lambda: any(isinstance(body, OrderUpdate) for body in link.gate.received), "the report")
    for _ in range(5):
        link.bar()
    full = link.bridge.do("lights", link.gate.pump)[0]

    link.gate.acknowledging = True
    link.gate.until(lambda: link.gate.fills() and link.gate.updates("E1"), "the reports")
    last = link.stamped()
    with zmq.Context() as context:
        beat = gather.listen(context, access.local(link.run, "reader")).beat

    assert full.endswith("dropped 2")
    assert beat is not None
    assert (beat.failed, beat.queued, beat.dropped) == (0, 0, 2)
    assert [last.index - bar.index for bar in link.published()] == [5, 2, 1, 0]
    assert any("the oldest are dropped" in text for text in link.alarms())


def test_a_limit_that_is_not_reached_is_cancelled_at_its_end(link: Link) -> None:
    """The bridge itself cancels it with the bar of its last minute, before that bar is published."""
    limit = link.last.close - 150
    order = link.entry(limit=limit, stop=limit - 50, valid_until_ns=link.last.close_ns + 120_000_000_000)
    accepted = link.gate.request(order)
    link.bar()
    working = link.stamped().position

    link.bar()
    cancelled = link.gate.update("E1", OrderStatus.CANCELLED)
    after = link.stamped().position

    assert accepted.status is OrderStatus.ACCEPTED
    assert working is not None
    assert working.working == ("E1",)
    assert cancelled.order_id == "E1"
    assert after is not None
    assert after.working == ()


def test_a_working_entry_is_cancelled_on_request(link: Link) -> None:
    """The order is CANCELLED, the request DONE."""
    limit = link.last.close - 150
    link.gate.request(link.entry(limit=limit, stop=limit - 50))

    link.gate.send(CancelOrder("c", "Replay", "MNQ", "E1"))

    assert link.gate.update("E1", OrderStatus.CANCELLED)
    assert link.gate.update("c").status is OrderStatus.DONE


@pytest.mark.parametrize("link", [("--reject", 1)], indirect=True)
def test_an_order_that_ninjatrader_rejects_is_rejected_with_its_text(link: Link) -> None:
    """The reason that NinjaTrader gives travels to the gate."""
    update = link.gate.request(link.entry())

    assert update.status is OrderStatus.REJECTED
    assert "simulated rejection" in update.detail
    assert link.gate.request(link.entry("E2")).status is OrderStatus.ACCEPTED


@pytest.mark.parametrize("link", [("--ignore", 1)], indirect=True)
def test_an_order_that_ninjatrader_ignores_is_refused_after_a_while(link: Link) -> None:
    """Enter* may return and report nothing; the gate must not wait for ever."""
    update = link.gate.request(link.entry())

    assert update.status is OrderStatus.REJECTED
    assert update.detail.startswith("IGNORED")


def test_a_lost_connection_stops_entries(link: Link) -> None:
    """NinjaTrader without its connection gets no entries of ours; once it is back, a hello reports positions and orders."""
    link.bridge.do("lost", link.gate.pump)
    refused = link.gate.request(link.entry("a"))
    hellos = len(link.gate.hellos())
    link.bridge.do("connected", link.gate.pump)
    link.gate.until(lambda: len(link.gate.hellos()) > hellos)

    assert refused.detail.startswith("HALTED")
    assert link.gate.request(link.entry("b")).status is OrderStatus.ACCEPTED


def test_a_position_closed_by_hand_takes_its_bracket_along(link: Link) -> None:
    """A person sells our position: a FOREIGN fill, the bracket is cancelled, entries stop until the strategy is enabled again."""
    link.hold()

    link.bridge.do("foreign -2", link.gate.pump)
    link.gate.until(lambda: len(link.gate.fills()) == 2)
    link.bar()
    flat = link.stamped().position
    refused = link.gate.request(link.entry("E2"))
    link.reload()
    link.bar()

    assert (link.gate.fills()[1].role, link.gate.fills()[1].qty) == ("FOREIGN", -2)
    assert flat is not None
    assert (flat.qty, flat.stop) == (0, None)
    assert refused.detail.startswith("HALTED")
    assert link.gate.request(link.entry("E3")).status is OrderStatus.ACCEPTED


def test_a_bar_without_order_flow_has_none(home: Path, program: Path, plain: Path, tmp_path: Path) -> None:
    """A series that is not volumetric gives null, on which no strategy trades, and never 0."""
    conf = bridges.conf()
    with bridges.bus(conf, tmp_path / "run"):
        link = Link(program, plain, tmp_path, conf, "--volumetric", 0)
        bar = link.stamped()
        link.close()

    assert (bar.ask_volume, bar.bid_volume) == (None, None)
    assert bar.volume > 0


def test_two_hundred_loads_leave_nothing_behind(home: Path, program: Path, plain: Path, tmp_path: Path) -> None:
    """Loaded, connected, a bar, unloaded, again and again in one process: threads, descriptors and sockets stay as they were."""
    conf = bridges.conf()
    with bridges.bus(conf, tmp_path / "run"):
        gate = Gate(conf, tmp_path / "run")
        bridges.hand_key(conf, tmp_path / "run", tmp_path / "nt")
        gate.lease_s = 0.02
        where = ("--data", plain, "--folder", tmp_path / "nt", "--base-port", conf.bus.base_port)
        command = ["mono", str(program), "cycles", *map(str, (*where, "--from", START, "--times", 200))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as host:
            while host.poll() is None:
                gate.pump()
            assert host.stdout is not None
            lines = [line.split() for line in host.stdout]
        gate.close()
    threads, descriptors, sockets = ([int(line[at]) for line in lines] for at in (3, 5, 7))

    assert host.returncode == 0
    assert len(lines) == 10
    assert set(sockets) == {0}
    assert max(threads) <= min(threads) + 2
    # Between 8 and 24 at any time, as libzmq closes some a moment later. A leak in each fifth load would show.
    assert median(descriptors[5:]) <= median(descriptors[:5]) + 10
