"""Follow public signals, with pyzmq and msgpack alone: `python follow.py anna.key`. The file comes from who sends the signals."""

import sys
import tomllib

import msgpack
import zmq


def locked(socket, key):
    """Show the key. Who is refused comes back every 2 s, so a key that was renewed works again by itself."""
    socket.curve_publickey, socket.curve_secretkey = key["public"].encode(), key["secret"].encode()
    socket.curve_serverkey = key["server"].encode()
    socket.handshake_ivl = 2000
    return socket


def stream(key):
    """The messages of one's tier: topic, message as bytes, and its place: number and digest of the line before, None for others."""
    socket = locked(zmq.Context.instance().socket(zmq.SUB), key)
    socket.subscribe("public.")
    socket.connect(key["stream"])  # once: a further connect() to an address does nothing until disconnect()
    while True:
        topic, frame, *place = socket.recv_multipart()
        yield topic.decode(), frame, msgpack.unpackb(place[0]) if place else None


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        key = tomllib.load(file)
    for topic, frame, place in stream(key):
        if place:
            print(place["number"], topic, msgpack.unpackb(frame), flush=True)
