"""Codes that stand for a key once, and for two minutes: so short that a person types them, on a phone too."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable

from tapewire.daemons.api.callers import Caller

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # without what is read as something else
LETTERS = 12  # 60 bits: at two wrong ones a second of an address, two minutes find none
GROUP = 4
GOOD_S = 120.0
MOST = 16  # codes at a time; one more ends the oldest


class Codes:
    """The codes that nobody has used yet. They are in memory only: a restart ends them.

    Args:
        clock: seconds that only rise.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._good: OrderedDict[str, tuple[float, Caller]] = OrderedDict()

    def made(self, caller: Caller) -> str:
        """A code for the caller's own key."""
        letters = "".join(secrets.choice(ALPHABET) for _ in range(LETTERS))
        self._good[letters] = (self._clock() + GOOD_S, caller)
        if len(self._good) > MOST:
            self._good.popitem(last=False)
        return "-".join(letters[at : at + GROUP] for at in range(0, LETTERS, GROUP))

    def used(self, code: str) -> Caller | None:
        """Whose code this is; None if there is none such, or its time is over. It is good for nothing afterwards."""
        until, caller = self._good.pop("".join(filter(str.isalnum, code)).upper(), (0.0, None))
        return caller if self._clock() < until else None
