"""Endpoints that only read: whether the process is up, whether an entry could be traded, and how everything stands."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tapewire import __version__
from tapewire.bus import topics
from tapewire.bus.messages import Risk
from tapewire.bus.roles import Role
from tapewire.daemons.api.bodies import gives, json
from tapewire.daemons.api.callers import Caller
from tapewire.daemons.api.door import OpenDoor
from tapewire.daemons.api.keyed import door_of, needs
from tapewire.daemons.api.measures import rooms
from tapewire.daemons.api.problems import Problem
from tapewire.daemons.operator.ready import lights

router = APIRouter()
Reader = Annotated[Caller, Depends(needs(Role.READER, Role.OPERATOR))]
Anyone = Annotated[Caller, Depends(needs(Role.READER, Role.OPERATOR, Role.EXTERNAL))]


@router.get("/health", summary="Whether this process is up", responses=gives(None, keyed=False))
async def health(request: Request) -> Response:
    """It needs no key and tells nothing else."""
    return json({"status": "healthy", "service": "tapewire", "version": __version__, "mode": door_of(request).mode})


@router.get("/ready", summary="Whether an entry could be sent now", responses=gives(None, 503))
async def ready(request: Request, caller: Anyone) -> Response:
    """`status` is ready, or not_ready with the reasons."""
    found: dict[str, Any] = await door_of(request).ask("gate", "ready")
    if found["ready"]:
        return json({"status": "ready", **found})
    raise Problem(503, "NOT_READY", "; ".join(found["why"].values()), **{**found, "ready_status": "not_ready"})


@router.get("/state", summary="How everything stands", responses=gives(None, 503))
async def state(request: Request, caller: Reader) -> Response:
    """The sessions, the strategies, the books, the limits and the lights, as the daemons have them now."""
    door = door_of(request)
    tracker = await door.ask("tracker", "state")
    gate = await door.ask("control.gate", "state")
    strategies = await door.ask("evaluator", "strategies")
    risk = next(iter(door.last(topics.RISK, Risk).values()), None)
    limits: dict[str, Any] = msgspec.to_builtins(door.conf.preset.risk)
    return json(
        {
            **door.about(),
            "role": caller.role.value,
            "sessions": tracker["sessions"],
            "strategies": strategies,
            "killed": gate["killed"],
            "venue_up": gate["venue_up"],
            "books": gate["books"],
            "lights": [*map(msgspec.to_builtins, lights(door.conf, door.snapshot(gate)))],
            "rooms": [each._asdict() for each in rooms(door.conf.preset.risk, risk)],
            "limits": {name: value for name, value in limits.items() if value not in (None, {})},
            "playback": await _playback(door) if door.mode == "replay" else None,
        }
    )


async def _playback(door: OpenDoor) -> Any:
    try:
        return (await door.ask("control.replay", "state"))["playback"]
    except Problem:  # it has ended
        return None
