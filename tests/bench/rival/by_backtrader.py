"""backtrader: bars preloaded and averages computed at once (its fastest mode), bracket orders for the next open, no observers."""

from __future__ import annotations

import time

import backtrader as bt
import pandas as pd
from played import CASH, MULTIPLIER, Rule, Told, arguments, columns, tell, write


class Cross(bt.Strategy):
    params = (("rule", None), ("reverses", False))

    def __init__(self) -> None:
        self.rule: Rule = self.p.rule
        averages = (bt.ind.SMA(self.data.close, period=bars) for bars in (self.rule.fast, self.rule.slow))
        self.cross = bt.ind.CrossOver(*averages)
        self.trades = 0
        self.bracket = []

    def next(self) -> None:
        cross = int(self.cross[0])
        held = self.position.size
        if not cross or (held and not (self.p.reverses and held * cross < 0)):
            return
        if held:
            for order in self.bracket[1:]:
                self.cancel(order)
            self.close()
        enter = self.buy_bracket if cross > 0 else self.sell_bracket
        close = self.data.close[0]
        stop, target = close - cross * self.rule.stop, close + cross * self.rule.target
        self.bracket = enter(size=1, exectype=bt.Order.Market, stopprice=stop, limitprice=target)

    def notify_trade(self, trade: bt.Trade) -> None:
        self.trades += trade.isclosed


class Listed(Cross):
    """The same, and it remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Told] = []
        self.crossed: dict[int, int] = {}
        self.open: tuple[int, int, float] | None = None

    def next(self) -> None:
        if self.cross[0]:
            self.crossed[len(self.data) - 1] = int(self.cross[0])
        super().next()

    def notify_order(self, order: bt.Order) -> None:
        if order.status != bt.Order.Completed:
            return
        at, side = len(self.data) - 1, 1 if order.isbuy() else -1
        if self.open is None:
            self.open = (side, at, order.executed.price)
        else:
            self.told.append(Told(*self.open, at, order.executed.price))
            self.open = None


def main() -> None:
    asked = arguments()
    start = time.perf_counter()
    given = columns(asked.path)
    frame = pd.DataFrame(
        {name: given[name] for name in ("open", "high", "low", "close", "volume")},
        index=pd.to_datetime(given["close_ns"]),
    )
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.broker.setcash(CASH)
    cerebro.broker.setcommission(commission=0.0, mult=MULTIPLIER, margin=1_000.0)
    cerebro.adddata(bt.feeds.PandasData(dataname=frame, timeframe=bt.TimeFrame.Minutes))
    cerebro.addstrategy(Cross if asked.listed is None else Listed, rule=asked.rule, reverses=asked.reverses)
    load_s = time.perf_counter() - start
    if asked.listed is None:
        tell(lambda: cerebro.run()[0].trades, bars=len(frame), load_s=load_s)
        return
    ran = cerebro.run()[0]
    write(asked.listed, bt.__version__, ran.told, ran.crossed)


if __name__ == "__main__":
    main()
