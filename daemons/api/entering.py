"""How a key gets into the page: a code in place of it, because an address is kept by histories, process lists and logs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from msgspec import Meta, Struct
from starlette.responses import Response

from tapewire.bus.roles import Role
from tapewire.daemons.api.bodies import body_of, gives, json, takes
from tapewire.daemons.api.callers import Caller
from tapewire.daemons.api.codes import GOOD_S
from tapewire.daemons.api.keyed import door_of, needs
from tapewire.daemons.api.problems import Problem

router = APIRouter()
Reader = Annotated[Caller, Depends(needs(Role.READER, Role.OPERATOR))]


class PageCode(Struct, frozen=True):
    """A code that stands for the caller's key once. seconds: how long it is good."""

    code: str
    seconds: float


class CodeShown(Struct, frozen=True, forbid_unknown_fields=True):
    """A code as a person has typed it: in any case, with or without its lines."""

    code: Annotated[str, Meta(max_length=64)]


class KeyGiven(Struct, frozen=True):
    """The key that a code stood for, for the header X-API-Key."""

    key: str


@router.post("/page/code", summary="A code for the page", responses=gives(PageCode))
async def code(request: Request, caller: Reader) -> Response:
    """It stands for the key that asks for it, and lends no other. `tapewire open` prints it."""
    return json(PageCode(door_of(request).codes.made(caller), GOOD_S))


@router.post(
    "/page/key",
    summary="The key behind a code",
    responses=gives(KeyGiven, 401, 413, 415, 422, 429, keyed=False),
    openapi_extra=takes(CodeShown),
)
async def key(request: Request) -> Response:
    """The code is the question, so no key is needed. It works once; a wrong one counts as a wrong key does."""
    door = door_of(request)
    caller = door.codes.used((await body_of(request, CodeShown)).code)
    if caller is None or not door.callers.still(caller):
        door.callers.failed(request.client.host if request.client else "")
        raise Problem(401, "CODE", "this code was used already, is too old, or is none; `tapewire open` prints another")
    return json(KeyGiven(caller.key.token))
