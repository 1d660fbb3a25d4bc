"""The way of last trades through the broker, apart from everything else: a thread, a context and two ports of their own.

    ticks.in  (SUB)  ->  libzmq's own proxy  ->  ticks.out  (PUB)

A storm of trades must delay no bar and no order. So nothing of this is done by the thread that forwards facts, nor in Python: the
proxy runs in libzmq without the interpreter. Thread and context are born with a lower priority, and off the decision chain's core
where there is another one. Queues are short (`sockets.TICKS_HWM`); where one is full, trades are dropped, and each reader counts by
the numbers what it lacks. Nothing is kept and nothing is resent.

Once a second the broker's thread rings. Then the relay looks at the keys, as every guard must in the thread of its sockets.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
import zmq

from tapewire.bus import sockets
from tapewire.daemons.settings.structs import Bus
from tapewire.daemons.shell.doors import Doors

NICE = 10
END, COUNT = b"TERMINATE", b"STATISTICS"  # commands of libzmq's proxy
FRAMES = 2  # of a trade; libzmq 4.3.5 counts frames, not messages


class TickRelay:
    """The thread and what the broker's own thread sees of it. All methods are for the latter.

    Args:
        cores: those that it may run on.

    Raises:
        zmq.ZMQError: a port is in use.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        run: Path,
        bus: Bus,
        cores: Sequence[int],
        logger: structlog.stdlib.BoundLogger,
    ) -> None:
        self.forwarded = 0
        self._heard = False  # trades came since the relay looked
        self._asked = self._ending = False
        self._fault: Exception | None = None
        self._guard: Callable[[], dict[str, Any]] = dict
        self._ready = threading.Event()
        self._bell = context.socket(zmq.PAIR)
        self._bell.setsockopt(zmq.LINGER, 0)
        self._bell.bind(f"inproc://relay-{id(self)}")
        self._inside = context.socket(zmq.PAIR)
        self._inside.setsockopt(zmq.LINGER, 0)
        self._inside.connect(f"inproc://relay-{id(self)}")
        self._thread = threading.Thread(target=self._run, args=(run, bus, cores, logger), name="ticks", daemon=True)
        self._thread.start()
        self._ready.wait()
        try:
            self._check()
        except Exception:
            self.close()
            raise

    def ring(self) -> None:
        """Let it look at the keys, and count. To be called once a second.

        Raises:
            Exception: what has ended it.
        """
        self._check()
        with suppress(zmq.Again):
            while True:
                count = int.from_bytes(self._bell.recv_multipart(zmq.NOBLOCK)[0], "little") // FRAMES
                self._heard = self._heard or count > 0
                self._asked = False
                self.forwarded += count
        if not self._asked:  # else it has not come to the last ring yet
            self._asked = True
            self._bell.send(COUNT)
            self._bell.send(END)

    def state(self) -> dict[str, Any]:
        """What its guard counts, as `Guard.state` has it."""
        return self._guard()

    def close(self) -> None:
        """End it."""
        self._ending = True
        if self._thread.is_alive():
            self._bell.send(END)
            self._thread.join()
        self._bell.close()
        self._inside.close()

    def _check(self) -> None:
        if self._fault is not None:
            raise self._fault

    # --- the thread -----------------------------------------------------------------------------------------------------------

    def _run(self, run: Path, bus: Bus, cores: Sequence[int], logger: structlog.stdlib.BoundLogger) -> None:
        try:
            step_aside(cores)
            context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
            try:
                with Doors(context, run, bus) as doors:
                    self._guard = doors.guard.state
                    self._forward(context, doors, logger)
            finally:
                context.destroy(linger=0)
        except Exception as error:  # told to the broker's thread, which ends the process
            self._fault = error
        self._ready.set()

    def _forward(self, context: zmq.Context[zmq.Socket[bytes]], doors: Doors, logger: structlog.stdlib.BoundLogger) -> None:
        incoming = sockets.ticks_in(context, doors.both("ticks.in"))
        outgoing = sockets.ticks_out(context, doors.both("ticks.out"))
        self._ready.set()
        while not self._ending:
            zmq.proxy_steerable(incoming, outgoing, None, self._inside)
            heard, self._heard = self._heard, False
            for suspect in doors.guard.endless.suspects if heard else ():
                doors.guard.endless.heard(suspect)  # messages came, so what came by a connection was messages
            doors.watch(logger)


def step_aside(cores: Sequence[int]) -> None:
    """Give this thread, and every one that it begins, a lower priority than the process, and these cores."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
    with suppress(OSError):
        os.sched_setaffinity(threading.get_native_id(), cores)
