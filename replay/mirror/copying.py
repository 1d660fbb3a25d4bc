"""One pass: copy what is due, and remember what was copied."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from tapewire.bus import disk
from tapewire.bus.errors import DataError
from tapewire.replay.mirror import files, plan
from tapewire.replay.mirror.files import DatedFile
from tapewire.replay.mirror.plan import Copied
from tapewire.replay.mirror.store import Store

MEMORY = "mirror.json"


class Pass(Struct, frozen=True):
    """What a pass did. copied, bytes: files and their size. left: files that are not due yet."""

    copied: int = 0
    bytes: int = 0
    left: int = 0


Memory = dict[str, dict[str, Copied]]


def load(run: Path) -> Memory:
    """What was copied to each store, by its URL."""
    try:
        return msgspec.json.decode((run / MEMORY).read_bytes(), type=Memory)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(f"{run / MEMORY}: {error}; remove it, and everything is copied again") from None


def copy(
    run: Path, url: str, store: Store, sources: Iterable[DatedFile], told: Callable[[str, int], None] = lambda *_: None
) -> Pass:
    """Copy what is due. What was copied before an error stays copied, and is not copied again.

    Args:
        told: called with the name and size of each file that was copied.

    Raises:
        Transient: the store is away. DataError: the memory of earlier passes cannot be read. DiskError: or not written.
    """
    memory = load(run)
    known = memory.setdefault(url, {})
    found = {source.local.name: source for source in sources}
    names = plan.due((source.local for source in found.values()), known)
    size = 0
    for name in names:
        content = files.content(found[name])
        store.put(name, content)
        local = found[name].local
        known[name] = Copied(local.size, local.stamp)
        disk.replace(run / MEMORY, msgspec.json.encode(memory))
        size += len(content)
        told(name, len(content))
    waiting = sum(known.get(name) != Copied(each.local.size, each.local.stamp) for name, each in found.items())
    return Pass(len(names), size, waiting)
