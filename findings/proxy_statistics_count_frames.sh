#!/usr/bin/env bash
# The proxy of libzmq counts frames, where its manual says messages.
#
# Versions: pyzmq 27.3.0 with libzmq 4.3.5, CPython 3.11, Linux x86-64.
#
# Behaviour: zmq_proxy_steerable(3) says of the reply to STATISTICS that its first number is the "number of messages received on the
# frontend socket". A hundred messages of two frames make it 200. So a count of messages needs to know how many frames each has.
#
# Output seen:
#   100 messages of 2 frames: received 200, sent 200
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pyzmq==27.3.0'
cat > "$folder/try.py" <<'PY'
import sys
import threading

import zmq

COUNT, WAIT_MS = 100, 5_000
context = zmq.Context()
frontend, backend = context.socket(zmq.PULL), context.socket(zmq.PUSH)
control, inside = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
frontend.bind("inproc://in")
backend.bind("inproc://out")
control.bind("inproc://control")
inside.connect("inproc://control")
proxy = threading.Thread(target=zmq.proxy_steerable, args=(frontend, backend, None, inside))
proxy.start()
sender, receiver = context.socket(zmq.PUSH), context.socket(zmq.PULL)
sender.connect("inproc://in")
receiver.connect("inproc://out")
for _ in range(COUNT):
    sender.send_multipart([b"a", b"b"])
    assert receiver.poll(WAIT_MS)
    receiver.recv_multipart()
control.send(b"STATISTICS")
numbers = [int.from_bytes(frame, sys.byteorder) for frame in control.recv_multipart()]
control.send(b"TERMINATE")
proxy.join()
context.destroy(linger=0)
print(f"{COUNT} messages of 2 frames: received {numbers[0]}, sent {numbers[6]}")
sys.exit(0 if (numbers[0], numbers[6]) == (2 * COUNT, 2 * COUNT) else "the behaviour has changed")
PY
timeout 60 "$folder/venv/bin/python" "$folder/try.py"
