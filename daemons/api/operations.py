"""Endpoints that change something. Each passes the caller's own key on, and the daemon judges it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from tapewire.bus import topics
from tapewire.bus.errors import JournalError, Transient
from tapewire.bus.messages import Arm, Kill, Risk
from tapewire.bus.roles import Role
from tapewire.daemons.api.callers import Caller
from tapewire.daemons.api.door import OpenDoor
from tapewire.daemons.api.keyed import door_of, needs
from tapewire.daemons.api.problems import Problem
from tapewire.daemons.api.reading import json
from tapewire.daemons.gate.switch import LATCH
from tapewire.daemons.shell import latch

router = APIRouter()
Operator = Annotated[Caller, Depends(needs(Role.OPERATOR))]
Killer = Annotated[Caller, Depends(needs(Role.OPERATOR, limited=False))]
WORD = topics.of(topics.OPERATOR, "word")
WORD_S = 5.0
ReplayVerb = Literal["start", "pause", "step", "speed", "seek", "stop"]


@router.post("/api/live/kill")
async def kill(request: Request, caller: Killer, flatten: Annotated[bool, Query()] = False) -> Response:
    """Refuse every entry until it is armed, across restarts. With `flatten` also cancel entries and close positions."""
    door = door_of(request)
    faults = []
    try:
        latch.write(door.run / LATCH.file, caller.name)
    except JournalError as error:
        faults.append(str(error))
    risk = await _word(door, caller, Kill(caller.name, flatten))
    if risk is None and faults:
        raise Problem(503, "NOTHING", f"neither the disk nor the gate has taken it: {'; '.join(faults)}")
    return json({"killed": True, "on_disk": not faults, "acknowledged": risk is not None, "flatten": flatten, "risk": risk})


@router.post("/api/live/arm")
async def arm(request: Request, caller: Operator) -> Response:
    """Release the kill switch, and accept the venue's position where ours differs."""
    door = door_of(request)
    path = door.run / LATCH.file
    who = latch.read(path)
    latch.release(path)  # first: the gate looks at it
    risk = await _word(door, caller, Arm(caller.name))
    if risk is None:
        if who:
            latch.write(path, who)
        raise Problem(503, "AWAY", "the gate does not reply; nothing is released")
    return json({"killed": False, "risk": risk})


@router.post("/api/replay/{verb}")
async def replay(
    request: Request, caller: Operator, verb: ReplayVerb, argument: Annotated[str, Query(max_length=64)] = ""
) -> Response:
    """Play on, pause, step, set the speed, seek, or stop a replay. None of these changes what it decides."""
    door = door_of(request)
    if door.mode != "replay":
        raise Problem(409, "NO_REPLAY", "this run is live")
    return json(await door.act(caller, "control.replay", verb, argument))


async def _word(door: OpenDoor, caller: Caller, word: Kill | Arm) -> Risk | None:
    """Tell the gate; None if it does not reply."""
    try:
        with door.lent(caller, "gate") as gate:
            reply = await gate.request(WORD, word, name=caller.name, timeout_s=WORD_S)
    except Transient:
        return None
    return reply if isinstance(reply, Risk) else None
