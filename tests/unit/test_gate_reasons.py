"""The page of reason codes is made from the enum, and is the one that is committed."""

from pathlib import Path

from tapewire.bus.messages import Reason
from tapewire.daemons.gate import reasons


def test_the_committed_page_is_the_one_that_is_made() -> None:
    """`python -m tapewire.daemons.gate.reasons > daemons/gate/REASONS.md` after every change of a code, a check or a text."""
    committed = Path(reasons.__file__).with_name("REASONS.md").read_text("utf-8")

    assert committed == reasons.page()


def test_every_code_has_its_text() -> None:
    """A person who reads a code during trading finds its condition and its remedy."""
    assert list(reasons.TEXTS) == list(Reason)
