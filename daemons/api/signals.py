"""Endpoints about signals: decisions on bars, levels for a trade date, and signals of others."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from tapewire.bus import topics
from tapewire.bus.messages import ExternalAnswer, ExternalSignal, IngressError
from tapewire.bus.roles import Role
from tapewire.daemons.api import deciding
from tapewire.daemons.api.bodies import body_of, gives, json, raw_body, takes, wrong
from tapewire.daemons.api.callers import Caller
from tapewire.daemons.api.examples import GENERATE, INIT, NOTHING, SEND, SIGNAL
from tapewire.daemons.api.keyed import door_of, needs
from tapewire.daemons.api.problems import Problem
from tapewire.daemons.api.shapes import (
    GenerateAnswer,
    GenerateRequest,
    SentSignal,
    SessionInit,
    SessionStarted,
    SignalAnswer,
    SignalRequest,
)
from tapewire.daemons.settings.structs import RiskLimits

router = APIRouter()
Reader = Annotated[Caller, Depends(needs(Role.READER, Role.OPERATOR))]
Operator = Annotated[Caller, Depends(needs(Role.OPERATOR))]
Sender = Annotated[Caller, Depends(needs(Role.EXTERNAL, Role.OPERATOR))]
Anyone = Annotated[Caller, Depends(needs(Role.READER, Role.OPERATOR, Role.EXTERNAL))]
ASK = topics.of(topics.INGRESS, "ask")
SEND_S = 5.0
MOST_SENT = 64 << 10
STATUS = {IngressError.INVALID: 400, IngressError.DUPLICATE: 409, IngressError.UNAVAILABLE: 503, IngressError.INTERNAL: 500}
SIDES = {"ENTER_LONG": "LONG", "ENTER_SHORT": "SHORT"}


@router.post(
    "/signal",
    summary="What to do on a bar",
    responses=gives(SignalAnswer, 413, 415, 422, example=NOTHING),
    openapi_extra=takes(SignalRequest, bar=SIGNAL),
)
async def signal(request: Request, caller: Reader) -> Response:
    """What was decided on a bar over the bus, or, with the earlier bars, what is decided on them. NONE on any doubt, within 2 s."""
    return json(await deciding.decision(door_of(request), await body_of(request, SignalRequest)))


@router.post(
    "/session_init",
    summary="Levels for a trade date",
    responses=gives(SessionStarted, 413, 415, 422, 503, example={"status": "ok", "session_id": "2026-02-19-MNQ"}),
    openapi_extra=takes(SessionInit, levels=INIT),
)
async def session_init(request: Request, caller: Operator) -> Response:
    """Give levels that no bar gives. They change what is decided, so they take an operator's key."""
    asked = await body_of(request, SessionInit)
    argument = {"date": asked.session_date, "instrument": asked.instrument, "levels": asked.premarket_levels}
    return json(await door_of(request).act(caller, "tracker", "init", msgspec.json.encode(argument).decode()))


@router.post(
    "/api/v1/signals/send",
    summary="A signal of another application",
    responses=gives(ExternalAnswer, 400, 409, 413, 415, 422, 500, 503, about="It is on the gate's disk"),
    openapi_extra=takes(SentSignal, buy=SEND),
)
async def send(request: Request, caller: Sender) -> Response:
    """Hand a signal to the gate, which checks every field, and then the risk as of any order."""
    if not door_of(request).conf.ingress.enabled:
        raise Problem(409, "INGRESS_OFF", "this run takes no signals from outside ([ingress] enabled)")
    content = await raw_body(request)
    if len(content) > MOST_SENT:
        raise Problem(413, "LENGTH", f"a signal has at most {MOST_SENT} bytes")
    try:
        fields: Any = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise wrong(str(error)) from None
    if not isinstance(fields, dict):
        raise wrong("a signal is an object with action, instrument, price, tp_points and sl_points")
    reply = await door_of(request).request(caller, "gate", ASK, ExternalSignal(fields), timeout_s=SEND_S)
    if not isinstance(reply, ExternalAnswer):
        raise Problem(500, "INTERNAL", "the gate's reply is none")
    if reply.error is not None:
        more = {name: value for name, value in msgspec.to_builtins(reply).items() if name not in ("type", "error")}
        raise Problem(STATUS[reply.error], reply.error.upper(), reply.message, **more)
    return json(reply)


@router.get("/api/v1/connection/test", summary="Whether NinjaTrader is connected", responses=gives(None, 503))
async def connection_test(request: Request, caller: Anyone) -> Response:
    """By its order link and its heartbeat; nothing is sent for it."""
    return json(await door_of(request).ask("gate", "connection_test"))


@router.post(
    "/api/v1/signals/generate",
    summary="A signal of your bars",
    responses=gives(GenerateAnswer, 413, 415, 422, example={"action": "HOLD", "contracts": 0, "code": "NO_SETUP"}),
    openapi_extra=takes(GenerateRequest, bars=GENERATE),
)
async def generate(request: Request, caller: Reader) -> Response:
    """The signal of the last of these bars, by the strategies of this run. HOLD on any doubt, and while a position is active."""
    door = door_of(request)
    asked = await body_of(request, GenerateRequest)
    if asked.position_active:
        return json(GenerateAnswer(reason="a position is active", code="POSITION"))
    if asked.symbol not in door.conf.traded:
        return json(GenerateAnswer(reason=f"traded: {', '.join(door.conf.traded)}", code="UNKNOWN_INSTRUMENT"))
    bars = [deciding.dated_bar(door.conf, asked.symbol, each) for each in asked.bars]
    limits = _sized(door.conf.preset.risk, asked.account_size)
    found = await deciding.evaluated(door, bars, None, {}, asked.settings, limits)
    side = SIDES.get(found.action)
    if side is None:
        return json(GenerateAnswer(reason=found.reasoning, code=found.code or found.action))
    answer = {
        "action": side,
        "contracts": found.position_size,
        "entry": found.entry_price,
        "stop": found.stop_loss,
        "target": found.target,
        "confidence": found.score,
        "reason": found.reasoning,
        "code": found.code,
    }
    return json(answer)


@router.get("/api/v1/signals/health", summary="Whether signals are generated", responses=gives(None, 503))
async def signals_health(request: Request, caller: Anyone) -> Response:
    """That the evaluator answers, and which strategies it runs."""
    door = door_of(request)
    found = await door.ask("evaluator", "strategies")
    running = {name: [each["strategy"] for each in of["running"]] for name, of in found.items()}
    return json({"status": "healthy", "service": "tapewire", "mode": door.mode, "strategies": running})


def _sized(limits: RiskLimits, account: float | None) -> RiskLimits:
    """The rules for sizes with another account's size."""
    if account is None:
        return limits
    own = dict(limits.sizing)
    for name, rule in limits.sizing.items():
        if rule.contracts is None:
            own[name] = msgspec.structs.replace(rule, account=account)
    return msgspec.structs.replace(limits, sizing=own)
