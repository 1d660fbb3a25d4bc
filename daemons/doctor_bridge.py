"""The doctor's look at NinjaTrader: is its bridge heard, of our version and with our time, and does it bring what strategies need.

`look` collects what the daemons know and listens to the bridge's heartbeat; `examine` judges, and is a function of what was found.
While trading is off nobody is waiting for NinjaTrader, so a bridge that is not there is not yet broken.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from typing import Any

import zmq
from msgspec import Struct

from bus import topics
from bus.client import Reader
from bus.messages import PROTOCOL_VERSION, Beat, Reason, Session
from daemons import ready
from daemons.instances import Instance
from daemons.settings import Conf

BRIDGE_VERSION = "1"
LISTEN_S = 3.0
STALE_S = 150.0  # two bars and a half: one may be late, two are missing
SKEW_S = 2.0  # beyond it a bar's time and the gate's wall clock no longer mean the same minute
START = "start the strategy TapewireBridge in NinjaTrader (ninjascript/README.md)"
SYNC = "synchronise both: `w32tm /resync` in Windows, `sudo hwclock -s` in WSL2"


class Check(Struct, frozen=True):
    """One finding: what was looked at, whether it is well (None: it cannot be said yet), and the sentence for a person."""

    name: str
    ok: bool | None
    text: str


class Found(Struct, frozen=True):
    """What there is to judge.

    known: what the daemons say. skew_s: the bridge's wall clock minus ours at a heartbeat that just arrived, None without one.
    now_ns: our wall clock.
    """

    known: ready.Known
    skew_s: float | None
    now_ns: int

    @property
    def venue(self) -> dict[str, Any]:
        """The bridge's last hello: venue, version, accounts. Empty before the first."""
        return (self.known.gate or {}).get("venue") or {}


def look(instance: Instance, conf: Conf) -> Found:
    """Ask the daemons, and listen to the bridge for a moment."""
    return Found(ready.look(instance, conf), _skew(conf), time.time_ns())


def examine(conf: Conf, found: Found) -> list[Check]:
    """All findings, in the order in which one depends on the other; without a bridge there are no others."""
    bridge = _bridge(conf, found)
    if not bridge.ok:
        return [bridge]
    each = [check for name in conf.traded for check in (_bars(conf, found, name), _flow(found, name), _cross(found, name))]
    return [bridge, _version(found), _clock(found), _account(conf, found), *each, _position(found)]


def _bridge(conf: Conf, found: Found) -> Check:
    age_s, gate = found.known.beat_age_s, found.known.gate
    ports = f"{conf.bus.base_port}, {conf.bus.base_port + 1} and {conf.bus.base_port + 13} of {conf.bus.host}"
    if found.skew_s is None:
        heard = "never heard of" if age_s is None else f"silent for {age_s:.0f} s"
        reach = f"if it runs, Windows must reach ports {ports} (firewall, WSL2 address)"
        return Check("bridge", False if conf.trading.enabled else None, f"{heard}; {START}; {reach}")
    if gate is None or not gate["venue_up"]:
        return Check("bridge", False, f"its heartbeat is heard, its venue link is not; Windows must reach ports {ports}")
    if not found.venue:
        return Check("bridge", False, f"connected, but it has not said hello; {START} and enable it on a chart")
    return Check("bridge", True, f"{found.venue['venue']}, connected, heartbeat fresh")


def _version(found: Found) -> Check:
    theirs = found.venue["version"]
    ours = f"protocol {PROTOCOL_VERSION}"
    if found.venue["venue"] == "NinjaTrader" and theirs != BRIDGE_VERSION:
        text = f"the bridge is version {theirs}, these daemons go with {BRIDGE_VERSION}; copy ninjascript/*.cs again and compile"
        return Check("bridge version", False, text)
    return Check("bridge version", True, f"{theirs}, {ours}")


def _clock(found: Found) -> Check:
    skew_s = found.skew_s or 0.0
    if abs(skew_s) > SKEW_S:
        side = "ahead of" if skew_s > 0 else "behind"
        return Check("bridge clock", False, f"NinjaTrader's PC is {abs(skew_s):.1f} s {side} this one; {SYNC}")
    return Check("bridge clock", True, f"{skew_s:+.2f} s from ours")


def _account(conf: Conf, found: Found) -> Check:
    accounts, ours = found.venue["accounts"], conf.trading.account
    there = ", ".join(accounts) or "none"
    if not ours:
        return Check("bridge account", None, f"the bridge trades {there}; conf/live.toml names no account")
    if ours not in accounts:
        text = (
            f"the bridge trades {there}, conf/live.toml names {ours}; choose {ours} in the strategy's settings, or correct the name"
        )
        return Check("bridge account", False, text)
    return Check("bridge account", True, ours)


def _bars(conf: Conf, found: Found, name: str) -> Check:
    session = _session(found, name)
    what = f"bars of {name}"
    if session is None:
        return Check(what, False, f"none yet; enable the strategy on a one-minute chart of {name}")
    bar = session.bar
    age_s = (found.now_ns - bar.close_ns) / 1e9
    if bar.phase == "realtime" and age_s > STALE_S:
        return Check(
            what, False, f"the last closed {age_s:.0f} s ago; look at NinjaTrader's data connection, or the market is closed"
        )
    if session.degraded:
        return Check(what, False, f"some of {session.session} were lost; no entries until the next trade date")
    at = dt.datetime.fromtimestamp(bar.close_ns / 1e9, dt.UTC)
    ago = f", {age_s:.0f} s ago" if bar.phase == "realtime" else ""
    return Check(what, True, f"number {bar.index}, {bar.phase}, closed {at:%Y-%m-%d %H:%M} UTC{ago}")


def _flow(found: Found, name: str) -> Check:
    session = _session(found, name)
    what = f"order flow of {name}"
    if session is None:
        return Check(what, None, "no bar yet")
    if session.bar.ask_volume is None or session.bar.bid_volume is None:
        text = "absent: the chart's series is not volumetric; choose Volumetric with 1 minute (needs Order Flow +)"
        return Check(what, False, text)
    return Check(what, True, f"{session.bar.ask_volume} bought, {session.bar.bid_volume} sold on the last bar")


def _cross(found: Found, name: str) -> Check:
    session = _session(found, name)
    what = f"companions of {name}"
    if session is None:
        return Check(what, None, "no bar yet")
    if session.missing_cross:
        missing = ", ".join(session.missing_cross)
        return Check(what, False, f"no bar of {missing} at the last stamp; look at its data, or raise Cross grace")
    return Check(what, True, ", ".join(each.instrument for each in session.bar.cross) or "none configured")


def _position(found: Found) -> Check:
    risk = found.known.risk
    if risk is not None and risk.reason == Reason.UNRECONCILED:
        return Check("reconciled", False, "venue and books differ; compare them, then `tapewire arm` takes the venue's word")
    waiting = (found.known.gate or {}).get("pending", {}).get("venue", 0)
    return Check("reconciled", True, f"books and venue agree, {waiting} commands unacknowledged")


def _session(found: Found, name: str) -> Session | None:
    return found.known.sessions.get(topics.of(topics.SESSION, name))


def _skew(conf: Conf) -> float | None:
    """By the second heartbeat that arrives: the first may be the broker's last value, as old as a second."""
    with zmq.Context() as context:
        reader = Reader(context, conf.bus.address("broker.out"), (topics.of(topics.BEAT, ready.VENUE),), name="doctor")
        try:
            until = time.monotonic() + LISTEN_S
            seen = 0
            while time.monotonic() < until:
                for beat in _beats(reader):
                    seen += 1
                    if seen > 1:
                        return (beat.wall_ns - time.time_ns()) / 1e9
        finally:
            reader.close()
    return None


def _beats(reader: Reader) -> Iterator[Beat]:
    for message, _ in reader.receive(0.1):
        if isinstance(message.body, Beat):
            yield message.body
