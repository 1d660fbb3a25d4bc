"""The endpoints as one application. Each group has a module of its own."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.websockets import WebSocket

from tapewire import __version__
from tapewire.daemons.api import bodies, entering, history, live, metrics, operations, public, reading, signals
from tapewire.daemons.api.direct import Direct
from tapewire.daemons.api.door import OpenDoor
from tapewire.daemons.api.problems import TITLES, Problem
from tapewire.daemons.api.threshold import STREAM, Receive, Scope, Send, Threshold

PAGE = Path(__file__).with_name("static")
ABOUT = "The bus of tapewire over HTTP. Keys are those of the bus: `tapewire keys token NAME` prints one for the header X-API-Key."
CODES = {404: "NOT_FOUND", 405: "METHOD"}


class PageFiles(StaticFiles):
    """The files of the page, wherever no endpoint is. An endpoint that takes another method says so."""

    def __init__(self, app: FastAPI, **settings: Any) -> None:
        super().__init__(**settings)
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Whole files alone: parts of them would have refusals of another shape."""
        await super().__call__({**scope, "headers": [each for each in scope["headers"] if each[0] != b"range"]}, receive, send)

    async def get_response(self, path: str, scope: MutableMapping[str, Any]) -> Response:
        for known, described in self._app.openapi()["paths"].items():
            if compile_path(known)[0].match(scope["path"]):
                raise HTTPException(405, "this takes another method", {"Allow": ", ".join(described).upper()})
        return await super().get_response(path, scope)


def made(door: OpenDoor) -> Threshold:
    """The application of a run, behind the checks that every request passes."""
    app = FastAPI(title="tapewire", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.door = door
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _other)
    app.add_exception_handler(Exception, _fault)
    for router in (
        live.router,
        reading.router,
        signals.router,
        public.router,
        operations.router,
        history.router,
        entering.router,
        metrics.router,
    ):
        app.include_router(router)

    @app.websocket(STREAM)
    async def stream(socket: WebSocket) -> None:
        await live.serve(door, socket)

    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    app.mount("/", PageFiles(app, directory=PAGE, html=True), name="page")
    return Threshold(app, door.conf.api, Direct(door), live.Newcomers(door).refusal, door.turned_away.add)


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the schemas of what goes in and out as it is decoded."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes, description=ABOUT)
        document["components"]["schemas"] = bodies.components()
        app.openapi_schema = document
    return app.openapi_schema


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
    status = error.status_code if error.status_code in TITLES else 400
    return Problem(status, CODES.get(status, "REQUEST"), str(error.detail), headers=dict(error.headers or {})).response()


async def _fault(request: Request, error: Exception) -> Response:
    return Problem(500, "INTERNAL", "an error of ours; the log of the api has it").response()
