"""The log line of a fact: enough to find the fact by id or reason."""

import pytest

from tapewire.bus.messages import Alarm, OrderEvent, Reject, Signal, Trade
from tapewire.bus.testing import bar
from tapewire.daemons.shell import audit
from tests.golden.examples import EXAMPLES

FOUND_BY = {
    Signal: ("id", "action", "strategy", "size"),
    Reject: ("id", "reason", "detail", "strategy"),
    OrderEvent: ("order_id", "status", "filled", "detail"),
    Trade: ("id", "reason", "net_cents"),
    Alarm: ("name", "text"),
}


@pytest.mark.parametrize(
    "body", [body for _, _, body in EXAMPLES.values() if isinstance(body, audit.NOTED)], ids=lambda body: type(body).__name__
)
def test_a_noted_fact_has_its_id_and_its_reason(body: object) -> None:
    """Under the names that the message has; an order's id is just its id."""
    name, fields = audit.line(body)  # type: ignore[arg-type]

    assert name == {OrderEvent: "order"}.get(type(body), type(body).__name__.lower())
    assert list(fields.values()) == [getattr(body, field) for field in FOUND_BY[type(body)]]


def test_every_noted_kind_is_among_the_examples() -> None:
    assert {type(body) for _, _, body in EXAMPLES.values()} >= set(audit.NOTED) == set(FOUND_BY)


def test_an_unlisted_fact_has_no_line() -> None:
    """A bar a minute is not for the log."""
    with pytest.raises(TypeError, match="Bar is not noted"):
        audit.line(bar())
