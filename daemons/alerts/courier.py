"""A thread for each channel: a slow or dead one delays nobody, neither the daemon nor another channel."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from tapewire.bus.errors import TapewireError
from tapewire.daemons.alerts import pace
from tapewire.daemons.alerts.alert import Alert
from tapewire.daemons.alerts.senders import Send, Undelivered

SINGLE = 5  # so many go one by one; more than that wait already because the channel is slow, and go together
UNPACED = 1_000_000
MOST = 200  # alerts that wait for one channel; beyond it the oldest is dropped


class Parcel(NamedTuple):
    """An alert on its way to a channel."""

    number: int
    alert: Alert


class Delivery(NamedTuple):
    """What became of these alerts. error: why not, empty if they were delivered. over: they are not tried again."""

    channel: str
    numbers: tuple[int, ...]
    error: str = ""
    over: bool = True


class Courier:
    """Delivers the alerts of one channel, in their order.

    What waits when the pace allows a message goes as one. A failure is tried again, behind longer and longer pauses.

    Args:
        per_minute: how many messages are allowed; 0 for a channel that takes each alert at once, such as the log.
        tell: takes what became of an alert; called in the courier's thread.
    """

    def __init__(self, name: str, send: Send, per_minute: int, tell: Callable[[Delivery], None]) -> None:
        self.name = name
        self._send = send
        self._pace = pace.SendingPace(per_minute or UNPACED)
        self._single = SINGLE if per_minute else MOST
        self._tell = tell
        self._arrived: queue.SimpleQueue[Parcel | None] = queue.SimpleQueue()
        self._waiting: deque[Parcel] = deque()
        self._since_s = 0.0
        self._tries = 0
        self._thread = threading.Thread(target=self._work, name=f"alerts-{name}", daemon=True)
        self._ended = False

    def start(self) -> None:
        self._thread.start()

    def put(self, entry: Parcel) -> None:
        """Never waits."""
        self._arrived.put(entry)

    def stop(self, wait_s: float) -> None:
        """End after the message that is being sent, if that is soon; the process need not wait for it."""
        self._ended = True
        self._arrived.put(None)
        self._thread.join(wait_s)

    def _work(self) -> None:
        wait_s: float | None = None
        while not self._ended:
            self._receive(wait_s)
            wait_s = None
            if self._waiting and not self._ended:
                wait_s = self._pace.wait_s(time.monotonic()) or self._deliver()

    def _receive(self, wait_s: float | None) -> None:
        """Take what has come; without anything, wait for the first or for the time that a try is due."""
        until_s = None if wait_s is None else time.monotonic() + wait_s
        while not self._ended:
            left_s = None if until_s is None else until_s - time.monotonic()
            try:
                entry = self._arrived.get_nowait() if left_s is not None and left_s <= 0 else self._arrived.get(timeout=left_s)
            except queue.Empty:
                return
            if entry is None:
                return
            if not self._waiting:
                self._since_s = time.monotonic()
            self._waiting.append(entry)
            if len(self._waiting) > MOST:
                self._tell(Delivery(self.name, (self._waiting.popleft().number,), "too many alerts wait"))
            if until_s is None:  # what else is here goes with it, if it must
                until_s = time.monotonic()

    def _deliver(self) -> float | None:
        """One message. Returns how long to wait before the next one."""
        single = len(self._waiting) <= min(self._single, self._pace.room(time.monotonic()))
        entries = [self._waiting[0]] if single else [*self._waiting]
        error = ""
        self._pace.sent(time.monotonic())
        try:
            self._send(pace.together([each.alert for each in entries]))
        except (Undelivered, TapewireError) as failure:
            error = str(failure)
        except Exception as failure:  # a library's own text may hold an address
            error = type(failure).__name__
        numbers = tuple(each.number for each in entries)
        if not error:
            for _ in entries:
                self._waiting.popleft()
            self._tries = 0
            self._since_s = time.monotonic()
            self._tell(Delivery(self.name, numbers))
            return 0.0 if self._waiting else None
        self._tries += 1
        if time.monotonic() - self._since_s > pace.GIVEN_UP_S:
            self._tell(Delivery(self.name, tuple(each.number for each in self._waiting), error))
            self._waiting.clear()
            self._tries = 0
            return None
        self._tell(Delivery(self.name, numbers, error, over=False))
        return pace.pause_s(self._tries)
