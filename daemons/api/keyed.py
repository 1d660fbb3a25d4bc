"""Which key a request needs, as a dependency of its endpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

from fastapi import Request, Security
from fastapi.security import APIKeyHeader

from tapewire.bus.roles import Role
from tapewire.daemons.api.callers import HEADER, Caller
from tapewire.daemons.api.door import OpenDoor

_header = APIKeyHeader(name=HEADER, auto_error=False, description="`tapewire keys token NAME` prints it.")


def door_of(request: Request) -> OpenDoor:
    """The run that this application serves."""
    return cast(OpenDoor, request.app.state.door)


def needs(*roles: Role, limited: bool = True) -> Callable[..., Awaitable[Caller]]:
    """A dependency that gives the caller, if his key has one of these roles."""

    async def caller(request: Request, token: str | None = Security(_header)) -> Caller:
        address = request.client.host if request.client else ""
        return door_of(request).callers.admit(token, address, *roles, limited=limited)

    return caller
