#!/usr/bin/env bash
# A ZAP handler that refuses a key with status 400 sends that client away for good: it does not try again when the key is let in later.
#
# Versions: pyzmq 27.3.0 with libzmq 4.3.5, CPython 3.11, Linux x86-64.
#
# Behaviour: RFC 27 calls 300 a temporary error and 400 an authentication failure. The client side makes two ways of life of them. After
# 400 (which pyzmq's own authenticator sends for an unknown key) a connecting socket never connects again, whatever its reconnect
# interval; its sends are queued and no call fails. After 300 it waits for the end of its handshake interval (ZMQ_HANDSHAKE_IVL, 30 seconds by
# default), connects again, and delivers its queue whole once it is let in.
#
# Output seen:
#   status 400: tries 1, the queued message arrives after the key was added: False
#   status 300: tries several, the queued message arrives after the key was added: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pyzmq==27.3.0'
cat > "$folder/try.py" <<'PY'
import os
import sys
import threading
import time

import zmq


KEPT = []  # a context that is collected would wait for what lingers


def attempt(status):
    context = zmq.Context()
    handler = context.socket(zmq.REP)
    handler.bind("inproc://zeromq.zap.01")
    known, tries = threading.Event(), []

    def decide():
        while True:
            version, request, *_ = handler.recv_multipart()
            tries.append(request)
            reply = b"200" if known.is_set() else status
            handler.send_multipart((version, request, reply, b"", b"somebody" if reply == b"200" else b"", b""))

    threading.Thread(target=decide, daemon=True).start()
    public, secret = zmq.curve_keypair()
    server = context.socket(zmq.PULL)
    server.curve_server, server.curve_secretkey, server.zap_domain = True, secret, b"test"
    server.bind("tcp://127.0.0.1:*")
    client = zmq.Context().socket(zmq.PUSH)
    KEPT.extend((context, handler, server, client, client.context))
    client.curve_serverkey = public
    client.curve_publickey, client.curve_secretkey = zmq.curve_keypair()
    client.setsockopt(zmq.RECONNECT_IVL, 50)
    client.setsockopt(zmq.HANDSHAKE_IVL, 500)
    client.connect(server.last_endpoint)
    client.send(b"queued")
    time.sleep(3)
    before = len(tries)
    known.set()
    return before, bool(server.poll(5_000))


never, back = attempt(b"400"), attempt(b"300")
for status, (tries, arrived) in ((400, never), (300, back)):
    how_many = tries if tries == 1 else "several"
    print(f"status {status}: tries {how_many}, the queued message arrives after the key was added: {arrived}")
sys.stdout.flush()
same = never == (1, False) and back[0] > 1 and back[1]
os._exit(0 if same else 1)
PY
timeout 60 "$folder/venv/bin/python" "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
