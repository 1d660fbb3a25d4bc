"""Which facts of the bus are taken, and when the journal is needed: each once, in the order of its topic, none left out unseen.

    bus       1 2 3     6 7        what is queued for a reader that stands still, or dies, is lost
    journal   1 2 3 4 5 6 7        the logger has it, or will soon

A client asks no writer to send anything again. A fact that leaves a hole is held, with everything behind it, until the journal has
told what is missing; a hole that the journal has as well is told as lost, once it has had its time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tapewire.bus.daemon import Event

Read = dict[str, tuple[int, int]]


class Following:
    """How far each topic was read.

    behind: the journal is to be read. lost: facts that neither the bus nor the journal had.

    Args:
        read: by topic, epoch and number of the last fact that was taken; it is kept up to date. clocks: topics of which only what
        comes counts, never what was missed. take: takes a fact. missed: told of what is lost, topic and count.
    """

    def __init__(
        self, read: Read, clocks: tuple[str, ...], take: Callable[[Event], None], missed: Callable[[str, int], None]
    ) -> None:
        self.read = read
        self.behind = True
        self.lost = 0
        self._clocks = clocks
        self._take = take
        self._missed = missed
        self._held: list[Event] = []

    def arrived(self, event: Event) -> None:
        """A fact from the bus."""
        if self.behind:
            self._held.append(event)
        else:
            self._pass(event, patient=True)

    def caught_up(self, facts: Iterable[Event], *, patient: bool) -> int:
        """The facts of the journal behind `read`, in their order; then what was held. Returns how many facts it had.

        Args:
            patient: a hole that is left may still heal. `behind` says whether one is left.
        """
        count = 0
        for event in facts:
            if number(event) > self.read.get(event.topic, (0, 0)):
                count += 1
                self._taken(event)
        held, self._held, self.behind = self._held, [], False
        for event in held:
            self._pass(event, patient=patient)
        return count

    def _pass(self, event: Event, *, patient: bool) -> None:
        if event.topic.startswith(self._clocks):
            self._take(event)
            return
        (epoch, seq), read = number(event), self.read.get(event.topic, (0, 0))
        if (epoch, seq) <= read:
            return
        missing = seq - 1 - (read[1] if epoch == read[0] else 0)
        if missing and (patient or self.behind):
            self.behind = True
            self._held.append(event)
            return
        if missing:
            self.lost += missing
            self._missed(event.topic, missing)
        self._taken(event)

    def _taken(self, event: Event) -> None:
        self.read[event.topic] = number(event)
        self._take(event)


def number(event: Event) -> tuple[int, int]:
    """Epoch and number of a fact."""
    return event.header.epoch, event.header.seq
