"""Structured logs: one line per thing that happened, JSON unless a person is watching. Configured once, in `main`."""

from __future__ import annotations

import logging
import sys

import structlog


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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logger: structlog.stdlib.BoundLogger = structlog.get_logger().bind(daemon=name)
    return logger
