"""Events from a process to its own core: time-outs, connections, epochs. They stand in the daemon's log and are never published."""

from __future__ import annotations

from msgspec import Struct

from tapewire.bus.messages.words import LinkName


class LinkState(Struct, frozen=True, tag="link_state"):
    """A connection came up or went down, as the gate's own process observed it. In the gate's log, never on the bus.

    of: "venue", or "journal" for the logger.
    """

    up: bool
    detail: str = ""
    of: LinkName = "venue"


class Due(Struct, frozen=True, tag="due"):
    """A time-out that a core requested has passed, by market time. In its log, never on the bus."""

    at_ns: int


class Begun(Struct, frozen=True, tag="begun"):
    """A new epoch of this daemon begins: new numbers, perhaps new settings. Earlier requests of the daemon are void.

    From its own process, never on the bus.
    """

    of_epoch: int
