"""The command `ask`: one verb of a service, for a person or a script. PROTOCOL.md 7 says what each answers.

A verb that only reads is asked with the key `reader`, one that acts with the key `operator`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console

from tapewire.bus import access, contexts, roles
from tapewire.bus.bounds import MAX_MESSAGE
from tapewire.bus.client import request_control
from tapewire.bus.errors import ConfError, DataError, PeerError, Transient, suggest
from tapewire.bus.messages import Verb
from tapewire.daemons.operator import instances
from tapewire.daemons.operator.commands import LIVE, InstanceOption
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.operator.tables import aligned

REPLAY = "replay"
PATIENCE_S = 5.0  # `evaluate` replies within two seconds

LATER = ("BUSY:", "NO_ACCOUNTS:", "NOT_STARTED:")
"""Refusals that pass by themselves: the same question may be answered later."""

out = Console(soft_wrap=True, highlight=False)


class Asked(NamedTuple):
    """A verb as a person asks it: its argument, if it has one, and what it does."""

    verb: Verb
    argument: str
    does: str


_STATE = Asked("state", "[PREFIX]", "its sessions, and the last message written on each topic; with a prefix only these messages")
_PARAMETERS = Asked("parameters", "", "the preset in force")
SERVICES: Mapping[str, tuple[Asked, ...]] = {
    "tracker": (
        _STATE,
        _PARAMETERS,
        Asked(
            "init",
            "JSON",
            'levels of yours for a trade date: {"date": "2027-02-24", "levels": {"pdh": 21000.25}}',
        ),
    ),
    "evaluator": (
        _STATE,
        _PARAMETERS,
        Asked("strategies", "", "each strategy's state, and which were switched off"),
        Asked("evaluate", "JSON", 'the signal of the last of your bars: {"bars": [...], "position": {...}, "settings": {...}}'),
    ),
    "gate": (
        _STATE,
        _PARAMETERS,
        Asked("health", "", "that it is up, with version and mode"),
        Asked("ready", "", "whether it could send an entry now, and why not"),
        Asked("connection_test", "", "whether the venue is connected"),
        Asked("accounts", "", "the venue's accounts and which one is traded"),
    ),
    REPLAY: (
        Asked("state", "", "what it does, and its counters"),
        Asked("start", "", "play, or play on"),
        Asked("pause", "", "pause behind the bar that is being played"),
        Asked("step", "[BARS]", "play so many bars, and pause"),
        Asked("speed", "MULTIPLE", "of real time, or max"),
        Asked("seek", "TIME", "play up to HH:MM or 'YYYY-MM-DD HH:MM' New York without a pause"),
        Asked("stop", "", "end the replay; its run stays unfinished"),
    ),
}
"""Who can be asked what."""


def register(app: typer.Typer) -> None:
    """Add this module's command to the application."""
    app.command()(ask)


def ask(
    service: Annotated[
        str | None, typer.Argument(help="tracker, evaluator, gate or replay; without it all verbs are listed.")
    ] = None,
    verb: Annotated[str | None, typer.Argument(help="What to ask.")] = None,
    argument: Annotated[str, typer.Argument(help="JSON or a word, as the verb takes it; - reads standard input.")] = "",
    instance: InstanceOption = None,
) -> None:
    """Ask a service one verb, and print its reply as JSON. Exit status 65 if it refuses, 75 if it cannot reply now."""
    if service is None or verb is None:
        for line in listed(service):
            out.print(line, markup=False)
        return
    asked = _known(service, verb)
    text = typer.get_text_stream("stdin").read() if argument == "-" else argument
    if len(text.encode()) > MAX_MESSAGE:
        raise DataError(f"the argument has {len(text.encode())} bytes; a request takes {MAX_MESSAGE}")
    where = _run(service, instance)
    with contexts.brief() as context:
        way = access.local(Path(where.run), "operator" if asked.verb in roles.CONTROL else "reader")
        port = f"{roles.CONTROL_PORT}{REPLAY}" if service == REPLAY else service
        try:
            reply = request_control(context, way.to(port), asked.verb, text, timeout_s=PATIENCE_S)
        except PeerError as error:
            text = f"{service} {verb}: {error}"
            raise (Transient(text) if str(error).startswith(LATER) else DataError(text)) from error
    out.print(json.dumps(reply, indent=2), markup=False)


def listed(service: str | None) -> Iterator[str]:
    """The verbs of a service, or of all."""
    if service is not None and service not in SERVICES:
        raise ConfError(f"no service {service!r}{suggest(service, SERVICES)}; there are {', '.join(SERVICES)}")
    names = SERVICES if service is None else (service,)
    yield from aligned([(name, each.verb, each.argument, each.does) for name in names for each in SERVICES[name]])


def _known(service: str, verb: str) -> Asked:
    verbs = {each.verb: each for each in SERVICES.get(service, ())}
    if not verbs:
        raise ConfError(f"no service {service!r}{suggest(service, SERVICES)}; there are {', '.join(SERVICES)}")
    for name, asked in verbs.items():
        if name == verb:
            return asked
    raise ConfError(f"{service} has no verb {verb!r}{suggest(verb, verbs)}; it has {', '.join(verbs)}")


def _run(service: str, name: str | None) -> Instance:
    """A replay for `replay`, which may play beside a live run; for the others the run that `ready` means."""
    if service != REPLAY:
        return instances.for_money(name, LIVE)
    replays = [each for each in instances.running() if each.kind == REPLAY]
    if name is None and len(replays) == 1:
        return replays[0]
    return instances.choose(name)
