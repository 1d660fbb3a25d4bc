"""From a proposal to a decision: the intents of strategies, and what the gate approves, refuses and publishes."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from tapewire.bus.bounds import TimeNs, Word
from tapewire.bus.messages.words import Action, Confidence, DayType, Direction, PatternKind, PatternSubtype, Reason, StopRounding


class Quality(Struct, frozen=True, gc=False):
    """The order-flow terms that a decision is based on."""

    delta_percentile: float | None = None
    imbalance_ratio: float | None = None
    volume_spike: float | None = None
    score: int = 0


class Pattern(Struct, frozen=True, gc=False):
    """The V of a V-reversal: away from the origin to the extreme, back beyond the origin, and to it again.

    kind, subtype: its names in signal files. move: points from origin to extreme; strength: points of the breakout
    beyond the origin. minutes: from the origin's bar to the entry's. volume_confirmed: more volume on the breakout than at the
    extreme, by the factor that the confidence counts.
    """

    kind: PatternKind
    subtype: PatternSubtype
    origin: float
    extreme: float
    breakout: float
    move: float
    strength: float
    minutes: int
    volume_confirmed: bool = False


class Intent(Struct, frozen=True, gc=False):
    """One proposal or exit request of a strategy on one bar.

    id: a pure function of instrument, bar, setup and action, or of the source of the strategy's signal names; the same bars give
        the same id for ever. At most 50 characters.
    entry, stop, target: prices as computed, unrounded; a null target means no target order. For MOVE_STOP and MOVE_TARGET
        `stop` or `target` holds the new price; for EXIT all three may be null.
    entry_id: for EXIT and MOVE_*: the order id of the position's entry as the venue reported it (empty: the open position, if any).
    setup: the strategy's own code. reason: in words and numbers for an entry; for an exit its code (EOD, DAILY_LOSS,
        VWAP_BREACH_PM, ...). Both sets are open: a plug-in defines codes of its own.
    valid_until_ns: market time after which the intent must not be executed. A limit order works until then.
    limit: an entry that rests at this price instead of going to the market.
    score: the strategy's confidence as a number, 0 to 1; None if it has none.
    stop_points, target_points: where set, stop or target is a distance from the price at which the entry fills, in points; `stop`
        or `target` is then where it stands if that price is `entry` (or `limit`). Not on the wire where it is UNSET.
    after: id of the EXIT of the same request that this entry follows. Likewise.
    """

    id: str
    action: Action
    strategy: str
    setup: str
    direction: Direction
    reason: str
    valid_until_ns: int
    entry: float | None = None
    stop: float | None = None
    target: float | None = None
    entry_id: str = ""
    day_type: DayType = "none"
    confidence: Confidence = "normal"
    day_confidence: float = 0.0
    quality: Quality = Quality()
    limit: float | None = None
    stop_rounding: StopRounding = StopRounding.AWAY
    score: float | None = None
    pattern: Pattern | None = None
    stop_points: float | UnsetType = UNSET
    target_points: float | UnsetType = UNSET
    after: str | UnsetType = UNSET


class Intents(Struct, frozen=True, gc=False, tag="intents"):
    """All intents of one bar, in one request, so the gate decides on them in one step.

    id: `INSTRUMENT-YYYYMMDD-HHMM`, the bar. bar_ns, bar_index, close: the bar's close time, feed index and closing price
    (unbounded, as the intents' prices: a request that is refused would be resent for ever, so the gate replies NOT_FINITE).
    degraded: the session is not reliable; the gate refuses entries. missing: RTH minutes without a bar so far.
    contract: the month that is meant, `MNQ 03-26`; empty: the one of the chart.
    """

    id: str
    instrument: Word
    session: str
    bar_ns: TimeNs
    bar_index: int
    close: float
    intents: tuple[Intent, ...]
    degraded: bool = False
    missing: int = 0
    contract: str = ""


class Decision(Struct, frozen=True, gc=False):
    """The gate's decision on one intent. order_id is the resulting order, empty if refused; size 0 if refused."""

    intent_id: str
    approved: bool
    order_id: str = ""
    size: int = 0
    reason: Reason | None = None
    detail: str = ""


class Decisions(Struct, frozen=True, gc=False, tag="decisions"):
    """The reply to `Intents` with the same id, one decision each, in the same order."""

    id: str
    instrument: str
    bar_ns: TimeNs
    decisions: tuple[Decision, ...]


class EvalDone(Struct, frozen=True, gc=False, tag="eval_done"):
    """The evaluator has finished a bar: the number of intents and the resulting orders."""

    instrument: str
    session: str
    bar_ns: TimeNs
    bar_index: int
    intents: int = 0
    orders: tuple[str, ...] = ()


class Suppressed(Struct, frozen=True, gc=False, tag="suppressed"):
    """A complete setup that its strategy does not propose, with the strategy's own reason. The setup is not offered again.

    id: the id that the intent would have had. reason: the strategy's own code, an open set (OUTSIDE_WINDOW, LOW_CONFIDENCE, RSI,
    ...). detail: a sentence for the operator. Prices as computed.
    """

    id: str
    instrument: str
    session: str
    bar_ns: TimeNs
    strategy: str
    setup: str
    direction: Direction
    reason: str
    detail: str
    entry: float
    stop: float
    target: float | None = None
    score: float | None = None
    pattern: Pattern | None = None


class Signal(Struct, frozen=True, gc=False, tag="signal"):
    """An approved intent: the trade that subscribers may follow. Prices are rounded to the tick.

    A stop whose rounding is TOWARD stands as computed; the order event has the rounded one. limit: where the entry rests.
    contract: the month that is traded, `MNQ 03-26`; empty where no table of months covers the instrument.
    """

    id: str
    order_id: str
    instrument: str
    session: str
    bar_ns: TimeNs
    action: Action
    strategy: str
    setup: str
    direction: Direction
    size: int
    reason: str
    valid_until_ns: int
    entry: float | None = None
    stop: float | None = None
    target: float | None = None
    day_type: DayType = "none"
    confidence: Confidence = "normal"
    day_confidence: float = 0.0
    quality: Quality = Quality()
    limit: float | None = None
    score: float | None = None
    pattern: Pattern | None = None
    contract: str = ""


class Reject(Struct, frozen=True, gc=False, tag="reject"):
    """An intent the gate refused, with the first reason in the documented order and a sentence for the operator."""

    id: str
    instrument: str
    session: str
    bar_ns: TimeNs
    action: Action
    strategy: str
    setup: str
    direction: Direction
    reason: Reason
    detail: str
    entry: float | None = None
    stop: float | None = None
    target: float | None = None
    contract: str = ""
