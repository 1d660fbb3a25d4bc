"""A page that stays open for a whole session: its memory, and that of the api, while the session is played at 60x.

First many sessions are played, the last bars of them with the page open, until everything that is kept has reached its bound: bars,
orders and trades of the page, facts of the api. What grows after that is a leak. Then comes the session that counts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tapewire.bus import keys
from tapewire.bus.messages import Bar
from tapewire.replay import runs
from tapewire.replay.pace import Pace
from tapewire.replay.player import Player
from tapewire.strategies.clock import new_york
from tests import browser
from tests.bench import ours
from tests.bench.figures import Figure
from tests.bench.http import free
from tests.bench.ticks import state

NAME = "page: a session with it open"
SPEED = 60.0  # the session is over after six and a half minutes
FILLING = 2_300  # bars that the page gets before it; with the 1,500 that it is told of the past, it has left some out
FILLING_SPEED = 6_000.0  # as fast as a browser draws on a machine with other work
QUARTER = 97  # bars between two looks
COUNTS = {"Nodes": "elements", "JSEventListeners": "listeners"}


class Watched:
    """What a page and the api hold, seen now and then."""

    def __init__(self, run: Path, page: Any) -> None:
        self._run = run
        self._page = page
        self._tools = page.context.new_cdp_session(page)
        self._tools.send("Performance.enable")

    def look(self) -> dict[str, float]:
        """MB of the page's heap after a collection, how many elements and listeners it has, and the resident MB of the api."""
        for _ in range(2):
            self._tools.send("HeapProfiler.collectGarbage")
        found = {each["name"]: each["value"] for each in self._tools.send("Performance.getMetrics")["metrics"]}
        status = Path(f"/proc/{state(self._run, 'api')['pid']}/status").read_text()
        api = int(status.partition("VmRSS:")[2].split()[0]) / 1024
        return {"page, heap, MB": found["JSHeapUsedSize"] / 2**20, "api, resident, MB": api} | {
            f"page, {name}": found[each] for each, name in COUNTS.items()
        }

    def shows(self, bar: Bar) -> bool:
        """Whether the page has drawn this bar."""
        return f" {new_york(bar.close_ns):%H:%M} " in self._page.locator("#clock").inner_text()

    def bars(self) -> int:
        """How many bars the chart holds."""
        return int(self._page.evaluate("document.getElementById('chart').drawn().length"))


def run(folder: Path, recorded: ours.Recorded, *, quick: bool, speed: float = SPEED) -> list[Figure]:
    """All sessions but the last at once, and RTH of the last at the speed."""
    if why := browser.missing():
        raise SystemExit(why)
    speed = 20 * speed if quick else speed
    place = folder / "page"
    place.mkdir()
    first = max(number for number, rth in enumerate(recorded.rth) if rth and not recorded.rth[number - 1])
    before = recorded.bars[:first]
    filling = before[-500 if quick else -FILLING :]
    session = [bar for bar, rth in zip(recorded.bars[first:], recorded.rth[first:], strict=True) if rth]
    seen: list[dict[str, float]] = []
    conf = ours.settings("seed", ["pipeline"])
    with ours.running(conf, place / "run", api={"enabled": True, "port": free()}) as conf:
        token = keys.find(place / "run", "reader").token
        with (
            browser.visiting(f"http://127.0.0.1:{conf.api.port}/") as visitor,
            Player(conf, place / "run", runs.venue(conf), ours.quiet()) as player,
        ):
            player.join()
            player.play(before[: -len(filling)], ends=False)
            page = visitor.connected(token)
            player.play(filling, pace=Pace(speed=FILLING_SPEED), ends=False)
            watched = Watched(place / "run", page)
            while not watched.shows(filling[-1]):
                player.pump(0.1)

            def look(bar: Bar) -> None:
                if (bar.index - session[0].index) % QUARTER == QUARTER - 1 or bar is session[-1]:
                    seen.append(watched.look())

            seen.append(watched.look())
            player.play(session, pace=Pace(speed=speed), played=look)
            cut = state(place / "run", "api")["streams_cut"]
            note = f"{watched.bars():,} bars, {len(session)} of them at {speed:g}x; cut off {cut} times; said {len(visitor.said)}"
    return [_figure(name, [each[name] for each in seen], note) for name in seen[0]]


def _figure(name: str, taken: list[float], note: str) -> Figure:
    told = ", ".join(f"{each:.1f}" if each < 1_000 else f"{each:.0f}" for each in taken)
    return Figure(NAME, name, taken[-1], x50=taken[-1] / taken[0], note=f"{told}; {note}")
