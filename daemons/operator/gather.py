"""Takes the snapshot for `ready` and `doctor`: requests to the daemons, and the bridge's heartbeat.

This machine's clock decides whether the bridge is alive. A heartbeat carries the time of another machine, which may be wrong, and
the broker sends its last one to every new subscriber, however old it is. So only a heartbeat that arrives while we listen counts.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import zmq

from tapewire.bus import access, contexts, sockets, topics, wire
from tapewire.bus.access import Access, Line
from tapewire.bus.client import RETRY_S, request_control, request_frames
from tapewire.bus.errors import PeerError, Transient
from tapewire.bus.messages import Beat, Risk, Session, Topics, TopicsRequest
from tapewire.daemons.operator.instances import Instance
from tapewire.daemons.operator.snapshot import FRESH_S, BridgeBeat, Snapshot
from tapewire.daemons.settings.structs import Conf
from tapewire.daemons.shell.doors import Doors

VENUE = "nt"
ABSENT_S = 2.5  # how long to wait when the broker has no heartbeat of a bridge: two heartbeat intervals


def look(instance: Instance) -> Snapshot:
    """Request the daemons' states and listen for the bridge's heartbeat."""
    way = access.local(Path(instance.run), "reader")
    with contexts.brief() as context:
        bridge = listen(context, way)
        gate = _state(context, way.to("control.gate"), "")
        risks = _state(context, way.to("gate"), topics.RISK) or {}
        sessions = _state(context, way.to("tracker"), topics.SESSION) or {}
    return Snapshot(
        bridge=bridge,
        gate=gate,
        risk=next((msgspec.convert(each, Risk) for each in risks.values()), None),
        sessions={topic: msgspec.convert(each, Session) for topic, each in sessions.items()},
        now_ns=time.time_ns(),
        live=instance.kind == "live",
    )


def listen(context: zmq.Context[zmq.Socket[bytes]], way: Access) -> BridgeBeat:
    """Listen until a heartbeat of the bridge arrives: at most FRESH_S, or ABSENT_S if the broker has none from before."""
    reader = sockets.subscriber(context, way.to("broker.out"), (topics.of(topics.BEAT, VENUE),))
    start = time.monotonic()
    kept: list[bytes] = []  # the first one: the broker's last value or a live one, which cannot be told apart
    try:
        while (left_s := start + (FRESH_S if kept else ABSENT_S) - time.monotonic()) > 0:
            if not reader.poll(int(left_s * 1000) + 1):
                continue
            frames = reader.recv_multipart()
            now_ns = time.time_ns()
            if len(frames) != 2 or frames == kept:  # the broker's welcome, or the last value again for another subscriber
                continue
            if not kept:
                kept = frames
                continue
            beat, unreadable = _read(frames)
            return BridgeBeat(beat, 0.0, None if beat is None else (beat.wall_ns - now_ns) / 1e9, unreadable)
    finally:
        reader.close()
    if not kept:
        return BridgeBeat()
    beat, unreadable = _read(kept)
    return BridgeBeat(beat, max(FRESH_S, 0.0 if beat is None else time.time() - beat.wall_ns / 1e9), None, unreadable)


def charts(conf: Conf, run: Path) -> Topics | None:
    """The charts of a bridge that connects while no daemon runs; None if none connects.

    The requester binds the port `backfill` for the time of its request.

    Args:
        run: the folder with the bridge's key.

    Raises:
        Transient: the port is in use. ConfError: the run has no keys.
    """
    with contexts.brief() as context, Doors(context, run, conf.bus) as doors:
        try:
            port = sockets.responder(context, doors.outside("backfill"))
        except zmq.ZMQError as error:
            raise Transient(f"cannot bind {conf.bus.address('backfill')}: {error}; is a `tapewire backfill` running?") from error
        try:
            return _charts(port)
        finally:
            port.close(linger=0)


def _charts(port: zmq.Socket[bytes]) -> Topics | None:
    for _ in range(int(ABSENT_S / RETRY_S)):
        with suppress(zmq.ZMQError):  # no bridge has connected yet
            sockets.send(port, (VENUE.encode(), *request_frames(TopicsRequest("doctor", "chart."))), sockets.NOBLOCK)
        if port.poll(int(RETRY_S * 1000)):
            try:
                body = wire.decode(port.recv_multipart()[-1])[1]
            except PeerError:
                return Topics("doctor", ())  # a bridge, of another protocol version
            return body if isinstance(body, Topics) else Topics("doctor", ())
    return None


def _read(frames: list[bytes]) -> tuple[Beat | None, str]:
    try:
        body = wire.decode_message(frames).body
    except PeerError as error:
        return None, str(error)
    return (body, "") if isinstance(body, Beat) else (None, f"{type(body).__name__} instead of a heartbeat")


def _state(context: zmq.Context[zmq.Socket[bytes]], line: Line, argument: str) -> dict[str, Any] | None:
    try:
        report: dict[str, Any] = request_control(context, line, "state", argument, timeout_s=1.0)
    except (Transient, PeerError):
        return None
    return report
