"""Optimizers that update all parameters by one call do what a call for each does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pycnn as nn
from pycnn import _core
from pycnn.layers.sparse_rows import SparseRows
from pycnn.optim.optimizer import Optimizer

# Sizes around the lanes of a vector, and around the 16,384 numbers of a task.
SHAPES = [(1,), (3, 5), (17,), (16384,), (16385,), (2, 40000), (1,)]
KINDS: dict[str, Callable[[Any], nn.optim.Optimizer]] = {
    "plain": lambda p: nn.optim.SGD(p, 0.1, weight_decay=0.01),
    "momentum": lambda p: nn.optim.SGD(p, 0.1, momentum=0.9, dampening=0.5),
    "nesterov": lambda p: nn.optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: nn.optim.Adam(p, 0.01, weight_decay=0.1),
    "adamw": lambda p: nn.optim.AdamW(p, 0.01),
}


def parameters() -> list[nn.Parameter]:
    rng = np.random.default_rng(0)
    return [nn.Parameter(rng.standard_normal(shape, dtype=np.float32)) for shape in SHAPES]


def gradients(steps: int) -> list[list[np.ndarray]]:
    rng = np.random.default_rng(1)
    return [[rng.standard_normal(s, dtype=np.float32) for s in SHAPES] for _ in range(steps)]


def after(optimizer: nn.optim.Optimizer, step: Callable[[Any], None]) -> list[np.ndarray]:
    """Take four steps; some parameters have no gradient in some of them, or are frozen."""
    for number, grads in enumerate(gradients(4)):
        for index, (parameter, grad) in enumerate(zip(optimizer.params, grads, strict=True)):
            parameter.gradient = None if index == number else grad
        optimizer.params[4].requires_grad = number != 2
        if number == 3:
            optimizer.params[5].gradient = SparseRows(np.array([1]), grads[5][1:], (2, 40000))
        step(optimizer)
    states = optimizer.state_dict()["state"].values()
    return [
        *(parameter.array for parameter in optimizer.params),
        *(np.asarray(value) for state in states for value in state.values()),
    ]


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_bits(kind: str, threads: int) -> None:
    """Those of one call for each parameter, for any number of threads."""
    before = _core.get_num_threads()
    try:
        _core.set_num_threads(1)
        expected = after(KINDS[kind](parameters()), Optimizer.step)
        _core.set_num_threads(threads)
        found = after(KINDS[kind](parameters()), lambda optimizer: optimizer.step())
    finally:
        _core.set_num_threads(before)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("threads", [1, 2])
def test_parameters_that_share_memory_are_updated_in_order(threads: int) -> None:
    """A gradient may be another parameter."""
    shape, before = (50_000,), _core.get_num_threads()
    found = []
    for step in (Optimizer.step, lambda optimizer: optimizer.step()):
        one, other = (nn.Parameter(np.full(shape, value, np.float32)) for value in (1, 2))
        one.gradient, other.gradient = other.array, one.array
        _core.set_num_threads(threads)
        step(nn.optim.SGD([one, other], 0.5))
        _core.set_num_threads(before)
        found.append((one.array[0], other.array[-1]))
    assert found[0] == found[1] == (0.0, 2.0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_gradient_that_does_not_fit(kind: str) -> None:
    """Nothing is updated, and no state made; the message names both shapes."""
    values = parameters()
    optimizer = KINDS[kind](values)
    for parameter, grad in zip(values, gradients(1)[0], strict=True):
        parameter.gradient = grad
    values[1].gradient = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"_step\] grad has shape \(2, 3\).*\(3, 5\)"):
        optimizer.step()
    for parameter, first in zip(values, parameters(), strict=True):
        np.testing.assert_array_equal(parameter.array, first.array)
    assert not optimizer.state_dict()["state"]


def test_a_class_with_an_update_of_its_own() -> None:
    """It is called for each parameter."""

    class Half(nn.optim.SGD):
        def update(self, data: Any, grad: Any, state: Any, group: Any, first: bool) -> None:
            super().update(data, grad / 2, state, group, first)

    class Quarter(Half):
        pass

    one, other = nn.Parameter(np.ones(3, np.float32)), nn.Parameter(np.ones(3, np.float32))
    for kind, parameter in ((Half, one), (Quarter, other)):
        parameter.gradient = np.ones(3, np.float32)
        kind([parameter], 0.5).step()
        np.testing.assert_array_equal(parameter.array, np.full(3, 0.75, np.float32))
