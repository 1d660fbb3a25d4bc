"""The commands `verify` and `prove`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from tapewire.bus.errors import ConfError
from tapewire.daemons.operator import instances
from tapewire.daemons.operator.commands import LIVE
from tapewire.replay.commands import JsonOption, out
from tapewire.replay.verify import bars, record, text, verdict

DateArgument = Annotated[str | None, typer.Argument(metavar="DATE", help="YYYY-MM-DD; without it the last day that has bars.")]
DatesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="DATE", help="YYYY-MM-DD, one or more; without it the last day that has bars.")
]
EveryOption = Annotated[bool, typer.Option("--all", help="Every day that has bars.")]
RunOption = Annotated[
    str | None, typer.Option("--run", "--instance", help="Name of the run, or its folder; without it the live run, up or not.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(verify)
    app.command()(prove)


def verify(
    dates: DatesArgument = None,
    every: EveryOption = False,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide a day again from its recorded bars and the venue's words, and compare every message with what was published.

    Several days are decided in one pass over the record. Writes verdict.json into each day's folder. Exit status 0: equal; 1: a
    message differs, with its cause, or the record is not whole.
    """
    path = _run(run)
    if every and dates:
        raise ConfError(f"--all and {dates[0]}: write one of them")
    wanted = record.dates_of(path) if every else [_date(path, date) for date in dates] if dates else [_date(path, None)]
    equal = True
    for found in verdict.judged(path, wanted):
        verdict.write(path, found)
        equal = equal and found.verdict == "equal"
        for line in [msgspec.json.encode(found).decode()] if as_json else text.lines(found):
            out.print(line, markup=False)
    raise typer.Exit(0 if equal else 1)


def prove(
    date: DateArgument = None,
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show each bar's way from the bridge's numbers to its decision, and which were lost, where.

    With --json every bar, with digests, as another program can check it. Exit status 0: none is lost; 1: some are.
    """
    path = _run(run)
    found = bars.prove(path, _date(path, date))
    if as_json:
        out.print(msgspec.json.encode(found).decode(), markup=False)
    else:
        for line in bars.lines(found):
            out.print(line, markup=False)
    raise typer.Exit(0 if found.complete else 1)


def _run(name: str | None) -> Path:
    return Path(instances.for_money(name, LIVE).run)


def _date(run: Path, wanted: str | None) -> str:
    known = record.dates_of(run)
    if wanted is None:
        return known[-1]
    if wanted not in known:
        raise ConfError(f"{run} has no bar of {wanted}; it has {known[0]} to {known[-1]} ({len(known)} days); write YYYY-MM-DD")
    return wanted
