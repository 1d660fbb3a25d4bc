"""The endpoints as one application. Each group has a module of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.websockets import WebSocket

from tapewire import __version__
from tapewire.daemons.api import live, metrics, operations, reading
from tapewire.daemons.api.door import OpenDoor
from tapewire.daemons.api.problems import Problem
from tapewire.daemons.api.threshold import Threshold

PAGE = Path(__file__).with_name("static")
CODES = {404: "NOT_FOUND", 405: "METHOD"}


def made(door: OpenDoor) -> Threshold:
    """The application of a run, behind the checks that every request passes."""
    app = FastAPI(title="tapewire", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.door = door
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _other)
    app.add_exception_handler(Exception, _fault)
    for router in (reading.router, operations.router, metrics.router):
        app.include_router(router)

    @app.websocket("/stream")
    async def stream(socket: WebSocket) -> None:
        await live.serve(door, socket)

    app.mount("/", StaticFiles(directory=PAGE, html=True), name="page")
    return Threshold(app, door.conf.api)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _invalid(request: Request, error: Exception) -> Response:
    """The first field that is wrong, by its name; never its value, which may be a key."""
    assert isinstance(error, RequestValidationError)
    found: Sequence[Any] = error.errors()
    fields = [{"field": ".".join(str(part) for part in each["loc"][1:]), "text": each["msg"]} for each in found]
    first = fields[0]
    return Problem(422, "INVALID", f"{first['field'] or 'body'}: {first['text']}", errors=fields).response()


async def _other(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code if error.status_code in CODES else 400
    return Problem(status, CODES.get(status, "REQUEST"), str(error.detail), headers=dict(error.headers or {})).response()


async def _fault(request: Request, error: Exception) -> Response:
    return Problem(500, "INTERNAL", "an error of ours; the log of the api has it").response()
