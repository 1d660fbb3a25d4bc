#!/usr/bin/env bash
# unbind() closes the accepted connections of an endpoint, but not before the socket's own thread makes its next call on the socket.
#
# Versions: pyzmq 27.3.0 with libzmq 4.3.5, CPython 3.11, Linux x86-64.
#
# Behaviour: one would expect unbind() to end either the listening only or the connections as well. It ends the listening at once. The
# accepted connections stay established, for as long as the owner of the socket makes no call on it, and are closed by the first
# call that does (a poll is enough). What a peer sends meanwhile is taken from it and lost, without an error on either side, even if the
# address is bound again. It is so for ROUTER, XPUB, XSUB, PULL and REP. A program that unbinds to cut somebody off must poll the socket.
#
# Output seen (established ends on this machine, before / one second after unbind / after a poll):
#   ROUTER 2 2 0
#   XPUB 2 2 0
#   XSUB 2 2 0
#   PULL 2 2 0
#   REP 2 2 0
#   sent between unbind and bind, with no call between: lost, the next one arrives
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pyzmq==27.3.0'
cat > "$folder/try.py" <<'PY'
import sys
import time
from pathlib import Path

import zmq

ESTABLISHED = "01"  # in /proc/net/tcp


def bound(kind):
    server = zmq.Context().socket(kind)
    server.setsockopt(zmq.LINGER, 0)
    server.bind("tcp://127.0.0.1:*")
    return server, server.last_endpoint


def connected(kind, endpoint):
    client = zmq.Context().socket(kind)
    client.setsockopt(zmq.LINGER, 0)
    client.setsockopt(zmq.RECONNECT_IVL, 10_000)  # so that it does not connect again while we count
    if kind == zmq.SUB:
        client.setsockopt(zmq.SUBSCRIBE, b"")
    client.connect(endpoint)
    return client


def ends(endpoint):
    port = f"{int(endpoint.decode().rpartition(':')[2]):04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(port in (each[1][-4:], each[2][-4:]) and each[3] == ESTABLISHED for each in lines)


def counts(server_kind, client_kind):
    server, endpoint = bound(server_kind)
    client = connected(client_kind, endpoint)
    time.sleep(0.5)
    before = ends(endpoint)
    server.unbind(endpoint)
    time.sleep(1)
    after = ends(endpoint)
    server.poll(100)
    time.sleep(0.5)
    print(zmq.SocketType(server_kind).name, before, after, ends(endpoint))
    return before, after, ends(endpoint), client


def lost():
    server, endpoint = bound(zmq.ROUTER)
    client = connected(zmq.DEALER, endpoint)
    client.setsockopt(zmq.RECONNECT_IVL, 50)
    client.send(b"1")
    assert server.poll(2_000)
    server.recv_multipart()
    server.unbind(endpoint)
    time.sleep(0.5)
    client.send(b"2")
    time.sleep(0.3)
    server.bind(endpoint)
    second = bool(server.poll(1_500))
    again = connected(zmq.DEALER, endpoint)
    again.send(b"3")
    return not second and bool(server.poll(2_000)) and server.recv_multipart()[-1] == b"3"


pairs = [(zmq.ROUTER, zmq.DEALER), (zmq.XPUB, zmq.SUB), (zmq.XSUB, zmq.XPUB), (zmq.PULL, zmq.PUSH), (zmq.REP, zmq.REQ)]
seen = [counts(*pair)[:3] for pair in pairs]
gone = lost()
print("sent between unbind and bind, with no call between:", "lost, the next one arrives" if gone else "not lost")
sys.stdout.flush()
sys.exit(0 if seen == [(2, 2, 0)] * len(pairs) and gone else "the behaviour has changed")
PY
timeout 60 "$folder/venv/bin/python" "$folder/try.py"
