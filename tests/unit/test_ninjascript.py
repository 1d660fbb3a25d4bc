"""The C# codec against the golden frames and against garbage: it reads and writes the same bytes as bus/wire.py.

Also the files that README lists, and which of them may use NetMQ.
"""

import json
import random
import re

import msgpack
import pytest

from tapewire.bus import wire
from tapewire.bus.errors import PeerError
from tests.golden.add import FRAMES
from tests.mono import SOURCES, needs_mono, run
from tests.mono import program as program

pytestmark = [pytest.mark.slow, needs_mono]

ENTRIES = json.loads(FRAMES.read_text("utf-8"))
SPOKEN = {
    *("bar", "hello", "order_update", "execution", "ack", "lease", "beat", "resend", "alarm"),
    *("place_order", "close_position", "move_bracket", "cancel_order"),
    *("topics_request", "topics", "history_request", "page"),
}


@pytest.fixture(scope="module")
def golden(program):
    """What the codec makes of every golden frame: (entry, topic, bytes from plain values, bytes from the typed body or -, map)."""
    lines = "".join(f"{entry['topic']} {entry['hex']}\n" for entry in ENTRIES)
    done = run(program, "golden", given=lines)
    assert done.returncode == 0, done.stderr
    return [(entry, *line.split(" ", 3)) for entry, line in zip(ENTRIES, done.stdout.splitlines(), strict=True)]


def test_golden_bytes_are_read_to_the_documented_map(golden):
    """Every message of the protocol, also those the bridge has no use for."""
    for entry, topic, _, _, mapped in golden:
        assert (topic, json.loads(mapped)) == (entry["topic"], entry["map"]), entry["name"]


def test_plain_values_are_written_to_the_same_bytes(golden):
    """Integers in their shortest form, floats as float 64, fields in their order."""
    for entry, _, plain, _, _ in golden:
        assert plain == entry["hex"], entry["name"]


def test_what_the_bridge_speaks_is_written_to_the_golden_bytes(golden):
    """Read into a type and written from it: no field forgotten, renamed or out of its place."""
    current = [(entry, typed) for entry, _, _, typed, _ in golden if typed != "-" and "reads" not in entry]
    written = {entry["name"]: (typed, entry["hex"]) for entry, typed in current}

    assert {name for name, (typed, hexed) in written.items() if typed != hexed} == set()
    assert {entry["map"]["type"] for entry in ENTRIES if entry["name"] in written} >= SPOKEN


def garbage(dice):
    """Bytes from nowhere, good frames damaged or cut, other MessagePack, right names with wrong values, long lengths."""
    frames = [bytes.fromhex(entry["hex"]) for entry in ENTRIES]
    values = [None, True, -1, 2**63, 2**64 - 1, -(2**63), 1.5, float("nan"), "x", b"x", [], {}, [{"a": [None]}], {"v": {"v": 1}}]
    for _ in range(1500):
        yield dice.randbytes(dice.randint(0, 60))
    for frame in frames:
        for at in range(0, len(frame), max(1, len(frame) // 40)):
            yield frame[:at]
        for _ in range(60):
            broken = bytearray(frame)
            for _ in range(dice.randint(1, 5)):
                broken[dice.randrange(len(broken))] = dice.randrange(256)
            yield bytes(broken)
        mapped = msgpack.unpackb(frame)
        for name in mapped:
            yield msgpack.packb(mapped | {name: dice.choice(values)})
            yield msgpack.packb({key: value for key, value in mapped.items() if key != name})
        yield frame + b"\xc0"
    yield from (msgpack.packb(value) for value in values)
    yield b"\xdd\xff\xff\xff\xff"
    yield b"\xdf\xff\xff\xff\xff\xa1a"
    yield b"\xc6\x7f\xff\xff\xff"
    yield b"\x91" * 100_000
    yield b"\x81\xa1a" * 100_000


def test_garbage_is_refused_and_never_more(program):
    """Every kind of damage that Python's decoder is held to: a value, or a refusal with a reason; the program does not end."""
    frames = list(garbage(random.Random(5)))

    done = run(program, "fuzz", given="".join(f"{frame.hex()}\n" for frame in frames))

    answers = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(answers) == len(frames)
    assert all(answer.startswith(("read ", "refused ")) for answer in answers)
    assert sum(answer.startswith("read ") for answer in answers) > 100


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"v": 2}, "protocol version 2"),
        ({"v": None}, "field v is not"),
        ({"seq": "1"}, "field seq is not"),
        ({"qty": 1.0}, "field qty is not"),
        ({"stop": "low"}, "field stop is not a number"),
        ({"type": 7}, "field type is not"),
    ],
)
def test_a_refusal_names_version_or_field(program, change, complaint):
    """The sender can correct the message."""
    mapped = next(entry["map"] for entry in ENTRIES if entry["map"]["type"] == "place_order")

    done = run(program, "fuzz", given=msgpack.packb(mapped | change).hex() + "\n")

    assert done.stdout.startswith("refused ")
    assert complaint in done.stdout


def test_what_python_reads_the_bridge_reads(program):
    """With two exceptions, in which it is stricter: text must be UTF-8, and integers must fit 64 bits with their sign."""
    frames = [frame for frame in garbage(random.Random(11)) if len(frame) < 10_000]

    done = run(program, "fuzz", given="".join(f"{frame.hex()}\n" for frame in frames))

    refused = {
        frame: answer for frame, answer in zip(frames, done.stdout.splitlines(), strict=True) if not answer.startswith("read ")
    }
    readable = {answer for frame, answer in refused.items() if python_reads(frame)}
    assert all("not UTF-8" in answer or "not a whole number of 64 bits" in answer for answer in readable)


def python_reads(frame):
    try:
        wire.decode(frame)
    except PeerError:
        return False
    return True


@pytest.mark.parametrize("section", ["2. The files", "Inside"])
def test_readme_lists_every_file(section):
    """A file that is not copied breaks the compile in NinjaTrader, with errors that name the other files."""
    text = (SOURCES / "README.md").read_text("utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]

    assert set(re.findall(r"\w+\.cs", text)) == {path.name for path in SOURCES.glob("*.cs")}


def test_one_file_uses_netmq():
    """NetMQ's ErrorCode and MsgType collide with NinjaTrader.Cbi's, and only the poller's thread may touch a socket."""
    users = [path.name for path in SOURCES.glob("*.cs") if re.search(r"^using NetMQ", path.read_text("utf-8"), re.MULTILINE)]

    assert users == ["Transport.cs"]
