#!/usr/bin/env bash
# The product calendars of CME apply what one year had to every year: sessions on days without trading, early closes at other times.
#
# Versions: pandas_market_calendars 5.5.0, pandas 3.1.1, CPython 3.11, Linux x86-64.
#
# Behaviour: a rule that holds on some dates is written for all years from its first one on.
#   - Good Friday: CME opens on it only when the jobs report is due (2021, 2023, 2026). The calendars have a short session in 2024, 2025
#     and 2027 as well: 09:15 New York for equity, 11:15 for currencies, interest rates and crypto.
#   - Labor Day of energy and metals: 13:00 (14:30 since 2022); right in 2026 alone, where the date is written out.
#   - Christmas Eve of energy and metals: no early close (13:45), but in 2026.
#   - The day after Thanksgiving 2025 of energy and metals: 13:45 (14:45).
#   - Independence Day 2025, a Friday, of currencies: 17:00 (13:00).
#   - National days of mourning, 2018-12-05 and 2025-01-09: regular days for equity and interest rates. exchange_calendars' CMES, in the
#     other direction, is closed on them for all products.
#   - Crypto trades around the clock since 2026-05-29; the calendar still has the break, the weekend and the holidays.
# Dates from CME's announcements and from QuantConnect Lean's market hours; see conf/calendar.toml.
#
# Output seen: one line a date, the library's close (New York) and the exchange's.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pandas_market_calendars==5.5.0'
cat > "$folder/try.py" <<'PY'
import sys
from zoneinfo import ZoneInfo

import pandas_market_calendars as calendars

SEEN = [
    ("2025-04-18", "CME Globex Equity", "09:15", "closed"),
    ("2025-04-18", "CMEGlobex_FX", "11:15", "closed"),
    ("2025-04-18", "CME Globex Fixed Income", "11:15", "closed"),
    ("2025-09-01", "CMEGlobex_Energy", "13:00", "14:30"),
    ("2026-09-07", "CMEGlobex_Energy", "14:30", "14:30"),
    ("2025-12-24", "CMEGlobex_Metals", "17:00", "13:45"),
    ("2025-11-28", "CMEGlobex_Energy", "13:45", "14:45"),
    ("2025-07-04", "CMEGlobex_FX", "17:00", "13:00"),
    ("2025-01-09", "CME Globex Equity", "17:00", "09:30"),
    ("2025-01-09", "CME Globex Fixed Income", "17:00", "13:15"),
    ("2026-11-27", "CME Globex Crypto", "13:45", "17:00"),
]
same = True
for date, name, seen, exchange in SEEN:
    schedule = calendars.get_calendar(name).schedule(start_date=date, end_date=date)["market_close"]
    close = f"{schedule.iloc[0].astimezone(ZoneInfo('America/New_York')):%H:%M}" if len(schedule) else "closed"
    print(f"{date} {name}: {close}, the exchange {exchange}")
    same = same and close == seen
sys.exit(0 if same else 1)
PY
timeout 60 "$folder/venv/bin/python" "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
