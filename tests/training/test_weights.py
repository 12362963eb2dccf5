"""Weights of classes and samples: the formula, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.small_training import same_bits, snapshot

import pycnn as nn
from pycnn.optim import SGD

N, CLASSES = 12, 3
X = np.random.default_rng(0).standard_normal((N, 4), np.float32)
Y = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
NAMES = np.array(["ant", "bee", "cow"])
W = np.random.default_rng(1).random(N) + 0.1


def model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, CLASSES, rng=0))


def step(one: nn.Module, x: Any = X, y: Any = Y, **options: Any) -> nn.History:
    """Take a step of gradient descent on all samples."""
    chosen: dict[str, Any] = {"batch_size": N, "optimizer": SGD(one.parameters(), lr=1.0)} | options
    return nn.fit(one, x, y, **chosen)


def gradient(weights: np.ndarray) -> tuple[float, dict[str, np.ndarray]]:
    """Return sum w l / sum w, and the parameters after a step along its gradient, in float64."""
    one = model()
    scores = X.astype(np.float64) @ one[0].weight.data.T.astype(np.float64) + one[0].bias.data
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    share = weights / weights.sum()
    value = float(-(share * np.log(p[np.arange(N), Y])).sum())
    dscores = share[:, np.newaxis] * (p - np.eye(CLASSES)[Y])
    return value, {
        "0.weight": one[0].weight.data - dscores.T @ X,
        "0.bias": one[0].bias.data - dscores.sum(axis=0),
    }


BALANCED = N / (3 * np.bincount(Y))[Y]
OF_A_CLASS = np.array([0.5, 1.0, 3.0], np.float32)


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ({"sample_weight": W}, W),
        ({"sample_weight": W.tolist()}, W),
        ({"sample_weight": np.arange(N)}, np.arange(N)),
        ({"class_weight": OF_A_CLASS}, OF_A_CLASS[Y]),
        ({"class_weight": {0: 0.5, 2: 3}}, OF_A_CLASS[Y]),
        ({"class_weight": {}}, np.ones(N)),
        ({"class_weight": "balanced"}, BALANCED),
        ({"class_weight": "balanced", "sample_weight": W}, BALANCED * W),
        ({"loss": nn.CrossEntropyLoss(OF_A_CLASS), "sample_weight": W}, OF_A_CLASS[Y] * W),
    ],
)
def test_the_loss_of_a_batch_is_a_weighted_mean(
    options: dict[str, Any], weights: np.ndarray
) -> None:
    one = model()
    history = step(one, **options)
    value, parameters = gradient(weights.astype(np.float64))
    assert history.records[0].loss == pytest.approx(value, rel=1e-5)
    for name, array in one.state_dict().items():
        np.testing.assert_allclose(array, parameters[name], rtol=1e-4, atol=1e-6)


def test_class_weights_are_those_of_the_loss() -> None:
    """The same as ``CrossEntropyLoss(weight)``, to rounding."""
    first, second = model(), model()
    step(first, class_weight=OF_A_CLASS)
    step(second, loss=nn.CrossEntropyLoss(OF_A_CLASS))
    for name, array in first.state_dict().items():
        np.testing.assert_allclose(array, second.state_dict()[name], rtol=1e-5, atol=1e-6)


def test_weights_by_name() -> None:
    first, second = model(), model()
    step(first, class_weight={"cow": 3, "ant": 0.5}, y=NAMES[Y])
    step(second, class_weight=OF_A_CLASS)
    assert same_bits(snapshot(first), snapshot(second))


def test_a_weight_of_0_leaves_a_sample_out() -> None:
    chosen = np.arange(N) % 3 > 0
    first, second = model(), model()
    history = step(first, sample_weight=chosen)
    expected = step(second, X[chosen], Y[chosen], batch_size=int(chosen.sum()))
    assert history.records[0].loss == pytest.approx(expected.records[0].loss, rel=1e-6)
    for name, array in first.state_dict().items():
        np.testing.assert_allclose(array, second.state_dict()[name], rtol=1e-4, atol=1e-6)


def test_weights_follow_their_samples() -> None:
    """Through the shuffling, a share set aside, several batches and epochs."""
    weights = np.where(Y == 2, 0.0, 1.0)
    poisoned = np.where(Y[:, np.newaxis] == 2, np.float32(1e4), X)
    first, second = model(), model()
    options = {"batch_size": 5, "epochs": 3, "seed": 7, "sample_weight": weights}
    step(first, **options)
    step(second, poisoned, **options)
    assert same_bits(snapshot(first), snapshot(second))
    for one, x in ((first, X), (second, poisoned)):
        step(one, x, **options, validation=0.5)
    assert same_bits(snapshot(first), snapshot(second))


def test_the_loss_of_an_epoch_is_the_weighted_mean_over_all_samples() -> None:
    frozen = model()
    history = step(
        frozen, batch_size=5, sample_weight=W, optimizer=SGD(frozen.parameters(), lr=0.0),
        validation=(X, Y),
    )  # fmt: skip
    assert history.records[0].loss == pytest.approx(gradient(W)[0], rel=1e-5)
    plain = nn.evaluate(frozen, X, Y)
    assert (history.records[0].val_loss, history.records[0].val_accuracy) == plain


def test_weights_of_a_regression() -> None:
    one, target = nn.Sequential(nn.Linear(4, 2, rng=0)), X[:, :2]
    before = nn.predict(one, X).astype(np.float64)
    history = step(one, y=target, loss=nn.MSELoss(), sample_weight=W)
    squares = ((before - target) ** 2).mean(axis=1)
    assert history.records[0].loss == pytest.approx((W * squares).sum() / W.sum(), rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (nn.MSELoss(), X[:, :3]),
        (nn.L1Loss(), X[:, :3]),
        (nn.HuberLoss(), X[:, :3]),
        (nn.BCEWithLogitsLoss(), X[:, :3] > 0),
        (nn.FocalLoss(), Y),
        (nn.FocalLoss(), X[:, :3] > 0),
        (nn.CrossEntropyLoss(), np.abs(X[:, :3]) / 4),
        (nn.CrossEntropyLoss(label_smoothing=0.1), Y),
        (nn.NLLLoss(), Y),
    ],
)
def test_each_loss_can_be_weighted(loss: Any, y: Any) -> None:
    """With equal weights it is the mean, and with whole ones as if samples were repeated."""
    repeated = np.arange(N).repeat(np.arange(N) % 3)
    plain, even, repeats, weighted = (model() for _ in range(4))
    for one, x, target, options in (
        (plain, X, y, {}),
        (even, X, y, {"sample_weight": np.full(N, 0.7)}),
        (repeats, X[repeated], y[repeated], {"batch_size": len(repeated)}),
        (weighted, X, y, {"sample_weight": np.arange(N) % 3}),
    ):
        step(one, x, target, loss=loss, **options)
    for a, b in ((plain, even), (repeats, weighted)):
        for name, array in a.state_dict().items():
            np.testing.assert_allclose(b.state_dict()[name], array, rtol=1e-4, atol=1e-6)


def test_batches_have_weights_of_classes() -> None:
    first, second = model(), model()
    options: dict[str, Any] = {"class_weight": {2: 3.0}}
    nn.fit(first, [(X, Y)], optimizer=SGD(first.parameters(), lr=1.0), **options)
    loader = nn.DataLoader(nn.ArrayDataset(X, Y), N)
    nn.fit(second, loader, optimizer=SGD(second.parameters(), lr=1.0), **options)
    assert same_bits(snapshot(first), snapshot(second))


def test_a_batch_without_weight_is_no_step() -> None:
    one = model()
    before = snapshot(one)
    weights = np.zeros(N)
    weights[0] = 1
    history = nn.fit(
        one, nn.DataLoader(nn.ArrayDataset(X, Y), 1), sample_weight=weights,
        optimizer=SGD(one.parameters(), lr=0.0),
    )  # fmt: skip
    assert np.isfinite(history.records[0].loss)
    assert same_bits(before, snapshot(one))


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"sample_weight": W[:-1]}, ValueError, "one weight for each sample, got 11 for 12"),
        ({"sample_weight": -W}, ValueError, r"sample_weight\[0\] is -.* at least 0"),
        ({"sample_weight": np.where(Y == 1, np.nan, W)}, ValueError, r"sample_weight\[6\] is nan"),
        ({"sample_weight": np.zeros(N)}, ValueError, "no weight above 0"),
        ({"sample_weight": W[:, np.newaxis]}, ValueError, "one axis"),
        ({"sample_weight": NAMES[Y]}, TypeError, "must hold numbers"),
        ({"class_weight": "even"}, ValueError, "'balanced', a mapping or an array, got 'even'"),
        ({"class_weight": np.ones(5)}, ValueError, "up to class 4, and the model scores for 3"),
        ({"class_weight": {4: 2.0}}, ValueError, "up to class 4, and the model scores for 3"),
        ({"class_weight": {0: 1, "ant": 2}, "y": NAMES[Y]}, ValueError, "two weights for class 0"),
        ({"class_weight": [1.0, 2.0]}, ValueError, "up to class 1, and the model scores for 3"),
        ({"class_weight": {"dog": 1.0}}, ValueError, "'dog', which is none of the classes"),
        ({"class_weight": {0: -1}}, ValueError, "class_weight must be at least 0"),
        ({"class_weight": {0: "a"}}, TypeError, "class_weight must be a number"),
        ({"class_weight": {1.5: 1}}, TypeError, "class_weight must be an int"),
        ({"class_weight": 3.0}, ValueError, "axis of samples, got 3.0"),
        ({"class_weight": "balanced", "y": X[:, :3], "loss": nn.MSELoss()}, ValueError, "float32"),
        ({"class_weight": [1, 1, 1], "y": X[:, :3], "loss": nn.MSELoss()}, ValueError, "needs cl"),
        ({"sample_weight": W, "cuda_graph": True}, ValueError, "no weights of its batch"),
    ],
)
def test_weights_that_are_refused(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=rf"^\[fit\] .*{text}"):
        step(model(), **options)


def test_only_known_samples_and_losses_have_weights() -> None:
    class Own:
        def __call__(self, output: Any, target: Any) -> float:
            return 0.0

        def backward(self) -> Any:
            raise AssertionError

    with pytest.raises(ValueError, match="sample_weight needs a Dataset or arrays"):
        nn.fit(model(), [(X, Y)], sample_weight=W)
    with pytest.raises(ValueError, match="'balanced' counts the classes of a Dataset"):
        nn.fit(model(), [(X, Y)], class_weight="balanced")
    with pytest.raises(TypeError, match=r"sample_weight needs one of pycnn\.losses"):
        nn.fit(model(), X, Y, sample_weight=W, loss=Own())


@pytest.mark.parametrize("ignored", [-1, 3, 255])
def test_ignored_targets_need_no_weight(ignored: int) -> None:
    """Such as 255 at the borders of a segmentation; nor do they count for 'balanced'."""
    y = np.where(np.arange(N) % 4 == 0, ignored, Y)
    balanced = (N - 3) / (3 * np.bincount(y[y != ignored], minlength=CLASSES)[:CLASSES])
    for given, wanted in (
        (OF_A_CLASS, OF_A_CLASS),
        (dict(enumerate(OF_A_CLASS)), OF_A_CLASS),
        ("balanced", balanced.astype(np.float32)),
    ):
        one, other = model(), model()
        step(one, y=y, loss=nn.CrossEntropyLoss(ignore_index=ignored), class_weight=given)
        step(other, y=y, loss=nn.CrossEntropyLoss(wanted, ignored))
        for name, array in snapshot(one).items():
            np.testing.assert_allclose(array, snapshot(other)[name], atol=1e-5)
