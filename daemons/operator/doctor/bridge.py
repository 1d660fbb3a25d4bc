"""The checks of NinjaTrader's side, from the bridge's heartbeat and from what the daemons received of it.

Each check covers one fault that can occur without the others. A check that depends on a broken one is unknown and not broken, so
the broken line is the one to repair.
"""

from __future__ import annotations

from tapewire.bus import topics
from tapewire.bus.messages import PROTOCOL_VERSION, Bar, Session
from tapewire.daemons.operator.doctor import contracts, hours
from tapewire.daemons.operator.doctor.findings import Finding, Found, broken, ok, unknown
from tapewire.daemons.operator.snapshot import KILLED, NO_LEASE, Snapshot, span
from tapewire.daemons.settings.structs import PORTS, Conf
from tapewire.strategies.clock import new_york

PLATFORM = "NinjaTrader"  # the venue name in the bridge's hello; the player of a replay sends another
VERSION = "1"  # of the bridge that these daemons need: Transport.Version in ninjascript/Transport.cs
APART_S = 1.0  # beyond this difference, the times of the two machines no longer show which event came first


def judge(conf: Conf, snapshot: Snapshot) -> list[Finding]:
    """The findings on NinjaTrader's side. Each check depends on those before it."""
    found = {
        "bridge": _bridge(conf, snapshot),
        "bridge version": _version(snapshot),
        "bridge clock": _clock(snapshot),
        "bridge queue": _queue(snapshot),
        "venue link": _link(conf, snapshot),
        "account": _account(conf, snapshot),
    }
    found |= {f"contract {name}": _contract(conf, snapshot, name) for name in conf.traded}
    found |= {f"calendar {name}": _calendar(conf, snapshot, name) for name in conf.traded}
    for name in conf.traded:
        found[f"bars {name}"] = _bars(conf, snapshot, name)
        found[f"order flow {name}"] = _flow(snapshot, name)
    found |= {
        "books": _books(snapshot),
        "lease": _lease(snapshot),
        "kill switch": _kill_switch(snapshot),
        "entries": _entries(snapshot),
    }
    return [Finding(name, *each) for name, each in found.items()]


def connect(conf: Conf) -> str:
    """The remedy when no bridge connects."""
    base, host = conf.bus.base_port, conf.bus.host
    ports = ", ".join(str(base + PORTS[name]) for name in ("broker.in", "broker.out", "venue", "history"))
    way = (
        "from Windows into WSL2 that may take `networkingMode=mirrored` in .wslconfig"
        if host.startswith("127.")
        else f"the firewall of {host} must let the trading PC in"
    )
    return (
        f"enable TapewireBridge on a chart in NinjaTrader, Host {host}, Base port {base}, and this run's tapewire.key in its "
        f"Folder (`tapewire keys bridge --to FOLDER`); "
        f"if it is enabled, Windows must reach ports {ports}: {way} (ninjascript/README.md)"
    )


def _bridge(conf: Conf, snapshot: Snapshot) -> Found:
    bridge = snapshot.bridge
    if bridge.age_s is None:
        return broken("no heartbeat received", connect(conf))
    if not bridge.fresh:
        remedy = "start NinjaTrader, or restart it if it hangs, and enable TapewireBridge; it connects by itself"
        return broken(f"no heartbeat for {span(bridge.age_s)}", remedy)
    if bridge.beat is None:
        return ok("heartbeat received")
    up = span((bridge.beat.wall_ns - bridge.beat.started_ns) / 1e9)
    venue = snapshot.hello["venue"] if snapshot.hello is not None else bridge.beat.name
    return ok(f"{venue}, heartbeat {bridge.age_s:.1f} s old, pid {bridge.beat.pid}, up {up}")


def _version(snapshot: Snapshot) -> Found:
    copy = "copy ninjascript/*.cs of this version into NinjaTrader again, compile (F5), enable the strategy"
    if not snapshot.bridge.fresh:
        return _behind("bridge")
    if snapshot.bridge.unreadable:
        return broken(snapshot.bridge.unreadable, copy)
    if snapshot.hello is None:
        return unknown(f"protocol {PROTOCOL_VERSION}, the same as ours; the bridge sends its own version over the venue link")
    venue, version = snapshot.hello["venue"], snapshot.hello["version"]
    if venue == PLATFORM and version != VERSION:
        return broken(f"the bridge is version {version}, these daemons need {VERSION}", copy)
    return ok(f"bridge {version}, protocol {PROTOCOL_VERSION}, the same as ours")


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


def _queue(snapshot: Snapshot) -> Found:
    beat = snapshot.bridge.beat
    if beat is None or not snapshot.bridge.fresh:
        return _behind("bridge")
    counted = f"{beat.sent} sent, {beat.failed} failed, {beat.queued} queued, {beat.dropped} dropped"
    if not beat.dropped:
        return ok(counted)
    return broken(
        f"{counted}: the daemons were away for long, or a chart loads more bars than the bridge queues",
        "the dropped bars are not in the journal; load fewer days on the chart (Data Series > Days to load), then load the scripts "
        "again (F5), which counts anew",
    )


def _link(conf: Conf, snapshot: Snapshot) -> Found:
    if snapshot.gate is None:
        return unknown("see `gate control`")
    if not snapshot.bridge.fresh:
        return _behind("bridge")
    if not snapshot.linked:
        return broken(
            "the bridge is alive, but accepts no orders",
            f"enable the strategy TapewireBridge (TapewireBars only sends bars) and wait until its chart is live; "
            f"Windows must reach port {conf.bus.base_port + PORTS['venue']}",
        )
    return ok(f"connected, {snapshot.gate['pending'].get('venue', 0)} commands not acknowledged")


def _account(conf: Conf, snapshot: Snapshot) -> Found:
    if not snapshot.linked:
        return _behind("venue link")
    if snapshot.hello is None:
        return unknown("the bridge has sent no hello yet", "run the doctor again when its chart is live")
    account, accounts = conf.trading.account, snapshot.hello["accounts"]
    offered = ", ".join(accounts) or "none"
    if not account:
        return ok(f"conf/live.toml names none; the bridge has {offered}")
    if account not in accounts:
        return broken(
            f"conf/live.toml names {account}, the bridge has {offered}",
            f"choose {account} in the strategy's dialog, or correct [trading] account, then `tapewire down`, `tapewire up`",
        )
    figures = next((each for each in snapshot.hello.get("figures", []) if each["name"] == account), None)
    if figures is not None and not figures["trades"]:
        there = figures["connection"] or "none"
        return broken(
            f"NinjaTrader may not trade {account}: its connection ({there}) is down, or it is disabled",
            "connect it (lower left of the control center); Accounts tab: enable it",
        )
    kind = "" if figures is None else ", simulated" if figures["simulated"] else ", live money"
    return ok(f"{account}{kind}, as in conf/live.toml" if snapshot.live else f"{account}{kind}")


def _contract(conf: Conf, snapshot: Snapshot, name: str) -> Found:
    if not snapshot.live:
        return ok("a recording; its bars stand for the month in front")
    if not snapshot.linked:
        return _behind("venue link")
    if snapshot.hello is None:
        return _behind("account")
    chart = (snapshot.chart(name) or {}).get("contract")
    return contracts.judge(conf.contracts, conf.calendar, name, chart or None, snapshot.now_ns)


def _calendar(conf: Conf, snapshot: Snapshot, name: str) -> Found:
    if not snapshot.live:
        return ok("a recording; it brings its own calendar, or has the exchange's")
    if not snapshot.linked:
        return _behind("venue link")
    if snapshot.hello is None:
        return _behind("account")
    return hours.judge(conf.calendar_of(name), snapshot.chart(name), snapshot.now_ns)


def _bars(conf: Conf, snapshot: Snapshot, name: str) -> Found:
    session = snapshot.session(name)
    if session is None:
        return _no_bars(snapshot, name)
    last = f"{_stamp(session.bar)}, session {session.session}"
    if not snapshot.bridge.fresh:
        return unknown(f"the last one closed at {last}", "the feed has stopped, see `bridge`")
    if session.degraded:
        return broken(
            f"some bars of session {session.session} are lost", "the gate takes entries again on the next trade date; exits work"
        )
    ago = span(snapshot.age_s(session.bar))
    cross = _cross(session)
    if not snapshot.live or session.bar.phase == "playback":
        return ok(f"the last one closed at {last}, played back{cross}")
    if snapshot.stale(conf, session.bar):
        return broken(
            f"none for {ago}, the last one closed at {last}",
            "check the connection in NinjaTrader (lower left of the control center) and whether bars close on the chart",
        )
    if not snapshot.expected(conf, session.bar):
        return ok(f"the last one closed at {last}{cross}; the market is closed")
    return ok(f"the last one closed {ago} ago, session {session.session}, {session.bar.phase}{cross}")


def _no_bars(snapshot: Snapshot, name: str) -> Found:
    if not snapshot.bridge.fresh:
        return _behind("bridge")
    published = snapshot.bridge.beat.last if snapshot.bridge.beat is not None else {}
    others = sorted(topic.removeprefix(topics.BAR).rstrip(".") for topic in published if topic.startswith(topics.BAR))
    if others and f"{name}.1m" not in others:
        return broken(
            f"none of {name}; the bridge sends {', '.join(others)}",
            f"put the bridge on a one-minute chart of {name}, or set its Symbol to {name}",
        )
    return broken(
        "none yet",
        f"wait a minute; then check that the chart of {name} shows one-minute bars and that NinjaTrader is connected (lower left)",
    )


def _flow(snapshot: Snapshot, name: str) -> Found:
    session = snapshot.session(name)
    if session is None:
        return _behind(f"bars {name}")
    bar = session.bar
    if bar.volume and (bar.ask_volume is None or bar.bid_volume is None):
        return broken(
            "missing: the chart's series is not volumetric, or its data provider sends no bid and ask",
            "Data Series > Type `Order Flow Volumetric`, 1 minute, Delta type BidAsk; until then most strategies propose nothing",
        )
    return ok(f"{bar.ask_volume} at the ask, {bar.bid_volume} at the bid in the bar of {_stamp(bar)}")


def _books(snapshot: Snapshot) -> Found:
    if not snapshot.linked:
        return _behind("venue link")
    differing = [f"{name} {position.venue_qty:+d} there, {position.qty:+d} here" for name, position in snapshot.differing.items()]
    if differing:
        text = f"the venue's position differs from our books: {', '.join(differing)}"
        return broken(text, "compare both in NinjaTrader, then `tapewire arm`")
    return ok(f"agree with the venue's last report: {snapshot.position_text}")


def _lease(snapshot: Snapshot) -> Found:
    if not snapshot.linked:
        return _behind("venue link")
    if NO_LEASE in snapshot.bridge.noted[0]:
        return broken("older than five seconds, so NinjaTrader refuses entries", "see `gate control`")
    return ok("NinjaTrader receives it from the gate")


def _kill_switch(snapshot: Snapshot) -> Found:
    if snapshot.gate is None:
        return unknown("see `gate control`")
    if snapshot.gate["killed"]:
        return broken("latched: the gate refuses entries", "`tapewire arm` releases it; check positions and orders first")
    if snapshot.linked and KILLED in snapshot.bridge.noted[0]:
        return broken(
            "released here, but latched at NinjaTrader", "NinjaTrader follows within a second; if it does not, see `lease`"
        )
    return ok("released, here and at NinjaTrader" if snapshot.linked else "released")


def _entries(snapshot: Snapshot) -> Found:
    if not snapshot.linked:
        return _behind("venue link")
    why = snapshot.bridge.noted[1]
    if why:
        return broken(
            f"NinjaTrader refuses them: {why}", "remove the cause, compare position and orders, then enable the strategy again"
        )
    return ok("NinjaTrader accepts them")


def _cross(session: Session) -> str:
    """The cross instruments of the last bar; one that did not trade in its minute has no bar and is missing."""
    present = ", ".join(each.instrument for each in session.bar.cross)
    missing = ", ".join(session.missing_cross)
    return (f", with {present}" if present else "") + (f", without {missing}" if missing else "")


def _behind(what: str) -> Found:
    return unknown(f"see `{what}`")


def _stamp(bar: Bar) -> str:
    return f"{new_york(bar.close_ns):%Y-%m-%d %H:%M} New York"
