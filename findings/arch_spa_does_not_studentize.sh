#!/usr/bin/env bash
# arch 8.0.0: `studentize=True`, the default of its test of superior predictive ability, changes no p-value: the loudest strategy decides.
#
# Versions: arch 8.0.0, numpy 2.4.6, pandas 3.1.1, CPython 3.11, Linux x86-64.
#
# Behaviour: Hansen's test divides each model's mean by its standard deviation before it takes the largest, so that a noisy model does not
# hide a precise one. `SPA(..., studentize=True)` works out these deviations, with `nested=True` by a bootstrap of their own, uses them to
# decide which models are recentred, and compares undivided means. The p-values with True, False and nested are the same. A strategy that
# makes 0.4 standard deviations a day for 250 days (t = 6.2) beside five without an edge that trade twenty times its size is lost among
# them. Columns that the caller has divided by their standard deviations give what is asked for. `StepM` builds on it.
#
# Output seen:
#   studentize True 0.891, False 0.891, nested 0.891; divided by the caller 0.000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'arch==8.0.0' 'numpy==2.4.6' 'pandas==3.1.1'
cat > "$folder/try.py" <<'PY'
import sys

import numpy
from arch.bootstrap import SPA

DAYS = 250
gains = numpy.random.default_rng(3).normal(size=(DAYS, 6))
gains -= gains.mean(axis=0)
gains[:, 0] += 0.4 * gains[:, 0].std()
gains[:, 1:] *= 20


def p(columns: numpy.ndarray, **how: bool) -> float:
    test = SPA(numpy.zeros(DAYS), -columns, seed=1, **how)
    test.compute()
    return float(test.pvalues["consistent"])


default, without, nested = p(gains, studentize=True), p(gains, studentize=False), p(gains, studentize=True, nested=True)
divided = p(gains / gains.std(axis=0))
print(f"studentize True {default:.3f}, False {without:.3f}, nested {nested:.3f}; divided by the caller {divided:.3f}")
sys.exit(0 if default == without == nested and default > 0.2 and divided < 0.01 else 1)
PY
timeout 120 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
