"""What a process tells its own core: time-outs, connections, epochs. It stands in the log of a daemon and is never published."""

from __future__ import annotations

from msgspec import Struct

from tapewire.bus.messages.words import LinkName


class LinkState(Struct, frozen=True, tag="link_state"):
    """A connection came up or went down, as the gate's own process saw it. In the gate's log, never on the bus.

    of: "venue", or "journal" for the logger.
    """

    up: bool
    detail: str = ""
    of: LinkName = "venue"


class Due(Struct, frozen=True, tag="due"):
    """A time-out that a core has asked for is over, by market time. In its log, never on the bus."""

    at_ns: int


class Begun(Struct, frozen=True, tag="begun"):
    """A new epoch of this daemon begins: new settings perhaps, new numbers. What it asked before is nobody's any more.

    From its own process, never on the bus.
    """

    of_epoch: int
