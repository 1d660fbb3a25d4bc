"""Whatever decodes, every core takes: valid messages whose fields are replaced by extremes, in any order, raise nothing.

The messages start from the golden examples, so most of them get past the first check of a core. A message that breaks a bound is a
`PeerError` at the decoder. What a core publishes about the others must fit the wire, and the gate's state must fit its log.
"""

import copy
import math
from typing import get_args

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapewire.bus import wire
from tapewire.bus.daemon import Event
from tapewire.bus.errors import PeerError
from tapewire.bus.messages import Body, Header
from tapewire.bus.stamp import Stamper
from tapewire.bus.testing import MINUTE_NS
from tapewire.bus.voice import Voice
from tapewire.daemons.evaluator import core as evaluator
from tapewire.daemons.gate import core as gate
from tapewire.daemons.publisher import core as publisher
from tapewire.daemons.settings import load
from tapewire.daemons.settings.structs import Ingress
from tapewire.daemons.tracker import core as tracker
from tests.gates import conf
from tests.golden.examples import BAR_NS, EXAMPLES

CONF = conf(preset=load.preset("seed"), ingress=Ingress(enabled=True))
DAEMONS = (tracker.daemon, evaluator.daemon, gate.daemon, publisher.daemon)

INTEGERS = (0, 1, -1, 59, 10_000, 2**31, 2**53 + 1, 2**62, 2**63 - 1, -(2**63), 2**64 - 1)
FLOATS = (0.0, -0.0, 0.1, 5e-324, 1e7, 1e15, 1e308, -1e308, math.inf, -math.inf, math.nan)
TIMES = (BAR_NS, BAR_NS + MINUTE_NS, 4_102_444_800_000_000_000)
NUMBERS = st.sampled_from((*INTEGERS, *FLOATS, *TIMES))
DATES = ("2026-03-03", "99999-99-99", "0001-01-01", "9999-12-31")
WORDS = ("", "x", "x" * 5_000, "MNQ", "NQ", "a/b", "..", "é", "\n", *DATES)
NESTS = ([], {}, [[]], {"a": [{"b": {}}]}, [[[[[[[[[1]]]]]]]]])
TEXTS = st.sampled_from(WORDS)
NESTED = st.sampled_from(NESTS)
ANY = NUMBERS | TEXTS | NESTED | st.none() | st.booleans()
PLAIN = {name: msgpack.unpackb(wire.encode(header, body)) for name, (_, header, body) in EXAMPLES.items()}


def places(value, path=()):
    """The path of every leaf and list of a decoded map."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    else:
        yield path
        if isinstance(value, list):
            for index, inner in enumerate(value):
                yield from places(inner, (*path, index))


def at(value, path):
    for key in path:
        value = value[key]
    return value


@st.composite
def hostile(draw):
    """A golden message with up to four of its values replaced, mostly by another of the same kind. Topic and frame."""
    name = draw(st.sampled_from(sorted(PLAIN)))
    plain = copy.deepcopy(PLAIN[name])
    if "instrument" in plain and draw(st.integers(0, 9)):
        plain["instrument"] = "MNQ"
    paths = [path for path in places(plain) if path not in {("v",), ("type",)}]
    for path in draw(st.lists(st.sampled_from(paths), max_size=4)):
        *outer, last = path
        try:
            holder = at(plain, outer)
            old = holder[last]
        except (TypeError, LookupError):
            continue  # an earlier replacement has taken this place away
        if isinstance(holder, str):
            continue
        same = NUMBERS if isinstance(old, (int, float)) else TEXTS if isinstance(old, str) else ANY
        holder[last] = draw(st.one_of(same, same, same, ANY))
        if isinstance(old, list) and old and draw(st.booleans()):
            holder[last] = old * draw(st.sampled_from([2, 50]))
    return EXAMPLES[name][0], msgpack.packb(plain)


def take(daemon, event, voice):
    """Step the core; each output must be a message, and the gate's state a record."""
    for output in daemon.core.step(event):
        frame = wire.encode(voice.header(event, output), output.body)
        assert wire.decode(frame)[1] == output.body or frame == wire.encode(*wire.decode(frame))
        wire.decode_message([output.topic.encode(), frame])
    if daemon.durable is not None:
        daemon.durable.snapshot(daemon.core)
        assert daemon.durable.due_ns(daemon.core) >= 0


@settings(max_examples=150)
@given(st.lists(hostile(), min_size=1, max_size=12))
def test_no_message_makes_a_core_raise(messages):
    """Each of the four cores takes the same stream of valid and hostile messages."""
    daemons = [(make(CONF), Voice(Stamper("x", 1))) for make in DAEMONS]
    for topic, frame in messages:
        try:
            header, body = wire.decode(frame)
        except PeerError:
            continue
        for daemon, voice in daemons:
            take(daemon, Event(topic, header, body, "x"), voice)


@pytest.mark.parametrize("name", sorted(PLAIN))
@settings(max_examples=15)
@given(st.data())
def test_a_message_with_an_extreme_decodes_or_raises_peer_error(name, data):
    """Every place of every message, by every kind of value."""
    plain = copy.deepcopy(PLAIN[name])
    *outer, last = data.draw(st.sampled_from(list(places(plain))))
    at(plain, outer)[last] = data.draw(ANY)

    try:
        header, body = wire.decode(msgpack.packb(plain))
    except PeerError:
        return
    assert isinstance(header, Header)
    assert isinstance(body, get_args(Body))
