"""Hostile input is only ever an exception, whose text names the op or the file.

The cases run in processes of their own with little memory, so that a crash, a hang and an
allocation that nothing fills are seen. In their long form they take about five minutes on one core.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from trust.hostile import survive

# Cases of the short and the long form.
CASES = {
    "ops": (3000, 50_000),
    "layers": (1500, 20_000),
    "files": (1500, 30_000),
}


@pytest.mark.parametrize("kind", CASES)
def test_hostile_input_is_only_ever_an_exception(
    kind: str, form: str, tmp_path: Path, tried: Callable[[str, int, str], None]
) -> None:
    count = CASES[kind][form == "long"]
    survive(f"hostile_{kind}", count, tmp_path)
    tried(f"hostile input ({kind}) is only ever an exception", count, "no crash, no hang")
