"""The stream to pages and programs: facts as they come, each reader with a queue of its own that has a bound.

A reader that does not read costs what its queue holds, and is cut when that is full or when nothing of it has left for a while.
The server's own ping does not find it: a handler that waits inside `send` waits on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from tapewire.daemons.api.callers import Caller
from tapewire.daemons.api.memory import SeenFact

MOST_BYTES = 4 << 20  # unread of one reader, beside what the kernel has taken
STALL_S = 5.0  # without one message that has left
PART = 32 << 10  # of the past in one message, or one fact: a reader on a bad line gets so much within the time of a stall


class Listener:
    """One reader of the stream.

    Args:
        prefixes: the topics that it wants. end: ends its connection at once, whatever waits to be sent.
    """

    def __init__(self, caller: Caller, prefixes: tuple[str, ...], end: Callable[[], None]) -> None:
        self.caller = caller
        self.prefixes = prefixes
        self.cut_off = False
        self._end = end
        self.size = 0
        self._queue: deque[bytes] = deque()
        self._come = asyncio.Event()

    def put(self, message: bytes) -> None:
        """One more message; the connection ends if there is no room for it."""
        if self.cut_off:
            return
        self._queue.append(message)
        self.size += len(message)
        self._come.set()
        if self.size > MOST_BYTES:
            self.cut()

    async def next(self) -> bytes:
        """The next message, when there is one."""
        while not self._queue:
            self._come.clear()
            await self._come.wait()
        message = self._queue.popleft()
        self.size -= len(message)
        return message

    def cut(self) -> None:
        """End it: it does not read."""
        self.cut_off = True
        self.end()

    def end(self) -> None:
        """End its connection at once."""
        self._queue.clear()
        self._end()


class Hub:
    """All readers of the stream.

    cut_off: how many were cut, since the start, because they did not read. newcomers: one has come that was not told how a replay
    stands.
    """

    def __init__(self) -> None:
        self.newcomers = False
        self.listeners: set[Listener] = set()
        self.cut_off = 0

    def tell(self, facts: Iterable[SeenFact]) -> None:
        """These have come."""
        if not self.listeners:
            return
        texts = [(told.topic, told.text) for told in facts]
        made: dict[tuple[str, ...], bytes] = {}
        for listener in [*self.listeners]:
            message = made.get(listener.prefixes)
            if message is None:
                wanted = [text for topic, text in texts if topic.startswith(listener.prefixes)]
                message = made[listener.prefixes] = facts_message(wanted, past=False) if wanted else b""
            if message:
                listener.put(message)

    def say(self, message: bytes) -> None:
        """The same to all."""
        for listener in [*self.listeners]:
            listener.put(message)


def in_parts(facts: Iterable[SeenFact]) -> Iterator[bytes]:
    """Facts of the past in messages."""
    texts: list[bytes] = []
    size = 0
    for fact in facts:
        text = fact.text
        if texts and size + len(text) > PART:
            yield facts_message(texts, past=True)
            texts, size = [], 0
        texts.append(text)
        size += len(text)
    if texts:
        yield facts_message(texts, past=True)


def facts_message(texts: list[bytes], *, past: bool) -> bytes:
    """Facts in one message."""
    return b'{"kind":"facts","past":%s,"facts":[%s]}' % (b"true" if past else b"false", b",".join(texts))
