"""How many subscriptions a key's owner may have, over all of its connections."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tapewire.bus.subscriptions import MAX_BYTES, MAX_COUNT, Subscriptions


class Door:
    """Connections that exist, as descriptors of files, and those that were ended."""

    def __init__(self) -> None:
        self.open: list[int] = []
        self.ended: list[int] = []
        self.subscriptions = Subscriptions(self._shut)

    def connection(self) -> int:
        self.open.append(os.memfd_create("connection"))  # an inode of its own, as a socket has
        return self.open[-1]

    def hangs_up(self, fd: int) -> None:
        self.open.remove(fd)
        os.close(fd)

    def _shut(self, fd: int, inode: int) -> bool:
        assert os.fstat(fd).st_ino == inode
        self.ended.append(fd)
        return True


@pytest.fixture
def door() -> Iterator[Door]:
    made = Door()
    yield made
    for fd in made.open:
        os.close(fd)


def asked(number: int, size: int = 0) -> bytes:
    return b"\x01" + b"raw.t%d." % number + b"x" * size


def test_a_connection_with_too_many_is_ended(door: Door) -> None:
    """The one that asks for more than `MAX_COUNT`; what it repeats or gives back does not count."""
    fd = door.connection()
    for number in range(MAX_COUNT):
        assert not door.subscriptions.reported("anna", fd, asked(number))
    assert not door.subscriptions.reported("anna", fd, asked(0))
    assert not door.subscriptions.reported("anna", fd, b"\x00" + asked(0)[1:])
    assert not door.subscriptions.reported("anna", fd, asked(MAX_COUNT))

    assert door.subscriptions.reported("anna", fd, asked(MAX_COUNT + 1))
    assert door.ended == [fd]


def test_a_key_has_so_many_connections_and_no_more(door: Door) -> None:
    """The one that comes too many is ended. When another has gone, there is room again."""
    door.subscriptions = Subscriptions(door._shut, most=2)
    first, second, third = (door.connection() for _ in range(3))
    told = [door.subscriptions.reported("anna", fd, asked(0)) for fd in (first, second, second, third)]
    door.hangs_up(first)

    assert told == [False, False, False, True]
    assert door.ended == [third]
    assert not door.subscriptions.reported("anna", door.connection(), asked(0))
    assert not door.subscriptions.reported("bert", door.connection(), asked(0))


def test_long_ones_count_by_their_bytes(door: Door) -> None:
    """A subscription may have 4 KiB."""
    fd = door.connection()
    ended = [door.subscriptions.reported("anna", fd, asked(number, 4_000)) for number in range(MAX_BYTES // 4_000 + 1)]

    assert ended[-1]
    assert not any(ended[:-1])


def test_all_connections_of_a_key_count_together_and_no_other_key(door: Door) -> None:
    """A key in many programs: the connection that goes beyond is ended, the others stay, and so do those of another key."""
    *others, last = (door.connection() for _ in range(5))
    for number in range(MAX_COUNT):
        assert not door.subscriptions.reported("anna", others[number % 4], asked(number))
    john = door.connection()
    for number in range(MAX_COUNT):
        assert not door.subscriptions.reported("john", john, asked(number))

    assert door.subscriptions.reported("anna", last, asked(MAX_COUNT))
    assert door.ended == [last]


def test_connections_that_have_ended_count_no_more(door: Door) -> None:
    """A tap that is started ten thousand times: libzmq does not report its ends, and descriptors are used again."""
    for number in range(3 * MAX_COUNT):
        fd = door.connection()
        assert not door.subscriptions.reported("reader", fd, asked(number))
        door.hangs_up(fd)

    assert door.ended == []


def test_a_revoked_owner_is_ended(door: Door) -> None:
    """Each of his connections; nobody else's, and none that has ended by itself."""
    fds = {who: [door.connection() for _ in range(2)] for who in ("anna", "john")}
    for who, each in fds.items():
        for fd in each:
            door.subscriptions.reported(who, fd, asked(1))

    assert door.subscriptions.revoked(lambda who: who != "anna") == 2
    assert sorted(door.ended) == sorted(fds["anna"])


def test_a_report_without_a_connection_changes_nothing(door: Door) -> None:
    """libzmq's own unsubscription for a reader that has gone."""
    assert not door.subscriptions.reported("", -1, b"\x00raw.")


def test_readers_are_counted_by_key_and_topic(door: Door) -> None:
    """A connection that has ended, or that has taken its subscription back, is none."""
    one, two, other = (door.connection() for _ in range(3))
    for who, fd, prefix in (("anna", one, b"public."), ("anna", two, b"public.signal."), ("paul", other, b"public.trade.")):
        door.subscriptions.reported(who, fd, b"\x01" + prefix)

    assert door.subscriptions.readers(b"public.signal.MNQ.") == {"anna": 2}
    assert door.subscriptions.readers(b"public.trade.MNQ.") == {"anna": 1, "paul": 1}
    assert door.subscriptions.readers() == {"anna": 2, "paul": 1}
    door.hangs_up(one)
    door.subscriptions.reported("paul", other, b"\x00public.trade.")
    assert door.subscriptions.readers() == {"anna": 1}
