"""A message that does not end: which connections are shut down."""

from __future__ import annotations

from tapewire.bus.endless import MOST, Endless

SLOW, FAST = 7, 8  # descriptors


class Kernel:
    """What has come by each connection, and which were shut down."""

    def __init__(self) -> None:
        self.open = {SLOW: 70, FAST: 80}
        self.received = dict.fromkeys(self.open, 0)
        self.endless = Endless(lambda fd, inode: self.received[fd], lambda fd, inode: self.open.pop(fd) == inode)

    def look(self, *heard: int) -> list[int]:
        """A second in which a message came by these."""
        for fd in heard:
            if fd in self.endless.suspects:
                self.endless.heard(fd)
        return self.endless.look(dict(self.open))


def test_bytes_without_a_message_end_a_connection() -> None:
    """At the second look: at the first one a message may just be on its way."""
    kernel = Kernel()
    kernel.received = {SLOW: 100, FAST: MOST + 1}

    assert kernel.look() == []
    assert kernel.look() == [FAST]
    assert set(kernel.open) == {SLOW}


def test_a_busy_writer_stays() -> None:
    """However much it sends: it brings messages."""
    kernel = Kernel()
    for second in range(1, 100):
        kernel.received[FAST] = second * 3 * MOST
        assert kernel.look(FAST) == []


def test_a_slow_one_is_ended_as_well() -> None:
    """A byte at a time; it counts from the last message."""
    kernel = Kernel()
    seconds = 0
    while not kernel.look():
        kernel.received[SLOW] += MOST // 20
        seconds += 1

    assert 20 < seconds < 25


def test_another_connection_with_the_same_descriptor_begins_anew() -> None:
    """It has another inode."""
    kernel = Kernel()
    kernel.received[FAST] = MOST + 1
    assert kernel.look() == []
    kernel.open[FAST] = 81

    assert kernel.look() == []
    assert kernel.look() == [FAST]
