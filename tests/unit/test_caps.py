"""Contract caps by account size (conf/caps/)."""

from __future__ import annotations

import pytest

from tapewire.bus.errors import ConfError
from tapewire.daemons.settings import caps
from tapewire.daemons.settings import load as configuration
from tapewire.daemons.settings.structs import Conf


def live(**risk: object) -> Conf:
    """The live configuration with these limits."""
    return configuration.load("live", instance="x", traded=["MNQ"], preset=configuration.preset("seed"), changes={"risk": risk})


@pytest.mark.parametrize(
    ("start", "most"), [(50_000, 5), (99_999, 5), (100_000, 10), (150_000, 15), (249_999, 15), (250_000, 25), (1_000_000, 25)]
)
def test_the_last_line_that_is_not_larger_counts(start: float, most: int) -> None:
    """5, 10, 15 and 25 contracts for 50, 100, 150 and 250 thousand."""
    assert caps.cap("by_account_size", start) == most


def test_a_configuration_that_names_the_table_is_capped_by_it() -> None:
    """It cuts `account_contracts`, and a smaller limit of the configuration stays."""
    assert live().preset.risk.account_contracts == 30
    assert live(caps="by_account_size").preset.risk.account_contracts == 15
    assert live(caps="by_account_size", start=50_000.0).preset.risk.account_contracts == 5
    assert live(caps="by_account_size", account_contracts=3).preset.risk.account_contracts == 3


@pytest.mark.parametrize(
    ("risk", "named"),
    [
        ({"caps": "by_acount_size"}, "did you mean"),
        ({"caps": "by_account_size", "start": 25_000.0}, "the smallest is 50000"),
    ],
)
def test_a_table_that_does_not_apply_is_refused(risk: dict[str, object], named: str) -> None:
    """A misspelt name, and an account that is smaller than every line."""
    with pytest.raises(ConfError, match=named):
        live(**risk)
