"""Endpoints of what lies on the disk: the days of the run with their verdicts and reports, and the chain behind a trade."""

from __future__ import annotations

import asyncio
import datetime
import pathlib
import sys
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request
from msgspec import Struct
from starlette.responses import Response

from tapewire.bus.errors import ConfError, DataError
from tapewire.bus.roles import Role
from tapewire.daemons.api.bodies import gives, json, wrong
from tapewire.daemons.api.callers import Caller
from tapewire.daemons.api.keyed import door_of, needs
from tapewire.daemons.api.problems import Problem
from tapewire.replay import tapes
from tapewire.replay.days import folders
from tapewire.replay.explain import StoryMessage, shown
from tapewire.replay.research.reasons import StrategyReasons

router = APIRouter()
Reader = Annotated[Caller, Depends(needs(Role.READER, Role.OPERATOR))]
Date = Annotated[str, Path(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="A trade date.", examples=["2026-03-05"])]
Name = Annotated[
    str, Path(pattern="^[A-Za-z0-9_.@:-]{1,200}$", description="Of an intent, order, execution or trade; or topic@epoch:seq.")
]
Instrument = Annotated[str, Query(pattern="^[A-Za-z0-9]{1,16}$", description="A traded instrument.")]
MOST_DAYS = 90
EXPLAIN_S = 20.0
WHY_S = 60.0  # it decides up to forty dates again
FOLDED = datetime.timedelta(days=40)  # initial balances of twenty sessions, and the day before
YIELDING = ("nice", "-n", "19")
_one = asyncio.Lock()


class ListedDay(Struct, frozen=True):
    """A trade date in figures, dollars. verdict: equal, diverged or unproved; null while nobody has judged it."""

    date: str
    closed: bool
    net: float
    trades: int
    won: int
    refused: int
    bars: int
    verdict: str | None = None
    summary: str | None = None


@router.get("/days", summary="The trading days of the run", responses=gives(None, 503))
async def days(request: Request, caller: Reader) -> Response:
    """The newest first, 90 at most, each with its result and its verdict."""
    run = door_of(request).run
    try:
        lines = await asyncio.to_thread(_lines, run)
    except DataError as error:
        raise Problem(503, "DATA", str(error)) from None
    return json({"days": lines})


@router.get("/days/{date}/report", summary="The report of a day", responses=gives(None, 404, 422))
async def report(request: Request, caller: Reader, date: Date) -> Response:
    """HTML, as the daybook has written it. It is complete without its script, which this answer's policy does not let run."""
    path = folders.place(door_of(request).run, date) / "report.html"
    try:
        content = await asyncio.to_thread(path.read_bytes)
    except OSError:
        raise Problem(404, "NOT_FOUND", f"{date} has no report") from None
    return Response(content, media_type="text/html")


@router.get("/explain/{name}", summary="The chain behind a message", responses=gives(None, 404, 422, 503))
async def explain(request: Request, caller: Reader, name: Name) -> Response:
    """From an order, signal, trade or fill back to its bar, and forward to its result: what `tapewire explain` tells.

    It reads the whole journal, so a process of its own does it, one at a time and at the lowest priority: this one goes on serving,
    and no daemon waits.
    """
    run = door_of(request).run
    unknown = Problem(404, "NOT_FOUND", f"nothing in the journal is called {name!r}")
    if not (run / tapes.FOLDER).is_dir():
        raise unknown
    status, out, err = await _beside(EXPLAIN_S, "explain", "--json", "--run", str(run), "--", name)
    if status == ConfError.status:
        raise unknown
    if status:
        raise Problem(503, "DATA", err)
    steps = msgspec.json.decode(out, type=list[StoryMessage])
    return json({"steps": [msgspec.to_builtins(step) | {"shown": shown(step)} for step in steps]})


@router.get("/why/{date}", summary="Why no setup was complete", responses=gives(None, 404, 422, 503))
async def why(request: Request, caller: Reader, date: Date, instrument: Instrument = "MNQ") -> Response:
    """Of each strategy on a trade date: how many bars passed each of its conditions, where the last one ended, the nearest miss.

    What `tapewire why --run RUN --session DATE` tells of the bars that the journal has now, in a process of its own, as `/explain`.
    """
    try:
        first = datetime.date.fromisoformat(date) - FOLDED
    except (ValueError, OverflowError):
        raise wrong(f"{date} is no date that a run has", "date") from None
    run = door_of(request).run
    if not (run / tapes.FOLDER).is_dir():
        raise Problem(404, "NOT_FOUND", "this run keeps no journal")
    asked = ("--json", "--run", str(run), "--instrument", instrument, "--from", str(first), "--to", date, "--session", date)
    status, out, err = await _beside(WHY_S, "why", *asked)
    if status == ConfError.status:
        raise Problem(404, "NOT_FOUND", err)
    if status:
        raise Problem(503, "DATA", err)
    whys = msgspec.json.decode(out, type=list[StrategyReasons])
    return json({"strategies": [_reasons(each) for each in whys]})


def _reasons(why: StrategyReasons) -> dict[str, object]:
    told = {"last": None if why.last is None else str(why.last), "nearest": [str(each) for each in why.nearest]}
    built: dict[str, object] = msgspec.to_builtins(why)
    return built | told


async def _beside(limit_s: float, *words: str) -> tuple[int, bytes, str]:
    """A command of ours in a process of its own, one at a time and at the lowest priority: its status, output, and last words."""
    command = (*YIELDING, sys.executable, "-P", "-m", "tapewire", *words)
    async with _one:
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        try:
            async with asyncio.timeout(limit_s):
                out, err = await process.communicate()
        except TimeoutError:
            raise Problem(503, "TIMEOUT", f"the journal is long; `tapewire {words[0]}` takes its time") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    return process.returncode or 0, out, err.decode("utf-8", "replace").strip()[-300:]


def _lines(run: pathlib.Path) -> list[ListedDay]:
    found = (_line(run, date) for date in reversed(folders.dates(run)[-MOST_DAYS:]))
    return [line for line in found if line is not None]


def _line(run: pathlib.Path, date: str) -> ListedDay | None:
    done, judged = folders.performance(run, date), folders.judged(run, date)
    if done is None:
        return None
    return ListedDay(
        date,
        done.closed,
        done.figures["net"],
        done.figures["trades"],
        done.figures["wins"],
        sum(done.refusals.values()),
        sum(done.bars.values()),
        None if judged is None else judged.verdict,
        None if judged is None else judged.summary,
    )
