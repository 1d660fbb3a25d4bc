#!/usr/bin/env bash
# A SUB socket that had to connect again is connected, greeted, and without its subscriptions until the program next uses it.
#
# Versions: pyzmq 27.3.0 with libzmq 4.3.5, CPython 3.11, Linux x86-64.
#
# Behaviour: after a lost connection the I/O thread connects again by itself, and the handshake succeeds on both sides. The subscriptions
# are sent by the thread that owns the socket, when it next works through the socket's commands: at a poll, a receive, a getsockopt of the
# events. A program that waits elsewhere meanwhile (on a timer, on another socket, in a start that opens many sockets) is connected and
# gets nothing; the publisher sees a peer that wants nothing. Here the first server ends the handshake, as one does that is full.
#
# Output seen:
#   connected again: True; subscribed within 3 s without a use of the socket: False; after one poll: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pyzmq==27.3.0'
cat > "$folder/try.py" <<'PY'
import socket
import sys
import time

import zmq
from zmq.utils.monitor import recv_monitor_message

first = socket.create_server(("127.0.0.1", 0))
address = f"tcp://127.0.0.1:{first.getsockname()[1]}"
reader = zmq.Context().socket(zmq.SUB)
reader.setsockopt(zmq.RECONNECT_IVL, 50)
reader.setsockopt(zmq.SUBSCRIBE, b"topic")
reader.connect(address)
connection, _ = first.accept()
connection.recv(10)
connection.close()
first.close()

writer = zmq.Context().socket(zmq.XPUB)
for _ in range(100):
    try:
        writer.bind(address)
        break
    except zmq.ZMQError:
        time.sleep(0.05)
events = writer.get_monitor_socket()
untouched = bool(writer.poll(3_000))
greeted = False
while events.poll(0):
    greeted |= recv_monitor_message(events)["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED
reader.poll(0)
touched = bool(writer.poll(3_000))
print(
    f"connected again: {greeted}; subscribed within 3 s without a use of the socket: {untouched}; after one poll: {touched}"
)
for each in (reader, writer):
    each.close(linger=0)
sys.exit((greeted, untouched, touched) != (True, False, True))
PY
timeout 60 "$folder/venv/bin/python" "$folder/try.py"
