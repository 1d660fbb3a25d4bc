"""What happens to a run, as events (PROTOCOL.md 12, ops_event): from heartbeats, alarms, gaps and sessions.

Pure: `now_ns` is monotonic, `wall_ns` the clock of this machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tapewire.bus import topics
from tapewire.bus.messages import Alarm, Beat, Body, Gap, OpsEvent, Session
from tapewire.strategies.clock import SECOND_NS, hhmm

SILENT_NS = 3 * SECOND_NS
BRIDGE = "nt"
STOPPED = "stopped"  # the note of a process's last heartbeat, if it ends in order
BEGUN, OVER = {True: "connected", False: "started"}, {True: "disconnected", False: "stopped"}
ABSENT = "(absent)"


class Happened(NamedTuple):
    """An event and the message that led to it; empty for none."""

    event: OpsEvent
    cause: str = ""


class Events:
    """Finds events, each once.

    Args:
        told: those of this epoch that an earlier life has published, each with the wall-clock time at which it did and its cause.
    """

    def __init__(self, told: Iterable[tuple[OpsEvent, int, str]] = ()) -> None:
        self._since: dict[str, int] = {}  # by process: started_ns of the life that is known
        self._heard: dict[str, int] = {}  # monotonic
        self._causes: set[str] = set()
        self._sessions: set[tuple[str, str, str]] = set()
        self._up: dict[str, int] = {}  # by process: when it was told that it runs (wall clock)
        for event, wall_ns, cause in told:
            self._causes.add(cause)
            if event.event in BEGUN.values():
                self._up[event.subject] = wall_ns
            elif event.event in OVER.values():
                self._up.pop(event.subject, None)
            elif event.event.startswith("session_"):
                self._sessions.add((event.event, event.subject, event.text))

    def beat(self, beat: Beat, now_ns: int, wall_ns: int) -> Iterator[Happened]:
        """A process has sent a heartbeat."""
        name, bridge = beat.name, beat.name == BRIDGE
        if beat.note == STOPPED:
            yield from self._over(name, "it was stopped")
            return
        self._heard[name] = now_ns
        if self._since.get(name) == beat.started_ns:
            return
        self._since[name] = beat.started_ns
        if self._up.get(name, 0) < beat.started_ns:
            self._up[name] = wall_ns
            yield Happened(OpsEvent("connected" if bridge else "started", name, f"pid {beat.pid}"))

    def look(self, now_ns: int) -> Iterator[Happened]:
        """Who has fallen silent."""
        for name in [name for name, heard_ns in self._heard.items() if now_ns - heard_ns >= SILENT_NS]:
            yield from self._over(name, f"no heartbeat for {SILENT_NS // SECOND_NS} s")

    def fact(self, name: str, source: str, body: Body) -> Iterator[Happened]:
        """A message that may be an event. name: its own."""
        if isinstance(body, Session):
            yield from self._session(body)
        elif isinstance(body, Alarm | Gap) and name not in self._causes:
            self._causes.add(name)
            text = f"{body.name}: {body.text}" if isinstance(body, Alarm) else f"lost {body.topic} {body.first} to {body.last}"
            yield Happened(OpsEvent("error", source, text), name)

    def _session(self, s: Session) -> Iterator[Happened]:
        if s.bar.phase == "historical":
            return
        name = s.bar.instrument
        opened, closed = f"RTH of {s.session}, until {hhmm(s.closes)}", f"RTH of {s.session}, at {hhmm(s.closes)}"
        if s.rth and self._once("session_opened", name, opened):
            yield Happened(OpsEvent("session_opened", name, opened))
        over = s.minute >= s.closes if s.rth else ("session_opened", name, opened) in self._sessions
        if over and self._once("session_closed", name, closed):
            yield Happened(OpsEvent("session_closed", name, closed))

    def _once(self, event: str, subject: str, text: str) -> bool:
        known = (event, subject, text) in self._sessions
        self._sessions.add((event, subject, text))
        return not known

    def _over(self, name: str, text: str) -> Iterator[Happened]:
        self._since.pop(name, None)
        if self._heard.pop(name, None) is not None:
            self._up.pop(name, None)
            yield Happened(OpsEvent("disconnected" if name == BRIDGE else "stopped", name, text))


def changed(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Settings that differ, as `name: before -> after`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            yield from changed(before.get(key, ABSENT), after.get(key, ABSENT), f"{path}.{key}" if path else str(key))
    elif before != after:
        yield f"{path}: {before} -> {after}"


TOPICS = (topics.BEAT, topics.ALARM, topics.GAP, topics.SESSION, topics.BAR)
"""What feed and events are made of."""
