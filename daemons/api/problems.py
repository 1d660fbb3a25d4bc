"""Errors in the one shape of RFC 9457: `application/problem+json`."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"

TITLES = {
    400: "The request is wrong",
    401: "No valid key",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Not in this state",
    413: "Too long",
    415: "Not JSON",
    421: "Not this host",
    422: "A field is wrong",
    429: "Too many requests",
    500: "An error of ours",
    503: "Not available now",
}


class Problem(Exception):
    """Ends a request with an error.

    Args:
        status: of HTTP. code: one word for programs, in capitals. detail: a sentence for a person. more: further members.
    """

    def __init__(self, status: int, code: str, detail: str, *, headers: dict[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.more = more

    def response(self) -> Response:
        """As it leaves."""
        fields = {"type": "about:blank", "title": TITLES[self.status], "status": self.status, "code": self.code}
        body = msgspec.json.encode(fields | {"detail": self.detail} | self.more)
        return Response(body, self.status, self.headers, MEDIA_TYPE)
