"""The command line `tapewire`. Each command is a thin function that calls the module which does the work.

Other packages register their commands (replay's `backtest`, `replay`, `diff`, `demo`) through the entry point group
`tapewire.commands`, so this module names none of them. Of the operator's modules it imports only the one whose command is called:
a command starts in half the time.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from typing import Annotated

import typer
from rich.console import Console

import tapewire
from tapewire import form
from tapewire.bus import disk, private
from tapewire.bus.errors import Interrupted, TapewireError

OURS: Mapping[str, tuple[str, ...]] = {
    "commands": ("up", "down", "status", "tap", "doctor"),
    "kill": ("kill", "arm"),
    "send": ("send", "ingress"),
    "ready": ("ready",),
    "keys": ("keys",),
    "accounts": ("accounts",),
    "alert": ("alert",),
    "ask": ("ask",),
    "subscribers": ("subscribers",),
    "audit": ("audit",),
    "anchor": ("anchor",),
    "install": ("bridge",),
    "schedule": ("schedule",),
    "upkeep": ("restart", "logs"),
    "prune": ("prune",),
}
"""The operator's modules with the commands that each registers."""


def application(first: str = "") -> typer.Typer:
    """The program with all its commands.

    Args:
        first: the first word of the command line. If it is an operator's command, the program has only those of its module.
    """
    app = typer.Typer(name="tapewire", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback()(_application)
    called = [module for module, names in OURS.items() if first in names]
    for module in called or OURS:
        importlib.import_module(f"tapewire.daemons.operator.{module}").register(app)
    if not called:
        from importlib.metadata import entry_points

        for point in entry_points(group="tapewire.commands"):
            point.load()(app)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tapewire {tapewire.__version__}, {form.told()}")
        raise typer.Exit


def _application(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print version and form of the code, and exit."),
    ] = False,
) -> None:
    """The wire between NinjaTrader 8 and Python: supervised trading daemons on a ZeroMQ bus."""


def main() -> None:
    """Run a command. A TapewireError prints one line on stderr and sets the exit status of its class.

    Ctrl-C exits with 130 and one line.
    """
    private.limit()
    try:
        application(*sys.argv[1:2])(prog_name="tapewire")
    except TapewireError as error:
        _say(f"tapewire: {error}")
        sys.exit(error.status)
    except SystemExit as end:
        if end.code == Interrupted.status:  # typer turns Ctrl-C into this
            _say("tapewire: interrupted")
        raise
    except KeyboardInterrupt:  # before typer, while the command is imported
        _say("tapewire: interrupted")
        sys.exit(Interrupted.status)
    except BrokenPipeError:
        sys.exit(0)  # `tapewire tap | head`: the reader has closed its end
    except OSError as error:
        if error.errno not in disk.REMEDIES:
            raise
        refused = disk.refused(os.fsdecode(error.filename2 or error.filename or "standard output"), error)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what Python still holds for it has no place
        _say(f"tapewire: {refused}")
        sys.exit(refused.status)


def _say(text: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False).print(text, style="red", markup=False)
