"""A port that people outside subscribe to: what nobody reads is gone, and who does not read costs a bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tapewire.bus import connections, sockets
from tapewire.bus.backlog import Backlog
from tapewire.bus.subscriptions import Subscriptions
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell.host import Host
from tapewire.daemons.shell.process import BATCH


class ReaderLimits(NamedTuple):
    """What a reader may take.

    mib: one that leaves so much unread is disconnected. connections: under one key at a time; None for no limit.
    """

    mib: int
    connections: int | None

    @classmethod
    def of(cls, conf: Conf) -> ReaderLimits:
        """Those of a run."""
        return cls(conf.bus.reader_mib, conf.subscribers.connections if conf.subscribers.enabled else None)


class Outlet:
    """Sends messages to whoever is connected and has subscribed.

    port: its name. messages, bytes: sent to each reader so far, by the name of his key.
    """

    def __init__(self, host: Host, port: str, limits: ReaderLimits) -> None:
        door = host.doors.both(port)
        self.port = port
        self.messages: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self._uncounted: dict[bytes, tuple[int, int]] = {}  # by topic: messages and bytes
        self._send = host.send
        self._socket = host.bind(sockets.public_out, door)
        self._backlog = Backlog(door.addresses, limits.mib << 20)
        self._subscriptions = Subscriptions(most=limits.connections)
        self._cut: set[str] = set()
        self._guard = host.doors.guard
        self._logger = host.logger
        host.listen(self._socket, self._subscribed, seldom=True)

    def send(self, frames: Sequence[bytes]) -> None:
        """Send a message; its topic is the first frame."""
        self._send(self._socket, frames)
        size = sum(map(len, frames))
        if cut := self._backlog.sent(size):
            self._logger.warning("reader_cut", port=self.port, readers=cut, total=self._backlog.cut)

    def count(self, frames: Sequence[bytes]) -> None:
        """Note for those who have subscribed by the next `watch` that they have got this."""
        messages, size = self._uncounted.get(frames[0], (0, 0))
        self._uncounted[frames[0]] = (messages + 1, size + sum(map(len, frames)))

    def connected(self) -> Counter[str]:
        """How many connections each reader has that has subscribed, by the name of his key."""
        return self._subscriptions.readers()

    def watch(self) -> None:
        """End the connections of readers whose key lets them in here no more. To be called about once a second."""
        for topic, (messages, size) in self._uncounted.items():
            for who, count in self._subscriptions.readers(topic).items():
                self.messages[who] += count * messages
                self.bytes[who] += count * size
        self._uncounted.clear()
        self._subscriptions.revoked(lambda who: self._guard.may(who, self.port))

    def _subscribed(self) -> None:
        """libzmq keeps what it reports until it is taken."""
        for who, fd, asked in sockets.subscriptions(self._socket, BATCH):
            if who and not self._guard.may(who, self.port):  # it was let in before
                connections.end(fd)
            elif self._subscriptions.reported(who, fd, asked) and who not in self._cut:
                self._cut.add(who)  # the first time: he may come again for ever
                self._logger.warning("subscriptions_cut", port=self.port, key=who)
