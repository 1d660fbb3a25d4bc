"""How much a subscriber may ask, so that nobody's questions delay what others get."""

from __future__ import annotations

from collections import Counter

from tapewire.strategies.clock import SECOND_NS

QUESTIONS = 20  # under a key
WORK_NS = SECOND_NS // 10  # for a key
ALL_NS = SECOND_NS * 3 // 10  # for all keys together


class Allowance:
    """What was asked since the last `renew`, which is to be called once a second, and how long the answers took."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()
        self._worked: Counter[str] = Counter()
        self._all_ns = 0

    def renew(self) -> None:
        """A second is over. What took longer than its share is left to be worked off."""
        self._asked.clear()
        self._worked = Counter({who: spent - WORK_NS for who, spent in self._worked.items() if spent > WORK_NS})
        self._all_ns = max(0, self._all_ns - ALL_NS)

    def refusal(self, who: str) -> str:
        """Count a question. Why it gets no answer; empty if it does."""
        self._asked[who] += 1
        if self._asked[who] > QUESTIONS:
            return f"RATE: more than {QUESTIONS} questions in a second; ask again in one"
        if self._worked[who] >= WORK_NS:
            return "RATE: your last answers took long; ask again in a second, or for fewer days"
        if self._all_ns >= ALL_NS:
            return "RATE: too much is asked at the moment; ask again in a second"
        return ""

    def worked(self, who: str, spent_ns: int) -> None:
        """Note how long an answer took."""
        self._worked[who] += spent_ns
        self._all_ns += spent_ns
