"""What a relay takes of the stream above it: each line once, in order, and only if it follows those that the relay holds. Pure.

A line that does not follow at once waits, and what lies between is asked for (`question`). A connection that is new begins with a
comparison: the last line that both have must be the same one. So a feed that was begun anew is found out before a line of it is
passed on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from tapewire.bus import feed
from tapewire.bus.errors import DataError, JournalError
from tapewire.bus.feed import HEAD, FeedLine

if TYPE_CHECKING:
    from nacl.signing import VerifyKey

AHEAD = 1_000
"""Lines that may wait. Those beyond are asked for with the rest."""


class Uptake:
    """The end of what a relay holds.

    last: the last line. question: from which number on to ask what follows; None if nothing is known to be missing.

    Args:
        held: a line that the relay holds, by its number. whole: each line follows the one before it; those of the tier `free` do
            not. key: of the feed's heads; None if they cannot be proved here.
    """

    def __init__(
        self, last: FeedLine | None, held: Callable[[int], FeedLine | None], *, whole: bool, key: VerifyKey | None = None
    ) -> None:
        self.last = last
        self._held = held
        self._whole = whole
        self._key = key
        self._at = 0 if last is None else last.number  # all up to here is known
        self._above = 0  # the highest number that was heard of
        self._agreed = last is None
        self._due = False
        self._ahead: dict[int, FeedLine] = {}

    @property
    def question(self) -> int | None:
        if not self._due:
            return None
        if not self._agreed:
            return min(self._at, self._above) - 1 if self._above else None
        return self._at if self._above > self._at else None

    @property
    def whole(self) -> bool:
        """Whether it has all that was heard of."""
        return self._agreed and self._above <= self._at

    def begin(self) -> None:
        """The connection is a new one."""
        self._agreed = self.last is None
        self._above = 0
        self._ahead.clear()

    def told(self, number: int) -> None:
        """The last number that was sent above."""
        self._above = number if not self._agreed else max(self._above, number)
        self._due = True

    def line(self, line: FeedLine) -> list[FeedLine]:
        """A line of the stream. Returns those that are taken now.

        Raises:
            JournalError: it is of another feed.
        """
        if self.last is not None and line.number <= self._at:
            if line.number == self.last.number:
                self._compare(line, self.last)
            return []
        if len(self._ahead) < AHEAD:
            self._ahead[line.number] = line
        taken = self._waiting()
        if not taken:
            self._above = max(self._above, line.number)
            self._due = True
        return taken

    def page(self, asked: int, lines: Iterable[FeedLine], last: int) -> list[FeedLine]:
        """The answer to a question. Returns the lines that are taken now.

        Args:
            asked: the number that was asked from. last: that up to which it answers.

        Raises:
            JournalError: it is of another feed, or there is a hole that nobody fills.
        """
        lines = [*lines]
        before = self._at
        if not self._agreed:
            if lines and lines[0].number == asked + 1 and (ours := self._held(asked + 1)) is not None:
                self._compare(lines[0], ours)
            self._agreed = True
        taken = [self._take(line) for line in lines if line.number > self._at]
        if not self._whole and self._above >= last > self._at:
            self._at = last
        taken += self._waiting()
        self._due = self._at > before or asked < before  # else: at the next word from above
        return taken

    def _waiting(self) -> list[FeedLine]:
        taken = []
        while self._agreed and (line := self._ahead.pop(self._at + 1, None)) is not None:
            taken.append(self._take(line))
        self._ahead = {number: line for number, line in self._ahead.items() if number > self._at}
        return taken

    def _take(self, line: FeedLine) -> FeedLine:
        if self.last is not None and self._whole:
            if line.number != self.last.number + 1:
                raise JournalError(
                    f"after number {self.last.number} the stream above has {line.number} first: it does not keep what lies between"
                )
            if line.previous != self.last.digest.hex():
                raise _other(line.number)
        if line.topic == HEAD and self._key is not None:
            try:
                feed.prove(line, self._key, f"number {line.number}")
            except DataError as error:
                raise JournalError(f"the stream above is not what its owner has signed: {error}") from None
        self.last, self._at = line, line.number
        self._above = max(self._above, line.number)
        return line

    def _compare(self, theirs: FeedLine, ours: FeedLine) -> None:
        if theirs != ours:
            raise _other(ours.number)


def _other(number: int) -> JournalError:
    return JournalError(f"the stream above is another feed than the one that is held here: number {number} is not the same")
