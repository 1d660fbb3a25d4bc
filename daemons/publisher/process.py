"""The publisher as a process: its core, the public port, and files where the settings name a folder for them."""

from __future__ import annotations

from pathlib import Path

from tapewire.bus.daemon import Daemon, PublicPolicy
from tapewire.daemons.publisher import core
from tapewire.daemons.publisher.signal_files import SignalFiles
from tapewire.daemons.settings.structs import Conf


def daemon(conf: Conf) -> Daemon:
    """The publisher of a run. A relative folder for signal files lies in the run's folder."""
    folder = conf.publisher.signal_files
    sink = (lambda run: SignalFiles(Path(run) / folder)) if folder else None
    return core.daemon(conf)._replace(public=PublicPolicy(sink=sink))
