"""Ready to trade, as five lights: platform, account, data, orders, position.

Each light covers one fault that can occur without the others, and its sentence tells the operator what to do. The lights show the
daemons' current state and the platform's heartbeat. No test order is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct
from rich.console import Console

from tapewire.bus.messages import Reason, TradingState
from tapewire.daemons.operator import gather, instances
from tapewire.daemons.operator.commands import LIVE, InstanceOption
from tapewire.daemons.operator.doctor import hours
from tapewire.daemons.operator.snapshot import NO_LEASE, Snapshot, span
from tapewire.daemons.operator.tables import aligned
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf
from tapewire.strategies.clock import new_york

NO_GATE = "the gate does not reply (`tapewire status`)"

out = Console(soft_wrap=True, highlight=False)


class Light(Struct, frozen=True):
    """One condition of a trade: its name, whether it holds, and a sentence for a person."""

    name: str
    on: bool
    text: str


def register(app: typer.Typer) -> None:
    """Add this module's command to the application."""
    app.command()(ready)


def ready(
    instance: InstanceOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Show whether an entry could be traded now: platform, account, data, orders, position. Exit status 1 unless all are on."""
    chosen = instances.for_money(instance, LIVE)
    conf = configuration.read(Path(chosen.run))
    shown = lights(conf, gather.look(chosen))
    if json:
        out.print(msgspec.json.encode(shown).decode(), markup=False)
    else:
        for line, on in lines(shown):
            out.print(line, markup=False, style=None if on else "red")
    raise typer.Exit(0 if all(light.on for light in shown) else 1)


def lights(conf: Conf, snapshot: Snapshot) -> list[Light]:
    """The five lights. Each depends on those before it."""
    return [Light(name, on, text) for name, (on, text) in _judged(conf, snapshot).items()]


def lines(shown: list[Light]) -> Iterator[tuple[str, bool]]:
    """The lights as lines for a person, each with whether its light is on."""
    rows = [("on" if light.on else "off", light.name, light.text) for light in shown]
    yield from zip(aligned(rows), (light.on for light in shown), strict=True)


def _judged(conf: Conf, snapshot: Snapshot) -> Mapping[str, tuple[bool, str]]:
    return {
        "platform": _platform(snapshot),
        "account": _account(conf, snapshot),
        "data": _data(conf, snapshot),
        "orders": _orders(snapshot),
        "position": _position(snapshot),
    }


def _platform(snapshot: Snapshot) -> tuple[bool, str]:
    if not snapshot.bridge.fresh:
        age_s = snapshot.bridge.age_s
        last = "no heartbeat received" if age_s is None else f"no heartbeat for {span(age_s)}"
        return False, f"{last}; NinjaTrader connects when its bridge runs (`tapewire doctor`)"
    if snapshot.gate is None:
        return False, NO_GATE
    if not snapshot.linked:
        return False, "it sends heartbeats, but has no order link to the gate (`tapewire doctor`)"
    stops, why = snapshot.bridge.noted
    if why:
        return False, f"connected, but refuses entries: {why}"
    if NO_LEASE in stops:
        return False, "connected, but refuses entries: the gate's lease is older than five seconds"
    return True, "connected, heartbeat received"


def _account(conf: Conf, snapshot: Snapshot) -> tuple[bool, str]:
    account = conf.trading.account
    if not (conf.trading.enabled and account):
        latched = snapshot.gate is not None and snapshot.gate["killed"]
        also = "; the kill switch is latched, too (`tapewire arm` releases it)" if latched else ""
        return False, f"trading is off (conf/live.toml: set account and enabled in [trading]){also}"
    if snapshot.gate is None:
        return False, NO_GATE
    if snapshot.gate["killed"]:
        return False, f"{account}: the kill switch is latched; `tapewire arm` releases it"
    risk = snapshot.risk
    if risk is None or risk.state == TradingState.ACTIVE:
        return True, f"{account} may trade"
    return False, f"{account} is {risk.state}: {risk.reason}"


def _data(conf: Conf, snapshot: Snapshot) -> tuple[bool, str]:
    told, dated = [], []
    for name in conf.traded:
        session = snapshot.session(name)
        if session is None:
            return False, f"no bar of {name} yet"
        if snapshot.bridge.fresh and snapshot.stale(conf, session.bar):
            return False, f"no bar of {name} for {span(snapshot.age_s(session.bar))} although the market is open"
        disputed = hours.disputed(conf.calendar_of(name), snapshot.chart(name), snapshot.now_ns) if snapshot.live else None
        if disputed is not None:
            return False, f"{disputed.text}; no entries until conf/calendar.toml says which holds (`tapewire doctor`)"
        if session.degraded:
            return False, f"{name}: bars of {session.session} were lost; no entries until the next trade date"
        at = new_york(session.bar.close_ns)
        told.append(f"{name} {session.bar.close:.12g} at {at:%H:%M} New York")
        dated.append(f"{name} {session.bar.close:.12g} at {at:%Y-%m-%d %H:%M} New York")
    if not snapshot.bridge.fresh:
        return False, f"the feed has stopped; the last bar was {', '.join(dated)}"
    return True, ", ".join(told)


def _orders(snapshot: Snapshot) -> tuple[bool, str]:
    if snapshot.gate is None:
        return False, NO_GATE
    pending = snapshot.gate["pending"].get("venue", 0)
    if pending == 0:
        return True, "every command is acknowledged"
    return False, f"{pending} {'command' if pending == 1 else 'commands'} not acknowledged by the venue"


def _position(snapshot: Snapshot) -> tuple[bool, str]:
    compare = "compare both in NinjaTrader, then `tapewire arm`"
    if snapshot.gate is None:
        return False, NO_GATE
    differing = [f"{name} {held.venue_qty:+d} there, {held.qty:+d} here" for name, held in snapshot.differing.items()]
    if differing:
        return False, f"the venue's position differs from ours: {', '.join(differing)}; {compare}"
    if snapshot.risk is not None and snapshot.risk.reason == Reason.UNRECONCILED:
        return False, f"the venue's position differs from ours; {compare}"
    return True, snapshot.position_text + ("" if snapshot.linked else " in our books; no venue is connected that could confirm it")
