"""The tables of docs/fills.md, row by row, and what the options do beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from tapewire.bus.errors import ConfError
from tapewire.bus.messages import Action, Bar, ClosePosition, Execution, MoveBracket, OrderStatus, OrderUpdate, PlaceOrder
from tapewire.bus.testing import bar, eastern
from tapewire.daemons.settings.fills import MODELS, NEXT_OPEN, NINJATRADER, FillOptions
from tapewire.daemons.settings.load import instruments
from tapewire.daemons.settings.structs import Conf
from tapewire.replay.desk.start import configured as configuration_of
from tapewire.replay.venue.core import Venue
from tapewire.replay.venue.reports import VenueReport
from tapewire.replay.venue.rules import rules
from tapewire.replay.venue.stated import stated

DOCUMENT = Path(__file__).parents[2] / "docs" / "fills.md"
ACCOUNT = "Sim101"
CLOSE_IT = ClosePosition("OUT", ACCOUNT, "MNQ", "IN", "EOD")


def table(name: str) -> list[list[str]]:
    """The rows of a table of the document that is marked by this name, without its head."""
    text = DOCUMENT.read_text("utf-8").partition(f"<!-- {name} -->\n\n")[2]
    lines = text[: text.index("\n\n")].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


class Story(NamedTuple):
    """An order in the document's words, and the bars that follow the one that decides."""

    order: str
    bars: str

    def candles(self) -> Iterator[Bar]:
        for minute, text in enumerate(self.bars.split(";"), 1):
            opened, high, low, closed, *volume = map(float, text.split())
            made = bar(f"11:{minute:02}", opened, closed, high=high, low=low, index=10 + minute)
            yield msgspec.structs.replace(made, volume=int(volume[0]) if volume else 1000)

    def entry(self, qty: int) -> PlaceOrder:
        side = 1 if self.order.startswith("long") else -1
        limit = re.search(r"limit ([\d.]+)", self.order)
        return PlaceOrder(
            id="IN",
            account=ACCOUNT,
            instrument="MNQ",
            action=Action.ENTER_LONG if side > 0 else Action.ENTER_SHORT,
            qty=qty,
            stop=100.0 - 10 * side,
            target=100.0 + 20 * side,
            valid_until_ns=eastern("11:02"),
            limit=None if limit is None else float(limit.group(1)),
        )

    def play(self, venue: Venue, qty: int = 1) -> list[VenueReport]:
        decides = bar("11:00", 100.0, high=103.0, low=99.0, index=10)
        venue.on_bar(msgspec.structs.replace(decides, volume=1000))
        reports = [*venue.on_order(self.entry(qty))]
        for number, candle in enumerate(self.candles(), 1):
            reports += venue.on_bar(candle)
            if number == 1 and "exit" in self.order:
                reports += venue.on_order(CLOSE_IT)
        return reports + (venue.finish() if "end" in self.order else [])


def opened(fill: str, **options: Any) -> Venue:
    return Venue(instruments(), ACCOUNT, fill, FillOptions(**options))


def told(reports: list[VenueReport]) -> str:
    """Fills as the document writes them: role and price."""
    words = ("in" if each.role == "ENTRY" else each.role for each in reports if isinstance(each, Execution))
    prices = (f"{each.price:g}" for each in reports if isinstance(each, Execution))
    return ", ".join(map(" ".join, zip(words, prices, strict=True))) or "-"


def told_whole(reports: list[VenueReport]) -> str:
    """The same with the contracts, and with what came of the entry."""
    words = []
    for each in reports:
        if isinstance(each, Execution):
            words.append(f"{'in' if each.role == 'ENTRY' else each.role} {abs(each.qty)} at {each.price:g}")
        elif each.status in (OrderStatus.CANCELLED, OrderStatus.REJECTED):
            words.append(str(each.status).lower())
    return ", ".join(words)


@pytest.mark.parametrize("row", table("fills"), ids=lambda row: row[0])
@pytest.mark.parametrize(("at", "model"), list(enumerate(MODELS)))
def test_the_document_says_what_each_model_does(row: list[str], at: int, model: str) -> None:
    """Each row of the table is an order and bars; each model fills it as its column says."""
    story = Story(row[1], row[2])

    assert told(story.play(opened(model))) == row[3 + at]


@pytest.mark.parametrize("row", table("options"), ids=lambda row: f"{row[0]}: {row[2]}")
def test_the_document_says_what_each_option_does(row: list[str]) -> None:
    name, _, value = row[0].partition("=")
    options = msgspec.convert({name: value}, FillOptions, strict=False)
    venue = Venue(instruments(), ACCOUNT, NEXT_OPEN, options)

    assert told_whole(Story(row[1], row[2]).play(venue, qty=3)) == row[3]


@pytest.mark.parametrize(("expire", "expected"), [(False, "in 1 at 100.25"), (True, "cancelled")])
def test_an_entry_at_the_market_may_expire_too(expire: bool, expected: str) -> None:
    """The next bar comes three minutes after the deciding one, and the entry was good for two."""
    venue = opened(NEXT_OPEN, expire=expire)
    venue.on_bar(bar("11:00", 100.0, index=10))
    reports = [*venue.on_order(Story("long", "").entry(1)), *venue.on_bar(bar("11:03", 100.0, 100.0, index=13))]

    assert told_whole(reports) == expected


def test_a_rejection_is_a_function_of_the_order_and_the_seed() -> None:
    """What else the venue saw makes no difference; another seed rejects others; the share is about what was asked for."""
    names = [f"MNQ-20270224-{number:04}-S-EL" for number in range(1000)]
    drawn = [
        {name for name in names if rules(NEXT_OPEN, FillOptions(reject_share=0.2, seed=seed)).rejects(name)} for seed in (1, 2)
    ]
    again = {name for name in reversed(names) if rules(NINJATRADER, FillOptions(reject_share=0.2)).rejects(name)}

    assert drawn[0] == again != drawn[1]
    assert all(150 < len(each) < 250 for each in drawn)


def test_a_close_is_rejected_too_and_a_move_is_not() -> None:
    """A broker may refuse what closes a position; the bracket stays."""
    venue = opened(NEXT_OPEN)
    Story("long", "100 101 99 100").play(venue)
    refusing = opened(NEXT_OPEN, reject_share=1.0)
    refusing._books = venue._books  # the position of the first venue

    closed, moved = (refusing.on_order(order) for order in (CLOSE_IT, MoveBracket("M", ACCOUNT, "MNQ", "IN", stop=95.0)))

    assert [(each.status, each.detail) for each in closed if isinstance(each, OrderUpdate)] == [
        (OrderStatus.REJECTED, "rejected by fills.reject_share = 1 with seed 1")
    ]
    assert [each.status for each in moved if isinstance(each, OrderUpdate)] == [OrderStatus.DONE]


def test_fill_on_touch_is_an_option_of_ninjatrader() -> None:
    """`IsFillLimitOnTouch`: the rest of its rules stay."""
    story = Story("long", "100 101 99 100; 110 120 89 100")

    assert told(story.play(opened(NINJATRADER))) == "in 100.25, STOP 89.75"
    assert told(story.play(opened(NINJATRADER, limits="touch"))) == "in 100.25, TARGET 120"


def test_an_entry_in_parts_may_be_closed_and_what_is_left_is_cancelled() -> None:
    """An exit passes while the rest of the entry works; the venue names both orders as working, and cancels the rest."""
    venue = opened(NEXT_OPEN, partial_share=0.1)
    Story("long", "100 101 99 100 20").play(venue, qty=3)
    before = venue.position("MNQ")

    reports = venue.on_order(CLOSE_IT)

    assert (before.qty, before.working) == (2, ("IN",))
    assert [(each.order_id, str(each.status)) for each in reports if isinstance(each, OrderUpdate)] == [
        ("OUT", "ACCEPTED"),
        ("IN", "CANCELLED"),
    ]


def test_a_distance_is_counted_from_the_average_of_the_fills() -> None:
    """Two contracts at 100.25 and one at 101.25: the average is 100.58, so a stop 10 points away is on the tick below 90.58."""
    venue = opened(NEXT_OPEN, partial_share=0.1)
    story = Story("long", "100 101 99 100 20; 101 102 100 101 20")
    entry = msgspec.structs.replace(story.entry(3), stop_points=10.0, target_points=20.0)
    venue.on_bar(bar("11:00", 100.0, index=10))
    venue.on_order(entry)
    for candle in story.candles():
        venue.on_bar(candle)

    position = venue.position("MNQ")

    assert (position.qty, position.price, position.stop, position.target) == (3, 100.5833333333, 90.5, 120.5)


def test_profit_of_fills_in_parts_is_exact() -> None:
    """2 at 100.25 and 1 at 101.25 go at 89.75: -32.5 points of 2 dollars, and six sides of 62 cents."""
    venue = opened(NEXT_OPEN, partial_share=0.1)
    Story("long", "100 101 99 100 20; 101 102 100 101 20; 95 96 89 90").play(venue, qty=3)

    assert venue.position("MNQ").realised == -65.0 - 3.72


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"partial_share": 0.0}, "partial_share = 0: write a share above 0"),
        ({"partial_share": 1.5}, "partial_share = 1.5: write a share above 0 and at most 1"),
        ({"reject_share": -0.1}, "reject_share = -0.1: write a share from 0 to 1"),
        ({"slippage_atr": 11.0}, "slippage_atr = 11: write a share from 0 to 10"),
        ({"slippage_range": -1.0}, "slippage_range = -1"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_by_name(options: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        FillOptions(**options)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ninjatrade", "did you mean 'ninjatrader'"),
        ("nonsense", "known: next_open, close, ninjatrader"),
        ("compare", "side by side"),
    ],
)
def test_an_unknown_model_is_refused_with_the_known_ones(name: str, words: str) -> None:
    with pytest.raises(ConfError, match=re.escape(words)):
        configured(fill=name)


def configured(*settings: str, fill: str | None = None, preset: str = "seed") -> Conf:
    return configuration_of("backtest", "MNQ", preset, None, settings, fill, False, None, None)


def test_a_preset_names_model_and_options_and_the_command_line_wins(tmp_path: Path) -> None:
    """The run's configuration holds the model that it uses, and each daemon reads it from there."""
    path = tmp_path / "mine.toml"
    path.write_text(
        'description = "mine"\nday_type = "edge"\nstrategies = ["pipeline"]\nfill = "ninjatrader"\n'
        '[fills]\npartial_share = 0.1\nlimits = "none"\n'
    )

    assert configured(preset=str(path)).fill == "ninjatrader"
    assert configured(preset=str(path)).preset.fills == FillOptions(partial_share=0.1)
    assert configured("fill=optimistic", preset=str(path)).fill == "optimistic"
    assert configured("fill=optimistic", preset=str(path), fill="close").fill == "close"
    assert configured("fills.partial_share=none", preset=str(path)).preset.fills == FillOptions()


def test_a_wrong_option_is_refused_with_its_place() -> None:
    with pytest.raises(ConfError, match=r"did you mean 'partial_share'"):
        configured("fills.partial_shar=0.1")
    with pytest.raises(ConfError, match=r"limits"):
        configured("fills.limits=sometimes")


def test_the_rules_of_a_run_are_stated_and_those_that_flatter_say_so() -> None:
    """By the model and the options, whatever they are: never empty, and of each kind of order once."""
    for model in MODELS:
        for options in ((), ("fills.partial_share=0.1", "fills.reject_share=0.5", "fills.slippage_atr=0.1", "fills.expire=true")):
            found = stated(configured(*options, fill=model))

            assert len({each.of for each in found}) == len(found)
    flattering = {model: {each.of for each in stated(configured(fill=model)) if each.flatters} for model in MODELS}
    assert flattering["next_open"] == {"limit entries and targets", "a gap over a limit or a target", "quantity"}
    assert flattering["pessimistic"] == {"quantity"} < flattering["ninjatrader"] < flattering["optimistic"]
