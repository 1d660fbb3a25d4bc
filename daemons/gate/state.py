"""What the gate knows, as plain data: so that a log may begin in the middle, and a run go on under other settings.

Each noun gives its own part (`snapshot`) and is made of it again (`restored`); `Gate` joins them. A gate that was restored says the
same to every event as the one that went on. What is not here follows from the settings alone, and is theirs anew.

Under other settings nothing is decided again, and what they leave room for stands (`carried_over`):

    limits, hours, calendar     hold from the next question on
    instrument left out         refused while anything is open or works there; a flat one that nobody knows is forgotten
    tick of an instrument       refused while a position is open in it, whose prices are counted in ticks
    program                     one of another name or start begins anew
    account                     books, orders and program begin anew. What is not the account's stays: the kill switch, which
                                intents were decided, signals from outside and their answers, what was heard of market and venue
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tapewire.bus.errors import ConfError, JournalError
from tapewire.bus.messages import Decisions, Intents, TradingState
from tapewire.daemons.gate.books.ledger import Books
from tapewire.daemons.gate.books.orders import WORKING, Sheet
from tapewire.daemons.gate.books.rates import Sent
from tapewire.daemons.gate.books.reconcile import Disputes
from tapewire.daemons.gate.checks.risk import Standing
from tapewire.daemons.gate.external.inbox import Queue
from tapewire.daemons.gate.firm.program import cents, money
from tapewire.daemons.gate.firm.progress import Progress
from tapewire.daemons.gate.observed import Heard
from tapewire.daemons.settings.structs import Conf

VERSION = 1

T = TypeVar("T")


class State(Struct, frozen=True, kw_only=True):
    """A gate at one moment. Sets are in rising order, so equal gates give equal bytes.

    account, traded, ticks: of the settings, what the rest means nothing without: whose books these are, the instruments of the
    run, and the tick of each one known. kills: how often the switch was latched. decided: ids of intents. entered: the bar of the
    last entry in each instrument. answered: the last question about each, with its answer. disputes: where the venue says
    otherwise. stands: the standing that was last said.
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
    rates: Sent = Sent()
    program: Progress | None = None
    inbox: Queue = Queue()
    heard: Heard = msgspec.field(default_factory=Heard)
    entered: dict[str, int] = {}
    answered: dict[str, tuple[Intents, Decisions]] = {}
    disputes: Disputes = msgspec.field(default_factory=Disputes)
    stands: Standing = Standing(TradingState.ACTIVE, None)

    @property
    def open(self) -> dict[str, str]:
        """By instrument and in words, what is open by our books or by the venue's word, and what works."""
        texts: dict[str, list[str]] = {}
        for name, turn in self.book.turns.items():
            texts.setdefault(name, []).append(f"{turn.qty:+d} {name}")
        for name, qty in self.disputes.held.items():
            if qty:
                texts.setdefault(name, []).append(f"{qty:+d} {name} by the venue's word")
        for order in self.orders.placed:
            if order.changes_position and order.status in WORKING:
                texts.setdefault(order.instrument, []).append(f"{order.order_id} ({order.status})")
        return {name: ", ".join(texts[name]) for name in sorted(texts)}


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)


def encode(state: State) -> bytes:
    return _encoder.encode(state)


def decode(data: bytes) -> State:
    """What `encode` made.

    Raises:
        JournalError: this is no state, or one of another version.
    """
    try:
        version = msgspec.msgpack.decode(data, type=_Version).version
        if version == VERSION:
            return _decoder.decode(data)
    except (msgspec.MsgspecError, ValueError) as error:
        raise JournalError(f"not a state of the gate: {error}; put a copy of the run's folder back, or begin another") from error
    raise JournalError(f"the gate's state has version {version}, this program reads {VERSION}; go on with the one that wrote it")


class _Version(Struct):
    version: int


def carried_over(state: State, conf: Conf) -> tuple[State, list[str]]:
    """The state as it goes on under these settings.

    Returns:
        The state, and in words each thing that does not go on; nothing for the settings that it was made under.

    Raises:
        ConfError: something is open or works where these settings cannot look after it. The text names it and the remedy.
    """
    findings: list[str] = []
    if state.account != conf.trading.account:
        state = _of_another_account(state, conf, findings)
    _refuse_what_is_left_out(state, conf)
    return _without_unknown(_in_program(state, conf, findings), conf, findings), findings


def _of_another_account(state: State, conf: Conf, findings: list[str]) -> State:
    left = "; ".join(state.open.values())
    findings.append(
        f"account {conf.trading.account or 'none'} begins with fresh books; those of {state.account or 'no account'} end here, "
        + (f"and nobody looks after what is open there: {left}" if left else "with nothing open")
    )
    return State(
        account=conf.trading.account,
        traded=state.traded,
        ticks=state.ticks,
        killed=state.killed,
        kills=state.kills,
        decided=state.decided,
        inbox=state.inbox,
        heard=state.heard,
        disputes=Disputes(heard=state.disputes.heard, looked=state.disputes.looked),
    )


def _refuse_what_is_left_out(state: State, conf: Conf) -> None:
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


def _in_program(state: State, conf: Conf, findings: list[str]) -> State:
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


def _without_unknown(state: State, conf: Conf, findings: list[str]) -> State:
    """The state without the instruments that were known and are not any more."""
    gone = set(state.ticks) - set(conf.instruments)
    if not gone:
        return state

    def of(by_name: Mapping[str, T]) -> dict[str, T]:
        return {name: each for name, each in by_name.items() if name not in gone}

    used = {order.instrument for order in state.orders.placed}.union(state.heard.bars, state.heard.closes, state.inbox.markets)
    findings.extend(f"{name} is unknown to these settings; it was flat, and is forgotten" for name in sorted(gone & used))
    program = state.program
    if program is not None:
        program = replace(program, held=of(program.held), open=of(program.open), left_ns=of(program.left_ns))
    return replace(
        state,
        ticks=of(state.ticks),
        orders=replace(state.orders, placed=tuple(order for order in state.orders.placed if order.instrument not in gone)),
        program=program,
        inbox=replace(state.inbox, markets=of(state.inbox.markets)),
        heard=dataclasses.replace(state.heard, bars=of(state.heard.bars), closes=of(state.heard.closes)),
        entered=of(state.entered),
        answered=of(state.answered),
        disputes=dataclasses.replace(state.disputes, held=of(state.disputes.held)),
    )
