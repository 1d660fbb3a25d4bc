"""For all tests: hypothesis measures no time (a busy machine is not a bug) and prints how to get a failure again.

`make test` runs pytest in several processes. The tests of a module stay in one of them, in order, so that what they share is
started once. The tests that start the live configuration stay in one, too: its ports are fixed, and only one can have them.
"""

import pytest
from hypothesis import settings

settings.register_profile("tapewire", deadline=None, print_blob=True)
settings.load_profile("tapewire")

LIVE = {"up", "standing"}  # the fixtures that start the live configuration


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name each test's group for pytest-xdist, unless its module has."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            live = LIVE & set(getattr(item, "fixturenames", ()))
            item.add_marker(pytest.mark.xdist_group("live" if live else item.path.stem))
