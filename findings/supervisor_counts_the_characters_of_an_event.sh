#!/usr/bin/env bash
# supervisor 4.3.0 tells a listener the length of an event in characters, where it documents bytes: after one é the listener has lost its place.
#
# Versions: supervisor 4.3.0, CPython 3.11, Linux x86-64.
#
# Behaviour: a listener reads a header line, and then as many bytes as its `len` says; so the documentation of the protocol, and so a
# listener in another language, or one that reads bytes, is written. The events that carry a program's output count the characters. A
# line with an é, a euro sign or a Japanese name leaves one to three bytes behind, and the next header begins in the middle of a payload.
# And output that comes in two reads with a character across the border is not put together: both halves arrive as the text
# "Undecodable: b'...'", longer than what was written. Known, as to the length: issue 1243 of 2019, open when this was written.
#
# Output seen (a program writes "marché €" and, in two halves, "é"; the lengths depend on the digits of its process id):
#   len 60, bytes 63; split: Undecodable: b'\xc3' and Undecodable: b'\xa9\n'
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'supervisor==4.3.0'
cat > "$folder/program.py" <<'PY'
import os
import sys
import time
from pathlib import Path

seen = Path(sys.argv[1])  # how many events the listener has written down


def wait(events: int) -> None:
    while not seen.exists() or int(seen.read_text() or 0) < events:
        time.sleep(0.02)


os.write(1, "marché €\n".encode())
wait(1)
os.write(1, b"\xc3")
wait(2)
os.write(1, b"\xa9\n")
time.sleep(60)
PY
cat > "$folder/listener.py" <<'PY'
import os
import sys
import time
from pathlib import Path

folder = Path(sys.argv[1])
events = []
while len(events) < 3:
    os.write(1, b"READY\n")
    time.sleep(0.2)  # nothing else is sent before the answer below, so what is there is one event
    event = os.read(0, 65536)
    events.append(event)
    (folder / f"event{len(events)}").write_bytes(event)
    (folder / "seen.new").write_text(str(len(events)))
    (folder / "seen.new").rename(folder / "seen")
    os.write(1, b"RESULT 2\nOK")
time.sleep(60)
PY
cat > "$folder/supervisord.conf" <<CONF
[supervisord]
nodaemon=true
logfile=$folder/log
pidfile=$folder/pid
[program:p]
command=$folder/venv/bin/python -P $folder/program.py $folder/seen
stdout_events_enabled=true
stdout_logfile=NONE
[eventlistener:l]
command=$folder/venv/bin/python -P $folder/listener.py $folder
events=PROCESS_LOG_STDOUT
CONF
cat > "$folder/try.py" <<'PY'
import subprocess
import sys
import time
from pathlib import Path

folder = Path(sys.argv[1])
with subprocess.Popen([folder / "venv/bin/supervisord", "-c", folder / "supervisord.conf"], stdout=subprocess.DEVNULL) as supervisord:
    until = time.monotonic() + 40
    while not (folder / "event3").exists() and time.monotonic() < until:
        time.sleep(0.05)
    supervisord.terminate()
events = [(folder / f"event{number}").read_bytes() for number in (1, 2, 3)]
header, _, payload = events[0].partition(b"\n")
length = int(dict(field.split(b":", 1) for field in header.split())[b"len"])
halves = [event.split(b"\n", 2)[2].decode() for event in events[1:]]
print(f"len {length}, bytes {len(payload)}; split: {' and '.join(halves)}")
split = all(half.startswith("Undecodable: b'") for half in halves)
sys.exit(0 if len(payload) == length + 3 and len(payload.decode()) == length and split else 1)
PY
timeout 60 "$folder/venv/bin/python" -P "$folder/try.py" "$folder" 2> /dev/null || { echo "the behaviour has changed"; exit 1; }
