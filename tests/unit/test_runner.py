"""The daemon values that the runner refuses before it opens a socket."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from tapewire.bus.daemon import Daemon, LinkPolicy
from tapewire.bus.errors import InvariantError
from tapewire.daemons.shell.runner import Runner
from tests.gates import conf
from tests.tally import State, Tally


def test_a_venue_link_without_a_log_is_refused(tmp_path: Path) -> None:
    """The venue's messages would be acknowledged, and lost with the process."""
    daemon = Daemon("tracker", Tally(State()), venue=LinkPolicy())

    with pytest.raises(InvariantError, match="tracker owns the venue link and keeps no log"):
        Runner(lambda _: daemon, conf(), tmp_path, structlog.get_logger())
