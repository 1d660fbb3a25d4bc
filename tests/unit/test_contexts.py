"""The context of a short command ends with Ctrl-C, wherever that finds it."""

import signal
import subprocess
import sys

import pytest
import zmq

from tapewire.bus.contexts import brief

INTERRUPTED = """
import zmq
from tapewire.bus.contexts import brief

class Caught(zmq.Socket):
    def close(self, linger=None):
        self.context._rm_socket(self)
        Caught.close = zmq.Socket.close
        raise KeyboardInterrupt

def asks(context):
    with Caught(context, zmq.REQ) as socket:
        socket.connect("inproc://nobody")

with brief() as context:
    asks(context)
"""


def test_a_socket_that_ctrl_c_caught_in_its_closing_does_not_hold_up_the_end():
    """The smallest case of a start that hung: the socket is open, its context knows it no more, and only a frame has it."""
    done = subprocess.run([sys.executable, "-P", "-c", INTERRUPTED], capture_output=True, text=True, timeout=60)

    assert done.returncode in (130, -signal.SIGINT), done.stderr
    assert "KeyboardInterrupt" in done.stderr


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_context_is_closed_at_the_end_whatever_ends_it(error):
    """With the sockets that were left open."""
    left: list[zmq.Socket[bytes]] = []

    def ends(context: zmq.Context[zmq.Socket[bytes]]) -> None:
        left.append(context.socket(zmq.REQ))
        raise error

    with pytest.raises(error), brief() as context:
        ends(context)

    assert context.closed
    assert left[0].closed


def test_a_context_is_closed_behind_its_block():
    """The usual way."""
    with brief() as context:
        assert not context.closed

    assert context.closed
