"""Two servers for the bench `http`, as processes of their own.

    python -m tests.bench.http_service design PORT     # what the design describes
    python -m tests.bench.http_service bare PORT       # reads a request and writes an answer, and looks at neither

The first is FastAPI with a model for each body and the strategies in the process: the bars of a session arrive one by one and are
folded by tapewire's own tracker and evaluator, as the door's are. The second is what any server on this machine takes: the client,
the kernel and two wake-ups.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvicorn
import uvloop
from fastapi import FastAPI
from pydantic import BaseModel

from tapewire.bus import topics
from tapewire.bus.daemon import Event, Request
from tapewire.bus.messages import PROTOCOL_VERSION, Bar, Header, Intents, Position, Session
from tapewire.daemons.api.deciding import close_of
from tapewire.daemons.evaluator.core import Evaluator
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.tracker.core import Tracker

MINUTE_NS = 60_000_000_000
TOPIC = topics.bar("MNQ")


class BarData(BaseModel):
    """A bar of the design."""

    open: float
    high: float
    low: float
    close: float
    volume: int
    delta: int | None = None
    up_volume: int | None = None
    down_volume: int | None = None
    up_ticks: int | None = None
    down_ticks: int | None = None


class PositionState(BaseModel):
    """A position of the design."""

    is_flat: bool = True
    direction: str | None = None
    entry_price: float | None = None
    unrealized_pnl: float = 0.0


class BarRequest(BaseModel):
    """A request of the design."""

    timestamp: str
    session_date: str = ""
    instrument: str = "MNQ"
    bar: BarData
    cross_instruments: dict[str, Any] = {}
    session_levels: dict[str, float] = {}
    position: PositionState = PositionState()


class BarAnswer(BaseModel):
    """An answer of the design."""

    action: str = "NONE"
    model: str | None = None
    strategy: str | None = None
    confidence: str = "normal"
    entry_price: float | None = None
    stop_loss: float | None = None
    target: float | None = None
    position_size: int = 0
    reasoning: str = ""
    day_type: str | None = None
    day_confidence: float | None = None
    of_quality: dict[str, Any] = {}


def served() -> FastAPI:
    """The application."""
    conf = configuration.load("replay", instance="http", traded=["MNQ"], preset=configuration.preset("seed"))
    calendars = {"MNQ": conf.calendar_of("MNQ")}
    tracker, evaluator = Tracker(calendars), Evaluator({"MNQ": conf.instruments["MNQ"]}, conf.preset, calendars)
    app = FastAPI()

    @app.post("/signal", response_model=BarAnswer)
    async def signal(asked: BarRequest) -> BarAnswer:
        close_ns = close_of(asked.timestamp)
        bar = asked.bar
        prices = (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.up_volume, bar.down_volume)
        folded = Bar("MNQ", close_ns - MINUTE_NS, close_ns, *prices, position=Position("Replay"))
        header = Header(PROTOCOL_VERSION, "http", 1, 1, close_ns)
        answer = BarAnswer()
        for record in tracker.step(Event(TOPIC, header, folded)):
            if isinstance(record.body, Session):
                for output in evaluator.step(Event(record.topic, header, record.body)):
                    if isinstance(output, Request) and isinstance(output.body, Intents):
                        first = output.body.intents[0]
                        answer = BarAnswer(action=first.action, model=first.setup, strategy=first.strategy, stop_loss=first.stop)
        return answer

    return app


ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"reasoning": "%s"}' % (b" " * 483)


class Bare(asyncio.Protocol):
    """The plainest connection that ends a request where the headers and the body of the bench end."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"}}"):
            self.transport.write(ANSWER)


async def bare(port: int) -> None:
    """Serve until it is ended."""
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "design":
        uvicorn.run(served(), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning")
    else:
        uvloop.run(bare(int(sys.argv[2])))
