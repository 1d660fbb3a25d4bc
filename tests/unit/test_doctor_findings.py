"""What the doctor tells a person and a program, and what its exit status means."""

from __future__ import annotations

import pytest

from tapewire.daemons.operator.doctor.findings import CheckState, Finding, lines, status

OK = Finding("disk", CheckState.OK, "2 GiB free")
BROKEN = Finding("bridge", CheckState.BROKEN, "never heard of", "enable it")
UNKNOWN = Finding("account", CheckState.UNKNOWN, "see `bridge`")


@pytest.mark.parametrize(
    ("findings", "expected"),
    [([OK], 0), ([OK, BROKEN], 1), ([OK, UNKNOWN], 3), ([UNKNOWN, BROKEN, OK], 1)],
    ids=["all ok", "one broken", "one unknown", "broken and unknown"],
)
def test_the_exit_status_tells_broken_from_unknown(findings: list[Finding], expected: int) -> None:
    """0 only if everything was looked at and is well."""
    assert status(findings) == expected


def test_the_last_line_names_what_is_to_be_mended() -> None:
    """Thirty lines scroll by; whoever reads only the last one knows where to look."""
    shown = list(lines([OK, BROKEN, UNKNOWN]))

    assert [line for line, _ in shown] == [
        "ok       disk     2 GiB free",
        "broken   bridge   never heard of; enable it",
        "unknown  account  see `bridge`",
        "",
        "broken: bridge; 1 more could not be looked at",
    ]
    assert [well for _, well in shown] == [True, False, True, True, False]


def test_when_all_is_well_one_line_says_so() -> None:
    """Nothing else has to be read."""
    assert list(lines([OK]))[-1] == ("all ok (1 looked at)", True)
