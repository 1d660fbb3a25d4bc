"""Ready to trade, as five lights: platform, account, data, orders, position (capabilities C.2).

Each light is one thing that can be wrong without the others, with the sentence for whoever must mend it. No connection is opened
to try one out: a light tells what the daemons know already.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
import zmq
from msgspec import Struct
from rich.console import Console

from bus import topics
from bus.client import ask_control
from bus.errors import PeerError, Transient
from bus.messages import Reason, Risk, Session, TradingState
from daemons import conf as configuration
from daemons import instances, status
from daemons.settings import Conf
from daemons.tables import aligned

FRESH_S = 5.0
VENUE = "nt"
SILENT = "the gate does not answer (`tapewire status`)"

out = Console(soft_wrap=True, highlight=False)


class Light(Struct, frozen=True):
    """One thing that must be well before a trade: its name, whether it is, and a sentence for a person."""

    name: str
    on: bool
    text: str


class Known(Struct, frozen=True):
    """What the daemons say of themselves.

    gate: the state of its control port, None if it does not answer. risk: the account's standing, None if nothing was said yet.
    sessions: the latest of each instrument. beat_age_s: of the platform's last heartbeat, None without one.
    """

    gate: dict[str, Any] | None
    risk: Risk | None
    sessions: dict[str, Session]
    beat_age_s: float | None


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
    shown = lights(conf, look(chosen, conf))
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


def look(chosen: instances.Instance, conf: Conf) -> Known:
    """Ask the daemons, and listen for a heartbeat of the platform."""
    beat = status.listen(chosen, {VENUE}).get(VENUE)
    with zmq.Context() as context:
        gate = _asked(context, conf.bus.address("control.gate"), "")
        risks = _asked(context, conf.bus.address("gate"), topics.RISK) or {}
        sessions = _asked(context, conf.bus.address("tracker"), topics.SESSION) or {}
    return Known(
        gate=gate,
        risk=next((msgspec.convert(each, Risk) for each in risks.values()), None),
        sessions={topic: msgspec.convert(each, Session) for topic, each in sessions.items()},
        beat_age_s=None if beat is None else status.age_s(beat),
    )


def _asked(context: zmq.Context[zmq.Socket[bytes]], address: str, argument: str) -> dict[str, Any] | None:
    try:
        answer: dict[str, Any] = ask_control(context, address, "state", argument, timeout_s=1.0)
    except (Transient, PeerError):
        return None
    return answer


def _judged(conf: Conf, known: Known) -> Mapping[str, tuple[bool, str]]:
    return {
        "platform": _platform(known),
        "account": _account(conf, known),
        "data": _data(conf, known),
        "orders": _orders(known),
        "position": _position(conf, known),
    }


def _platform(known: Known) -> tuple[bool, str]:
    age_s = known.beat_age_s
    if age_s is None or age_s >= FRESH_S:
        heard = "never heard of" if age_s is None else f"silent for {age_s:.0f} s"
        return False, f"{heard}; NinjaTrader connects when its bridge runs"
    if known.gate is None:
        return False, SILENT
    if not known.gate["venue_up"]:
        return False, "it beats, but the gate has no link to it"
    return True, f"connected, heartbeat {age_s:.1f} s old"


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
        session = known.sessions.get(topics.of(topics.SESSION, name))
        if session is None:
            return False, f"no bar of {name} yet"
        if session.degraded:
            return False, f"{name}: bars of {session.session} were lost; no entries until the next trade date"
        at = dt.datetime.fromtimestamp(session.bar.close_ns / 1e9, dt.UTC)
        texts.append(f"{name} {session.bar.close:g} at {at:%Y-%m-%d %H:%M} UTC")
    if known.beat_age_s is None or known.beat_age_s >= FRESH_S:
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
        session = known.sessions.get(topics.of(topics.SESSION, name))
        position = None if session is None else session.bar.position
        if position is None:
            return False, f"{name}: the platform has not said"
        texts.append(f"{name} {position.qty:+d}" if position.qty else f"{name} flat")
    return True, ", ".join(texts)
