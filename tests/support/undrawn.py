"""Runs and reports without their pictures, which take far longer than a small training."""

from __future__ import annotations

from pathlib import Path

import pytest

from pycnn.cli import results
from pycnn.report import write
from pycnn.training import History


def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs have a dummy for their learning curve, and reports nothing but head and foot."""

    def curve(history: History, path: Path, *_: object, **__: object) -> None:
        path.write_text(f"picture of {[record.loss for record in history]}")

    monkeypatch.setattr(results, "learning_curve", curve)
    monkeypatch.setattr(write, "sections", lambda run: iter(()))
