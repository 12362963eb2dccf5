"""A diverging loss is reported once, and a healthy training is quiet."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.broken import OwnLoss, told
from support.small_training import blobs, small_net

from pycnn._printable import loss_text
from pycnn.data import ArrayDataset
from pycnn.layers import Linear, LogSoftmax, Sequential
from pycnn.losses import BCEWithLogitsLoss, CrossEntropyLoss, MSELoss, NLLLoss
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


@pytest.mark.parametrize("scale", [1e4, 1e30])
@pytest.mark.parametrize("of_logs", [False, True])
def test_inputs_that_are_not_scaled_are_told_once(scale: float, of_logs: bool) -> None:
    """The first loss is then not that of guesses: guessing among 4 classes costs log 4."""
    data, model = blobs(64), small_net()
    data.x *= np.float32(scale)
    if of_logs:
        model = Sequential(*model, LogSoftmax())
    loss = NLLLoss() if of_logs else CrossEntropyLoss()
    rate = SGD(model.parameters(), 0.0)
    texts = told(lambda: fit(model, data, epochs=2, optimizer=rate, loss=loss))
    assert len(texts) == 1
    assert "while a model that knows nothing has 1.386; it was" in texts[0]
    largest = np.abs(data.x).max()
    assert f"are the inputs scaled? The largest number in that batch is {largest:.4g}" in texts[0]


def test_a_huge_loss_is_written_with_an_exponent() -> None:
    data = blobs(64)
    data.x *= np.float32(1e30)
    model = small_net()
    with pytest.warns(RuntimeWarning, match="are the inputs scaled"):
        history = fit(model, data, data, optimizer=SGD(model.parameters(), 0.0))
    assert re.fullmatch(r"loss \d\.\d\de\+\d\d, .*, validation loss \d\.\d\de\+\d\d, .*",
                        str(history.records[0]))  # fmt: skip
    assert [loss_text(x) for x in (0.5, -0.25, 999_999.0, 1e6, -3.28e29, np.nan, np.inf)] == [
        "0.5000", "-0.2500", "999999.0000", "1.00e+06", "-3.28e+29", "nan", "inf"
    ]  # fmt: skip


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
    """Return batches whose targets grow: the later ones are dear for any model."""
    x = np.random.default_rng(0).standard_normal((8, 3), dtype=np.float32)
    return [(x, np.float32(scale**i) * x[:, :2]) for i in range(5)]


@pytest.mark.parametrize(
    ("data", "loss", "rate"),
    [
        (blobs(320), CrossEntropyLoss(), 1e-2),
        (blobs(320), CrossEntropyLoss(), 0.0),
        (blobs(320), CrossEntropyLoss(np.array([1, 50, 1, 0.01], "f4"), label_smoothing=0.2), 1e-2),
        (regression(10.0), MSELoss(), 1e-6),
        (regression(0.01), MSELoss(), 1e-2),
        ([(np.ones((4, 3), "f4"), np.zeros((4, 2), "f4"))] * 3, MSELoss(), 0.0),
        ([(np.ones((4, 3), "f4"), np.ones((4, 2), "f4"))] * 3, BCEWithLogitsLoss(), 0.1),
    ],
    ids=["learns", "stands", "weighted", "growing", "shrinking", "zeros", "binary"],
)
def test_a_healthy_training_is_quiet(data: Any, loss: Any, rate: float) -> None:
    model = small_net() if isinstance(data, ArrayDataset) else Linear(3, 2, rng=0)
    fit(model, data, loss=loss, epochs=2, optimizer=SGD(model.parameters(), rate))


def test_a_trained_model_that_goes_on_is_quiet() -> None:
    """Its first loss is next to nothing, and a later one may be a hundred times that."""
    model = small_net()
    fit(model, blobs(320), epochs=20)
    fit(model, blobs(320, seed=5), epochs=2, optimizer=SGD(model.parameters(), 1e-3))
