"""Idempotent answers: a repeated question gets the first answer, and nothing happens twice.

The server stores its answer before it sends it (zguide, ch. 4, "Idempotent Services"), so an answer lost on the way is only a
repeat away. The store is bounded: it forgets the oldest answers first. A question is resent within seconds; `limit` is far more
than can be under way at once, and whoever needs more than that keeps ids of its own (the gate refuses known intents as DUPLICATE).

A question has a name, its ref, but the name alone does not make a repeat. An asker that rebuilds itself from a journal whose end
was lost (a power cut takes its last second) counts from there, and gives names again to what it asks now. That is another
question, and the answer to the old one would leave it unanswered for ever.
"""

from __future__ import annotations

from typing import Any


class Served:
    """The last `limit` answers by the ref of their question."""

    __slots__ = ("_answers", "limit")

    def __init__(self, limit: int = 10_000) -> None:
        if limit < 1:
            raise ValueError(f"limit is {limit}: at least 1 answer must be kept, or repeats are executed again")
        self.limit = limit
        self._answers: dict[str, tuple[Any, list[bytes]]] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def __contains__(self, ref: object) -> bool:
        return ref in self._answers

    def get(self, ref: str, question: object) -> list[bytes] | None:
        """The answer's frames, or None if this question is new (or so old that it was forgotten)."""
        asked, answer = self._answers.get(ref, (None, None))
        return answer if asked == question else None

    def store(self, ref: str, question: object, answer: list[bytes]) -> None:
        """Keep the answer to `question`, named `ref`. The first one stands: a second answer to the same question is ignored."""
        if ref in self._answers and self._answers[ref][0] == question:
            return
        if len(self._answers) >= self.limit and ref not in self._answers:
            del self._answers[next(iter(self._answers))]
        self._answers[ref] = question, answer
