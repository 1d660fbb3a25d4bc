"""The kill switch: `kill` works whatever else is broken, and says what it saw; `arm` releases it.

The file in the run's folder comes first. The gate looks at it when it starts and at each heartbeat, so it holds without a bus,
without supervisord, and when the gate is frozen. Then the gate is told, and asked what is true.
"""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
import zmq
from msgspec import Struct, field
from rich.console import Console

from tapewire.bus import access, contexts, topics
from tapewire.bus.client import Reader, request_control, request_reply
from tapewire.bus.errors import ConfError, JournalError, PeerError, TapewireError, Transient
from tapewire.bus.messages import Arm, Fill, Kill, Risk, TradingState
from tapewire.daemons.gate.reasons import TEXTS
from tapewire.daemons.gate.switch import LATCH
from tapewire.daemons.operator import instances
from tapewire.daemons.operator.commands import LIVE, InstanceOption, JsonOption
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.shell import latch

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

NOT_FLAT = 1
ONLY_GATE = JournalError.status  # 74
ONLY_DISK = Transient.status  # 75
NOTHING = 69
WORST_FIRST = (NOTHING, ONLY_DISK, NOT_FLAT, ONLY_GATE, 0)
ASK_S = 5.0
POLL_S = 0.2
SETTLE_S = 1.0  # a fill may follow the cancel of its order (PROTOCOL.md 6)
REMEDY = "close it in NinjaTrader, and look at `tapewire tap order. fill.`"


class Closed(Struct):
    """A position that the kill switch closes.

    qty: as it stood, signed. left: what is still open. price: average of the closing fills.
    """

    instrument: str
    qty: int
    left: int
    price: float | None = None


class Seen(Struct):
    """What `kill` saw.

    on_disk: the latch is on disk. acknowledged: the gate has replied. killed: the gate reports the switch as latched. venue_up: the
    venue is connected, so the lease tells it. standing: the account's state. closed: with --flatten. working: entries that still
    work. faults: what went wrong, a sentence each.
    """

    run: str
    on_disk: bool = False
    acknowledged: bool = False
    killed: bool = False
    venue_up: bool = False
    standing: str = ""
    closed: list[Closed] = field(default_factory=list)
    working: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def flat(self) -> bool:
        return not self.working and all(each.left == 0 for each in self.closed)


class Fills:
    """The fills of the closing orders, as the bus brings them. Without a bus there are none, and the prices stay unknown.

    Args:
        patience_s: how long to wait, once flat, for fills that the bus has not brought yet.
    """

    def __init__(self, reader: Reader, clock: Callable[[], float] = time.monotonic, *, patience_s: float = 2.0) -> None:
        self._reader = reader
        self._clock = clock
        self._patience_s = patience_s
        self._flat_s: float | None = None
        self._filled: dict[str, list[tuple[int, float]]] = {}

    def read(self, timeout_s: float) -> None:
        """Take what arrives within this time."""
        until = self._clock() + timeout_s
        while (left := until - self._clock()) > 0:
            for message, _ in self._reader.receive(left):
                body = message.body
                if isinstance(body, Fill) and f"{body.instrument}-KILL" in body.order_id:
                    self._filled.setdefault(body.instrument, []).append((abs(body.qty), body.price))

    def average(self, name: str) -> float | None:
        """The average price of an instrument's closing fills."""
        filled = self._filled.get(name)
        return None if not filled else sum(qty * price for qty, price in filled) / sum(qty for qty, _ in filled)

    def complete(self, before: dict[str, int], still: dict[str, int]) -> bool:
        """Whether the fills explain what was closed, or have been waited for long enough."""
        if self._flat_s is None:
            self._flat_s = self._clock()
        closed = {name: abs(qty - still.get(name, 0)) for name, qty in before.items()}
        known = all(sum(qty for qty, _ in self._filled.get(name, [])) >= qty for name, qty in closed.items())
        return known or self._clock() - self._flat_s > self._patience_s


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    app.command()(kill)
    app.command()(arm)


def kill(
    flatten: Annotated[bool, typer.Option("--flatten", help="Also cancel working orders and close open positions.")] = False,
    wait: Annotated[
        float, typer.Option(min=0, help="With --flatten: seconds to wait until the venue has filled the closes.")
    ] = 30.0,
    instance: InstanceOption = None,
    json: JsonOption = False,
) -> None:
    """Latch the kill switch: the gate refuses entries until `tapewire arm`, also after restarts. Resting stops stay; exits work.

    With several accounts, without --instance, it means all of them; the exit status is the worst, and --json prints a list.

    Exit status 0: latched on disk, and the gate has acknowledged; with --flatten all is flat. 1: a position is still open, or an
    entry still works. 74: the gate has acknowledged, but the latch is not on disk. 75: the latch is on disk, but the gate does not
    reply. 69: neither.
    """
    chosen = instances.all_for_money(instance, LIVE)
    found = [(each, carry_out(each, flatten=flatten and len(chosen) == 1, wait_s=wait)) for each in chosen]
    if flatten and len(chosen) > 1:  # every account is latched and told before the first close is waited for
        found = [(each, carry_out(each, flatten=True, wait_s=wait)) for each in chosen]
    if json:
        seen = [each for _, each in found]
        out.print(msgspec.json.encode(seen if len(seen) > 1 else seen[0]).decode(), markup=False)
    else:
        for each, its in found:
            for line, well in lines(each, its, flatten=flatten):
                (out if well else err).print(line, markup=False, style=None if well else "red")
    statuses = {status_of(its, flatten=flatten) for _, its in found}
    raise typer.Exit(next(status for status in WORST_FIRST if status in statuses))


def arm(instance: InstanceOption = None) -> None:
    """Release the kill switch and accept the venue's position where ours differs. Compare both in NinjaTrader first."""
    chosen = instances.for_money(instance, LIVE)
    path = Path(chosen.run) / LATCH.file
    who = latch.read(path)
    latch.release(path)  # first: the gate looks at it
    try:
        risk = command_gate(chosen, Arm(user()))
    except TapewireError:
        if who:
            latch.write(path, who)
        raise
    out.print(f"armed: {chosen.name}; {standing(risk)}", markup=False)
    for line in halting(chosen, risk):
        out.print(line, markup=False, style="red")


def user() -> str:
    """Who gives the command: the user's name, or his number where the system knows no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def carry_out(chosen: Instance, *, flatten: bool, wait_s: float) -> Seen:
    """Write the latch, tell the gate, and look at what is true then. Raises nothing: each fault is a sentence."""
    seen = Seen(chosen.run)
    who = user()
    try:
        latch.write(Path(chosen.run) / LATCH.file, who)
        seen.on_disk = True
    except JournalError as error:
        seen.faults.append(str(error))
    try:
        with contexts.brief() as context:
            fills = _fills(context, chosen) if flatten else None
            before = _books(context, chosen) if flatten else {}
            seen.standing = standing(command_gate(chosen, Kill(who, flatten)))
            seen.acknowledged = True
            seen.closed = [Closed(name, qty, qty) for name, qty in before.items()]
            _look(context, chosen, seen)
            if fills is not None:
                _wait_until_flat(context, chosen, seen, before, fills, wait_s)
    except (Transient, ConfError, PeerError) as error:
        seen.faults.append(f"the gate does not reply ({error})")
    if seen.acknowledged and not seen.killed and not seen.faults:
        seen.faults.append("the gate reports the switch as released: did somebody send `tapewire arm`?")
    return seen


def status_of(seen: Seen, *, flatten: bool) -> int:
    """The exit status."""
    if not seen.acknowledged or not seen.killed:
        return ONLY_DISK if seen.on_disk else NOTHING
    if flatten and not seen.flat:
        return NOT_FLAT
    return 0 if seen.on_disk else ONLY_GATE


def lines(chosen: Instance, seen: Seen, *, flatten: bool) -> Iterator[tuple[str, bool]]:
    """What was seen, a sentence a line for a person, each with whether it is well."""
    name = f"{chosen.name} ({chosen.kind}, {chosen.run})"
    if seen.acknowledged:
        yield f"killed: {name} refuses entries; {seen.standing}", True
        there = (
            "the venue is told by the lease" if seen.venue_up else "the venue is not connected; it takes no entry without a lease"
        )
        yield f"latched {'on disk and ' if seen.on_disk else ''}in the gate; {there}", True
        yield from ((fault, False) for fault in seen.faults if seen.on_disk)
    elif seen.on_disk:
        yield f"{name} is latched on disk, but {'; '.join(seen.faults)}", False
        yield "the gate applies the latch at its next heartbeat or start, and the venue takes no entry without its lease", False
        yield "repeat `tapewire kill` until it succeeds", False
    if not seen.on_disk:
        yield f"the latch is NOT ON DISK: {'; '.join(seen.faults)}; stop the daemons with `tapewire down`", False
    if flatten:
        yield from _flattened(seen)


def _flattened(seen: Seen) -> Iterator[tuple[str, bool]]:
    if not seen.acknowledged:
        yield "NOTHING WAS FLATTENED: close positions in NinjaTrader", False
        return
    for each in seen.closed:
        at = "" if each.price is None else f" at {each.price:.10g}"
        if each.left == 0:
            yield f"closed: {each.instrument} {each.qty:+d}{at}", True
        else:
            yield f"STILL OPEN: {each.instrument} {each.left:+d} of {each.qty:+d}{at}; {REMEDY}", False
    for order_id in seen.working:
        yield f"STILL WORKS: {order_id}; {REMEDY}", False
    if not seen.closed and not seen.working:
        yield "there was no position to close, and no entry works", True


def standing(risk: Risk) -> str:
    """An account's trading state, as a sentence."""
    why = f" ({risk.reason})" if risk.reason else ""
    return f"account {risk.account or 'none'} is {risk.state}{why}, {risk.total_cents / 100:+.2f} $ realised"


def halting(chosen: Instance, risk: Risk) -> Iterator[str]:
    """Why no entry can be traded although the switch is released, a sentence each, with the remedy."""
    if risk.state != TradingState.ACTIVE:
        text = next((TEXTS[each] for each in TEXTS if each.value == risk.reason), None)
        why = "" if text is None else f": {text.when}; {'; '.join(filter(None, (text.then, text.by)))}"
        yield f"trading is still {risk.state} ({risk.reason}){why}"
    with contexts.brief() as context, suppress(Transient, PeerError):
        if not _state(context, chosen)["venue_up"]:
            yield "no venue is connected; NinjaTrader connects when its bridge runs (`tapewire doctor`)"


def command_gate(chosen: Instance, command: Kill | Arm) -> Risk:
    """Send a command to the gate. Returns the account's standing after it.

    Raises:
        Transient: the gate does not reply in time. ConfError: the run has no key for it. PeerError: the reply is not a Risk.
    """
    gate = access.local(Path(chosen.run), "operator").to("gate")
    if "gate" not in instances.daemons(chosen.run):
        raise Transient("it does not run; `tapewire status` shows what does")
    with contexts.brief() as context:
        reply = request_reply(context, gate, topics.of(topics.OPERATOR, "word"), command, name="operator", timeout_s=ASK_S)
    if not isinstance(reply, Risk):
        raise PeerError(f"the gate replied with {type(reply).__name__}, expected Risk")
    return reply


def _state(context: zmq.Context[zmq.Socket[bytes]], chosen: Instance) -> dict[str, Any]:
    line = access.local(Path(chosen.run), "operator").to("control.gate")
    state: dict[str, Any] = request_control(context, line, "state")
    return state


def _books(context: zmq.Context[zmq.Socket[bytes]], chosen: Instance) -> dict[str, int]:
    """The open positions, signed; where the venue reports another quantity, the venue's. Empty if the gate does not reply."""
    try:
        return _open(_state(context, chosen)["books"])
    except (Transient, PeerError):
        return {}


def _open(books: dict[str, Any]) -> dict[str, int]:
    held = {name: each["qty"] if each["venue_qty"] is None else each["venue_qty"] for name, each in books["positions"].items()}
    return {name: qty for name, qty in held.items() if qty}


def _look(context: zmq.Context[zmq.Socket[bytes]], chosen: Instance, seen: Seen) -> dict[str, int]:
    """Put into `seen` what the gate reports now. Returns the open positions."""
    state = _state(context, chosen)
    seen.killed, seen.venue_up = state["killed"], state["venue_up"]
    seen.working = [order["order_id"] for order in state["books"]["working"] if order["entry"]]
    return _open(state["books"])


def _wait_until_flat(
    context: zmq.Context[zmq.Socket[bytes]],
    chosen: Instance,
    seen: Seen,
    before: dict[str, int],
    fills: Fills,
    wait_s: float,
) -> None:
    """Wait until nothing is open and no entry works, for `SETTLE_S` on end, or until `wait_s` have passed."""
    now = flat_from = time.monotonic()
    until = now + wait_s
    while True:
        still = _look(context, chosen, seen)
        fills.read(POLL_S)
        before = {**still, **before}  # a fill may have opened one after we had looked
        seen.closed = [Closed(name, qty, still.get(name, 0), fills.average(name)) for name, qty in before.items()]
        now = time.monotonic()
        flat_from = flat_from if seen.flat else now
        if (now - flat_from >= SETTLE_S and fills.complete(before, still)) or now > until:
            return


def _fills(context: zmq.Context[zmq.Socket[bytes]], chosen: Instance) -> Fills:
    line = access.local(Path(chosen.run), "operator").to("broker.out")
    return Fills(Reader(context, line, (topics.FILL,), name="kill"))
