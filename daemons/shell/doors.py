"""Where a process of a run binds its ports: inside the machine, and on tcp where somebody outside needs the port."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import structlog
import zmq

from tapewire.bus import access, roles
from tapewire.bus.bounds import Bound, OutOfBounds
from tapewire.bus.guard import Door, Guard
from tapewire.bus.keys import Keys
from tapewire.bus.messages import Body, Control
from tapewire.daemons.settings.structs import PORTS, Bus


class Doors:
    """The doors of one process, under one guard. Close them before the context.

    Args:
        run: the run's folder, prepared (`bus.access.prepare`). keys: its keys, where they have been read already.

    Raises:
        ConfError: the run has no keys.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], run: Path, bus: Bus, keys: Keys | None = None) -> None:
        self.guard = Guard(context, keys or Keys(run))
        self._run = run
        self._bus = bus
        self._unbound: set[str] = set()

    def __enter__(self) -> Doors:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the guard. From now on nobody new comes in."""
        self.guard.close()

    def watch(self, logger: structlog.stdlib.BoundLogger) -> None:
        """Look at the keys. To be called once a second.

        Logs who was turned away, the first of each port and reason, and an address that could not be bound again.
        """
        for turned in self.guard.refresh():
            logger.warning("peer_turned_away", port=turned.port, why=turned.why, address=turned.address, key=turned.key)
        unbound = set(self.guard.unbound)
        for address in unbound - self._unbound:
            logger.error("not_bound_again", address=address, remedy="a key was revoked, and another program has taken the address")
        for address in self._unbound - unbound:
            logger.info("bound_again", address=address)
        self._unbound = unbound

    def allow(self, port: str, who: str, body: Body) -> None:
        """Check that the key `who` may send this to a port.

        Raises:
            OutOfBounds: its role may not, or it was revoked.
        """
        role = self.guard.role(who)
        kind = str(body.__struct_config__.tag)
        verb = body.verb if isinstance(body, Control) else ""
        if role is None or not roles.may_ask(role, port, kind, verb):
            shown = (verb or kind)[:40]
            raise OutOfBounds(Bound.ROLE, f"{port}: the key {who!r} ({role or 'revoked'}) may not send {shown!r}")

    def inside(self, port: str) -> Door:
        """Inside the machine only."""
        return Door(self.guard, port, (access.unix(access.place(self._run), port),))

    def outside(self, port: str) -> Door:
        """On tcp only."""
        return Door(self.guard, port, (self._bus.address(port),))

    def apart(self, port: str) -> tuple[Door, ...]:
        """As `both`, with a door for each side.

        A peer outside chooses its routing id, and so could take the place of a daemon on the same socket.
        """
        return (self.inside(port), self.outside(port)) if port in PORTS else (self.inside(port),)

    def both(self, port: str) -> Door:
        """Inside the machine, and on tcp if the port exists there."""
        inside = self.inside(port)
        return inside._replace(addresses=(*inside.addresses, *self.outside(port).addresses)) if port in PORTS else inside
