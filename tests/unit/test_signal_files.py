"""Signals as files for a strategy that reads files (playbook 8.4)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tapewire.bus.messages import Action, PublicSignal
from tapewire.daemons.publisher.signal_files import SignalFiles
from tests.candles import backtest, bars, mirrored, settings
from tests.unit.test_strategies_v_reversal import BIDIRECTIONAL, CLASSIC, DAY, V1

GOOD = {"INSTRUMENT": "ES", "CONTRACT": "ES 03-25", "VALID_UNTIL": "2025-02-13T19:29:00Z"}


def signal(preset: str = BIDIRECTIONAL, *, sale: bool = False) -> PublicSignal:
    """The public signal of vector V1 (or V2), as a run publishes it."""
    rows = mirrored(V1, 12214.5) if sale else V1
    (published,) = (
        event.body for event in backtest(settings(preset), bars("13:39", rows, day=DAY)) if isinstance(event.body, PublicSignal)
    )
    return published


def parsed(path: Path) -> dict[str, str]:
    """The values as a reader of the file parses them: without comments and empty lines, split at the first `=`."""
    lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_vector_v1_as_a_classic_file(tmp_path: Path) -> None:
    """The file name and the keys of purchases only."""
    path = SignalFiles(tmp_path).take(signal(CLASSIC))

    assert path == tmp_path / "vreversal_20250213_135900.txt"
    assert parsed(path) == {
        "ACTION": "BUY",
        "ENTRY_PRICE": "6110.00",
        "STOP_LOSS": "6103.89",
        "TAKE_PROFIT": "6113.00",
        "SIGNAL_ID": "20250213_135900_6107.25_6091.50",
        "PATTERN_TYPE": "V_REVERSAL",
        "DROP_POINTS": "15.75",
        "ORIGIN_HIGH": "6107.25",
        "BREAKOUT_HIGH": "6112.00",
        "CONFIDENCE": "0.800",
        **GOOD,
    }


@pytest.mark.parametrize(
    ("sale", "name", "values"),
    [
        (False, "enhanced_vreversal_buy_20250213_135900.txt", "BUY 6110.00 6103.89 6113.00 DOWNWARD_V 6107.25 6091.50 6112.00"),
        (True, "enhanced_vreversal_sell_20250213_135900.txt", "SELL 6104.50 6110.60 6101.50 UPWARD_V 6107.25 6123.00 6102.50"),
    ],
)
def test_both_directions_as_enhanced_files(tmp_path: Path, sale: bool, name: str, values: str) -> None:
    """In a folder of their own, with the keys of both directions."""
    action, entry, stop, target, subtype, origin, extreme, breakout = values.split()
    path = SignalFiles(tmp_path).take(signal(sale=sale))

    assert path == tmp_path / "enhanced" / name
    assert parsed(path) == {
        "ACTION": action,
        "ENTRY_PRICE": entry,
        "STOP_LOSS": stop,
        "TAKE_PROFIT": target,
        "SIGNAL_ID": f"{action}_20250213_135900_{origin}_{extreme}",
        "PATTERN_TYPE": "BIDIRECTIONAL_V_REVERSAL",
        "PATTERN_SUBTYPE": subtype,
        "MOVE_POINTS": "15.75",
        "ORIGIN_PRICE": origin,
        "EXTREME_PRICE": extreme,
        "BREAKOUT_PRICE": breakout,
        "CONFIDENCE": "1.000",
        "VOLUME_CONFIRMED": "false",
        **GOOD,
    }


def test_the_comments_are_for_a_person(tmp_path: Path) -> None:
    """Time, pattern, confidence, move and risk, before the first value."""
    path = SignalFiles(tmp_path).take(signal(CLASSIC))
    assert path is not None

    assert path.read_text("utf-8").splitlines()[:4] == [
        "# 2025-02-13 13:59:00 Eastern, ES",
        "# V_REVERSAL DOWNWARD_V: down 15.75 from 6107.25 to 6091.50, broke out to 6112.00, back at 6110.00; confidence 0.800",
        "# confidence 80%, move 15.75 points in 19 minutes",
        "# risk: limit order at the entry, stop 6103.89, good until 14:29 Eastern",
    ]


def test_a_duplicate_signal_writes_nothing(tmp_path: Path) -> None:
    """A file with its id exists."""
    files, entry = SignalFiles(tmp_path), signal()
    files.take(entry)

    assert files.take(entry) is None
    assert len(list(tmp_path.rglob("*.txt"))) == 1


def test_another_signal_of_the_same_bar_overwrites_nothing(tmp_path: Path) -> None:
    """Same stamp, other id: a number is added to the name, as often as needed."""
    files, entry = SignalFiles(tmp_path), signal(CLASSIC)
    paths = [files.take(msgspec.structs.replace(entry, id=f"ID{number}")) for number in range(3)]

    assert [path.name for path in paths if path] == [
        "vreversal_20250213_135900.txt",
        "vreversal_20250213_135900_2.txt",
        "vreversal_20250213_135900_3.txt",
    ]


def test_a_reader_never_sees_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure before the rename leaves no .txt; the next attempt writes a complete file."""
    files, entry = SignalFiles(tmp_path), signal(CLASSIC)
    with monkeypatch.context() as dying:
        dying.setattr(Path, "rename", lambda self, to: (_ for _ in ()).throw(OSError("no space left")))
        with pytest.raises(OSError, match="no space left"):
            files.take(entry)
    before = list(tmp_path.glob("*.txt"))
    path = files.take(entry)

    assert before == []
    assert path is not None
    assert parsed(path)["SIGNAL_ID"] == entry.id


def test_only_v_reversal_entries_have_files(tmp_path: Path) -> None:
    """Signals of other strategies have none, and exits have none."""
    files, entry = SignalFiles(tmp_path), signal()
    others = [msgspec.structs.replace(entry, pattern=None), msgspec.structs.replace(entry, action=Action.EXIT)]

    assert [files.take(each) for each in others] == [None, None]
    assert list(tmp_path.iterdir()) == []
