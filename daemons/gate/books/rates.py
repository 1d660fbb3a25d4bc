"""Counts of recent orders, by market time: sliding windows of a second and a minute, and the session."""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from tapewire.strategies.clock import MINUTE_NS


class OrderTimes(Struct, frozen=True):
    """Rates as data: times of the orders of the last minute, and their count in the session."""

    lately: tuple[int, ...] = ()
    session: str = ""
    in_session: int = 0


class Rates:
    """Counts sent orders of every kind. Times arrive in rising order, as market time does; nothing here reads a clock."""

    __slots__ = ("_in_session", "_lately", "_session")

    def __init__(self) -> None:
        self._lately: deque[int] = deque()
        self._session = ""
        self._in_session = 0

    @classmethod
    def restored(cls, sent: OrderTimes) -> Rates:
        rates = cls()
        rates._lately.extend(sent.lately)
        rates._session, rates._in_session = sent.session, sent.in_session
        return rates

    def snapshot(self) -> OrderTimes:
        return OrderTimes(tuple(self._lately), self._session, self._in_session)

    def sent(self, at_ns: int, session: str) -> None:
        """Count an order that is sent."""
        if session != self._session:
            self._session, self._in_session = session, 0
        self._in_session += 1
        self._lately.append(at_ns)
        while self._lately[0] <= at_ns - MINUTE_NS:
            self._lately.popleft()

    def within(self, window_ns: int, now_ns: int) -> int:
        """Orders later than `now_ns - window_ns`. window_ns: a minute at most."""
        return sum(at_ns > now_ns - window_ns for at_ns in self._lately)

    def in_session(self, session: str) -> int:
        return self._in_session if session == self._session else 0
