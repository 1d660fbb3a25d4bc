#!/usr/bin/env bash
# tapy 1.11.0: accumulation/distribution is the same number on every bar, the sum over the whole data, and a gap up has no true range.
#
# Versions: tapy 1.11.0, pandas 2.3.3, numpy 2.2.6, CPython 3.11, Linux x86-64.
#
# Behaviour: the line adds each bar's volume, weighted by where the bar closed, to what was there before. `accumulation_distribution` writes
# the sum of all bars into every row, so that the first row of a year knows how the year ends, and no row knows anything else: its change
# from bar to bar is zero. `atr` takes the close before minus the high and minus the low with their signs; above the close both are
# negative, so a bar that opens ten points higher has only its own height, where one ten points lower has eleven. The page that the
# docstrings link defines both otherwise, with the line's value of the bar before, and with absolute values.
#
# Output seen (four bars of 100 contracts, two points high, closing at the high, the high, the low, the high):
#   A/D: 200.0 200.0 200.0 200.0 (by the definition 100.0 200.0 100.0 200.0)
#   ATR of 2 over a gap of ten points: up 2.0, down 6.5
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check 'tapy==1.11.0' 'pandas==2.3.3' 'numpy==2.2.6'
cat > "$folder/try.py" <<'PY'
import sys
from itertools import accumulate

import pandas
from tapy import Indicators


def bars(middles: list[float], closes: list[float]) -> Indicators:
    """closes: -1 for a close at the low of the bar, 1 for one at its high."""
    rows = [(middle, middle + 1, middle - 1, middle + close, 100) for middle, close in zip(middles, closes, strict=True)]
    return Indicators(pandas.DataFrame(rows, columns=["Open", "High", "Low", "Close", "Volume"]))


closes = [1.0, 1.0, -1.0, 1.0]
line = bars([100.0] * 4, closes)
line.accumulation_distribution(column_name="ad")
seen, right = line.df["ad"].tolist(), list(accumulate(100 * close for close in closes))
print(f"A/D: {' '.join(map(str, seen))} (by the definition {' '.join(map(str, right))})")


def last_range(gap: float) -> float:
    indicators = bars([100.0, 100.0, 100.0 + gap], [0.0, 0.0, 0.0])
    indicators.atr(period=2, column_name="atr")
    return float(indicators.df["atr"].iloc[-1])


up, down = last_range(10), last_range(-10)
print(f"ATR of 2 over a gap of ten points: up {up}, down {down}")
sys.exit(0 if seen == [200.0] * 4 and right == [100, 200, 100, 200] and (up, down) == (2, 6.5) else 1)
PY
timeout 120 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
