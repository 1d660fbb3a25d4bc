#!/usr/bin/env bash
# simplefix 1.0.17 writes the clock of a datetime with a zone as if it were UTC, and in the other form as if it were the machine's zone.
#
# Versions: simplefix 1.0.17, CPython 3.11, Linux x86-64 (with its zone files).
#
# Behaviour: append_utc_timestamp is documented for datetimes in UTC, append_tz_timestamp for local ones, behind which it writes the offset
# from UTC. A datetime that carries its zone says which moment it is, but neither method looks: the digits of its clock are taken as they
# are. 09:30 in New York is sent as 09:30 UTC, five hours early, in a SendingTime or a TransactTime that every validator accepts; and
# 14:30 UTC, which is the same moment, is sent from a machine in Chicago as 14:30-06, six hours late. Nothing is raised. `astimezone(UTC)`
# before the first and `astimezone()` before the second give what is meant.
#
# Output seen (the opening bell of 2026-01-05, 14:30 UTC, on a machine in Chicago):
#   utc, given in New York: 20260105-09:30:00.000; given in UTC: 20260105-14:30:00.000
#   tz, given in UTC: 20260105-14:30:00.000-06; given as local time: 20260105-08:30:00.000-06
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'simplefix==1.0.17' 'tzdata==2025.2'
cat > "$folder/try.py" <<'PY'
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from simplefix import FixMessage

bell = datetime(2026, 1, 5, 9, 30, tzinfo=ZoneInfo("America/New_York"))


def written(method: str, moment: datetime) -> str:
    message = FixMessage()
    getattr(message, method)(52, moment)
    return message.get(52).decode()


utc = written("append_utc_timestamp", bell), written("append_utc_timestamp", bell.astimezone(UTC))
local = written("append_tz_timestamp", bell.astimezone(UTC)), written("append_tz_timestamp", bell.astimezone())
print(f"utc, given in New York: {utc[0]}; given in UTC: {utc[1]}")
print(f"tz, given in UTC: {local[0]}; given as local time: {local[1]}")
right = "20260105-14:30:00.000", "20260105-08:30:00.000-06"
wrong = "20260105-09:30:00.000", "20260105-14:30:00.000-06"
sys.exit(0 if (utc[0], local[0]) == wrong and (utc[1], local[1]) == right else 1)
PY
TZ=America/Chicago timeout 60 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
