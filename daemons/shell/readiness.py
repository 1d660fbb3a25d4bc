"""What a service says of itself and of its venue to another program: `health`, `ready`, `connection_test`, `accounts`.

`tapewire ready` is the whole picture, with data and positions; these are the parts that the gate knows by itself, at once.
"""

from __future__ import annotations

from typing import Any

import tapewire
from tapewire.bus.errors import Refused
from tapewire.daemons.shell import venue_link
from tapewire.daemons.shell.control import Answers
from tapewire.daemons.shell.process import Process
from tapewire.daemons.shell.venue_link import VenueLink
from tapewire.strategies.clock import SECOND_NS

VENUE = "nt"  # its name as a source
FRESH_S = 5.0  # an older heartbeat is none; the lease lasts as long
LIVE, REPLAY = "live", "replay"


class Readiness:
    """The verbs of a daemon that owns the venue link."""

    def __init__(self, process: Process, link: VenueLink) -> None:
        self._process = process
        self._link = link

    @property
    def answers(self) -> Answers:
        """By verb; none of them takes an argument."""
        return {"health": self.health, "ready": self.ready, "connection_test": self.connection_test, "accounts": self.accounts}

    def health(self, _: str) -> dict[str, Any]:
        """The process is up. mode: replay where market time is that of recorded bars. trading: an account is enabled."""
        process, trading = self._process, self._process.conf.trading
        return {
            "status": "healthy",
            "name": process.name,
            "version": tapewire.__version__,
            "mode": LIVE if process.conf.bus.clock_runs else REPLAY,
            "trading": trading.enabled and bool(trading.account),
            "account": trading.account,
            "uptime_s": round((process.clock.now_ns() - process.started_ns) / SECOND_NS, 1),
        }

    def ready(self, argument: str) -> dict[str, Any]:
        """Whether the gate could send an entry now; why: a code and a sentence for each thing that stands in the way."""
        connected, pending = self.connection_test(argument), len(self._link.outbox)
        health, state = self.health(argument), self._link.state()
        why = {} if connected["connected"] else {"NO_VENUE": connected["error"]}
        if not health["trading"]:
            why["TRADING_OFF"] = "no account is enabled in [trading]"
        if state["killed"]:
            why["HALTED"] = "the kill switch is latched, or entries are stopped until a person acts"
        if pending:
            why["PENDING"] = f"{pending} commands are not acknowledged by the venue"
        shown = {name: health[name] for name in ("version", "mode", "account")}
        return {"ready": not why, "ninja_connected": connected["connected"], **shown, "why": why}

    def connection_test(self, _: str) -> dict[str, Any]:
        """Whether the venue is there, by its link and its heartbeat; nothing is sent for it."""
        process, state = self._process, self._link.state()
        beat_ns = process.beats.get(VENUE)
        age_s = None if beat_ns is None else round((process.clock.monotonic_ns() - beat_ns) / SECOND_NS, 1)
        error = ""
        if not state["venue_up"]:
            error = "it has no order link to the gate; `tapewire doctor` says why"
        elif age_s is None or age_s >= FRESH_S:
            error = "no heartbeat received" if age_s is None else f"no heartbeat for {age_s:g} s"
        bus, venue = process.conf.bus, state["venue"] or {}
        return {
            "connected": not error,
            "host": bus.host,
            "port": int(bus.address(venue_link.PORT).rpartition(":")[2]),
            "venue": venue.get("venue", ""),
            "version": venue.get("version", ""),
            "beat_age_s": age_s,
            "error": error,
        }

    def accounts(self, _: str) -> dict[str, Any]:
        """The accounts of the venue's last report, and which of them is traded. Refused while none is known."""
        state = self._link.state()
        figures = (state["venue"] or {}).get("figures") or []
        if not state["venue_up"] or not figures:
            known = "has reported no accounts" if state["venue_up"] else "is not connected"
            raise Refused("NO_ACCOUNTS", f"the venue {known}")
        return {"traded": self._process.conf.trading.account, "accounts": figures}
