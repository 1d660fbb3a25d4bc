"""Reads the stream of an api and does nothing with it: `python -m tests.bench.stream_reader PORT KEY`.

It writes a line when the past is told. It has the lowest priority: a reader's own work would be on another machine.
"""

from __future__ import annotations

import json
import os
import sys

from websockets.sync.client import connect

TOPICS = ("session.", "intent.", "suppressed.", "signal.", "reject.", "order.", "fill.", "trade.", "risk.")  # those of the page
MORE = ("sys.alarm.", "sys.gap.", "feed.status.", "ops.event.")

if __name__ == "__main__":
    os.nice(19)
    with connect(f"ws://127.0.0.1:{sys.argv[1]}/stream", max_size=None, compression=None) as stream:
        stream.send(json.dumps({"key": sys.argv[2], "topics": [*TOPICS, *MORE]}))
        for message in stream:
            if message == '{"kind":"live"}':
                print("live", flush=True)
