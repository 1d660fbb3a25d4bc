"""The reference data's place on a developer's machine. Without the data, tests that need it skip with a plain message."""

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[1].parent / "shared"

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the reference data (../shared beside the project) is not on this machine"
)
