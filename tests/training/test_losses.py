"""Losses: the ops with their settings kept, and their gradients; what training makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.annotations import layer_of, wrong

from pycnn import ArrayDataset, evaluate, fit, ops, reference
from pycnn.layers import Linear, LogSoftmax, Sequential
from pycnn.losses import BCEWithLogitsLoss, CrossEntropyLoss, MAPLoss, MSELoss, NLLLoss
from pycnn.optim import Adam

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


NUMBERS = np.random.default_rng(1).random((6, 5), dtype=np.float32)
LABELS = np.where(TARGET < 0, 1, TARGET)


@pytest.mark.parametrize(
    ("criterion", "forward", "backward", "target", "options"),
    [
        (NLLLoss(WEIGHT, 2, "sum"), ops.nll_loss, ops.nll_loss_backward, LABELS,
         {"weight": WEIGHT, "ignore_index": 2, "reduction": "sum"}),
        (MAPLoss(0.5, "none"), ops.map_loss, ops.map_loss_backward, LABELS,
         {"j": 0.5, "reduction": "none"}),
        (MSELoss("sum"), ops.mse_loss, ops.mse_loss_backward, NUMBERS, {"reduction": "sum"}),
        (BCEWithLogitsLoss(WEIGHT, "mean", 2 * WEIGHT), ops.bce_with_logits,
         ops.bce_with_logits_backward, NUMBERS, {"weight": WEIGHT, "pos_weight": 2 * WEIGHT}),
    ],
    ids=["nll", "map", "mse", "bce"],
)  # fmt: skip
def test_losses_are_their_ops(
    criterion: Any, forward: Any, backward: Any, target: np.ndarray, options: dict[str, Any]
) -> None:
    outputs = np.abs(LOGITS)
    loss = criterion(outputs, target)
    np.testing.assert_array_equal(loss, forward(outputs, target, **options))
    dloss: Any = np.full(6, 2, np.float32) if criterion.reduction == "none" else 2.0
    expected = backward(outputs, target, dloss, **options)
    np.testing.assert_array_equal(criterion.backward(dloss), expected)
    with pytest.raises(RuntimeError, match="backward needs a call of the loss before"):
        type(criterion)().backward()
    name = type(criterion).__name__
    with pytest.raises(ValueError, match=rf"\[{name}\] reduction must be one of"):
        type(criterion)(reduction="max")


def test_log_softmax_and_nll_are_cross_entropy() -> None:
    one = Sequential(Linear(5, 4, rng=0))
    two = Sequential(Linear(5, 4, rng=0), LogSoftmax())
    target = np.array([0, 3, -100, 2, 2, 3])
    losses = []
    for model, criterion in ((one, CrossEntropyLoss()), (two, NLLLoss())):
        losses.append(criterion(model(NUMBERS), target))
        model.backward(criterion.backward())
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    np.testing.assert_allclose(
        layer_of(one, 0).weight.grad, layer_of(two, 0).weight.grad, atol=1e-6
    )
    with pytest.raises(ValueError, match=r"expects \(N, C\), one row a sample"):
        LogSoftmax()(NUMBERS[np.newaxis])


def test_batch_weights_of_nll() -> None:
    criterion = NLLLoss(WEIGHT)
    assert criterion.batch_weight(np.array([0, 4, -100])) == 2.5


class Distances(Linear):
    """Squares of a linear layer, as distances."""

    def scores(self, outputs: np.ndarray) -> np.ndarray:
        return -outputs

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._y = super().forward(x)
        return self._y * self._y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return super().backward(2 * self._y * dy)

    def backward_parameters(self, dy: np.ndarray) -> None:
        super().backward_parameters(2 * self._y * dy)


def test_the_smallest_distance_is_the_answer() -> None:
    criterion = MAPLoss()
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 120)
    x = (np.eye(3)[y] + 0.1 * rng.standard_normal((120, 3))).astype(np.float32)
    data = ArrayDataset(x, y)
    model = Distances(3, 3, rng=0)
    adam = Adam(model.parameters(), 0.05)
    history = fit(model, data, epochs=20, optimizer=adam, loss=criterion, progress=False)
    assert history.records[-1].accuracy == 1.0
    assert evaluate(model, data, loss=criterion).accuracy == 1.0
    assert (model(x).argmin(axis=1) == y).all()


def test_training_on_numbers_has_no_accuracy() -> None:
    x = np.random.default_rng(0).standard_normal((64, 3), dtype=np.float32)
    target = np.asarray(x @ np.array([[1.0], [-2], [0.5]], np.float32))
    batches = [(x[i : i + 16], target[i : i + 16]) for i in range(0, 64, 16)]
    model = Linear(3, 1, rng=0)
    adam = Adam(model.parameters(), 0.05)
    history = fit(model, batches, epochs=30, optimizer=adam, loss=MSELoss(), progress=False)
    assert history.records[-1].accuracy is None
    assert history.records[-1].loss < 0.1 * history.records[0].loss
    yes = [(a, (b > 0).astype(np.float32)) for a, b in batches]
    model = Linear(3, 1, rng=0)
    adam = Adam(model.parameters(), 0.05)
    loss = BCEWithLogitsLoss()
    history = fit(model, yes, epochs=30, optimizer=adam, loss=loss, progress=False)
    assert history.records[-1].loss < 0.5 * history.records[0].loss


def test_settings_that_are_wrong() -> None:
    with pytest.raises(ValueError, match=r"\[MAPLoss\] j must be above 0"):
        MAPLoss(0.0)
    with pytest.raises(TypeError, match=r"\[NLLLoss\] weight must be a float32 array, got float64"):
        NLLLoss(wrong(np.ones(3)))
    for loss in (CrossEntropyLoss, NLLLoss):
        with pytest.raises(TypeError, match=rf"\[{loss.__name__}\] ignore_index must be an int"):
            loss(ignore_index="a")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ignore_index must be at most"):
        NLLLoss(ignore_index=2**63)
    for share, found in (("a", "a number, got str"), (None, "a number, got NoneType")):
        with pytest.raises(
            TypeError, match=rf"^\[CrossEntropyLoss\] label_smoothing must be {found}"
        ):
            CrossEntropyLoss(label_smoothing=share)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="label_smoothing must be finite, got nan"):
        CrossEntropyLoss(label_smoothing=float("nan"))
    with pytest.raises(TypeError, match="pos_weight must be a float32 array, got list"):
        BCEWithLogitsLoss(pos_weight=[1.0])  # type: ignore[arg-type]
