"""What a relay's folder says about it: the file `relay.json`, which holds no secret."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from tapewire.bus import disk
from tapewire.bus.errors import ConfError
from tapewire.bus.roles import SubscriberTier
from tapewire.daemons.settings.structs import Bus

FILE = "relay.json"


class RelaySettings(Struct, frozen=True):
    """stream: the address above. tier: what it serves. signed_by: the public key of the feed. bus: where it binds."""

    stream: str
    tier: SubscriberTier
    signed_by: str
    bus: Bus
    keep_days: int = 90


def write(run: Path, settings: RelaySettings) -> None:
    """Put them into the relay's folder.

    Raises:
        DiskError: the disk refuses.
    """
    disk.replace(run / FILE, msgspec.json.format(msgspec.json.encode(settings)) + b"\n")


def read(run: Path) -> RelaySettings | None:
    """Those of a relay's folder; None for any other folder.

    Raises:
        ConfError: the file is not what was written.
    """
    try:
        return msgspec.json.decode((run / FILE).read_bytes(), type=RelaySettings)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfError(f"{run / FILE}: {error}; start the relay again, which writes it anew") from None
