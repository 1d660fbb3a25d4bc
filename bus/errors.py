"""Errors by who must act.

    TapewireError
    |- ConfError        the operator: refuse to start, name the key and a right value          (exit status 78)
    |- DataError        the maker of the recording: file, line, field, remedy                   (exit status 65)
    |- PeerError        the peer broke the protocol: count it, drop the message, go on
    |- Transient        no one yet: the shell retries                                           (exit status 75)
    |- JournalError     the operator: a log is damaged before its tail; set it aside and stop   (exit status 74)
    `- InvariantError   the developers: a bug; crash loudly                                     (exit status 70)

Refusals are not exceptions: they are `Decision` values with a `Reason`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TapewireError(Exception):
    """Base of every error that tapewire raises on purpose. `status`: exit status of a command that it ends (sysexits.h)."""

    status = 1


class ConfError(TapewireError):
    status = 78


class DataError(TapewireError):
    status = 65


class PeerError(TapewireError):
    status = 76


class Transient(TapewireError):
    status = 75


class JournalError(TapewireError):
    status = 74


class InvariantError(TapewireError):
    status = 70


def suggest(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` for the nearest defined word, else an empty text. Goes behind the unknown word in an error text."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""
