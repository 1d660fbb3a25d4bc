"""The publisher of the bench `relay`, as a process: a signed feed at the port of the tier premium.

    python -m tests.bench.relay_source RUN BASE_PORT

It publishes what stdin asks for: `burst N` so many lines at once, `one` a single one.
"""

from __future__ import annotations

import sys
from pathlib import Path

import structlog

from tapewire.daemons.settings.structs import Bus
from tests.feeds import Feeding


def main() -> None:
    """Publish until stdin ends."""
    run, base_port = sys.argv[1:]
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    stopping = False
    with Feeding(Path(run), Bus(base_port=int(base_port))) as feed:

        def told() -> None:
            nonlocal stopping
            words = sys.stdin.readline().split()
            stopping = not words
            for _ in range(int(words[1]) if words[:1] == ["burst"] else len(words[:1])):
                feed.publish()

        feed.listen(sys.stdin, told)
        print("ready", flush=True)
        while not stopping:
            feed.pump(0.2)


if __name__ == "__main__":
    main()
