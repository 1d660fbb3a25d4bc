"""The command line `tapewire`. Each command is a thin function that calls the module which does the work.

Other packages register their commands (replay's `backtest`, `replay`, `diff`, `demo`) through the entry point group
`tapewire.commands`, so this module imports none of them.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import Annotated

import typer
from rich.console import Console

import tapewire
from tapewire.bus import private
from tapewire.bus.errors import Interrupted, TapewireError
from tapewire.daemons.operator import commands, keys, kill, ready, send, upkeep

app = typer.Typer(
    name="tapewire",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tapewire {tapewire.__version__}")
        raise typer.Exit


@app.callback()
def _application(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The wire between NinjaTrader 8 and Python: supervised trading daemons on a ZeroMQ bus."""


for module in (commands, kill, send, ready, keys, upkeep):
    module.register(app)
for point in entry_points(group="tapewire.commands"):
    point.load()(app)


def main() -> None:
    """Run a command. A TapewireError prints one line on stderr and sets the exit status of its class.

    Ctrl-C exits with 130 and one line.
    """
    private.limit()
    try:
        app(prog_name="tapewire")
    except TapewireError as error:
        _say(f"tapewire: {error}")
        sys.exit(error.status)
    except SystemExit as end:
        if end.code == Interrupted.status:  # typer turns Ctrl-C into this
            _say("tapewire: interrupted")
        raise
    except BrokenPipeError:
        sys.exit(0)  # `tapewire tap | head`: the reader has closed its end


def _say(text: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False).print(text, style="red", markup=False)
