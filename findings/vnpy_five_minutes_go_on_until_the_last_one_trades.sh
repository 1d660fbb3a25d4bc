#!/usr/bin/env bash
# vnpy 4.5.0: a five-minute bar whose last minute had no trade goes on into the next one, over a break of the session too.
#
# Versions: vnpy 4.5.0, ta-lib 0.8.2, numpy 2.3.5, CPython 3.11, Linux x86-64.
#
# Behaviour: BarGenerator makes bars of several minutes out of minutes, and says only that their number must divide 60. A bar is complete
# with a minute whose number is the window's last (:04, :09). A minute without a trade has no bar, in vnpy's own recorder as in a vendor's
# file, and if it is the window's last then nothing completes the bar: the next window's minutes are added to it, with the first
# one's time, and there is no bar of the second. Before a break the evening's last minutes and the next session's first make one bar,
# which the strategy gets when the second is over. Bars of hours are completed by the next hour as well, so they are right.
#
# Output seen (a volume of 1 a minute, none at 16:59, session from 18:00):
#   16:50 with 5, 16:55 with 9, 18:05 with 5
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'ta-lib==0.8.2' 'numpy==2.3.5' \
    'tzlocal==5.4.5' 'deap==1.4.4' 'loguru==0.7.3' 'tqdm==4.70.1' 'requests==2.34.2' 'qrcode==8.2'
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps 'vnpy==4.5.0'
cat > "$folder/try.py" <<'PY'
import sys
from datetime import datetime, timedelta

from vnpy.trader.constant import Exchange, Interval
from vnpy.trader.object import BarData
from vnpy.trader.utility import BarGenerator

made: list[BarData] = []
generator = BarGenerator(lambda bar: None, window=5, on_window_bar=made.append)
evening, session = datetime(2026, 1, 5, 16, 50), datetime(2026, 1, 5, 18, 0)
for begin, minutes in ((evening, 9), (session, 10)):
    for minute in range(minutes):
        at = begin + timedelta(minutes=minute)
        prices = {"open_price": 100, "high_price": 100, "low_price": 100, "close_price": 100}
        generator.update_bar(BarData("FEED", "FUT", Exchange.CME, at, Interval.MINUTE, volume=1, **prices))
bars = [(f"{bar.datetime:%H:%M}", bar.volume) for bar in made]
print(", ".join(f"{at} with {volume:g}" for at, volume in bars))
sys.exit(0 if bars == [("16:50", 5), ("16:55", 9), ("18:05", 5)] else 1)
PY
cd "$folder"
timeout 300 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
