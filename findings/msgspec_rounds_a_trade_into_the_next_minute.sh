#!/usr/bin/env bash
# msgspec 0.22 rounds nanoseconds up: a minute's last trade comes out in the next minute, and a time just before midnight as midnight, 00:00.
#
# Versions: msgspec 0.22.0, CPython 3.11, Linux x86-64.
#
# Behaviour: exchanges stamp in nanoseconds, and a datetime holds microseconds. Where the standard library cuts the rest off, and pandas on
# its way to a datetime, msgspec rounds to the nearest, in JSON, in MessagePack's timestamps and in convert(). A trade in the last half
# microsecond of a bar is decoded as the first moment of the next bar, later than it was: two readers of one feed put it into two bars.
# A `time` has no day to carry into and goes back to 00:00:00, almost 24 hours early, without an error. The documentation of the types
# mentions neither; an issue of 2022 (number 200), which asked for nanoseconds to be accepted at all, is closed.
#
# Output seen:
#   2026-01-05T14:30:59.9999996Z: json 14:31:00.000000, msgpack 14:31:00.000000, standard library 14:30:59.999999
#   23:59:59.9999996: json 00:00:00, standard library 23:59:59.999999
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'msgspec==0.22.0'
cat > "$folder/try.py" <<'PY'
import struct
import sys
from datetime import datetime, time

import msgspec

MOMENT, CLOCK = "2026-01-05T14:30:59.9999996Z", "23:59:59.9999996"
seconds = int(datetime.fromisoformat(MOMENT).timestamp())
stamp = b"\xd7\xff" + struct.pack(">Q", 999_999_600 << 34 | seconds)  # MessagePack's timestamp of 64 bits
decoded = {
    "json": msgspec.json.decode(f'"{MOMENT}"', type=datetime),
    "msgpack": msgspec.msgpack.decode(stamp, type=datetime),
    "standard library": datetime.fromisoformat(MOMENT),
}
print(f"{MOMENT}: {', '.join(f'{name} {moment:%H:%M:%S.%f}' for name, moment in decoded.items())}")
clock = msgspec.json.decode(f'"{CLOCK}"', type=time)
print(f"{CLOCK}: json {clock}, standard library {time.fromisoformat(CLOCK)}")
minutes = [moment.minute for moment in decoded.values()]
sys.exit(0 if minutes == [31, 31, 30] and clock == time(0, 0) else 1)
PY
timeout 60 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
