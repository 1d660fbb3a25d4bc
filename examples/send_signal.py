"""Request a trade from a running tapewire, from any Python with pyzmq and msgpack. tapewire itself is not needed.

    python send_signal.py anna.key buy "MNQ 03-25" 21000.25 40 20
    python send_signal.py anna.key close MNQ

The arguments are the file of a key, action, instrument, and of an entry the price, and the distances of target and stop in points.
Prints the reply.
`tapewire keys new anna --role external` and `tapewire keys export anna --to FOLDER` write the file, with the gate's address in it.
The request has one name (topic, epoch, number) and is repeated until the gate replies, so a gate that restarts meanwhile neither
loses the request nor trades it twice. The contract is bus/PROTOCOL.md, sections 2, 7 and 14.
"""

import sys
import time
import tomllib

import msgpack
import zmq

TOPIC = "ingress.ask."
GATE = 12  # its port, from the base port


def send(key, fields, timeout_s=15.0):
    """The gate's reply as a dict; None if none arrived in time: repeat the request then, with the same request_id."""
    epoch = time.time_ns()
    header = {"v": 1, "source": "example", "epoch": epoch, "seq": 1, "event_ns": 0, "cause": ""}
    frames = [b"", TOPIC.encode(), msgpack.packb({**header, "type": "external_signal", "fields": fields})]
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.handshake_ivl = 1000  # a key that is refused now may be let in later: try again
        socket.curve_publickey, socket.curve_secretkey = key["public"].encode(), key["secret"].encode()
        socket.curve_serverkey = key["server"].encode()
        socket.connect(f"tcp://{key['host']}:{key['base_port'] + GATE}")
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            if socket.poll(1000, zmq.POLLOUT):
                socket.send_multipart(frames)
            while socket.poll(1000):
                reply = msgpack.unpackb(socket.recv_multipart()[-1])
                if reply["cause"] == f"{TOPIC}@{epoch}:1":
                    return reply
    return None


if __name__ == "__main__":
    file, action, instrument, *prices = sys.argv[1:]
    with open(file, "rb") as opened:
        key = tomllib.load(opened)
    fields = {"action": action, "instrument": instrument}
    if prices:
        price, tp_points, sl_points = prices
        fields |= {"price": float(price), "tp_points": int(tp_points), "sl_points": int(sl_points)}
    reply = send(key, fields)
    print(reply or "no reply; is tapewire up, and is this a key of its run with the role external?")
    sys.exit(0 if reply and reply["success"] else 1)
