"""Readers of the history are bounded, and the run's own are not."""

from __future__ import annotations

from collections.abc import Hashable

import pytest

from tapewire.daemons.shell.readers import FORGOTTEN_NS, QUIET_NS, Readers

GONE: set[Hashable] = set()


@pytest.fixture
def readers() -> Readers:
    GONE.clear()
    made = Readers(2, GONE.__contains__)
    assert made.admit("a", 0, ours=False)
    assert made.admit("b", 1, ours=False)
    return made


def test_one_more_than_fit_is_refused_and_the_others_read_on(readers: Readers) -> None:
    """Counted; a reader that is known may always ask again."""
    assert not readers.admit("c", 2, ours=False)
    assert readers.admit("a", 3, ours=False)
    assert (readers.count(4), readers.refused) == (2, 1)


def test_a_daemon_of_the_run_is_let_in_and_counts(readers: Readers) -> None:
    """It cannot start without the journal."""
    assert readers.admit("tracker", 2, ours=True)
    assert readers.count(3) == 3
    assert not readers.admit("c", 3, ours=False)


def test_a_reader_that_stops_asking_is_forgotten_after_a_minute(readers: Readers) -> None:
    """From its last request on; then another one has room."""
    readers.admit("a", 5, ours=False)

    assert not readers.admit("c", FORGOTTEN_NS, ours=False)
    assert readers.admit("c", FORGOTTEN_NS + 1, ours=False)
    assert readers.count(FORGOTTEN_NS + 1) == 2


def test_one_that_has_gone_makes_room_at_once(readers: Readers) -> None:
    """A command that has read and ended; one that asks at this moment is not looked at."""
    GONE.update("ab")

    assert not readers.admit("c", QUIET_NS - 1, ours=False)
    assert readers.admit("c", QUIET_NS, ours=False)
    assert readers.count(QUIET_NS) == 2
