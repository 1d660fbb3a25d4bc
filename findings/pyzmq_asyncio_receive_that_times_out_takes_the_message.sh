#!/usr/bin/env bash
# A receive on pyzmq's asyncio socket that is cancelled as its message comes takes the message with it: nobody gets it.
#
# Versions: pyzmq 27.3.0 with libzmq 4.3.5, CPython 3.11, Linux x86-64.
#
# Behaviour: `async with asyncio.timeout(...): await socket.recv()` is the usual bounded wait. The socket's reader takes the message from
# libzmq into the future that `recv` gave; the task that awaits it runs one turn of the loop later. If the deadline passes in between, the
# task is cancelled, and the future is dropped with the message in it: TimeoutError, and the next receive gives the next message. It needs
# no more than a loop that is late for once (a slow handler, a collection of garbage), so that arrival and deadline fall into one turn.
# A stream reader of asyncio itself keeps what a cancelled wait did not hand out. `poll` with the deadline, and then `recv`, loses nothing.
#
# Output seen (two messages, the first while the loop is busy over the deadline):
#   recv within a deadline: TimeoutError, then second
#   poll with the deadline, then recv: first, then second
#   a stream reader within a deadline: TimeoutError, then first
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pyzmq==27.3.0'
cat > "$folder/try.py" <<'PY'
import asyncio
import socket
import sys
import time
from collections.abc import Awaitable, Callable

import zmq
import zmq.asyncio

Get = Callable[[], Awaitable[bytes]]


async def got(first: Get, then: Get, put: Callable[[bytes], object], wait: float) -> list[str]:
    """What the first get says, whose message comes while the loop is busy until after its deadline, and what the next ones give."""
    asyncio.get_running_loop().call_later(0.05, lambda: (put(b"first"), time.sleep(0.5)))
    try:
        async with asyncio.timeout(wait):
            said = [(await first()).decode()]
    except TimeoutError:
        said = ["TimeoutError"]
    put(b"second")
    async with asyncio.timeout(5):
        return [*said, (await then()).decode()]


async def main() -> int:
    context, plain = zmq.asyncio.Context(), zmq.Context()
    sockets = []
    for _ in range(2):
        push, pull = plain.socket(zmq.PUSH), context.socket(zmq.PULL)
        push.bind("tcp://127.0.0.1:*")
        pull.connect(push.last_endpoint.decode())
        sockets.append((push, pull))
    (push, pull), (other, polled) = sockets
    await asyncio.sleep(0.2)

    async def after_poll() -> bytes:
        return await polled.recv() if await polled.poll(200) else b"nothing"

    here, there = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=here)

    async def line() -> bytes:
        return (await reader.readline()).strip()

    awaited = await got(pull.recv, pull.recv, push.send, 0.2)
    asked = await got(after_poll, polled.recv, other.send, 5)
    read = await got(line, line, lambda message: there.send(message + b"\n"), 0.2)
    print(f"recv within a deadline: {', then '.join(awaited)}")
    print(f"poll with the deadline, then recv: {', then '.join(asked)}")
    print(f"a stream reader within a deadline: {', then '.join(read)}")
    writer.close()
    context.destroy(0)
    plain.destroy(0)
    return 0 if (awaited, asked, read) == (["TimeoutError", "second"], ["first", "second"], ["TimeoutError", "first"]) else 1


sys.exit(asyncio.run(main()))
PY
timeout 60 "$folder/venv/bin/python" -P "$folder/try.py" || { echo "the behaviour has changed"; exit 1; }
