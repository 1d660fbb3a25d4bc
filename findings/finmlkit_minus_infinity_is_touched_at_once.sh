#!/usr/bin/env bash
# finmlkit 0.1.11: the lower barrier disabled as documented, with minus infinity, is touched by the next trade: all labels are one tick long.
#
# Versions: finmlkit 0.1.11, numba 0.61.2, numpy 2.2.6, pandas 2.2.3, CPython 3.11, Linux x86-64.
#
# Behaviour: TBMLabel takes `horizontal_barriers` as multiples of the target, (bottom, top), and says that -inf and +inf respectively
# disable them. The bottom is the multiple times minus the target, so that -inf is a barrier at plus infinity: every
# return is below it. Each event ends at the first trade after `min_close_time` and is labelled by the sign of that one move, with the
# weight of a full touch. Nothing is raised. With +inf for the bottom, against the documentation, the barrier is off.
#
# Output seen (100.00, 99.75, 100.25, 100.50, 101.25, a trade a second; target 1 %, top 1 times it):
#   bottom -inf: ends after 1 s, label -1, weight 1.0
#   bottom +inf: ends after 4 s, label 1, weight 1.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'finmlkit==0.1.11' 'numba==0.61.2' 'numpy==2.2.6' 'pandas==2.2.3'
cat > "$folder/try.py" <<'PY'
import logging
import sys

import numpy
import pandas
from finmlkit.bar.data_model import TradesData
from finmlkit.label.kit import TBMLabel

logging.disable()
SECOND = 1_000_000_000
START = pandas.Timestamp("2026-01-05 14:30").value
prices = numpy.array([100.0, 99.75, 100.25, 100.5, 101.25] + [101.25] * 7)
stamps = START + SECOND * numpy.arange(len(prices), dtype=numpy.int64)
ids, sizes = numpy.arange(len(prices)), numpy.ones(len(prices))
trades = TradesData(stamps, prices, sizes, ids, is_buyer_maker=numpy.zeros(len(prices), dtype=bool), timestamp_unit="ns", preprocess=True)
events = pandas.DataFrame({"target": [0.01]}, index=pandas.to_datetime(stamps[:1]))


def label(bottom: float) -> tuple[float, int, float]:
    made = TBMLabel(events, "target", 0.0, (bottom, 1.0), pandas.Timedelta(seconds=10))
    row = made.compute_labels(trades)[1].iloc[0]
    return (row["touch_time"] - events.index[0]).total_seconds(), int(row["labels"]), float(row["vertical_touch_weights"])


minus, plus = label(-numpy.inf), label(numpy.inf)
print(f"bottom -inf: ends after {minus[0]:g} s, label {minus[1]}, weight {minus[2]}")
print(f"bottom +inf: ends after {plus[0]:g} s, label {plus[1]}, weight {plus[2]}")
sys.exit(0 if minus == (1, -1, 1) and plus == (4, 1, 1) else 1)
PY
timeout 300 "$folder/venv/bin/python" -P "$folder/try.py" 2> /dev/null || { echo "the behaviour has changed"; exit 1; }
