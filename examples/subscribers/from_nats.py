"""Keep the feed that a relay puts into NATS: `python from_nats.py nats://HOST:4222 premium FEED.jsonl [LOGIN.toml]`. Needs nats-py.

LOGIN.toml, readable by you alone, if the server wants to know who you are: `user` and `password`, `token`, or `user_credentials`
with the path of a .creds file. Every line is in the file once and in order, also those that were stored while this program was not
running: it goes on behind the last one. `tapewire audit`, or verify.py, proves the file.
"""

import asyncio
import base64
import json
import sys
import time
import tomllib
from pathlib import Path

import nats


def line(message):
    """A line of a kept feed from a message: the headers have its place, the payload is the map as it was signed."""
    head = message.headers
    place = {"number": int(head["Tapewire-Number"]), "topic": head["Tapewire-Topic"], "previous": head["Tapewire-Previous"]}
    noted = {"sequence": message.seq, "received_ns": time.time_ns()}
    return {**place, "frame": base64.b64encode(message.data).decode(), **noted}


async def after(stream, name, sequence):
    """The stored messages behind a sequence."""
    state = (await stream.stream_info(name)).state
    first = sequence + 1 if sequence <= state.last_seq else 1  # the stream was made anew
    for number in range(max(first, state.first_seq), state.last_seq + 1):
        yield await stream.get_msg(name, number)


async def keep(server, tier, path, login):
    """Append each new line to a file."""
    known = [json.loads(text) for text in path.open(encoding="utf-8")] if path.exists() else []
    last, sequence = (known[-1]["number"], known[-1]["sequence"]) if known else (0, 0)
    client = await nats.connect(server, max_reconnect_attempts=-1, **login)
    news = await client.subscribe(f"tapewire.{tier}.>")
    with path.open("a", encoding="utf-8") as file:
        while True:
            try:
                async for message in after(client.jetstream(), f"TAPEWIRE-{tier.upper()}", sequence):
                    kept = line(message)
                    if kept["number"] > last:  # else it was stored again, after a purge
                        file.write(json.dumps(kept) + "\n")
                        file.flush()
                        last = kept["number"]
                    sequence = message.seq
                await news.next_msg(timeout=5)
            except nats.errors.Error:  # nothing new, or the server is away
                await asyncio.sleep(0.1)


if __name__ == "__main__":
    who = tomllib.loads(Path(sys.argv[4]).read_text("utf-8")) if len(sys.argv) > 4 else {}
    asyncio.run(keep(sys.argv[1], sys.argv[2], Path(sys.argv[3]), who))
