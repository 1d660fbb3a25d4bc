"""The kill switch on disk. It is apart from the core, so that `tapewire kill` loads nothing of what decides."""

from __future__ import annotations

from tapewire.bus import topics
from tapewire.bus.daemon import Latch
from tapewire.bus.messages import Kill

LATCH = Latch("killed", topics.of(topics.OPERATOR, "latch"), Kill, lambda gate: gate.killed)
"""The file that `tapewire kill` writes before it asks the gate."""
