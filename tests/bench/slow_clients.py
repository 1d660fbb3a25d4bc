"""A thousand slow clients of an api, as a process: `python -m tests.bench.slow_clients PORT KEY [usual]`.

A third sends a head that never ends, a line a second; a third a question to `/signal` with its key, a byte of the body a second;
the others ask for the whole stream and take nothing of it. Who is cut off comes back after a second. It writes a line when each has
been there once.

Their own work would be on other machines, so here it takes only what nobody else wants (SCHED_IDLE): with the lowest niceness alone
they had a share of the core, and their connections, their handshakes and what they are sent would be in the door's figures. `usual`
as a third word leaves the priority as it is.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress

from websockets.asyncio.client import connect

from tapewire.daemons.shell import limits

MANY = 1_000
SLOW_S = AGAIN_S = 1.0
TOPICS = ["session.", "signal.", "order.", "fill.", "trade."]


class Crowd:
    """Those who have been there, and how often."""

    def __init__(self, port: int, key: str) -> None:
        self.port = port
        self.key = key
        self.been: set[int] = set()
        self.all_been = asyncio.Event()

    def here(self, who: int) -> None:
        """This one is connected."""
        self.been.add(who)
        if len(self.been) == MANY:
            self.all_been.set()

    async def stay(self, who: int) -> None:
        """Connect, be slow, and come again when it is over."""
        while True:
            with suppress(OSError, TimeoutError, EOFError):
                await (self._head, self._body, self._stream)[who % 3](who)
            await asyncio.sleep(AGAIN_S)

    async def _head(self, who: int) -> None:
        await self._drip(who, "GET /health HTTP/1.1", (f"X-{at}: a\r\n" for at in itertools.count()))

    async def _body(self, who: int) -> None:
        head = f"POST /signal HTTP/1.1\r\nX-API-Key: {self.key}\r\nContent-Type: application/json\r\nContent-Length: 4096"
        await self._drip(who, head, itertools.chain(("\r\n{",), itertools.repeat(" ")))

    async def _drip(self, who: int, head: str, parts: Iterable[str]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(f"{head}\r\nHost: 127.0.0.1:{self.port}\r\n".encode())
            self.here(who)
            for part in parts:
                writer.write(part.encode())
                with suppress(TimeoutError):
                    async with asyncio.timeout(SLOW_S):
                        await reader.read()  # until it is cut off
                        return
        finally:
            writer.transport.abort()

    async def _stream(self, who: int) -> None:
        asked = json.dumps({"key": self.key, "topics": TOPICS})
        try:
            async with connect(f"ws://127.0.0.1:{self.port}/stream", compression=None, max_queue=1, close_timeout=0) as stream:
                self.here(who)
                await stream.send(asked)
                await stream.wait_closed()  # with a queue of one message, it soon reads no more
        except Exception:  # turned away, or cut: it comes again
            self.here(who)


async def main(port: int, key: str) -> None:
    """Until it is killed."""
    crowd = Crowd(port, key)
    async with asyncio.TaskGroup() as group:
        for who in range(MANY):
            group.create_task(crowd.stay(who))
        await crowd.all_been.wait()
        print("all have been there", flush=True)


if __name__ == "__main__":
    if sys.argv[3:] != ["usual"]:
        os.nice(19)
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    limits.raise_open_files()
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
