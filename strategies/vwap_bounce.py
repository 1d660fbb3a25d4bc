"""VWAP Bounce: price touches a deviation band around the session's VWAP and closes back inside it (playbook 9).

    long    the previous bar's low reaches the lower band, this bar closes above it; tested first
    short   the previous bar's high reaches the upper band, this bar closes below it

Both bars are compared with the band as it is now, this bar included (`touch_band` chooses the other reading). Then the filters
apply in this order; the first that refuses is published as `Suppressed`:

    HOURS    not from `flatten` to the reopening at 18:00
    FRIDAY   not from `friday_entry_until` on
    SIDE     long only below VWAP, short only above it (use_side)
    RSI      long only below `rsi_oversold`, short only above `rsi_overbought`; equal is refused (use_rsi)
    VOLUME   at least `volume_mult` times the mean of the bars before (use_volume)
    TREND    no long in a falling trend, no short in a rising one (use_trend)
    RANGE    stop and target must lie on either side of the close

An indicator without a value yet (RSI, mean volume, trend) refuses nothing. VWAP and bands start with the trade date at 18:00 (or at
09:30); RSI, mean volume and trend continue from day to day, so that they have values when a session starts.

The entry is a market order; the gate sizes it by the account's risk (`[risk.sizing]` of the preset). A position is closed from
`flatten` on (a quarter of an hour before the end on a half day), on Friday at the latest at `friday_flat`. These rules hold for
every preset; the other exits apply where the preset has their numbers. While a position is open there are no entries.

The source's bot has parts that are left out here on purpose: partial exits (there is one bracket per position), the exits by
elapsed time and by reversal, the ATR stop, the closing of small losers after 15:30 (off in playbook 9.4), the learned score, and
the check of an entry's price between signal and order. Bands beyond entry and stop are for display only, so they are no parameter
here.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec import Struct

from tapewire.bus.messages import Bar, Position, Session
from tapewire.strategies.candles import Candles, bucket_end
from tapewire.strategies.clock import EVENING, MINUTE_NS, RTH_CLOSE, TimeOfDay, hhmm, is_friday, minute_of
from tapewire.strategies.figures import shown
from tapewire.strategies.indicators import Bands, Ema, Mean, Method, Rsi, typical
from tapewire.strategies.protocol import LONG, SHORT, DayTypeOf, Direction, Exit, Hours, Move, Proposal, Suppression

HALF_DAY_MARGIN = 15
LONGER_MINUTES = 15


class VwapBounce:
    """LONG and SHORT, at any hour of the session except its end."""

    name: ClassVar[str] = "VWAP Bounce"
    setups: ClassVar[tuple[str, ...]] = ("VWAP_BOUNCE_LONG", "VWAP_BOUNCE_SHORT")
    hours: ClassVar[Hours] = "all"

    class Params(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
        """Thresholds, under the names of playbook 9.6. A rule whose number is None does not apply.

        tick_size: points, of the instrument; there is no default, because distances are counted in it.
        price_basis: "close", or "typical" for (high + low + close) / 3. session_reset: "18:00", or "09:30" for RTH bars only.
        band_entry: in standard deviations. touch_band: "current", or "previous" for the band after the touching bar.
        band_3: the far band of stop and target, in standard deviations.
        rsi_period, rsi_method, rsi_tf: "simple" or "wilder", of the closes of "1m" or "15m".
        volume_lookback: bars, this one excluded. trend_ema: period, of 15-minute closes; half a tick around it is no trend.
        stop_ticks: from the close. stop_beyond_band_3_ticks: this far beyond the far band instead, if that is nearer.
        target_r: in stop distances; None: the opposite far band at the time of the entry.
        breakeven_ticks: profit from which on the stop goes to the entry plus breakeven_plus_ticks. trail_start: profit in ticks
            from which on, after that, the stop follows the close at trail_dist ticks. Profit is measured at the close.
        tighten_from: from this time to the flatten time the target is at most tighten_r stop distances away.
        friday_profit_from: on Friday from this time any profit is taken.
        flatten: no entries and no position from then to 18:00. confidence: the score of every signal, 0 to 1.
        """

        tick_size: float
        price_basis: Literal["close", "typical"] = "close"
        session_reset: Literal["18:00", "09:30"] = "18:00"
        band_entry: float = 2.0
        touch_band: Literal["current", "previous"] = "current"
        band_3: float | None = None
        rsi_period: int = 14
        rsi_method: Method = "simple"
        rsi_tf: Literal["1m", "15m"] = "1m"
        rsi_oversold: float = 25.0
        rsi_overbought: float = 75.0
        use_rsi: bool = True
        use_side: bool = False
        use_volume: bool = True
        use_trend: bool = False
        volume_mult: float = 1.5
        volume_lookback: int = 20
        trend_ema: int = 21
        stop_ticks: int = 8
        stop_beyond_band_3_ticks: int | None = None
        target_r: float | None = None
        breakeven_ticks: int | None = None
        breakeven_plus_ticks: int = 1
        trail_start: int | None = None
        trail_dist: int = 10
        tighten_from: TimeOfDay | None = None
        tighten_r: float = 1.0
        flatten: TimeOfDay = "16:45"
        friday_entry_until: TimeOfDay = "16:30"
        friday_flat: TimeOfDay = "16:45"
        friday_profit_from: TimeOfDay | None = None
        confidence: float = 0.75

        def __post_init__(self) -> None:
            for name in ("tick_size", "band_entry", "rsi_period", "volume_lookback", "trend_ema", "stop_ticks"):
                if not getattr(self, name) > 0:
                    raise ValueError(f"{name} = {getattr(self, name)}: write more than 0")
            if self.band_3 is None and (self.target_r is None or self.stop_beyond_band_3_ticks is not None):
                raise ValueError("stop or target at the far band: write band_3 as well")
            if self.trail_start is not None and self.breakeven_ticks is None:
                raise ValueError("trail_start needs breakeven_ticks: the stop trails from breakeven on")
            if not 0 <= self.confidence <= 1:
                raise ValueError(f"confidence = {self.confidence}: write 0 to 1")

    def __init__(self, params: Params, day_type: DayTypeOf) -> None:
        self.params = params
        self.flatten = minute_of(params.flatten)
        self.friday_entry_until = minute_of(params.friday_entry_until)
        self.friday_flat = minute_of(params.friday_flat)
        self.friday_profit_from = None if params.friday_profit_from is None else minute_of(params.friday_profit_from)
        self.tighten_from = None if params.tighten_from is None else minute_of(params.tighten_from)
        self.rsi = Rsi(params.rsi_period, params.rsi_method)
        self.volumes = Mean(params.volume_lookback)
        self.trend = Ema(params.trend_ema)
        self.longer = Candles[int]()
        self.longer_close = 0.0
        self.mean_volume: float | None = None
        self.last_ns = 0
        self.taken: Proposal | None = None
        self.start("")

    def start(self, session: str) -> None:
        """Sessions change at 18:00. VWAP and the previous bar start again."""
        self.friday = bool(session) and is_friday(session)
        self.bands = Bands()
        self.band: tuple[float, float] | None = None
        self.touched: tuple[float, float] | None = None
        self.bar: Bar | None = None
        self.previous: Bar | None = None

    def update(self, s: Session) -> None:
        bar, p = s.bar, self.params
        if bar.close_ns <= self.last_ns:
            return
        self.last_ns = bar.close_ns
        self.mean_volume = self.volumes.value
        self.volumes.fold(bar.volume)
        stamp = bar.close_ns // MINUTE_NS
        end = bucket_end(stamp, LONGER_MINUTES)
        for candle in self.longer.fold(end, bar, last=stamp == end):
            self.longer_close = candle.close
            self.trend.fold(candle.close)
            if p.rsi_tf == "15m":
                self.rsi.fold(candle.close)
        if p.rsi_tf == "1m":
            self.rsi.fold(bar.close)
        self.previous, self.bar = self.bar, bar
        if s.rth or p.session_reset == "18:00":
            price = bar.close if p.price_basis == "close" else typical(bar.high, bar.low, bar.close)
            self.bands.fold(price, bar.volume)
            before, self.band = self.band, self.bands.band(p.band_entry)
            self.touched = self.band if p.touch_band == "current" else before
        else:
            self.touched = None

    def propose(self, s: Session) -> Proposal | None:
        return next((proposal for proposal, refused in self._bounces(s) if refused is None), None)

    def suppressed(self, s: Session) -> list[Suppression]:
        return [Suppression(proposal, *refused) for proposal, refused in self._bounces(s) if refused is not None]

    def consume(self, proposal: Proposal) -> None:
        self.taken = proposal

    # --- entries -----------------------------------------------------------------------------------------------------

    def _bounces(self, s: Session) -> list[tuple[Proposal, tuple[str, str] | None]]:
        """The setups of this bar, the long one first, each with the filter that refuses it, or None."""
        before, bar, band, touched = self.previous, self.bar, self.band, self.touched
        if before is None or bar is None or band is None or touched is None or bar.close_ns != s.bar.close_ns:
            return []
        found: list[tuple[Proposal, tuple[str, str] | None]] = []
        sides: tuple[tuple[Direction, int, bool], ...] = (
            (LONG, 1, before.low <= touched[0] and bar.close > band[0]),
            (SHORT, -1, before.high >= touched[1] and bar.close < band[1]),
        )
        for direction, sign, held in sides:
            if held:
                proposal = self._proposal(direction, sign, bar, before, band)
                found.append((proposal, self._refusal(proposal, sign, s)))
        return found

    def _refusal(self, proposal: Proposal, sign: int, s: Session) -> tuple[str, str] | None:
        """The first filter that refuses, as code and sentence; None if all pass."""
        p, close, vwap, rsi = self.params, proposal.entry, self.bands.vwap or 0.0, self.rsi.value
        clock = hhmm(s.minute)
        if self._flat(s):
            return "HOURS", f"{clock}: no entries until the reopening at 18:00"
        if self.friday and self.friday_entry_until <= s.minute <= EVENING:
            return "FRIDAY", f"{clock}: no entries on Friday from {p.friday_entry_until}"
        if p.use_side and not (close - vwap) * sign < 0:
            return "SIDE", f"close {shown(close)} is on the wrong side of VWAP {shown(vwap)}"
        level = p.rsi_oversold if sign > 0 else p.rsi_overbought
        if p.use_rsi and rsi is not None and not (rsi - level) * sign < 0:
            return "RSI", f"RSI {rsi:.2f} is not {'below' if sign > 0 else 'above'} {level:g}"
        mean = self.mean_volume
        if p.use_volume and mean is not None and s.bar.volume < p.volume_mult * mean:
            return "VOLUME", f"volume {s.bar.volume} is less than {p.volume_mult:g} times the mean of {mean:.1f}"
        if p.use_trend and self._trend() == -sign:
            return "TREND", f"15-minute close {shown(self.longer_close)} is against it, EMA {shown(self.trend.value)}"
        stop, target = proposal.stop, proposal.target
        if stop is None or (close - stop) * sign <= 0 or (target is not None and (target - close) * sign <= 0):
            return "RANGE", f"stop {shown(stop)} and target {target} do not enclose the close {shown(close)}"
        return None

    def _trend(self) -> int:
        """The last 15-minute close against its average: 1 above, -1 below, 0 within half a tick or without an average."""
        average, dead = self.trend.value, self.params.tick_size / 2
        if average is None or abs(self.longer_close - average) <= dead:
            return 0
        return 1 if self.longer_close > average else -1

    def _proposal(self, direction: Direction, sign: int, bar: Bar, before: Bar, band: tuple[float, float]) -> Proposal:
        p, close = self.params, bar.close
        stop = close - sign * p.stop_ticks * p.tick_size
        far = None if p.band_3 is None else self.bands.band(p.band_3)
        if far is not None and p.stop_beyond_band_3_ticks is not None:
            beyond = self._on_tick(far[0] if sign > 0 else far[1]) - sign * p.stop_beyond_band_3_ticks * p.tick_size
            stop = max(stop, beyond) if sign > 0 else min(stop, beyond)
        target = close if p.target_r is None else close + p.target_r * (close - stop)
        if p.target_r is None and far is not None:
            target = self._on_tick(far[sign > 0])
        touched = before.low if sign > 0 else before.high
        rsi = "unknown" if self.rsi.value is None else f"{self.rsi.value:.2f}"
        return Proposal(
            strategy=self.name,
            setup=f"VWAP_BOUNCE_{direction}",
            direction=direction,
            entry=close,
            stop=stop,
            target=target,
            reason=f"{shown(touched)} touched the {p.band_entry:g} sigma band {shown(band[sign < 0])} "
            f"of VWAP {shown(self.bands.vwap)}, close {shown(close)} is back inside; RSI {rsi}, volume {bar.volume}",
            confidence="medium",
            score=p.confidence,
        )

    def _on_tick(self, price: float) -> float:
        """The nearest multiple of the tick."""
        return round(price / self.params.tick_size) * self.params.tick_size

    # --- exits -------------------------------------------------------------------------------------------------------

    def manage(self, s: Session, position: Position) -> Exit | Move | None:
        """Time rules first, then the target, then the stop."""
        if self._flat(s) or (self.friday and self.friday_flat <= s.minute <= EVENING):
            return Exit("FLATTEN")
        if position.price is None:
            return None
        direction = 1 if position.qty > 0 else -1
        profit = (s.bar.close - position.price) * direction
        if self.friday and self.friday_profit_from is not None and self.friday_profit_from <= s.minute <= EVENING and profit > 0:
            return Exit("FRIDAY_PROFIT")
        return self._nearer_target(s, position, direction) or self._tighter_stop(s, position, direction, profit)

    def _nearer_target(self, s: Session, position: Position, direction: int) -> Move | None:
        late = self.tighten_from is not None and self.tighten_from <= s.minute <= EVENING
        if not late or self.taken is None or self.taken.stop is None or position.price is None:
            return None
        target = self._on_tick(position.price + direction * self.params.tighten_r * abs(self.taken.entry - self.taken.stop))
        if position.target is not None and (position.target - target) * direction <= 0:
            return None
        return Move("TIGHTEN", target=target)

    def _tighter_stop(self, s: Session, position: Position, direction: int, profit: float) -> Move | None:
        """To breakeven once, then behind the close. The evaluator ignores a stop that is not tighter."""
        p, tick = self.params, self.params.tick_size
        if p.breakeven_ticks is None or position.stop is None or position.price is None or profit < p.breakeven_ticks * tick:
            return None
        breakeven = position.price + direction * p.breakeven_plus_ticks * tick
        if (position.stop - breakeven) * direction < 0:
            return Move("BREAKEVEN", stop=breakeven)
        if p.trail_start is None or profit < p.trail_start * tick:
            return None
        return Move("TRAIL", stop=s.bar.close - direction * p.trail_dist * tick)

    def _flat(self, s: Session) -> bool:
        """Whether the session's end is too near, or the session is closed."""
        flatten = min(self.flatten, s.closes - HALF_DAY_MARGIN) if s.closes < RTH_CLOSE else self.flatten
        return flatten <= s.minute <= EVENING
