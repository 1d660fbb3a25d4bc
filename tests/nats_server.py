"""A real nats-server with JetStream for the tests, where there is one (Debian: `apt-get install nats-server`)."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

PROGRAM = shutil.which("nats-server", path="/usr/local/bin:/usr/bin:/usr/sbin") or shutil.which("nats-server")
needs_nats = pytest.mark.skipif(PROGRAM is None, reason="there is no nats-server here: sudo apt-get install nats-server")
Result = TypeVar("Result")


class NatsServer:
    """A server on a free port of this machine; it may be killed and started again.

    Args:
        more: further options, such as who may come in.
    """

    def __init__(self, folder: Path, *more: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"nats://127.0.0.1:{self.port}"
        self._folder = folder
        self._more = more
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, jetstream: bool = True) -> None:
        """Start it; the first clients may have to try again."""
        assert PROGRAM is not None
        words = [PROGRAM, "-a", "127.0.0.1", "-p", str(self.port), *(["-js", "-sd", str(self._folder)] if jetstream else [])]
        self._process = subprocess.Popen([*words, *self._more], stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def do(self, what: Callable[[Any], Awaitable[Result]], **login: str) -> Result:
        """What a client finds, given the JetStream of its connection."""
        import nats

        async def done() -> Result:
            client = await nats.connect(self.url, max_reconnect_attempts=20, reconnect_time_wait=0.1, error_cb=_quiet, **login)
            try:
                return await what(client.jetstream())
            finally:
                await client.close()

        return asyncio.run(done())

    def stored(self, stream: str, **login: str) -> list[Any]:
        """Its messages."""

        async def found(jetstream: Any) -> list[Any]:
            state = (await jetstream.stream_info(stream)).state
            return [await jetstream.get_msg(stream, number) for number in range(state.first_seq, state.last_seq + 1)]

        return self.do(found, **login)


async def _quiet(error: Exception) -> None:
    """A server that is not up yet is tried again."""
