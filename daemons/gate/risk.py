"""What may be refused, and why: one function per reason, run in the order of `Reason`, first refusal wins.

A check looks at a `Case` and returns None, or a sentence with the numbers for a person. Entries pass all of `ENTRY`; an exit or a
move passes only what makes it meaningless otherwise (`EXIT`, `MOVE`), because protecting a position is never blocked by a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from bus.messages import Action, Intent, Intents, Reason, StopRounding
from bus.wire import finite
from daemons.gate import allowance, rounding, sizing, stake
from daemons.gate.ledger import Ledger
from daemons.gate.orders import Orders
from daemons.gate.program import ProgramAccount
from daemons.settings import Conf, Instrument, RiskLimits

HIGHEST = 1e9  # points; far above any contract, far below where a float loses the tick


@dataclass(frozen=True, slots=True)
class Case:
    """One intent before the gate, with everything a check may look at.

    now_ns: the market time of the question. killed: the latched kill switch. decided: ids of all intents before this one.
    disputed: positions the venue reported on connecting that our books do not show, by instrument.
    program: the account's way through its prop-firm program, if it is in one.
    """

    conf: Conf
    book: Ledger
    orders: Orders
    decided: Container[str]
    disputed: Mapping[str, int]
    killed: bool
    now_ns: int
    asked: Intents
    intent: Intent
    program: ProgramAccount | None = None

    @property
    def terms(self) -> Instrument:
        """The instrument's terms. Only for checks that come after UNKNOWN_INSTRUMENT."""
        return self.conf.instruments[self.asked.instrument]

    @property
    def direction(self) -> int:
        """1 for a long position (to be) and -1 for a short one."""
        if self.intent.action is Action.ENTER_LONG:
            return 1
        if self.intent.action is Action.ENTER_SHORT:
            return -1
        return 1 if self.qty > 0 else -1

    @property
    def qty(self) -> int:
        """The open position by our books, or by the venue's word where the two differ."""
        return self.disputed.get(self.asked.instrument) or self.book.qty(self.asked.instrument)

    @property
    def measurable(self) -> bool:
        """Whether there is a tick to round to, and prices that can be rounded."""
        return self.asked.instrument in self.conf.instruments and real(self.intent.stop, self.intent.target)

    @property
    def enters(self) -> float | None:
        """The price from which risk and sides are measured: where the entry rests, else the close that it was proposed at."""
        return self.intent.entry if self.intent.limit is None else self.intent.limit

    @property
    def stop(self) -> float | None:
        """The stop as it would be sent, on the tick."""
        toward = self.intent.stop_rounding is StopRounding.TOWARD
        return self._on_grid(self.intent.stop, -self.direction if toward else self.direction)

    @property
    def target(self) -> float | None:
        """The target as it would be sent, on the tick."""
        return self._on_grid(self.intent.target, self.direction)

    @property
    def size(self) -> int:
        """Contracts the entry would get. 0 without an entry price or a stop to measure the risk with."""
        if self.enters is None or self.stop is None:
            return 0
        limits = self.conf.preset.risk
        if self.program is not None:
            risk = sizing.risk_cents(self.terms, self.enters, self.stop)
            granted = allowance.size(self.program, self.asked.instrument, self.intent.strategy, risk)
            if granted is not None:
                return min(granted, limits.max_contracts)
        return sizing.size(limits, self.terms, self.enters, self.stop, self.intent.strategy)

    def _on_grid(self, price: float | None, direction: int) -> float | None:
        return None if price is None else rounding.protective(price, self.terms.tick, direction)


Check: TypeAlias = Callable[[Case], str | None]


def duplicate(case: Case) -> str | None:
    if case.intent.id in case.decided:
        return f"{case.intent.id} has been decided on before; an id is used once"
    return None


def unknown_instrument(case: Case) -> str | None:
    name = case.asked.instrument
    if name not in case.conf.traded or name not in case.conf.instruments:
        return f"{name} is not traded here; traded: {', '.join(case.conf.traded)}"
    return None


def trading_disabled(case: Case) -> str | None:
    if not case.conf.trading.enabled:
        return "trading is off; enable it for a named account"
    if not case.conf.trading.account:
        return "trading is on but names no account"
    return None


def killed(case: Case) -> str | None:
    return "the kill switch is latched; arm it again to trade" if case.killed else None


def expired(case: Case) -> str | None:
    late_ns = case.now_ns - case.intent.valid_until_ns
    return f"valid until {late_ns / 1e9:.3f} s ago; shown, not executed" if late_ns > 0 else None


def not_finite(case: Case) -> str | None:
    intent = case.intent
    if not real(intent.entry, intent.stop, intent.target, intent.limit):
        prices = f"entry {intent.entry}, stop {intent.stop}, target {intent.target}, limit {intent.limit}"
        return f"prices must be real numbers: {prices}"
    if intent.action in (Action.ENTER_LONG, Action.ENTER_SHORT) and intent.entry is None:
        return "an entry needs its price"
    if intent.action is Action.MOVE_TARGET and intent.target is None:
        return "MOVE_TARGET needs the new target"
    return None


def off_tick(case: Case) -> str | None:
    tick = case.terms.tick
    for name, price in (("entry", case.intent.entry), ("limit", case.intent.limit)):
        if price is not None and not rounding.on_grid(price, tick):
            return f"{name} {price} is not a multiple of the tick {tick}"
    return None


def stop_missing(case: Case) -> str | None:
    return f"{case.intent.action} without a stop; nothing is traded unprotected" if case.intent.stop is None else None


def stop_side(case: Case) -> str | None:
    entry, stop = case.enters, case.stop
    if entry is not None and stop is not None and (entry - stop) * case.direction <= 0:
        return f"{case.intent.direction} from {entry} needs its stop on the losing side, not at {stop}"
    return None


def target_side(case: Case) -> str | None:
    entry, target = case.enters, case.target
    if entry is not None and target is not None and (target - entry) * case.direction <= 0:
        return f"{case.intent.direction} from {entry} needs its target on the winning side, not at {target}"
    return None


def no_position(case: Case) -> str | None:
    if case.qty == 0:
        return f"{case.intent.action} without an open position in {case.asked.instrument}"
    return None


def stop_widened(case: Case) -> str | None:
    order, stop = case.orders.get(case.book.entry_id(case.asked.instrument)), case.stop
    if order is None or order.stop is None or stop is None:
        return None
    if (stop - order.stop) * case.direction < 0:
        return f"stop {stop} would risk more than the resting one at {order.stop}; stops only tighten"
    return None


def position_open(case: Case) -> str | None:
    name = case.asked.instrument
    if name in case.disputed:
        return f"the venue reports {case.disputed[name]:+d} {name}, our books {case.book.qty(name):+d}; a person must look"
    return f"{case.qty:+d} {name} open; one position per instrument" if case.qty else None


def order_working(case: Case) -> str | None:
    """In-flight orders count as if filled, so two intents cannot pass together; an unanswered order is in flight."""
    for order in case.orders.working(case.asked.instrument):
        return f"{order.intent.action} {order.order_id} is {order.status}"
    return None


def degraded(case: Case) -> str | None:
    return "the session has a gap that did not heal; no entries until the next one" if case.asked.degraded else None


def daily_loss(limits: RiskLimits, book: Ledger, session: str) -> str | None:
    realised, limit = book.realised_cents(session), _cents(limits.day_loss)
    return f"session at {_money(realised)}, limit {_money(-limit)}" if realised <= -limit else None


def max_drawdown(limits: RiskLimits, book: Ledger, _session: str) -> str | None:
    drawdown, limit = book.drawdown_cents, _cents(limits.drawdown)
    return f"{_money(drawdown)} below the highest realised equity, limit {_money(limit)}" if drawdown >= limit else None


def max_trades(limits: RiskLimits, book: Ledger, session: str) -> str | None:
    trades = book.trades(session)
    return f"{trades} closed trades in the session, limit {limits.max_trades}" if trades >= limits.max_trades else None


def strategy_daily_loss(case: Case) -> str | None:
    limit = case.conf.preset.risk.strategy_day_loss.get(case.intent.strategy)
    if limit is None:
        return None
    net = case.book.strategy_cents(case.asked.session, case.intent.strategy)
    return (
        f"{case.intent.strategy} at {_money(net)} in the session, limit {_money(-_cents(limit))}" if net <= -_cents(limit) else None
    )


def program(case: Case) -> str | None:
    """The terms of the account's prop-firm program (playbook 6, daemons/gate/allowance.py)."""
    if case.program is None or case.enters is None or case.stop is None:
        return None
    name, size = case.asked.instrument, case.size
    at_stake = stake.entry_cents(case.terms, size, case.enters, case.stop)
    at_stake += stake.others_cents(case.conf.instruments, case.book, case.orders, name)
    return allowance.refusal(case.program, name, case.asked.bar_ns, size, at_stake)


def size_zero(case: Case) -> str | None:
    if case.size > 0 or case.enters is None or case.stop is None:
        return None
    risk = sizing.risk_cents(case.terms, case.enters, case.stop)
    cap = sizing.cap_cents(case.conf.preset.risk, case.intent.strategy)
    return f"one contract risks {_money(risk)}, cap {_money(cap)}"


# The account's own limits: they hold whatever is asked, so `standing` can name them without an intent.
LIMITS: dict[Reason, Callable[[RiskLimits, Ledger, str], str | None]] = {
    Reason.DAILY_LOSS: daily_loss,
    Reason.MAX_DRAWDOWN: max_drawdown,
    Reason.MAX_TRADES: max_trades,
}


def _limit(reason: Reason) -> Check:
    def check(case: Case) -> str | None:
        if case.intent.strategy in case.conf.trading.unlimited:
            return None
        return LIMITS[reason](case.conf.preset.risk, case.book, case.asked.session)

    return check


CHECKS: dict[Reason, Check] = {
    Reason.DUPLICATE: duplicate,
    Reason.UNKNOWN_INSTRUMENT: unknown_instrument,
    Reason.TRADING_DISABLED: trading_disabled,
    Reason.KILLED: killed,
    Reason.EXPIRED: expired,
    Reason.NOT_FINITE: not_finite,
    Reason.OFF_TICK: off_tick,
    Reason.STOP_MISSING: stop_missing,
    Reason.STOP_SIDE: stop_side,
    Reason.TARGET_SIDE: target_side,
    Reason.NO_POSITION: no_position,
    Reason.STOP_WIDENED: stop_widened,
    Reason.DEGRADED: degraded,
    Reason.POSITION_OPEN: position_open,
    Reason.ORDER_WORKING: order_working,
    Reason.DAILY_LOSS: _limit(Reason.DAILY_LOSS),
    Reason.MAX_DRAWDOWN: _limit(Reason.MAX_DRAWDOWN),
    Reason.MAX_TRADES: _limit(Reason.MAX_TRADES),
    Reason.STRATEGY_DAILY_LOSS: strategy_daily_loss,
    Reason.PROGRAM: program,
    Reason.SIZE_ZERO: size_zero,
}

EXIT = (Reason.DUPLICATE, Reason.UNKNOWN_INSTRUMENT, Reason.NO_POSITION)
MOVE_TARGET = (Reason.DUPLICATE, Reason.UNKNOWN_INSTRUMENT, Reason.NOT_FINITE, Reason.NO_POSITION)
MOVE_STOP = (
    Reason.DUPLICATE,
    Reason.UNKNOWN_INSTRUMENT,
    Reason.NOT_FINITE,
    Reason.STOP_MISSING,
    Reason.NO_POSITION,
    Reason.STOP_WIDENED,
)
ENTRY = tuple(reason for reason in CHECKS if reason not in (Reason.NO_POSITION, Reason.STOP_WIDENED))

APPLIES: dict[Action, tuple[Reason, ...]] = {
    Action.ENTER_LONG: ENTRY,
    Action.ENTER_SHORT: ENTRY,
    Action.EXIT: EXIT,
    Action.MOVE_STOP: MOVE_STOP,
    Action.MOVE_TARGET: MOVE_TARGET,
}


def refusal(case: Case) -> tuple[Reason, str] | None:
    """Why this intent may not trade, with a sentence for a person, or None.

    The first reason in the documented order. Exposure counts orders in flight as if they were filled.
    """
    for reason in APPLIES[case.intent.action]:
        detail = CHECKS[reason](case)
        if detail is not None:
            return reason, detail
    return None


def standing(limits: RiskLimits, book: Ledger, session: str, *, killed: bool) -> str:
    """The account's state in one word: KILLED, the first limit it has reached, or NORMAL."""
    if killed:
        return Reason.KILLED
    return next((reason for reason, check in LIMITS.items() if check(limits, book, session)), "NORMAL")


def real(*prices: float | None) -> bool:
    """Whether every given price is a number that something could trade at. None counts as absent, not as wrong."""
    return finite(*prices) and all(price is None or abs(price) < HIGHEST for price in prices)


def _cents(dollars: float) -> int:
    return round(dollars * 100)


def _money(cents: int) -> str:
    return f"{cents / 100:.2f}"
