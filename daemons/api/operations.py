"""Endpoints that operate a run. What changes something passes the caller's own key on, and the daemon judges it."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from tapewire.bus import topics
from tapewire.bus.errors import JournalError
from tapewire.bus.messages import Alarm, Arm, Fill, Kill, OrderEvent, Reject, Risk, Session, Signal, Trade
from tapewire.bus.roles import Role
from tapewire.daemons.api.bodies import body_of, gives, json, takes
from tapewire.daemons.api.callers import Caller
from tapewire.daemons.api.door import OpenDoor
from tapewire.daemons.api.examples import START
from tapewire.daemons.api.keyed import door_of, needs
from tapewire.daemons.api.problems import Problem
from tapewire.daemons.api.shapes import LiveStart
from tapewire.daemons.gate.books.orders import ENTRIES
from tapewire.daemons.gate.switch import LATCH
from tapewire.daemons.shell import latch

router = APIRouter()
Reader = Annotated[Caller, Depends(needs(Role.READER, Role.OPERATOR))]
Operator = Annotated[Caller, Depends(needs(Role.OPERATOR))]
Killer = Annotated[Caller, Depends(needs(Role.OPERATOR, limited=False))]
Flatten = Annotated[bool, Query(description="Also cancel entries, and close open positions at the market.")]
Argument = Annotated[str, Query(max_length=64, description="Bars of a step, a speed, or the time of a seek.")]
ReplayVerb = Literal["start", "pause", "step", "speed", "seek", "stop"]
WORD = topics.of(topics.OPERATOR, "word")
WORD_S = 5.0
SHOWN = 100  # trades and alarms in the status


@router.post("/api/live/kill", summary="Stop entries at once", responses=gives(None, 422, 503))
async def kill(request: Request, caller: Killer, flatten: Flatten = False) -> Response:
    """Latch the kill switch: every entry is refused until it is armed, across restarts. It counts for no rate."""
    return json(await _killed(door_of(request), caller, flatten=flatten))


@router.post("/api/live/arm", summary="Release the kill switch", responses=gives(None, 503))
async def arm(request: Request, caller: Operator) -> Response:
    """Entries may be traded again, and the venue's position is taken for right where ours differs."""
    return json({"killed": False, "risk": await _armed(door_of(request), caller)})


@router.post(
    "/api/live/start",
    summary="Start trading",
    responses=gives(None, 400, 409, 413, 415, 422, 503),
    openapi_extra=takes(LiveStart, start=START),
)
async def start(request: Request, caller: Operator) -> Response:
    """Release the kill switch of this run, if all of this is what the run was started with. The first difference is named."""
    door = door_of(request)
    asked = await body_of(request, LiveStart)
    if not asked.strategy_id:
        raise Problem(400, "STRATEGY", "strategy_id is missing: write one of " + ", ".join(door.conf.preset.strategies))
    if not await door.killed():
        raise Problem(409, "RUNNING", "trading runs already; stop it first")
    if difference := _difference(door, asked):
        raise Problem(422, "DIFFERENT", difference)
    return json({"status": "started", "risk": await _armed(door, caller), **door.about()})


@router.post("/api/live/stop", summary="Stop trading", responses=gives(None, 409, 503))
async def stop(request: Request, caller: Operator) -> Response:
    """Latch the kill switch; positions keep their stops. Replies with the final counts."""
    door = door_of(request)
    try:
        runs = not await door.killed()
    except Problem:  # it finds the latch when it is back
        runs = True
    if not runs:
        raise Problem(409, "STOPPED", "trading does not run")
    told = await _killed(door, caller)
    if not told["acknowledged"]:
        raise Problem(503, "AWAY", f"latched on the disk, where the gate finds it when it is back: {'; '.join(told['faults'])}")
    return json(await _status(door))


@router.get("/api/live/status", summary="How the run stands", responses=gives(None, 503))
async def status(request: Request, caller: Reader) -> Response:
    """Counts are of the facts that are kept here (README.md, "The stream")."""
    return json(await _status(door_of(request)))


@router.get("/api/live/accounts", summary="The platform's accounts", responses=gives(None, 503))
async def accounts(request: Request, caller: Reader) -> Response:
    """As the bridge reports them; the traded one is marked. None if the platform is connected and reports none, as a replay's."""
    door = door_of(request)
    found: dict[str, Any] = {"accounts": []}
    try:
        found = await door.ask("gate", "accounts")
    except Problem as problem:
        if problem.code != "NO_ACCOUNTS" or not (await door.ask("control.gate", "state"))["venue_up"]:
            raise
    listed = [
        {
            "id": each["name"],
            "name": each["name"],
            "balance": each["cash"],
            "canTrade": each["trades"],
            "simulated": each["simulated"],
            "traded": each["name"] == found["traded"],
        }
        for each in found["accounts"]
    ]
    return json({"accounts": listed})


@router.post("/api/replay/{verb}", summary="Steer a replay", responses=gives(None, 409, 422, 503))
async def replay(request: Request, caller: Operator, verb: ReplayVerb, argument: Argument = "") -> Response:
    """Play on, pause, step, set the speed, seek, or stop. None of these changes what it decides."""
    door = door_of(request)
    if door.mode != "replay":
        raise Problem(409, "NO_REPLAY", "this run is live")
    return json(await door.act(caller, "control.replay", verb, argument))


async def _killed(door: OpenDoor, caller: Caller, *, flatten: bool = False) -> dict[str, Any]:
    """Latch the kill switch, on the disk and in the gate. Raises Problem: neither has taken it."""
    faults = []
    try:
        latch.write(door.run / LATCH.file, caller.name)  # first: the gate looks at it, whatever happens next
    except JournalError as error:
        faults.append(str(error))
    try:
        risk = await _word(door, caller, Kill(caller.name, flatten))
    except Problem as problem:
        risk = None
        faults.append(problem.detail)
        if len(faults) > 1:
            raise Problem(503, "NOTHING", f"neither the disk nor the gate has taken it: {'; '.join(faults)}") from None
    on_disk = latch.read(door.run / LATCH.file) != ""
    told = {"on_disk": on_disk, "acknowledged": risk is not None, "faults": faults}
    return {"killed": True, "flatten": flatten, "risk": risk, **told}


async def _word(door: OpenDoor, caller: Caller, word: Kill | Arm) -> Risk:
    """Tell the gate. Raises Problem: it does not reply."""
    reply = await door.request(caller, "gate", WORD, word, timeout_s=WORD_S)
    if not isinstance(reply, Risk):
        raise Problem(503, "AWAY", "the gate's reply is none")
    return reply


async def _armed(door: OpenDoor, caller: Caller) -> Risk:
    path = door.run / LATCH.file
    who = latch.read(path)
    try:
        latch.release(path)  # first: the gate looks at it
    except JournalError as error:
        raise Problem(503, "DISK", str(error)) from None
    try:
        return await _word(door, caller, Arm(caller.name))
    except Problem:
        if who:
            latch.write(path, who)
        raise


def _difference(door: OpenDoor, asked: LiveStart) -> str:
    """The first thing in which the run is another one; empty if there is none."""
    from tapewire.strategies import registry

    conf = door.conf
    known = {*conf.preset.strategies, *(registry.load(each).name for each in conf.preset.strategies)}
    if asked.strategy_id not in known:
        return f"strategy_id {asked.strategy_id[:40]!r}: this run has {', '.join(conf.preset.strategies)}"
    if asked.account_id not in ("", conf.trading.account):
        return f"account_id {asked.account_id[:40]!r}: this run trades {conf.trading.account or 'none'}"
    if asked.trade_enabled != conf.trading.enabled:
        return f"trade_enabled {asked.trade_enabled}: it is {conf.trading.enabled} in the settings of this run ([trading] enabled)"
    if asked.trade_enabled and not asked.account_id:
        return "account_id is missing: name the account that is to be traded"
    for symbol in filter(None, (asked.symbol, asked.ami_symbol)):
        if not any(symbol.startswith((name, conf.instruments[name].root)) for name in conf.traded):
            return f"symbol {symbol[:40]!r}: this run trades {', '.join(conf.traded)}"
    fixed = conf.preset.risk.contracts
    if fixed is not None and asked.trade_size != fixed:
        return f"trade_size {asked.trade_size}: this run trades {fixed} (risk.contracts)"
    return ""


async def _status(door: OpenDoor) -> dict[str, Any]:
    """What the control room of a run shows, in the words that such rooms have."""
    gate = await door.ask("control.gate", "state")
    connection = await door.ask("gate", "connection_test")
    evaluated = await door.ask("evaluator", "strategies")
    conf = door.conf
    sessions = [*door.last(topics.SESSION, Session).values()]
    current = max((each.session for each in sessions), default="")
    orders = {each.order_id: each for each in _all(door, topics.ORDER, OrderEvent) if each.action in ENTRIES}
    ended = Counter(each.status for each in orders.values())
    trades = [each for each in _all(door, topics.TRADE, Trade) if each.session == current]
    alarms = _all(door, topics.ALARM, Alarm)
    bars = sum(each["bars"] for each in evaluated.values())
    return {
        "running": not gate["killed"],
        "started_at": dt.datetime.fromtimestamp(door.started_s, dt.UTC).isoformat(),
        "stopped_at": None,
        "uptime": round(time.time() - door.started_s, 1),
        "account_name": conf.trading.account,
        "account_id": conf.trading.account,
        "strategy_name": ", ".join(conf.preset.strategies),
        "symbol": ", ".join(conf.traded),
        "ami_symbol": ", ".join(conf.instruments[name].root for name in conf.traded),
        "bar_interval": 1,
        "session": current,
        "bars_injected": bars,
        "scans_run": bars,
        "last_scan_time": _time(max((each.bar.close_ns for each in sessions), default=None)),
        "alerts_dispatched": len(alarms),
        "alert_history": msgspec.to_builtins(alarms[-SHOWN:]),
        "feed_status": connection["error"] or "connected",
        "feed_connected": connection["connected"],
        "error": None,
        "trade_enabled": conf.trading.enabled,
        "trades_placed": len(orders),
        "trades_filled": ended["FILLED"],
        "trades_cancelled": ended["CANCELLED"],
        "trades_rejected": ended["REJECTED"],
        "trades_disabled": sum(1 for each in _all(door, topics.REJECT, Reject) if each.reason in ("KILLED", "TRADING_DISABLED")),
        "trade_history": msgspec.to_builtins(trades[-SHOWN:]),
        "signals": sum(1 for each in _all(door, topics.SIGNAL, Signal) if each.session == current),
        "fills": len(_all(door, topics.FILL, Fill)),
    }


def _all(door: OpenDoor, prefix: str, kind: type[Any]) -> list[Any]:
    """What is kept of the topics with this prefix, oldest first."""
    return [body for topic in door.recent.names(prefix) for body in door.kept(topic, kind)]


def _time(at_ns: int | None) -> str | None:
    return None if at_ns is None else dt.datetime.fromtimestamp(at_ns / 1e9, dt.UTC).isoformat()
