"""backtrader: bars preloaded and averages computed at once (its fastest mode), bracket orders for the next open, no observers."""

from __future__ import annotations

import time

import backtrader as bt
import pandas as pd
from played import CASH, MULTIPLIER, Rule, arguments, columns, tell


class Cross(bt.Strategy):
    params = (("rule", None),)

    def __init__(self) -> None:
        self.rule: Rule = self.p.rule
        averages = (bt.ind.SMA(self.data.close, period=bars) for bars in (self.rule.fast, self.rule.slow))
        self.cross = bt.ind.CrossOver(*averages)
        self.trades = 0

    def next(self) -> None:
        cross = self.cross[0]
        if not cross or self.position.size:
            return
        enter = self.buy_bracket if cross > 0 else self.sell_bracket
        close = self.data.close[0]
        stop, target = close - cross * self.rule.stop, close + cross * self.rule.target
        enter(size=1, exectype=bt.Order.Market, stopprice=stop, limitprice=target)

    def notify_trade(self, trade: bt.Trade) -> None:
        self.trades += trade.isclosed


def main() -> None:
    path, rule = arguments()
    start = time.perf_counter()
    given = columns(path)
    frame = pd.DataFrame(
        {name: given[name] for name in ("open", "high", "low", "close", "volume")},
        index=pd.to_datetime(given["close_ns"]),
    )
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.broker.setcash(CASH)
    cerebro.broker.setcommission(commission=0.0, mult=MULTIPLIER, margin=1_000.0)
    cerebro.adddata(bt.feeds.PandasData(dataname=frame, timeframe=bt.TimeFrame.Minutes))
    cerebro.addstrategy(Cross, rule=rule)
    load_s = time.perf_counter() - start
    tell(lambda: cerebro.run()[0].trades, bars=len(frame), load_s=load_s)


if __name__ == "__main__":
    main()
