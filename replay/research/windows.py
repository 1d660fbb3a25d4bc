"""The windows of a walk-forward, in sessions: what a choice is made on, and what it is then tried on.

    rolling    |....sample....|p|embargo|..test..|
                        |....sample....|p|embargo|..test..|
    anchored   the same, but every sample begins with the first session

Tests follow each other without a gap, so that together they are one out-of-sample account; the last may be shorter. A sample
always lies before its test, so nothing of a test can reach back. What reaches forward is cut off in two ways (M. Lopez de Prado,
Advances in Financial Machine Learning, 2018, chapter 7, who has samples on both sides of a test):

    purge     the last sessions of a sample do not count for the choice: what was decided there may be decided in the test
    embargo   sessions between a sample and its test, in which the account still trades the choice before: the time between the
              last data and the day on which the new settings trade

With E the first session of a test, a rolling sample is [E - embargo - sample, E - embargo - purge); the first test begins at
sample + embargo.
"""

from __future__ import annotations

from msgspec import Struct

from tapewire.bus.errors import ConfError

LEAST = 2
"""Sessions of a sample that count, at least: one alone has no deviation."""


class Plan(Struct, frozen=True):
    """How a walk-forward walks. Lengths are sessions; see above. metric: by which a cell is chosen, of `metrics.METRICS`."""

    sample: int = 60
    test: int = 20
    anchored: bool = False
    purge: int = 0
    embargo: int = 0
    metric: str = "sharpe"


class WalkWindow(Struct, frozen=True):
    """One window, as indexes of sessions, the ends excluded. sample: those on which the choice is made."""

    sample: tuple[int, int]
    test: tuple[int, int]


def checked(plan: Plan) -> Plan:
    """The plan, if its lengths fit together. Raises ConfError."""
    for name, least in (("sample", 1), ("test", 1), ("purge", 0), ("embargo", 0)):
        if getattr(plan, name) < least:
            raise ConfError(f"{name} = {getattr(plan, name)}: write sessions, {least} or more")
    if plan.sample - plan.purge < LEAST:
        raise ConfError(f"purge = {plan.purge} leaves {plan.sample - plan.purge} of {plan.sample} sessions; {LEAST} are needed")
    return plan


def windows(sessions: int, plan: Plan) -> list[WalkWindow]:
    """The windows over so many sessions.

    Raises:
        ConfError: there is not one.
    """
    first = checked(plan).sample + plan.embargo
    if sessions <= first:
        raise ConfError(
            f"the recording has {sessions} sessions, and the first test begins after {first} (sample {plan.sample}, "
            f"embargo {plan.embargo}); take a shorter sample"
        )
    return [
        WalkWindow(
            sample=(0 if plan.anchored else start - plan.embargo - plan.sample, start - plan.embargo - plan.purge),
            test=(start, min(start + plan.test, sessions)),
        )
        for start in range(first, sessions, plan.test)
    ]
