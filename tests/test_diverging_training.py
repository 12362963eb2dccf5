"""A loss out of hand is told once, and a healthy training is quiet."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from broken import OwnLoss, told
from toy import blobs, small_net

from pycnn.data import ArrayDataset
from pycnn.layers import Linear
from pycnn.losses import BCEWithLogitsLoss, CrossEntropyLoss, MSELoss
from pycnn.optim import SGD, Adam
from pycnn.training import fit


@pytest.mark.parametrize("rate", [30.0, 1000.0])
def test_a_loss_far_above_that_of_guesses_is_told_once(rate: float) -> None:
    model = small_net()
    texts = told(lambda: fit(model, blobs(320), epochs=3, optimizer=Adam(model.parameters(), rate)))
    assert len(texts) == 1
    found = re.search(
        r"epoch 1 is ([\d.e+]+), while a model that knows nothing has (.*);", texts[0]
    )
    assert found
    assert float(found[1]) > 10 * float(found[2])
    assert f"(the last was {rate:.3g})" in texts[0]


def test_what_was_told_before_a_checkpoint_is_not_told_again(tmp_path: Path) -> None:
    def trained(epochs: int, resume: bool) -> None:
        model = small_net()
        fit(
            model, blobs(320), epochs=epochs, optimizer=Adam(model.parameters(), 1000.0),
            checkpoint=tmp_path / "checkpoint", resume=resume,
        )  # fmt: skip

    assert len(told(lambda: trained(1, False))) == 1
    trained(3, True)  # a warning would be an error here


@pytest.mark.parametrize("loss", [MSELoss(), OwnLoss()])
def test_regressions_diverge_as_well(loss: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 3), dtype=np.float32)
    batches = [(x, x[:, :2].copy())] * 12
    model = Linear(3, 2, rng=0)
    texts = told(lambda: fit(model, batches, loss=loss, optimizer=SGD(model.parameters(), 3.0)))
    assert len(texts) == 1
    assert "the training diverges: the mean loss of epoch 1" in texts[0]


def regression(scale: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Give batches whose targets grow: the later ones are dear for any model."""
    x = np.random.default_rng(0).standard_normal((8, 3), dtype=np.float32)
    return [(x, np.float32(scale**i) * x[:, :2]) for i in range(5)]


@pytest.mark.parametrize(
    ("data", "loss", "rate"),
    [
        (blobs(320), CrossEntropyLoss(), 1e-2),
        (blobs(320), CrossEntropyLoss(), 0.0),
        (regression(10.0), MSELoss(), 1e-6),
        (regression(0.01), MSELoss(), 1e-2),
        ([(np.ones((4, 3), "f4"), np.zeros((4, 2), "f4"))] * 3, MSELoss(), 0.0),
        ([(np.ones((4, 3), "f4"), np.ones((4, 2), "f4"))] * 3, BCEWithLogitsLoss(), 0.1),
    ],
    ids=["learns", "stands", "growing", "shrinking", "zeros", "binary"],
)
def test_a_healthy_training_is_quiet(data: Any, loss: Any, rate: float) -> None:
    model = small_net() if isinstance(data, ArrayDataset) else Linear(3, 2, rng=0)
    fit(model, data, loss=loss, epochs=2, optimizer=SGD(model.parameters(), rate))


def test_a_trained_model_that_goes_on_is_quiet() -> None:
    """Its first loss is next to nothing, and a later one may be a hundred times that."""
    model = small_net()
    fit(model, blobs(320), epochs=20)
    fit(model, blobs(320, seed=5), epochs=2, optimizer=SGD(model.parameters(), 1e-3))
