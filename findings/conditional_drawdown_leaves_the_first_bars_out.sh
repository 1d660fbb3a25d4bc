#!/usr/bin/env bash
# conditional-drawdown 0.1.1: the expected drawdown over a horizon shorter than 21 bars does not see the first bars: a crash there is 0 %.
#
# Versions: conditional-drawdown 0.1.1, numpy 2.2.6, numba 0.61.2, pandas 2.3.3, CPython 3.11, Linux x86-64.
#
# Behaviour: `CED(returns, t, alpha)` is the mean of the worst maximum drawdowns over windows of t bars. It asks its rolling function for
# windows of t, and leaves that one's `min_window` at 21. For a shorter t the first window then begins 21 - t bars into the data, and
# nothing before it is ever looked at; for a longer one the windows of 21 bars up to t are counted among those of t, which makes the
# answer smaller. A strategy that loses half of its money in the first week and nothing in the year after has no drawdown over ten days.
#
# Output seen (over 10 days, alpha 0.97):
#   half lost on day 3 of 250: 0.0; on day 125: 0.5
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check 'numpy==2.2.6' 'numba==0.61.2' 'pandas==2.3.3'
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check --no-deps 'conditional-drawdown==0.1.1' # its downloader is left out
cat > "$folder/try.py" <<'PY'
import sys

import numpy
from conditional_drawdown.drawdown import CED


def expected(day: int) -> float:
    """The worst drawdowns over ten days of a year that loses half on one day and nothing else."""
    returns = numpy.zeros(250)
    returns[day - 1] = -0.5
    return float(CED(returns, 10, 0.97))


early, late = expected(3), expected(125)
print(f"half lost on day 3 of 250: {early}; on day 125: {late}")
sys.exit(0 if (early, late) == (0, 0.5) else 1)
PY
timeout 120 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
