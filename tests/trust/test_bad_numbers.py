"""Bad numbers are caught: `fit` names batch and layer once, and is quiet where all is well."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from support.annotations import layer_of
from support.small_training import blobs, small_net

from pycnn.layers import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    Linear,
    Module,
    ReLU,
    Sequential,
    Tanh,
)
from pycnn.losses import CrossEntropyLoss, MSELoss
from pycnn.optim import SGD, Adam
from pycnn.training import Callback, Run, evaluate, fit, predict
from pycnn.training.watch import BEYOND

COUNTS = {"short": 15, "long": 1000}
BATCHES, SIZE = 6, 8


def dense(rng: np.random.Generator) -> Sequential:
    return Sequential(Flatten(), Linear(64, 16, rng=rng), ReLU(), Linear(16, 4, rng=rng))


def normalised(rng: np.random.Generator) -> Sequential:
    return Sequential(
        Conv2d(1, 4, 3, rng=rng), BatchNorm2d(4), Tanh(), AvgPool2d(2), Flatten(),
        Linear(36, 4, rng=rng),
    )  # fmt: skip


NETWORKS: list[Callable[[np.random.Generator], Sequential]] = [
    dense,
    normalised,
    lambda rng: small_net(int(rng.integers(100))),
    lambda rng: small_net(int(rng.integers(100)), dropout=0.5),
]


def network(rng: np.random.Generator) -> Sequential:
    return NETWORKS[rng.integers(len(NETWORKS))](rng)


def batches(rng: np.random.Generator) -> list[tuple[Any, Any]]:
    seeds = rng.integers(1000, size=BATCHES)
    return [(data.x, data.y) for data in (blobs(SIZE, int(seed)) for seed in seeds)]


def texts_of(call: Callable[[], Any]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(warning.message) for warning in caught]


def training(model: Module, data: Any, rng: np.random.Generator, **options: Any) -> list[str]:
    """Train for one to three epochs; return the messages."""
    rate = float(10 ** rng.uniform(-4, -2))
    optimizer = (Adam if rng.random() < 0.5 else SGD)(model.parameters(), rate)
    epochs = int(rng.integers(1, 4))
    return texts_of(lambda: fit(model, data, epochs=epochs, optimizer=optimizer, **options))


def some(rng: np.random.Generator, array: np.ndarray) -> tuple[int, ...]:
    return tuple(int(rng.integers(extent)) for extent in array.shape)


# Possible faults, each with its required message ---------------------------------------------


def samples(rng: np.random.Generator) -> None:
    data, batch = batches(rng), int(rng.integers(BATCHES))
    place = some(rng, data[batch][0])
    data[batch][0][place] = np.nan
    # A dropout may drop all that the NaN has reached: then the loss of its batch is finite.
    model = NETWORKS[rng.integers(3)](rng)
    (text,) = training(model, data, rng)
    assert f"x of batch {batch + 1} holds NaN, first in its sample {place[0]}" in text
    assert "epoch 1 is nan" in text


def targets(rng: np.random.Generator) -> None:
    value = float(rng.choice([np.nan, np.inf, -np.inf]))
    data = [(x, rng.standard_normal((SIZE, 4), np.float32)) for x, _ in batches(rng)]
    batch = int(rng.integers(BATCHES))
    place = some(rng, data[batch][1])
    data[batch][1][place] = value
    (text,) = training(network(rng), data, rng, loss=MSELoss())
    kind = "NaN" if np.isnan(value) else "infinity"
    assert f"y of batch {batch + 1} holds {kind}, first in its sample {place[0]}" in text


def parameters(rng: np.random.Generator) -> None:
    """In any parameter or running statistic, after any step."""
    model, step = network(rng), int(rng.integers(BATCHES))
    states = {name: array for name, array in model.state_dict().items() if array.dtype.kind == "f"}
    name = str(rng.choice(list(states)))
    value = float(rng.choice([np.nan, np.inf, -np.inf]))

    class Spoil(Callback):
        def on_step(self, run: Run) -> None:
            if run.step == step + 1:
                states[name][some(rng, states[name])] = value

    (text,) = training(model, batches(rng), rng, callbacks=[Spoil()])
    layer, _, own = name.rpartition(".")
    if np.isnan(value) and "running" not in name and step < BATCHES - 1:
        assert f"batch {step + 2} of epoch 1 is nan: {own} of layer {layer} (" in text
    else:
        # An infinite weight may leave outputs finite for a while, behind a ReLU or a tanh, and
        # spoil a layer before it in the next backward pass: then that one is named.
        assert re.search(rf"{own} of layer {layer} \(|holds NaN or infinity|not finite", text)


class Poison(Module):
    """The identity, whose gradient is NaN from some step on."""

    def __init__(self, at: int) -> None:
        self.at, self.calls = at, 0

    def forward(self, x: Any) -> Any:
        self.calls += self.training
        return x.copy()

    def backward(self, dy: Any) -> Any:
        dy = dy.copy()
        if self.calls > self.at:
            dy[...] = np.nan  # one alone may end at a ReLU or a dropout
        return dy


def gradients(rng: np.random.Generator) -> None:
    """The loss is finite; damage by the update shows in the next step or after the epoch."""
    layers, step = list(network(rng)), int(rng.integers(BATCHES))
    model = Sequential(*layers[:-1], Poison(step), layers[-1])
    (text,) = training(model, batches(rng), rng)
    if step == BATCHES - 1:
        assert re.search(r"after epoch 1 \d\.(weight|bias) holds NaN", text)
    else:
        assert re.search(rf"batch {step + 2} of epoch 1 is nan: \w+ of layer \d \(", text)


def skipped(rng: np.random.Generator) -> None:
    """No target counts: each is ignored, or belongs to a class without weight."""
    data, loss = batches(rng), CrossEntropyLoss(weight=np.zeros(4, np.float32))
    if rng.random() < 0.5:
        loss = CrossEntropyLoss()
        data = [(x, np.full_like(y, -100)) for x, y in data]
    (text,) = training(network(rng), data, rng, loss=loss)
    assert "no target of epoch 1 counts" in text


def diverging(rng: np.random.Generator) -> None:
    model = dense(rng)
    optimizer = Adam(model.parameters(), float(10 ** rng.uniform(2, 9)))
    data = batches(rng)
    losses: list[float] = []
    texts = texts_of(lambda: losses.extend(fit(model, data, epochs=2, optimizer=optimizer)["loss"]))
    # A rate of 1e8 may end with a loss of 0, too: the classes are far apart. What a model that
    # knows nothing has is about log 4.
    if not max(losses) < 5 * BEYOND * np.log(4):
        assert any("the training diverges" in text or "is nan" in text for text in texts)
    assert len(texts) <= 2


def outputs(rng: np.random.Generator) -> None:
    """`evaluate` and `predict` name the layer, and count no answer as right."""
    model, data = network(rng), blobs(20, int(rng.integers(1000)))
    layer_of(model, -1).weight.data[some(rng, layer_of(model, -1).weight.data)] = np.nan
    data.y[:] = np.isnan(predict_quietly(model, data.x)).argmax(axis=1)  # what argmax would say
    figures: list[Any] = []
    (text,) = texts_of(lambda: figures.append(evaluate(model, data)))
    assert figures[0].accuracy == 0
    place = f"weight of layer {len(model) - 1} (Linear) is not finite"
    assert text.startswith("[evaluate] 20 of 20 samples have no answer")
    assert text.endswith(place)
    (text,) = texts_of(lambda: predict(model, data))
    assert text.endswith(place)


def predict_quietly(model: Module, x: Any) -> Any:
    results: list[Any] = []
    texts_of(lambda: results.append(predict(model, x)))
    return results[0]


def healthy(rng: np.random.Generator) -> None:
    model, data = network(rng), batches(rng)
    assert training(model, data, rng, validation=data) == []


KINDS = [samples, targets, parameters, gradients, skipped, diverging, outputs, healthy]


def test_bad_numbers_are_caught(form: str, tried: Callable[[str, int, str], None]) -> None:
    count = COUNTS[form]
    for number, kind in enumerate(KINDS):
        for case in range(count):
            rng = np.random.default_rng([number, case])
            try:
                kind(rng)
            except (AssertionError, ValueError) as error:
                raise AssertionError(f"{kind.__name__}, case {case}: {error}") from error
    tried("Bad numbers are caught", count * len(KINDS), "each named once, none where all was well")
