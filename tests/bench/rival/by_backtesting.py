"""backtesting.py: averages computed for all bars at once, orders for the next open. Its statistics are part of its run."""

from __future__ import annotations

import time
import warnings

import backtesting
import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy
from played import CASH, Rule, Told, arguments, columns, crosses, tell, write


def mean(close, bars: int):
    return pd.Series(close).rolling(bars).mean().to_numpy()


def crossed(close, rule: Rule):
    return crosses(mean(close, rule.fast), mean(close, rule.slow))


class Cross(Strategy):
    rule: Rule
    reverses: bool

    def init(self) -> None:
        self.cross = self.I(crossed, self.data.Close, self.rule)

    def next(self) -> None:
        cross = self.cross[-1]
        held = self.position.size
        if not cross or (held and not (self.reverses and held * cross < 0)):
            return
        if held:
            self.position.close()
        close = self.data.Close[-1]
        enter = self.buy if cross > 0 else self.sell
        enter(size=1, sl=close - cross * self.rule.stop, tp=close + cross * self.rule.target)


def main() -> None:
    asked = arguments()
    Cross.rule, Cross.reverses = asked.rule, asked.reverses
    start = time.perf_counter()
    given = columns(asked.path)
    frame = pd.DataFrame(
        {name.capitalize(): given[name] for name in ("open", "high", "low", "close", "volume")},
        index=pd.to_datetime(given["close_ns"]),
    )
    backtest = Backtest(frame, Cross, cash=CASH, finalize_trades=asked.listed is None)
    load_s = time.perf_counter() - start
    if asked.listed is None:
        tell(lambda: int(backtest.run()["# Trades"]), bars=len(frame), load_s=load_s)
        return
    trades = [
        Told(int(np.sign(row.Size)), int(row.EntryBar), float(row.EntryPrice), int(row.ExitBar), float(row.ExitPrice))
        for row in backtest.run()._trades.sort_values("EntryBar").itertuples()
    ]
    cross = crossed(given["close"], asked.rule)
    write(asked.listed, backtesting.__version__, trades, {int(at): int(cross[at]) for at in np.flatnonzero(cross)})


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # its opinions on the data are not the matter here
    main()
