"""Verbs that are refused: each with a code, what was sent and what may be."""

from __future__ import annotations

import pytest

from tapewire.bus.errors import Refused
from tapewire.bus.messages import Control
from tapewire.daemons.publisher import queries
from tapewire.daemons.shell import control


def test_a_verb_that_there_is_not_is_refused_with_a_code_and_those_that_there_are() -> None:
    """As every other refusal begins with one; a long word is not sent back whole."""
    told = control.answered(Control("7", "stae"), {"ping": str, "state": str}, ["stop"])
    long = control.answered(Control("7", "x" * 10_000), {})

    assert (told.ok, told.text) == (False, "VERB: unknown verb 'stae'; known: ping, state, stop")
    assert len(long.text) < 100


@pytest.mark.parametrize("period", ["x", "2026", "2026-13", "2026-02-30", "20260302", "2026-W10", "2026-03-02 ", "٢٠٢٦-٠٣"])
def test_a_period_that_is_none_is_refused(period: str) -> None:
    """It was answered with no summaries, as a date without any is."""
    with pytest.raises(Refused, match=r"DATE: .* is no trade date and no month; write YYYY-MM-DD or YYYY-MM"):
        queries.session(lambda days: [], period)


@pytest.mark.parametrize("period", ["", "2026-03", "2026-03-02"])
def test_a_period_without_a_summary_has_none(period: str) -> None:
    assert queries.session(lambda days: [], period) == {"period": period, "summaries": []}
