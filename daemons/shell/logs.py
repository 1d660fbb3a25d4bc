"""Structured logs: one line per thing that happened, JSON unless a person is watching. Configured once, in `main`."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog


class Unbroken:
    """A stream whose end may be gone: supervisord has died, or a disk is full. A line is lost then, and nothing else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            return self._stream.write(text)
        return 0

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def configure(name: str, *, level: int = logging.INFO) -> structlog.stdlib.BoundLogger:
    """Set up logging for this process and return its logger, bound to the daemon's name. Lines go to stderr, unbuffered."""
    tty = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if tty else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # A line is one write, so that it wakes supervisord once.
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, Unbroken(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    logger: structlog.stdlib.BoundLogger = structlog.get_logger().bind(daemon=name)
    return logger
