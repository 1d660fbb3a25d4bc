"""The life of an order at the gate, as a table.

One state machine serves every kind of order. Fills finish an entry or a close; the venue's DONE update finishes a move. Fills and
updates travel separately, and the venue resends both until they are acknowledged, so they may arrive twice or in any order. The
table's transitions beyond the plain path happen in practice:

    a fill before the acknowledgement       NinjaTrader may report the execution first
    a rejection after the acknowledgement   the exchange refuses what the platform took
    a fill after a cancel or a rejection    the race is at the exchange; the position is real, so it counts
    a close whose position is gone          its stop or target was quicker, so there is nothing left to close

A pair that is not in the table contradicts the order's status. It changes nothing and raises an alarm for a person.
Position is deliberately absent: it follows from executions alone (ledger.py), whatever the order's status.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto

from msgspec import Struct

from tapewire.bus.messages import LONG, Action, CancelOrder, Intent, OrderStatus
from tapewire.daemons.market.ticks import protective

PENDING, ACCEPTED, PARTIAL, FILLED, CARRIED, CANCELLED, REJECTED = (
    OrderStatus.PENDING,
    OrderStatus.ACCEPTED,
    OrderStatus.PARTIAL,
    OrderStatus.FILLED,
    OrderStatus.DONE,
    OrderStatus.CANCELLED,
    OrderStatus.REJECTED,
)

ENTRIES = frozenset({Action.ENTER_LONG, Action.ENTER_SHORT})

# An order in WORKING may still change our position; one in DONE should not.
WORKING = frozenset({PENDING, ACCEPTED, PARTIAL})
DONE = frozenset({FILLED, CARRIED, CANCELLED, REJECTED})


class Trigger(Enum):
    """What can happen to an order. PART and FULL are fills: of less than its quantity so far, or of all of it."""

    ACCEPT = auto()
    REJECT = auto()
    CANCEL = auto()
    CARRY_OUT = auto()
    PART = auto()
    FULL = auto()
    FLAT = auto()


TRANSITIONS: dict[tuple[OrderStatus, Trigger], OrderStatus] = {
    (PENDING, Trigger.ACCEPT): ACCEPTED,
    (PENDING, Trigger.REJECT): REJECTED,
    (PENDING, Trigger.CANCEL): CANCELLED,
    (PENDING, Trigger.CARRY_OUT): CARRIED,
    (PENDING, Trigger.PART): PARTIAL,  # real: the fill overtakes the acknowledgement
    (PENDING, Trigger.FULL): FILLED,
    (PENDING, Trigger.FLAT): CARRIED,
    (ACCEPTED, Trigger.ACCEPT): ACCEPTED,  # a duplicate
    (ACCEPTED, Trigger.REJECT): REJECTED,  # real: the exchange refuses what the platform took
    (ACCEPTED, Trigger.CANCEL): CANCELLED,
    (ACCEPTED, Trigger.CARRY_OUT): CARRIED,
    (ACCEPTED, Trigger.PART): PARTIAL,
    (ACCEPTED, Trigger.FULL): FILLED,
    (ACCEPTED, Trigger.FLAT): CARRIED,
    (PARTIAL, Trigger.ACCEPT): PARTIAL,  # a late acknowledgement
    (PARTIAL, Trigger.REJECT): CANCELLED,  # the rest was refused; what filled stays
    (PARTIAL, Trigger.CANCEL): CANCELLED,
    (PARTIAL, Trigger.CARRY_OUT): CARRIED,
    (PARTIAL, Trigger.PART): PARTIAL,
    (PARTIAL, Trigger.FULL): FILLED,
    (PARTIAL, Trigger.FLAT): CARRIED,
    (FILLED, Trigger.ACCEPT): FILLED,  # a late acknowledgement
    (FILLED, Trigger.CARRY_OUT): FILLED,  # the venue reports a close both as filled and as done
    (FILLED, Trigger.FLAT): FILLED,
    (CARRIED, Trigger.ACCEPT): CARRIED,
    (CARRIED, Trigger.CARRY_OUT): CARRIED,
    (CARRIED, Trigger.CANCEL): CARRIED,  # the venue withdraws a close whose position is gone
    (CARRIED, Trigger.REJECT): CARRIED,  # or finds nothing to close
    (CARRIED, Trigger.FLAT): CARRIED,
    (CANCELLED, Trigger.ACCEPT): CANCELLED,
    (CANCELLED, Trigger.CANCEL): CANCELLED,
    (CANCELLED, Trigger.PART): CANCELLED,  # real: part of it filled before the cancel arrived there
    (CANCELLED, Trigger.FULL): FILLED,  # real: the fill won the race
    (CANCELLED, Trigger.FLAT): CANCELLED,
    (REJECTED, Trigger.ACCEPT): REJECTED,
    (REJECTED, Trigger.REJECT): REJECTED,
    (REJECTED, Trigger.FULL): FILLED,  # not seen, but an execution is money: book it
    (REJECTED, Trigger.FLAT): REJECTED,
}

# The trigger of each status in the venue's updates. PENDING and the two fills are statuses that an update may not have.
TRIGGERS: dict[OrderStatus, Trigger] = {
    ACCEPTED: Trigger.ACCEPT,
    REJECTED: Trigger.REJECT,
    CANCELLED: Trigger.CANCEL,
    CARRIED: Trigger.CARRY_OUT,
}


@dataclass(slots=True)
class Order:
    """One approved intent as an order. `order_id` equals the intent's id, which is unique for ever.

    intent: the approved intent. cause: the name of the `Intents` message it came in. qty: contracts to fill, 0 for a move; filled:
    contracts so far, both unsigned. stop, target: of an entry, its bracket as it stands. session, bar_ns, bar_index: of the bar of
    the decision. at_ns: market time when it was sent. contract: the month, such as `MNQ 03-26`; empty if unknown. unanswered,
    recalled, unfilled: it was found overdue (timeouts.py). stop_points, target_points: how far stop and target are from the fill,
    until they are moved; None where they are prices. after: id of the close that this entry follows; empty for none.
    """

    order_id: str
    instrument: str
    account: str
    intent: Intent
    session: str
    bar_ns: int
    bar_index: int
    cause: str
    qty: int
    stop: float | None = None
    target: float | None = None
    status: OrderStatus = PENDING
    filled: int = 0
    at_ns: int = 0
    unanswered: bool = False
    recalled: bool = False
    unfilled: bool = False
    contract: str = ""
    stop_points: float | None = None
    target_points: float | None = None
    after: str = ""

    @property
    def entry(self) -> bool:
        """Whether this order opens a position."""
        return self.intent.action in ENTRIES

    @property
    def direction(self) -> int:
        """1 for a long position (to be) and -1 for a short one."""
        return 1 if self.intent.direction == LONG else -1

    @property
    def left(self) -> int:
        """Contracts that may still fill while it is working."""
        return max(0, self.qty - self.filled)

    @property
    def changes_position(self) -> bool:
        """Whether this order may fill: an entry or a close, not a move of the bracket."""
        return self.intent.action in ENTRIES or self.intent.action is Action.EXIT

    def moved(self, stop: float | None, target: float | None) -> None:
        """Set the bracket of this entry. None leaves a price as it was. A stop may only tighten from there."""
        if stop is not None:
            self.stop, self.stop_points = stop, None
        if target is not None:
            self.target, self.target_points = target, None

    def filled_at(self, average: float, tick: float) -> None:
        """Put a stop and a target that are distances where the average price of this entry's fills puts them."""
        side = self.direction
        if self.stop_points is not None:
            self.stop = protective(average - side * self.stop_points, tick, side)
        if self.target_points is not None:
            self.target = protective(average + side * self.target_points, tick, side)

    def apply(self, trigger: Trigger) -> bool | None:
        """Take the transition. True: the status changed; False: it stays; None: a contradiction, nothing was changed."""
        after = TRANSITIONS.get((self.status, trigger))
        if after is None:
            return None
        changed = after is not self.status
        self.status = after
        return changed

    def fill(self, qty: int) -> bool | None:
        """Count a fill of `qty` contracts and take its transition, as `apply` does."""
        self.filled += abs(qty)
        return self.apply(Trigger.FULL if self.filled >= self.qty else Trigger.PART)


class Sheet(Struct, frozen=True):
    """Orders as data. placed: all of them, oldest first. cancels: ids of cancel commands. updates: ids of the venue's updates."""

    placed: tuple[Order, ...] = ()
    cancels: tuple[str, ...] = ()
    updates: tuple[str, ...] = ()


class Orders:
    """All orders by id, the ones that may still change an instrument's position, and the ids of the venue's updates."""

    __slots__ = ("_cancels", "_open", "_placed", "_updates")

    def __init__(self) -> None:
        self._placed: dict[str, Order] = {}
        self._open: dict[str, list[Order]] = {}
        self._cancels: set[str] = set()
        self._updates: set[str] = set()

    @classmethod
    def restored(cls, sheet: Sheet) -> Orders:
        made = cls()
        for order in sheet.placed:
            made.add(replace(order))
        made._cancels.update(sheet.cancels)
        made._updates.update(sheet.updates)
        return made

    def snapshot(self) -> Sheet:
        """Every order as it stands. Nothing in the snapshot changes later."""
        placed = tuple(replace(order) for order in self._placed.values())
        return Sheet(placed, tuple(sorted(self._cancels)), tuple(sorted(self._updates)))

    def __contains__(self, order_id: object) -> bool:
        return order_id in self._placed

    def get(self, order_id: str) -> Order | None:
        return self._placed.get(order_id)

    def add(self, order: Order) -> None:
        self._placed[order.order_id] = order
        if order.changes_position:
            self._open.setdefault(order.instrument, []).append(order)

    def cancel(self, command: CancelOrder) -> None:
        """Register a cancel command. The venue reports on the order under the order's id, on the command under its own."""
        self._cancels.add(command.id)

    def is_cancel(self, order_id: str) -> bool:
        return order_id in self._cancels

    def register(self, update_id: str) -> bool:
        """Register the id of a venue update. True if it is new, False for a duplicate."""
        if update_id in self._updates:
            return False
        self._updates.add(update_id)
        return True

    @property
    def instruments(self) -> Iterable[str]:
        """Instruments that ever had an entry or a close."""
        return self._open.keys()

    def working(self, instrument: str) -> list[Order]:
        """Entries and closes in flight in this instrument, oldest first. An unanswered one counts as in flight."""
        orders = self._open.get(instrument)
        if not orders:
            return []
        still = [order for order in orders if order.status in WORKING]
        self._open[instrument] = still
        return still
