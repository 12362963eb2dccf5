"""Steps of a `Sequential`: which layers run as one op, and which do not."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from pycnn.layers import Conv2d, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential
from pycnn.layers.fused import steps_of
from pycnn.layers.parameter import Array


class Other(ReLU):
    """A sub-class may have other passes."""


def conv() -> Conv2d:
    return Conv2d(1, 2, 3, rng=0)


@pytest.mark.parametrize(
    ("layers", "names"),
    [
        ([conv(), ReLU(), MaxPool2d(2)], ["0"]),
        ([conv(), ReLU(), MaxPool2d(3, 2)], ["0", "2"]),
        ([conv(), ReLU(), conv(), ReLU()], ["0", "2"]),
        ([Linear(4, 3, rng=0), ReLU(), MaxPool2d(2)], ["0", "2"]),
        ([conv(), Other(), MaxPool2d(2)], ["0", "1", "2"]),
        ([conv(), Other(), ReLU(), MaxPool2d(2)], ["0", "1", "2", "3"]),
        ([ReLU(), conv(), MaxPool2d(2)], ["0", "1", "2"]),
        ([], []),
    ],
    ids=lambda value: "-".join(map(str, value)) if value and isinstance(value[0], str) else None,
)
def test_steps_are_named_by_their_first_layer(layers: list[Module], names: list[str]) -> None:
    steps = steps_of((str(index), layer) for index, layer in enumerate(layers))
    assert [step.name for step in steps] == names
    alone = [one.forward for step in steps for one in step.layers or (step,)]
    assert all(one is layer for one, layer in zip(alone, layers, strict=True))


def network() -> Sequential:
    return Sequential(
        *(conv(), ReLU(), MaxPool2d(2), Flatten(), Linear(18, 4, rng=1), ReLU()),
        Linear(4, 2, rng=2),
    )


X = np.random.default_rng(0).standard_normal((2, 1, 8, 8)).astype(np.float32)


def gradients(model: Sequential) -> list[Any]:
    model.zero_grad()
    dx = model.backward(model(X))
    return [dx, *(parameter.grad for parameter in model.parameters())]


@pytest.mark.parametrize("index", [0, 1, 2, 4, 5])
@pytest.mark.parametrize("name", ["forward", "backward"])
def test_a_pass_that_an_instance_overrides_is_called(index: int, name: str) -> None:
    model, expected = network(), gradients(network())
    layer = model[index]
    calls: list[Array] = []
    before = getattr(layer, name)

    def counted(array: Array) -> Array:
        calls.append(array)
        result: Array = before(array)
        return result

    setattr(layer, name, counted)
    found = gradients(model)
    assert len(calls) == 1
    delattr(layer, name)
    for values in (found, gradients(model)):
        for one, other in zip(values, expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_copies_run_their_own_layers() -> None:
    model = network()
    other: Any
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        for layer in (other[0], other[4]):
            layer.weight.data[...] = 0
            layer.bias.data[...] = 0
        np.testing.assert_array_equal(other(X), np.broadcast_to(other[6].bias.data, (2, 2)))
        assert not np.array_equal(other(X), model(X))


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((2, 3, 8, 8), r"^Sequential\[0\] Conv2d: "),
        ((2, 1, 2, 8), r"^Sequential\[0\] Conv2d: "),
        ((2, 1, 3, 8), r"^Sequential\[2\] MaxPool2d: "),
        ((2, 1, 9, 20), r"^Sequential\[4\] Linear: expects 18 features, got 54"),
    ],
)
def test_the_layer_that_fails_says_so_without_another_error_above(
    shape: tuple[int, ...], text: str
) -> None:
    with pytest.raises(ValueError, match=text) as info:
        network()(np.zeros(shape, np.float32))
    assert info.value.__cause__ is None
    assert info.value.__context__ is None or info.value.__suppress_context__


@pytest.mark.parametrize("parameters_only", [False, True])
def test_a_convolution_that_ran_with_its_neighbours_cannot_run_backward_alone(
    parameters_only: bool,
) -> None:
    model = Sequential(conv(), ReLU(), MaxPool2d(2))
    model(np.ones((1, 1, 6, 6), np.float32))
    first, dy = model[0], np.ones((1, 2, 4, 4), np.float32)
    with pytest.raises(RuntimeError, match="only the Sequential that ran them"):
        (first.backward_parameters if parameters_only else first.backward)(dy)
