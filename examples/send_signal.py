"""Ask a running tapewire for a trade from any Python with pyzmq and msgpack; nothing of tapewire is needed.

    python send_signal.py buy "MNQ 03-25" 21000.25 40 20        tcp://127.0.0.1:5562, the gate of the live configuration
    TAPEWIRE_GATE=tcp://127.0.0.1:6562 python send_signal.py sell MNQ 21000 40 20

Prints the answer. The question has one name (topic, epoch, number) and is repeated until it is answered, so that a gate that
restarts in between neither loses nor doubles it. bus/PROTOCOL.md, sections 2 and 7, is the contract.
"""

import os
import sys
import time

import msgpack
import zmq

TOPIC = "ingress.ask."


def send(gate, fields, timeout_s=15.0):
    """The gate's answer as a dict, or None if it did not come in time: then ask again with the same request_id."""
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
                answer = msgpack.unpackb(socket.recv_multipart()[-1])
                if answer["cause"] == f"{TOPIC}@{epoch}:1":
                    return answer
    return None


if __name__ == "__main__":
    action, instrument, price, tp_points, sl_points = sys.argv[1:]
    wish = {"action": action, "instrument": instrument, "price": float(price), "tp_points": int(tp_points)}
    reply = send(os.environ.get("TAPEWIRE_GATE", "tcp://127.0.0.1:5562"), {**wish, "sl_points": int(sl_points)})
    print(reply or "no answer")
    sys.exit(0 if reply and reply["success"] else 1)
