"""The daybook lets another process judge each day that is over, one at a time, and tells what came of it.

The process is the command `tapewire verify`, at the lowest priority, so the folders go on and no order waits. Messages of a day's
end may still be on their way into the journal when the daybook closes it, so a day waits a moment first. A day that closed while
no daybook ran is judged at the next start.
"""

from __future__ import annotations

import subprocess
from collections import deque
from contextlib import suppress
from pathlib import Path

import structlog

from tapewire.bus.errors import DataError
from tapewire.bus.messages import Alarm
from tapewire.replay.days import folders, helper
from tapewire.replay.days.files import Performance
from tapewire.strategies.clock import SECOND_NS

SETTLE_NS = 5 * SECOND_NS
LOG = Path("logs") / "verify.log"


class Evening:
    """The days that wait for their verdict, and the one that is being judged.

    Args:
        wanted: days are judged; not in a replay, whose venue is the simulated one.
    """

    def __init__(self, run: Path, logger: structlog.stdlib.BoundLogger, *, wanted: bool) -> None:
        self._run = run
        self._logger = logger
        self._wanted = wanted
        self._waiting: deque[tuple[int, str]] = deque()
        self._date = ""
        self._process: subprocess.Popen[bytes] | None = None
        if unjudged := _unjudged(run):
            self.over(unjudged, 0)

    def over(self, date: str, now_ns: int) -> None:
        """A day is over (monotonic time)."""
        if self._wanted:
            self._waiting.append((now_ns + SETTLE_NS, date))

    def look(self, now_ns: int) -> Alarm | None:
        """Start what is due. Returns an alarm if a day that was judged is not equal."""
        if self._process is not None and self._process.poll() is not None:
            status, self._process = self._process.returncode, None
            return self._told(status)
        if self._process is None and self._waiting and self._waiting[0][0] <= now_ns:
            self._date = self._waiting.popleft()[1]
            self._process = helper.start(self._run, ("verify", self._date, "--run", str(self._run)), LOG)
        return None

    def stop(self) -> None:
        """End what runs; the next start judges the day."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def _told(self, status: int) -> Alarm | None:
        try:
            found = folders.judged(self._run, self._date)
        except DataError as error:
            found, status = None, error.status
        if found is None or status not in (0, 1):
            self._logger.error("not_judged", session=self._date, status=status)
            why = f"`tapewire verify {self._date}` ended with status {status}; see {self._run / LOG}"
            return Alarm("not_judged", f"{self._date}: {why}")
        self._logger.info("judged", session=self._date, verdict=found.verdict)
        return None if found.verdict == "equal" else Alarm(found.verdict, found.summary)


def _unjudged(run: Path) -> str:
    """The newest day that is closed, if it has no verdict; empty otherwise."""
    for date in reversed(folders.dates(run)):
        with suppress(DataError):
            done = folders.read(folders.place(run, date) / "performance.json", Performance)
            if done is not None and done.closed:
                return "" if (folders.place(run, date) / folders.VERDICT).exists() else date
    return ""
