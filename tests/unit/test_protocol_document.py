"""PROTOCOL.md agrees with the code: every message with every field, every code, every topic with its writers, every port."""

import ast
import re
from enum import Enum
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from tapewire import bus
from tapewire.bus import messages, sockets, topics
from tapewire.bus.messages import (
    PROTOCOL_VERSION,
    Body,
    Command,
    CoreEvent,
    Fact,
    GateRequest,
    Header,
    LinkMessage,
    Reason,
    SystemMessage,
    Verb,
)
from tapewire.bus.outbox import Outbox
from tapewire.bus.ring import RING_BYTES
from tapewire.bus.sequence import RESEND_EVERY_NS, Sequencer
from tapewire.bus.wire import MAX_FRAME
from tapewire.daemons.gate.external.answers import KEPT
from tapewire.daemons.settings.structs import PORTS, Bus, Trading
from tapewire.daemons.shell.tape import MAX_PAGE

ROOT = Path(__file__).parents[2]
DOCUMENT = (Path(bus.__file__).parent / "PROTOCOL.md").read_text("utf-8")
ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| (\S.*) \|$", re.MULTILINE)
WORDS = {name: value for name, value in vars(messages).items() if get_origin(value) is Literal}
PLAIN = {int: "int", float: "float", str: "str", bool: "bool", bytes: "bytes"}


def section(title):
    """The text from a heading to the next one of any level."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found, f"PROTOCOL.md has no heading {title!r}"
    return found[1]


def notation(hint):
    """A type as the document writes it."""
    if get_origin(hint) in (Union, UnionType):
        (inner,) = (each for each in get_args(hint) if each not in (NoneType, msgspec.UnsetType))
        return notation(inner) if msgspec.UnsetType in get_args(hint) else f"{notation(inner)}?"
    if get_origin(hint) is tuple:
        kinds = [kind for kind in get_args(hint) if kind is not Ellipsis]
        return f"[{', '.join(map(notation, kinds))}]"
    if get_origin(hint) is dict:
        return "{" + ": ".join(map(notation, get_args(hint))) + "}"
    if get_origin(hint) is Literal:
        (name,) = (name for name, words in WORDS.items() if words == hint)
        return name
    return PLAIN.get(hint) or hint.__name__


def default(field):
    if field.required:
        return ""
    if (
        field.default in (None, msgspec.UNSET)
        or field.default_factory is dict
        or isinstance(field.default, (tuple, msgspec.Struct))
    ):
        return " ="
    if field.default == "":
        return ' = ""'
    return f" = {str(field.default).lower() if isinstance(field.default, bool) else field.default}"


def structs():
    """Every struct on the wire: the messages and what their fields hold."""
    seen, todo = {}, list(get_args(Body))
    while todo:
        each = todo.pop(0)
        todo += get_args(each)
        if isinstance(each, type) and issubclass(each, msgspec.Struct) and each not in seen:
            seen[each] = None
            todo += get_type_hints(each).values()
    return list(seen)


def parts(hint):
    """A type and all that it is made of: `Role | None` gives `Role`, and a struct what its fields are."""
    yield hint
    inner = get_type_hints(hint).values() if isinstance(hint, type) and issubclass(hint, msgspec.Struct) else ()
    for each in inner or (() if get_origin(hint) is Literal else get_args(hint)):
        yield from parts(each)


def closed(hint):
    """Whether it is a set of words."""
    return get_origin(hint) is Literal or (isinstance(hint, type) and issubclass(hint, Enum))


@pytest.mark.parametrize("kind", structs(), ids=lambda kind: kind.__name__)
def test_every_field_is_documented_with_its_type_and_default(kind):
    """Same fields, same order, same types, same defaults; a meaning for each."""
    tag = kind.__struct_config__.tag
    hints = get_type_hints(kind)
    rows = ROW.findall(section(f"`{tag}`" if tag else kind.__name__))

    assert [(name, written) for name, written, _ in rows] == [
        (field.name, notation(hints[field.name]) + default(field)) for field in msgspec.structs.fields(kind)
    ]


def test_the_header_is_documented():
    """Its fields in their order, then `type`."""
    assert [name for name, _, _ in ROW.findall(section("2. A message"))] == [*Header.__struct_fields__, "type"]


def test_the_version_is_the_one_we_speak():
    """In the title and in the changes."""
    assert DOCUMENT.startswith(f"# The tapewire protocol, version {PROTOCOL_VERSION}\n")
    assert f"- **{PROTOCOL_VERSION}** " in section("13. Changes")


def test_reasons_stand_in_the_order_of_the_checks():
    """A client may rely on the first one given."""
    assert re.findall(r"^\| `([A-Z_]+)` \|", section("8. Reason codes"), re.MULTILINE) == list(Reason)


def test_every_closed_set_is_listed_with_its_words():
    """Every set that a field of a message has, each in the order of its definition; `Reason` has a section of its own."""
    hints = {hint for kind in structs() for hint in parts(kind)}
    codes = {notation(hint): list(hint) if isinstance(hint, type) else list(get_args(hint)) for hint in hints if closed(hint)}
    table = dict(re.findall(r"^\| (\w+) \| ([^|`]+) \|$", section("12. Message reference"), re.MULTILINE))

    assert table.pop("Reason") == "section 8"
    assert table.pop("code") == "words"
    assert {code: words.split(", ") for code, words in table.items()} == {
        code: words for code, words in codes.items() if code != "Reason"
    }


def test_every_topic_domain_is_documented():
    """Every domain of tapewire.bus.topics has a place in section 3, or in section 1 for the welcome."""
    written = section("3. Topics") + section("1. Transport")
    domains = {value for name, value in vars(topics).items() if name.isupper()} - {
        topics.SYS,
        topics.RAW,
        topics.PUBLIC,
        topics.SUMMARY,
    }

    assert [domain for domain in sorted(domains) if f"`{domain}" not in written] == []
    assert all(f"`{domain}" in written for domain in (topics.bar("<instrument>"), "public.signal.", "public.trade."))


def rows_of_topics():
    """The table of section 3: topic, writers, and the tags of the bodies."""
    for topic, writers, bodies in re.findall(r"^\| `(\S+)` \| ([^|]+) \| ([^|]+) \|", section("3. Topics"), re.MULTILINE):
        yield topic, writers, re.findall(r"`(\w+)`", bodies)


def test_what_is_published_is_what_has_a_row():
    """Facts, commands and system messages, each of them; and none that only travels on the link, to the gate or to a core."""
    tags = {tag for _, _, tags in rows_of_topics() for tag in tags}

    assert tags == {kind.__struct_config__.tag for union in (Fact, Command, SystemMessage) for kind in get_args(union)}


def test_what_is_not_published_is_named_below_the_table():
    """Each with the one place to which it goes."""
    below = section("3. Topics").rpartition("|")[2] + section("6. The venue link")

    assert [
        kind.__name__
        for union in (LinkMessage, GateRequest, CoreEvent)
        for kind in get_args(union)
        if f"`{kind.__struct_config__.tag}`" not in below
    ] == []


ROOMS = {name: ROOT / "daemons" / name for name in ("tracker", "evaluator", "gate", "publisher", "logger")} | {
    "daybook": ROOT / "replay" / "days"
}


def made_in(place):
    """The tags of all messages that the code of a room builds, and the topic domains that it names."""
    kinds = {kind.__name__: kind.__struct_config__.tag for kind in get_args(Body)}
    tags, domains = set(), set()
    for path in list(place.rglob("*.py")) or [place.with_suffix(".py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                made = node.args[0] if node.func.id == "copied" else node.func
                tags |= {kinds[made.id]} if isinstance(made, ast.Name) and made.id in kinds else set()
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "topics":
                domains.add(topics.TIMEFRAME if node.attr == "timeframe" else getattr(topics, node.attr))
    return tags, {domain for domain in domains if isinstance(domain, str)}


def test_each_topic_has_the_writers_of_the_code():
    """A daemon that names the topic and builds its message is one of them; of NinjaTrader's, the bridge names the topic.

    Every daemon writes the topics of each (`beat`, `resend`, `gap`) through its process.
    """
    made = {room: made_in(place) for room, place in ROOMS.items()}
    bridge = "".join(path.read_text("utf-8") for path in (ROOT / "ninjascript").glob("*.cs"))
    rows = [row for row in rows_of_topics() if "each" not in row[1]]
    writers = {topic: set() for topic, _, _ in rows}
    for topic, _, bodies in rows:
        for room, (tags, domains) in made.items():
            if tags & {*bodies} and topic.removeprefix(topics.PUBLIC).startswith(tuple(domains)):
                writers[topic].add(room)
        if topic.startswith((topics.RAW, topics.ALARM)) and f'"{topic.partition("<")[0]}' in bridge:
            writers[topic].add("nt")

    assert {topic: set(re.findall(r"`(\w+)`", written)) for topic, written, _ in rows} == writers


def test_the_verbs_are_those_that_processes_answer():
    """In the table of section 7, each with the ports that answer it; tests/integration/test_processes.py requests them all."""
    table = section("7. History and control")

    assert set(
        re.findall(
            r"^\| `(\w+)` \| (?:every control port|`tracker`|`evaluator`|`gate`|`control.replay`|`public.ask`)", table, re.MULTILINE
        )
    ) == set(get_args(Verb))


def test_every_message_has_a_topic():
    """Named in section 3, or in the sections on requests, link, history and control."""
    written = DOCUMENT[: DOCUMENT.index("## 12.")]

    assert [kind.__name__ for kind in get_args(Body) if f"`{kind.__struct_config__.tag}`" not in written] == []


def test_every_port_is_documented_with_its_offset():
    """The table of section 1, with its ranges and lists written out."""
    listed = {}
    for names, offsets in re.findall(r"^\| (`.+?) \| ([\d, to]+) \|", section("1. Transport"), re.MULTILINE):
        first, *rest = re.findall(r"`([\w.]+)`", names)
        domain = first.split(".")[0]
        spelled = [first, *(f"{domain}{name}" if name.startswith(".") else name for name in rest)]
        numbers = [int(number) for number in re.findall(r"\d+", offsets)]
        if "to" in offsets:
            numbers = list(range(numbers[0], numbers[1] + 1))
        listed |= dict(zip(spelled, numbers, strict=True))

    assert listed == dict(PORTS)


def test_the_numbers_in_the_text_are_those_in_force():
    """Pauses, limits and sizes that the document gives to a client."""
    text = " ".join(DOCUMENT.split())
    outbox = Outbox()
    outbox.put("a", [], 0)
    at_ms = [now_ms for now_ms in range(6_000) if outbox.due(now_ms * 1_000_000)]

    assert f"at most {MAX_FRAME >> 20} MiB" in text
    assert f"a frame of more than {MAX_FRAME >> 20} MiB ends the connection" in text
    assert f"A page has at most {MAX_PAGE:,} frames" in text
    assert f"Queues hold {sockets.FACTS_HWM:,} facts per peer ({sockets.REQUESTS_HWM:,} on DEALER and ROUTER," in text
    assert f"{sockets.PAGES_HWM} pages on `history`)" in text
    assert f"leaves {Bus().reader_mib} MiB (`bus.reader_mib`) unread" in text
    assert f"within {Bus().last_values_mib} MiB (`bus.last_values_mib`)" in text
    assert f"at most {RING_BYTES >> 20} MiB of each topic" in text
    assert f"with a `request_id`, {KEPT >> 20} MiB of them" in text
    assert f"still works {Trading().cancel_s:g} s (`trading.cancel_s`)" in text
    assert f"last {Bus().ring:,} messages per topic" in text
    assert f"does not fill within {Bus().heal_s:g} s" in text
    assert Sequencer("reader", complete=True).heal_ns == Bus().heal_s * 1e9
    assert f"`base_port` ({Bus().base_port} by default)" in text
    assert "at most 4 times a second" in text
    assert RESEND_EVERY_NS * 4 == 1_000_000_000
    assert [later - at for at, later in pairwise(at_ms)] == [250, 500, 1000, 2000, 2000]
    assert "250 ms, 500 ms, 1 s and then every 2 s" in text
