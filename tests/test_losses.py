"""CrossEntropyLoss: the op with its settings kept, and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pycnn import reference
from pycnn.losses import CrossEntropyLoss

LOGITS = np.random.default_rng(0).standard_normal((6, 5), dtype=np.float32)
TARGET = np.array([0, 4, -100, 2, 2, 3])
WEIGHT = np.array([1.0, 0.5, 2.0, 0.25, 1.5], np.float32)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"label_smoothing": 0.1},
        {"reduction": "sum", "weight": WEIGHT},
        {"ignore_index": 2, "weight": WEIGHT, "label_smoothing": 0.2},
    ],
    ids=["plain", "smoothing", "sum", "everything"],
)
def test_value_and_slope(options: dict[str, Any]) -> None:
    target = np.where(TARGET == -100, 1, TARGET) if "ignore_index" in options else TARGET
    criterion = CrossEntropyLoss(**options)
    loss = criterion(LOGITS, target)
    gradient = criterion.backward()

    def exact(logits: np.ndarray) -> float:
        settings = options | {"weight": WEIGHT.astype(float)} if "weight" in options else options
        return float(reference.softmax_cross_entropy(logits, target, **settings)[0])

    logits = LOGITS.astype(np.float64)
    assert isinstance(loss, float)
    assert loss == pytest.approx(exact(logits), rel=1e-6)
    for index in np.ndindex(*logits.shape):
        step = np.zeros_like(logits)
        step[index] = 1e-6
        slope = (exact(logits + step) - exact(logits - step)) / 2e-6
        assert gradient[index] == pytest.approx(slope, abs=2e-6)


def test_arguments_stand_in_pytorchs_order() -> None:
    by_position = CrossEntropyLoss(WEIGHT, 2, "sum", 0.1)
    by_name = CrossEntropyLoss(weight=WEIGHT, ignore_index=2, reduction="sum", label_smoothing=0.1)
    target = np.array([0, 1, 2, 3, 4, 2])
    assert by_position(LOGITS, target) == by_name(LOGITS, target)


def test_reduction_none_gives_a_loss_for_each_sample() -> None:
    criterion = CrossEntropyLoss(reduction="none")
    losses = criterion(LOGITS, TARGET)
    assert losses.shape == (6,)
    assert losses[2] == 0  # ignored
    assert losses.sum() == pytest.approx(CrossEntropyLoss(reduction="sum")(LOGITS, TARGET))
    weights = np.arange(6, dtype=np.float32)
    rows = criterion.backward(weights) / np.maximum(weights, 1)[:, None]
    np.testing.assert_allclose(rows[1:], criterion.backward(np.ones(6, np.float32))[1:], atol=1e-6)


def test_batch_weight_is_the_divisor_of_the_mean() -> None:
    for weight in (None, WEIGHT):
        mean = CrossEntropyLoss(weight, label_smoothing=0.1)
        total = CrossEntropyLoss(weight, reduction="sum", label_smoothing=0.1)
        expected = total(LOGITS, TARGET) / mean(LOGITS, TARGET)
        assert mean.batch_weight(TARGET) == pytest.approx(expected, rel=1e-5)
    assert CrossEntropyLoss().batch_weight(np.array([-100, -100])) == 0


def test_dloss_scales_the_gradient() -> None:
    criterion = CrossEntropyLoss()
    criterion(LOGITS, TARGET)
    np.testing.assert_allclose(criterion.backward(2.0), 2 * criterion.backward(), rtol=1e-6)


def test_errors() -> None:
    with pytest.raises(RuntimeError, match="needs a call"):
        CrossEntropyLoss().backward()
    with pytest.raises(ValueError, match="reduction must be one of"):
        CrossEntropyLoss(reduction="max")
    with pytest.raises(ValueError, match="label_smoothing"):
        CrossEntropyLoss(label_smoothing=1.5)
    with pytest.raises(ValueError, match="target"):
        CrossEntropyLoss()(LOGITS, np.array([0, 1, 2, 3, 4, 5]))
