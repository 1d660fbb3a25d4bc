"""supervisord, which survives a full disk: `python -m tapewire.daemons.operator.overseer -c FILE`.

When supervisord cannot write its log, it writes the reason to its standard error (supervisor 4.3.0, loggers.py). Ours is a file on
the same disk: the second error would end supervisord, and with it every daemon (findings/supervisord_ends_on_a_full_disk.sh).
"""

from __future__ import annotations

import io
import sys
from contextlib import suppress
from typing import TextIO

from supervisor import supervisord


class LastingErrors(io.TextIOBase):
    """A standard error that drops what cannot be written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write at once, if it can be written."""
        with suppress(OSError):
            self._stream.write(text)
            self._stream.flush()
        return len(text)

    def fileno(self) -> int:
        """Of the stream below."""
        return self._stream.fileno()


if __name__ == "__main__":
    sys.stderr = LastingErrors(sys.stderr)
    supervisord.main()
