"""Layers, losses and functions of tensors in plans: the bits of steps in Python, batch by batch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pycnn as nn
import pycnn.functional as F
from pycnn.training import CapturedStep

N, CHANNELS, SIZE, CLASSES = 4, 4, 8, 3
Batch = tuple[Any, Any]


def images(count: int = 6) -> list[Batch]:
    rng = np.random.default_rng(1)
    shape = (count, N, CHANNELS, SIZE, SIZE)
    return list(zip(rng.standard_normal(shape, np.float32), targets(count), strict=True))


def targets(count: int = 6) -> Any:
    return np.random.default_rng(2).integers(0, CLASSES, (count, N))


def assert_planned(model: nn.Module, loss: Any, batches: list[Batch]) -> CapturedStep:
    """Take steps with a plan and without, with one thread and with two in turn."""

    def momentum(one: nn.Module) -> nn.optim.SGD:
        return nn.optim.SGD(one.parameters(), 0.01, momentum=0.9)

    twin = copy.deepcopy(model.train())
    other, criterion = momentum(twin), copy.deepcopy(loss)
    step = CapturedStep(model, loss, momentum(model))
    threads = nn.get_num_threads()
    try:
        for number, (x, y) in enumerate(batches):
            nn.set_num_threads(1 + number % 2)
            found = step(x, y)
            expected = float(criterion(twin.forward(x), y))
            twin.zero_grad()
            twin.backward_parameters(criterion.backward())
            other.step()
            assert found == expected, number
            for name, array in twin.state_dict().items():
                np.testing.assert_array_equal(model.state_dict()[name], array, err_msg=name)
    finally:
        nn.set_num_threads(threads)
    assert step.reason == ""
    return step


def around(layer: nn.Module) -> nn.Sequential:
    first = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, rng=0)
    size = nn.Sequential(first, layer, nn.Flatten())(images(1)[0][0]).shape[1]
    return nn.Sequential(first, layer, nn.Flatten(), nn.Linear(size, CLASSES, rng=1))


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "concatenation": lambda: nn.Parallel(nn.ReLU(), nn.Conv2d(4, 3, 1, rng=3), nn.Tanh()),
    "concatenated rows": lambda: nn.Parallel(nn.ReLU(), nn.Tanh(), axis=2),
    "nested": lambda: nn.Parallel(nn.Parallel(nn.ReLU(), nn.Tanh()), nn.Identity()),
    "dropped channels": lambda: nn.Dropout2d(0.4, rng=5),
    "dropped signals": lambda: nn.Dropout1d(0.4, rng=5),
    "prelu": nn.PReLU,
    "prelu of channels": lambda: nn.PReLU(4),
    "mirrored": lambda: nn.ReflectionPad2d(2),
    "replicated": lambda: nn.ReplicationPad2d(1),
    "circular": lambda: nn.CircularPad2d(1),
    "convolution with a border": lambda: nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
    "shuffle": lambda: nn.ChannelShuffle(2),
    "pixels": lambda: nn.PixelShuffle(2),
    "pixels back": lambda: nn.PixelUnshuffle(2),
    "softmax": lambda: nn.Softmax(1),
    "logarithms": lambda: nn.LogSoftmax(1),
    "softmin": lambda: nn.Softmin(1),
    "gates": lambda: nn.GLU(1),
    "celu": nn.CELU,
    "selu": nn.SELU,
    "log sigmoid": nn.LogSigmoid,
    "softsign": nn.Softsign,
    "shrink": lambda: nn.Softshrink(0.3),
    "hard shrink": lambda: nn.Hardshrink(0.3),
    "tanh shrink": nn.Tanhshrink,
    "threshold": lambda: nn.Threshold(0.1, 0.2),
    "patches": lambda: nn.Unfold(3),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str) -> None:
    assert_planned(around(LAYERS[name]()), nn.CrossEntropyLoss(), images())


class Own(nn.Module):
    """What a forward of one's own computes of two feature maps of the network."""

    def __init__(self) -> None:
        self.first = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, rng=0)
        self.second = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, rng=1)
        self.gate = nn.Conv2d(CHANNELS, CHANNELS, 1, rng=2)
        self.weight = nn.Parameter(np.array([0.5, 1, 1.5, 2], np.float32))


class Squeezed(Own):
    def forward(self, x: Any) -> Any:
        x = F.silu(self.first(x))
        return x * self.gate(x.mean((2, 3), keepdim=True)).sigmoid()


class Attended(Own):
    def forward(self, x: Any) -> Any:
        x, y = self.first(x).flatten(2), self.second(x).flatten(2)
        return (x @ y.transpose(1, 2) * 0.125).softmax(-1) @ y


class Joined(Own):
    def forward(self, x: Any) -> Any:
        y = nn.cat([self.first(x), x], 1)
        first, second = y.chunk(2, 1)
        return nn.cat([first[:, :, ::2], second[:, :, 1::2] - 1], 2)


class Normalised(Own):
    def forward(self, x: Any) -> Any:
        x = self.first(x)
        x = (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), keepdim=True) + 1e-5).sqrt()
        return x * self.weight.view(1, -1, 1, 1)


class Extremes(Own):
    def forward(self, x: Any) -> Any:
        x, y = self.first(x), self.second(x)
        z = nn.cat([x.max(1, keepdim=True)[0], x.mean(1, keepdim=True)], 1)
        return nn.cat([z, nn.where(x > 0, x, y), x.maximum(y), x.clamp(-1, 1), x.amin(1, True)], 1)


class Powers(Own):
    def forward(self, x: Any) -> Any:
        x, y = self.first(x), self.second(x)
        return 1 - x**2 / (y.exp() + y.abs() + 1) + (x * x).log1p() + x.norm(dim=1, keepdim=True)


class Padded(Own):
    def forward(self, x: Any) -> Any:
        x = F.pad(self.first(x), (1, 0, 2, 1), value=0.5)
        return F.pad(x, (1, 1, 1, 1), mode="reflect")[:, [0, 2]].masked_fill(
            x[:, :2, :1, :1] < 0, 0
        )


@pytest.mark.parametrize("kind", [Squeezed, Attended, Joined, Normalised, Extremes, Powers, Padded])
def test_forwards_of_ones_own(kind: type[Own]) -> None:
    assert_planned(around(kind()), nn.CrossEntropyLoss(), images())


SHARES = np.random.default_rng(3).dirichlet(np.ones(CLASSES), (6, N)).astype(np.float32)
YES = (SHARES > 0.4).astype(np.float32)
WEIGHTS = np.array([1, 2, 0.5], np.float32)
LOSSES: dict[str, tuple[Callable[[], Any], Any]] = {
    "shares": (nn.CrossEntropyLoss, SHARES),
    "weighted shares": (lambda: nn.CrossEntropyLoss(WEIGHTS, label_smoothing=0.1), SHARES),
    "weights": (lambda: nn.CrossEntropyLoss(WEIGHTS), targets()),
    "smoothed": (lambda: nn.CrossEntropyLoss(label_smoothing=0.1), targets()),
    "focal": (nn.FocalLoss, targets()),
    "focal with weights": (lambda: nn.FocalLoss(np.array([0.2, 0.3, 0.5], np.float32)), targets()),
    "binary focal": (lambda: nn.FocalLoss(0.25), YES),
    "yes or no": (lambda: nn.BCEWithLogitsLoss(pos_weight=WEIGHTS), YES),
    "squares": (nn.MSELoss, SHARES),
    "huber": (nn.HuberLoss, SHARES),
    "divergence": (lambda: nn.KLDivLoss("batchmean"), SHARES),
    "distances": (nn.MAPLoss, targets()),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str) -> None:
    loss, wanted = LOSSES[name]
    batches = [(x, y) for (x, _), y in zip(images(), wanted, strict=True)]
    assert_planned(around(nn.ReLU()), loss(), batches)


def test_probabilities() -> None:
    batches = [(x, y) for (x, _), y in zip(images(), YES, strict=True)]
    assert_planned(nn.Sequential(around(nn.ReLU()), nn.Sigmoid()), nn.BCELoss(), batches)


@pytest.mark.parametrize("weight", [None, WEIGHTS])
def test_classes_of_pixels(weight: Any) -> None:
    """U-Net's step: a path around a smaller picture, and a class for each pixel."""
    down = nn.Sequential(
        nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, padding=1, rng=1), nn.Upsample(None, 2)
    )
    model = nn.Sequential(nn.Parallel(nn.Identity(), down), nn.Conv2d(10, CLASSES, 1, rng=2))
    pixels = np.random.default_rng(4).integers(0, CLASSES, (6, N, SIZE, SIZE))
    batches = [(x, y) for (x, _), y in zip(images(), pixels, strict=True)]
    assert_planned(model, nn.CrossEntropyLoss(weight), batches)


class Turned(nn.Module):
    def forward(self, x: Any) -> Any:
        return x.transpose(1, 2)


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("padding", [None, 0, 3])
def test_trained_words(padding: int | None, is_sparse: bool) -> None:
    """The number of different words changes from batch to batch."""
    rng = np.random.default_rng(5)
    words = [rng.integers(0, high, (N, 6)) for high in (9, 9, 2, 9, 4, 1)]
    branches = [nn.Sequential(nn.Conv1d(5, 3, width, rng=width), nn.ReLU()) for width in (2, 2)]
    model = nn.Sequential(
        nn.Embedding(9, 5, padding_idx=padding, sparse=is_sparse, rng=0),
        Turned(),
        nn.Parallel(*branches),
        nn.Flatten(),
        nn.Dropout(0.5, rng=1),
        nn.Linear(30, CLASSES, rng=1),
    )
    batches = list(zip(words, targets(), strict=True))
    assert_planned(model, nn.CrossEntropyLoss(WEIGHTS), batches)


def test_bad_numbers_are_found_in_a_repetition() -> None:
    """By the checks that Python makes of targets and outputs."""
    model = around(nn.ReLU())
    step = assert_planned(
        model, nn.CrossEntropyLoss(), [(x, y) for (x, _), y in zip(images(), SHARES, strict=True)]
    )
    before = {name: array.copy() for name, array in model.state_dict().items()}
    with pytest.raises(ValueError, match="probabilities of the classes, from 0 to 1"):
        step(images()[0][0], SHARES[0] * 3)
    for name, array in before.items():
        np.testing.assert_array_equal(model.state_dict()[name], array)


def test_weights_are_read_in_each_step() -> None:
    """Those that are changed in place, and those that take their place."""
    weight = WEIGHTS.copy()
    loss = nn.CrossEntropyLoss(weight)
    model = around(nn.Dropout2d(0.3, rng=0))
    step = CapturedStep(model, loss, nn.optim.SGD(model.parameters(), 0.0))
    (x, y), reasons = images(1)[0], []
    layer: Any = model[1]
    for number in range(12):
        if number == 4:
            weight[:] = weight[::-1].copy()
        if number == 6:
            loss._options = {**loss._options, "weight": np.array([3, 1, 2], np.float32)}
            loss._options_on.clear()
        layer.reseed(0)
        found = step(x, y)
        reasons.append(step.reason)
        layer.reseed(0)
        assert found == float(loss(model.forward(x), y))
    assert reasons[5] == reasons[-1] == ""
    assert "changed" in reasons[6]
