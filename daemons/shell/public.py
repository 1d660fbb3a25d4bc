"""The public port: what subscribers outside may read, and files of it where the daemon's value asks for them."""

from __future__ import annotations

from pathlib import Path

from tapewire.bus import sockets
from tapewire.bus.backlog import Backlog
from tapewire.bus.daemon import PublicPolicy
from tapewire.bus.messages import Body
from tapewire.bus.subscriptions import Subscriptions
from tapewire.daemons.shell.process import BATCH, Process

PORT = "public"


class PublicPort:
    """Sends a daemon's public facts to whoever is connected. What nobody reads is gone: the journal has it.

    Args:
        run: the run's folder.
    """

    def __init__(self, process: Process, policy: PublicPolicy, run: Path) -> None:
        self._socket = process.bind(sockets.public_out, process.doors.both(PORT))
        self._backlog = Backlog(process.doors.both(PORT).addresses, process.conf.bus.reader_mib << 20)
        self._subscriptions = Subscriptions()
        self._role = process.doors.guard.role
        self._logger = process.logger
        self._prefix = policy.prefix
        self._sink = None if policy.sink is None else policy.sink(str(run))
        process.listen(self._socket, self._subscribed)

    def watch(self) -> None:
        """End the connections of readers whose key was revoked. To be called about once a second."""
        self._subscriptions.revoked(lambda who: self._role(who) is not None)

    def publish(self, topic: str, body: Body, frame: bytes) -> None:
        """Send a fact, if its topic is public, and write its file. A file that fails is logged and stops nothing."""
        if not topic.startswith(self._prefix):
            return
        self._socket.send_multipart((topic.encode(), frame))
        if cut := self._backlog.sent(len(topic) + len(frame)):
            self._logger.warning("reader_cut", readers=cut, total=self._backlog.cut)
        if self._sink is None:
            return
        try:
            place = self._sink.take(body)
        except Exception as error:  # the disk, or a value that no text can hold
            self._logger.error(f"{self._sink.name}_failed", folder=str(self._sink.folder), error=str(error))
            return
        if place is not None:
            self._logger.info(self._sink.name, path=str(place))

    def _subscribed(self) -> None:
        """libzmq keeps what it reports until it is taken."""
        for who, fd, asked in sockets.subscriptions(self._socket, BATCH):
            if self._subscriptions.reported(who, fd, asked):
                self._logger.warning("subscriptions_cut", key=who, total=self._subscriptions.cut)
