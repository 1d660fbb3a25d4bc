"""The commands for keys: list, make, revoke and export them, and the bridge's own."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct
from rich.console import Console

from tapewire.bus import keys
from tapewire.bus.errors import ConfError
from tapewire.bus.roles import DAEMONS, FOR_PEOPLE, Role
from tapewire.daemons.operator.commands import LIVE
from tapewire.daemons.operator.tables import aligned
from tapewire.daemons.relay import settings as relays
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf

out = Console(soft_wrap=True, highlight=False)

OF_A_RUN = frozenset({"run.json", "journal", keys.FOLDER, relays.FILE})
"""Some of these a run's folder holds, if anything: it may be made, and keys given away, before the first start."""
RunOption = Annotated[Path, typer.Option(help="The run's folder; its keys lie in RUN/keys.")]
ToOption = Annotated[Path, typer.Option("--to", help="Folder for the file. Whoever can read it can use the key.")]
NameArgument = Annotated[str, typer.Argument(help="Name of the key; `tapewire keys list` shows all.")]

app = typer.Typer(help="The keys of a run: who may connect, and what each may do.", no_args_is_help=True, rich_markup_mode=None)


class Shown(Struct, frozen=True):
    """A key without its secret half. made: when its file was written, UTC. fault: why it lets nobody in, if it does not."""

    name: str
    role: str
    public: str
    made: str
    fault: str = ""


def register(application: typer.Typer) -> None:
    """Add this module's commands to the application."""
    application.add_typer(app, name="keys")


@app.command(name="list")
def list_keys(
    run: RunOption = LIVE, json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False
) -> None:
    """List the keys with their roles. Exit status 1 if the file of one is broken."""
    run = folder(run)
    found = keys.Keys(run)
    rows = [Shown(key.name, key.role, key.public, _made(run, key.name)) for key in found.all()]
    rows += [Shown(name, "", "", _made(run, name), fault) for name, fault in found.broken.items()]
    if json:
        out.print(msgspec.json.encode(rows).decode(), markup=False)
    else:
        table = [(row.name, row.role or "broken", row.made, row.public or row.fault) for row in rows]
        for line in aligned([("name", "role", "made", "public half"), *table]):
            out.print(line, markup=False)
    raise typer.Exit(1 if found.broken else 0)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of its owner: 1 to 32 of A-Z a-z 0-9 _ -.")],
    role: Annotated[str, typer.Option(help="external (sends signals), reader, subscriber (public topics only) or operator.")],
    run: RunOption = LIVE,
) -> None:
    """Make a key. It works at once; `tapewire keys export` writes the file for its owner."""
    if role not in set(FOR_PEOPLE):
        raise ConfError(f"--role {role!r}: known: {', '.join(sorted(FOR_PEOPLE))}")
    key = keys.new(folder(run), name, Role(role))
    out.print(f"key {key.name}, role {key.role}: write its file with `tapewire keys export {key.name} --to FOLDER`", markup=False)


@app.command()
def revoke(name: NameArgument, run: RunOption = LIVE) -> None:
    """Remove a key. Its owner's connections are closed within two heartbeats; everybody else's on tcp are made anew."""
    keys.revoke(folder(run), name)
    out.print(f"revoked: {name}", markup=False)


@app.command()
def export(
    name: NameArgument,
    to: ToOption,
    run: RunOption = LIVE,
    daemon: Annotated[bool, typer.Option("--daemon", help="Also the key of a daemon: its owner speaks as that daemon.")] = False,
) -> None:
    """Write the file with which a key's owner reaches this run over tcp: NAME.key, mode 0600."""
    run = folder(run)
    key = keys.find(run, name)
    if key.role in DAEMONS and not daemon:
        another = "make another with `tapewire keys new NAME --role reader`, or add --daemon"
        raise ConfError(f"key {name!r}: its owner can speak as the {name}; {another}")
    out.print(f"wrote {_export(run, key, to, f'{name}{keys.SUFFIX}')}", markup=False)


@app.command()
def token(name: NameArgument, run: RunOption = LIVE) -> None:
    """Print a key as one word, for the header X-API-Key of HTTP and for the page. Whoever has it can use the key."""
    key = keys.find(folder(run), name)
    if key.role not in FOR_PEOPLE:
        raise ConfError(f"key {name!r}: the HTTP door takes keys of people; make one with `tapewire keys new NAME --role reader`")
    out.print(key.token, markup=False)


@app.command()
def bridge(to: ToOption, run: RunOption = LIVE) -> None:
    """Write tapewire.key, the one file that NinjaTrader's folder needs. Makes the bridge's key if it was revoked."""
    run = folder(run)
    out.print(f"wrote {_export(run, keys.bridge(run), to, keys.BRIDGE_FILE)}", markup=False)


def folder(run: Path) -> Path:
    """The run's folder, as a whole path. Makes its keys if it has none yet, so they can be given away before the first start.

    Raises:
        ConfError: there is no such folder, or it holds others' files.
    """
    if run != LIVE and not run.is_dir():
        raise ConfError(f"--run {run}: no such folder; without the option it is {LIVE}")
    run = run.resolve()
    held = {path.name for path in run.iterdir()} if run.is_dir() else set()
    if held and not held & OF_A_RUN:
        raise ConfError(f"--run {run} holds no run, so no keys are made there; name a run's folder, such as {LIVE}")
    keys.make(run)
    return run


def _export(run: Path, key: keys.Key, to: Path, name: str) -> Path:
    if not to.is_dir():
        raise ConfError(f"--to {to}: no such folder; make it first")
    bus = conf_of(run).bus
    keys.export(run, key, to / name, host=bus.host, base_port=bus.base_port)
    return to / name


def conf_of(run: Path) -> Conf:
    """The run's own configuration, or before its first start the one it will have."""
    if (run / "run.json").exists():
        return configuration.read(run)
    return configuration.load("live", instance="keys", traded=["MNQ"], preset=configuration.preset("seed"))


def _made(run: Path, name: str) -> str:
    at = (run / keys.FOLDER / f"{name}{keys.SUFFIX}").stat().st_mtime
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
