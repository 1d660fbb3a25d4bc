"""Who calls: a key of the run by its token, how often it may, and what it may do.

The token is the name and the pass phrase that the owner shows to the daemons inside the machine as well. So whatever changes
something is sent on with the caller's own name and phrase, and the daemon that carries it out judges them (bus/roles.py). The key
of this process reads and can do nothing else: a mistake in this program lends nobody a right.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from tapewire.bus.keys import Credential, Key, Keys
from tapewire.bus.roles import FOR_PEOPLE, Role
from tapewire.daemons.api.allotment import Allotment
from tapewire.daemons.api.problems import Problem

HEADER = "X-API-Key"
NOBODY = b"0" * 128  # compared where there is no such key, so that a wrong name takes as long as a wrong phrase
FAILURES_PER_S = 2.0
STRANGERS = 1_024  # addresses of which failures are remembered


class Caller(NamedTuple):
    """The owner of a key, as he has shown it."""

    key: Key
    credential: Credential

    @property
    def name(self) -> str:
        return self.key.name

    @property
    def role(self) -> Role:
        return self.key.role


class Callers:
    """The keys of a run, and how often each of them has called.

    refused: how many calls had no valid key.

    Args:
        clock: seconds that only rise.
    """

    def __init__(self, keys: Keys, per_s: float, clock: Callable[[], float]) -> None:
        self.refused = 0
        self._keys = keys
        self._per_s = per_s
        self._clock = clock
        self._own: dict[str, Allotment] = {}
        self._strangers: OrderedDict[str, Allotment] = OrderedDict()

    def known(self, token: str) -> Caller | None:
        """The owner of a token; None if it is none, or its key is for no person, was revoked, or has expired."""
        name, _, phrase = token.partition(".")
        key = self._keys.named(name)
        right = hmac.compare_digest(phrase.encode("utf-8", "replace"), NOBODY if key is None else key.phrase)
        if not right or key is None or key.role not in FOR_PEOPLE:
            return None
        return Caller(key, Credential(key.name, key.phrase))

    def still(self, caller: Caller) -> bool:
        """Whether his key is still one of the run."""
        return self._keys.named(caller.name) == caller.key

    def admit(self, token: str | None, address: str, *roles: Role, limited: bool = True) -> Caller:
        """The caller, if he may.

        Args:
            token: as he has shown it. address: where he calls from. roles: one of them is needed. limited: it counts for his rate.

        Raises:
            Problem: he may not, or calls too often.
        """
        caller = None if token is None else self.known(token)
        if caller is None:
            self.failed(address)
            text = f"show a key of this run in the header {HEADER} (`tapewire keys token NAME`)"
            raise Problem(401, "KEY", text, headers={"WWW-Authenticate": HEADER})
        if limited:
            _slow_down(self.too_often(caller), f"the key {caller.name!r} calls too often")
        if caller.role not in roles:
            needed = " or ".join(role.value for role in roles)
            raise Problem(403, "ROLE", f"the key {caller.name!r} has the role {caller.role.value}; this takes {needed}")
        return caller

    def too_often(self, caller: Caller) -> float:
        """Count a call of his. 0 if he may call now; otherwise the seconds until he may, and nothing is counted."""
        own = self._own.get(caller.name)
        if own is None:
            own = self._own[caller.name] = Allotment(self._per_s)
        return own.take(self._clock())

    def failed(self, address: str) -> None:
        """An address has shown no valid key.

        Raises:
            Problem: it has done so too often.
        """
        self.refused += 1
        left = self._strangers.setdefault(address, Allotment(FAILURES_PER_S))
        self._strangers.move_to_end(address)
        if len(self._strangers) > STRANGERS:
            self._strangers.popitem(last=False)
        _slow_down(left.take(self._clock()), "this address has shown too many wrong keys")


def _slow_down(wait_s: float, why: str) -> None:
    if wait_s > 0:
        raise Problem(429, "RATE", why, headers={"Retry-After": str(int(wait_s) + 1)})
