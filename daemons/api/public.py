"""Endpoints for who follows the signals: what the public stream has brought, and what a key is good for.

A subscriber is answered by the publisher, by his own key, with what his tier may see by now. A reader's key sees the bus as it is.
"""

from __future__ import annotations

import datetime as dt
import hmac
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from tapewire.bus import roles, topics, wire
from tapewire.bus.messages import Body, PublicSignal, PublicSummary, PublicTrade, Session
from tapewire.bus.roles import Role
from tapewire.daemons.api.bodies import body_of, gives, json, takes
from tapewire.daemons.api.callers import NOBODY, Caller
from tapewire.daemons.api.door import OpenDoor
from tapewire.daemons.api.examples import LICENSE
from tapewire.daemons.api.keyed import door_of, needs
from tapewire.daemons.api.problems import Problem
from tapewire.daemons.api.shapes import LicenseAnswer, LicenseRequest
from tapewire.daemons.publisher import queries

router = APIRouter()
Follower = Annotated[Caller, Depends(needs(Role.READER, Role.OPERATOR, Role.SUBSCRIBER))]
Days = Annotated[int, Query(ge=1, le=100_000, description=f"Trade dates; above {queries.MOST_DAYS} it is {queries.MOST_DAYS}.")]
Asked = Literal["today", "history", "performance", "strategies"]


@router.get("/trades/today", summary="Signals and trades of the trade date", responses=gives(None, 409, 503))
async def today(request: Request, caller: Follower) -> Response:
    """Empty lists before the first of them."""
    return json(await _told(door_of(request), caller, "today"))


@router.get("/trades/history", summary="Signals and trades of the last trade dates", responses=gives(None, 409, 422, 503))
async def history(request: Request, caller: Follower, days: Days = queries.USUAL_DAYS) -> Response:
    """Oldest first."""
    return json(await _told(door_of(request), caller, "history", str(min(days, queries.MOST_DAYS))))


@router.get("/performance", summary="Figures of the trades", responses=gives(None, 409, 422, 503))
async def performance(request: Request, caller: Follower, days: Days = queries.MOST_DAYS) -> Response:
    """Win rate, expectancy, profit and the equity curve, in ticks per contract and before costs."""
    return json(await _told(door_of(request), caller, "performance", str(min(days, queries.MOST_DAYS))))


@router.get("/strategies", summary="The strategies of the run", responses=gives(None, 409, 503))
async def strategies(request: Request, caller: Follower) -> Response:
    """In the order of their priority."""
    return json({"strategies": await _told(door_of(request), caller, "strategies")})


@router.post(
    "/api/v1/license/validate",
    summary="What a key is good for",
    responses=gives(LicenseAnswer, 413, 415, 422, 429, keyed=False, example={"valid": False, "reason": "UNKNOWN"}),
    openapi_extra=takes(LicenseRequest, key=LICENSE),
)
async def validate(request: Request) -> Response:
    """Tier and expiry of a key. The key is the question, so no other one is needed."""
    door = door_of(request)
    asked = await body_of(request, LicenseRequest)
    name, _, phrase = asked.license_key.partition(".")
    key = next((each for each in door.keys.all() if each.name == name and each.role in roles.FOR_PEOPLE), None)
    right = hmac.compare_digest(phrase.encode("utf-8", "replace"), NOBODY if key is None else key.phrase)
    if key is None or not right:
        door.callers.failed(request.client.host if request.client else "")
        return json(LicenseAnswer(valid=False, reason="UNKNOWN"))
    over = door.keys.named(name) is None
    expires = None if key.expires is None else key.expires.astimezone(dt.UTC).isoformat()
    tier = None if key.tier is None else key.tier.value
    why = "EXPIRED" if over else ""
    return json(LicenseAnswer(valid=not over, name=name, role=key.role.value, tier=tier, expires_at=expires, reason=why))


async def _told(door: OpenDoor, caller: Caller, verb: Asked, argument: str = "") -> Any:
    if caller.role is Role.SUBSCRIBER:
        if not door.conf.subscribers.enabled:
            raise Problem(409, "NO_SUBSCRIBERS", "this run has no subscribers ([subscribers] enabled)")
        return await door.act(caller, roles.ASK, verb, argument)
    seen = (wire.decode(each.frame)[1] for each in door.recent.all((topics.PUBLIC,)))
    messages = [each for each in seen if isinstance(each, PublicSignal | PublicTrade | PublicSummary)]
    current = max((each.session for each in door.last(topics.SESSION, Session).values()), default="")

    def see(days: int) -> list[Body]:
        dates = sorted({each.session for each in messages} | ({current} if current else set()))[-days:]
        return [each for each in messages if each.session in dates]

    if verb == "today":
        return {**queries.today(see), "session": current}
    return queries.of(door.conf)[verb](see, argument)
