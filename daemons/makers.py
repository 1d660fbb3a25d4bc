"""Which daemons exist and how each is made: the one list that the command line, the supervisor and a new epoch go by.

Modules are named and not imported, because a process loads only its own daemon: it starts in half the time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from tapewire.daemons.settings.structs import Conf

if TYPE_CHECKING:
    from tapewire.daemons.shell.epochs import Make

# Each module has `daemon(conf)`, the daemon as a value. In the order in which they start.
CORES = {
    "publisher": "tapewire.daemons.publisher.process",
    "gate": "tapewire.daemons.gate.core",
    "tracker": "tapewire.daemons.tracker.core",
    "evaluator": "tapewire.daemons.evaluation",
}
# They stop in reverse: the daybook reads what the logger has written last.
NAMES = ("broker", "daybook", "logger", *CORES)


def maker(name: str) -> Make:
    """How the daemon of this name is made; a key of CORES."""
    return cast("Make", importlib.import_module(CORES[name]).daemon)


def durable(conf: Conf) -> dict[str, Make]:
    """How each daemon that keeps its own log under these settings is made, by name.

    Raises:
        ConfError: a daemon cannot be made of these settings.
    """
    makers = {name: maker(name) for name in CORES}
    return {name: make for name, make in makers.items() if make(conf).durable is not None}
