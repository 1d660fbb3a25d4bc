"""The checks of keys and locks: which key is missing or wrong, and on which side."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tapewire.bus import contexts
from tapewire.bus.access import Access
from tapewire.bus.client import request_control
from tapewire.bus.errors import PeerError, Transient
from tapewire.bus.keys import Keys
from tapewire.bus.monitor import Turned, Why
from tapewire.bus.roles import VENUE
from tapewire.daemons.operator import supervise
from tapewire.daemons.operator.doctor.findings import Found, broken, ok, unknown
from tapewire.daemons.shell import limits

RECENT_S = 60.0
EXPORT = "write it again with `tapewire keys export NAME --to FOLDER`, NinjaTrader's with `tapewire keys bridge --to FOLDER`"
BRIDGE_PORTS = frozenset({"broker.in", "ticks.in", "venue", "backfill"})


def keys(run: Path) -> Found:
    """Every file in the folder of keys is one, and NinjaTrader has one."""
    found = Keys(run)
    if found.broken:
        return broken(
            "; ".join(found.broken.values()), "a key whose file is broken lets nobody in: `tapewire keys revoke`, or put it back"
        )
    if found.named(VENUE) is None:
        return broken("NinjaTrader's key was revoked", "`tapewire keys bridge --to FOLDER` makes a new one")
    return ok(f"{len(found.all())} keys in {found.folder}")


def strangers(way: Access) -> Found:
    """Whether somebody who should get in is turned away now, by what the daemons report."""
    try:
        turned = [_turned(each) for state in _states(way).values() for each in state["turned_away_last"]]
    except (Transient, PeerError) as error:
        return unknown(str(error))
    return judge(turned, time.time())


def bound(way: Access) -> Found:
    """Whether every address is bound again since the last key was revoked."""
    try:
        lost = {name: state["unbound"] for name, state in _states(way).items() if state["unbound"]}
    except (Transient, PeerError) as error:
        return unknown(str(error))
    if lost:
        text = "; ".join(f"{name} {', '.join(addresses)}" for name, addresses in lost.items())
        return broken(
            f"not bound again since a key was revoked: {text}",
            "another program has taken it (`ss -ltnp` names it): end it, and the daemon binds by itself",
        )
    return ok("every port of the run is bound")


def open_files(way: Access) -> Found:
    """Whether the system allows each daemon as many open files as it may need."""
    try:
        states = _states(way)
    except (Transient, PeerError) as error:
        return unknown(str(error))
    low = {name: state["open_files"] for name, state in states.items() if not limits.enough_files(state["open_files"])}
    if low:
        text = ", ".join(f"{name} {limit}" for name, limit in low.items())
        return broken(f"fewer than {limits.NEEDED_FILES} allowed: {text}", f"{limits.RAISE}, then `tapewire down`, `tapewire up`")
    return ok(f"every daemon is allowed the {limits.NEEDED_FILES} that it may need")


def judge(turned: Iterable[tuple[Turned, int]], now_s: float) -> Found:
    """The finding about peers that were turned away.

    A peer that shows a key is one of ours with the wrong one. It tries again all the time, so its last try is recent. A peer
    without one is a stranger, and the lock has done its work.

    Args:
        turned: the last one of each port and reason, with their number.
    """
    total = 0
    for last, count in turned:
        total += count
        age_s = now_s - last.at_s
        if last.why in (Why.NO_LOCK, Why.GAVE_UP, Why.EXPIRED) or age_s > RECENT_S:
            continue
        return broken(f"{last.port}: {_who(last)} was turned away {count} times, last {age_s:.0f} s ago", _remedy(last))
    who = "1 peer was" if total == 1 else f"{total} peers were"
    return ok(f"{who} turned away, none with a key in the last minute")


def _who(last: Turned) -> str:
    address = f" from {last.address}" if last.address else ""
    match last.why:
        case Why.FULL:
            return f"a connection beyond the limits of this port{address}"
        case Why.ENDLESS:
            return f"the owner of a key{address}, who sent a message without an end,"
        case Why.WRONG_SERVER:
            return f"a peer{address} with the key file of another run"
        case Why.ROLE:
            return f"the owner of the key {last.key!r}{address}, whose role may not connect there,"
    return f"a peer{address} with a key that this run does not know ({last.key[:12]}...)"


def _remedy(last: Turned) -> str:
    if last.why is Why.FULL:
        return "some program opens very many connections: `ss -tnp` names it; `doctor` shows the limit as `open files`"
    if last.why is Why.ENDLESS:
        return "look for a program of your own that sends very many frames; otherwise revoke the keys that you have given away"
    if last.why is Why.ROLE:
        return "give it a key of the right role (`tapewire keys new`)"
    if last.port in BRIDGE_PORTS:
        return "its tapewire.key is of another run or was revoked: `tapewire keys bridge --to FOLDER`, the strategy's Folder"
    return f"its key file is of another run or was revoked: {EXPORT}"


def _states(way: Access) -> dict[str, dict[str, Any]]:
    """The report of each daemon."""
    with contexts.brief() as context:
        return {
            name: dict(request_control(context, way.to(f"control.{name}"), "state", timeout_s=1.0)) for name in supervise.DAEMONS
        }


def _turned(fields: Mapping[str, Any]) -> tuple[Turned, int]:
    return Turned(fields["port"], Why(fields["why"]), fields["address"], fields["key"], fields["at_s"]), int(fields["count"])
