"""V-Reversal: buy the retest of a swing high that price fell from and broke out of again; sell the mirror image (playbook 8).

`tapewire.strategies.v_pattern` finds the pattern; this module decides on a finished one. These checks apply in this order. The
first that fails is published as `Suppressed`; it is final, because a finished pattern is dropped in any case:

    DIRECTION_OFF     its direction is switched off
    WEEKEND           Saturday or Sunday, Eastern
    OUTSIDE_WINDOW    the entry bar's stamp is in none of the windows (start included, end not), Eastern, by the bar's own time
    CLOSING           the session is about to end
    LOW_CONFIDENCE    below the minimum
    DUPLICATE         this id has already been signalled on this Eastern date
    DAILY_CAP         the date already has its maximum of signals
    SAME_BAR          an older pattern has the same entry bar: one bar gives one signal

The entry is a limit order at the entry bar's close, valid for `entry_ttl_min`, with its stop rounded toward the entry. A signal
counts, and its id is used, when it is proposed and consumed. While a position is open or an order works, nothing is proposed: there
is one position per instrument, so the "up to 5 open positions" of the source do not exist here. Ids do not name the instrument: do
not trade two instruments of one root (ES and MES) with it in one run, because the gate would refuse the second entry as a
duplicate.

Do not expect any figure of the source design's back-test from these rules: that back-test used look-ahead (playbook 8.2).
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Annotated, ClassVar, Literal, NamedTuple

from msgspec import Meta, Struct

from tapewire.bus.messages import Pattern, PatternSubtype, Position, Session, StopRounding
from tapewire.strategies.clock import DAY, EVENING, MINUTE_NS, RTH_CLOSE, TimeOfDay, hhmm, minute_of, new_york
from tapewire.strategies.figures import decimals, shown
from tapewire.strategies.protocol import LONG, SHORT, DayTypeOf, Direction, Exit, Hours, Proposal, Suppression
from tapewire.strategies.v_pattern import ClosedBar, Machine, Rules, V

HIGH_CONFIDENCE = 80

Window = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$", description="HH:MM-HH:MM")]


class Side(NamedTuple):
    """One direction: its names, and the sign that mirrors its prices back."""

    direction: Direction
    prefix: str
    setup: str
    subtype: PatternSubtype
    sign: int


BUY = Side(LONG, "BUY", "V_REVERSAL_BUY", "DOWNWARD_V", 1)
SELL = Side(SHORT, "SELL", "V_REVERSAL_SELL", "UPWARD_V", -1)


class VReversal:
    """LONG and SHORT, at any time in its windows, as often as the daily cap allows."""

    name: ClassVar[str] = "V-Reversal"
    setups: ClassVar[tuple[str, ...]] = (BUY.setup, SELL.setup)
    hours: ClassVar[Hours] = "all"

    class Params(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Thresholds, under the names of playbook 8.6. Units are points, minutes or bars, as the name or the line gives them.

        variant: confidence, retest and id by the rules of "classic" (retest on both sides of the origin, ids without BUY_ or
            SELL_) or "bidirectional".
        drop_threshold, rise_threshold: least move of a purchase, of a sale, in points.
        drop_window: minutes, the origin's own minute is the first. breakout_window: minutes after the extreme.
        pullback_window: minutes after the breakout.
        retest_ceiling: points the entry bar's low may stay above the origin (classic: also fall below it).
        retest_floor: points its close may be below the origin. invalidate_on_floor_break: a close below ends the pattern.
        origin_mode: "swing_high" (at least as high as the origin_lookback - 1 bars before) or "any_bar", for comparison only.
        gap_reset_min: a longer hole between two bars drops all patterns.
        stop_loss_pct: of the entry, as a share (0.001 is 0.1 %). take_profit_points: of the target.
        max_hold_min: after the fill, then EXIT MAX_HOLD. entry_ttl_min: how long the limit order works.
        min_confidence: 0 to 1. max_daily_signals: of an Eastern date.
        trading_windows: "HH:MM-HH:MM" Eastern. session_close: positions are closed one minute before it (earlier on a half day).
        """

        variant: Literal["classic", "bidirectional"] = "bidirectional"
        enable_buy: bool = True
        enable_sell: bool = True
        drop_threshold: float = 4.0
        rise_threshold: float = 4.0
        drop_window: int = 15
        breakout_window: int = 30
        pullback_window: int = 15
        retest_ceiling: float = 1.0
        retest_floor: float = 0.5
        invalidate_on_floor_break: bool = False
        origin_mode: Literal["swing_high", "any_bar"] = "swing_high"
        origin_lookback: int = 15
        gap_reset_min: int = 5
        stop_loss_pct: float = 0.001
        take_profit_points: float = 3.0
        max_hold_min: int = 25
        entry_ttl_min: int = 30
        min_confidence: float = 0.70
        max_daily_signals: int = 40
        trading_windows: tuple[Window, ...] = ("03:00-04:00", "09:00-11:00", "13:30-15:00")
        session_close: TimeOfDay = "17:00"

        def __post_init__(self) -> None:
            for name in ("drop_threshold", "rise_threshold", "take_profit_points", "drop_window", "origin_lookback"):
                if not getattr(self, name) > 0:
                    raise ValueError(f"{name} = {getattr(self, name)}: write more than 0")
            for name in ("gap_reset_min", "max_hold_min", "entry_ttl_min"):
                if getattr(self, name) < 1:
                    raise ValueError(f"{name} = {getattr(self, name)}: write 1 or more minutes")
            if not 0 < self.stop_loss_pct < 1:
                raise ValueError(f"stop_loss_pct = {self.stop_loss_pct}: write a share between 0 and 1, such as 0.001")
            for window in self.trading_windows:
                start, _, end = window.partition("-")
                if start >= end:
                    raise ValueError(f"trading_windows {window!r}: ends before it starts; write two windows around midnight")

    def __init__(self, params: Params, day_type: DayTypeOf) -> None:
        self.params = params
        self.windows = tuple((minute_of(window[:5]), minute_of(window[6:])) for window in params.trading_windows)
        self.close = minute_of(params.session_close)
        self.machines = {BUY: Machine(_rules(params, BUY)), SELL: Machine(_rules(params, SELL))}
        self.last_ns = 0
        self.found: list[tuple[Side, Proposal]] = []
        self.date = ""
        self.emitted: set[str] = set()
        self.held = ""
        self.filled_ns = 0

    def start(self, session: str) -> None:
        """Patterns end with the session. Ids and their count belong to the Eastern date, which changes at midnight."""
        for machine in self.machines.values():
            machine.clear()

    def update(self, s: Session) -> None:
        bar = s.bar
        if bar.close_ns <= self.last_ns:
            return
        if bar.close_ns - self.last_ns > self.params.gap_reset_min * MINUTE_NS:
            self.start(s.session)
        self.last_ns = bar.close_ns
        candle = ClosedBar.of(bar)
        bought, sold = self.machines[BUY].fold(candle), self.machines[SELL].fold(candle.mirrored)
        self.found = []
        if bought or sold:
            at = new_york(bar.close_ns)
            date = at.date().isoformat()
            if date != self.date:
                self.date = date
                self.emitted.clear()
            self.found = [
                *((BUY, self._proposal(v, BUY, candle.close, at, s)) for v in bought),
                *((SELL, self._proposal(v, SELL, candle.close, at, s)) for v in sold),
            ]

    def propose(self, s: Session) -> Proposal | None:
        return next((proposal for _, proposal, refused in self._judged(s) if refused is None), None)

    def suppressed(self, s: Session) -> list[Suppression]:
        return [Suppression(proposal, *refused) for _, proposal, refused in self._judged(s) if refused is not None]

    def consume(self, proposal: Proposal) -> None:
        self.emitted.add(proposal.id)
        self.found = []

    def manage(self, s: Session, position: Position) -> Exit | None:
        """Exits one minute before the session ends, and `max_hold_min` after the fill."""
        if position.entry_id != self.held:
            self.held, self.filled_ns = position.entry_id, s.bar.close_ns
        if self._minutes_left(s) <= 0:
            return Exit("SESSION_CLOSE")
        held_long = s.bar.close_ns - self.filled_ns >= self.params.max_hold_min * MINUTE_NS
        return Exit("MAX_HOLD") if held_long else None

    # --- a finished pattern ------------------------------------------------------------------------------------------

    def _judged(self, s: Session) -> list[tuple[Side, Proposal, tuple[str, str] | None]]:
        """The patterns that this bar finishes, purchases first, each with the reason that suppresses it; at most one has none."""
        if s.bar.close_ns != self.last_ns:
            return []
        judged: list[tuple[Side, Proposal, tuple[str, str] | None]] = []
        taken = ""
        for side, proposal in self.found:
            refused = self._refusal(side, proposal, s)
            if refused is None and taken:
                refused = "SAME_BAR", f"{taken} has the same entry bar and came first"
            elif refused is None:
                taken = proposal.id
            judged.append((side, proposal, refused))
        return judged

    def _refusal(self, side: Side, proposal: Proposal, s: Session) -> tuple[str, str] | None:
        """The first reason not to propose, as code and sentence; None if there is none."""
        p, score = self.params, proposal.score or 0.0
        clock = hhmm(s.minute)
        if not (p.enable_buy if side is BUY else p.enable_sell):
            return "DIRECTION_OFF", f"enable_{side.prefix.lower()} is false"
        if dt.date.fromisoformat(self.date).weekday() > 4:
            return "WEEKEND", f"{self.date} is no weekday"
        if not any(start <= s.minute < end for start, end in self.windows):
            return "OUTSIDE_WINDOW", f"{clock} is in none of {', '.join(p.trading_windows)}"
        if self._minutes_left(s) <= 0:
            return "CLOSING", f"{clock}: the session ends"
        if score < p.min_confidence:
            return "LOW_CONFIDENCE", f"confidence {score:.3f}, at least {p.min_confidence:.3f} is needed"
        if proposal.id in self.emitted:
            return "DUPLICATE", f"{proposal.id} was signalled before"
        if len(self.emitted) >= p.max_daily_signals:
            return "DAILY_CAP", f"{len(self.emitted)} signals on {self.date}, at most {p.max_daily_signals}"
        return None

    def _minutes_left(self, s: Session) -> int:
        """Minutes to the last minute before the session's close; 0 or less from then until the next session starts."""
        close = min(self.close, s.closes) if s.closes < RTH_CLOSE else self.close
        if s.minute > EVENING:
            return close - 1 + DAY - s.minute
        return close - 1 - s.minute

    def _proposal(self, v: V, side: Side, close: float, at: dt.datetime, s: Session) -> Proposal:
        p, sign = self.params, side.sign
        pattern = self._pattern(v, side, s.bar.close_ns // MINUTE_NS)
        percent = self._confidence(v, pattern.minutes)
        prefix = f"{side.prefix}_" if p.variant == "bidirectional" else ""
        words = ("down", "up")[side is SELL]
        return Proposal(
            strategy=self.name,
            setup=side.setup,
            direction=side.direction,
            entry=close,
            stop=round(close * (1 - sign * p.stop_loss_pct), decimals(close)),
            target=close + sign * p.take_profit_points,
            reason=f"{words} {shown(pattern.move)} from {shown(pattern.origin)} to {shown(pattern.extreme)}, broke out to "
            f"{shown(pattern.breakout)}, back at {shown(close)}; confidence {percent / 100:.3f}",
            confidence="high" if percent >= HIGH_CONFIDENCE else "medium",
            limit=close,
            ttl_minutes=max(1, min(p.entry_ttl_min, self._minutes_left(s))),
            stop_rounding=StopRounding.TOWARD,
            score=percent / 100,
            pattern=pattern,
            id=f"{prefix}{at:%Y%m%d_%H%M%S}_{shown(pattern.origin)}_{shown(pattern.extreme)}",
        )

    def _pattern(self, v: V, side: Side, at: int) -> Pattern:
        classic = self.params.variant == "classic"
        return Pattern(
            kind="V_REVERSAL" if classic else "BIDIRECTIONAL_V_REVERSAL",
            subtype=side.subtype,
            origin=side.sign * v.origin.high,
            extreme=side.sign * v.extreme.low,
            breakout=side.sign * v.breakout.high,
            move=v.move,
            strength=v.strength,
            minutes=at - v.origin.at,
            volume_confirmed=_more(v.breakout, v.extreme, 1.2 if classic else 1.1),
        )

    def _confidence(self, v: V, minutes: int) -> int:
        """The variant's score in percent, so that no sum of tenths falls short of a threshold (playbook 8.4)."""
        if self.params.variant == "classic":
            return min(
                50
                + (20 if v.move >= 5.0 else 10 if v.move >= 4.0 else 0)
                + 10 * _more(v.breakout, v.extreme, 1.2)
                + 10 * (v.breakout.at - v.origin.at <= 15)
                + 10 * (v.strength >= 1.0),
                100,
            )
        return min(
            60
            + (20 if v.move >= 6.0 else 15 if v.move >= 5.0 else 10 if v.move >= 4.5 else 0)
            + (15 if minutes <= 12 else 10 if minutes <= 20 else 0)
            + 5 * _more(v.extreme, v.origin, 1.1)
            + 5 * _more(v.breakout, v.extreme, 1.1)
            + (10 if v.strength >= 1.5 else 5 if v.strength >= 0.75 else 0),
            100,
        )


def _rules(p: VReversal.Params, side: Side) -> Rules:
    return Rules(
        threshold=p.drop_threshold if side is BUY else p.rise_threshold,
        drop_window=p.drop_window,
        breakout_window=p.breakout_window,
        pullback_window=p.pullback_window,
        touch_above=p.retest_ceiling,
        touch_below=p.retest_ceiling if p.variant == "classic" else math.inf,
        floor=p.retest_floor,
        breaks_floor=p.invalidate_on_floor_break,
        lookback=p.origin_lookback if p.origin_mode == "swing_high" else None,
    )


def _more(bar: ClosedBar, than: ClosedBar, factor: float) -> bool:
    """Whether a bar has more than `factor` times the other's volume. False if the other has none."""
    return than.volume > 0 and bar.volume > factor * than.volume
