"""The options of every command that reads recordings, declared once: how files are to be read (`tapewire.replay.sources`)."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from tapewire.bus.errors import ConfError, suggest
from tapewire.replay.sources.options import Options

Command = TypeVar("Command", bound=Callable[..., None])
PARAMETER = "source"
PANEL = "How the files are to be read"
ROLLS = ("volume", "table", "none")
KINDS = ("", "minute", "tick")
ENDS = ("", "open", "close")


def _files(
    zone: Annotated[
        str, typer.Option(metavar="ZONE", help="Zone of the stamps, such as America/Chicago or UTC.", rich_help_panel=PANEL)
    ] = "",
    stamps: Annotated[str, typer.Option(help="open or close: which end of a bar its stamp names.", rich_help_panel=PANEL)] = "",
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="First trade date, YYYY-MM-DD.", rich_help_panel=PANEL)] = "",
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="Last trade date, YYYY-MM-DD.", rich_help_panel=PANEL)] = "",
    contract: Annotated[str, typer.Option(help='Only this contract, such as "NQ 03-27".', rich_help_panel=PANEL)] = "",
    kind: Annotated[str, typer.Option(help="minute or tick: which files of NinjaTrader's database.", rich_help_panel=PANEL)] = "",
    roll: Annotated[
        str, typer.Option(help="How contracts become one series: volume, table or none.", rich_help_panel=PANEL)
    ] = "volume",
    adjust: Annotated[bool, typer.Option("--adjust", help="Back-adjust prices at rolls.", rich_help_panel=PANEL)] = False,
    adjusted: Annotated[
        bool, typer.Option("--adjusted", help="The prices are back-adjusted and may be below 0.", rich_help_panel=PANEL)
    ] = False,
    multiplier: Annotated[
        float | None, typer.Option("--price-multiplier", help="Multiply prices, such as 0.01.", rich_help_panel=PANEL)
    ] = None,
    sort: Annotated[bool, typer.Option("--sort", help="Read files that run backwards.", rich_help_panel=PANEL)] = False,
    skip_bad: Annotated[int, typer.Option(min=0, help="Leave out so many bad rows.", rich_help_panel=PANEL)] = 0,
    mapping: Annotated[
        Path | None, typer.Option(help="A TOML file that describes the columns of a table.", rich_help_panel=PANEL)
    ] = None,
) -> Options:
    if stamps not in ENDS:
        raise ConfError(f"--stamps {stamps!r}{suggest(stamps, ENDS[1:])}; write open or close")
    if kind not in KINDS:
        raise ConfError(f"--kind {kind!r}{suggest(kind, KINDS[1:])}; write minute or tick")
    if roll not in ROLLS:
        raise ConfError(f"--roll {roll!r}{suggest(roll, ROLLS)}; write volume, table or none")
    if multiplier is not None and not 0 < multiplier < 1e9:
        raise ConfError(f"--price-multiplier {multiplier}: must be more than 0, such as 0.01")
    return Options(
        zone=zone,
        stamps=stamps,  # type: ignore[arg-type]  # checked above
        multiplier=multiplier,
        mapping=str(mapping.resolve()) if mapping else "",
        adjusted=adjusted,
        sort=sort,
        skip_bad=skip_bad,
        start=start,
        end=end,
        contract=contract,
        kind=kind,  # type: ignore[arg-type]
        roll=roll,  # type: ignore[arg-type]
        adjust=adjust,
    )


def reads_files(command: Command) -> Command:
    """Give a command the options of files in place of its parameter `source`, which receives them as one `Options`."""
    own, files = inspect.signature(command, eval_str=True), inspect.signature(_files, eval_str=True)
    merged: list[inspect.Parameter] = []
    for parameter in own.parameters.values():
        merged += files.parameters.values() if parameter.name == PARAMETER else [parameter]
    names = tuple(files.parameters)

    @functools.wraps(command)
    def with_files(**given: Any) -> None:
        chosen = {name: given.pop(name) for name in names}
        command(**given, **{PARAMETER: _files(**chosen)})

    with_files.__signature__ = own.replace(parameters=merged)  # type: ignore[attr-defined]
    with_files.__annotations__ = {parameter.name: parameter.annotation for parameter in merged}
    return with_files  # type: ignore[return-value]
