"""JSON in and out, and how the OpenAPI document describes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from tapewire.daemons.api.problems import MEDIA_TYPE, TITLES, Problem

Kind = TypeVar("Kind", bound=Struct)
JSON = "application/json"
REF = "#/components/schemas/{name}"
PROBLEM = "Problem"
described: dict[str, type[Struct]] = {}
"""Every struct of a body or an answer, by its name in the OpenAPI document."""

_decoders: dict[type[Struct], msgspec.json.Decoder[Any]] = {}
_PLACE = re.compile(r" - at `\$\.?([^`]*)`$")
_encode = msgspec.json.Encoder().encode


def json(body: object, status: int = 200) -> Response:
    """As JSON. A number that is none becomes null."""
    return Response(_encode(body), status, media_type=JSON)


async def body_of(request: Request, kind: type[Kind]) -> Kind:
    """The body of a request.

    Raises:
        Problem: it is no JSON, or a field is missing, unknown, or of another type.
    """
    made: Kind = decoded(await raw_body(request), kind)
    return made


async def raw_body(request: Request) -> bytes:
    """The bytes of a body that says it is JSON.

    Raises:
        Problem: it says it is something else, or is packed.
    """
    json_only(request.headers.get("content-type", ""))
    if (packed := request.headers.get("content-encoding", "identity").strip().lower()) != "identity":
        raise Problem(415, "PACKED", f"the body is packed ({packed[:60]}); send it as it is, without content-encoding")
    return await request.body()


def json_only(kind: str) -> None:
    """Raises Problem: a body of this kind is no JSON. A page of another server could send that without asking."""
    given = kind.partition(";")[0].strip().lower()
    if given != JSON:
        raise Problem(415, "NOT_JSON", f"the body is {given[:60] or 'of no kind'}; send {JSON}")


def decoded(content: bytes, kind: type[Kind]) -> Kind:
    """The struct in a body. Raises Problem, as `body_of`."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    try:
        found: Kind = decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise wrong(str(error)) from None
    return found


def wrong(text: str, field: str = "") -> Problem:
    """A body is not as it should be."""
    place = _PLACE.search(text)
    field = field or (place[1] if place else "")
    return Problem(422, "INVALID", text, field=field)


def takes(*kinds: type[Struct], **examples: object) -> dict[str, Any]:
    """For `openapi_extra`: the body that an endpoint takes, with examples that work as they stand."""
    schemas = [_schema(kind) for kind in kinds]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    shown = {name: {"value": value} for name, value in examples.items()}
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema, "examples": shown}}}}


def gives(
    kind: type[Struct] | None, *refusals: int, about: str = "Done", example: object = None, keyed: bool = True
) -> dict[int | str, Any]:
    """For `responses`: what an endpoint answers, and the statuses of its refusals.

    Args:
        kind: None for an object that the document does not describe. keyed: it needs a key.
    """
    schema = {"type": "object"} if kind is None else _schema(kind)
    content: dict[str, Any] = {"schema": schema} | ({} if example is None else {"example": example})
    common = (401, 403, 429) if keyed else ()
    found: dict[int | str, Any] = {200: {"description": about, "content": {JSON: content}}}
    for status in sorted({421, *common, *refusals}):
        found[status] = {"description": TITLES[status], "content": {MEDIA_TYPE: {"schema": {"$ref": REF.format(name=PROBLEM)}}}}
    return found


def components() -> dict[str, Any]:
    """The schemas of everything that was described."""
    problem = {
        "title": PROBLEM,
        "description": "RFC 9457. code: one word for programs. detail: a sentence for a person.",
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string"},
            "detail": {"type": "string"},
        },
        "required": ["type", "title", "status", "code", "detail"],
    }
    _, schemas = msgspec.json.schema_components(described.values(), ref_template=REF)
    return {PROBLEM: problem, **schemas}


def _schema(kind: type[Struct]) -> Mapping[str, str]:
    described[kind.__name__] = kind
    return {"$ref": REF.format(name=kind.__name__)}
