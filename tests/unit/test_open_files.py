"""The limit of open files that a daemon runs with."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from tapewire.daemons.shell import limits


@pytest.fixture
def soft() -> Iterator[int]:
    """A soft limit below the hard one for one test."""
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lower = min(512, hard - 1)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lower, hard))
    yield lower
    resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))


def test_the_soft_limit_is_raised_to_the_hard_one(soft: int) -> None:
    """A daemon needs no administrator for what it may have anyway."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]

    assert limits.raise_open_files() == hard > soft
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)


@pytest.mark.parametrize(
    ("limit", "enough"),
    [(limits.NEEDED_FILES - 1, False), (limits.NEEDED_FILES, True), (resource.RLIM_INFINITY, True)],
)
def test_a_low_limit_is_told(limit: int, enough: bool) -> None:
    """The daemon warns at its start where even the hard limit is too low."""
    assert limits.enough_files(limit) is enough
