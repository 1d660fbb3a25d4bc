#!/usr/bin/env bash
# backtesting.py 0.6.6: `finalize_trades=True` closes what is open at the end at the last bar's open, so the last bar never happened.
#
# Versions: backtesting 0.6.6, pandas 3.1.1, numpy 2.4.6, CPython 3.11, Linux x86-64.
#
# Behaviour: without the option a trade that is open at the end is left out of the trades, with a warning that names the option, and the
# equity is marked at the last close. With it the trade is closed by an order that fills at the open of that same last bar, which is over,
# and the equity's last point becomes what it was worth there. So the option does not only add the trade: it changes the result, by the
# move of the bar that the position went through. A contract that falls from 100 to 50 on the last minute is sold at 100.
#
# Output seen:
#   left open: equity 9950, no trade; finalized: equity 10000, out at 100 on bar 4, whose close is 50
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'backtesting==0.6.6' 'pandas==3.1.1' 'numpy==2.4.6'
cat > "$folder/try.py" <<'PY'
import sys
import warnings

import pandas
from backtesting import Backtest, Strategy

warnings.simplefilter("ignore")
minutes = pandas.date_range("2026-03-02 14:31", periods=5, freq="min")
bars = pandas.DataFrame({"Open": 100.0, "High": 101.0, "Low": 99.0, "Close": 100.0, "Volume": 1}, index=minutes)
bars.loc[minutes[-1], ["Low", "Close"]] = 49.0, 50.0


class Holds(Strategy):
    def init(self) -> None: ...

    def next(self) -> None:
        if not self.position and not self.orders:
            self.buy(size=1)


left, finalized = (Backtest(bars, Holds, cash=10_000, finalize_trades=each).run() for each in (False, True))
trade = finalized["_trades"].iloc[0]
print(
    f"left open: equity {left['Equity Final [$]']:.0f}, {'no' if left['# Trades'] == 0 else left['# Trades']} trade; "
    f"finalized: equity {finalized['Equity Final [$]']:.0f}, out at {trade.ExitPrice:.0f} on bar {trade.ExitBar}, "
    f"whose close is {bars.Close.iloc[-1]:.0f}"
)
seen = (left["Equity Final [$]"], finalized["Equity Final [$]"], trade.ExitPrice, trade.ExitBar)
sys.exit(0 if seen == (9950, 10000, 100, 4) else 1)
PY
timeout 120 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
