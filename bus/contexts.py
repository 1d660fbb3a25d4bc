"""Contexts of short commands, which Ctrl-C may end at any moment."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import zmq


@contextmanager
def brief() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    """A context for the duration of a block.

    The end of a context waits for each of its sockets. pyzmq does not know one that Ctrl-C caught between its birth and its first
    line, or within its closing: only the frames of the interruption hold it, and so it ends with them.
    """
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        yield context
    except KeyboardInterrupt as interruption:
        traceback.clear_frames(interruption.__traceback__)
        raise
    finally:
        context.destroy()
