#!/usr/bin/env bash
# streaming-indicators 0.1.8: EMA.compute(price) does not look at the price: it answers the mean of the last bars, whatever is asked.
#
# Versions: streaming-indicators 0.1.8, pandas 3.1.1, numpy 2.4.6, CPython 3.11, Linux x86-64.
#
# Behaviour: each class has two methods. `update` takes a price in; `compute` is documented as the value that the indicator would have with
# a price, without taking it in, for the price of the moment inside a bar that is not over. SMA keeps to it. EMA's answer is the plain mean
# of the last period + 1 prices, the same for every price: the live value does not move inside a bar, and jumps when the bar is closed. By
# hand, with period 3 (weight 1/2) over 1 2 3 4 5: 2, 3, 4; with a price of 100 next (4 + 100) / 2 = 52. Bollinger bands around an EMA
# (`BBands(..., ma=EMA)`) have it in them. ATR's answer is wrong for one bar, the first after its start: bars of range 3 have an ATR of 3.
#
# Output seen:
#   EMA(3) after 1 2 3 4 5: 4.0; compute(100): 3.5, compute(0): 3.5; update(100): 52.0
#   SMA(3) after 1 2 3 4 5: 4.0; compute(99): 36.0; update(99): 36.0
#   ATR(3) after three bars of range 3: 3.0; compute of a fourth: 2.0; update: 3.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'streaming-indicators==0.1.8' 'pandas==3.1.1' 'numpy==2.4.6'
cat > "$folder/try.py" <<'PY'
import sys

from streaming_indicators import ATR, EMA, SMA

ema, sma = EMA(3), SMA(3)
for price in (1, 2, 3, 4, 5):
    ema.update(price)
    sma.update(price)
before, high, low, after = (float(each) for each in (ema.value, ema.compute(100), ema.compute(0), ema.update(100)))
print(f"EMA(3) after 1 2 3 4 5: {before}; compute(100): {high}, compute(0): {low}; update(100): {after}")
plain, asked, taken = (float(each) for each in (sma.value, sma.compute(99), sma.update(99)))
print(f"SMA(3) after 1 2 3 4 5: {plain}; compute(99): {asked}; update(99): {taken}")
bar, atr = {"high": 12.0, "low": 9.0, "close": 10.0}, ATR(3)
for _ in range(3):
    atr.update(bar)
range_before, range_asked, range_taken = (float(each) for each in (atr.value, atr.compute(bar), atr.update(bar)))
print(f"ATR(3) after three bars of range 3: {range_before}; compute of a fourth: {range_asked}; update: {range_taken}")
seen = before, high, low, after, asked, taken, range_asked, range_taken
sys.exit(0 if seen == (4, 3.5, 3.5, 52, 36, 36, 2, 3) else 1)
PY
timeout 120 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
