"""The values of every feature on invented bars, held to those of tests/golden/features.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tapewire.strategies.features import FEATURES, Feature, stream
from tapewire.strategies.features.moment import Moment
from tests.golden import features as golden
from tests.golden.features import Golden


@pytest.fixture(scope="module")
def now() -> dict[str, Golden]:
    return golden.computed()


@pytest.mark.parametrize("name", [*golden.committed(), *(name for name in FEATURES if name not in golden.committed())])
def test_a_feature_has_the_values_of_its_revision(name: str, now: Mapping[str, Golden]) -> None:
    """A changed formula without a new revision fails here, by its name."""
    assert golden.wrong(name, golden.committed().get(name), now.get(name)) is None


def test_every_feature_has_a_value_on_the_invented_bars(now: Mapping[str, Golden]) -> None:
    """Else its formula would be held to nothing."""
    assert [name for name, each in now.items() if not each.values] == []


def test_a_value_that_changes_in_silence_is_named_and_not_written(
    now: Mapping[str, Golden], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a new revision it is written."""
    path = tmp_path / "features.json"
    before = golden.PATH.read_bytes()
    path.write_bytes(before)
    monkeypatch.setattr(golden, "PATH", path)
    silent = _changed(revision=FEATURES["gap_atr"].revision)
    loud = _changed(revision=FEATURES["gap_atr"].revision + 1)

    monkeypatch.setattr(golden, "computed", lambda: {**now, "gap_atr": silent})
    assert golden.main() == 1
    assert capsys.readouterr().err == "gap_atr has other values under its old revision 1: give it revision 2\n"
    assert path.read_bytes() == before

    monkeypatch.setattr(golden, "computed", lambda: {**now, "gap_atr": loud})
    assert "python -m tests.golden.features" in str(golden.wrong("gap_atr", now["gap_atr"], loud))
    assert golden.main() == 0
    assert golden.committed() == {**now, "gap_atr": loud}


def _changed(revision: int) -> Golden:
    """What `gap_atr` would be with a slip in its formula."""

    def slipped(m: Moment) -> float | None:
        before = m.closes.back(2)
        return None if before is None else m.in_atr(m.bar.open - before)

    planted: dict[str, Feature] = {"gap_atr": FEATURES["gap_atr"]._replace(value=slipped, revision=revision)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "FEATURES", planted)
        patch.setattr(golden, "FEATURES", planted)
        return golden.computed()["gap_atr"]
