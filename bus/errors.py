"""Errors by who must act.

    TapewireError
    |- ConfError        the operator: refuse to start, name the key and a right value          (exit status 78)
    |- DataError        the maker of the recording: file, line, field, remedy                   (exit status 65)
    |- PeerError        the peer broke the protocol: count it, drop the message, go on
    |- Transient        no one yet: the shell retries                                           (exit status 75)
    |- JournalError     the operator: a log is damaged before its tail; set it aside and stop   (exit status 74)
    |- Interrupted      nobody: a person pressed Ctrl-C                                          (exit status 130)
    |- InvariantError   the developers: a bug; crash loudly                                     (exit status 70)
    `- Poisoned         the developers: a core raised on an event, which is set aside           (74 durable daemons, 75 others)

A refused trade is no exception: it is a `Decision` with a `Reason`. A refused verb of a control port is `Refused`.
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


class Poisoned(TapewireError):
    """A core raised on an event; the event is set aside (daemons/shell/aside.py), or, in a backtest, it ends the run.

    text: the event's name, the error's class and its line.
    """

    def __init__(self, daemon: str, text: str, status: int = 70) -> None:
        super().__init__(f"{daemon}: {text}")
        self.text = text
        self.status = status


def raised_at(error: BaseException) -> str:
    """Where an error was raised, as `gate/core.py:123`: folder, file and line of the innermost call."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown line"
    folder, _, file = trace.tb_frame.f_code.co_filename.rpartition("/")
    return f"{folder.rpartition('/')[2]}/{file}:{trace.tb_lineno}"


class Refused(Exception):
    """A process does not carry out a verb. The reply begins with the code: `BACKWARD: the replay stands at ...`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


class Interrupted(TapewireError):
    """A person has ended the command (Ctrl-C). The text says what was stopped and what is left."""

    status = 130


def suggest(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` for the nearest defined word, else an empty text. Goes behind the unknown word in an error text."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""
