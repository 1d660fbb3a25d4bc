"""What the alerts daemon keeps: how far it has read, what was told, and what is still to be delivered. One small file.

It is written before an alert goes to its channels, and again when they have it. So a kill tells at most the message that was on
its way twice, and nothing is lost. After a damaged file nothing old is told.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct, field

from tapewire.bus import disk, private
from tapewire.daemons.alerts.alert import Alert
from tapewire.daemons.alerts.memory import Memory

FOLDER = "alerts"
FILE = "state.json"
MOST = 200  # undelivered alerts of one channel that are kept


class PendingAlert(Struct, frozen=True):
    """An alert that a channel is to tell."""

    number: int
    channel: str
    alert: Alert


class State(Struct):
    """read: by topic, epoch and number of the last fact that was judged. number: of the last alert that went to a channel. failing:
    channels whose last try has failed."""

    read: dict[str, tuple[int, int]] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    waiting: list[PendingAlert] = field(default_factory=list)
    number: int = 0
    failing: set[str] = field(default_factory=set)


def place(run: Path) -> Path:
    """The file in a run's folder."""
    return run / FOLDER / FILE


def load(run: Path) -> State | None:
    """What an earlier life has left; None if there is nothing, or nothing that can be read."""
    try:
        return msgspec.json.decode(place(run).read_bytes(), type=State)
    except (OSError, msgspec.MsgspecError):
        return None


def save(run: Path, state: State) -> None:
    """Write it. Raises DiskError."""
    with disk.writing(place(run)):
        private.folder(run / FOLDER)
    disk.replace(place(run), msgspec.json.encode(state))
