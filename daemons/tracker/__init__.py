"""The session tracker: the session model of the playbook (sections 1 and 2), one record per bar."""

from tapewire.daemons.tracker.core import Tracker

__all__ = ["Tracker"]
