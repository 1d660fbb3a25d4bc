"""SignalFileTrader: the NinjaTrader strategy that trades signal files, on a stand-in chart under Mono."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bridges import Bridge
from tests.integration.test_processes import eventually
from tests.mono import needs_mono
from tests.mono import program as program
from tests.runs import conf

pytestmark = [pytest.mark.slow, needs_mono]

HEAD = "timestamp,open,high,low,close,volume,vol_ask,vol_bid"
GOOD = {
    "ACTION": "BUY",
    "ENTRY_PRICE": "21000.00",
    "STOP_LOSS": "20990.00",
    "TAKE_PROFIT": "21020.00",
    "SIGNAL_ID": "one",
    "PATTERN_TYPE": "Pipeline",
    "ORDER": "MARKET",
    "INSTRUMENT": "MNQ",
    "CONTRACT": "MNQ 03-26",
    "VALID_UNTIL": "2026-03-02T15:30:00Z",
}
Prices = tuple[float, float, float, float]
FLAT: Prices = (21000.0, 21001.0, 20999.0, 21000.0)


class Trader:
    """A chart with the strategy on it. Bar 0 has closed at 10:01 New York, 15:01 UTC, and each `bar` closes the next minute."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program = program
        self.place = folder
        self.folder = folder / "signals"
        self.chart: Bridge | None = None

    def start(self, bars: list[Prices], *options: object, account: str = "Replay") -> Trader:
        """In a new process. bars: those after bar 0."""
        rows = [f"2026-03-02T10:{at:02}:00,{o},{h},{low},{c},10,6,4" for at, (o, h, low, c) in enumerate([FLAT, *bars], 1)]
        (self.place / "NQ_Volumetric_1.csv").write_text("\n".join([HEAD, *rows]) + "\n")
        where = ("--signals", self.folder, "--traded", account, *options)
        self.chart = Bridge(self.program, conf(), None, self.place, self.place, *where)
        self.chart.done()
        self.do("bar")
        return self

    def do(self, line: str) -> list[str]:
        assert self.chart is not None
        return self.chart.do(line)

    def stands(self) -> str:
        return self.do("stands")[0]

    def leave(self, name: str = "a", text: str = "", **changes: str | None) -> Path:
        """A file with some values changed, or left out where they are None."""
        values = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
        values["VALID_UNTIL"] = values.pop("VALID_UNTIL", "")
        self.folder.mkdir(exist_ok=True)
        path = self.folder / f"{name}.txt"
        path.write_text(text or "# a comment\r\n" + "".join(f"{key}={value}\r\n" for key, value in values.items()))
        return path

    def log(self, name: str = "processed_signals.log") -> list[str]:
        """The lines of a log without their time."""
        path = self.folder / name
        return [line.split(" | ", 1)[1] for line in path.read_text().splitlines()] if path.exists() else []

    def handled(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "processed").iterdir())

    def kill(self) -> None:
        if self.chart is not None:
            self.chart.kill()


@pytest.fixture
def trader(program: Path, tmp_path: Path) -> Iterator[Trader]:
    found = Trader(program, tmp_path)
    yield found
    found.kill()


@pytest.mark.parametrize(
    "action, prices, bars, line",
    [
        ("BUY", ("20990.00", "21020.00"), [FLAT, (21010, 21030, 21005, 21010)], "Profit target | 39.00 | 21019.75 | 19.5"),
        ("SELL", ("21010.00", "20980.00"), [FLAT, (21005, 21015, 21000, 21010)], "Stop loss | -21.00 | 21010.25 | -10.5"),
    ],
)
def test_a_signal_becomes_a_protected_trade_and_a_line_of_the_log(
    trader: Trader, action: str, prices: tuple[str, str], bars: list[Prices], line: str
) -> None:
    """Stop and target rest from the fill on. The file is in `processed`, and a log has the result in dollars and points."""
    stop, target = prices
    trader.leave(ACTION=action, STOP_LOSS=stop, TAKE_PROFIT=target)
    trader.start([FLAT, *bars])
    trader.do("bar")
    open_ = trader.stands()
    for _ in bars:
        trader.do("bar")

    assert open_ == f"open one {float(stop):g} {float(target):g}"
    assert trader.handled() == ["a_TAKEN.txt"]
    assert trader.log() == ["a.txt | TAKEN: one"]
    assert trader.log("completed_trades.log") == [f"one | {action} | Pipeline | {line}"]
    assert trader.stands() == "flat"


REFUSED: list[tuple[dict[str, str | None], str]] = [
    ({"INSTRUMENT": "MES"}, "REFUSED: INSTRUMENT: for MES, and this chart holds MNQ 03-26"),
    ({"INSTRUMENT": None}, "REFUSED: INSTRUMENT: for , and"),
    ({"CONTRACT": "MNQ 06-26"}, "REFUSED: CONTRACT: for MNQ 06-26, and this chart holds MNQ 03-26"),
    ({"ACTION": "HOLD"}, "REFUSED: ACTION: unknown: HOLD"),
    ({"ACTION": "EXIT"}, "REFUSED: POSITION: nothing of ours is open"),
    ({"ENTRY_PRICE": None}, "REFUSED: ENTRY_PRICE: an entry needs one"),
    ({"ENTRY_PRICE": "21000.1"}, "REFUSED: ENTRY_PRICE: 21000.1 is not on the tick 0.25"),
    ({"ENTRY_PRICE": "21,000.00"}, "REFUSED: PRICE: "),
    ({"ENTRY_PRICE": "NaN"}, "REFUSED: PRICE: "),
    ({"STOP_LOSS": "-1"}, "REFUSED: PRICE: "),
    ({"TAKE_PROFIT": "1e400"}, "REFUSED: PRICE: "),
    ({"STOP_LOSS": "21010.00"}, "REFUSED: STOP: 21010 is on the wrong side of the entry"),
    ({"STOP_LOSS": "21000.00"}, "REFUSED: STOP: 21000 is on the wrong side of the entry"),
    ({"ENTRY_PRICE": "21050", "STOP_LOSS": "21040", "TAKE_PROFIT": "21060"}, "REFUSED: STOP: the market at 21000 is beyond"),
    ({"ACTION": "SELL"}, "REFUSED: STOP: 20990 is on the wrong side of the entry"),
    ({"TAKE_PROFIT": "20999.00"}, "REFUSED: TARGET: 20999 is on the wrong side of the entry"),
    ({"SIGNAL_ID": "two words"}, "REFUSED: SIGNAL_ID: "),
    ({"SIGNAL_ID": "x" * 51}, "REFUSED: SIGNAL_ID: "),
    ({"SIGNAL_ID": None}, "REFUSED: SIGNAL_ID: "),
    ({"VALID_UNTIL": "2026-03-02 15:30:00"}, "REFUSED: VALID_UNTIL: "),
    ({"VALID_UNTIL": "2026-03-02T15:01:00Z"}, "EXPIRED: one was good until 2026-03-02T15:01:00Z"),
    ({"ACTION": "EXIT", "VALID_UNTIL": "2026-03-02T15:00:00Z"}, "EXPIRED: one was good until"),
]


def test_what_is_doubtful_is_not_traded_and_the_log_says_why(trader: Trader) -> None:
    """No order is placed, the id stays free, and the name of the file in `processed` tells how it ended."""
    for at, (changes, _) in enumerate(REFUSED):
        trader.leave(f"f{at:02}", **changes)
    trader.leave("twice", "ENTRY_PRICE=21000\n" + "".join(f"{key}={value}\n" for key, value in GOOD.items()))
    trader.start([FLAT, FLAT]).do("bar")

    told = trader.log()
    for at, (changes, why) in enumerate(REFUSED):
        assert told[at].startswith(f"f{at:02}.txt | {why}"), changes
    assert told[-1].startswith("twice.txt | REFUSED: ENTRY_PRICE: an entry needs one")
    assert {re.sub(r"[a-z0-9]+_", "", name) for name in trader.handled()} == {"REFUSED.txt", "EXPIRED.txt"}
    assert (trader.folder / "taken_ids.log").read_text() == ""
    assert trader.stands() == "flat"


@pytest.mark.parametrize("account", ["", "Sim101"])
def test_an_account_that_is_not_named_is_never_traded(trader: Trader, account: str) -> None:
    trader.leave()
    trader.start([FLAT], account=account)

    assert trader.log()[0].startswith("a.txt | REFUSED: ACCOUNT: this is Replay, and the setting Traded account names ")
    assert trader.stands() == "flat"


def test_the_clock_of_the_machine_ends_a_signal_too(trader: Trader) -> None:
    """Outside playback: a chart that stands still makes no old signal young."""
    trader.leave()
    trader.start([FLAT], "--live", 1)

    assert trader.log()[0].startswith("a.txt | EXPIRED: ")


def test_a_half_written_file_waits_until_it_is_whole(trader: Trader) -> None:
    """Whatever its lines say already. One that is never completed is put away, and one that is not renamed yet is not looked at."""
    whole = trader.leave().read_bytes()
    path = trader.leave(text="ACTION=BUY\n")
    trader.start([FLAT, FLAT, FLAT])
    hidden = trader.folder / ".b.txt.unfinished"
    for length in (10, len(whole) - 20, len(whole) - 1):
        path.write_bytes(whole[:length])
        hidden.write_bytes(whole)
        assert trader.do("bar") == []
        assert trader.log() == []
    path.write_bytes(whole)
    old = trader.leave("old", VALID_UNTIL="2026", SIGNAL_ID="two")
    old.write_bytes(whole[:-30])
    os.utime(old, (1, 1))

    assert eventually(lambda: len(trader.log()) == 2)
    assert trader.log() == ["a.txt | TAKEN: one", "old.txt | INCOMPLETE: its last line is not VALID_UNTIL"]
    assert hidden.exists()


def test_an_id_is_traded_once_also_after_a_restart(trader: Trader) -> None:
    """By the list of taken ids, which is on the disk before the order: whatever kills the process, the file is not traded again."""
    trader.leave("a")
    trader.leave("b")
    trader.start([FLAT]).kill()
    trader.leave("c")
    (trader.folder / "taken_ids.log").write_text("one\ndied-bef")  # a line that was cut short took nothing
    trader.leave("d", SIGNAL_ID="died-before-its-order")
    trader.start([FLAT, FLAT])

    assert trader.log() == [
        "a.txt | TAKEN: one",
        "b.txt | DUPLICATE: one was taken before",
        "c.txt | DUPLICATE: one was taken before",
        "d.txt | TAKEN: died-before-its-order",
    ]
    trader.kill()
    trader.leave("e", SIGNAL_ID="died-before-its-order")
    trader.start([FLAT])
    assert trader.log()[-1] == "e.txt | DUPLICATE: died-before-its-order was taken before"


def test_a_limit_entry_is_cancelled_when_its_time_is_over(trader: Trader) -> None:
    trader.leave(ORDER="LIMIT", ENTRY_PRICE="20995.00", VALID_UNTIL="2026-03-02T15:03:00Z")
    trader.start([FLAT, FLAT, (21000, 21000, 20980, 20990)])
    works = trader.stands()
    trader.do("bar")
    still = trader.stands()
    trader.do("bar")

    assert (works, still) == ("working one", "working one")
    assert trader.stands() == "flat"
    assert trader.log() == ["a.txt | TAKEN: one", "one | CANCELLED"]


def test_where_a_file_names_no_stop_and_no_target_the_settings_do(trader: Trader) -> None:
    """0.1 % and 3 points; an empty TAKE_PROFIT means none. A stop goes to the tick that is closer."""
    trader.leave("a", STOP_LOSS=None, TAKE_PROFIT=None, ORDER="LIMIT", ENTRY_PRICE="20999.75")
    trader.start([FLAT, (21000, 21003, 21000, 21000), FLAT, FLAT])
    trader.do("bar")
    first = trader.stands()
    trader.do("bar")
    trader.leave("b", SIGNAL_ID="two", TAKE_PROFIT="", STOP_LOSS="20989.90")
    trader.do("bar")
    trader.do("bar")

    assert first == "open one 20979 21002.75"
    assert trader.stands() == "open two 20990 -"


def test_moves_and_exits_follow_what_is_open(trader: Trader) -> None:
    """A stop is only moved closer; a second entry is refused while one is open; the exit closes at the market."""
    trader.leave("a")
    trader.start([FLAT] * 6).do("bar")
    trader.leave("b", ACTION="MOVE_STOP", SIGNAL_ID="closer", STOP_LOSS="20995.10")
    trader.leave("c", ACTION="MOVE_STOP", SIGNAL_ID="further", STOP_LOSS="20980.00")
    trader.leave("d", ACTION="MOVE_STOP", SIGNAL_ID="beyond", STOP_LOSS="21000.00")
    trader.leave("e", ACTION="MOVE_TARGET", SIGNAL_ID="nearer", TAKE_PROFIT="21005.00")
    trader.leave("f", SIGNAL_ID="second")
    trader.do("bar")
    moved = trader.stands()
    trader.leave("g", ACTION="EXIT", SIGNAL_ID="out", ENTRY_PRICE="", STOP_LOSS="", TAKE_PROFIT="")
    trader.do("bar")
    trader.do("bar")

    assert moved == "open one 20995.25 21005"
    assert [line.split(" | ")[1] for line in trader.log()] == [
        "TAKEN: one",
        "TAKEN: closer for one",
        "REFUSED: STOP: 20980 is not closer than 20995.25",
        "REFUSED: PRICE: the market at 21000 is beyond 21000",
        "TAKEN: nearer for one",
        "REFUSED: POSITION: one is working or open; one trade at a time",
        "TAKEN: out for one",
    ]
    assert trader.log("completed_trades.log") == ["one | BUY | Pipeline | out | -1.00 | 20999.75 | -0.5"]
    assert trader.stands() == "flat"


def test_a_fill_that_crosses_its_cancel_stays_ours(trader: Trader) -> None:
    """Its bracket rests, and no entry comes beside it."""
    trader.leave("a", ORDER="LIMIT", ENTRY_PRICE="20995.00", STOP_LOSS="20985.00", VALID_UNTIL="2026-03-02T15:02:00Z")
    trader.start([FLAT] * 3, "--cross-cancels", 2).do("bar")
    held = trader.stands()
    trader.leave("b", SIGNAL_ID="two")
    trader.do("bar")

    assert held == "open one 20985 21020"
    assert trader.log()[-1] == "b.txt | REFUSED: POSITION: one is working or open; one trade at a time"


def test_an_account_that_holds_something_else_is_left_alone(trader: Trader) -> None:
    trader.start([FLAT] * 3).do("foreign 1")
    trader.leave()
    trader.do("bar")

    assert trader.log() == ["a.txt | REFUSED: POSITION: the account holds 1 already"]


def test_a_second_strategy_on_the_folder_waits_for_the_first(trader: Trader) -> None:
    """It trades nothing and says why. When the first one ends, as after a reload, it takes over."""
    trader.start([FLAT] * 5)
    for line in ("chart B MES NQ 0", "on B load", "on B bar"):
        trader.do(line)
    trader.leave("b", INSTRUMENT="MES", CONTRACT="MES 03-26", SIGNAL_ID="two")
    trader.do("on B bar")
    there = (trader.folder / "b.txt").exists()
    told = "\n".join(trader.do("on B printed"))
    trader.do("unload")
    trader.do("on B bar")

    assert there
    assert "another strategy uses this folder" in told
    assert trader.log()[-1] == "b.txt | TAKEN: two"


def test_a_rejected_entry_frees_the_strategy(trader: Trader) -> None:
    trader.leave("a")
    trader.leave("b", SIGNAL_ID="two")
    trader.start([FLAT] * 3, "--reject", 1)

    assert trader.stands() == "working two"
    assert trader.log() == ["one | REJECTED: simulated rejection", "a.txt | TAKEN: one", "b.txt | TAKEN: two"]
