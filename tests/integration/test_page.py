"""The page in a real browser, against a replay that runs: it draws what the bus said, and what is pressed reaches the bus."""

from __future__ import annotations

import datetime as dt
import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import httpx2
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tapewire.bus import keys, topics
from tapewire.bus.messages import Bar, Fill, Trade
from tapewire.bus.roles import Role
from tapewire.replay import tapes
from tapewire.replay.sources import synthetic
from tests import browser
from tests.browser import Visitor
from tests.integration.conftest import TAPEWIRE, home_in, run
from tests.integration.test_processes import eventually

pytestmark = pytest.mark.slow

NEW_YORK = ZoneInfo("America/New_York")
# With the size and the colours, whether axe looks at it: it takes seconds, and each layout and each set of colours once is enough.
SIZES = [(1400, 900, "light", True), (1400, 900, "dark", False), (390, 844, "light", False), (390, 844, "dark", True)]
MARKED = "document.getElementById('chart').marked().map(({ time, id }) => [time, id])"


class Shown(NamedTuple):
    """A replay with its page in a browser. page: of an operator, for all tests that only look on."""

    out: Path
    visitor: Visitor
    page: Any

    def token(self, name: str) -> str:
        return keys.find(self.out, name).token

    def seek(self, time: str) -> None:
        """Play up to a time, and see it in the journal and on the page."""
        done = run("ask", "replay", "seek", time)
        assert done.returncode == 0, done.stderr
        assert browser.until(lambda: f" {time} " in self.page.locator("#clock").inner_text(), self.page)
        assert browser.until(lambda: self.stands_at(time), self.page)
        assert browser.until(lambda: "paused" in self.page.locator("#replay-text").inner_text(), self.page)

    def bars(self) -> list[Bar]:
        return list(tapes.facts(self.out, topics.BAR, Bar))

    def stands_at(self, time: str) -> bool:
        """Whether the journal does: the logger writes it beside what the page shows."""
        bars = self.bars()
        return bool(bars) and f"{dt.datetime.fromtimestamp(bars[-1].close_ns / 1e9, NEW_YORK):%H:%M}" == time

    def played(self) -> int:
        return int(json.loads(run("ask", "replay", "state").stdout)["playback"]["bar"])

    def gate(self) -> dict[str, Any]:
        return dict(json.loads(run("ask", "gate", "ready").stdout))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A paused replay of one session, with the seven strategies of the seed and V-Reversal."""
    folder = tmp_path_factory.mktemp("page")
    bars, out, port = folder / "bars", folder / "out", free_port()
    synthetic.generate(bars, sessions=1, seed=8, start=dt.date(2026, 3, 6))
    with home_in(folder):
        words = [
            "replay",
            "--data",
            bars,
            "--out",
            out,
            "--control",
            "--hold",
            "--api",
            port,
            "--set",
            "v_reversal.drop_threshold=16",
        ]
        words += ["--set", "v_reversal.rise_threshold=16", "--strategies", "trend_day_bull,p_day,edge_fade,v_reversal"]
        command = [str(TAPEWIRE), *map(str, words), "--program", "evaluation_150k_2026_02"]

        def up() -> bool:
            return run("ask", "replay", "state").returncode == 0 or replay.poll() is not None

        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as replay:
            try:
                assert eventually(up) or eventually(up)  # nine processes: on a busy machine that takes its time
                assert replay.poll() is None, replay.communicate()
                with browser.visiting(f"http://127.0.0.1:{port}/") as visitor:
                    yield Shown(out, visitor, visitor.entered(keys.find(out, "operator").token))
            finally:
                replay.terminate()
                replay.communicate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def drawn(page: Any) -> list[dict[str, Any]]:
    """What the chart library holds, and the text that it prints for a close."""
    return list(page.evaluate("document.getElementById('chart').drawn()"))


def wall_s(at_ns: int) -> int:
    """Seconds as a clock in New York shows them, as if they were UTC."""
    there = dt.datetime.fromtimestamp(at_ns // 10**9, NEW_YORK)
    return int(there.replace(tzinfo=dt.UTC).timestamp())


def test_the_chart_holds_the_bars_of_the_journal(shown: Shown) -> None:
    """Each bar once, in order, at New York's time, with its prices; the text on the axis is the price."""
    shown.page.mouse.move(0, 0)  # the legend is of the bar under the pointer
    shown.seek("10:40")

    assert drawn(shown.page) == [
        {
            "time": wall_s(bar.close_ns),
            "open": bar.open,
            "high": bar.high,
            "low": bar.low,
            "close": bar.close,
            "printed": f"{bar.close:.2f}",
        }
        for bar in shown.bars()
    ]
    assert shown.page.locator("#legend").inner_text().startswith("Fri 6 Mar 10:40")


def test_step_play_and_pause_move_the_chart_and_stop_it(shown: Shown) -> None:
    """A step is a bar; playing adds bars until it is paused."""
    before = len(drawn(shown.page))
    shown.page.locator("#step").click()
    assert browser.until(lambda: len(drawn(shown.page)) == before + 1, shown.page)

    shown.page.locator("#speed").select_option("600")
    shown.page.locator("#play", has_text="Play").click()  # not before the step is over: until then it says Pause
    assert browser.until(lambda: len(drawn(shown.page)) >= before + 3, shown.page)
    shown.page.locator("#play", has_text="Pause").click()
    assert browser.until(lambda: "paused" in shown.page.locator("#replay-text").inner_text(), shown.page)
    assert browser.until(lambda: shown.played() == len(drawn(shown.page)), shown.page)  # the bar that was being played, too


def test_a_trade_appears_and_leads_to_its_chain(shown: Shown) -> None:
    """Its result stands among the orders; one click tells it from the bar to the trade."""
    shown.seek("13:00")
    trades = list(tapes.facts(shown.out, topics.of(topics.TRADE, "MNQ"), Trade))
    assert trades, "this recording has a trade before 13:00"
    row = shown.page.locator("#orders [data-mark=trade] .row").first
    assert f"{abs(trades[-1].net_cents) / 100:,.2f}" in row.inner_text()

    fills = list(tapes.facts(shown.out, topics.of(topics.FILL, "MNQ"), Fill))
    assert sorted(map(tuple, shown.page.evaluate(MARKED))) == sorted((wall_s(each.bar_ns), each.order_id) for each in fills)

    row.click()
    story = shown.page.locator("#sheet .story")
    story.wait_for()
    kinds = story.locator("li").evaluate_all("steps => steps.map(step => step.dataset.kind)")
    assert kinds[:2] == ["bar", "session"]
    assert {"intents", "decisions", "signal", "order_event", "fill", "trade"} <= set(kinds)
    shown.page.locator("#sheet [value=close]").click()


def test_why_not_tells_which_condition_each_strategy_lacked(shown: Shown) -> None:
    """Of the bars that have been played, decided again beside the replay: of each strategy, with the time of the last bar."""
    shown.page.locator("#why").click()
    told = shown.page.locator("#sheet .reasons")
    told.first.wait_for(timeout=60_000)

    assert told.count() == 4
    assert (
        f"The last bar lacked: {dt.datetime.fromtimestamp(shown.bars()[-1].close_ns / 1e9, NEW_YORK):%H:%M} "
        in told.first.inner_text()
    )
    assert told.locator("td.words").count() > 3
    shown.page.locator("#sheet [value=close]").click()


def test_a_day_opens_its_report(shown: Shown) -> None:
    """As the daybook has written it, with its own style and without a script."""
    shown.page.reload()
    shown.page.locator("#days button").first.click()

    assert "MNQ, preset seed" in shown.page.locator("#sheet .report h1").inner_text()
    assert shown.page.locator("#sheet .report svg.chart").count() > 0
    shown.page.locator("#sheet [value=close]").click()


def test_what_is_drawn_fits_every_tick_and_both_clocks(shown: Shown) -> None:
    """Prices of a quarter, a 64th and a ten-millionth are printed whole; summer time begins and ends when it does in New York."""
    printed = shown.page.evaluate(
        """async (ticks) => {
            const { PriceChart } = await import("./chart.js");
            return ticks.map(([tick, price]) => {
                const chart = new PriceChart(document.createElement("div"), () => {}, () => {});
                const bar = { time: 60, ms: 60000, open: price, high: price, low: price, close: price, volume: 1, levels: [] };
                chart.show({ name: "X", bars: [bar], fills: [], fresh: 0 }, tick);
                return chart.drawn()[0].printed;
            });
        }""",
        [[0.25, 21000.25], [0.015625, 110.328125], [0.0000005, 0.0067215], [0.001, 3.141], [5, 64005]],
    )
    days = [(3, 8), (11, 1), (7, 4)]
    moments = [
        int(dt.datetime(2026, month, day, hour, minute, tzinfo=dt.UTC).timestamp())
        for month, day in days
        for hour in range(24)
        for minute in (0, 59)
    ]
    shifted = shown.page.evaluate("async (all) => { const { wall } = await import('./time.js'); return all.map(wall); }", moments)

    assert printed == ["21000.25", "110.328125", "0.0067215", "3.141", "64005"]
    assert shifted == [wall_s(at * 10**9) for at in moments]


def test_a_fill_that_is_told_before_its_bar_is_marked_on_it(shown: Shown) -> None:
    """A fill comes a moment before the bar that it happened in: its mark waits for the bar."""
    marked = shown.page.evaluate(
        """async () => {
            const { PriceChart } = await import("./chart.js");
            const chart = new PriceChart(document.createElement("div"), () => {}, () => {});
            const bar = (time) => ({ time, ms: time * 1000, open: 1, high: 1, low: 1, close: 1, volume: 1, levels: [] });
            const fill = { at: 120_000, order_id: "one", qty: 1, role: "ENTRY" };
            const market = { name: "X", bars: [bar(60)], fills: [fill], fresh: 0 };
            chart.show(market, 0.25);
            const before = chart.marked();
            market.bars.push(bar(120));
            market.fresh = 1;
            chart.draw(market, []);
            return [before, chart.marked()];
        }"""
    )

    assert marked == [[], [{"time": 120, "id": "one"}]]


def test_a_readers_key_shows_all_and_changes_nothing(shown: Shown) -> None:
    """`tapewire open` prints a code for it. Nothing that acts can be pressed, and kill asks for an operator's key."""
    told = run("open", "--no-browser", "--key", "reader").stdout
    assert shown.visitor.address in told
    page = shown.visitor.entered(told.partition("code: ")[2].split()[0].lower())

    assert page.locator("#arm, #flatten, #play, #step").evaluate_all("all => all.every(each => each.disabled)")
    page.locator("#kill").click()
    assert "operator" in page.locator("#door-error").inner_text()
    assert shown.gate()["ready"]
    page.context.close()


def test_kill_latches_at_one_press_and_arm_asks_back(shown: Shown) -> None:
    """The bus says that it is killed. Arm and flatten say what they will do, and do nothing if they are cancelled."""
    page = shown.page
    page.locator("#flatten").click()
    assert "Latches the kill switch" in page.locator("#ask").inner_text()
    page.keyboard.press("Escape")
    assert shown.gate()["ready"]

    page.locator("#flatten").click()
    page.locator("#ask [data-kill]").click()  # beside a question, too
    page.keyboard.press("Escape")
    page.locator("#kill[data-latched=true]").wait_for()
    assert "HALTED" in shown.gate()["why"]
    assert "Killed" in page.locator("#standing").inner_text()

    page.locator("#arm").click()
    assert "Releases the kill switch" in page.locator("#ask").inner_text()
    page.locator("#ask .plain").click()
    assert "HALTED" in shown.gate()["why"]
    page.locator("#arm").click()
    page.locator("#ask-yes").click()
    page.locator("#kill[data-latched=false]").wait_for()
    assert shown.gate()["ready"]


def test_the_page_comes_again_when_it_is_told_to(shown: Shown) -> None:
    """A key that has to wait is told so, and for how long; until then the page asks nothing."""
    page = shown.visitor.page()
    came: list[Any] = []

    def refuse(stream: Any) -> None:
        came.append(stream)
        stream.close(code=4429, reason="SLOW 30")

    page.route_web_socket("**/stream", refuse)
    page.clock.install()
    page.locator("#key").fill(shown.token("reader"))
    page.locator("#door-form button").click()
    page.locator("#link", has_text="read too slowly and has to wait, trying again in 30 s").wait_for()

    page.clock.run_for(29_900)
    assert len(came) == 1
    page.clock.run_for(8_000)
    assert browser.until(lambda: len(came) == 2, page)
    page.context.close()


def new_reader(shown: Shown, name: str) -> str:
    """A key that the door knows."""
    token = keys.new(shown.out, name, Role.READER).token
    address = shown.visitor.address + "api/live/status"
    assert eventually(lambda: httpx2.get(address, headers={"X-API-Key": token}).status_code == 200)
    return token


def fill(crowd: ExitStack, address: str, token: str) -> int:
    """Open readers until one is refused. Returns the status."""
    while True:
        try:
            reader = crowd.enter_context(connect(address, additional_headers={"X-API-Key": token}))
        except InvalidStatus as refused:
            return refused.response.status_code
        reader.send("{}")
        reader.recv()


def test_the_page_says_that_there_is_no_room_and_gets_in_when_there_is(shown: Shown) -> None:
    """One reader too many is refused before a stream is made; the page asks why, because its browser does not tell."""
    address = shown.visitor.address.replace("http", "ws") + "stream"
    said, full = len(shown.visitor.said), list[int]()
    with ExitStack() as crowd:
        while (status := fill(crowd, address, new_reader(shown, f"crowd-{len(full)}"))) == 429:
            full.append(status)
        page = shown.visitor.page()
        page.locator("#key").fill(shown.token("operator"))
        page.locator("#door-form button").click()
        page.locator("#link", has_text="too many readers are connected, trying again in 5 s").wait_for()
    page.locator(browser.CONNECTED).wait_for()

    assert (len(full), status) == (7, 503)
    assert all("503" in each for each in shown.visitor.said[said:])  # what a browser itself says of it
    del shown.visitor.said[said:]
    page.context.close()


@pytest.mark.parametrize(("width", "height", "scheme", "judged"), SIZES)
def test_it_fits_every_screen_and_has_no_serious_fault(width: int, height: int, scheme: str, judged: bool, shown: Shown) -> None:
    """On a desk and on a phone, light and dark: nothing is wider than the screen, and axe has nothing serious to say."""
    page = shown.visitor.entered(shown.token("operator"), width=width, height=height, scheme=scheme)
    page.locator("#days button").first.wait_for()

    page.mouse.move(1, 1)  # off the chart, which would show the bar below it
    browser.PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=browser.PICTURES / f"{width}x{height}-{scheme}.png")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(browser.BROKEN) == []
    assert not judged or browser.faults(page) == []
    page.context.close()


def test_it_said_nothing_wrong_and_asked_nobody_else(shown: Shown) -> None:
    """In all of these tests: no error on the console, and no request to anywhere but its own server.

    503 is what `/state` answers while a daemon is busy, as it may be on a busy machine: the page asks again.
    """
    own = shown.visitor.address

    assert [each for each in shown.visitor.said if "503" not in each] == []
    assert {url for url in shown.visitor.asked if not url.startswith((own, own.replace("http", "ws")))} == set()
    assert any(url.startswith("ws") for url in shown.visitor.asked)
