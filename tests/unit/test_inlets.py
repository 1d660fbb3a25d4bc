"""Waiting for sockets by one descriptor: no message may be left lying while the process sleeps."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest
import zmq

from tapewire.bus.inlets import Inlets

PATIENCE_MS = 10_000


class Ends:
    """Two sockets inside this process. A message is there as soon as it is sent: no thread of ZeroMQ is between them."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self.far, self.near = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        address = f"inproc://{id(self)}"
        self.near.bind(address)
        self.far.connect(address)


@pytest.fixture
def pair() -> Iterator[Callable[[], Ends]]:
    """Makes pairs of sockets."""
    made: list[Ends] = []
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()

    def make() -> Ends:
        made.append(Ends(context))
        return made[-1]

    yield make
    context.destroy(linger=0)


@pytest.fixture
def inlets() -> Iterator[Inlets]:
    made = Inlets()
    yield made
    made.close()


def test_a_socket_with_a_message_is_named(pair: Callable[[], Ends], inlets: Inlets) -> None:
    """And one without is not."""
    told: list[str] = []
    full, empty = pair(), pair()
    inlets.add(empty.near, lambda: told.append("empty"))
    inlets.add(full.near, lambda: told.append("full"))
    assert inlets.wait(0) == []

    full.far.send(b"x")
    for handler in inlets.wait(PATIENCE_MS):
        handler()

    assert told == ["full"]


def test_what_came_before_the_socket_was_added_is_found(pair: Callable[[], Ends], inlets: Inlets) -> None:
    """libzmq gives no sign of it any more once the socket was asked for something else."""
    ends = pair()
    ends.far.send(b"x")
    assert ends.near.poll(PATIENCE_MS)

    inlets.add(ends.near, lambda: None)

    assert len(inlets.wait(PATIENCE_MS)) == 1


def test_what_a_handler_leaves_is_found_again(pair: Callable[[], Ends], inlets: Inlets) -> None:
    """A handler may take one message of many."""
    ends = pair()
    taken: list[bytes] = []
    inlets.add(ends.near, lambda: taken.append(ends.near.recv()))
    for number in range(3):
        ends.far.send(b"%d" % number)

    for _ in range(3):
        for handler in inlets.wait(PATIENCE_MS):
            handler()

    assert taken == [b"0", b"1", b"2"]
    assert inlets.wait(0) == []


def test_a_sign_that_a_send_has_taken_away_is_made_up_for(pair: Callable[[], Ends], inlets: Inlets) -> None:
    """Any use of a socket may read what its descriptor would have told of."""
    ends = pair()
    inlets.add(ends.near, lambda: None)
    assert inlets.wait(0) == []
    ends.far.send(b"x")
    assert ends.near.getsockopt(zmq.EVENTS)  # as a send does now and then

    inlets.used(ends.near)

    assert len(inlets.wait(PATIENCE_MS)) == 1


def test_a_socket_that_seldom_hears_is_asked_once_in_a_while(pair: Callable[[], Ends], inlets: Inlets) -> None:
    """Not before the next wait, whoever sends by it; and a process that sends no more sleeps on no message."""
    ends = pair()
    inlets.add(ends.near, lambda: None, seldom=True)
    assert inlets.wait(0) == []
    ends.far.send(b"x")
    inlets.used(ends.near)
    assert ends.near.getsockopt(zmq.EVENTS)  # as a send does now and then

    waits = iter(lambda: inlets.wait(PATIENCE_MS), None)

    assert len(next(filter(None, waits))) == 1


def test_an_emptied_socket_is_woken_by_the_next_message(pair: Callable[[], Ends], inlets: Inlets) -> None:
    """It is not asked before the wait, so the descriptor must tell."""
    ends = pair()

    def empty() -> None:
        while ends.near.getsockopt(zmq.EVENTS) & zmq.POLLIN:
            ends.near.recv()
        inlets.emptied(ends.near)

    inlets.add(ends.near, empty)
    for _ in range(2):
        ends.far.send(b"x")
        found = inlets.wait(PATIENCE_MS)
        assert found == [empty]
        found[0]()
        assert inlets.wait(0) == []


def test_what_was_added_first_is_handled_first(pair: Callable[[], Ends], inlets: Inlets) -> None:
    """Control is looked at before facts, whichever came first."""
    control, facts = pair(), pair()
    plain, far = socket.socketpair()
    told: list[str] = []
    with plain, far:
        inlets.add(plain, lambda: told.append("plain"))
        inlets.add(control.near, lambda: told.append("control"))
        inlets.add(facts.near, lambda: told.append("facts"))
        assert inlets.wait(0) == []
        facts.far.send(b"x")
        control.far.send(b"x")
        far.send(b"x")

        for handler in inlets.wait(PATIENCE_MS):
            handler()
        inlets.remove(plain)

    assert told == ["plain", "control", "facts"]


def test_a_removed_socket_is_silent(pair: Callable[[], Ends], inlets: Inlets) -> None:
    """Its owner may close it."""
    ends = pair()
    inlets.add(ends.near, lambda: None)
    ends.far.send(b"x")

    inlets.remove(ends.near)
    inlets.used(ends.near)

    assert inlets.wait(0) == []


def test_doubt_finds_a_message_whose_sign_somebody_took(pair: Callable[[], Ends], inlets: Inlets) -> None:
    """A use of the socket that nobody told of: without doubt the message would lie there until the next one comes."""
    ends = pair()
    inlets.add(ends.near, lambda: None)
    assert inlets.wait(0) == []
    ends.far.send(b"x")
    assert ends.near.getsockopt(zmq.EVENTS) & zmq.POLLIN
    assert inlets.wait(0) == []

    inlets.doubt()

    assert len(inlets.wait(PATIENCE_MS)) == 1
