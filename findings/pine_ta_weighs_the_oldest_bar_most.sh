#!/usr/bin/env bash
# pine-ta 0.1.0: its weighted moving average weighs the oldest bar most, and a market that stands still has an RSI of 0.
#
# Versions: pine-ta 0.1.0, pandas 3.1.1, numpy 2.4.6, CPython 3.11, Linux x86-64.
#
# Behaviour: the package calls itself inspired by Pine Script. Pine's ta.wma gives the newest bar the weight of the length and the oldest 1;
# here it is the other way round, so that the average lags as no other does: of 1, 2, 3, 4, 5 it is 2.33, below the simple mean of 3.
# ATR and Bollinger bands take it as a choice. Its `rsi` says in a comment that it should be 100 without a loss, and fills 0 in when there is
# neither loss nor gain, the deepest oversold there is; its own money flow index has 50 there.
#
# Output seen:
#   wma of 1 2 3 4 5: 2.3333 (by Pine's definition 3.6667); sma 3.0
#   30 closes at 100: RSI 0.0, MFI 50.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check 'pine-ta==0.1.0' 'pandas==3.1.1' 'numpy==2.4.6'
cat > "$folder/try.py" <<'PY'
import sys

import pandas
from pine_ta import TechnicalIndicators

rising = pandas.Series([1.0, 2.0, 3.0, 4.0, 5.0])
wma = TechnicalIndicators.wma(rising, 5).iloc[-1]
pine = sum(weight * price for weight, price in enumerate(rising, start=1)) / 15
print(f"wma of 1 2 3 4 5: {wma:.4f} (by Pine's definition {pine:.4f}); sma {rising.mean()}")
still = pandas.DataFrame(dict.fromkeys(("open", "high", "low", "close"), [100.0] * 30) | {"volume": 10.0})
rsi, mfi = TechnicalIndicators.rsi(still).iloc[-1], TechnicalIndicators.mfi(still).iloc[-1]
print(f"30 closes at 100: RSI {rsi}, MFI {mfi}")
sys.exit(0 if f"{wma:.4f}" == "2.3333" and (rsi, mfi) == (0, 50) else 1)
PY
timeout 120 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
