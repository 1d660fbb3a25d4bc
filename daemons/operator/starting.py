"""Progress of a start: which daemon is up, what is awaited, and when an entry could be traded."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from tapewire.daemons.operator import gather, ready
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.settings.structs import Conf

PAUSE_S = 0.5


class Told:
    """Tells what is new about a start, each thing once.

    Args:
        say: takes a line for a person.
    """

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._start_s = clock()
        self._last = ""
        self._daemons: tuple[str, ...] = ()

    def line(self, text: str) -> None:
        """Say this, unless it was the last thing said."""
        if text != self._last:
            self._last = text
            self._say(f"{self._clock() - self._start_s:5.1f} s  {text}")

    def waiting(self, daemons: Sequence[str]) -> None:
        """These daemons are not ready yet; the first time all of them."""
        self._daemons = self._daemons or tuple(daemons)
        up = [name for name in self._daemons if name not in daemons]
        self.line(f"up: {', '.join(up) or 'none yet'}; waiting for {', '.join(daemons)}")


def until_ready(instance: Instance, conf: Conf, timeout_s: float, told: Told) -> list[str]:
    """Wait until an entry could be traded: the lights of `tapewire ready`.

    Trading that is off, or killed, is a person's choice: only the rest is waited for, and the account is told.

    Returns:
        What is still missing after `timeout_s`; empty if nothing is.
    """
    told.line("up: all daemons; waiting for NinjaTrader")
    until = time.monotonic() + timeout_s
    while True:
        lights = ready.lights(conf, gather.look(instance))
        missing = [f"{light.name}: {light.text}" for light in lights if not light.on and light.name != "account"]
        if not missing or time.monotonic() > until:
            break
        told.line(f"waiting for {missing[0]}")
        time.sleep(PAUSE_S)
    for light in lights:
        if light.on or light.name == "account":
            told.line(f"{'on ' if light.on else 'off'} {light.name}: {light.text}")
    return missing
