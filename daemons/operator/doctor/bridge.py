"""NinjaTrader's side, judged by what its bridge has said and what the daemons have heard of it.

Each line is one thing that can be wrong without the others. What stands behind a broken thing is unknown and not broken, so that
the broken line is the one to mend.
"""

from __future__ import annotations

from tapewire.bus import topics
from tapewire.bus.messages import PROTOCOL_VERSION, Bar, Reason, Session
from tapewire.daemons.operator.doctor.findings import Finding, Found, broken, ok, unknown
from tapewire.daemons.operator.snapshot import KILLED, NO_LEASE, Snapshot, span
from tapewire.daemons.settings.structs import PORTS, Conf
from tapewire.strategies.clock import new_york

PLATFORM = "NinjaTrader"  # how its bridge calls itself; the player of a replay does not
VERSION = "1"  # of the bridge that goes with these daemons: Transport.Version in ninjascript/Transport.cs
APART_S = 1.0  # beyond it, times of the two machines no longer tell what came first


def judge(conf: Conf, snapshot: Snapshot) -> list[Finding]:
    """Everything on NinjaTrader's side, in the order in which one depends on the other."""
    found = {
        "bridge": _bridge(conf, snapshot),
        "bridge version": _version(snapshot),
        "bridge clock": _clock(snapshot),
        "venue link": _link(conf, snapshot),
        "account": _account(conf, snapshot),
    }
    for name in conf.traded:
        found[f"bars {name}"] = _bars(conf, snapshot, name)
        found[f"order flow {name}"] = _flow(snapshot, name)
    found |= {
        "books": _books(conf, snapshot),
        "lease": _lease(snapshot),
        "kill switch": _kill_switch(snapshot),
        "entries": _entries(snapshot),
    }
    return [Finding(name, *each) for name, each in found.items()]


def connect(conf: Conf) -> str:
    """What to do so that a bridge connects."""
    base, host = conf.bus.base_port, conf.bus.host
    ports = ", ".join(str(base + PORTS[name]) for name in ("broker.in", "broker.out", "venue", "history"))
    way = (
        "from Windows into WSL2 that may take `networkingMode=mirrored` in .wslconfig"
        if host.startswith("127.")
        else f"the firewall of {host} must let the trading PC in"
    )
    return (
        f"enable TapewireBridge on a chart in NinjaTrader, Host {host}, Base port {base}; "
        f"if it is enabled, Windows must reach ports {ports}: {way} (ninjascript/README.md)"
    )


def _bridge(conf: Conf, snapshot: Snapshot) -> Found:
    bridge = snapshot.bridge
    if bridge.age_s is None:
        return broken("never heard of", connect(conf))
    if not bridge.fresh:
        remedy = "start NinjaTrader, or restart it if it hangs, and enable TapewireBridge; it connects by itself"
        return broken(f"silent for {span(bridge.age_s)}", remedy)
    if bridge.beat is None:
        return ok("its heartbeat is there")
    up = span((bridge.beat.wall_ns - bridge.beat.started_ns) / 1e9)
    who = snapshot.hello["venue"] if snapshot.hello is not None else bridge.beat.name
    return ok(f"{who}, heartbeat {bridge.age_s:.1f} s old, pid {bridge.beat.pid}, up {up}")


def _version(snapshot: Snapshot) -> Found:
    copy = "copy ninjascript/*.cs of this version into NinjaTrader again, compile (F5), enable the strategy"
    if not snapshot.bridge.fresh:
        return _behind("bridge")
    if snapshot.bridge.unreadable:
        return broken(snapshot.bridge.unreadable, copy)
    if snapshot.hello is None:
        return unknown(f"protocol {PROTOCOL_VERSION} as ours; its own version comes over the venue link")
    venue, version = snapshot.hello["venue"], snapshot.hello["version"]
    if venue == PLATFORM and version != VERSION:
        return broken(f"the bridge is version {version}, these daemons go with {VERSION}", copy)
    return ok(f"bridge {version}, protocol {PROTOCOL_VERSION}, as ours")


def _clock(snapshot: Snapshot) -> Found:
    ahead_s = snapshot.bridge.ahead_s
    if ahead_s is None or not snapshot.bridge.fresh:
        return _behind("bridge")
    side = "ahead of" if ahead_s > 0 else "behind"
    if abs(ahead_s) <= APART_S:
        return ok(f"{abs(ahead_s):.2f} s {side} ours")
    return broken(
        f"{abs(ahead_s):.1f} s {side} ours",
        "on Windows `w32tm /resync` as administrator; under WSL2, whose clock drifts when the PC sleeps, `sudo hwclock -s`",
    )


def _link(conf: Conf, snapshot: Snapshot) -> Found:
    if snapshot.gate is None:
        return unknown("see `gate control`")
    if not snapshot.bridge.fresh:
        return _behind("bridge")
    if not snapshot.linked:
        return broken(
            "bars may come, but nobody takes orders",
            f"enable the strategy TapewireBridge (TapewireBars only feeds) and wait until its chart is live; "
            f"Windows must reach port {conf.bus.base_port + PORTS['venue']}",
        )
    return ok(f"connected, {snapshot.gate['pending'].get('venue', 0)} orders unacknowledged")


def _account(conf: Conf, snapshot: Snapshot) -> Found:
    if not snapshot.linked:
        return _behind("venue link")
    if snapshot.hello is None:
        return unknown("the bridge has not said hello yet", "look again when its chart is live")
    account, accounts = conf.trading.account, snapshot.hello["accounts"]
    there = ", ".join(accounts) or "none"
    if not account:
        return ok(f"conf/live.toml names none; the bridge has {there}")
    if account not in accounts:
        return broken(
            f"conf/live.toml names {account}, the bridge has {there}",
            f"choose {account} in the strategy's dialog, or correct [trading] account, then `tapewire down`, `tapewire up`",
        )
    return ok(f"{account}, as in conf/live.toml" if snapshot.live else account)


def _bars(conf: Conf, snapshot: Snapshot, name: str) -> Found:
    session = snapshot.session(name)
    if session is None:
        return _never(snapshot, name)
    seen = f"{_stamp(session.bar)}, session {session.session}"
    if not snapshot.bridge.fresh:
        return unknown(f"the last closed at {seen}", "nobody brings more, see `bridge`")
    if session.degraded:
        return broken(f"some of session {session.session} were lost", "entries are back with the next trade date; exits still work")
    ago = span(snapshot.age_s(session.bar))
    beside = _beside(session)
    if not snapshot.live or session.bar.phase == "playback":
        return ok(f"the last closed at {seen}, played back{beside}")
    if snapshot.stale(conf.calendar, session.bar):
        return broken(
            f"none for {ago}, the last closed at {seen}",
            "look at the connection in NinjaTrader (lower left of the control center) and whether bars close on the chart",
        )
    if not snapshot.expected(conf.calendar, session.bar):
        return ok(f"the last closed at {seen}{beside}; the market is closed")
    return ok(f"the last closed {ago} ago, session {session.session}, {session.bar.phase}{beside}")


def _never(snapshot: Snapshot, name: str) -> Found:
    if not snapshot.bridge.fresh:
        return _behind("bridge")
    written = snapshot.bridge.beat.last if snapshot.bridge.beat is not None else {}
    others = sorted(topic.removeprefix(f"{topics.RAW}bar.").rstrip(".") for topic in written if topic.startswith(topics.RAW))
    if others and f"{name}.1m" not in others:
        return broken(
            f"none of {name}; the bridge sends {', '.join(others)}",
            f"put it on a one-minute chart of {name}, or write {name} into its setting Symbol",
        )
    return broken(
        "none yet",
        f"wait a minute; if it stays so: does the chart of {name} show one-minute bars, and is NinjaTrader connected (lower left)?",
    )


def _flow(snapshot: Snapshot, name: str) -> Found:
    session = snapshot.session(name)
    if session is None:
        return _behind(f"bars {name}")
    bar = session.bar
    if bar.volume and (bar.ask_volume is None or bar.bid_volume is None):
        return broken(
            "absent: the chart's series is not volumetric, or its provider has no bid and ask",
            "Data Series > Type `Order Flow Volumetric`, 1 minute, Delta type BidAsk; until then most strategies propose nothing",
        )
    return ok(f"{bar.ask_volume} at the ask, {bar.bid_volume} at the bid in the bar of {_stamp(bar)}")


def _books(conf: Conf, snapshot: Snapshot) -> Found:
    if not snapshot.linked:
        return _behind("venue link")
    if snapshot.risk is not None and snapshot.risk.reason == Reason.UNRECONCILED:
        return broken("the venue reports another position than our books", "compare with NinjaTrader, then `tapewire arm`")
    if snapshot.gate is not None and snapshot.gate["killed"]:
        return unknown("see `kill switch`, which stands in front of it")
    held = [f"{name} {qty:+d}" for name in conf.traded if (qty := _qty(snapshot.session(name)))]
    return ok(f"agree with the venue: {', '.join(held) or 'flat'}")


def _lease(snapshot: Snapshot) -> Found:
    if not snapshot.linked:
        return _behind("venue link")
    if NO_LEASE in snapshot.bridge.noted[0]:
        return broken("NinjaTrader has not heard the gate for five seconds and takes no entries", "see `gate control`")
    return ok("NinjaTrader hears the gate")


def _kill_switch(snapshot: Snapshot) -> Found:
    if snapshot.gate is None:
        return unknown("see `gate control`")
    if snapshot.gate["killed"]:
        return broken("latched, no entry passes", "`tapewire arm` releases it, when you have looked")
    if snapshot.linked and KILLED in snapshot.bridge.noted[0]:
        return broken("released here, NinjaTrader's copy is not", "it follows within a second; if it stays, see `lease`")
    return ok("open, here and at NinjaTrader" if snapshot.linked else "open")


def _entries(snapshot: Snapshot) -> Found:
    if not snapshot.linked:
        return _behind("venue link")
    why = snapshot.bridge.noted[1]
    if why:
        return broken(f"NinjaTrader takes none: {why}", "mend that, compare position and orders, then enable the strategy again")
    return ok("NinjaTrader takes them")


def _beside(session: Session) -> str:
    """The cross instruments: one without a trade in a quiet minute has no bar of it."""
    there = ", ".join(each.instrument for each in session.bar.cross)
    missing = ", ".join(session.missing_cross)
    return (f", with {there}" if there else "") + (f", without {missing}" if missing else "")


def _qty(session: Session | None) -> int:
    return session.bar.position.qty if session is not None and session.bar.position is not None else 0


def _behind(what: str) -> Found:
    return unknown(f"see `{what}`")


def _stamp(bar: Bar) -> str:
    return f"{new_york(bar.close_ns):%Y-%m-%d %H:%M} New York"
