"""The daybook lets another process copy the run's files, once in a while, one at a time."""

from __future__ import annotations

import subprocess
from pathlib import Path

import structlog

from tapewire.daemons.settings.structs import Mirroring
from tapewire.replay.days import helper
from tapewire.strategies.clock import SECOND_NS

LOG = Path("logs") / "mirror.log"
LONGEST_NS = 600 * SECOND_NS


class Passes:
    """When the next pass begins, and the one that runs. Nothing here can delay the daybook: it starts processes and looks."""

    def __init__(self, run: Path, conf: Mirroring, logger: structlog.stdlib.BoundLogger) -> None:
        self._run = run
        self._conf = conf
        self._logger = logger
        self._next_ns = 0
        self._since_ns = 0
        self._failed = False
        self._process: subprocess.Popen[bytes] | None = None

    def look(self, now_ns: int) -> None:
        """Start a pass that is due, and tell when one fails, and when one succeeds again (monotonic time)."""
        if not (self._conf.public or self._conf.private):
            return
        if self._process is not None:
            self._look_after(self._process, now_ns)
        elif now_ns >= self._next_ns:
            self._next_ns = now_ns + int(self._conf.every_s * SECOND_NS)
            self._since_ns = now_ns
            self._process = helper.start(self._run, ("mirror", "--quiet", "--run", str(self._run)), LOG)

    def stop(self) -> None:
        """End what runs; the next start goes on."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def _look_after(self, process: subprocess.Popen[bytes], now_ns: int) -> None:
        status = process.poll()
        if status is None:
            if now_ns - self._since_ns > LONGEST_NS:
                process.kill()
            return
        self._process = None
        if status and not self._failed:
            self._logger.error("mirror_failed", status=status, log=str(self._run / LOG))
        elif not status and self._failed:
            self._logger.info("mirror_again")
        self._failed = bool(status)
