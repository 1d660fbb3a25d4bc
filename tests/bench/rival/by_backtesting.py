"""backtesting.py: averages computed for all bars at once, orders for the next open. Its statistics are part of its run."""

from __future__ import annotations

import time
import warnings

import pandas as pd
from backtesting import Backtest, Strategy
from backtesting.lib import crossover
from played import CASH, Rule, arguments, columns, tell


def mean(close, bars: int):
    return pd.Series(close).rolling(bars).mean()


class Cross(Strategy):
    rule: Rule

    def init(self) -> None:
        self.fast = self.I(mean, self.data.Close, self.rule.fast)
        self.slow = self.I(mean, self.data.Close, self.rule.slow)

    def next(self) -> None:
        if self.position:
            return
        close = self.data.Close[-1]
        if crossover(self.fast, self.slow):
            self.buy(size=1, sl=close - self.rule.stop, tp=close + self.rule.target)
        elif crossover(self.slow, self.fast):
            self.sell(size=1, sl=close + self.rule.stop, tp=close - self.rule.target)


def main() -> None:
    path, Cross.rule = arguments()
    start = time.perf_counter()
    given = columns(path)
    frame = pd.DataFrame(
        {name.capitalize(): given[name] for name in ("open", "high", "low", "close", "volume")},
        index=pd.to_datetime(given["close_ns"]),
    )
    backtest = Backtest(frame, Cross, cash=CASH, finalize_trades=True)
    load_s = time.perf_counter() - start
    tell(lambda: int(backtest.run()["# Trades"]), bars=len(frame), load_s=load_s)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # its opinions on the data are not the matter here
    main()
