#!/usr/bin/env bash
# riskkit-quant 0.4.2: its rolling week of losses begins anew every seven days, and its pause of 24 hours ends for one update a day.
#
# Versions: riskkit-quant 0.4.2, CPython 3.11, Linux x86-64.
#
# Behaviour: DrawdownManager is documented to pause new entries for 24 hours if equity falls by more than 3 % within a rolling window of seven
# days. It keeps one starting equity, and takes the present one for it when the last start is seven days old. A fall of 4.4 % in two
# days that lies across that moment is two falls, and trading goes on. And the loss that began a pause is still there when the pause
# ends, so that one update says that all is well, and the next one starts another pause: a program that asks each second may open a
# position in that second, every day.
#
# Output seen:
#   days 0, 6, 7, 8 at 100,000, 100,000, 97,500, 95,600: no pause; the same fall on days 0, 1, 2, 3: paused
#   hours 1 to 26 after a fall of 4 %: paused, but for hour 25
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'riskkit-quant==0.4.2'
cat > "$folder/try.py" <<'PY'
import sys
from datetime import UTC, datetime, timedelta

from riskkit import DrawdownManager

START = datetime(2026, 1, 5, 15, tzinfo=UTC)
EQUITY = (100_000, 100_000, 97_500, 95_600)


def paused(days: tuple[int, ...]) -> bool:
    manager = DrawdownManager()
    return any(manager.update(equity, START + timedelta(days=day)).halted for day, equity in zip(days, EQUITY, strict=True))


across, within = paused((0, 6, 7, 8)), paused((0, 1, 2, 3))
words = {True: "paused", False: "no pause"}
print(f"days 0, 6, 7, 8 at 100,000, 100,000, 97,500, 95,600: {words[across]}; the same fall on days 0, 1, 2, 3: {words[within]}")
manager = DrawdownManager()
manager.update(100_000, START)
open_hours = [hour for hour in range(1, 27) if not manager.update(96_000, START + timedelta(hours=hour)).halted]
print(f"hours 1 to 26 after a fall of 4 %: paused, but for hour {', '.join(map(str, open_hours))}")
sys.exit(0 if (across, within, open_hours) == (False, True, [25]) else 1)
PY
timeout 60 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
