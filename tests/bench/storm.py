"""`python -m tests.bench.storm RUN RATE`: a feed of last trades, as a process of its own.

Lines of its input: `on`, `off`; its end ends it. Prints `ready` when the broker listens, and after each `off` how many it has sent
in all.
"""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path

import zmq

from tapewire.bus import access, sockets, topics, wire
from tapewire.bus.messages import Header, Tick

INSTRUMENT = "MNQ"
TOPIC = topics.tick(INSTRUMENT).encode()
BEGAN_NS = 1_772_553_600_000_000_000
STEP_S = 0.002


def main() -> None:
    run, rate = Path(sys.argv[1]), int(sys.argv[2])
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.XPUB)
    socket.setsockopt(zmq.SNDHWM, sockets.TICKS_HWM)
    access.local(run, "nt").to("ticks.in").connect(socket)
    socket.recv()  # the broker's subscription
    print("ready", flush=True)
    sent, since = 0, time.monotonic()
    on, due = False, 0.0
    while True:
        if select.select([sys.stdin], [], [], STEP_S if on else None)[0]:
            line = os.read(0, 100).decode()
            if not line:
                break
            if "off" in line:
                print(sent, flush=True)
            on = line.strip().endswith("on")
            due = time.monotonic()
        if not on:
            continue
        now = time.monotonic()
        for _ in range(min(int((now - due) * rate), rate)):
            sent += 1
            at_ns = BEGAN_NS + int((now - since) * 1e9)
            price = 21_000.0 + sent % 9 * 0.25
            tick = Tick(INSTRUMENT, at_ns, price, 1, price - 0.25, price, 1, None, None, None, 1, 0, 1, 0)
            sockets.send(socket, (TOPIC, wire.encode(Header(1, "nt", 1, sent, at_ns), tick)))
        due = now


if __name__ == "__main__":
    main()
