#!/usr/bin/env bash
# basana 1.11: a trade in the last millisecond of a bar belongs to no bar: it is kept for the next one, and there it is "out of order".
#
# Versions: basana 1.11, CPython 3.11, Linux x86-64.
#
# Behaviour: RealTimeTradesToBar makes the bars of a live feed out of its trades (Bitstamp's does). A bar ends one millisecond before the
# next one begins, and exchanges stamp trades in microseconds. What is later than that end stays for the next bar; what is earlier than
# the next bar's beginning is logged as out of order and dropped. Trades of the last 999 microseconds are both, although they came in
# order: their volume, and a close or an extreme that was theirs, are in no bar. With bars of a second it is about one trade in a thousand.
#
# Output seen (trades of 1 at 14:30:59.999000, 7 at 14:30:59.999500, 2 at 14:31:00):
#   14:30 close 100 volume 1; 14:31 close 102 volume 2; lost: 7 of 10
#   logged: Trade is out of order
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'basana==1.11'
cat > "$folder/try.py" <<'PY'
import asyncio
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import basana
from basana.core import bar, dt

clock = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
TRADES = [
    (clock + timedelta(seconds=59, microseconds=999_000), Decimal(100), Decimal(1)),
    (clock + timedelta(seconds=59, microseconds=999_500), Decimal(101), Decimal(7)),
    (clock + timedelta(seconds=60), Decimal(102), Decimal(2)),
]
END = clock + timedelta(minutes=3)
logged: list[str] = []


async def sleep(seconds: float) -> None:
    """Let the time pass at once; what was traded meanwhile is pushed, in order."""
    global clock
    until = clock + timedelta(seconds=seconds)
    for trade in TRADES:
        if clock <= trade[0] < until:
            source.push_trade(*trade)
    clock = until
    if clock >= END:
        raise asyncio.CancelledError


dt.utc_now = lambda monotonic=False: clock
bar.asyncio = SimpleNamespace(sleep=sleep)
source = bar.RealTimeTradesToBar(basana.Pair("NQ", "USD"), bar_duration=60, skip_first_bar=False)
source.on_error = lambda error: logged.append(str(error).partition(" {")[0])
try:
    asyncio.run(source.main())
except asyncio.CancelledError:
    pass
made = []
while event := source.pop():
    made.append(event.bar)
lost = sum(size for _, _, size in TRADES) - sum(each.volume for each in made)
bars = "; ".join(f"{each.begin:%H:%M} close {each.close} volume {each.volume}" for each in made)
print(f"{bars}; lost: {lost} of {sum(size for _, _, size in TRADES)}")
print("logged:", *logged)
sys.exit(0 if lost == 7 and logged == ["Trade is out of order"] else 1)
PY
timeout 60 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
