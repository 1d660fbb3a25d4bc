"""What an OpenAPI document allows is sent, and what it forbids, and every answer is held to it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


class Sent(NamedTuple):
    """The endpoints that got a request, and those that answered one with 200."""

    seen: set[str]
    done: set[str]


def held(document: Any, mode: GenerationMode, token: str, *, examples: int = 8, before: Callable[[str], object]) -> Sent:
    """Send so many requests to each endpoint. Raises if an answer is a 5xx, or its status, kind or shape is not described.

    Args:
        before: called before each request, with the name of its endpoint.
    """
    sent = Sent(set(), set())
    for operation in (each.ok() for each in document.get_all_operations()):
        try:
            cases = operation.as_strategy(generation_mode=mode)
        except Unsatisfiable:
            continue

        @settings(
            max_examples=examples, phases=[Phase.generate], deadline=None, suppress_health_check=[*HealthCheck], derandomize=True
        )
        @given(cases)
        def each_case(case: Any) -> None:
            before(case.operation.label)
            case.headers["X-API-Key"] = token
            case.headers["Host"] = "127.0.0.1"
            answer = case.call_and_validate(checks=CHECKS)
            if answer.status_code == 200:
                sent.done.add(case.operation.label)
            sent.seen.add(case.operation.label)

        with suppress(Unsatisfiable):  # it takes nothing that could be wrong
            each_case()
    return sent
