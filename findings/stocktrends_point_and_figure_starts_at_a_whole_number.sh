#!/usr/bin/env bash
# stocktrends 0.1.6: a point-and-figure chart starts at a whole number, whatever the box: eighty boxes of a currency that never traded.
#
# Versions: stocktrends 0.1.6, pandas 3.1.1, numpy 2.4.6, CPython 3.11, Linux x86-64.
#
# Behaviour: the first price is rounded to the box and then cut to an integer. With boxes of whole points that is nothing; a euro future at
# 1.0800 with boxes of ten pips starts at 1, and the first bar rises eighty boxes, all with its date, from 1.000 to 1.081. Counts
# (the targets of such a chart), the longest column and the first reversal are of a move that never happened. With the other source, "hl",
# a column of rising boxes looks at the bars' highs alone: a bar whose low is thirty points below the column's top does not turn it as
# long as its high stays near, where the method asks for the low once there is no new high. Neither is documented; an issue of 2018 asks
# about the rounding of cheap stocks in its Renko.
#
# Output seen (boxes of 0.001 from 1.080 to 1.082; boxes of 10 with three for a reversal, high 130, then a low of 100):
#   boxes: 82, of which below the lowest price: 80
#   hl: columns 1, although 130 to 100 is a reversal
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check 'stocktrends==0.1.6' 'pandas==3.1.1' 'numpy==2.4.6'
cat > "$folder/try.py" <<'PY'
import sys

import pandas
from stocktrends import PnF


def chart(bars: list[tuple[float, float, float, float]], box: float, source: str) -> pandas.DataFrame:
    """bars: open, high, low, close."""
    frame = pandas.DataFrame(bars, columns=["open", "high", "low", "close"])
    frame.insert(0, "date", pandas.date_range("2026-01-05", periods=len(bars)))
    figure = PnF(frame)
    figure.box_size, figure.reversal_size = box, 3
    return figure.get_ohlc_data(source=source)


euro = chart([(1.080, 1.081, 1.080, 1.081), (1.081, 1.082, 1.081, 1.082), (1.082, 1.082, 1.081, 1.081)], 0.001, "close")
below = int((euro["close"] < 1.0805).sum())  # they end at 1.080, the lowest price, or below
print(f"boxes: {len(euro)}, of which below the lowest price: {below}")
index = chart([(100, 110, 100, 110), (110, 130, 110, 130), (128, 129, 100, 101), (101, 121, 100, 102)], 10, "hl")
columns = int(index["uptrend"].ne(index["uptrend"].shift()).sum())
print(f"hl: columns {columns}, although 130 to 100 is a reversal")
sys.exit(0 if (len(euro), below, columns) == (82, 80, 1) else 1)
PY
timeout 120 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
