#!/usr/bin/env bash
# tickbar 0.2.0 for Python cuts the decimals off every price, and its documented trading calendar drops every tick since 1970.
#
# Versions: tickbar 0.2.0, CPython 3.11, Linux x86-64.
#
# Behaviour: the readme's first example pushes Tick(30_000_000_000, 100.5, 500.0) and speaks of floats; inside, prices are whole numbers, and
# the binding converts by cutting off, without a scale: 100.5 is 100, a currency future at 1.0873 is 1, a quote of 99.5 to 100.75 has
# a spread of 1. Bars, VWAP, filters and the classification of trades go on with that. Nothing is raised. Who multiplies by the number of
# ticks first gets right bars. The calendar example, (52200_000_000_000, 75600_000_000_000) for "14:30-21:00 UTC", is not a time of day but
# two moments of 1 January 1970: with it no tick of any other day is in a session, and the bars are empty, again without a word.
#
# Output seen:
#   Tick(ts=0, price=100, volume=500)
#   100.25 100.75 1.0873: [[0.0, 100.0, 100.0, 1.0, 1.0, 3.0, 3.0, 67.0]]
#   with the readme's calendar, 15:00 UTC on 1970-01-01: in session; on 2026-01-05: not in session, 0 bars
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'tickbar==0.2.0'
cat > "$folder/try.py" <<'PY'
import sys

from tickbar import Tick, TickAggregator, TradingCalendar

SECOND = 1_000_000_000
print(Tick(0, 100.5, 500.0))
bars = TickAggregator(interval_secs=60)
for second, price in enumerate((100.25, 100.75, 1.0873)):
    bars.push_tick(Tick(second * SECOND, price, 1.0))
records = bars.finalize().to_records()
print("100.25 100.75 1.0873:", records)

readme = TradingCalendar([(52_200 * SECOND, 75_600 * SECOND)])
first, later = 54_000 * SECOND, (1_767_571_200 + 54_000) * SECOND
bars = TickAggregator(interval_secs=60)
bars.set_calendar(readme)
bars.push_tick(Tick(later, 100.0, 1.0))
made = len(bars.finalize().to_records())
words = ["in session" if readme.is_trading_time(moment) else "not in session" for moment in (first, later)]
print(f"with the readme's calendar, 15:00 UTC on 1970-01-01: {words[0]}; on 2026-01-05: {words[1]}, {made} bars")
cut = repr(Tick(0, 100.5, 500.0)) == "Tick(ts=0, price=100, volume=500)" and records[0][1:5] == [100.0, 100.0, 1.0, 1.0]
sys.exit(0 if cut and words == ["in session", "not in session"] and made == 0 else 1)
PY
timeout 60 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
