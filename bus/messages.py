"""Every message on the wire, as one typed struct each.

A message is one MessagePack map. It starts with the header's fields, then `type`, then the body's own fields; `tapewire.bus.wire`
joins and splits the two, so that bodies here stay free of routing. PROTOCOL.md describes the same in words.

Kinds, by what the sender means:
    facts      what happened (`Bar`, `Session`, `Signal`, `Fill`, ...): published, true for ever
    wishes     what should be done (`Intents`, `PlaceOrder`, ...): facts that somebody must also answer
    answers    what the owner decided (`Decisions`, `Ack`, `Page`, ...)
    sys        how the bus itself is doing (`Beat`, `Gap`, `Resend`, `Alarm`)

Units: times are UTC nanoseconds and bars carry their open and close; prices are floats on the tick grid; `qty` is contracts,
signed where a direction is meant; `*_cents` is money in integer cents of a dollar; everything else says so.

Evolution (msgspec's rules): a new field has a default, no field changes its type, no field is removed without a new
protocol version.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeAlias

from msgspec import Struct

PROTOCOL_VERSION = 1


class Header(Struct, frozen=True):
    """Who says this, as which message, at which moment of the market, and because of what.

    `seq` counts messages of one topic from 1 within an epoch of their source, so `topic@epoch:seq` names a message.
    `event_ns` is the market time the message belongs to (for a bar its close), never a wall clock, except on `sys.` topics.
    `cause` is the name of the message that led to this one; empty at the start of a chain.
    """

    v: int
    source: str
    epoch: int
    seq: int
    event_ns: int
    cause: str = ""


class Action(StrEnum):
    """What a strategy may ask for. Entries are only proposed when flat, the other three only in a position."""

    ENTER_LONG = "ENTER_LONG"
    ENTER_SHORT = "ENTER_SHORT"
    EXIT = "EXIT"
    MOVE_STOP = "MOVE_STOP"
    MOVE_TARGET = "MOVE_TARGET"


class StopRounding(StrEnum):
    """The side to which an entry's stop goes when it is put on the tick grid: away from the entry (playbook 5.1), or toward it.

    With TOWARD the signal keeps the stop as computed, to which its followers hold, and only the order is rounded.
    """

    AWAY = "AWAY"
    TOWARD = "TOWARD"


class Reason(StrEnum):
    """Why the gate refused. The order here is the order in which the checks run; daemons/gate/REASONS.md explains each."""

    DUPLICATE = "DUPLICATE"
    UNKNOWN_INSTRUMENT = "UNKNOWN_INSTRUMENT"
    INSTRUMENT_DISABLED = "INSTRUMENT_DISABLED"
    TRADING_DISABLED = "TRADING_DISABLED"
    ACCOUNT_UNKNOWN = "ACCOUNT_UNKNOWN"
    KILLED = "KILLED"
    EXPIRED = "EXPIRED"
    NOT_FINITE = "NOT_FINITE"
    OFF_TICK = "OFF_TICK"
    STOP_MISSING = "STOP_MISSING"
    STOP_SIDE = "STOP_SIDE"
    TARGET_SIDE = "TARGET_SIDE"
    STOP_TOO_NEAR = "STOP_TOO_NEAR"
    STOP_TOO_FAR = "STOP_TOO_FAR"
    REWARD_TOO_SMALL = "REWARD_TOO_SMALL"
    OFF_MARKET = "OFF_MARKET"
    NO_POSITION = "NO_POSITION"
    STOP_WIDENED = "STOP_WIDENED"
    FEED_STALE = "FEED_STALE"
    DEGRADED = "DEGRADED"
    MISSING_BARS = "MISSING_BARS"
    JOURNAL_DOWN = "JOURNAL_DOWN"
    VENUE_DOWN = "VENUE_DOWN"
    UNANSWERED = "UNANSWERED"
    UNRECONCILED = "UNRECONCILED"
    HOLIDAY = "HOLIDAY"
    OUTSIDE_WINDOW = "OUTSIDE_WINDOW"
    FLATTENING = "FLATTENING"
    SESSION_CLOSING = "SESSION_CLOSING"
    ENTRY_ON_BAR = "ENTRY_ON_BAR"
    POSITION_OPEN = "POSITION_OPEN"
    ORDER_WORKING = "ORDER_WORKING"
    MAX_POSITIONS = "MAX_POSITIONS"
    INSTRUMENT_CONTRACTS = "INSTRUMENT_CONTRACTS"
    ACCOUNT_CONTRACTS = "ACCOUNT_CONTRACTS"
    DAILY_LOSS = "DAILY_LOSS"
    DAILY_LOSS_OPEN = "DAILY_LOSS_OPEN"
    DAILY_PROFIT = "DAILY_PROFIT"
    MAX_DRAWDOWN = "MAX_DRAWDOWN"
    MAX_TRADES = "MAX_TRADES"
    STRATEGY_DAILY_LOSS = "STRATEGY_DAILY_LOSS"
    PROGRAM = "PROGRAM"
    LOSS_STREAK = "LOSS_STREAK"
    ORDERS_PER_SECOND = "ORDERS_PER_SECOND"
    ORDERS_PER_MINUTE = "ORDERS_PER_MINUTE"
    ORDERS_PER_DAY = "ORDERS_PER_DAY"
    SIZE_ZERO = "SIZE_ZERO"


class TradingState(StrEnum):
    """What the gate lets through: everything; exits and moves only, until a limit is free again; or those until a person acts."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class IngressState(StrEnum):
    """The life of an external signal; daemons/gate/external/inbox.py has the table."""

    RECEIVED = "RECEIVED"
    QUEUED = "QUEUED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    SENT = "SENT"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


class IngressError(StrEnum):
    """Why an external signal was not taken: the asker's fault, nobody to trade it now, ours, or asked before."""

    INVALID = "invalid"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"
    DUPLICATE = "duplicate"


# --- raw. : what NinjaTrader (or a recording) says ---------------------------------------------------------------------


class CrossBar(Struct, frozen=True):
    """The bar of another instrument with the same close stamp (ES and YM beside NQ)."""

    instrument: str
    open: float
    high: float
    low: float
    close: float
    volume: int
    ask_volume: int | None = None
    bid_volume: int | None = None


class Position(Struct, frozen=True):
    """The account's position in one instrument as the venue reports it. Position truth is the venue's.

    qty: signed contracts, 0 when flat. price: average fill of the entry, None when flat.
    entry_id: our order id behind the open position; empty when flat or when somebody else opened it.
    stop, target: prices of the resting bracket; None when there is no such order.
    working: ids of our orders that have been accepted and not finished (entries and market exits, not the bracket).
    realised: net profit of the trade date in dollars, after commissions.
    """

    account: str
    qty: int = 0
    price: float | None = None
    entry_id: str = ""
    stop: float | None = None
    target: float | None = None
    working: tuple[str, ...] = ()
    realised: float = 0.0


class Bar(Struct, frozen=True, tag="bar"):
    """One closed bar of the traded instrument, with what the venue knew at its close.

    ask_volume, bid_volume: contracts bought at the ask, sold at the bid; None when the series is not volumetric (never 0).
    index: the feed's own bar number (NinjaTrader's CurrentBar); rises by one per accepted bar.
    phase: "historical" (warm-up, never traded), "playback" or "realtime".
    """

    instrument: str
    open_ns: int
    close_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    ask_volume: int | None = None
    bid_volume: int | None = None
    index: int = 0
    cross: tuple[CrossBar, ...] = ()
    position: Position | None = None
    phase: str = "realtime"


# --- bar. : longer timeframes ------------------------------------------------------------------------------------------


class TimeframeBar(Struct, frozen=True, tag="timeframe_bar"):
    """A bar of several minutes, made of the one-minute bars that the tracker accepted (daemons/tracker/timeframes.py).

    minutes: its timeframe. session: the trade date, which no such bar outlasts. open_ns, close_ns: the bounds of its bucket on the
    clock, also where bars are missing. ask_volume, bid_volume: None if one of its bars has none.
    bars: one-minute bars in it. complete: every minute of the bucket brought one.
    """

    instrument: str
    minutes: int
    session: str
    open_ns: int
    close_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    ask_volume: int | None
    bid_volume: int | None
    bars: int
    complete: bool


# --- session. : everything the tracker knows after a bar ---------------------------------------------------------------


class Range(Struct, frozen=True):
    """A clock range of the session (opening drive, OR15, OR30, IB). Runs until `final`, then stands.

    valid: final, with enough bars (and for the IB a height above 0). open is the first bar's open, close the last bar's close.
    """

    high: float
    low: float
    open: float
    close: float
    bars: int
    final: bool = False
    valid: bool = False


class Flow(Struct, frozen=True):
    """Order flow of the bar against the last 20 RTH bars (playbook 2.3, 2.5). None means missing, which fails every test.

    quality: how many of delta_percentile >= 60, imbalance_ratio > 1, volume_spike >= 1 hold (0 to 3).
    present: False for a bar with volume but no order flow; no strategy may propose on it.
    """

    delta: float
    delta10: float
    delta_previous9: float | None
    delta_percentile: float | None
    imbalance_ratio: float | None
    volume_spike: float | None
    quality: int
    cvd: float
    present: bool = True


class Scores(Struct, frozen=True):
    """Day confidence (playbook 2.7): share of true checks, 0 to 1."""

    trend_bull: float = 0.0
    trend_bear: float = 0.0
    b_day: float = 0.0


class Levels(Struct, frozen=True):
    """Price levels of the session (playbook 1.3), None without bars. pd* come from the last session with a valid IB."""

    overnight_high: float | None = None
    overnight_low: float | None = None
    asia_high: float | None = None
    asia_low: float | None = None
    london_high: float | None = None
    london_low: float | None = None
    premarket_high: float | None = None
    premarket_low: float | None = None
    pdh: float | None = None
    pdl: float | None = None
    pdc: float | None = None


class IbHistory(Struct, frozen=True):
    """Initial balance ranges of earlier sessions (playbook 2.8), today excluded. All None until five are known.

    count: entries kept (at most 20). mean5, mean10: means of the last 5 and 10. p90: 90th percentile, linear.
    regime: "low", "normal", "high" by the median; None while unknown.
    """

    count: int = 0
    mean5: float | None = None
    mean10: float | None = None
    p90: float | None = None
    regime: str | None = None


class Session(Struct, frozen=True, tag="session"):
    """The bar and everything derived from the session so far. The evaluator decides from this stream and nothing else.

    session: trade date, YYYY-MM-DD. minute: the bar's close stamp as minutes after midnight, America/New_York (18:01 is 1081).
    rth: the bar belongs to regular trading hours; only then do i, k and everything below advance.
    i: RTH bar number from 0. k: post-IB bar number from 0, None before the IB is final or without a valid IB.
    closes: the session's close in minutes after midnight (960, earlier on a half day).
    vwap: from the first RTH bar; vwap_eth: from 18:01. None until there is volume.
    vwap_sigma, vwap_eth_sigma: volume-weighted deviation of typical prices around them, in points; band k lies k sigma away. None
    until there are two bars and volume.
    above, below: consecutive post-IB closes beyond the IB; accepted_* latch; first_side is "long", "short" or None.
    day_type_edge, day_type_midpoint: of this bar; "none" before the IB. widest: the widest edge type of the day, for display.
    touches, max_down: low touches and downside extension of the IB (playbook 2.4).
    rth_high, rth_low: extremes of the RTH bars so far.
    missing: RTH minutes without a bar so far. degraded: a feed gap did not heal, or this bar says why not to trust the session.
    ema20, ema50, ema200, atr14: of one-minute bars, night included, carried from date to date; points, None until they have seen
    as many bars as they are named for.
    missing_cross: instruments that came along earlier in the trade date and have no bar at this stamp.
    """

    bar: Bar
    session: str
    minute: int
    rth: bool
    closes: int
    i: int | None = None
    k: int | None = None
    vwap: float | None = None
    vwap_eth: float | None = None
    drive: Range | None = None
    or15: Range | None = None
    or30: Range | None = None
    ib: Range | None = None
    above: int = 0
    below: int = 0
    accepted_long: bool = False
    accepted_short: bool = False
    first_side: str | None = None
    flow: Flow | None = None
    touches: int = 0
    max_down: float = 0.0
    fvg_bull: bool = False
    fvg_bear: bool = False
    fvg_bull_15m: bool = False
    scores: Scores = Scores()
    day_type_edge: str = "none"
    day_type_midpoint: str = "none"
    widest: str = "none"
    levels: Levels = Levels()
    history: IbHistory = IbHistory()
    rth_high: float | None = None
    rth_low: float | None = None
    missing: int = 0
    degraded: bool = False
    vwap_sigma: float | None = None
    vwap_eth_sigma: float | None = None
    ema20: float | None = None
    ema50: float | None = None
    ema200: float | None = None
    atr14: float | None = None
    missing_cross: tuple[str, ...] = ()


# --- intent., decision., eval.done. : what is wanted, and what the gate says ---------------------------------------------


class Quality(Struct, frozen=True):
    """The order-flow terms a decision was taken on."""

    delta_percentile: float | None = None
    imbalance_ratio: float | None = None
    volume_spike: float | None = None
    score: int = 0


class Pattern(Struct, frozen=True):
    """The V that a V-reversal was read from: away from the origin to the extreme, back beyond the origin, and to it again.

    kind, subtype: what readers of signal files call it. move: points from origin to extreme; strength: points of the breakout
    beyond the origin. minutes: from the origin's bar to the entry's. volume_confirmed: more volume on the breakout than at the
    extreme, by the factor that the confidence counts.
    """

    kind: str
    subtype: str
    origin: float
    extreme: float
    breakout: float
    move: float
    strength: float
    minutes: int
    volume_confirmed: bool = False


class Intent(Struct, frozen=True):
    """One thing a strategy wants on one bar.

    id: a pure function of instrument, bar, setup and action, or of what the strategy names its signals after; the same bars give
        the same id for ever. At most 50 characters.
    entry, stop, target: prices as computed, unrounded; a null target means no target order. For MOVE_STOP and MOVE_TARGET
        `stop` or `target` holds the new price; for EXIT all three may be null.
    entry_id: for EXIT and MOVE_*: the order id of the position's entry as the venue reported it (empty: whatever is open).
    reason: in words and numbers for an entry; for an exit its code (EOD, DAILY_LOSS, VWAP_BREACH_PM, ...).
    valid_until_ns: market time after which the intent must not be executed. A limit order works until then.
    limit: an entry that rests at this price instead of going to the market.
    score: the strategy's confidence as a number, 0 to 1; None if it has none.
    """

    id: str
    action: Action
    strategy: str
    setup: str
    direction: str
    reason: str
    valid_until_ns: int
    entry: float | None = None
    stop: float | None = None
    target: float | None = None
    entry_id: str = ""
    day_type: str = "none"
    confidence: str = "normal"
    day_confidence: float = 0.0
    quality: Quality = Quality()
    limit: float | None = None
    stop_rounding: StopRounding = StopRounding.AWAY
    score: float | None = None
    pattern: Pattern | None = None


class Intents(Struct, frozen=True, tag="intents"):
    """All intents of one bar, asked of the gate at once so that it decides on them in one step.

    id: `INSTRUMENT-YYYYMMDD-HHMM`, the bar. bar_ns, bar_index, close: the bar's close time, feed index and closing price.
    degraded: the session is not to be trusted; the gate refuses entries. missing: RTH minutes without a bar so far.
    """

    id: str
    instrument: str
    session: str
    bar_ns: int
    bar_index: int
    close: float
    intents: tuple[Intent, ...]
    degraded: bool = False
    missing: int = 0


class Decision(Struct, frozen=True):
    """The gate's word on one intent. order_id is the order it became, empty if refused; size 0 if refused."""

    intent_id: str
    approved: bool
    order_id: str = ""
    size: int = 0
    reason: Reason | None = None
    detail: str = ""


class Decisions(Struct, frozen=True, tag="decisions"):
    """The answer to `Intents` with the same id, one decision each, in the same order."""

    id: str
    instrument: str
    bar_ns: int
    decisions: tuple[Decision, ...]


class EvalDone(Struct, frozen=True, tag="eval_done"):
    """The evaluator has finished a bar: how many intents it had and which orders the gate made of them."""

    instrument: str
    session: str
    bar_ns: int
    bar_index: int
    intents: int = 0
    orders: tuple[str, ...] = ()


class Suppressed(Struct, frozen=True, tag="suppressed"):
    """A setup that is complete and that its strategy does not propose, with the strategy's own reason. It does not come back.

    id: the intent it would have been. reason: a code of the strategy's; detail: a sentence for a person. Prices as computed.
    """

    id: str
    instrument: str
    session: str
    bar_ns: int
    strategy: str
    setup: str
    direction: str
    reason: str
    detail: str
    entry: float
    stop: float
    target: float | None = None
    score: float | None = None
    pattern: Pattern | None = None


# --- signal., reject., order., fill., position., trade., risk. : the gate's facts ----------------------------------------


class Signal(Struct, frozen=True, tag="signal"):
    """An approved intent: what is being traded and what subscribers may follow. Prices are rounded to the tick.

    A stop whose rounding is TOWARD stands as computed; the order event has the rounded one. limit: where the entry rests.
    """

    id: str
    order_id: str
    instrument: str
    session: str
    bar_ns: int
    action: Action
    strategy: str
    setup: str
    direction: str
    size: int
    reason: str
    valid_until_ns: int
    entry: float | None = None
    stop: float | None = None
    target: float | None = None
    day_type: str = "none"
    confidence: str = "normal"
    day_confidence: float = 0.0
    quality: Quality = Quality()
    limit: float | None = None
    score: float | None = None
    pattern: Pattern | None = None


class Reject(Struct, frozen=True, tag="reject"):
    """An intent the gate refused, with the first reason in the documented order and a sentence for a person."""

    id: str
    instrument: str
    session: str
    bar_ns: int
    action: Action
    strategy: str
    setup: str
    direction: str
    reason: Reason
    detail: str
    entry: float | None = None
    stop: float | None = None
    target: float | None = None


class OrderStatus(StrEnum):
    """The life of an order at the gate. PENDING until the venue has answered; see daemons/gate/books/orders.py for the table."""

    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    DONE = "DONE"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"


class OrderEvent(Struct, frozen=True, tag="order_event"):
    """An order changed its status. `detail` holds the venue's words where it gave any."""

    order_id: str
    instrument: str
    action: Action
    status: OrderStatus
    qty: int
    filled: int = 0
    stop: float | None = None
    target: float | None = None
    detail: str = ""


class Fill(Struct, frozen=True, tag="fill"):
    """One execution as booked: qty is signed (positive buys). role: ENTRY, EXIT, STOP, TARGET, SESSION_END or FOREIGN."""

    execution_id: str
    order_id: str
    instrument: str
    account: str
    qty: int
    price: float
    role: str
    bar_ns: int
    bar_index: int


class PositionChanged(Struct, frozen=True, tag="position_changed"):
    """Our position after a fill, by our own books. price: average entry, None when flat."""

    instrument: str
    account: str
    qty: int
    price: float | None = None


class Trade(Struct, frozen=True, tag="trade"):
    """A finished round turn.

    signal_ns: close of the bar that decided; entry_ns, exit_ns: close of the bars in which the fills happened.
    bars_held: bars closed in the position, the first bar after the signal bar being 1 (playbook 5.2).
    stop, target: as they stood at the exit. reason: STOP, TARGET, SESSION_END or the exit's code.
    gross_cents = (exit - entry) * direction in money; net_cents = gross_cents - commission_cents.
    """

    id: str
    instrument: str
    account: str
    session: str
    strategy: str
    setup: str
    direction: str
    size: int
    signal_ns: int
    entry_ns: int
    entry_price: float
    exit_ns: int
    exit_price: float
    reason: str
    bars_held: int
    stop: float | None
    target: float | None
    gross_cents: int
    commission_cents: int
    net_cents: int


class StrategyDay(Struct, frozen=True):
    """One strategy's share of the account in a session: closed trades and their net, and open profit before commissions."""

    strategy: str
    realised_cents: int
    open_cents: int
    trades: int


class Risk(Struct, frozen=True, tag="risk"):
    """The account's standing after a trade or a change of state.

    state: a `TradingState`. reason: the `Reason` behind it, empty while ACTIVE. drawdown_cents: highest realised equity minus
    current. open_cents: profit of open positions at the last closes the gate has seen, before commissions. strategies: those that
    closed a trade in the session or hold a position, by name.
    """

    account: str
    session: str
    state: str
    realised_cents: int
    total_cents: int
    drawdown_cents: int
    trades: int
    reason: str = ""
    open_cents: int = 0
    strategies: tuple[StrategyDay, ...] = ()


# --- ingress. : signals of others, to the gate -----------------------------------------------------------------------------


class ExternalSignal(Struct, frozen=True, tag="external_signal"):
    """A trade that somebody outside asks for, as it came: the gate checks every field and names the one at fault.

    fields: `action` (buy, long, sell, short), `instrument`, `price`, `tp_points`, `sl_points`, and those of PROTOCOL.md 7 that may
    be left out; or the FKS form with `symbol` and `side`.
    """

    fields: dict[str, Any]


class ExternalAnswer(Struct, frozen=True, tag="external_answer"):
    """The gate's word on an external signal, given once the signal is on its disk. The same `request_id` gets the same answer.

    success: it is in the queue, for good. state: then QUEUED; of a duplicate, where the first one stands. order_id: the order that
    the risk checks made of it; reason: or the check that refused it, with `message` for a person. error, field: why it was not
    taken, and what to mend.
    """

    success: bool
    message: str
    signal_id: str = ""
    ingress_id: str = ""
    state: IngressState | None = None
    order_id: str = ""
    reason: Reason | None = None
    error: IngressError | None = None
    field: str = ""


class IngressEvent(Struct, frozen=True, tag="ingress_event"):
    """An external signal changed its state.

    tp_points, sl_points: distances from `price` in points. order_id: once approved, also while its order has not been sent.
    """

    ingress_id: str
    signal_id: str
    instrument: str
    state: IngressState
    direction: str
    price: float
    tp_points: int
    sl_points: int
    strategy: str
    valid_until_ns: int
    request_id: str = ""
    order_id: str = ""
    detail: str = ""


# --- the operator, to the gate -------------------------------------------------------------------------------------------


class Kill(Struct, frozen=True, tag="kill"):
    """Latch the kill switch: no entry passes until `Arm`. flatten: also cancel what works and close what is open."""

    by: str
    flatten: bool = False


class Arm(Struct, frozen=True, tag="arm"):
    """Release the kill switch, and what reconciliation has disputed: a person has looked."""

    by: str


# --- the venue link: gate to NinjaTrader --------------------------------------------------------------------------------


class PlaceOrder(Struct, frozen=True, tag="place_order"):
    """Enter with a resting bracket. id is unique for ever: the venue acts on it once. target None: no target.

    limit: None enters at the market; a price rests there, and the venue cancels what has not filled by `valid_until_ns`.
    """

    id: str
    account: str
    instrument: str
    action: Action
    qty: int
    stop: float
    target: float | None
    valid_until_ns: int
    limit: float | None = None


class ClosePosition(Struct, frozen=True, tag="close_position"):
    """Close the open position at the market, cancel its bracket and what is left of its entry. reason travels to the trade."""

    id: str
    account: str
    instrument: str
    entry_id: str
    reason: str


class MoveBracket(Struct, frozen=True, tag="move_bracket"):
    """Replace the resting stop and/or target; None leaves it as it is."""

    id: str
    account: str
    instrument: str
    entry_id: str
    stop: float | None = None
    target: float | None = None


class CancelOrder(Struct, frozen=True, tag="cancel_order"):
    """Cancel a working order. Confirmed by an OrderUpdate; a fill may still overtake it."""

    id: str
    account: str
    instrument: str
    order_id: str


class Lease(Struct, frozen=True, tag="lease"):
    """The gate is alive. The venue refuses new entries when the last one is older than 5 s; resting stops stay.

    killed: the kill switch is latched; the venue keeps a copy and refuses entries by itself. boot: when this gate process started
    (its clock); a new value asks the venue to say `Hello` again, with what stands there now.
    """

    killed: bool = False
    boot: int = 0


# --- the venue link: NinjaTrader to gate --------------------------------------------------------------------------------


class Hello(Struct, frozen=True, tag="hello"):
    """First words on the link, and after every reconnect: who is there, with which accounts, and what stands there now.

    words: epoch and number of the venue's last word on each topic when it looked. Whoever has heard a later one has an old picture
    before him.
    """

    venue: str
    version: str
    accounts: tuple[str, ...]
    positions: tuple[VenuePosition, ...] = ()
    working: tuple[str, ...] = ()
    words: dict[str, tuple[int, int]] = {}


class VenuePosition(Struct, frozen=True):
    """One position in the venue's snapshot."""

    instrument: str
    position: Position


class LinkState(Struct, frozen=True, tag="link_state"):
    """A connection came up or went down, as the gate's own process saw it. In the gate's log, never on the bus.

    of: "venue", or "journal": whether the logger is alive.
    """

    up: bool
    detail: str = ""
    of: str = "venue"


class Due(Struct, frozen=True, tag="due"):
    """A time-out that a core has asked for is over, by market time. In its log, never on the bus."""

    at_ns: int


class Begun(Struct, frozen=True, tag="begun"):
    """A new epoch of this daemon begins: new settings perhaps, new numbers. What it asked before is nobody's any more.

    From its own process, never on the bus.
    """

    of_epoch: int


class OrderUpdate(Struct, frozen=True, tag="order_update"):
    """The venue's word on one of our orders: ACCEPTED, REJECTED, CANCELLED or DONE (a move or a close that was carried out).

    id: unique event id, so that a repeat is recognised. stop, target: the bracket as it stands after a move.
    """

    id: str
    order_id: str
    instrument: str
    status: OrderStatus
    stop: float | None = None
    target: float | None = None
    detail: str = ""


class Execution(Struct, frozen=True, tag="execution"):
    """One fill at the venue. id is the venue's execution id; qty is signed (positive buys).

    order_id: our id of the order that filled; for STOP, TARGET and SESSION_END the entry whose position it closed.
    role: ENTRY, EXIT, STOP, TARGET, SESSION_END or FOREIGN. bar_ns, bar_index: the bar in which it happened.
    """

    id: str
    order_id: str
    account: str
    instrument: str
    qty: int
    price: float
    role: str
    bar_ns: int
    bar_index: int


class Ack(Struct, frozen=True, tag="ack"):
    """The receiver owns this message now (the gate: it is on disk). ref is its `topic@epoch:seq`."""

    ref: str


# --- public. : what subscribers see -----------------------------------------------------------------------------------


class PublicSignal(Struct, frozen=True, tag="public_signal"):
    """An approved signal as the public reads it: no account, no order id, no size of ours."""

    id: str
    instrument: str
    session: str
    bar_ns: int
    action: Action
    strategy: str
    setup: str
    direction: str
    reason: str
    confidence: str
    valid_until_ns: int
    entry: float | None = None
    stop: float | None = None
    target: float | None = None
    limit: float | None = None
    score: float | None = None
    pattern: Pattern | None = None


class PublicTrade(Struct, frozen=True, tag="public_trade"):
    """A finished trade as the public reads it, per contract."""

    id: str
    instrument: str
    session: str
    strategy: str
    setup: str
    direction: str
    entry_ns: int
    entry_price: float
    exit_ns: int
    exit_price: float
    reason: str
    ticks: int


# --- history and control ------------------------------------------------------------------------------------------------


class TopicsRequest(Struct, frozen=True, tag="topics_request"):
    """Which topics with this prefix are in the journal, and how far."""

    id: str
    prefix: str = ""


class TopicLength(Struct, frozen=True):
    """One topic of the journal: number of records, and epoch and seq of the last one."""

    topic: str
    records: int
    epoch: int
    seq: int


class Topics(Struct, frozen=True, tag="topics"):
    id: str
    topics: tuple[TopicLength, ...]


class HistoryRequest(Struct, frozen=True, tag="history_request"):
    """Records [start, start + count) of one topic. A reader keeps a few requests under way: that is its credit."""

    id: str
    topic: str
    start: int
    count: int


class Page(Struct, frozen=True, tag="page"):
    """Frames as they were published, oldest first. end: how many records the topic has now; below it, fewer than asked is a cut."""

    id: str
    topic: str
    start: int
    frames: tuple[bytes, ...]
    end: int


class Control(Struct, frozen=True, tag="control"):
    """A question to one daemon's control port or service. verb: ping, state, stop, init, parameters, flush, ..."""

    id: str
    verb: str
    argument: str = ""


class Report(Struct, frozen=True, tag="report"):
    """The answer to Control: ok, and a JSON text with the details."""

    id: str
    ok: bool
    text: str


# --- sys. : the bus itself ------------------------------------------------------------------------------------------------


class Beat(Struct, frozen=True, tag="beat"):
    """One second's sign of life. wall_ns is the sender's clock; last maps each topic it writes to (epoch, seq)."""

    name: str
    pid: int
    started_ns: int
    wall_ns: int
    last: dict[str, tuple[int, int]]
    received: int = 0
    sent: int = 0
    healed: int = 0
    lost: int = 0
    note: str = ""


class Resend(Struct, frozen=True, tag="resend"):
    """Please publish these again, with their old numbers. first and last are inclusive."""

    topic: str
    of_epoch: int
    first: int
    last: int


class Gap(Struct, frozen=True, tag="gap"):
    """Messages that did not come back: the loss, as a fact. The receiver's core is told and decides."""

    topic: str
    of_epoch: int
    first: int
    last: int
    reader: str


class Alarm(Struct, frozen=True, tag="alarm"):
    """Something a person should look at."""

    name: str
    text: str


Fact: TypeAlias = (
    Bar
    | TimeframeBar
    | Session
    | Intents
    | Decisions
    | EvalDone
    | Suppressed
    | Signal
    | Reject
    | OrderEvent
    | Fill
    | PositionChanged
    | Trade
    | Risk
    | IngressEvent
    | ExternalAnswer
    | PublicSignal
    | PublicTrade
    | Beat
    | Resend
    | Gap
    | Alarm
)
OperatorWord: TypeAlias = Kill | Arm | ExternalSignal
VenueWord: TypeAlias = (
    PlaceOrder | ClosePosition | MoveBracket | CancelOrder | Lease | Hello | LinkState | OrderUpdate | Execution | Ack
)
OwnWord: TypeAlias = Due | Begun
Service: TypeAlias = TopicsRequest | Topics | HistoryRequest | Page | Control | Report
Body: TypeAlias = Fact | OperatorWord | VenueWord | OwnWord | Service
