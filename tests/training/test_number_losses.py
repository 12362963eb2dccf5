"""Losses of numbers and of distributions, and training and measuring with each kind of target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.annotations import wrong

import pycnn as nn
from pycnn import devices, evaluate, fit, ops
from pycnn.losses import (
    BCELoss,
    FocalLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    SmoothL1Loss,
)
from pycnn.losses.pointwise import PointwiseLoss

F = np.float32
DEVICES = ("cpu", *(d for d in devices.available() if d != "cuda"))
RNG = np.random.default_rng(0)
X, T = RNG.random((2, 4, 3), dtype=F)
WEIGHT = np.array([1, 0.5, 2], F)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("criterion", "options"),
    [
        (L1Loss("sum"), {"kind": "l1", "reduction": "sum"}),
        (SmoothL1Loss("none", 0.25), {"kind": "smooth_l1", "a": 0.25, "reduction": "none"}),
        (HuberLoss(delta=0.5), {"kind": "huber", "a": 0.5}),
        (KLDivLoss(), {"kind": "kl_div"}),
        (KLDivLoss(log_target=True), {"kind": "kl_div_log"}),
        (KLDivLoss("batchmean"), {"kind": "kl_div", "reduction": "sum", "divisor": 4}),
        (BCELoss(WEIGHT), {"kind": "bce", "weight": WEIGHT}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_losses_are_kinds_of_an_op(
    criterion: PointwiseLoss, options: dict[str, Any], device: str
) -> None:
    x, t = devices.move(X, device), devices.move(T, device)
    there = {
        name: devices.move(v, device) if name == "weight" else v for name, v in options.items()
    }
    loss = criterion(x, t)
    expected: Any = ops.pointwise_loss(x, t, **there)
    if criterion.reduction == "none":
        loss, expected = devices.on_cpu(loss), devices.on_cpu(expected)
    np.testing.assert_array_equal(loss, expected)
    dloss: Any = devices.move(X, device) if criterion.reduction == "none" else 0.5
    got = criterion.backward(dloss)
    slopes = ops.pointwise_loss_backward(x, t, dloss=dloss, **there)
    np.testing.assert_array_equal(devices.on_cpu(got), devices.on_cpu(slopes))


@pytest.mark.parametrize("device", DEVICES)
def test_weights_repeat_along_axes_of_one(device: str) -> None:
    """As PyTorch's do: a weight of each channel, or one of all."""
    x, t = RNG.random((2, 2, 3, 4, 5), dtype=F)
    for shape in ((3, 1, 1), (1, 4, 1), (1,), (2, 1, 1, 1)):
        weight = RNG.random(shape, dtype=F)
        whole = np.ascontiguousarray(np.broadcast_to(weight, x.shape))
        for make in (
            lambda w: nn.BCEWithLogitsLoss(w),
            lambda w: nn.BCEWithLogitsLoss(pos_weight=w),
            lambda w: BCELoss(w),
        ):
            found = []
            for given in (weight, whole):
                criterion: Any = make(given)
                value = criterion(devices.move(x, device), devices.move(t, device))
                found.append((value, devices.on_cpu(criterion.backward()).tobytes()))
            assert found[0] == found[1]
    with pytest.raises(ValueError, match=r"weight must have the shape of the last axes"):
        nn.BCEWithLogitsLoss(np.ones((2, 1), F))(x, t)


def test_the_gradient_of_a_target_is_that_of_the_output() -> None:
    for criterion in (L1Loss(), SmoothL1Loss(), HuberLoss()):
        x, t = nn.tensor(X, requires_grad=True), nn.tensor(T, requires_grad=True)
        criterion(x, t).backward()
        np.testing.assert_array_equal(np.asarray(t.grad), -np.asarray(x.grad))


def test_a_batch_mean_is_the_divergence_of_the_definition() -> None:
    p = np.array([[0.2, 0.5, 0.9], [0.1, 0.75, 0.3]], F)
    target = np.array([[1, 0, 0.25], [0, 1, 1]], F)
    value = KLDivLoss("batchmean")(np.log(p), target)
    assert value == pytest.approx(1.39042966, rel=1e-6)  # PyTorch 2.13
    same = T / T.sum(axis=1, keepdims=True)
    assert KLDivLoss("batchmean")(np.log(same), same) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: HuberLoss(delta=0), ValueError, r"\[HuberLoss\] delta must be above 0"),
        (lambda: SmoothL1Loss(beta=-1), ValueError, r"\[SmoothL1Loss\] beta must be at least 0"),
        (lambda: SmoothL1Loss(beta=wrong("1")), TypeError, "beta must be a number"),
        (lambda: L1Loss("batchmean"), ValueError, r"\[L1Loss\] reduction must be one of"),
        (lambda: KLDivLoss(log_target=wrong(1)), TypeError, "log_target must be True or False"),
        (lambda: KLDivLoss("batchmean")(X[:0], T[:0]), ValueError, "needs samples"),
        (lambda: BCELoss(wrong([1.0])), TypeError, "weight must be a float32 array"),
        (lambda: nn.BCEWithLogitsLoss(None, "mean", np.ones((1, 2), F))(X[0], T[0]),
         ValueError, r"pos_weight .*\(1, 2\)"),
        (lambda: BCELoss()(X + 1, T), ValueError,
         "outputs must be probabilities.*BCEWithLogitsLoss"),
        (lambda: L1Loss()(X, T[:, 0].copy()), ValueError, r"\(4,\).*\(4, 3\)"),
        (lambda: L1Loss()(X, T.astype(float)), TypeError, r"give y\.astype\(np\.float32\)"),
    ],
)  # fmt: skip
def test_what_is_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


# --- training with each kind of target -----------------------------------------------------------

IMAGES = RNG.standard_normal((24, 2, 4, 4), dtype=F)
ROWS = RNG.standard_normal((24, 5), dtype=F)
PIXELS = IMAGES.argmax(axis=1)  # (N, H, W): the larger channel
SOFT = np.exp(ROWS[:, :3]) / np.exp(ROWS[:, :3]).sum(axis=1, keepdims=True)
TARGETS: dict[str, tuple[Any, np.ndarray, np.ndarray, int, bool]] = {
    "classes": (None, ROWS, ROWS[:, :3].argmax(axis=1), 3, True),
    "numbers": (nn.MSELoss(), ROWS, ROWS[:, :2].copy(), 2, False),
    "l1": (L1Loss(), ROWS, ROWS[:, :2].copy(), 2, False),
    "huber": (HuberLoss(), ROWS, ROWS[:, :2].copy(), 2, False),
    "labels": (nn.BCEWithLogitsLoss(), ROWS, (ROWS[:, :4] > 0).astype(F), 4, False),
    "focal labels": (FocalLoss(0.5), ROWS, (ROWS[:, :4] > 0).astype(F), 4, False),
    "soft labels": (None, ROWS, SOFT, 3, False),
    "divergence": (KLDivLoss("batchmean"), ROWS, SOFT, 3, False),
    "pixels": (None, IMAGES, PIXELS, 2, True),
    "focal pixels": (FocalLoss(), IMAGES, PIXELS, 2, True),
}


def network(x: np.ndarray, outputs: int, loss: Any) -> nn.Module:
    if x.ndim == 4:
        return nn.Conv2d(2, outputs, 1, rng=0)
    layers: list[nn.Module] = [nn.Linear(5, outputs, rng=0)]
    return nn.Sequential(*layers, *([nn.LogSoftmax()] if isinstance(loss, KLDivLoss) else []))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", TARGETS)
def test_fit_and_evaluate_take_each_kind_of_target(kind: str, device: str) -> None:
    loss, x, y, outputs, classes = TARGETS[kind]
    batches = [(x[i : i + 8], y[i : i + 8]) for i in (0, 8, 16)]
    model = network(x, outputs, loss).to(device)
    before = evaluate(model, batches, loss=loss)
    adam = nn.optim.Adam(model.parameters(), 0.05)
    history = fit(
        model, batches, epochs=8, optimizer=adam, loss=loss, validation=batches, progress=False
    )
    after = evaluate(model, batches, loss=loss)
    assert after.loss < before.loss
    assert history.records[-1].val_loss == pytest.approx(after.loss, rel=1e-5)
    for accuracy in (before.accuracy, after.accuracy, history.records[-1].accuracy):
        assert (accuracy is not None) == classes
    if classes:
        model.to("cpu")
        answers = model(x).argmax(axis=1)
        assert after.accuracy == pytest.approx((answers == y).mean())


@pytest.mark.parametrize("kind", TARGETS)
def test_sample_weights_of_one_change_nothing(kind: str) -> None:
    loss, x, y, outputs, _ = TARGETS[kind]
    ways: list[dict[str, Any]] = [{}, {"sample_weight": np.ones(len(x))}]
    curves = [
        fit(
            network(x, outputs, loss), x, y, epochs=2, loss=loss, batch_size=8, progress=False, **kw
        )["loss"]
        for kw in ways
    ]
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-5)


@pytest.mark.parametrize(
    "kind", ["huber", "focal labels", "soft labels", "divergence", "pixels", "focal pixels"]
)
def test_a_captured_step_has_the_same_losses(kind: str, device: str) -> None:
    loss, x, y, outputs, _ = TARGETS[kind]
    batches = [(x[i : i + 8], y[i : i + 8]) for i in (0, 8, 16)]
    curves = []
    for graph in (False, True):
        model = network(x, outputs, loss).to(device)
        history = fit(model, batches, epochs=3, loss=loss, cuda_graph=graph, progress=False)
        curves.append(history["loss"])
    assert curves[0] == curves[1]


def test_accuracy_counts_pixels_that_are_not_ignored() -> None:
    model = nn.Conv2d(2, 2, 1, bias=False, rng=0)
    model.weight.data[...] = np.eye(2).reshape(2, 2, 1, 1)  # answers with the larger channel
    target = PIXELS.copy()
    target[:, 0] = -100
    target[:, 1] = 1 - target[:, 1]  # wrong
    found = evaluate(model, [(IMAGES, target)])
    assert found.accuracy == pytest.approx(2 / 3)
    alone = evaluate(model, [(IMAGES[i : i + 1], target[i : i + 1]) for i in range(24)])
    assert alone.loss == pytest.approx(found.loss, rel=1e-6)
    broken = IMAGES.copy()
    broken[3, :, 0, :2] = np.nan
    with pytest.warns(RuntimeWarning, match="1 of 24 samples have no answer"):
        evaluate(model, [(broken, target)])
