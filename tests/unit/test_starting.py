"""Progress of a start, as `tapewire up --wait` tells it."""

from __future__ import annotations

from tapewire.daemons.operator import supervise
from tapewire.daemons.operator.starting import Told


def test_each_step_is_told_once_with_its_time() -> None:
    """What is up, and what is waited for; the same again says nothing."""
    said: list[str] = []
    times = iter([0.0, 0.5, 2.0])
    told = Told(said.append, lambda: next(times))

    for waiting in (list(supervise.DAEMONS), list(supervise.DAEMONS), ["gate"]):
        told.waiting(waiting)

    assert said[0] == f"  0.5 s  up: none yet; waiting for {', '.join(supervise.DAEMONS)}"
    assert said[1] == "  2.0 s  up: broker, daybook, logger, publisher, tracker, evaluator; waiting for gate"
    assert len(said) == 2
