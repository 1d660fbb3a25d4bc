"""The command line: one program, `tapewire`. Each command is a thin call of what does the work.

Commands of other packages (replay's `backtest`, `replay`, `diff`, `demo`) arrive by the entry point group `tapewire.commands`, so
that nothing here imports them.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import Annotated

import typer
from rich.console import Console

import tapewire
from tapewire.bus.errors import TapewireError
from tapewire.daemons.operator import commands, ready, send

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
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The wire between NinjaTrader 8 and Python: supervised trading daemons on a ZeroMQ bus."""


for module in (commands, send, ready):
    module.register(app)
for point in entry_points(group="tapewire.commands"):
    point.load()(app)


def main() -> None:
    """Run a command. An error of ours is one line on stderr and its own exit status; Ctrl-C is 130."""
    try:
        app(prog_name="tapewire")
    except TapewireError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"tapewire: {error}", style="red", markup=False)
        sys.exit(error.status)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)  # `tapewire tap | head`: the reader has had enough
