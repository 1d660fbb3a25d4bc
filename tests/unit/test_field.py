"""Recordings as real files are bent, through the same reading as the commands': read, told, or refused with the remedy named."""

import numpy as np
import pytest

from tapewire.bus.errors import DataError
from tapewire.replay.sources.recording import Recording
from tests.recordings import read
from tests.shared import SHARED, needs_shared

FIELD = SHARED / "field"
FIRST = 1380  # bars of the first recorded session, which most inputs hold

READ = {
    "blank_tail": "blank lines",
    "bom": "",
    "crlf": "",
    "cut_last_line": "is cut, the file was still being written",
    "decimal_comma": "",
    "extra_columns": "",
    "header_case": "",
    "no_session_date": "no column session_date",
    "period_minute": "the period is called '1 Minute'",
    "quoted": "",
    "roll_mid_file": "the price jumps by",
    "seconds": "",
    "space_stamp": "",
    "trailing_comma": "",
    "trailing_comma_rows": "",
    "unclassified_volume": "0.65% of the volume is in neither side",
    "utf16": "",
    "missing_minutes": "minutes of the day session have no bar",
    "no_flow": "no order flow",
    "zero_volume_run": "60 of 1,380 minutes have volume 0",
    "zero_volume_all": "1,380 of 1,380 minutes have volume 0",
}
REFUSED = {
    "break_bar": "line 1382, stamp '2026-02-06 17:30 New York': in the daily break .*--skip-bad 1",
    "empty": "no bars",
    "future": "a year that has not come",
    "negative_prices": "below 0; say --adjusted",
    "only_header": "no bars",
    "open_stamps": "look like the open of each bar; say --stamps open",
    "ratio_adjusted": "not a multiple of the tick 0.25; export unadjusted prices",
    "reversed": "runs backwards, newest row first .*--sort",
    "us_stamp": "looks like %m/%d/%Y %I:%M:%S %p",
    "utc_stamps": "on 4 of 5 days, .* at 14:31: these stamps look like UTC; say --zone UTC",
    "weekend_bar": "closed at the weekend.*--skip-bad 1",
}
WITH_A_WORD = {
    "break_bar": {"skip_bad": 1},
    "weekend_bar": {"skip_bad": 1},
    "open_stamps": {"stamps": "open"},
    "utc_stamps": {"zone": "UTC"},
    "reversed": {"sort": True},
}
SAME_BARS = ("bom", "crlf", "seconds", "space_stamp", "extra_columns", "trailing_comma", "trailing_comma_rows", "header_case")
SAME_BARS += ("quoted", "decimal_comma", "utf16", "blank_tail", "no_session_date", "period_minute")


@pytest.fixture(scope="module")
def original() -> Recording:
    return read(SHARED / "data" / "ninjatrader")


def own_bars(recording: Recording) -> list[tuple[object, ...]]:
    """What a bar is without the companions beside it."""
    return [(b.close_ns, b.open, b.high, b.low, b.close, b.volume, b.ask_volume, b.bid_volume) for b in recording.bars]


@needs_shared
@pytest.mark.parametrize("name, told", READ.items(), ids=READ)
def test_what_can_be_read_is_read_and_told(name: str, told: str) -> None:
    """A note says what was corrected or is doubtful; of a usual file there is none."""
    recording = read(FIELD / name)

    assert recording.bars
    assert any(told in note for note in recording.notes) if told else recording.notes == ()


@needs_shared
@pytest.mark.parametrize("name", SAME_BARS)
def test_another_way_of_writing_gives_the_same_bars(name: str, original: Recording) -> None:
    """Byte order mark, line ends, quotes, commas, encodings: the bars equal the original's to the last digit."""
    assert own_bars(read(FIELD / name)) == own_bars(original)[:FIRST]


@needs_shared
@pytest.mark.parametrize("name, why", REFUSED.items(), ids=REFUSED)
def test_what_cannot_be_true_is_refused_with_its_remedy(name: str, why: str) -> None:
    """The error names what was seen and the option that makes it right."""
    with pytest.raises(DataError, match=why):
        read(FIELD / name)


@needs_shared
@pytest.mark.parametrize("name, options", WITH_A_WORD.items(), ids=WITH_A_WORD)
def test_the_named_option_gives_the_originals_bars(name: str, options: dict[str, object], original: Recording) -> None:
    """The remedy is not only named: it works."""
    recording = read(FIELD / name, **options)

    assert own_bars(recording) == own_bars(original)[: len(recording.bars)]


@needs_shared
def test_adjusted_prices_may_be_below_zero() -> None:
    """With `--adjusted`, a series that was moved by its rolls is read."""
    recording = read(FIELD / "negative_prices", adjusted=True)

    assert min(bar.low for bar in recording.bars) < 0


@needs_shared
def test_a_stamp_with_its_zone_is_believed_and_told() -> None:
    """Stamps that end in Z are UTC; that these bars do not fit is said, with the zone in which they do."""
    recording = read(FIELD / "z_stamp")

    assert len(recording.bars) == FIRST
    assert any("look like America/New_York" in note and "was believed" in note for note in recording.notes)


@needs_shared
def test_flow_that_is_missing_is_null() -> None:
    """Both sides 0 with volume mean that nobody knows the sides: None, and never 0."""
    recording = read(FIELD / "no_flow")

    assert {(bar.ask_volume, bar.bid_volume) for bar in recording.bars} == {(None, None)}


@needs_shared
@pytest.mark.parametrize("hours", [-12, -7, -3, -1, 1, 2, 6, 13])
def test_a_clock_that_is_off_by_hours_is_never_taken(hours: int, original: Recording) -> None:
    """Whatever zone a file was written in, its bars contradict New York's day."""
    from tapewire.replay.sources import proof

    close = np.array([bar.close_ns for bar in original.bars]) + hours * 3_600_000_000_000
    volume = np.array([bar.volume for bar in original.bars])

    assert not proof.evidence(close, volume).fits
