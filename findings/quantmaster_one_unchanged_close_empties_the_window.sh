#!/usr/bin/env bash
# quantmaster 0.2.2: one bar that closes where the last one closed takes the tick imbalance of the whole window away.
#
# Versions: quantmaster 0.2.2, pandas 3.1.1, numpy 2.4.6, CPython 3.11, Linux x86-64.
#
# Behaviour: `tick_imbalance_proxy` is the mean sign of the closes' changes over a window, a feature of the kind "approved". An unchanged
# close has the sign 0; it is made missing, and a rolling mean of pandas with a missing value in its window is missing. Where one minute
# in twenty closes unchanged, two thirds of the column are empty with the default window of 20; on a quiet night all of it is.
# `order_flow_imbalance` beside it counts such a bar as 0 and keeps its values. Whoever drops rows with a missing value before a
# training keeps the hours that move, without a word.
#
# Output seen (60 bars, one of them unchanged):
#   tick_imbalance_proxy: 20 values missing at the start, 20 more after the unchanged bar; order_flow_imbalance: 20, then 0
#   one bar in ten unchanged, 1000 bars: 1000 of 1000 missing
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check 'quantmaster==0.2.2' 'pandas==3.1.1' 'numpy==2.4.6'
cat > "$folder/try.py" <<'PY'
import sys
from itertools import accumulate

import pandas
from quantmaster.features.volume import order_flow_imbalance, tick_imbalance_proxy

TICK = 0.25


def closes(bars: int, unchanged: set[int]) -> pandas.DataFrame:
    steps = (0 if bar in unchanged else TICK if bar % 3 else -TICK for bar in range(bars))
    return pandas.DataFrame({"close": [20_000 + move for move in accumulate(steps)], "volume": 10.0})


def missing(values: pandas.Series, unchanged: int) -> tuple[int, int]:
    return int(values[:unchanged].isna().sum()), int(values[unchanged:].isna().sum())


bars = closes(60, {30})
ticks, flow = (missing(feature(bars, window=20), 30) for feature in (tick_imbalance_proxy, order_flow_imbalance))
print(
    f"tick_imbalance_proxy: {ticks[0]} values missing at the start, {ticks[1]} more after the unchanged bar; "
    f"order_flow_imbalance: {flow[0]}, then {flow[1]}"
)
often = int(tick_imbalance_proxy(closes(1000, set(range(0, 1000, 10)))).isna().sum())
print(f"one bar in ten unchanged, 1000 bars: {often} of 1000 missing")
sys.exit(0 if ticks[1] == 20 and flow[1] == 0 and often == 1000 else 1)
PY
timeout 120 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
