#!/usr/bin/env bash
# trading-journal 0.1.0: the Sortino ratio of a strategy that loses the same each time is no number, and nearly the same each time, huge.
#
# Versions: trading-journal 0.1.0, pandas 3.1.1, numpy 2.4.6, CPython 3.11, Linux x86-64.
#
# Behaviour: Sortino's denominator is the downside deviation, the root of the mean squared shortfall over all days. Here it is the standard
# deviation of the losing days about their own mean. A fixed stop makes losses equal, and then it is zero and the answer NaN. Losses of
# 1.0 and 1.1 % have a spread of 0.05 %, and the ratio is 29 where it is 1.9: how large the losses are does not matter, only how alike.
# Its expected return a year, too, is the mean over all calendar days, weekends in, times 252, where the package's other figures take
# 365: 31 % too low.
#
# Output seen (two years of days in turn, +1.2 % and a loss):
#   losses 1 %: nan; losses 1.0 and 1.1 %: 28.66; losses 0.1 and 1.9 %: 2.12 (2.70, 1.93, 2.01 by the definition)
#   expected return a year for 0.1 % each calendar day: 0.252
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check 'pandas==3.1.1' 'numpy==2.4.6'
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check --no-deps 'trading-journal==0.1.0' # its screens and plots are left out
cat > "$folder/try.py" <<'PY'
import math
import sys

import pandas
from trading_journal.metrics import expected_return, sharpe_ratio

DAYS = [str(day) for day in pandas.date_range("2024-01-01", periods=720, freq="D")]


def in_turn(*losses: float) -> list[float]:
    return [0.012 if day % 2 == 0 else -losses[day // 2 % len(losses)] for day in range(len(DAYS))]


def defined(returns: list[float]) -> float:
    downside = math.sqrt(sum(min(each, 0) ** 2 for each in returns) / len(returns))
    return sum(returns) / len(returns) / downside * math.sqrt(365)


kinds = {"1 %": in_turn(0.01), "1.0 and 1.1 %": in_turn(0.010, 0.011), "0.1 and 1.9 %": in_turn(0.001, 0.019)}
seen = [sharpe_ratio(DAYS, returns, sortino=True) for returns in kinds.values()]
right = [defined(returns) for returns in kinds.values()]
print(
    "; ".join(f"losses {name}: {ratio:.2f}" for name, ratio in zip(kinds, seen, strict=True)),
    f"({', '.join(f'{ratio:.2f}' for ratio in right)} by the definition)",
)
year = expected_return(DAYS, [0.001] * len(DAYS))
print(f"expected return a year for 0.1 % each calendar day: {year:.3f}")
sys.exit(0 if math.isnan(seen[0]) and seen[1] > 10 * right[1] and round(year, 3) == 0.252 else 1)
PY
timeout 120 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
