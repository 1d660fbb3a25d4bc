"""PLAYBOOK.md says what the code does: each citation has its heading, each table the shipped values, each example its signals."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from tapewire import strategies
from tapewire.bus.messages import Bar, Trade
from tapewire.bus.testing import MINUTE_NS, eastern
from tapewire.daemons.gate.books import sizing
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Preset
from tapewire.strategies import registry
from tapewire.strategies.protocol import Proposal
from tapewire.strategies.roster import Independent
from tests.candles import backtest, sessions, settings
from tests.documents import texts

DOCUMENT = (Path(strategies.__file__).parent / "PLAYBOOK.md").read_text("utf-8")
HEADING = re.compile(r"^#{2,3} (\d+(?:\.\d+)?)\.? ", re.MULTILINE)
# "playbook 2.7", "playbook 4 and 5.2", "(playbook 2.2, 9.3)", "the playbook, section 6"; a line may end inside it.
CITATION = re.compile(r"\bplaybook(?:,?\s+sections?)?\s+(?:#\s+)?(\d+(?:\.\d+)?(?:(?:,| and)\s+\d+(?:\.\d+)?)*)", re.IGNORECASE)
NUMBER = re.compile(r"\d+(?:\.\d+)?")

STRATEGIES = {
    "3.1": "trend_day_bull",
    "3.2": "p_day",
    "3.3": "b_day_ibl_fade",
    "3.4": "edge_fade",
    "3.5": "ibh_sweep_fail",
    "3.6": "bear_accept_short",
    "3.7": "or_reversal",
    "8.6": "v_reversal",
    "8.7": "v_reversal",
    "9.6": "vwap_bounce",
    "9.7": "vwap_bounce",
}
DAY = "2027-03-03"


class Table(NamedTuple):
    """One table of the document: the section it stands in, the cells of its header, those of its rows."""

    section: str
    header: list[str]
    rows: list[list[str]]


def section(number: str) -> str:
    """The text of a section."""
    return re.split(HEADING, DOCUMENT.partition(f"\n### {number} ")[2])[0]


def tables() -> Iterator[Table]:
    section, lines = "", DOCUMENT.splitlines()
    for at, line in enumerate(lines):
        heading = HEADING.match(line)
        section = heading[1] if heading else section
        if line.startswith("| ---"):
            rows = []
            for row in lines[at + 1 :]:
                if not row.startswith("|"):
                    break
                rows.append(cells(row))
            yield Table(section, cells(lines[at - 1]), rows)


def cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip("|").split("|")]


def headed(*first: str) -> list[Table]:
    """The tables whose first column has one of these headings."""
    return [table for table in tables() if table.header[0] in first]


def preset(column: str) -> Preset | None:
    """The preset that a column is about: `seed`, or `cloud` of `vwap_bounce_cloud`; None for any other column."""
    names = [name for name in configuration.preset_names() if name == column or name.endswith(f"_{column}")]
    return configuration.preset(names[0]) if names else None


def columns(table: Table) -> list[tuple[int, Preset]]:
    return [(at, found) for at, name in enumerate(table.header) if (found := preset(name)) is not None]


def written(value: Any) -> str:
    """A value as the document writes it."""
    if value is None or value == ():
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:.10f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


# --- citations --------------------------------------------------------------------------------------------------------------------


def test_every_section_is_numbered_once() -> None:
    """Chapters from 1 on, and the sections of each likewise: a citation leads to one place."""
    numbers = HEADING.findall(DOCUMENT)
    chapters = [int(number) for number in numbers if "." not in number]

    assert chapters == list(range(1, len(chapters) + 1))
    for chapter in chapters:
        inside = [int(number.partition(".")[2]) for number in numbers if number.startswith(f"{chapter}.")]
        assert inside == list(range(1, len(inside) + 1)), chapter


def test_every_citation_of_the_playbook_leads_to_a_heading() -> None:
    """In code, comments, settings and documents alike."""
    headings = set(HEADING.findall(DOCUMENT))
    cited = {(name, number) for name, text in texts() for found in CITATION.finditer(text) for number in NUMBER.findall(found[1])}

    assert len(cited) > 100
    assert not [f"{name}: playbook {number}" for name, number in sorted(cited) if number not in headings]


def test_the_playbook_cites_only_its_own_headings() -> None:
    """A number in parentheses, such as "(5.1)" or "(2.7, 2.8)", is one of its sections."""
    headings = set(HEADING.findall(DOCUMENT))
    cited = [number for found in re.findall(r"\((\d\.\d+(?:, \d\.\d+)*)\)", DOCUMENT) for number in found.split(", ")]

    assert cited
    assert set(cited) <= headings


# --- tables -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", headed("parameter"), ids=lambda table: table.section)
def test_parameters_are_those_of_the_presets(table: Table) -> None:
    """Every parameter of the strategy has its row, and every cell is what the preset runs with."""
    name = STRATEGIES[table.section]
    for at, shipped in columns(table):
        (built,) = registry.build([name], shipped.parameters, shipped.day_type)
        params: Any = built.params  # type: ignore[attr-defined]
        expected = {field: written(getattr(params, field)) for field in params.__struct_fields__}

        assert {row[0]: row[at] for row in table.rows} == expected, shipped.name


def test_every_strategy_of_a_preset_has_its_parameters_in_the_playbook() -> None:
    """All but the plumbing test."""
    documented = {STRATEGIES[table.section] for table in headed("parameter")}

    assert documented == {name for each in configuration.preset_names() for name in configuration.preset(each).strategies}
    assert all(columns(table) for table in headed("parameter"))


@pytest.mark.parametrize("part", ["exits", "risk"])
def test_exits_and_limits_are_those_of_the_presets(part: str) -> None:
    """The tables of sections 5.2 and 6."""
    (table,) = headed(f"[{part}]")

    assert len(columns(table)) == 3
    for at, shipped in columns(table):
        values = getattr(shipped, part)
        for row in table.rows:
            assert row[at] == written(getattr(values, row[0])), f"{shipped.name} {row[0]}"


def test_sizes_by_risk_are_those_of_the_presets() -> None:
    """The table of section 9.5."""
    (table,) = headed("[risk.sizing]")

    assert len(columns(table)) == 2
    for at, shipped in columns(table):
        (sizing,) = shipped.risk.sizing.values()
        assert {row[0]: row[at] for row in table.rows} == {
            field: written(getattr(sizing, field)) for field in ("account", "risk_share", "max_contracts")
        }


def test_instruments_are_those_of_the_configuration() -> None:
    """Each symbol with every term of its contract."""
    (table,) = headed("instrument")
    terms = table.header[1:]

    assert {row[0]: row[1:] for row in table.rows} == {
        symbol: [written(getattr(instrument, term)) for term in terms] for symbol, instrument in configuration.instruments().items()
    }


@pytest.mark.parametrize("table", headed(*configuration.program_names()), ids=lambda table: table.header[0])
def test_terms_of_a_program_are_those_of_its_file(table: Table) -> None:
    """Rows name a value by its path in the file."""
    program = configuration.program(table.header[0])

    for path, value, _ in table.rows:
        assert value == written(attrgetter(path)(program)), path


# --- examples ---------------------------------------------------------------------------------------------------------------------


@functools.cache
def examples() -> dict[str, Table]:
    """The tables of bars by their names."""
    return {table.header[0].removeprefix("bars: "): table for table in tables() if table.header[0].startswith("bars: ")}


def bars(name: str, instrument: str) -> Iterator[Bar]:
    """The bars of a table; a row may stand for another table, or for one bar a minute."""
    for first, *numbers in examples()[name].rows:
        if first in examples():
            yield from bars(first, instrument)
            continue
        start, _, end = first.partition(" to ")
        opened, high, low, close, bought, sold = map(float, numbers)
        for close_ns in range(eastern(start, DAY), eastern(end or start, DAY) + 1, MINUTE_NS):
            yield Bar(
                instrument,
                close_ns - MINUTE_NS,
                close_ns,
                opened,
                high,
                low,
                close,
                int(bought + sold),
                int(bought),
                int(sold),
            )


def signal(minute: int, proposal: Proposal) -> list[str]:
    """A proposal as a row of the document, without the preset."""
    prices = [written(None if price is None else round(price, 2)) for price in (proposal.entry, proposal.stop, proposal.target)]
    return [f"{minute // 60:02}:{minute % 60:02}", proposal.setup, *prices, proposal.confidence]


@pytest.mark.parametrize("table", [table for table in tables() if table.header[0].startswith("signals: ")], ids=lambda t: t.section)
def test_an_example_gives_the_signals_below_it(table: Table) -> None:
    """The strategy alone over the example's bars, in each preset of its table: these signals and no others."""
    name = STRATEGIES[table.section]
    presets = dict.fromkeys(row[0] for row in table.rows)
    recorded = sessions(bars(table.section, "MNQ" if table.section.startswith("3") else "ES"))
    got = []
    for column in presets:
        shipped = preset(column)
        assert shipped is not None, column
        alone = Independent(registry.build([name], shipped.parameters, shipped.day_type), shipped.exits.exit_time)
        got += [[column, *signal(s.minute, proposal)] for s in recorded for proposal in alone.step(s)]

    assert got == table.rows


def test_every_strategy_has_an_example() -> None:
    """In each of its presets."""
    shown = {STRATEGIES[table.section]: table for table in tables() if table.header[0].startswith("signals: ")}

    assert set(shown) == set(STRATEGIES.values())
    for name, table in shown.items():
        trading = {each for each in configuration.preset_names() if name in configuration.preset(each).strategies}
        assert {found.name for row in table.rows if (found := preset(row[0]))} == trading


@pytest.mark.parametrize(
    ("high", "low", "ends"), [(20965.0, 20935.0, "-24.5 -49.00 -50.24"), (21001.0, 20963.0, "+35.5 +71.00 +69.76")]
)
def test_the_fills_of_the_example_are_those_of_a_backtest(high: float, low: float, ends: str) -> None:
    """Section 5.1: the entry of 3.3 fills at the next open; the bar after it reaches the stop, or the target."""
    recorded = list(bars("3.3", "MNQ"))
    for opened, highest, lowest in ((20964.0, 20965.0, 20963.0), (20964.0, high, low)):
        last = recorded[-1]
        after = {"open_ns": last.close_ns, "close_ns": last.close_ns + MINUTE_NS, "open": opened, "high": highest, "low": lowest}
        recorded.append(msgspec.structs.replace(last, close=20964.0, **after))
    (trade,) = (each.body for each in backtest(settings("seed", "MNQ"), recorded) if isinstance(each.body, Trade))
    points = trade.exit_price - trade.entry_price
    example = " ".join(section("5.1").split())

    assert (trade.setup, trade.entry_price, trade.size) == ("B_DAY_IBL_FADE", 20964.25, 1)
    assert ends == f"{points:+.1f} {points * 2:+.2f} {trade.net_cents / 100:+.2f}"
    assert all(number in example for number in (f"{trade.exit_price:,.2f}", *ends.split()))


@pytest.mark.parametrize(("name", "contracts"), [("seed", 1), ("absolute", 8), ("adaptive", 8)])
def test_the_sizes_of_the_example_are_those_of_the_gate(name: str, contracts: int) -> None:
    """Section 6: the entry of 3.3 on MNQ, 24 points to its stop."""
    limits, instrument = configuration.preset(name).risk, configuration.instruments()["MNQ"]

    assert sizing.wanted(limits, instrument, 20964.0, 20940.0) == contracts
    assert "48 dollars: `seed` trades 1 contract, the others 8." in " ".join(DOCUMENT.split())
