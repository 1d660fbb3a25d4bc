"""Ready to trade, as five lights: platform, account, data, orders, position.

Each light is one thing that can be wrong without the others, with the sentence for whoever must mend it. Nothing is tried out: a
light tells what the daemons know already, and what is heard of the platform.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct
from rich.console import Console

from tapewire.bus.messages import Reason, TradingState
from tapewire.daemons.operator import gather, instances
from tapewire.daemons.operator.snapshot import NO_LEASE, Known, span
from tapewire.daemons.operator.tables import aligned
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf

SILENT = "the gate does not answer (`tapewire status`)"

out = Console(soft_wrap=True, highlight=False)


class Light(Struct, frozen=True):
    """One thing that must be well before a trade: its name, whether it is, and a sentence for a person."""

    name: str
    on: bool
    text: str


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(ready)


def ready(
    instance: Annotated[str | None, typer.Option("--instance", help="Which run, when several are up.")] = None,
    json: Annotated[bool, typer.Option("--json", help="For programs: JSON on stdout.")] = False,
) -> None:
    """Five lights: platform, account, data, orders, position. Exit status 1 unless all are on."""
    chosen = instances.choose(instance)
    conf = configuration.read(Path(chosen.run))
    shown = lights(conf, gather.look(chosen, conf))
    if json:
        out.print(msgspec.json.encode(shown).decode(), markup=False)
    else:
        for line, on in lines(shown):
            out.print(line, markup=False, style=None if on else "red")
    raise typer.Exit(0 if all(light.on for light in shown) else 1)


def lights(conf: Conf, known: Known) -> list[Light]:
    """The five, in the order in which one depends on the other."""
    return [Light(name, on, text) for name, (on, text) in _judged(conf, known).items()]


def lines(shown: list[Light]) -> Iterator[tuple[str, bool]]:
    """The lights for a person, each line with whether it is on."""
    rows = [("on" if light.on else "off", light.name, light.text) for light in shown]
    yield from zip(aligned(rows), (light.on for light in shown), strict=True)


def _judged(conf: Conf, known: Known) -> Mapping[str, tuple[bool, str]]:
    return {
        "platform": _platform(known),
        "account": _account(conf, known),
        "data": _data(conf, known),
        "orders": _orders(known),
        "position": _position(conf, known),
    }


def _platform(known: Known) -> tuple[bool, str]:
    if not known.heard.fresh:
        age_s = known.heard.age_s
        heard = "never heard of" if age_s is None else f"silent for {span(age_s)}"
        return False, f"{heard}; NinjaTrader connects when its bridge runs (`tapewire doctor`)"
    if known.gate is None:
        return False, SILENT
    if not known.linked:
        return False, "it beats, but the gate has no link to it (`tapewire doctor`)"
    words, why = known.heard.noted
    if why:
        return False, f"connected, but takes no entries: {why}"
    if NO_LEASE in words:
        return False, "connected, but has not heard the gate for five seconds"
    return True, "connected, its heartbeat is there"


def _account(conf: Conf, known: Known) -> tuple[bool, str]:
    account = conf.trading.account
    if not (conf.trading.enabled and account):
        return False, "trading is off (conf/live.toml: name an account and set enabled)"
    if known.gate is None:
        return False, SILENT
    if known.gate["killed"]:
        return False, f"{account}: the kill switch is latched; `tapewire arm` releases it"
    risk = known.risk
    if risk is None or risk.state == TradingState.ACTIVE:
        return True, f"{account} may trade"
    return False, f"{account} is {risk.state}: {risk.reason}"


def _data(conf: Conf, known: Known) -> tuple[bool, str]:
    texts = []
    for name in conf.traded:
        session = known.session(name)
        if session is None:
            return False, f"no bar of {name} yet"
        if known.heard.fresh and known.stale(conf.calendar, session.bar):
            return False, f"no bar of {name} for {span(known.age_s(session.bar))} although the market is open"
        if session.degraded:
            return False, f"{name}: bars of {session.session} were lost; no entries until the next trade date"
        at = dt.datetime.fromtimestamp(session.bar.close_ns / 1e9, dt.UTC)
        texts.append(f"{name} {session.bar.close:g} at {at:%Y-%m-%d %H:%M} UTC")
    if not known.heard.fresh:
        return False, f"nobody brings bars; the last was {', '.join(texts)}"
    return True, ", ".join(texts)


def _orders(known: Known) -> tuple[bool, str]:
    if known.gate is None:
        return False, SILENT
    waiting = known.gate["pending"].get("venue", 0)
    return waiting == 0, f"{waiting} commands unacknowledged by the venue"


def _position(conf: Conf, known: Known) -> tuple[bool, str]:
    if known.risk is not None and known.risk.reason == Reason.UNRECONCILED:
        return False, "the venue and our books differ; look, then `tapewire arm`"
    texts = []
    for name in conf.traded:
        session = known.session(name)
        position = None if session is None else session.bar.position
        if position is None:
            return False, f"{name}: the platform has not said"
        texts.append(f"{name} {position.qty:+d}" if position.qty else f"{name} flat")
    return True, ", ".join(texts)
