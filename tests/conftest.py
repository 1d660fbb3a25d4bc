"""For all tests: hypothesis measures no time (a busy machine is not a bug) and prints how to get a failure again.

With `-n` pytest runs in several processes. The tests of a module stay in one of them, in order, so that what they share is started
once. The modules that start the live configuration stay in one, too: its ports are fixed, and only one can have them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest
import structlog
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

# A developer's own instruments (~/.config/tapewire) must not change a result.
os.environ["XDG_CONFIG_HOME"] = str(Path(__file__).parent / "no-configuration")

settings.register_profile("tapewire", deadline=None, print_blob=True)
settings.load_profile("tapewire")

LIVE = {
    "test_accounts",
    "test_damage",
    "test_disks",
    "test_files",
    "test_gaps",
    "test_hostile_messages",
    "test_interrupts",
    "test_kill_faults",
    "test_kill_switch",
    "test_locked_runs",
    "test_locks",
    "test_printed_live",
    "test_processes",
    "test_standing",
    "test_stay",
}
LIVE_FIXTURES = {"up", "standing"}


@pytest.fixture(autouse=True)
def _logging_ends_with_its_test() -> Iterator[None]:
    """A test that configures logging writes to a stream of its own, which is closed when the next one logs."""
    yield
    structlog.reset_defaults()


class ByModule(LoadScopeScheduling):
    """Gives each process one module after another, in the order of the tests: the long ones come first, the short ones fill up."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return "live" if PurePath(module).stem in LIVE else module


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByModule | None:
    """Replace the scheduler that `-n` has by default, which spreads the tests of a module; one named by `--dist` stays."""
    return ByModule(config, log) if config.getvalue("dist") == "load" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the live configuration, whose modules wait for each other. Refuse a test of it in a module that is not listed."""
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})  # `up` may also be the name of one
        if LIVE_FIXTURES & (set(getattr(item, "fixturenames", ())) - set(parameters)) and item.path.stem not in LIVE:
            raise pytest.UsageError(
                f"{item.nodeid} starts the live configuration; add {item.path.stem!r} to LIVE in tests/conftest.py"
            )
    items.sort(key=lambda item: item.path.stem not in LIVE)
