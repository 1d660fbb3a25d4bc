"""Four recorded sessions in every format: with the right word the bars are the original's, without it they are refused."""

from pathlib import Path
from typing import Any

import pytest

from tapewire.bus.errors import DataError
from tapewire.bus.messages import Bar
from tests import recordings, rewritten
from tests.rewritten import CHICAGO, UTC, Write
from tests.shared import SHARED, needs_shared

FORMATS: dict[str, tuple[Write, dict[str, Any]]] = {
    "volumetric": (rewritten.volumetric, {}),
    "volumetric in UTC": (lambda folder, bars: rewritten.volumetric(folder, bars, UTC), {"zone": "UTC"}),
    "volumetric in Chicago": (lambda folder, bars: rewritten.volumetric(folder, bars, CHICAGO), {"zone": "America/Chicago"}),
    "volumetric by its opens": (lambda folder, bars: rewritten.volumetric(folder, bars, at_open=True), {"stamps": "open"}),
    "volumetric, newest first": (lambda folder, bars: rewritten.volumetric(folder, bars, newest_first=True), {"sort": True}),
    "NinjaTrader export": (rewritten.ninjatrader, {}),
    "NinjaTrader database": (rewritten.ninjatrader_database, {"zone": "America/Chicago"}),
    "Sierra Chart text": (rewritten.sierra_text, {"zone": "America/Chicago"}),
    "Sierra Chart scid": (rewritten.sierra_scid, {}),
    "Databento": (rewritten.databento, {}),
    "FirstRate": (rewritten.firstrate, {}),
    "TradingView": (rewritten.tradingview, {}),
    "MultiCharts": (rewritten.multicharts, {"zone": "America/Chicago"}),
    "NinjaTrader exports of two contracts": (rewritten.per_contract, {}),
}
WITH_FLOW = ("volumetric", "Sierra")
WORDS = {
    "volumetric in UTC": "say --zone UTC",
    "volumetric in Chicago": "say --zone America/Chicago",
    "volumetric by its opens": "say --stamps open",
    "volumetric, newest first": "--sort",
    "NinjaTrader database": "say --zone America/Chicago",
    "Sierra Chart text": "say --zone America/Chicago",
    "MultiCharts": "say --zone America/Chicago",
}


@pytest.fixture(scope="module")
def original() -> list[Bar]:
    return list(recordings.read(SHARED / "data" / "ninjatrader").bars)


@needs_shared
@pytest.mark.parametrize("name", FORMATS)
def test_the_bars_of_every_format_are_the_originals(name: str, original: list[Bar], tmp_path: Path) -> None:
    """Stamps, prices and volume to the last digit; order flow where the format carries it, and null where it does not."""
    write, options = FORMATS[name]

    bars = recordings.read(write(tmp_path, original), **options).bars

    flow = name.startswith(WITH_FLOW)
    got = [(b.close_ns, b.open, b.high, b.low, b.close, b.volume) for b in bars]
    assert [(b.ask_volume, b.bid_volume) for b in bars] == [
        (b.ask_volume, b.bid_volume) if flow else (None, None) for b in original
    ]
    if name.endswith("two contracts"):
        # The session before decides: the later contract comes a session after its volume does.
        assert [row[:5] for row in got] == [(b.close_ns, b.open, b.high, b.low, b.close) for b in original]
    else:
        assert got == [(b.close_ns, b.open, b.high, b.low, b.close, b.volume) for b in original]


@needs_shared
@pytest.mark.parametrize("name, remedy", WORDS.items(), ids=WORDS)
def test_a_clock_is_never_guessed(name: str, remedy: str, original: list[Bar], tmp_path: Path) -> None:
    """Without the word the file is refused, and the error says which word it is."""
    write, _ = FORMATS[name]

    with pytest.raises(DataError, match=remedy):
        recordings.read(write(tmp_path, original))
