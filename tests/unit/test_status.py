"""The lines of `tapewire status`."""

from __future__ import annotations

import time

import pytest

from tapewire.bus.messages import Beat
from tapewire.daemons.operator.status import BridgeStatus, RunStatus, lines


@pytest.mark.parametrize(("dropped", "well"), [(0, True), (1, False)])
def test_the_bridges_counters_stand_below_the_daemons(dropped: int, well: bool) -> None:
    """A bridge that has dropped something is not well."""
    beat = Beat("nt", 5124, 0, time.time_ns(), {}, 6, 830, note="ready", failed=3, queued=2, dropped=dropped)

    *_, last = lines(RunStatus([], BridgeStatus.of(beat)))

    assert last == (f"bridge: ready, heartbeat 0.0 s, 830 sent, 3 failed, 2 queued, {dropped} dropped", well)


def test_without_a_heartbeat_there_are_no_counters() -> None:
    """The daemons may run without NinjaTrader."""
    *_, last = lines(RunStatus([], None))

    assert last == ("bridge: no heartbeat since the broker started", True)
