"""The command line `tapewire`. Each command is a thin function that calls the module which does the work.

`tapewire/commands.py` lists the commands. A command's module is imported when the command is called, and only then.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from typer.core import TyperGroup

import tapewire
from tapewire import commands, form
from tapewire.bus import disk, private
from tapewire.bus.errors import ConfError, Interrupted, TapewireError

LONGEST = 400
"""Letters of a line in the overview."""
VALUES: Mapping[Any, str] = {str: "TEXT", int: "NUMBER", float: "NUMBER", Path: "PATH"}


class Commands(TyperGroup):
    """All commands, each loaded when it is called. Any: older versions of typer have click's types here, newer ones their own."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        names: dict[str, Any] = dict.fromkeys(_lines())
        self.commands.update(names)  # typer looks among them for what a misspelt one may mean

    def list_commands(self, ctx: Any) -> list[str]:
        return [*_lines(), *_foreign()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        for module, names in commands.COMMANDS.items():
            if cmd_name in names:
                return registered(importlib.import_module(f"tapewire.{module}").register)[cmd_name]
        return _foreign().get(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        foreign = {name: command.get_short_help_str(LONGEST) for name, command in _foreign().items()}
        widest = max(map(len, (*_lines(), *foreign)))
        for title, lines in (commands.by_title() | ({"Other packages": foreign} if foreign else {})).items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(widest), line) for name, line in lines.items()])


def application() -> typer.Typer:
    """The program with all its commands."""
    app = typer.Typer(name="tapewire", cls=Commands, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback()(_application)
    return app


def _lines() -> dict[str, str]:
    """Each command of ours with its line."""
    return {name: line for names in commands.COMMANDS.values() for name, line in names.items()}


@cache
def _foreign() -> dict[str, Any]:
    """The commands of other packages."""
    from importlib.metadata import entry_points

    return registered(*(point.load() for point in entry_points(group=commands.GROUP)))


def registered(*functions: Callable[[typer.Typer], None]) -> dict[str, Any]:
    """The commands that these functions register, by name."""
    app = typer.Typer(rich_markup_mode=None)
    app.callback()(lambda: None)
    for register in functions:
        register(app)
    found = dict(typer.main.get_group(app).commands)
    for command in found.values():
        _adapt_help(command)
    return found


def _adapt_help(command: Any) -> None:
    """What an option takes is TEXT, NUMBER or PATH, where it has no better word; typer has Python's types. No line is cut."""
    for each in command.params:
        python = getattr(getattr(each, "type_descriptor", None), "annotation", None)  # older versions have words of their own
        of = get_args(python) or (python,)
        if each.param_type_name == "option" and each.metavar is None and of[0] in VALUES:
            each.metavar = VALUES[of[0]]
    if below := getattr(command, "commands", {}):
        command.format_commands = partial(_format_commands, below)
    else:
        command.format_options = partial(_format_options, command)
    for each in below.values():
        _adapt_help(each)


def _format_commands(below: Mapping[str, Any], ctx: Any, formatter: Any) -> None:
    with formatter.section("Commands"):
        formatter.write_dl([(name, each.get_short_help_str(LONGEST)) for name, each in below.items()])


def _format_options(command: Any, ctx: Any, formatter: Any) -> None:
    """Arguments, options, and the options that belong to a section of their own; typer draws these with rich alone."""
    sections: dict[str, list[Any]] = {}
    for each in command.get_params(ctx):
        title = "Arguments" if each.param_type_name == "argument" else getattr(each, "rich_help_panel", None) or "Options"
        if record := each.get_help_record(ctx):
            sections.setdefault(title, []).append(record)
    for title in sorted(sections, key=("Arguments", "Options").count, reverse=True):
        with formatter.section(title):
            formatter.write_dl(sections[title])


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

    Ctrl-C exits with 130 and one line. What the terminal's encoding lacks is printed as its escape.
    """
    private.limit()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        for word in sys.argv:
            word.encode()
        application()(prog_name="tapewire")
    except TapewireError as error:
        _say(f"tapewire: {error}")
        sys.exit(error.status)
    except UnicodeEncodeError as error:
        _say(f"tapewire: {error.object!r} is no UTF-8: rename that file or folder (`ls -b` shows it); a run could not name it")
        sys.exit(ConfError.status)
    except SystemExit as end:
        if end.code == Interrupted.status:  # typer turns Ctrl-C into this
            _say("tapewire: interrupted")
        raise
    except KeyboardInterrupt:  # before typer, while the command is imported
        _say("tapewire: interrupted")
        sys.exit(Interrupted.status)
    except BrokenPipeError:
        sys.exit(0)  # `tapewire tap | head`: the reader has closed its end
    except RuntimeError as error:  # of pathlib before Python 3.13, in place of ELOOP
        if not str(error).startswith("Symlink loop"):
            raise
        _say(f"tapewire: {error}; {disk.REMEDIES[errno.ELOOP]}")
        sys.exit(disk.DiskError.status)
    except OSError as error:
        if error.filename is None and error.errno not in disk.REMEDIES:
            raise
        what = "written" if error.errno in disk.UNWRITTEN else "used"
        refused = disk.refused(_place(error), error, what)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what Python still holds for it has no place
        _say(f"tapewire: {refused}")
        sys.exit(refused.status)


def _place(error: OSError) -> str:
    """What an error of the disk is about."""
    if (name := error.filename2 or error.filename) is not None:
        return str(name) if isinstance(name, int) else os.fsdecode(name)
    return "the working folder" if error.errno == errno.ENOENT else "standard output"


def _say(text: str) -> None:
    from tapewire.daemons.operator import commands as operator

    operator.say(text, "red", error=True)
