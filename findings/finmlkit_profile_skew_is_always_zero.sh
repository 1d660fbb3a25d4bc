#!/usr/bin/env bash
# finmlkit 0.1.11: a footprint's `vp_skew`, documented as buying pressure above the VWAP, is zero for every bar, whatever was traded where.
#
# Versions: finmlkit 0.1.11, numba 0.61.2, numpy 2.2.6, pandas 2.2.3, CPython 3.11, Linux x86-64.
#
# Behaviour: the volume profile's skew is documented as positive when the volume lies above the bar's VWAP, and worked out as the mean of
# price minus VWAP, weighted with the volume at each price. The VWAP is the very mean of the price with these weights, so the mean
# distance from it is zero for every profile (a skewness takes the third power of it), up to rounding. A column of it looks like a feature
# in the data frame, and a scaler that divides by its deviation makes one of the rounding.
#
# Output seen (volume at 100 to 104):
#   900 25 25 25 25: skewness 3.45, vp_skew 0.0000000
#   25 25 25 25 900: skewness -3.45, vp_skew 0.0000000
#   7 11 3 2 1: skewness 1.03, vp_skew 0.0000000
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
from finmlkit.bar.kit import TimeBarKit

logging.disable()
START = pandas.Timestamp("2026-01-05 14:30:00").value
levels = numpy.array([100.0, 101.0, 102.0, 103.0, 104.0])


def both(volumes: list[float]) -> tuple[float, float]:
    """The skewness of the volume over the price, and what the package says."""
    stamps = START + 1_000_000_000 * (1 + numpy.arange(len(levels), dtype=numpy.int64))
    ids, makers = numpy.arange(len(levels)), numpy.zeros(len(levels), dtype=bool)
    trades = TradesData(stamps, levels, numpy.array(volumes), ids, is_buyer_maker=makers, timestamp_unit="ns", preprocess=True)
    said = TimeBarKit(trades, pandas.Timedelta(minutes=1)).build_footprints(price_tick_size=1.0).vp_skew
    away = levels - numpy.average(levels, weights=volumes)
    third, second = (numpy.average(away**power, weights=volumes) for power in (3, 2))
    return float(third / second**1.5), float(said[0])


worst = 0.0
for volumes in ([900.0, 25.0, 25.0, 25.0, 25.0], [25.0, 25.0, 25.0, 25.0, 900.0], [7.0, 11.0, 3.0, 2.0, 1.0]):
    skewness, said = both(volumes)
    worst = max(worst, abs(said))
    print(f"{' '.join(f'{each:g}' for each in volumes)}: skewness {skewness:.2f}, vp_skew {said:.7f}")
sys.exit(0 if worst < 1e-4 else 1)
PY
timeout 300 "$folder/venv/bin/python" -P "$folder/try.py" 2> /dev/null || { echo "the behaviour has changed"; exit 1; }
