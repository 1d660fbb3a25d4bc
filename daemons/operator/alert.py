"""`tapewire alert`: which channels there are and what was told, try them out, and keep their addresses.

An address is typed in, or comes by standard input; never as an argument, which every process on the machine can see.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from tapewire.bus.errors import ConfError, suggest
from tapewire.daemons.alerts import addresses, senders, state
from tapewire.daemons.alerts.addresses import Address
from tapewire.daemons.alerts.alert import OWN, Alert, local
from tapewire.daemons.alerts.senders import Undelivered
from tapewire.daemons.operator import instances
from tapewire.daemons.operator.commands import LIVE, JsonOption
from tapewire.daemons.operator.tables import aligned
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.alerting import BUILT_IN, HEARTBEAT, NAME, Alerting, Channel, Level
from tapewire.daemons.shell import logs
from tapewire.strategies.clock import NEW_YORK

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

InstanceOption = Annotated[
    str | None, typer.Option("--instance", help="Name of a run; without it the live settings, as they are now.")
]
FAILED = 1
DATED_NS = 10**17  # before the first bar market time counts from 1970


def register(app: typer.Typer) -> None:
    """Add this module's commands to the application."""
    alert = typer.Typer(no_args_is_help=True, help="Alerts: channels, what was told, and a try.", rich_markup_mode=None)
    alert.command("list")(listed)
    alert.command("test")(tried)
    alert.command("add")(added)
    alert.command("remove")(removed)
    app.add_typer(alert, name="alert")


def listed(
    instance: InstanceOption = None,
    count: Annotated[int, typer.Option("--count", min=0, help="How many of the newest alerts.")] = 20,
    json: JsonOption = False,
) -> None:
    """List the channels with their rules, and the newest alerts."""
    alerting, run = settings(instance)
    known = addresses.read(addresses.place(alerting))
    kept = state.load(run)
    recent = [] if kept is None else kept.memory.recent[-count:] if count else []
    waiting = [] if kept is None else [each.channel for each in kept.waiting]
    rows = [_row(name, channel, alerting, known, waiting) for name, channel in alerting.channels.items()]
    if json:
        found = {"enabled": alerting.enabled, "channels": rows, "heartbeat": HEARTBEAT in known}
        out.print(msgspec.json.encode({**found, "recent": recent}).decode(), markup=False)
        return
    cells = [tuple(str(row[key]) for key in ("name", "is", "level", "quiet", "waiting", "topics")) for row in rows]
    for line in aligned([("channel", "is", "from level", "quiet", "waiting", "topics"), *cells]):
        out.print(line, markup=False)
    unused = [name for name in known if name not in alerting.channels and name != HEARTBEAT]
    if unused:
        out.print(f"an address, but no [alerts.channels.NAME]: {', '.join(unused)}", markup=False)
    out.print(
        f"outside heartbeat: {'every ' + format(alerting.heartbeat_s, 'g') + ' s' if HEARTBEAT in known else 'no address'}",
        markup=False,
    )
    if not alerting.enabled:
        out.print("alerts are off: write `enabled = true` under [alerts] in conf/live.toml", markup=False)
    for each in recent:
        at = f"{local(each.at_ns, NEW_YORK):%Y-%m-%d %H:%M:%S}" if each.at_ns > DATED_NS else " " * 19
        text = f"  {each.text.splitlines()[0]}" if each.text else ""
        out.print(f"{at}  {each.level:<8}  {each.title}{text}", markup=False)


def tried(
    channel: Annotated[str | None, typer.Argument(help="A channel, or `heartbeat`; without it every one.")] = None,
    instance: InstanceOption = None,
) -> None:
    """Send a test alert, one channel after the other, and say what became of it. Exit status 1 if one has failed."""
    alerting, _ = settings(instance)
    path = addresses.place(alerting)
    known = addresses.read(path)
    names = [*alerting.channels, *(name for name in known if name not in alerting.channels)]
    if channel is not None and _name(channel) not in names:
        raise ConfError(f"no channel {channel!r}{suggest(channel, names)}; known: {', '.join(names) or 'none'}")
    failed = False
    for name in names if channel is None else [channel]:
        error = _try(name, known)
        failed = failed or bool(error)
        out.print(f"{name}: {error or 'delivered'}", style="red" if error else None, markup=False)
    raise typer.Exit(FAILED if failed else 0)


def added(
    name: Annotated[str, typer.Argument(help="Name of the channel; `heartbeat` for the outside service.")],
    instance: InstanceOption = None,
) -> None:
    """Keep the address of a channel: it is asked for, or read from standard input. An older one is replaced."""
    if _name(name) in BUILT_IN:
        raise ConfError(f"{name} needs no address; write another name")
    alerting, _ = settings(instance)
    url = (typer.prompt("address (it is not shown)", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()).strip()
    if not url or not url.isprintable():
        raise ConfError("there is no address, or it has a character that does not show; copy it again")
    address = Address(url)
    what = "outside heartbeat" if name == HEARTBEAT else senders.kind(address)
    if name == HEARTBEAT and not url.startswith(("http://", "https://")):
        raise ConfError("the heartbeat's address begins with https:// or http://")
    path = addresses.place(alerting)
    addresses.write(path, {**addresses.read(path), name: address})
    out.print(f"{name}: {what}, kept in {path}", markup=False)
    if name not in alerting.channels and name != HEARTBEAT:
        out.print(f"it gets alerts with [alerts.channels.{name}] and a rule in conf/live.toml", markup=False)
    out.print(f"try it: tapewire alert test {name}", markup=False)


def removed(name: Annotated[str, typer.Argument(help="Name of the channel.")], instance: InstanceOption = None) -> None:
    """Forget the address of a channel."""
    alerting, _ = settings(instance)
    path = addresses.place(alerting)
    known = addresses.read(path)
    if _name(name) not in known:
        raise ConfError(f"no address of {name!r}{suggest(name, known)} in {path}")
    addresses.write(path, {each: address for each, address in known.items() if each != name})
    out.print(f"{name}: removed from {path}", markup=False)


def settings(instance: str | None) -> tuple[Alerting, Path]:
    """The settings that count, and the run's folder: of the named run, else those of the next live one."""
    if instance is not None:
        run = Path(instances.for_money(instance, LIVE).run)
        return configuration.read(run).alerts, run
    known = [each for each in instances.known() if each.name == instances.LIVE]
    run = Path(known[0].run) if known else LIVE
    return configuration.alerting(), run


def _row(name: str, channel: Channel, alerting: Alerting, known: Mapping[str, Address], waiting: list[str]) -> dict[str, Any]:
    rules = [rule for rule in alerting.rules if name in rule.channels]
    return {
        "name": name,
        "is": "built in" if name in BUILT_IN else _kind(known[name]) if name in known else "no address",
        "level": channel.level.value,
        "quiet": ", ".join(channel.quiet) or "never",
        "waiting": waiting.count(name),
        "topics": ", ".join(topic or "all" for rule in rules for topic in rule.topics) or "none",
    }


def _name(given: str) -> str:
    """A name as it was given. Raises ConfError: it is none. It may be an address by mistake, so it is not repeated."""
    if not NAME.match(given):
        raise ConfError("that is no name: write a-z, 0-9, _ and -, 32 at most. An address is asked for, it is no argument")
    return given


def _kind(address: Address) -> str:
    try:
        return senders.kind(address)
    except ConfError as error:
        return str(error)


def _try(name: str, known: Mapping[str, Address]) -> str:
    """Why a test alert was not delivered; empty if it was."""
    trial = Alert(
        topic=f"{OWN}test.",
        kind="test",
        level=Level.INFO,
        title="tapewire: a test",
        text=f"This is what an alert on the channel {name} looks like.",
    )
    try:
        if name == HEARTBEAT:
            senders.called(known[name])
        elif name in BUILT_IN or name in known:
            senders.of(name, known, logs.configure("alert"))(trial)
        else:
            return f"it has no address; run `tapewire alert add {name}`"
    except (Undelivered, ConfError) as error:
        return f"not delivered: {error}"
    return ""
