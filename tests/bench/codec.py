"""The codec: typed structs with a header, against msgpack and json on the same maps as plain dicts."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgpack

from tapewire.bus import topics, wire
from tapewire.bus.messages import Bar, Body, Header, Session
from tapewire.replay import loop, runs
from tests.bench import ours
from tests.bench.figures import Figure, compared, in_turns


def run(folder: Path, recorded: ours.Recorded, *, quick: bool) -> list[Figure]:
    """Encode and decode a bar and a session of the afternoon; msgpack and json get, and give, a dict without any check."""
    last: dict[str, tuple[Header, Body]] = {}

    def record(topic: str, header: Header, body: Body) -> None:
        if isinstance(body, Bar) or (isinstance(body, Session) and body.k is not None):
            last[topic.partition(".")[0] + "."] = (header, body)

    conf = ours.settings("seed")
    loop.run(ours.daemons(conf), runs.venue(conf), recorded.bars[:1_300], record)
    figures: list[Figure] = []
    for prefix, name in ((topics.RAW, "bar"), (topics.SESSION, "session")):
        header, body = last[prefix]
        frame = wire.encode(header, body)
        plain = msgpack.unpackb(frame)
        text = json.dumps(plain)
        ways: dict[str, dict[str, Callable[[], object]]] = {
            "encode": {
                "msgpack": partial(msgpack.packb, plain),
                "tapewire": partial(wire.encode, header, body),
                "json": partial(json.dumps, plain),
            },
            "decode": {
                "msgpack": partial(msgpack.unpackb, frame),
                "tapewire": partial(wire.decode, frame),
                "json": partial(json.loads, text),
            },
        }
        for what, variants in ways.items():
            taken = in_turns(variants, rounds=20 if quick else 200, times=200)
            sizes = {"msgpack": f"{len(frame)} bytes", "json": f"{len(text)} bytes"}
            figures += compared(f"codec, {what} a {name}", taken, "msgpack", notes=sizes)
    return figures
