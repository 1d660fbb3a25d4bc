"""The public side of a daemon: its public facts to subscribers, and as files where the daemon's value asks for them."""

from __future__ import annotations

from pathlib import Path

from tapewire.bus.daemon import PublicPolicy
from tapewire.bus.messages import Body, Header
from tapewire.daemons.shell.outlet import Outlet, ReaderLimits
from tapewire.daemons.shell.process import Process
from tapewire.daemons.shell.tiers import Tiers
from tapewire.daemons.shell.watch import Watch

PORT = "public"


class PublicSide:
    """Sends a daemon's public facts to whoever is connected. Without a feed, what nobody reads is gone: the journal has it.

    Args:
        run: the run's folder. watch: market time as the process has it.
    """

    def __init__(self, process: Process, policy: PublicPolicy, run: Path, watch: Watch) -> None:
        self._outlet = Outlet(process, PORT, ReaderLimits.of(process.conf))
        self._tiers = Tiers(process, policy, run, self._outlet, watch) if policy.feed else None
        self._logger = process.logger
        self._prefix = policy.prefix
        self._sink = None if policy.sink is None else policy.sink(str(run))

    def open(self) -> None:
        """The past is known: from now on facts are new."""
        if self._tiers is not None:
            self._tiers.open()

    def take(self, topic: str, header: Header, body: Body, frame: bytes, *, folding: bool) -> None:
        """Send a fact, if its topic is public, and write its file. A file that fails is logged and stops nothing.

        Args:
            folding: it is of the past. A feed that has it already leaves it out; nobody gets it now.
        """
        if not topic.startswith(self._prefix):
            return
        if self._tiers is not None:
            self._tiers.take(topic, header, body, frame, folding=folding)
        elif not folding:
            self._outlet.send((topic.encode(), frame))
        if not folding:
            self._write(body)

    def pass_time(self, now_ns: int) -> None:
        """Send what is due by now. To be called after each round. now_ns: monotonic."""
        if self._tiers is not None:
            self._tiers.pass_time(now_ns)

    def watch(self) -> None:
        """Look after the readers. To be called about once a second."""
        self._outlet.watch()
        if self._tiers is not None:
            self._tiers.watch()

    def close(self) -> None:
        """Nothing comes any more."""
        if self._tiers is not None:
            self._tiers.close()

    def _write(self, body: Body) -> None:
        if self._sink is None:
            return
        try:
            place = self._sink.take(body)
        except Exception as error:  # the disk, or a value that no text can hold
            self._logger.error(f"{self._sink.name}_failed", folder=str(self._sink.folder), error=str(error))
            return
        if place is not None:
            self._logger.info(self._sink.name, path=str(place))
