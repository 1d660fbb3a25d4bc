"""Write the bytes of new examples into frames.json: `python -m tests.golden.add`. Existing entries are never touched."""

import json
from pathlib import Path
from typing import Any

import msgpack

from tapewire.bus import wire
from tests.golden.examples import EXAMPLES

FRAMES = Path(__file__).with_name("frames.json")


def plain(value: Any) -> Any:
    """A value as JSON can hold it: byte strings as {"$hex": ...}."""
    if isinstance(value, bytes):
        return {"$hex": value.hex()}
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value


def entry(name: str) -> dict[str, Any]:
    """An example as frames.json holds it. The map comes from msgpack, not from our own types."""
    topic, header, body = EXAMPLES[name]
    frame = wire.encode(header, body)
    return {"name": name, "topic": topic, "hex": frame.hex(), "map": plain(msgpack.unpackb(frame))}


def main() -> None:
    entries = json.loads(FRAMES.read_text("utf-8")) if FRAMES.exists() else []
    present = {each["name"] for each in entries}
    new = [entry(name) for name in EXAMPLES if name not in present]
    # One line per entry, so that a diff shows one line per message.
    lines = ",\n".join(json.dumps(each, ensure_ascii=False) for each in entries + new)
    FRAMES.write_text(f"[\n{lines}\n]\n", "utf-8")
    print(f"{len(new)} added, {len(entries)} untouched: {FRAMES}")


if __name__ == "__main__":
    main()
