#!/usr/bin/env bash
# An XPUB reports the subscriptions that end with a lost peer, but such a report has no source: asking for it raises.
#
# Versions: pyzmq 27.3.0 with libzmq 4.3.5, CPython 3.11, Linux x86-64.
#
# Behaviour: each report of an XPUB (0x01 or 0x00, then the topic) is a frame of which one can ask where it came from: Frame.get(SRCFD)
# gives the descriptor, Frame.get("Peer-Address") the peer. So a publisher can count subscriptions per peer. When a peer unsubscribes
# itself, the report has both. When its connection ends, libzmq makes the report itself: same bytes, but no source, and both calls raise
# ZMQError (invalid argument) rather than give -1 or None. A publisher that asks each report for its source dies with its first lost
# reader; one that counts per peer cannot take that reader's subscriptions back from the report.
#
# Output seen:
#   subscribed: source True, address 127.0.0.1
#   unsubscribed by the peer: source True, address 127.0.0.1
#   unsubscribed as the peer is gone: ZMQError EINVAL, ZMQError EINVAL
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pyzmq==27.3.0'
cat > "$folder/try.py" <<'PY'
import errno
import sys

import zmq

context = zmq.Context()
publisher = context.socket(zmq.XPUB)
publisher.setsockopt(zmq.XPUB_VERBOSER, 1)
publisher.bind("tcp://127.0.0.1:*")
reader = context.socket(zmq.SUB)
reader.connect(publisher.last_endpoint)


def source(report):
    try:
        return f"source {report.get(zmq.SRCFD) > 0}"
    except zmq.ZMQError as error:
        return f"ZMQError {errno.errorcode[error.errno]}"


def address(report):
    try:
        return f"address {report.get('Peer-Address')}"
    except zmq.ZMQError as error:
        return f"ZMQError {errno.errorcode[error.errno]}"


def told(name, expected):
    assert publisher.poll(5_000), name
    report = publisher.recv(copy=False)
    assert bytes(report) == expected
    line = f"{name}: {source(report)}, {address(report)}"
    print(line)
    return line


reader.setsockopt(zmq.SUBSCRIBE, b"a")
seen = [told("subscribed", b"\x01a")]
reader.setsockopt(zmq.UNSUBSCRIBE, b"a")
seen.append(told("unsubscribed by the peer", b"\x00a"))
reader.setsockopt(zmq.SUBSCRIBE, b"b")
publisher.poll(5_000)
publisher.recv()
reader.close(0)
seen.append(told("unsubscribed as the peer is gone", b"\x00b"))
publisher.close(0)
context.term()
sys.exit(
    0
    if seen
    == [
        "subscribed: source True, address 127.0.0.1",
        "unsubscribed by the peer: source True, address 127.0.0.1",
        "unsubscribed as the peer is gone: ZMQError EINVAL, ZMQError EINVAL",
    ]
    else "the behaviour has changed"
)
PY
timeout 60 "$folder/venv/bin/python" "$folder/try.py"
