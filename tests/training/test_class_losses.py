"""Losses of classes at each place of an image, of probabilities as targets, and the focal loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.annotations import wrong
from support.gradients import reference_ops

import pycnn as nn
from pycnn import devices
from pycnn.losses import CrossEntropyLoss, FocalLoss, NLLLoss, OpLoss

F = np.float32
DEVICES = ("cpu", *(d for d in devices.available() if d != "cuda"))
CLASSES = 3
WEIGHT = np.array([1, 0.5, 2], F)

# (2, 3, 2, 2) logits and probabilities, (2, 2, 2) classes.
LOGITS = np.array(
    [0.13, -0.13, 0.64, 0.1, -0.54, 0.36, 1.3, 0.95, -0.7, -1.27, -0.62, 0.04, -2.33, -0.22, -1.25,
     -0.73, -0.54, -0.32, 0.41, 1.04, -0.13, 1.37, -0.67, 0.35], F).reshape(2, 3, 2, 2)  # fmt: skip
SOFT = np.array(
    [0.62, 0.38, 1, 0.98, 0.69, 0.65, 0.69, 0.39, 0.14, 0.72, 0.53, 0.31, 0.49, 0.89, 0.93, 0.36,
     0.57, 0.32, 0.59, 0.34, 0.39, 0.89, 0.23, 0.62], F).reshape(2, 3, 2, 2)  # fmt: skip
TARGET = np.array([[[0, 2], [-100, 1]], [[1, 1], [2, 0]]])

# From PyTorch 2.13 in float64: the loss, and the gradient of sample 1 at row 0 and column 1.
TORCH: dict[str, tuple[OpLoss, np.ndarray, float, list[float]]] = {
    "mean": (CrossEntropyLoss(), TARGET, 1.46917537, [0.02098191, -0.1238719, 0.10289]),
    "sum": (CrossEntropyLoss(reduction="sum"), TARGET, 10.2842276,
            [0.1468734, -0.8671035, 0.7202301]),
    "weights": (CrossEntropyLoss(WEIGHT, label_smoothing=0.1), TARGET, 1.61257469,
                [0.006652654, -0.05218115, 0.0455285]),
    "soft": (CrossEntropyLoss(), SOFT, 2.24343268, [-0.07269574, -0.005114664, 0.07781041]),
    "soft weights": (CrossEntropyLoss(WEIGHT, label_smoothing=0.1), SOFT, 2.56737507,
                     [-0.05538896, 0.02416567, 0.03122329]),
    "soft sum": (CrossEntropyLoss(WEIGHT, reduction="sum"), SOFT, 21.359225,
                 [-0.4743484, 0.2160971, 0.2582512]),
}  # fmt: skip


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("case", TORCH)
def test_pytorchs_numbers(case: str, device: str) -> None:
    criterion, target, value, slopes = TORCH[case]
    loss = criterion(devices.move(LOGITS, device), devices.move(target, device))
    assert loss == pytest.approx(value, rel=1e-6)
    gradient = devices.on_cpu(criterion.backward())
    assert gradient.shape == LOGITS.shape
    np.testing.assert_allclose(gradient[1, :, 0, 1], slopes, rtol=2e-5, atol=1e-8)


def test_nll_of_log_probabilities_is_cross_entropy() -> None:
    shifted = LOGITS.astype(float)
    logs = (shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))).astype(F)
    assert NLLLoss(WEIGHT)(logs, TARGET) == pytest.approx(1.62784942, rel=1e-6)  # PyTorch's
    criterion = NLLLoss(WEIGHT, reduction="none")
    losses = criterion(logs, TARGET)
    assert losses.shape == TARGET.shape
    assert losses[0, 1, 0] == 0
    dloss = np.random.default_rng(0).random(TARGET.shape, dtype=F)
    gradient = criterion.backward(dloss)
    picked = np.where(TARGET == -100, 0, TARGET)
    expected = np.where(TARGET == -100, 0, -WEIGHT[picked] * dloss)
    np.testing.assert_allclose(
        np.take_along_axis(gradient, picked[:, np.newaxis], 1)[:, 0], expected, rtol=1e-6
    )


SHAPES = st.sampled_from(((4, 3), (3,), (2, 3, 5), (1, 3, 2, 4), (2, 3, 1, 2, 3), (0, 3, 2, 2)))
MAKE: dict[str, Any] = {
    "cross entropy": lambda reduction: CrossEntropyLoss(WEIGHT, 1, reduction, 0.2),
    "nll": lambda reduction: NLLLoss(WEIGHT, 1, reduction),
    "focal": lambda reduction: FocalLoss(0.25, 2, 1, reduction),
    "focal of classes": lambda reduction: FocalLoss(WEIGHT, 0.5, 1, reduction),
    "soft": lambda reduction: CrossEntropyLoss(WEIGHT, 1, reduction, 0.2),
    "binary focal": lambda reduction: FocalLoss(0.25, 2, reduction=reduction),
}


@pytest.mark.parametrize("device", DEVICES)
@given(SHAPES, st.sampled_from(sorted(MAKE)), st.sampled_from(("mean", "sum", "none")))
def test_values_and_gradients(
    device: str, shape: tuple[int, ...], kind: str, reduction: str
) -> None:
    """Those of float64 and the reference, and places are rows."""
    if 0 in shape and reduction == "mean":
        return
    rng = np.random.default_rng(len(shape))
    x = rng.standard_normal(shape, dtype=F)
    places = (shape[0], *shape[2:]) if len(shape) > 1 else ()
    of_floats = kind in ("soft", "binary focal")
    target = rng.random(shape, dtype=F) if of_floats else np.asarray(rng.integers(0, 3, places))
    if kind == "nll":
        x = -np.abs(x)
    criterion = MAKE[kind](reduction)
    loss = criterion(devices.move(x, device), devices.move(target, device))
    counted = shape if kind == "binary focal" else places
    dloss: Any = rng.random(counted, dtype=F) if reduction == "none" else 0.5
    there = devices.move(dloss, device) if reduction == "none" else dloss
    gradient = devices.on_cpu(criterion.backward(there))
    assert gradient.dtype == F
    with reference_ops():
        exact = MAKE[kind](reduction)
        exact._options = {
            name: value.astype(float) if isinstance(value, np.ndarray) else value
            for name, value in exact._options.items()
        }
        wide = target.astype(float) if of_floats else target
        expected = exact(x.astype(float), wide)
        slopes = exact.backward(dloss)
    if reduction == "none":
        loss = devices.on_cpu(loss)
        assert loss.shape == counted
    np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gradient, slopes, rtol=2e-5, atol=2e-6)


def test_the_slope_of_the_focal_loss() -> None:
    """Finite differences of the formula, written with NumPy alone."""
    x = np.random.default_rng(0).standard_normal((5, 3))
    target = np.array([0, 2, 1, -100, 2])

    def exact(x: np.ndarray) -> float:
        logs = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
        kept = target >= 0
        log_p = logs[kept, target[kept]]
        return float((-WEIGHT[target[kept]] * (1 - np.exp(log_p)) ** 1.5 * log_p).mean())

    criterion = FocalLoss(WEIGHT, 1.5)
    assert criterion(x.astype(F), target) == pytest.approx(exact(x), rel=1e-5)
    gradient = criterion.backward()
    for index in np.ndindex(*x.shape):
        step = np.zeros_like(x)
        step[index] = 1e-6
        rise = (exact(x + step) - exact(x - step)) / 2e-6
        assert gradient[index] == pytest.approx(rise, abs=1e-6)


def test_a_focal_loss_of_gamma_0_is_cross_entropy() -> None:
    focal, plain = FocalLoss(gamma=0), CrossEntropyLoss()
    assert focal(LOGITS, TARGET) == pytest.approx(plain(LOGITS, TARGET), rel=1e-6)
    np.testing.assert_allclose(focal.backward(), plain.backward(), atol=1e-7)
    binary, logits = FocalLoss(gamma=0), nn.BCEWithLogitsLoss()
    assert binary(LOGITS, SOFT) == pytest.approx(logits(LOGITS, SOFT), rel=1e-12)


def test_the_binary_focal_loss_of_torchvision() -> None:
    """Its formula, computed with PyTorch 2.13 in float64."""
    x, t = np.array([[0.5, -1, 2], [3, 0.25, -0.75]], F), np.array([[1, 0, 0.25], [0, 1, 1]], F)
    criterion = FocalLoss(0.25, 2)
    assert criterion(x, t) == pytest.approx(0.458662467, rel=1e-7)
    expected = [-0.00574737489, 0.00657264125, 0.043604305, 0.140843735, -0.0086690158]
    np.testing.assert_allclose(criterion.backward().ravel()[:5], expected, rtol=1e-6)


def test_batch_weights_are_divisors_of_means() -> None:
    for make, target in (
        (CrossEntropyLoss, TARGET),
        (CrossEntropyLoss, SOFT),
        (FocalLoss, TARGET),
    ):
        mean, total = make(), make(reduction="sum")
        weight = total(LOGITS, target) / mean(LOGITS, target)
        assert mean.batch_weight(target) == pytest.approx(weight, rel=1e-6)
    assert CrossEntropyLoss(WEIGHT).batch_weight(SOFT) == 8
    assert CrossEntropyLoss(WEIGHT).batch_weight(TARGET) == pytest.approx(2 + 4 + 1.5)
    assert FocalLoss().batch_weight(SOFT) == 2  # of samples


def test_one_sample_and_one_class() -> None:
    x = np.array([0.5, -1, 2], F)
    alone, batch = CrossEntropyLoss(), CrossEntropyLoss()
    expected = batch(x[np.newaxis], np.array([1]))
    for target in (np.array(1), TARGET.max(initial=1, where=False)):
        assert alone(x, target) == expected
        np.testing.assert_array_equal(alone.backward(), batch.backward()[0])
    assert alone(x, np.array([0, 1, 0], F)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: CrossEntropyLoss()(LOGITS, TARGET[:, 0]), ValueError,
         r"\[CrossEntropyLoss\] targets must have shape \(2, 2, 2\).*\(2, 3, 2, 2\), got \(2, 2\)"),
        (lambda: NLLLoss()(LOGITS, TARGET.reshape(-1)), ValueError, r"\[NLLLoss\] targets must"),
        (lambda: CrossEntropyLoss()(LOGITS, TARGET + 3), ValueError, r"outside 0\.\.2"),
        (lambda: CrossEntropyLoss()(LOGITS, wrong(TARGET.tolist())), TypeError, "must be an array"),
        (lambda: CrossEntropyLoss()(LOGITS, SOFT - 1), ValueError,
         r"float targets are probabilities .* from -0.86 to 0; .*MSELoss"),
        (lambda: CrossEntropyLoss()(LOGITS, 2 * SOFT), ValueError, "from 0 to 1, got"),
        (lambda: CrossEntropyLoss()(LOGITS, SOFT.astype(float)), ValueError,
         r"targets must have shape .*; probabilities .* go in as y\.astype\(np\.float32\)"),
        (lambda: NLLLoss()(LOGITS, TARGET.astype(np.int32)), TypeError,
         r"give y\.astype\(np\.int64\)"),
        (lambda: CrossEntropyLoss()(LOGITS[:, :, 0, 0].copy(), SOFT[:, :, 0, 0].astype(float)),
         TypeError, r"probabilities of the classes go in as y\.astype\(np\.float32\)"),
        (lambda: CrossEntropyLoss()(LOGITS[:0], SOFT[:0]), ValueError, "empty batch"),
        (lambda: FocalLoss(WEIGHT)(LOGITS, SOFT), ValueError, "alpha for each class needs int64"),
        (lambda: FocalLoss(WEIGHT[:2])(LOGITS, TARGET), ValueError,
         r"alpha must have shape \(3,\)"),
        (lambda: FocalLoss(1.5), ValueError, r"\[FocalLoss\] alpha must be in \[0, 1\], got 1.5"),
        (lambda: FocalLoss(gamma=-1), ValueError, r"\[FocalLoss\] gamma must be at least 0"),
        (lambda: FocalLoss(wrong("a")), TypeError, r"\[FocalLoss\] alpha must be a number"),
        (lambda: FocalLoss(wrong(WEIGHT.astype(float))), TypeError, "alpha must be a float32"),
    ],
)  # fmt: skip
def test_what_is_refused(call: Any, error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize(
    ("kind", "name", "target"),
    [
        (CrossEntropyLoss, "weight", TARGET),
        (NLLLoss, "weight", TARGET),
        (FocalLoss, "alpha", TARGET),
        (nn.BCEWithLogitsLoss, "pos_weight", SOFT),
        (nn.BCEWithLogitsLoss, "weight", SOFT),
    ],
)
def test_weights_may_be_a_tensor(kind: Any, name: str, target: Any) -> None:
    array = WEIGHT.reshape(3, 1, 1) if target is SOFT else WEIGHT
    expected = kind(**{name: array})(LOGITS, target)
    criterion = kind(**{name: nn.tensor(array)})
    assert criterion(LOGITS, target) == expected
    assert criterion(nn.tensor(LOGITS), nn.tensor(target)).item() == F(expected)


def test_a_gradient_for_each_place_must_fit() -> None:
    criterion = CrossEntropyLoss(reduction="none")
    criterion(LOGITS, TARGET)
    with pytest.raises(ValueError, match=r"dloss must have shape \(2, 2, 2\).*got \(8,\)"):
        criterion.backward(np.ones(8, F))
