"""The values that `tapewire send` passes to the gate, and the exit status of each reply."""

from __future__ import annotations

from typing import Any

import pytest

from tapewire.bus.messages import ExternalAnswer, IngressError, Reason
from tapewire.daemons.operator.send import number, status_of


@pytest.mark.parametrize(
    ("text", "value"), [("20", 20), ("20.0", 20.0), ("4500.25", 4500.25), ("cheap", "cheap"), ("", ""), ("-3", -3)]
)
def test_a_number_is_passed_as_a_number(text: str, value: Any) -> None:
    """A whole number stays an int; text that is no number is passed on, and the gate refuses it."""
    assert (number(text), type(number(text))) == (value, type(value))


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (ExternalAnswer(True, "queued, and approved"), 0),
        (ExternalAnswer(True, "queued, and refused", reason=Reason.KILLED), 1),
        (ExternalAnswer(False, "price: no", error=IngressError.INVALID, field="price"), 65),
        (ExternalAnswer(False, "duplicate", error=IngressError.DUPLICATE), 65),
        (ExternalAnswer(False, "no venue", error=IngressError.UNAVAILABLE), 75),
        (ExternalAnswer(False, "id taken", error=IngressError.INTERNAL), 70),
    ],
)
def test_each_class_of_reply_has_its_exit_status(reply: ExternalAnswer, status: int) -> None:
    """Numbered as in sysexits.h, so that a script can separate errors to correct from errors to retry."""
    assert status_of(reply) == status
