"""Readers that do not read, on sockets of the operating system: which connection is shut down, and when."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tapewire.bus.backlog import Backlog

BUDGET = 1_000


@pytest.fixture(params=["tcp", "ipc"])
def bound(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A listening socket and its address as ZeroMQ writes it."""
    if request.param == "tcp":
        with socket.create_server(("127.0.0.1", 0)) as server:
            yield server, f"tcp://127.0.0.1:{server.getsockname()[1]}"
    else:
        path = tmp_path / "out"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen()
            yield server, f"ipc://{path}"


def connected(server: socket.socket) -> tuple[socket.socket, socket.socket]:
    """A client, and our end of its connection."""
    client = socket.socket(server.family)
    client.connect(server.getsockname())
    return client, server.accept()[0]


def fill(peer: socket.socket) -> None:
    """Send until the buffer is full."""
    peer.setblocking(False)
    try:
        while True:
            peer.send(b"x" * 65_536)
    except BlockingIOError:
        return


def closed(peer: socket.socket) -> bool:
    """Whether our end can send no more."""
    try:
        peer.send(b"x")
    except BrokenPipeError:
        return True
    except BlockingIOError:
        return False
    return False


def test_a_reader_that_stays_full_for_the_budget_is_cut(bound: tuple[socket.socket, str]) -> None:
    """At the first look it is found full; a budget of bytes later it goes. The reader beside it stays."""
    server, address = bound
    backlog = Backlog((address,), BUDGET)
    (stuck, ours), (reading, theirs) = connected(server), connected(server)
    with stuck, ours, reading, theirs:
        fill(ours)

        assert backlog.sent(BUDGET) == 0
        assert not closed(ours)
        assert backlog.sent(BUDGET) == 1
        assert closed(ours)
        assert not closed(theirs)
        assert backlog.cut == 1


def test_a_reader_that_has_read_meanwhile_stays(bound: tuple[socket.socket, str]) -> None:
    """It counts from its next full buffer."""
    server, address = bound
    backlog = Backlog((address,), BUDGET)
    slow, ours = connected(server)
    with slow, ours:
        fill(ours)
        backlog.sent(BUDGET)
        slow.setblocking(False)
        try:
            while slow.recv(1 << 20):
                pass
        except BlockingIOError:
            pass

        assert [backlog.sent(BUDGET) for _ in range(3)] == [0, 0, 0]
        assert not closed(ours)


def test_a_connection_of_another_socket_is_left_alone(bound: tuple[socket.socket, str]) -> None:
    """The process has other sockets; only those where we are bound are ours."""
    server, _ = bound
    backlog = Backlog(("tcp://127.0.0.1:1", "ipc:///elsewhere"), BUDGET)
    stuck, ours = connected(server)
    with stuck, ours:
        fill(ours)

        assert [backlog.sent(BUDGET) for _ in range(3)] == [0, 0, 0]
        assert not closed(ours)


def test_a_budget_without_room_is_refused() -> None:
    """It would cut every reader."""
    with pytest.raises(ValueError, match="budget is 0"):
        Backlog((), 0)
