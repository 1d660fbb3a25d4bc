"""The command `tapewire` without its start: one process imports it, and forks for each call.

A call is a process of its own: working directory, environment, file mode mask, exit status. Only the imports are shared, which are
most of what a short command costs. How the installed script starts is for tests/unit/test_command_line.py.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

# What commands import when they are called.
LATE = (
    "pandas_market_calendars",
    "tapewire.daemons.makers",
    "tapewire.daemons.operator.doctor.examination",
    "tapewire.daemons.operator.status",
    "tapewire.daemons.operator.supervise",
    "tapewire.daemons.operator.tap",
    "tapewire.daemons.settings.strategies",
)

Done = subprocess.CompletedProcess[str]


class Command:
    """The process that has imported the command.

    Args:
        before: words of a program that starts it, such as `unshare`.
    """

    def __init__(self, before: Sequence[str] = ()) -> None:
        environment = os.environ | {"HOME": "/"}  # a test's home must not name this process as one that the test left behind
        command = [*before, sys.executable, "-P", __file__]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def run(self, *arguments: object, timeout: float, cwd: str = "") -> Done:
        """One call, to its end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        words = ["tapewire", *map(str, arguments)]
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            call = {"words": words, "cwd": cwd or os.getcwd(), "env": dict(os.environ), "out": str(out), "err": str(err)}
            self.process.stdin.write(f"{json.dumps(call)}\n")
            self.process.stdin.flush()
            if not select.select([self.process.stdout], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(words, timeout, out.read_bytes(), err.read_bytes())
            return Done(words, int(self.process.stdout.readline()), out.read_text(), err.read_text())

    def end(self) -> None:
        """It ends with its input."""
        self.process.communicate()


@cache
def ready() -> Command:
    """The one of this test process. It ends with it."""
    return Command()


def serve() -> None:
    """Carry out one call after another, until nobody is left who calls. Returns in each child as well, which ends as it ends."""
    from typer.testing import CliRunner

    from tapewire import commands
    from tapewire.daemons.operator import cli

    for name in (*(f"tapewire.{module}" for module in commands.COMMANDS), *LATE):
        importlib.import_module(name)
    CliRunner().invoke(cli.application(), ["status"])  # what typer imports with the first call
    gc.freeze()
    for line in sys.stdin:
        if (pid := os.fork()) == 0:
            call = json.loads(line)
            for descriptor, path in enumerate((os.devnull, call["out"], call["err"])):
                os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), descriptor)
            os.chdir(call["cwd"])
            os.environ.clear()
            os.environ.update(call["env"])
            sys.argv = call["words"]
            return cli.main()
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    serve()
