"""Endpoints that only read."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tapewire import __version__
from tapewire.bus.roles import Role
from tapewire.daemons.api.callers import Caller
from tapewire.daemons.api.door import OpenDoor
from tapewire.daemons.api.keyed import door_of, needs
from tapewire.daemons.api.problems import Problem
from tapewire.daemons.operator.ready import lights

router = APIRouter()
People = Annotated[Caller, Depends(needs(Role.READER, Role.OPERATOR))]


def json(body: object, status: int = 200) -> Response:
    """As JSON. A number that is none becomes null."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")


@router.get("/health")
async def health() -> Response:
    """This process is up. It needs no key and tells nothing else."""
    return json({"status": "healthy", "service": "tapewire", "version": __version__})


@router.get("/ready")
async def ready(request: Request, caller: People) -> Response:
    """Whether an entry could be sent now."""
    found: dict[str, Any] = await door_of(request).ask("gate", "ready")
    return json({"status": "ready" if found["ready"] else "not_ready", **found}, 200 if found["ready"] else 503)


@router.get("/state")
async def state(request: Request, caller: People) -> Response:
    """The sessions, the strategies, the books and the limits as the daemons have them now."""
    door = door_of(request)
    tracker = await door.ask("tracker", "state")
    gate = await door.ask("control.gate", "state")
    strategies = await door.ask("evaluator", "strategies")
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
            "limits": {
                name: value for name, value in msgspec.to_builtins(door.conf.preset.risk).items() if value not in (None, {})
            },
            "playback": await _playback(door) if door.mode == "replay" else None,
        }
    )


async def _playback(door: OpenDoor) -> Any:
    try:
        return (await door.ask("control.replay", "state"))["playback"]
    except Problem:  # it has ended
        return None
