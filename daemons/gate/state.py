"""The gate's state as plain data: a log may begin in the middle, and a run may go on under other settings.

Each part of the gate gives its own state (`snapshot`) and is made of it again (`restored`); `Gate` joins them. A restored gate
gives the same outputs to every event as the gate that went on. What is not here follows from the settings alone, and is made from
them anew.

Under other settings nothing is decided again, and what they allow stands (`carried_over`):

    limits, hours, calendar     hold from the next request on
    instrument left out         refused while anything is open or works there; a flat one that is no longer defined is dropped
    tick of an instrument       refused while a position is open in it, whose prices are counted in ticks
    program                     one of another name or start begins anew
    account                     books, orders and program begin anew. What is not the account's stays: the kill switch, the ids of
                                decided intents, external signals and their replies, what was observed of market and venue
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tapewire.bus.errors import ConfError, JournalError
from tapewire.bus.messages import Decisions, Intents, TradingState
from tapewire.daemons.gate.books.ledger import Books
from tapewire.daemons.gate.books.orders import WORKING, Sheet
from tapewire.daemons.gate.books.rates import OrderTimes
from tapewire.daemons.gate.books.reconcile import Disputes
from tapewire.daemons.gate.checks.risk import Standing
from tapewire.daemons.gate.external.inbox import Queue
from tapewire.daemons.gate.figures import Compared
from tapewire.daemons.gate.firm.program import cents, money
from tapewire.daemons.gate.firm.progress import ProgramProgress
from tapewire.daemons.gate.observed import Observed
from tapewire.daemons.settings.structs import Conf

VERSION = 1

T = TypeVar("T")


class GateState(Struct, frozen=True, kw_only=True):
    """A gate at one moment. Sets are in rising order, so equal gates give equal bytes.

    account, traded, ticks: the settings that the rest depends on: the account of the books, the instruments of the run, and the
    tick of each defined instrument. kills: how often the switch was latched. decided: ids of intents. entered: the bar of the last
    entry in each instrument. answered: the last request for each instrument, with its decisions. disputes: where the venue's
    positions differ from our books. compared: our books against the account's figures. stands: the standing that was published
    last.
    """

    version: int = VERSION
    account: str = ""
    traded: tuple[str, ...] = ()
    ticks: dict[str, float] = {}
    killed: bool = False
    kills: int = 0
    decided: tuple[str, ...] = ()
    orders: Sheet = Sheet()
    book: Books = Books()
    rates: OrderTimes = OrderTimes()
    program: ProgramProgress | None = None
    inbox: Queue = Queue()
    observed: Observed = msgspec.field(name="heard", default_factory=Observed)
    compared: Compared = msgspec.field(default_factory=Compared)
    entered: dict[str, int] = {}
    answered: dict[str, tuple[Intents, Decisions]] = {}
    disputes: Disputes = msgspec.field(default_factory=Disputes)
    stands: Standing = Standing(TradingState.ACTIVE, None)

    @property
    def open(self) -> dict[str, str]:
        """By instrument and in words: what is open by our books or by the venue's report, and what works."""
        texts: dict[str, list[str]] = {}
        for name, turn in self.book.turns.items():
            texts.setdefault(name, []).append(f"{turn.qty:+d} {name}")
        for name, qty in self.disputes.held.items():
            if qty:
                texts.setdefault(name, []).append(f"{qty:+d} {name} by the venue's report")
        for order in self.orders.placed:
            if order.changes_position and order.status in WORKING:
                texts.setdefault(order.instrument, []).append(f"{order.order_id} ({order.status})")
        return {name: ", ".join(texts[name]) for name in sorted(texts)}


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(GateState)


def encode(state: GateState) -> bytes:
    return _encoder.encode(state)


def decode(data: bytes) -> GateState:
    """The state of the bytes that `encode` made.

    Raises:
        JournalError: the bytes are no state, or one of another version.
    """
    try:
        version = msgspec.msgpack.decode(data, type=_Version).version
        if version == VERSION:
            return _decoder.decode(data)
    except (msgspec.MsgspecError, ValueError) as error:
        raise JournalError(f"not a state of the gate: {error}; restore a copy of the run's folder, or start a new run") from error
    raise JournalError(f"the gate's state has version {version}, this tapewire reads {VERSION}; use the one that wrote it")


class _Version(Struct):
    version: int


def carried_over(state: GateState, conf: Conf) -> tuple[GateState, list[str]]:
    """The state as it goes on under these settings.

    Returns:
        The state, and one sentence for each part that does not go on; none for the settings that the state was made under.

    Raises:
        ConfError: a position is open or an order works that these settings cannot manage. The text names it and the remedy.
    """
    findings: list[str] = []
    if state.account != conf.trading.account:
        state = _of_another_account(state, conf, findings)
    _refuse_what_is_left_out(state, conf)
    return _without_undefined(_in_program(state, conf, findings), conf, findings), findings


def _of_another_account(state: GateState, conf: Conf, findings: list[str]) -> GateState:
    left = "; ".join(state.open.values())
    findings.append(
        f"account {conf.trading.account or 'none'} begins with fresh books; those of {state.account or 'no account'} end here, "
        + (f"and the gate no longer manages what is open there: {left}" if left else "with nothing open")
    )
    return GateState(
        account=conf.trading.account,
        traded=state.traded,
        ticks=state.ticks,
        killed=state.killed,
        kills=state.kills,
        decided=state.decided,
        inbox=state.inbox,
        observed=state.observed,
        disputes=Disputes(received=state.disputes.received, reported=state.disputes.reported),
    )


def _refuse_what_is_left_out(state: GateState, conf: Conf) -> None:
    faults = []
    for name, what in state.open.items():
        before, now = state.ticks.get(name), conf.instruments.get(name)
        if before is None:
            continue
        if now is None or (name in state.traded and name not in conf.traded):
            faults.append(f"{name} is not traded by these settings, but there is {what}")
        elif now.tick != before:
            faults.append(f"the tick of {name} changes from {before} to {now.tick}, but there is {what}")
    if faults:
        raise ConfError(
            f"{'; '.join(faults)}. Start with the settings of before, let it end (`tapewire kill --flatten` ends it at once), "
            "and change them then"
        )


def _in_program(state: GateState, conf: Conf, findings: list[str]) -> GateState:
    before, after = state.program, conf.program
    if before is None and after is None:
        return state
    if before is not None and after is not None and (before.program, before.start_cents) == (after.name, cents(after.start)):
        return state
    if before is not None:
        findings.append(f"program {before.program} ends here for the account, {before.state} at {money(before.equity_cents)}")
    if after is not None:
        findings.append(f"program {after.name} begins at its start of {money(cents(after.start))}, without what was traded before")
    return replace(state, program=None)


def _without_undefined(state: GateState, conf: Conf, findings: list[str]) -> GateState:
    """The state without the instruments that were defined before and are not any more."""
    gone = set(state.ticks) - set(conf.instruments)
    if not gone:
        return state

    def of(by_name: Mapping[str, T]) -> dict[str, T]:
        return {name: each for name, each in by_name.items() if name not in gone}

    used = {order.instrument for order in state.orders.placed}.union(
        state.observed.bars, state.observed.closes, state.inbox.markets
    )
    findings.extend(f"these settings do not define {name}; it was flat, and is dropped" for name in sorted(gone & used))
    program = state.program
    if program is not None:
        program = replace(program, held=of(program.held), open=of(program.open), left_ns=of(program.left_ns))
    return replace(
        state,
        ticks=of(state.ticks),
        orders=replace(state.orders, placed=tuple(order for order in state.orders.placed if order.instrument not in gone)),
        program=program,
        inbox=replace(state.inbox, markets=of(state.inbox.markets)),
        observed=replace(state.observed, bars=of(state.observed.bars), closes=of(state.observed.closes)),
        entered=of(state.entered),
        answered=of(state.answered),
        disputes=replace(state.disputes, held=of(state.disputes.held)),
    )
