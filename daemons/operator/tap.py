"""The tap: live inspection of the bus without our types. It decodes plain msgpack, as a client in any language can."""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import zmq

from tapewire.bus import access, contexts, sockets, topics
from tapewire.bus.client import History, poll
from tapewire.bus.errors import ConfError
from tapewire.daemons.operator.instances import Instance
from tapewire.strategies.clock import NEW_YORK, SECOND_NS
from tapewire.strategies.figures import decimals

HEADER = ("v", "source", "epoch", "seq", "event_ns", "cause", "type")
QUEUE = 1_000  # messages queued for a tap that does not read; beyond it the newest are dropped, and the tap reports how many

QUIET = 3  # seconds without a message, after which a person is told that the tap waits


def run(instance: Instance, prefixes: tuple[str, ...], *, as_json: bool, since: str | None, rate: bool, count: int | None) -> None:
    """Print messages until interrupted, or until `count` of them are printed.

    Args:
        prefixes: topic prefixes; "" is every topic.
        since: print the journal first, from this time on (see `since_ns`); None prints live messages only.
        rate: print each topic's messages per second instead.

    Raises:
        ConfError: `since` cannot be read.
    """
    after_ns = None if since is None else since_ns(since)
    with contexts.brief() as context:
        # Subscribe first, then request the history; a message that both deliver is dropped by its number.
        way = access.local(Path(instance.run), "reader")
        reader = sockets.subscriber(context, way.to("broker.out"), prefixes, hwm=QUEUE)
        reader.setsockopt(zmq.LINGER, 0)
        if any(prefix.startswith(topics.TICK) for prefix in prefixes):  # only who asks for them: they can be thousands a second
            way.to("ticks.out").connect(reader)
        try:
            stream = _messages(context, instance, reader, prefixes, after_ns)
            if rate:
                _rates(stream)
            else:
                _lines(stream, as_json, count)
        except KeyboardInterrupt:
            pass
        finally:
            reader.close()


def since_ns(text: str) -> int:
    """`all`, a date, or a date with a time (New York time unless it names an offset) as UTC nanoseconds; `all` is 0.

    Raises:
        ConfError: the text is none of these.
    """
    if text == "all":
        return 0
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfError(f"--since {text!r}: write `all`, a date (2027-02-24) or a time (2027-02-24T10:30)") from error
    return int(at.replace(tzinfo=at.tzinfo or NEW_YORK).timestamp()) * SECOND_NS


def line(topic: str, message: dict[str, Any]) -> str:
    """One message for a person: market time in New York, `topic@epoch:seq`, type, then the body's fields, nested ones in braces."""
    at = dt.datetime.fromtimestamp(message["event_ns"] / 1e9, NEW_YORK)
    body = " ".join(f"{key}={_show(value)}" for key, value in message.items() if key not in HEADER)
    return f"{at:%Y-%m-%d %H:%M:%S} {topic}@{message['epoch']}:{message['seq']} {message['type']} {body}"


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + " ".join(f"{key}={_show(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + " ".join(_show(inner) for inner in value) + "]"
    if isinstance(value, float):
        return f"{value:.12g}" if value == round(value, 10) else f"{value:.{max(4, decimals(value))}f}"
    if isinstance(value, str):
        return value if value and " " not in value else repr(value)
    return "-" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _messages(
    context: Any, instance: Instance, reader: Any, prefixes: tuple[str, ...], after_ns: int | None
) -> Iterator[tuple[str, dict[str, Any]] | None]:
    """Messages in order, and None about once a second without one, so that the caller can check its clock."""
    seen: dict[str, tuple[int, int]] = {}
    if after_ns is not None:
        with History(context, access.local(Path(instance.run), "reader").to("history"), deadline_s=30.0) as history:
            for prefix in prefixes:
                for length in history.topics(prefix):
                    for frame in history.read(length.topic):
                        message = msgpack.unpackb(frame)
                        seen[length.topic] = (message["epoch"], message["seq"])
                        if message["event_ns"] >= after_ns:
                            yield length.topic, message
    while True:
        if not poll(reader, 1.0):
            yield None
            continue
        name, *rest = reader.recv_multipart()
        topic = name.decode("latin-1")
        if topic == topics.WELCOME or not rest:
            continue
        message = msgpack.unpackb(rest[0])
        if not topic.startswith(topics.SYS):
            at = (message["epoch"], message["seq"])
            epoch, seq = seen.get(topic, (0, 0))
            if at <= (epoch, seq):
                continue  # a duplicate: the broker's last value, or already read from the history
            if seq and at[0] == epoch and at[1] > seq + 1:
                print(f"tap: {at[1] - seq - 1} messages of {topic} lost, because the tap read too slowly", file=sys.stderr)
            seen[topic] = at
        yield topic, message


def _lines(stream: Iterator[tuple[str, dict[str, Any]] | None], as_json: bool, count: int | None) -> None:
    printed = silent = 0
    for each in stream:
        if each is None:
            silent += 1
            if silent == QUIET and not printed:
                print("tap: connected, and nothing has come yet; Ctrl-C ends it", file=sys.stderr)
            continue
        topic, message = each
        text = json.dumps({"topic": topic, **message}) if as_json else line(topic, message)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
        printed += 1
        if printed == count:
            return


def _rates(stream: Iterator[tuple[str, dict[str, Any]] | None]) -> None:
    counts: Counter[str] = Counter()
    since = time.monotonic()
    for each in stream:
        if each is not None:
            counts[each[0]] += 1
        elapsed = time.monotonic() - since
        if elapsed >= 1.0:
            rates = "  ".join(f"{topic} {number / elapsed:.0f}/s" for topic, number in sorted(counts.items()))
            print(rates or "no messages", flush=True)
            counts.clear()
            since = time.monotonic()
