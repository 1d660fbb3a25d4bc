"""What every feature is on invented bars, as a digest of its values: `python -m tests.golden.features` writes features.json anew.

A digest that differs under an old revision is not written: first give the feature a new one, where its formula stands.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from pathlib import Path

from msgspec import Struct, to_builtins
from msgspec import json as codec

from tapewire.strategies.features import FEATURES, FeatureStream
from tests import invented

PATH = Path(__file__).with_name("features.json")


class Golden(Struct, frozen=True):
    """A feature as it was: its revision, on how many bars it has a value, and the first digits of the SHA-256 of all values."""

    revision: int
    values: int
    digest: str


def committed() -> dict[str, Golden]:
    """Those of the file."""
    return codec.decode(PATH.read_bytes(), type=dict[str, Golden]) if PATH.exists() else {}


def computed() -> dict[str, Golden]:
    """Those of the code."""
    stream = FeatureStream(tuple(FEATURES))
    rows = [stream.take(s) for s in invented.folded()]
    found = {}
    for name, column in zip(FEATURES, zip(*rows, strict=True), strict=True):
        packed = struct.pack(f"<{len(column)}d", *column)
        present = sum(value == value for value in column)
        found[name] = Golden(FEATURES[name].revision, present, hashlib.sha256(packed).hexdigest()[:16])
    return found


def changed_in_silence(before: Golden, now: Golden) -> bool:
    """Whether the values are others under the same revision."""
    return before != now and before.revision == now.revision


def wrong(name: str, before: Golden | None, now: Golden | None) -> str | None:
    """What is wrong with a feature, in a sentence; None if nothing is."""
    if before == now:
        return None
    if now is None:
        return f"{name} is gone: models that read it are refused; take it out of {PATH.name}"
    if before is None or not changed_in_silence(before, now):
        return f"{name} is new, or has a new revision: python -m tests.golden.features"
    return f"{name} has other values under its old revision {now.revision}: give it revision {now.revision + 1}"


def main() -> int:
    """Write the file, unless a value has changed in silence."""
    before, now = committed(), computed()
    if silent := [name for name, each in now.items() if name in before and changed_in_silence(before[name], each)]:
        print(*(wrong(name, before[name], now[name]) for name in silent), sep="\n", file=sys.stderr)
        return 1
    rows = (f"  {json.dumps(name)}: {json.dumps(to_builtins(each))}" for name, each in now.items())
    PATH.write_text("{\n" + ",\n".join(rows) + "\n}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
