"""MAE, MFE and R by hand-computed numbers: one MNQ contract in at 100.25, risk 5 points, and bars around it."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tapewire.bus.messages import Bar
from tapewire.daemons.settings.load import instruments
from tapewire.replay import outputs
from tapewire.replay.excursion import Measures, Prices, measure
from tests.runs import Tape, at, conf, signal, trade

MNQ = instruments()["MNQ"]


def bars(*prices: tuple[float, float, float, float], first: int = 661) -> list[Prices]:
    """Bars of consecutive minutes: open, high, low, close. The first is the one after the signal of 11:00."""
    return [Prices(at(first + number), *each) for number, each in enumerate(prices)]


def held(exit_price: float, reason: str, minutes: int, net_cents: int = 0, **fields: Any) -> Any:
    """A long decided at 11:00, filled at 100.25 in the bar of 11:01, and held for so many bars."""
    return replace(trade(661, 660 + minutes, net_cents, reason=reason), exit_price=exit_price, **fields)


QUIET = (100.0, 101.0, 99.0, 100.5)
DEEP = (100.5, 102.0, 96.0, 101.0)
HIGH = (101.0, 104.5, 100.75, 103.0)


@pytest.mark.parametrize(
    ("story", "made", "around", "mae", "mfe"),
    [
        ("bars held whole count with both extremes", held(100.75, "EOD", 2), (QUIET, DEEP), 4.25, 1.75),
        ("a bar after the last one held does not", held(100.75, "EOD", 1), (QUIET, DEEP), 1.25, 0.75),
        ("an exit at the next open counts with its fill", held(98.5, "EOD", 1), (QUIET, DEEP), 1.75, 0.75),
        ("of the bar of the stop only its open and the fill", held(94.75, "STOP", 2), (QUIET, DEEP), 5.5, 0.75),
        ("and of the bar of the target likewise", held(103.0, "TARGET", 2), (QUIET, HIGH), 1.25, 2.75),
        ("stopped in the bar of the entry", held(94.75, "STOP", 1), (DEEP,), 5.5, 0.25),
        ("a gap through the stop counts with the open", held(94.0, "STOP", 2), (QUIET, (94.25, 95.0, 90.0, 91.0)), 6.25, 0.75),
        ("closed by hand, nobody knows when", held(101.0, "FOREIGN", 2), (QUIET, HIGH), 1.25, 0.75),
        ("held to the last close of the date", held(102.75, "SESSION_END", 2), (QUIET, HIGH), 1.25, 4.25),
        ("never in profit, never negative", held(99.0, "EOD", 1), ((100.0, 100.0, 99.25, 99.25),), 1.25, 0.0),
    ],
)
def test_how_far_a_long_went(story: str, made: Any, around: tuple[Any, ...], mae: float, mfe: float) -> None:
    """Points from the fill at 100.25, worst and best, of prices that were surely there while it was held."""
    found = measure(made, None, bars(*around), MNQ)

    assert (found.mae, found.mfe) == (mae, mfe), story


def test_a_short_is_measured_the_other_way() -> None:
    """Against a short is up: the same two bars that cost a long 4.25 gave the short that, and cost it 1.75."""
    made = held(100.75, "EOD", 2, direction="SHORT")

    found = measure(made, None, bars(QUIET, DEEP), MNQ)

    assert (found.mae, found.mfe) == (1.75, 4.25)


@pytest.mark.parametrize(
    ("story", "around", "entry_price", "mae", "mfe"),
    [
        # Rests at 99.5 through QUIET (which never was ours), fills in the second bar on its way down, leaves at 101.0.
        ("the fill bar's high may lie before the fill", (HIGH, (101.0, 104.0, 98.0, 100.0)), 99.5, 1.5, 1.5),
        ("a bar that opens beyond the limit is held whole", (HIGH, (99.25, 104.0, 98.0, 100.0)), 99.25, 1.25, 4.75),
    ],
)
def test_a_limit_counts_from_its_fill(story: str, around: tuple[Any, ...], entry_price: float, mae: float, mfe: float) -> None:
    """Bars while it rested are not its own; of the bar in which it filled the close and the far extreme are certain."""
    made = held(101.0, "EOD", 2, entry_price=entry_price, entry_ns=at(662))

    found = measure(made, replace(signal(660), limit=99.5), bars(*around), MNQ)

    assert (found.mae, found.mfe) == (mae, mfe), story


@pytest.mark.parametrize(
    ("size", "net_cents", "r"),
    [(1, 1_000, 1.0), (1, -1_124, -1.124), (1, 0, 0.0), (3, 4_500, 1.5)],
)
def test_r_is_net_over_the_risk_at_entry(size: int, net_cents: int, r: float) -> None:
    """Proposed at 100 with the stop at 95: 5 points of 2 dollars a contract are what one R is."""
    made = held(100.25, "EOD", 1, net_cents, size=size)

    assert measure(made, signal(660), bars(QUIET), MNQ).r == r


def test_r_is_measured_by_the_first_stop() -> None:
    """A stop that was moved to breakeven does not make the risk smaller afterwards."""
    made = held(103.0, "TARGET", 1, 1_000, stop=100.25)

    assert measure(made, signal(660), bars(QUIET), MNQ).r == 1.0


@pytest.mark.parametrize(("entry", "terms"), [(None, MNQ), (signal(660, stop=None), MNQ), (signal(660), None)])
def test_without_a_known_risk_there_is_no_r(entry: Any, terms: Any) -> None:
    """No signal, no stop or no terms: null, not 0."""
    assert measure(held(100.25, "EOD", 1, 100), entry, bars(QUIET), terms) == Measures(1.25, 0.75, None)


def test_excursions_frame_the_profit() -> None:
    """Without a single bar the two fills still say: 2.75 points in favour, none against."""
    assert measure(held(103.0, "TARGET", 20), None, [], MNQ) == Measures(0.0, 2.75, None)


def test_a_run_writes_them_behind_its_trades(tmp_path: Path) -> None:
    """Joined from the journal: bars by instrument and time, the entry signal by its order id."""
    tape = Tape(tmp_path / "run")
    for minute, (opened, high, low, close) in ((661, QUIET), (662, DEEP), (663, HIGH)):
        tape.publish("raw.bar.MNQ.1m.", at(minute), Bar("MNQ", at(minute - 1), at(minute), opened, high, low, close, 10))
    tape.publish("signal.MNQ.", at(660), replace(signal(660), order_id="T-661"))
    tape.publish("trade.MNQ.", at(663), trade(661, 663, 1_500))
    tape.close()

    outputs.write(tmp_path / "run", conf())

    line = (tmp_path / "run" / "trades.jsonl").read_text()
    assert line.endswith('"mae":4.25,"mfe":2.75,"r":1.5}\n')
