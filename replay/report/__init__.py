"""A finished run as one page: `write(run)` writes `report.html`, which needs no network and no other file."""

from tapewire.replay.report.page import write

__all__ = ["write"]
