"""The command `mirror`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tapewire.bus.errors import ConfError, Transient
from tapewire.daemons.operator import instances
from tapewire.daemons.operator.commands import LIVE
from tapewire.daemons.settings import load as configuration
from tapewire.replay.commands import out
from tapewire.replay.mirror import copying, files
from tapewire.replay.mirror.store import FsspecStore

PUBLIC, PRIVATE = "public", "private"

RunOption = Annotated[
    str | None, typer.Option("--run", "--instance", help="Name of the run, or its folder; without it the live run, up or not.")
]
Url = Annotated[str, typer.Option(metavar="URL", help="file:///FOLDER, s3://BUCKET/PREFIX, gs://...; without it as configured.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(mirror)


def mirror(
    run: RunOption = None,
    public: Url = "",
    private: Url = "",
    quiet: Annotated[bool, typer.Option("--quiet", help="Name no file.")] = False,
) -> None:
    """Copy a run's dated files to a store elsewhere, once: the public feed to one, the days' folders to another.

    `[mirror]` in the configuration lets the daybook do it every minute. A file is copied when it is new, has doubled, or its day is
    over. Exit status 75 if a store is away: what is missing comes with the next pass. The other store gets its files.
    """
    path = Path(instances.for_money(run, LIVE).run)
    conf = configuration.read(path).mirror
    chosen = {PUBLIC: public or conf.public, PRIVATE: private or conf.private}
    if not any(chosen.values()):
        raise ConfError("nowhere to copy to: give --public or --private a URL, or write one under [mirror] in the configuration")
    if chosen[PUBLIC] == chosen[PRIVATE]:
        raise ConfError(
            f"{chosen[PUBLIC]} cannot be both: the days' folders hold the account, and the public feed is for everybody"
        )
    away: list[Transient] = []
    for kind, url in chosen.items():
        if not url:
            continue
        sources = files.public(path) if kind == PUBLIC else files.private(path)
        try:
            done = copying.copy(path, url, FsspecStore(url), sources, lambda name, size: _told(name, size, quiet=quiet))
        except Transient as error:
            away.append(error)
            continue
        if not quiet or done.copied:
            out.print(f"{kind}: {done.copied} files, {done.bytes:,} bytes to {url}; {done.left} wait for their time", markup=False)
    if away:
        raise Transient("; ".join(map(str, away)))


def _told(name: str, size: int, *, quiet: bool) -> None:
    if not quiet:
        out.print(f"  {name} ({size:,} bytes)", markup=False)
