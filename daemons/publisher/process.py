"""The publisher as a process: its core, the public ports, and files where the settings name a folder for them."""

from __future__ import annotations

from pathlib import Path

from tapewire.bus.daemon import Daemon
from tapewire.daemons.publisher import core
from tapewire.daemons.publisher.signal_files import SignalFiles
from tapewire.daemons.settings.structs import Conf


def daemon(conf: Conf) -> Daemon:
    """The publisher of a run. A relative folder for signal files lies in the run's folder."""
    made = core.daemon(conf)
    folder = conf.publisher.signal_files
    sink = (lambda run: SignalFiles(Path(run) / folder)) if folder else None
    return made if made.public is None else made._replace(public=made.public._replace(sink=sink))
