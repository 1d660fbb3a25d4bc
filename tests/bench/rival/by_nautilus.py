"""NautilusTrader: BacktestEngine, its own incremental averages, bracket orders with a market entry. Risk engine on, logging off."""

from __future__ import annotations

import time

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
from played import CASH, MULTIPLIER, TICK, Rule, arguments, columns, tell

INSTRUMENT = InstrumentId(Symbol("MNQ"), Venue("XCME"))
BARS = BarType.from_str(f"{INSTRUMENT}-1-MINUTE-LAST-EXTERNAL")
FAR_NS = 4_000_000_000_000_000_000


class CrossConfig(StrategyConfig, frozen=True):
    fast: int
    slow: int
    stop: float
    target: float


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
        before, self.above = self.above, self.fast.value > self.slow.value
        if before is None or before == self.above or not self.portfolio.is_flat(INSTRUMENT):
            return
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


def main() -> None:
    path, rule = arguments()
    start = time.perf_counter()
    engine, count = _loaded(path, rule)
    load_s = time.perf_counter() - start

    def play() -> int:
        engine.run()
        filled = [order for order in engine.cache.orders_closed() if order.status == OrderStatus.FILLED]
        return len(filled) // 2  # an entry and what ended it

    tell(play, bars=count, load_s=load_s)


def _loaded(path, rule: Rule) -> tuple[BacktestEngine, int]:
    given = columns(path)
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
    bars = BarDataWrangler(BARS, instrument).process(frame)
    engine.add_data(bars)
    engine.add_strategy(Cross(CrossConfig(**rule._asdict())))
    return engine, len(bars)


if __name__ == "__main__":
    main()
