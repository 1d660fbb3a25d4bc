#!/usr/bin/env bash
# hexital 4.1.0: its money flow index is 0 in a market that only rises, where the index is 100 by definition: the extremes are one.
#
# Versions: hexital 4.1.0, CPython 3.11, Linux x86-64.
#
# Behaviour: the money flow index is 100 * rising / (rising + falling), of typical price times volume over the period: 0 is only selling,
# 100 only buying, and low values are read as oversold. When no bar of the period fell, the answer is 0 as well, because a sum of zero on
# either side is taken for a missing one. So an unbroken rise has 0 for as long as it lasts, and 100 never occurs; the RSI of the same
# package is 100 there. Its KAMA, too, is another number than the definition for long: it starts at 0.0, not at a price, and creeps up, so
# that the average of a market that has stood at 100 for 30 bars is 27, with the usual settings 10, 2 and 30.
#
# Output seen:
#   rising 1 2 3 4 5 6: MFI 0, RSI 100.0; falling: MFI 0, RSI 0.0
#   KAMA of 30 bars at 100.0: first 0.0, last 26.9192
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'hexital==4.1.0'
cat > "$folder/try.py" <<'PY'
import sys

from hexital import Candle
from hexital.indicators import KAMA, MFI, RSI


def values(kind: type, prices: list[float], **settings: int) -> list[float]:
    made = kind(candles=[Candle(each, each, each, each, 10) for each in prices], **settings)
    made.calculate()
    return [value for candle in made.candles if (value := candle.indicators[made.name]) is not None]


rising = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
up = values(MFI, rising, period=5)[-1], values(RSI, rising, period=5)[-1]
down = values(MFI, rising[::-1], period=5)[-1], values(RSI, rising[::-1], period=5)[-1]
average = values(KAMA, [100.0] * 30, period=10)
print(f"rising 1 2 3 4 5 6: MFI {up[0]}, RSI {up[1]}; falling: MFI {down[0]}, RSI {down[1]}")
print(f"KAMA of 30 bars at 100.0: first {average[0]}, last {average[-1]}")
sys.exit(0 if up == (0, 100) and down == (0, 0) and average[0] == 0 and average[-1] < 90 else 1)
PY
timeout 120 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
