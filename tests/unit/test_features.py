"""The table of features, and the stream that computes them."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from tapewire.bus.errors import ConfError
from tapewire.bus.testing import bar, session
from tapewire.strategies.features import FEATURES, FeatureStream, digest, page

UNITS = {
    "atr": "ATR",
    "r": "R",
    "w": "range",
    "sigma": "sigma",
    "share": "share",
    "ratio": "ratio",
    "percent": "percent",
    "bp": "bp",
    "minutes": "minutes",
    "bars": "bars",
    "count": "count",
    "flag": "flag",
    "code": "code",
}


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_names_its_unit_and_says_what_it_is(name: str) -> None:
    """The name ends with the unit; the meaning is a sentence in one line."""
    feature = FEATURES[name]

    assert feature.name == name
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert feature.unit == UNITS[name.rpartition("_")[2]]
    assert not feature.meaning[0].islower()
    assert feature.meaning.endswith(".")
    assert "\n" not in feature.meaning
    assert feature.revision >= 1


def test_the_page_is_made_from_the_table() -> None:
    """`python -m tapewire.strategies.features.page > strategies/features/FEATURES.md` after every change of a feature."""
    committed = Path(page.__file__).with_name("FEATURES.md").read_text("utf-8")

    assert committed == page.page()
    assert all(f"| `{name}` |" in committed for name in FEATURES)


def test_values_come_in_the_order_of_the_names() -> None:
    """Whatever order the table has; what is missing is NaN."""
    stream = FeatureStream(["rth_age_minutes", "move_1_atr", "weekday_code"])
    first = stream.take(session("09:31", bar=bar("09:31", 21_000.0), atr14=4.0))
    second = stream.take(session("09:32", bar=bar("09:32", 21_002.0), atr14=4.0))

    assert (first[0], first[2]) == (1.0, 1.0)
    assert math.isnan(first[1])
    assert second == (2.0, 0.5, 1.0)


def test_a_new_trade_date_begins_without_the_bars_of_the_last() -> None:
    """By itself, and by `start`."""
    stream = FeatureStream(["move_1_atr"])
    stream.take(session("16:00", atr14=4.0))

    assert math.isnan(stream.take(session("18:01", session="2026-03-04", atr14=4.0))[0])
    stream.start("2026-03-04")
    assert math.isnan(stream.take(session("18:02", session="2026-03-04", atr14=4.0))[0])


def test_before_the_first_bar_of_a_date_everything_is_missing() -> None:
    """Not what the last date has left."""
    stream = FeatureStream(["rth_flag", "weekday_code"])
    before = stream.values()
    stream.fold(session("09:31"))
    stream.start("2026-03-04")

    assert all(map(math.isnan, (*before, *stream.values())))


@pytest.mark.parametrize("atr", [None, 0.0, 1e-300])
def test_where_nothing_moves_there_is_no_measure(atr: float | None) -> None:
    """A feature in ATR is missing then, and never infinite."""
    stream = FeatureStream(["move_1_atr"])
    stream.take(session("09:31", atr14=atr))

    assert math.isnan(stream.take(session("09:32", bar=bar("09:32", 21_002.0), atr14=atr))[0])


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["move_5_at"], r"unknown feature 'move_5_at' \(did you mean 'move_5_atr'\?\); `tapewire features --list`"),
        (["move_5_atr", "move_5_atr"], "the feature 'move_5_atr' is named twice"),
    ],
)
def test_a_wrong_list_of_names_is_refused(names: list[str], words: str) -> None:
    """With the nearest name, wherever it is given."""
    with pytest.raises(ConfError, match=words):
        FeatureStream(names)
    with pytest.raises(ConfError, match=words):
        digest(names)


def test_the_digest_is_of_the_definitions_in_their_order() -> None:
    """The same names in another order are another input of a model."""
    names = ["move_5_atr", "rth_flag"]

    assert digest(names) == digest(tuple(names))
    assert digest(names) != digest(names[::-1])
    assert digest(names) != digest(names[:1])
    assert re.fullmatch("[0-9a-f]{64}", digest(names))
