"""Errors by who must act.

    TapewireError
    |- ConfError        the operator: refuse to start, say which key and what would be right   (exit status 78)
    |- DataError        whoever made the recording: file, line, field, remedy                   (exit status 65)
    |- PeerError        the other side misbehaved: count it, drop the message, go on
    |- Transient        nobody yet: retried inside the shell                                    (exit status 75)
    |- JournalError     the operator: a log is damaged before its tail; it is set aside, we stop (exit status 74)
    `- InvariantError   us: a bug; crash loudly                                                 (exit status 70)

Refusals are not exceptions: they are `Decision` values with a `Reason`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TapewireError(Exception):
    """Anything this project raises on purpose. `status` is the exit status of a command that ends with it (sysexits.h)."""

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
    """` (did you mean 'x'?)` for the nearest known word, else nothing: to be put behind the word that was not known."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""
