"""The OpenAPI document: its examples work, and whatever it allows to be sent gets an answer that it describes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import schemathesis
from schemathesis.generation.modes import GenerationMode

from tapewire.daemons.api import deciding
from tapewire.daemons.settings.structs import Api
from tests.answers import held
from tests.doors import Door, configured


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

    def before(_: str) -> None:
        document.door.ports.killed = False

    sent = held(document, mode, document.door.tokens["operator"], before=before)

    assert len(sent.done) >= (18 if mode is GenerationMode.POSITIVE else 5)
    assert len(sent.seen) >= (21 if mode is GenerationMode.POSITIVE else 10)
