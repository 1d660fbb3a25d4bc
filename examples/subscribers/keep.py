"""Keep the whole feed in a file that can be proved later: `python keep.py anna.key FEED.jsonl`. Needs pyzmq and msgpack.

Every line is there once and in order, also those that were sent while this program was not running: it asks for them by number.
`tapewire audit FEED.jsonl --key anna.key`, or `python verify.py FEED.jsonl anna.key`, proves the file. A signal that was caught up
on after its time has "expired": true. It is never to be traded.
"""

import base64
import json
import sys
import time
import tomllib

import msgpack
import zmq
from follow import locked, stream

HEADER = {"v": 1, "source": "subscriber", "epoch": 0, "seq": 0, "event_ns": 0, "cause": ""}


def ask(key, verb, argument="", timeout_ms=10_000):
    """The answer to a question; None if there is none now."""
    with locked(zmq.Context.instance().socket(zmq.DEALER), key) as socket:
        socket.linger = 0
        socket.connect(key["ask"])  # without a routing id of one's own: such a peer gets no answer
        question = {**HEADER, "type": "control", "id": verb, "verb": verb, "argument": argument}
        socket.send_multipart([b"", b"request.", msgpack.packb(question)])
        if not socket.poll(timeout_ms):
            return None
        report = msgpack.unpackb(socket.recv_multipart()[-1])
        if not report["ok"] and report["text"].startswith("RATE"):
            return None  # many ask at the moment; the next state is a second away
        if not report["ok"]:
            sys.exit(report["text"])
        return json.loads(report["text"])


class Keeper:
    """The file, and the last number in it."""

    def __init__(self, key, path):
        self.key = key
        self.file = open(path, "a+b")  # noqa: SIM115 - for the life of the program
        self.file.seek(0)
        self.last = 0
        for text in self.file:
            if not text.endswith(b"\n"):  # the disk was full, or the power went: it comes again
                self.file.truncate(self.file.tell() - len(text))
                break
            self.last = json.loads(text)["number"]

    def write(self, line):
        """Append a line."""
        self.file.write(json.dumps({**line, "received_ns": time.time_ns()}).encode() + b"\n")
        self.file.flush()
        self.last = line["number"]

    def catch_up(self):
        """Ask for every line after the last one."""
        while page := ask(self.key, "since", str(self.last)):
            for line in page["lines"]:
                self.write(line)
            if not page["more"]:
                return

    def take(self, topic, frame, place):
        """A message of the stream."""
        if place is None:
            if msgpack.unpackb(frame)["number"] > self.last:  # public.state. says what there is, once a second
                self.catch_up()
        elif place["number"] == self.last + 1:
            self.write({"topic": topic, "frame": base64.b64encode(frame).decode(), "expired": False, **place})
        elif place["number"] > self.last:
            self.catch_up()


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as opened:
        key = tomllib.load(opened)
    keeper = Keeper(key, sys.argv[2])
    for message in stream(key):
        keeper.take(*message)
