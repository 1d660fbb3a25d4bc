"""What `tapewire send` hands to the gate, and what its exit status says of the answer."""

from __future__ import annotations

from typing import Any

import pytest

from tapewire.bus.messages import ExternalAnswer, IngressError, Reason
from tapewire.daemons.operator.send import number, status_of


@pytest.mark.parametrize(
    ("text", "value"), [("20", 20), ("20.0", 20.0), ("4500.25", 4500.25), ("cheap", "cheap"), ("", ""), ("-3", -3)]
)
def test_text_becomes_the_number_that_it_is(text: str, value: Any) -> None:
    """A whole number stays whole, and what is none is left for the gate to name."""
    assert (number(text), type(number(text))) == (value, type(value))


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (ExternalAnswer(True, "queued, and approved"), 0),
        (ExternalAnswer(True, "queued, and refused", reason=Reason.KILLED), 1),
        (ExternalAnswer(False, "price: no", error=IngressError.INVALID, field="price"), 65),
        (ExternalAnswer(False, "asked before", error=IngressError.DUPLICATE), 65),
        (ExternalAnswer(False, "no venue", error=IngressError.UNAVAILABLE), 75),
        (ExternalAnswer(False, "id taken", error=IngressError.INTERNAL), 70),
    ],
)
def test_each_class_of_answer_has_its_exit_status(answer: ExternalAnswer, status: int) -> None:
    """As sysexits.h numbers them, so that a script can tell what to mend from what to try again."""
    assert status_of(answer) == status
