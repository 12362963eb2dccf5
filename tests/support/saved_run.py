"""The folder of a run that was never trained, for tests of how it is saved."""

from __future__ import annotations

from pathlib import Path

import pytest

from pycnn import models
from pycnn.cli import results
from pycnn.report import Run
from pycnn.training import History
from support.small_training import same_bits
from support.undrawn import without_pictures

FRESH = {seed: models.lenet5(rng=seed) for seed in (0, 1)}


def save_run(folder: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Save a run as ``pycnn train`` does, but with a dummy for its slow picture."""
    without_pictures(monkeypatch)
    history = History()
    history.self_organization = float(seed)
    settings = {"model": "lenet5", "seed": seed, "data": None}
    results.save(folder, FRESH[seed], history, settings, None)


def seeds_of(folder: Path) -> set[int]:
    """Return the seeds that the model, the settings and the history of a run were made with."""
    run = Run(folder)
    state = run.model.state_dict()
    return {
        *(seed for seed, model in FRESH.items() if same_bits(model.state_dict(), state)),
        run.settings["seed"],
        int(run.history.self_organization),
    }
