"""`WS /stream`: what has been, then what comes (README.md, "The stream")."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from tapewire.bus import topics
from tapewire.bus.roles import CONTROL_PORT, Role, SubscriberTier
from tapewire.daemons.api.allotment import Allotment
from tapewire.daemons.api.bodies import gives, json
from tapewire.daemons.api.callers import HEADER, Caller
from tapewire.daemons.api.door import OpenDoor
from tapewire.daemons.api.keyed import door_of, needs
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
NEWCOMERS_PER_S = 25.0  # who show no key before they are let in: to make and end a WebSocket costs as much as ten requests
FULL_S = 5  # until one who was too many may try again
CLOSED_LATE = 4408
CLOSED = {401: 4401, 403: 4403, 429: 4429, 503: 4429}
"""Close codes, by the status that the same refusal has in HTTP."""

router = APIRouter()


class StreamRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first message of a reader. key: its token, unless it was in the header. topics: prefixes; empty for the usual ones."""

    key: str = ""
    topics: tuple[str, ...] = ()


_wanted = msgspec.json.Decoder(StreamRequest)


class Newcomers:
    """Who asks for a stream, before a WebSocket is made for him: refused there, he costs little."""

    def __init__(self, door: OpenDoor) -> None:
        self._door = door
        self._allotment = Allotment(NEWCOMERS_PER_S)

    def refusal(self, headers: dict[bytes, bytes]) -> Problem | None:
        """Why he gets none, if that is known now. headers: their names in lower case. A good key there goes before all others."""
        caller = self._door.callers.known(headers.get(HEADER.lower().encode(), b"").decode("latin-1"))
        problem = no_room(self._door, caller)
        if problem is None and caller is None and (wait_s := self._allotment.take(time.monotonic())) > 0:
            return _later(503, "BUSY", "too many come at this moment", wait_s)
        return problem


def no_room(door: OpenDoor, caller: Caller | None) -> Problem | None:
    """Why nobody gets a stream now, or not this caller; None if he does."""
    if caller is not None and (wait_s := door.slow.wait(caller.name)) > 0:
        return _later(429, "SLOW", f"a reader with the key {caller.name!r} did not read and was cut off", wait_s)
    listeners, settings = door.hub.listeners, door.conf.api
    if caller is not None and sum(each.caller.name == caller.name for each in listeners) >= settings.readers_of_key:
        why = f"the key {caller.name!r} has {settings.readers_of_key} readers open, which is all that it may ([api] readers_of_key)"
        return _later(429, "MANY", why, FULL_S)
    if len(listeners) >= settings.readers:
        return _later(503, "FULL", f"{settings.readers} readers are open, which is all that may be ([api] readers)", FULL_S)
    return None


def _later(status: int, code: str, why: str, wait_s: float) -> Problem:
    seconds = math.ceil(wait_s)
    return Problem(status, code, f"{why}; come again in {seconds} s", headers={"Retry-After": str(seconds)})


@router.get("/stream", summary="Whether the stream has room", responses=gives(None, 503, example={"status": "open"}))
async def room(request: Request, caller: Annotated[Caller, Depends(needs(*READS))]) -> Response:
    """What a WebSocket with this key would be told. A browser does not show its page why a WebSocket was refused."""
    problem = no_room(door_of(request), caller)
    if problem is not None:
        raise problem
    return json({"status": "open"})


async def serve(door: OpenDoor, socket: WebSocket) -> None:
    """One reader, from its first message to its end."""
    await socket.accept()
    try:
        asked = _wanted.decode(await asyncio.wait_for(socket.receive_text(), ASK_S))
        if len(asked.topics) > MOST_TOPICS:
            raise msgspec.ValidationError("too many topics")
        address = socket.client.host if socket.client else ""
        caller = door.callers.admit(asked.key or socket.headers.get(HEADER), address, *READS)
        if (problem := no_room(door, caller)) is not None:
            raise problem
    except Problem as problem:
        if "Retry-After" in problem.headers:
            door.turned_away.add(problem.code)
        await socket.close(CLOSED[problem.status], " ".join((problem.code, *filter(None, [problem.headers.get("Retry-After")]))))
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
        await socket.close(CLOSED[403], "TIER")
        return
    end: Callable[[], None] = socket.scope["state"]["cut"]
    listener = Listener(caller, wanted, end)
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
            _tell_cut(door, listener)


def _tell_cut(door: OpenDoor, listener: Listener) -> None:
    """Count it, let its key wait, and tell it once for all that were cut together."""
    door.hub.cut_off += 1
    name = listener.caller.name
    if (wait_s := door.slow.cut(name)) > 0:
        remedy = "it read too slowly; its key may read again after the wait, which grows each time"
        door.logger.warning("reader_cut_off", key=name, unread=listener.size, wait_s=wait_s, remedy=remedy)


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
            while (wait_s := door.slow.past(caller.name, len(message))) > 0:
                await asyncio.sleep(wait_s)
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
        listener.cut()
