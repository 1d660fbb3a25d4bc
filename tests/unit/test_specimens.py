"""Specimens of every format that traders have on disk, with the bars that must come out of them."""

from pathlib import Path

import msgspec
import pytest

from tapewire.bus.errors import DataError
from tapewire.replay.sources import gather, normal
from tapewire.replay.sources.options import Options
from tests.recordings import reading
from tests.shared import SHARED, needs_shared

RECORDINGS = SHARED / "recordings"
SPECIMENS = sorted(path.name for path in RECORDINGS.iterdir()) if RECORDINGS.is_dir() else []


class Specimen(msgspec.Struct):
    file: str
    note: str
    options: dict[str, object]


def specimen(name: str) -> tuple[Path, dict[str, object]]:
    told = msgspec.json.decode((RECORDINGS / name / "specimen.json").read_bytes(), type=Specimen)
    options = dict(told.options)
    if "price_multiplier" in options:
        options["multiplier"] = options.pop("price_multiplier")
    return RECORDINGS / name / told.file, options


@needs_shared
@pytest.mark.parametrize("name", SPECIMENS)
def test_a_specimen_gives_exactly_its_bars(name: str) -> None:
    """Stamp, prices, volume and sides to the last digit, written as `tapewire data convert --format csv` writes them."""
    path, options = specimen(name)

    gathered = gather.gather([path], reading(**{"instrument": "", **options}), lambda share: None)

    assert normal.csv(gathered.series["NQ"].bars) == (RECORDINGS / name / "expected.csv").read_bytes()


@needs_shared
def test_prices_a_hundred_times_too_high_are_found() -> None:
    """No price but a multiple of a hundred ticks: the error names the option. Who says 1 has looked, and is believed."""
    path, _ = specimen("sierra_scid_tick_times_100")

    with pytest.raises(DataError, match=r"prices times 100; say --price-multiplier 0\.01"):
        gather.gather([path], reading(instrument=""), lambda share: None)
    assert gather.gather([path], reading(instrument="", multiplier=1.0), lambda share: None).series


@needs_shared
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_was_converted_reads_as_the_same_bars(form: str, tmp_path: Path) -> None:
    """Both of tapewire's own forms are read back without a difference, order flow included."""
    path, options = specimen("sierra_bar_text")
    made = gather.gather([path], reading(**{"instrument": "", **options}), lambda share: None).series["NQ"]
    normal.write(tmp_path, made, normal.provenance("NQ", made, Options(), (), ()), form)

    again = gather.gather([tmp_path / f"NQ.{form}"], reading(instrument=""), lambda share: None).series["NQ"]

    assert normal.csv(again.bars) == normal.csv(made.bars)
