"""What the ports of subscribers need of the process that has them: a daemon on the bus, or a relay, which knows no bus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import structlog
import zmq

from tapewire.bus.clock import Clock
from tapewire.bus.guard import Door
from tapewire.bus.inlets import Handler
from tapewire.bus.messages import Body
from tapewire.daemons.shell.doors import Doors
from tapewire.daemons.shell.entrance import Entrance


class Host(Protocol):
    """As daemons/shell/process.py has them."""

    @property
    def doors(self) -> Doors: ...

    @property
    def entrance(self) -> Entrance: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def logger(self) -> structlog.stdlib.BoundLogger: ...

    def bind(self, make: Callable[[Any, Door], zmq.Socket[bytes]], door: Door) -> zmq.Socket[bytes]: ...

    def listen(self, socket: Any, handler: Handler, *, seldom: bool = False) -> None: ...

    def send(self, socket: zmq.Socket[bytes], frames: Sequence[bytes], flags: int = 0) -> None: ...

    def passing(self, topic: str, body: Body, now_ns: int) -> bytes: ...
