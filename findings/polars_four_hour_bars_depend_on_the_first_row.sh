#!/usr/bin/env bash
# polars 2.1.0: after the clocks change, bars of some hours begin at other hours than if the data had begun a day later.
#
# Versions: polars 2.1.0, CPython 3.11, Linux x86-64.
#
# Behaviour: `group_by_dynamic("time", every="4h")` begins its windows by truncating the earliest time, on the zone's clock: 0, 4, 8 o'clock.
# From there it adds four hours of elapsed time each, and the clocks' change is never taken up: every bar from that Sunday on, for months,
# begins at 1, 5, 9. The same rows without the first week give 0, 4, 8, and so does `dt.truncate("4h")`. A feature of the whole year and the
# same feature asked of the last month are of other bars. Bars of one hour, and of whole days, agree. The documentation's formula (start,
# start + every, ...) covers it, and says nothing of clocks; an issue on offsets beside a change of the clocks (15966) is open.
#
# Output seen (the hours at which bars of 18 March 2026 in New York begin; the clocks changed on the 8th):
#   data from 2 March: 1 5 9 13 17 21; data from 10 March: 0 4 8 12 16 20; truncate: 0 4 8 12 16 20
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check 'polars==2.1.0'
cat > "$folder/try.py" <<'PY'
import sys
from datetime import datetime

import polars

ZONE, DAY = "America/New_York", datetime(2026, 3, 18).date()


def frame(first: int) -> polars.DataFrame:
    times = polars.datetime_range(datetime(2026, 3, first), datetime(2026, 3, 20), "30m", time_zone=ZONE, eager=True)
    return polars.DataFrame({"time": times})


def hours(times: polars.Series) -> list[int]:
    """At which the bars of that day begin."""
    return sorted({time.hour for time in times if time.date() == DAY})


def bars(first: int) -> list[int]:
    return hours(frame(first).group_by_dynamic("time", every="4h").agg(polars.len())["time"])


early, late = bars(2), bars(10)
truncated = hours(frame(2)["time"].dt.truncate("4h"))
words = [" ".join(map(str, each)) for each in (early, late, truncated)]
print("data from 2 March: {}; data from 10 March: {}; truncate: {}".format(*words))
sys.exit(0 if early == [1, 5, 9, 13, 17, 21] and late == truncated == [0, 4, 8, 12, 16, 20] else 1)
PY
timeout 60 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
