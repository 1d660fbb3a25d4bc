"""The OpenAPI document: its examples work, and whatever it allows to be sent gets an answer that it describes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from tapewire.daemons.api import deciding
from tapewire.daemons.settings.structs import Api
from tests.doors import Door, configured

EXAMPLES = 8  # of each endpoint
BOUNDED = settings(
    max_examples=EXAMPLES, phases=[Phase.generate], deadline=None, suppress_health_check=[*HealthCheck], derandomize=True
)
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The document of a door that counts no requests, and does not wait for bars that nobody sends."""
    conf = msgspec.structs.replace(configured(), api=Api(requests_per_s=1e6))
    door = Door(conf, tmp_path_factory.mktemp("run"))
    schema = schemathesis.openapi.from_asgi("/openapi.json", door.application, headers={"Host": "127.0.0.1:8006"})
    schema.door = door
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deciding, "DECIDE_S", 0.001)
        yield schema


def test_its_examples_work(document: Any) -> None:
    """Each body that it prints is taken as it stands."""
    client = document.door.client("operator")
    statuses = {}
    for path, operations in document.raw_schema["paths"].items():
        for method, operation in operations.items():
            for name, example in (
                operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("examples", {}).items()
            ):
                statuses[path, name] = client.request(method, path, json=example["value"]).status_code

    assert statuses == {each: 409 if each[0] == "/api/live/start" else 200 for each in statuses}
    assert len(statuses) == 6


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_whatever_is_sent_gets_an_answer_that_it_describes(mode: GenerationMode, document: Any) -> None:
    """To every endpoint, what fits the document and what does not: no 5xx, no other status, no other kind or shape of an answer."""
    seen: set[str] = set()
    done: set[str] = set()

    for operation in (each.ok() for each in document.get_all_operations()):
        try:
            cases = operation.as_strategy(generation_mode=mode)
        except Unsatisfiable:
            continue

        @settings(
            max_examples=EXAMPLES, phases=[Phase.generate], deadline=None, suppress_health_check=[*HealthCheck], derandomize=True
        )
        @given(cases)
        def each_case(case: Any) -> None:
            case.headers["X-API-Key"] = document.door.tokens["operator"]
            document.door.ports.killed = False
            case.headers["Host"] = "127.0.0.1"
            answer = case.call_and_validate(checks=CHECKS)
            if answer.status_code == 200:
                done.add(case.operation.label)
            seen.add(case.operation.label)

        with suppress(Unsatisfiable):  # it takes nothing that could be wrong
            each_case()

    assert len(done) >= (18 if mode is GenerationMode.POSITIVE else 5)
    assert len(seen) >= (21 if mode is GenerationMode.POSITIVE else 10)
