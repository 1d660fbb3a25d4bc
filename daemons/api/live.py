"""`WS /stream`: what has been, then what comes (README.md, "The stream")."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from tapewire.bus import topics
from tapewire.bus.roles import CONTROL_PORT, Role, SubscriberTier
from tapewire.daemons.api.callers import HEADER, Caller
from tapewire.daemons.api.door import OpenDoor
from tapewire.daemons.api.problems import Problem
from tapewire.daemons.api.stream import STALL_S, Listener, in_parts

READS = (Role.READER, Role.OPERATOR, Role.SUBSCRIBER)
ASK_S = 5.0  # in which the first message must come
USUAL = (
    *(topics.SESSION, topics.TIMEFRAME, topics.LEVELS, topics.INTENT, topics.SUPPRESSED, topics.EVAL_DONE, topics.SIGNAL),
    *(topics.REJECT, topics.ORDER, topics.FILL, topics.POSITION, topics.TRADE, topics.RISK, topics.INGRESS),
    *(topics.BEAT, topics.ALARM, topics.GAP, topics.FEED, topics.OPS),
)
"""What a reader gets that names no topics."""
MOST_TOPICS = 32
WATCH_S = 0.5
CLOSED_KEY, CLOSED_ROLE, CLOSED_LATE, CLOSED_FULL = 4401, 4403, 4408, 4429


class StreamRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first message of a reader. key: its token, unless it was in the header. topics: prefixes; empty for the usual ones."""

    key: str = ""
    topics: tuple[str, ...] = ()


_wanted = msgspec.json.Decoder(StreamRequest)


async def serve(door: OpenDoor, socket: WebSocket) -> None:
    """One reader, from its first message to its end."""
    await socket.accept()
    if len(door.hub.listeners) >= door.conf.api.readers:
        await socket.close(CLOSED_FULL, "too many readers")
        return
    try:
        asked = _wanted.decode(await asyncio.wait_for(socket.receive_text(), ASK_S))
        if len(asked.topics) > MOST_TOPICS:
            raise msgspec.ValidationError("too many topics")
        address = socket.client.host if socket.client else ""
        caller = door.callers.admit(asked.key or socket.headers.get(HEADER), address, *READS)
    except Problem as problem:
        await socket.close(CLOSED_ROLE if problem.status == 403 else CLOSED_KEY, problem.code)
        return
    except (TimeoutError, KeyError):
        await socket.close(CLOSED_LATE, "the first message is JSON with key and topics")
        return
    except msgspec.MsgspecError:
        await socket.close(1007, "the first message is JSON with key and topics")
        return
    except WebSocketDisconnect:
        return
    wanted = _allowed(caller, asked.topics, subscribers=door.conf.subscribers.enabled)
    if not wanted:
        await socket.close(CLOSED_ROLE, "TIER")
        return
    cut: Callable[[], None] = socket.scope["state"]["cut"]
    listener = Listener(caller, wanted, cut)
    door.hub.newcomers = True
    door.hub.listeners.add(listener)  # from here on it misses nothing
    past = door.recent.all(listener.prefixes)
    tasks = [asyncio.create_task(_send(door, socket, listener, past, caller)), asyncio.create_task(_hear(socket))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        door.hub.listeners.discard(listener)
        for task in tasks:
            task.cancel()
        if listener.cut_off:
            door.hub.cut_off += 1
            door.logger.warning(
                "reader_cut_off", key=caller.name, unread=listener.size, remedy="it read too slowly; it may come again"
            )


def _allowed(caller: Caller, asked: tuple[str, ...], *, subscribers: bool) -> tuple[str, ...]:
    """The topics that a caller gets of those that he asks for; none asked are the usual ones. A subscriber gets what is public.

    The tier `premium` has it as it comes. What is late or summed up for the others, their own ports know (PROTOCOL.md 15).
    """
    if caller.role is not Role.SUBSCRIBER:
        return asked or USUAL
    if not subscribers or caller.key.tier is not SubscriberTier.PREMIUM:
        return ()
    return tuple(topic for topic in asked or (topics.PUBLIC,) if topic.startswith(topics.PUBLIC))


async def watch(door: OpenDoor) -> None:
    """Once in a while: end the streams of keys that are gone, and tell how a replay stands if that has changed."""
    told: Any = None
    while True:
        await asyncio.sleep(WATCH_S)
        for listener in [*door.hub.listeners]:
            if not door.callers.still(listener.caller):
                listener.end()
        if door.mode == "replay" and door.hub.listeners:
            try:
                playback = (await door.ask(f"{CONTROL_PORT}replay", "state"))["playback"]
            except Problem:
                continue
            if playback is not None and (playback != told or door.hub.newcomers):
                told, door.hub.newcomers = playback, False
                door.hub.say(msgspec.json.encode({"kind": "playback", **playback}))


async def _hear(socket: WebSocket) -> None:
    """What a reader says later has no meaning; that it goes has."""
    with suppress(WebSocketDisconnect, KeyError):  # no text, but bytes
        while True:
            await socket.receive_text()


async def _send(door: OpenDoor, socket: WebSocket, listener: Listener, past: list[Any], caller: Caller) -> None:
    with suppress(WebSocketDisconnect):
        about = door.about(public=caller.role is Role.SUBSCRIBER) | {"kind": "hello", "role": caller.role.value, "past": len(past)}
        await _out(socket, listener, msgspec.json.encode(about))
        for message in in_parts(past):
            await _out(socket, listener, message)
            await asyncio.sleep(0)  # others take their turn
        await _out(socket, listener, b'{"kind":"live"}')
        while True:
            await _out(socket, listener, await listener.next())


async def _out(socket: WebSocket, listener: Listener, message: bytes) -> None:
    """Send, or cut it off: what does not leave within `STALL_S` is not read."""
    try:
        async with asyncio.timeout(STALL_S):
            await socket.send_text(message.decode())
    except TimeoutError:
        listener.end()
