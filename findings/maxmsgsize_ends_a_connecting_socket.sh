#!/usr/bin/env bash
# ZMQ_MAXMSGSIZE means two things: on a socket that binds, one message too long costs one connection; on a socket that connects, it costs
# the peer for good.
#
# Versions: pyzmq 27.3.0 with libzmq 4.3.5, CPython 3.11, Linux x86-64.
#
# Behaviour: a message longer than the limit ends the connection. A peer of a binding socket connects again by itself, and the next short
# message arrives. A connecting socket does not connect again: the last monitor event is DISCONNECTED, with no CONNECT_RETRIED behind it,
# although a reconnect interval is set. Only disconnect() and connect() bring it back. A subscriber that limits its messages is silent
# for ever after one long message, and no call of it fails.
#
# Output seen:
#   binding socket with the limit: short message after a long one arrives: True
#   connecting socket with the limit: short message after a long one arrives: False
#   its last events: HANDSHAKE_SUCCEEDED DISCONNECTED
#   after disconnect() and connect(): True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pyzmq==27.3.0'
cat > "$folder/try.py" <<'PY'
import sys
import time

import zmq
from zmq.utils.monitor import recv_monitor_message

LIMIT, WAIT_MS = 1_000, 3_000


def pair(binding, connecting):
    server, client = zmq.Context().socket(binding), zmq.Context().socket(connecting)
    for socket in (server, client):
        socket.setsockopt(zmq.LINGER, 0)
    client.setsockopt(zmq.RECONNECT_IVL, 50)
    return server, client


def bound():
    server, client = pair(zmq.PULL, zmq.PUSH)
    server.setsockopt(zmq.MAXMSGSIZE, LIMIT)
    server.bind("tcp://127.0.0.1:*")
    client.connect(server.last_endpoint)
    client.send(b"long" * LIMIT)
    assert not server.poll(500)
    client.send(b"short")
    return bool(server.poll(WAIT_MS))


def connected():
    server, client = pair(zmq.XPUB, zmq.SUB)
    client.setsockopt(zmq.MAXMSGSIZE, LIMIT)
    client.setsockopt(zmq.SUBSCRIBE, b"")
    monitor = client.get_monitor_socket()
    server.bind("tcp://127.0.0.1:*")
    client.connect(server.last_endpoint)
    assert server.poll(WAIT_MS)  # the subscription
    server.recv()
    server.send(b"long" * LIMIT)
    time.sleep(1)
    server.send(b"short")
    arrived = bool(client.poll(WAIT_MS))
    events = []
    while monitor.poll(100):
        events.append(zmq.Event(recv_monitor_message(monitor)["event"]).name)
    client.disconnect(server.last_endpoint)
    client.connect(server.last_endpoint)
    while server.poll(1_000):  # the old subscription ends, the new one begins
        server.recv()
    server.send(b"short")
    return arrived, events[-2:], bool(client.poll(WAIT_MS))


first = bound()
arrived, events, back = connected()
print("binding socket with the limit: short message after a long one arrives:", first)
print("connecting socket with the limit: short message after a long one arrives:", arrived)
print("its last events:", *events)
print("after disconnect() and connect():", back)
sys.stdout.flush()
same = (first, arrived, events, back) == (True, False, ["HANDSHAKE_SUCCEEDED", "DISCONNECTED"], True)
sys.exit(0 if same else "the behaviour has changed")
PY
timeout 60 "$folder/venv/bin/python" "$folder/try.py"
