"""Request a trade from a running tapewire, from any Python with pyzmq and msgpack. tapewire itself is not needed.

    python send_signal.py buy "MNQ 03-25" 21000.25 40 20        tcp://127.0.0.1:5562, the gate of the live configuration
    TAPEWIRE_GATE=tcp://127.0.0.1:6562 python send_signal.py sell MNQ 21000 40 20

The arguments are action, instrument, price, and the distances of target and stop in points. Prints the reply. The request has one
name (topic, epoch, number) and is repeated until the gate replies, so a gate that restarts meanwhile neither loses the request nor
trades it twice. The contract is bus/PROTOCOL.md, sections 2 and 7.
"""

import os
import sys
import time

import msgpack
import zmq

TOPIC = "ingress.ask."


def send(gate, fields, timeout_s=15.0):
    """The gate's reply as a dict; None if none arrived in time: repeat the request then, with the same request_id."""
    epoch = time.time_ns()
    header = {"v": 1, "source": "example", "epoch": epoch, "seq": 1, "event_ns": 0, "cause": ""}
    frames = [b"", TOPIC.encode(), msgpack.packb({**header, "type": "external_signal", "fields": fields})]
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(gate)
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            socket.send_multipart(frames)
            while socket.poll(1000):
                reply = msgpack.unpackb(socket.recv_multipart()[-1])
                if reply["cause"] == f"{TOPIC}@{epoch}:1":
                    return reply
    return None


if __name__ == "__main__":
    action, instrument, price, tp_points, sl_points = sys.argv[1:]
    fields = {"action": action, "instrument": instrument, "price": float(price), "tp_points": int(tp_points)}
    reply = send(os.environ.get("TAPEWIRE_GATE", "tcp://127.0.0.1:5562"), {**fields, "sl_points": int(sl_points)})
    print(reply or "no reply")
    sys.exit(0 if reply and reply["success"] else 1)
