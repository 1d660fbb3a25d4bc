"""Read the bus of a running tapewire, from any Python with pyzmq and msgpack. tapewire itself is not needed.

    python read_bus.py anna.key session. trade.

The arguments are the file of a key and the prefixes of topics. Prints each message as a line: its name, then its fields.
`tapewire keys new anna --role reader` and `tapewire keys export anna --to FOLDER` write the file, with the broker's address in it.
A hole in the numbers of a topic is told and not healed: PROTOCOL.md, section 4, says how a reader asks for what it missed.
"""

import sys
import tomllib

import msgpack
import zmq

BROKER_OUT = 1  # its port, from the base port


def messages(key, prefixes):
    """Each message: topic and fields. The first ones are the last known of each topic."""
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.handshake_ivl = 1000  # a key that is refused now may be let in later: try again
        socket.curve_publickey, socket.curve_secretkey = key["public"].encode(), key["secret"].encode()
        socket.curve_serverkey = key["server"].encode()
        for prefix in (*prefixes, "sys.welcome."):
            socket.subscribe(prefix)
        socket.connect(f"tcp://{key['host']}:{key['base_port'] + BROKER_OUT}")
        while True:
            topic, *rest = socket.recv_multipart()
            if rest:  # the welcome has no second frame: it says that the subscription holds from here on
                yield topic.decode(), msgpack.unpackb(rest[0])


def main():
    file, *prefixes = sys.argv[1:]
    with open(file, "rb") as opened:
        key = tomllib.load(opened)
    last = {}
    for topic, fields in messages(key, prefixes or [""]):
        place = fields.pop("epoch"), fields.pop("seq")
        before = last.get(topic, (0, 0))
        if place <= before:
            continue  # it has come already
        if before[0] == place[0] and place[1] > before[1] + 1:
            print(f"missed {place[1] - before[1] - 1} of {topic}", file=sys.stderr)
        last[topic] = place
        print(f"{topic}@{place[0]}:{place[1]}", fields, flush=True)


if __name__ == "__main__":
    main()
