"""What the tests of the command line share."""

from __future__ import annotations

import pytest
from support.undrawn import without_pictures


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the pictures out of runs and reports, for tests that look at something else."""
    without_pictures(monkeypatch)
