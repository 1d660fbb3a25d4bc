"""What a daemon asks of the operating system when it starts: open files, an end with its supervisor, a place behind others."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from contextlib import suppress

PR_SET_PDEATHSIG = 1  # prctl(2)
SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}  # sched_setattr(2), which Python's library does not have
SHORT_NS = 100_000  # the shortest turn that Linux grants

RAISE = "raise the hard limit: `LimitNOFILE=` in the systemd unit, or `ulimit -Hn` in the shell that starts tapewire"
NEEDED_FILES = 4_096
"""Open files that a daemon should be able to have: one for each connection of a peer, one for each topic that the logger writes."""


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard one. Returns the limit that is now in force.

    Many systems start a program with a soft limit of 1,024. A broker with 2,000 connections, or a logger with 1,100 topics, needs
    more. The hard limit belongs to the administrator.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):  # macOS: a hard limit without end is more than its kernel gives
            return soft
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def end_with_parent() -> bool:
    """From now on the end of the process that started this one is a SIGTERM to it (Linux). False if that one has ended already.

    A supervisord that is killed ends none of its processes. They would trade on with nobody to restart them.
    """
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return os.getppid() == parent != 1


def give_way(niceness: int, *, batch: bool = False) -> None:
    """Let the other processes of this machine go first. To be called before a context is made: its threads work as they are born.

    Args:
        batch: also wait whenever another one has something to do, for work that nobody waits for.
    """
    os.nice(niceness)
    if batch:
        with suppress(AttributeError, OSError):  # a system without this policy: the niceness alone
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def take_short_turns() -> None:
    """Ask for short turns of the processor (Linux 6.12; earlier ones take no notice). To be called before a context is made.

    A process that needs little at a time is then woken before others that are in the middle of a turn; its share stays what it was.
    """
    number = SCHED_SETATTR.get(platform.machine())
    if sys.platform == "linux" and number is not None and os.sched_getscheduler(0) == os.SCHED_OTHER:
        niceness = os.getpriority(os.PRIO_PROCESS, 0)
        asked = struct.pack("=IIQiIQQQ", 48, os.SCHED_OTHER, 0, niceness, 0, SHORT_NS, 0, 0)
        ctypes.CDLL(None).syscall(number, 0, asked, 0)


def enough_files(limit: int) -> bool:
    """Whether this limit allows `NEEDED_FILES` open files."""
    return limit == resource.RLIM_INFINITY or limit >= NEEDED_FILES


def state() -> dict[str, int]:
    """What `doctor` compares: the limit of open files, and what a daemon should have."""
    return {"open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[0], "open_files_needed": NEEDED_FILES}
