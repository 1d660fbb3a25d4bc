"""The command `accounts`, from what the gate knows of the bridge."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tapewire.bus.errors import Transient
from tapewire.bus.messages import Beat, Risk, TradingState
from tapewire.daemons.operator.accounts import accounts_of, lines
from tapewire.daemons.operator.snapshot import BridgeBeat, Snapshot

LIVE = {"name": "APEX-1", "simulated": False, "connection": "Live feed", "trades": False, "cash": 49_876.5, "realised": None}
SIM = {"name": "Sim101", "simulated": True, "connection": "Simulator", "trades": True, "cash": 1e5, "realised": -52.48}


def snapshot(hello: dict[str, Any] | None) -> Snapshot:
    risk = Risk("Sim101", "2026-03-03", TradingState.ACTIVE, -5_248, -5_248, 5_248, 1)
    gate = {"venue_up": True, "venue": hello}
    return Snapshot(bridge=BridgeBeat(Beat("nt", 1, 0, 0, {}), 0.0, 0.0), gate=gate, risk=risk, sessions={})


def test_every_account_is_listed_with_its_figures() -> None:
    """The traded one beside our books of the day; what is not reported is a dash."""
    listed = accounts_of(snapshot({"figures": [LIVE, SIM]}), "Sim101")

    assert list(lines(listed)) == [
        "account  kind       connection  may trade  cash        realised  unrealised  our books",
        "APEX-1   live       Live feed   no         49,876.50   -         -",
        "Sim101   simulated  Simulator   yes        100,000.00  -52.48    -           traded, -52.48 realised",
    ]


def test_json_has_every_field() -> None:
    """For scripts."""
    first, second = msgspec.to_builtins(accounts_of(snapshot({"figures": [LIVE, SIM]}), "Sim101"))

    assert first == {**LIVE, "unrealised": None, "traded": False, "books_realised": None}
    assert (second["traded"], second["books_realised"]) == (True, -52.48)


@pytest.mark.parametrize(("hello", "named"), [(None, "no bridge"), ({"figures": []}, "reports no accounts")])
def test_without_a_report_the_command_says_why(hello: dict[str, Any] | None, named: str) -> None:
    """Status 75: try again when the bridge is there."""
    with pytest.raises(Transient, match=named):
        accounts_of(snapshot(hello), "Sim101")
