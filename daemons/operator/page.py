"""The command `open`: the page of a run in the browser, and a code that lets it in."""

from __future__ import annotations

import json
import ssl
import urllib.request
import webbrowser
from pathlib import Path
from typing import Annotated
from urllib.error import URLError

import typer
from rich.console import Console

from tapewire.bus import keys
from tapewire.bus.errors import ConfError, Transient
from tapewire.daemons.operator import instances
from tapewire.daemons.operator.commands import InstanceOption
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Api

ANYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - where it is bound, not what we bind
PATIENCE_S = 5.0

out = Console(soft_wrap=True, highlight=False)


def register(app: typer.Typer) -> None:
    """Add this module's command to the application."""
    app.command(name="open")(open_page)


def open_page(
    instance: InstanceOption = None,
    key: Annotated[str, typer.Option(help="Whose rights the page has: operator, reader, or a key of yours.")] = "operator",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Without it only address and code are printed.")] = True,
) -> None:
    """Open the page of a run in the browser. It asks for the code that is printed here: no address holds a secret."""
    run = Path(instances.choose(instance).run)
    api = configuration.read(run).api
    if not api.enabled:
        remedy = "write enabled = true under [api] of conf/live.toml, then `tapewire down` and `up`"
        raise ConfError(f"{run}: the page is off; {remedy}; or start the replay with --api PORT")
    there = address(api)
    code = _code(there, api, keys.find(run, key).token)
    out.print(f"page: {there}", markup=False)
    out.print(f"code: {code}  (as {key}; good once, for two minutes; `tapewire open` prints another)", markup=False)
    if browser and not webbrowser.open(there):
        out.print("no browser was found here; open the address in yours", markup=False)


def address(api: Api) -> str:
    """Where the page is, as seen from this machine."""
    host = "127.0.0.1" if api.host in ANYWHERE else api.host
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if api.certificate else 'http'}://{shown}:{api.port}/"


def _code(there: str, api: Api, token: str) -> str:
    """Ask the api for a code. Its certificate is the file that we have given it, whatever name stands in it."""
    context = None
    if api.certificate:
        context = ssl.create_default_context(cafile=api.certificate)
        context.check_hostname = False
    request = urllib.request.Request(f"{there}page/code", method="POST", headers={"X-API-Key": token})  # noqa: S310 - http of ours
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S, context=context) as reply:  # noqa: S310
            return str(json.load(reply)["code"])
    except (URLError, TimeoutError, ValueError) as error:
        raise Transient(f"the page at {there} does not reply ({error}); `tapewire status` shows what runs") from error
