"""Connections on tcp by which bytes come and no message.

A message may have any number of frames, and libzmq shows none of them before the last has come. Until then it keeps them, without
a limit. The kernel knows how much has come by a connection. So once a second those are noted that have received `MOST` bytes more
than at their last message; one that brings no message until the next look, either, is shut down.

On a unix socket the kernel counts nothing. Only programs of the run's own user reach those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tapewire.bus import connections

MOST = 8 << 20
"""Bytes without a message. The longest one has three frames, and 1 MiB."""


class Endless:
    """Looks at the connections of one process.

    suspects: descriptors of those that were noted at the last look; `heard` is to be called when a message comes by one.
    """

    def __init__(
        self,
        received: Callable[[int, int], int] = connections.received,
        shut: Callable[[int, int], bool] = connections.shut,
    ) -> None:
        self.suspects: set[int] = set()
        self._received = received
        self._shut = shut
        self._base: dict[tuple[int, int], int] = {}
        self._heard: set[int] = set()

    def heard(self, fd: int) -> None:
        """A message came by this connection."""
        self._heard.add(fd)

    def look(self, open_ones: Mapping[int, int]) -> list[int]:
        """Look at the connections, by descriptor and inode. Returns those that were shut down."""
        base: dict[tuple[int, int], int] = {}
        suspects: set[int] = set()
        ended: list[int] = []
        for name in open_ones.items():
            fd, received = name[0], self._received(*name)
            base[name] = received if fd in self._heard else self._base.get(name, 0)
            if received - base[name] <= MOST:
                continue
            if name in self._base and fd in self.suspects:
                if self._shut(*name):
                    ended.append(fd)
            else:
                suspects.add(fd)
        self.suspects, self._base = suspects, base
        self._heard.clear()
        return ended
