"""The doctor's lines for a person, its JSON for a script, and its exit status."""

from __future__ import annotations

import pytest

from tapewire.daemons.operator.doctor import installation
from tapewire.daemons.operator.doctor.findings import CheckState, Finding, lines, status
from tapewire.daemons.settings import load as configuration

OK = Finding("disk", CheckState.OK, "2 GiB free")
BROKEN = Finding("bridge", CheckState.BROKEN, "no heartbeat received", "enable it")
UNKNOWN = Finding("account", CheckState.UNKNOWN, "see `bridge`")


@pytest.mark.parametrize(
    ("findings", "expected"),
    [([OK], 0), ([OK, BROKEN], 1), ([OK, UNKNOWN], 3), ([UNKNOWN, BROKEN, OK], 1)],
    ids=["all ok", "one broken", "one unknown", "broken and unknown"],
)
def test_the_exit_status_separates_broken_from_unknown(findings: list[Finding], expected: int) -> None:
    """0 only if every check was made and is ok."""
    assert status(findings) == expected


def test_the_configuration_that_is_shipped_is_ok() -> None:
    """Each preset is read, those that name no strategy, too."""
    found = installation.settings()

    assert (found.state, found.remedy) == (CheckState.OK, "")
    assert found.value.endswith(f"presets {', '.join(configuration.preset_names())}")


def test_a_warning_is_named_and_breaks_nothing() -> None:
    """The roll is due soon; a script goes on."""
    warned = Finding("contract MNQ", CheckState.WARNING, "5 sessions left", "put the chart on MNQ 06-26")

    assert status([OK, warned]) == 0
    assert list(lines([OK, warned]))[-1] == ("all ok (2 checks); look at contract MNQ", True)


def test_the_last_line_names_what_to_repair() -> None:
    """Thirty lines scroll by; a person who reads only the last one has the broken checks."""
    shown = list(lines([OK, BROKEN, UNKNOWN]))

    assert [line for line, _ in shown] == [
        "ok       disk     2 GiB free",
        "broken   bridge   no heartbeat received; enable it",
        "unknown  account  see `bridge`",
        "",
        "broken: bridge; 1 more could not be checked",
    ]
    assert [well for _, well in shown] == [True, False, True, True, False]


def test_if_all_checks_are_ok_the_last_line_reports_it() -> None:
    """No other line has to be read."""
    assert list(lines([OK]))[-1] == ("all ok (1 checks)", True)
