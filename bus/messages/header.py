"""The header of every message, and the version of the contract."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from tapewire.bus.bounds import Number, TimeNs

PROTOCOL_VERSION: Final = 1


class Header(Struct, frozen=True, gc=False):
    """The source of a message, its number, its market time and its cause.

    `seq` counts messages of one topic from 1 within an epoch of their source, so `topic@epoch:seq` names a message.
    `event_ns` is the market time the message belongs to (for a bar its close), never wall-clock time, except on `sys.` topics.
    `cause` is the name of the message that led to this one; empty at the start of a chain.
    """

    v: int
    source: str
    epoch: Number
    seq: Number
    event_ns: TimeNs
    cause: str = ""
