"""The bytes of protocol version 1 stay what they are (tests/golden/README.md)."""

import json
from typing import get_args

import msgpack
import msgspec
import pytest

from tapewire.bus import wire
from tapewire.bus.messages import Body, Header
from tests.golden.add import FRAMES, plain
from tests.golden.examples import EXAMPLES

ENTRIES = {entry["name"]: entry for entry in json.loads(FRAMES.read_text("utf-8"))}
WRITTEN = [name for name, entry in ENTRIES.items() if "reads" not in entry]


def test_every_message_type_has_a_golden_frame():
    """Without one another codec cannot be tested against the type."""
    covered = {entry["map"]["type"] for entry in ENTRIES.values()}

    assert covered == {kind.__struct_config__.tag for kind in get_args(Body)}


def test_every_example_has_been_written():
    """`python -m tests.golden.add` adds the missing ones."""
    assert set(EXAMPLES) <= set(ENTRIES)


@pytest.mark.parametrize("name", ENTRIES)
def test_golden_bytes_are_read(name):
    """A byte string that was once sent decodes for ever, to the same value."""
    topic, header, body = EXAMPLES[name]
    entry = ENTRIES[name]

    assert wire.decode_message([entry["topic"].encode(), bytes.fromhex(entry["hex"])]) == (topic, header, body)


@pytest.mark.parametrize("name", WRITTEN)
def test_golden_bytes_are_written(name):
    """The same value gives the same bytes; a difference here is a new protocol version."""
    _, header, body = EXAMPLES[name]

    assert wire.encode(header, body).hex() == ENTRIES[name]["hex"]


@pytest.mark.parametrize("name", ENTRIES)
def test_any_messagepack_reader_finds_one_flat_map(name):
    """Plain msgpack, without our types, reads the documented map: header fields first, then `type`, then the body's."""
    entry = ENTRIES[name]
    read = msgpack.unpackb(bytes.fromhex(entry["hex"]))

    assert plain(read) == entry["map"]
    assert list(read)[:7] == [*Header.__struct_fields__, "type"]


@pytest.mark.parametrize("name", ENTRIES)
def test_a_writer_without_our_types_is_understood(name):
    """A plain msgpack encoding of the documented map decodes to the same message, in any order of its fields."""
    _, header, body = EXAMPLES[name]
    mapped = msgpack.unpackb(bytes.fromhex(ENTRIES[name]["hex"]))
    backwards = dict(reversed(mapped.items()))

    assert wire.decode(msgpack.packb(mapped)) == (header, body)
    assert wire.decode(msgpack.packb(backwards)) == (header, body)


@pytest.mark.parametrize("name", ENTRIES)
def test_a_reader_ignores_undefined_fields(name):
    """A newer writer may add fields; an older reader continues."""
    _, header, body = EXAMPLES[name]
    newer = msgpack.unpackb(bytes.fromhex(ENTRIES[name]["hex"])) | {"colour": [1, {"deep": None}]}

    assert wire.decode(msgspec.msgpack.encode(newer)) == (header, body)
