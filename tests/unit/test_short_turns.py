"""Short turns of the processor: asked for, and nothing else changed."""

from __future__ import annotations

import subprocess
import sys

ASKS = """
import os
from tapewire.daemons.shell import limits
before = os.nice(5)
limits.take_short_turns()
print(os.nice(0) == before, os.sched_getscheduler(0) == os.SCHED_OTHER)
"""


def test_short_turns_leave_niceness_and_policy() -> None:
    """Also on a system that does not know them."""
    done = subprocess.run([sys.executable, "-c", ASKS], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["True", "True"]
