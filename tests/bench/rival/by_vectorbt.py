"""vectorbt: averages, crosses and fills of all bars at once, compiled by numba. It fills at the close of the bar that decided.

A stop or a target is a share of the entry's price there. Compiling is done on a few bars before the clock starts. `--cells N`
measures what it is made for: so many combinations of stop and target in one call.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import vectorbt as vbt
from played import CASH, Rule, Told, arguments, columns, crosses, tell, write


def portfolio(frame: pd.DataFrame, rule: Rule, *, reverses: bool, cells: int):
    fast, slow = (vbt.MA.run(frame["close"], bars).ma.to_numpy() for bars in (rule.fast, rule.slow))
    cross = crosses(fast, slow)[:, None]
    factors = 1 + np.arange(cells) / cells  # 1 for a single cell
    share = 1 / frame["close"].to_numpy()[:, None]
    return cross, vbt.Portfolio.from_signals(
        frame["close"],
        open=frame["open"],
        high=frame["high"],
        low=frame["low"],
        entries=cross > 0,
        exits=False,
        short_entries=cross < 0,
        short_exits=False,
        size=1,
        init_cash=CASH,
        sl_stop=rule.stop * factors * share,
        tp_stop=rule.target * factors * share,
        upon_opposite_entry="reverse" if reverses else "ignore",
    )


def main() -> None:
    asked = arguments()
    start = time.perf_counter()
    given = columns(asked.path)
    frame = pd.DataFrame({name: given[name] for name in ("open", "high", "low", "close")}, index=pd.to_datetime(given["close_ns"]))
    portfolio(frame[:1000], asked.rule, reverses=asked.reverses, cells=asked.cells)[1].trades.count()
    load_s = time.perf_counter() - start
    if asked.listed is None:

        def play() -> int:
            made = portfolio(frame, asked.rule, reverses=asked.reverses, cells=asked.cells)[1]
            return int(np.sum(made.trades.count()))

        tell(play, bars=len(frame) * asked.cells, load_s=load_s)
        return
    cross, made = portfolio(frame, asked.rule, reverses=asked.reverses, cells=1)
    records = made.trades.records
    records = records[records["status"] == 1]  # closed
    trades = [
        Told(1 if row.direction == 0 else -1, int(row.entry_idx), float(row.entry_price), int(row.exit_idx), float(row.exit_price))
        for row in records.itertuples()
    ]
    flat = cross[:, 0]
    write(asked.listed, vbt.__version__, trades, {int(at): int(flat[at]) for at in np.flatnonzero(flat)})


if __name__ == "__main__":
    main()
