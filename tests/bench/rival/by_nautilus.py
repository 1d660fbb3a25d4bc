"""NautilusTrader: BacktestEngine, its own incremental averages, bracket orders with a market entry. Risk engine on, logging off."""

from __future__ import annotations

import time

import nautilus_trader
import numpy as np
import pandas as pd
from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, AssetClass, OmsType, OrderSide, OrderStatus
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import FuturesContract
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy
from played import CASH, MULTIPLIER, TICK, Told, arguments, columns, tell, write

INSTRUMENT = InstrumentId(Symbol("MNQ"), Venue("XCME"))
BARS = BarType.from_str(f"{INSTRUMENT}-1-MINUTE-LAST-EXTERNAL")
FAR_NS = 4_000_000_000_000_000_000


class CrossConfig(StrategyConfig, frozen=True):
    fast: int
    slow: int
    stop: float
    target: float
    reverses: bool


class Cross(Strategy):
    def __init__(self, config: CrossConfig) -> None:
        super().__init__(config)
        self.fast = SimpleMovingAverage(config.fast)
        self.slow = SimpleMovingAverage(config.slow)
        self.above: bool | None = None

    def on_start(self) -> None:
        self.instrument = self.cache.instrument(INSTRUMENT)
        self.register_indicator_for_bars(BARS, self.fast)
        self.register_indicator_for_bars(BARS, self.slow)
        self.subscribe_bars(BARS)

    def on_bar(self, bar: Bar) -> None:
        if not self.slow.initialized:
            return
        fast, slow = self.fast.value, self.slow.value
        before = self.above
        self.above = before if fast == slow else fast > slow
        if before is None or before == self.above:
            return
        self.on_cross(bar)

    def on_cross(self, bar: Bar) -> None:
        if not self.portfolio.is_flat(INSTRUMENT):
            long = self.portfolio.is_net_long(INSTRUMENT)
            if not self.config.reverses or long == self.above:
                return
            self.cancel_all_orders(INSTRUMENT)
            self.close_all_positions(INSTRUMENT)
        side = 1 if self.above else -1
        close = bar.close.as_double()
        make = self.instrument.make_price
        self.submit_order_list(
            self.order_factory.bracket(
                INSTRUMENT,
                OrderSide.BUY if self.above else OrderSide.SELL,
                Quantity.from_int(1),
                sl_trigger_price=make(close - side * self.config.stop),
                tp_price=make(close + side * self.config.target),
                tp_post_only=False,
            )
        )


class Listed(Cross):
    """The same, and it remembers."""

    def __init__(self, config: CrossConfig) -> None:
        super().__init__(config)
        self.crossed: dict[int, int] = {}

    def on_cross(self, bar: Bar) -> None:
        self.crossed[bar.ts_event] = 1 if self.above else -1
        super().on_cross(bar)


def main() -> None:
    asked = arguments()
    start = time.perf_counter()
    given = columns(asked.path)
    config = CrossConfig(**asked.rule._asdict(), reverses=asked.reverses)
    strategy = Cross(config) if asked.listed is None else Listed(config)
    engine = _loaded(given, strategy)
    load_s = time.perf_counter() - start

    def play() -> int:
        engine.run()
        filled = [order for order in engine.cache.orders_closed() if order.status == OrderStatus.FILLED]
        return len(filled) // 2  # an entry and what ended it

    if asked.listed is None:
        tell(play, bars=len(given["close_ns"]), load_s=load_s)
        return
    engine.run()
    at = {int(close_ns): bar for bar, close_ns in enumerate(given["close_ns"])}
    closed = sorted(engine.cache.positions_closed(), key=lambda each: (each.ts_opened, each.ts_closed))
    trades = [
        Told(
            1 if each.entry == OrderSide.BUY else -1,
            at[each.ts_opened],
            float(each.avg_px_open),
            at[each.ts_closed],
            float(each.avg_px_close),
        )
        for each in closed
    ]
    write(asked.listed, nautilus_trader.__version__, trades, {at[each]: side for each, side in strategy.crossed.items()})


def _loaded(given: dict[str, np.ndarray], strategy: Strategy) -> BacktestEngine:
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False))
    engine.add_venue(INSTRUMENT.venue, OmsType.HEDGING, AccountType.MARGIN, [Money(CASH, USD)], base_currency=USD)
    instrument = FuturesContract(
        instrument_id=INSTRUMENT,
        raw_symbol=INSTRUMENT.symbol,
        asset_class=AssetClass.INDEX,
        currency=USD,
        price_precision=2,
        price_increment=Price(TICK, 2),
        multiplier=Quantity.from_int(MULTIPLIER),
        lot_size=Quantity.from_int(1),
        underlying="NQ",
        activation_ns=0,
        expiration_ns=FAR_NS,
        ts_event=0,
        ts_init=0,
    )
    engine.add_instrument(instrument)
    frame = pd.DataFrame(
        {name: given[name] for name in ("open", "high", "low", "close", "volume")},
        index=pd.to_datetime(given["close_ns"], utc=True),
    )
    frame["volume"] = frame["volume"].astype("int64")  # pandas 3 hands out the values of one kind read-only, and it needs to write
    bars = BarDataWrangler(BARS, instrument).process(frame)
    engine.add_data(bars)
    engine.add_strategy(strategy)
    return engine


if __name__ == "__main__":
    main()
