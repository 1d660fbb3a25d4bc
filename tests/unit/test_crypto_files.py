"""Files of products that trade around the clock: the daily break and the weekend are theirs, too, and prove nothing."""

from pathlib import Path

import pytest

from tapewire.bus.errors import DataError
from tests.recordings import read


def export(path: Path, first: str) -> Path:
    """Minutes in UTC from a Friday evening in New York on: the weekend, where CME's index futures are closed."""
    path.write_text("".join(f"{first} 22{minute:02}00;60000;60010;60000;60005;3\n" for minute in range(1, 40)))
    return path


def test_bitcoin_trades_on_the_weekend(tmp_path: Path) -> None:
    """Since 2026-05-29 it does: such bars are read, and that nothing proves their clock is said."""
    recording = read(export(tmp_path / "BTC 10-26.Last.txt", "20261010"), "BTC")

    assert len(recording.bars) == 39
    assert any("trades around the clock" in note for note in recording.notes)


@pytest.mark.parametrize("name, first", [("BTC 04-26.Last.txt", "20260411"), ("NQ 12-26.Last.txt", "20261010")])
def test_others_do_not(tmp_path: Path, name: str, first: str) -> None:
    """Bitcoin before that day, and index futures on any weekend, are refused by the row."""
    with pytest.raises(DataError, match="closed at the weekend"):
        read(export(tmp_path / name, first), name.split(" ")[0])
