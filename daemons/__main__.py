"""`python -m tapewire.daemons NAME --run DIR`: one daemon of a run, as supervisord starts it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tapewire import form
from tapewire.bus import private
from tapewire.bus.errors import TapewireError, Transient
from tapewire.daemons import makers
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.shell import limits

OUTSIDE = 5  # the niceness of processes to which anybody may connect, or that tell people: whatever comes, the chain goes first
DRAW = frozenset({"api"})  # it imports commands, for what it answers
SUPERVISED = "TAPEWIRE_SOCKET"  # supervisord has started us


def main() -> int:
    """Start the daemon and return its exit status: 0 for a clean stop, the error's own status otherwise."""
    parser = argparse.ArgumentParser(
        prog="python -m tapewire.daemons", description="Run one daemon of a run until it is told to stop."
    )
    parser.add_argument("name", choices=makers.ALL)
    parser.add_argument("--run", type=Path, required=True, help="the run's directory, with run.json")
    arguments = parser.parse_args()
    private.limit()
    if arguments.name not in DRAW:
        undrawn()
    from tapewire.daemons.shell import logs

    logger = logs.configure(arguments.name)
    if form.WHY:
        logger.warning("interpreted", why=form.WHY)
    files = limits.raise_open_files()
    if not limits.enough_files(files):
        logger.warning("few_open_files", limit=files, needed=limits.NEEDED_FILES, remedy=limits.RAISE)
    if SUPERVISED in os.environ and not limits.end_with_parent():
        logger.error("cannot_run", error="supervisord has ended")
        return Transient.status
    try:
        return start(arguments.name, arguments.run)
    except TapewireError as error:
        logger.error("cannot_run", error=str(error), kind=type(error).__name__, status=error.status)
        return error.status


def undrawn() -> None:
    """Hide rich from this process: structlog imports it where it is installed, with all that it brings, 4 MB for nothing drawn."""
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]


def start(name: str, run_dir: Path) -> int:
    """Run the named daemon. Imports are here because a process should load only its own daemon: it starts in half the time."""
    from tapewire.daemons.shell import logs

    conf = configuration.read(run_dir)
    logger = logs.configure(name)
    if name == "broker":
        from tapewire.daemons.broker import Broker

        return Broker(conf, run_dir, logger).run()
    if name == "logger":
        from tapewire.daemons import logger as recorder

        return recorder.run(conf, run_dir, logger)
    if name == "daybook":
        from tapewire.replay.days import process

        return process.run(conf, run_dir, logger)
    if name == "api":
        makers.check(conf)
        limits.give_way(OUTSIDE)
        if conf.bus.pin != "off" and len(os.sched_getaffinity(0)) > 1:  # else it shares a core with the decision chain
            limits.take_short_turns()
        from tapewire.daemons.api import process as api

        return api.run(conf, run_dir, logger)
    if name == "alerts":
        limits.give_way(OUTSIDE)
        from tapewire.daemons.alerts import process as alerts

        return alerts.run(conf, run_dir, logger)
    from tapewire.daemons.shell import lives, runner

    if name == "publisher" and conf.subscribers.enabled:
        limits.give_way(OUTSIDE)
    make = makers.maker(name)
    lives.note(run_dir, name, conf, logger)
    return runner.run(make, conf, run_dir, logger)


if __name__ == "__main__":
    sys.exit(main())
