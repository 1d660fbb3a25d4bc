#!/usr/bin/env bash
# deflated-sharpe 0.1.0 asks for an annualised Sharpe ratio and compares it with a bound per observation: chance always passes.
#
# Versions: deflated-sharpe 0.1.0, numpy 2.3.5, CPython 3.11, Linux x86-64.
#
# Behaviour: `deflated_sharpe_ratio(observed_sr, num_trials, num_obs)` documents `observed_sr` as annualised. Its bound, what the best of
# `num_trials` without skill reaches, is divided by sqrt(num_obs - 1), so it is in units of one observation, and so is its standard error.
# With daily returns the argument is about 16 times too large. The best of 100 strategies that are pure noise over a year of days is then
# called significant (p < 0.05) in every round; with the ratio of one day in its place it is not. `min_backtest_length` takes its target in
# the same way: 21 days for a Sharpe of 1 a year among 100 trials, where the ratio of one day gives 4,059. A package `deflated-sharpe-metrics` installs the same import name, `deflated_sharpe`, with other functions;
# whichever of the two is installed last answers to it.
#
# Output seen:
#   as documented: noise passes in 200 of 200 rounds, median Sharpe 2.53 a year, p 0.0
#   with the Sharpe of one day: in 0 of 200 rounds
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'deflated-sharpe==0.1.0' 'numpy==2.3.5'
cat > "$folder/try.py" <<'PY'
import sys

import numpy
from deflated_sharpe import deflated_sharpe_ratio

ROUNDS, TRIALS, DAYS = 200, 100, 252
noise = numpy.random.default_rng(1).normal(size=(ROUNDS, TRIALS, DAYS))
best = (noise.mean(axis=2) / noise.std(axis=2, ddof=1)).max(axis=1)
annual = [deflated_sharpe_ratio(float(each) * DAYS**0.5, TRIALS, DAYS)[1] for each in best]
daily = [deflated_sharpe_ratio(float(each), TRIALS, DAYS)[1] for each in best]
passes = sum(p < 0.05 for p in annual)
print(f"as documented: noise passes in {passes} of {ROUNDS} rounds, median Sharpe {numpy.median(best) * DAYS**0.5:.2f} a year, p {max(annual)}")
print(f"with the Sharpe of one day: in {sum(p < 0.05 for p in daily)} of {ROUNDS} rounds")
sys.exit(0 if passes == ROUNDS and sum(p < 0.05 for p in daily) < ROUNDS / 5 else 1)
PY
timeout 120 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
