"""Initial values written into parameters: their spreads, on each device, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.annotations import wrong

import pycnn as nn
from pycnn import Parameter, init
from pycnn.devices import on_cpu

SHAPE = (48, 20, 3, 5)  # fan_in 300, fan_out 720
RELU: Any = {"mode": "fan_out", "nonlinearity": "relu"}

# The bound of a uniform distribution, or the deviation of a normal one.
UNIFORM: list[tuple[Callable[[Parameter], Any], float]] = [
    (lambda w: init.uniform_(w, -2, 2, 0), 2),
    (lambda w: init.xavier_uniform_(w, 5 / 3, 0), 5 / 3 * math.sqrt(6 / 1020)),
    (lambda w: init.kaiming_uniform_(w, generator=0), math.sqrt(6 / 300)),
    (lambda w: init.kaiming_uniform_(w, math.sqrt(5), generator=0), 1 / math.sqrt(300)),
    (lambda w: init.kaiming_uniform_(w, **RELU, generator=0), math.sqrt(6 / 720)),
]
NORMAL: list[tuple[Callable[[Parameter], Any], float]] = [
    (lambda w: init.normal_(w, 0, 0.02, 0), 0.02),
    (lambda w: init.xavier_normal_(w, 2, 0), 2 * math.sqrt(2 / 1020)),
    (lambda w: init.kaiming_normal_(w, 0.5, generator=0), math.sqrt(2 / 1.25 / 300)),
    (lambda w: init.kaiming_normal_(w, **RELU, generator=0), math.sqrt(2 / 720)),
]


def filled(write: Callable[[Parameter], Any], shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    weight = Parameter(np.zeros(shape, np.float32))
    assert write(weight) is weight
    return np.array(weight.data)


@pytest.mark.parametrize(("write", "bound"), UNIFORM)
def test_uniform(write: Callable[[Parameter], Any], bound: float) -> None:
    values = filled(write)
    assert np.abs(values).max() == pytest.approx(bound, rel=1e-3)
    assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert abs(values.mean()) < 0.02 * bound


@pytest.mark.parametrize(("write", "std"), NORMAL)
def test_normal(write: Callable[[Parameter], Any], std: float) -> None:
    values = filled(write)
    assert values.std() == pytest.approx(std, rel=0.02)
    assert abs(values.mean()) < 0.02 * std


@pytest.mark.parametrize(
    ("mean", "std", "a", "b", "expected"),
    [
        (0, 1, -2, 2, 0),
        (0, 1, 3, 1000, 3.2831),  # the mean of what is beyond 3
        (5, 0.5, -2, 2, 5 - 0.5 * 6.1585),
        (100, 1, -2, 2, 2 - 1 / 98),
        (0, 1, 0.5, 0.5 + 1e-6, 0.5),
    ],
)
def test_a_part_of_a_normal_distribution(
    mean: float, std: float, a: float, b: float, expected: float
) -> None:
    values = filled(lambda w: init.trunc_normal_(w, mean, std, a, b, 0), (50, 100))
    assert values.min() >= np.float32(a)
    assert values.max() <= np.float32(b)
    assert values.mean() == pytest.approx(expected, abs=0.02)


def test_values_without_chance() -> None:
    assert (filled(lambda w: init.constant_(w, 2.5)) == 2.5).all()
    np.testing.assert_array_equal(filled(init.eye_, (2, 3)), np.eye(2, 3))
    for shape in ((3, 2, 4), (8, 3)):
        matrix = filled(lambda w: init.orthogonal_(w, 2, 0), shape).reshape(shape[0], -1)
        small = matrix @ matrix.T if len(matrix) < matrix.shape[1] else matrix.T @ matrix
        np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-5)


def test_a_device_has_the_values_of_the_cpu(device: str) -> None:
    layer = nn.Linear(4, 3).to(device)
    init.kaiming_normal_(layer.weight, generator=0)
    expected = filled(lambda w: init.kaiming_normal_(w, generator=0), (3, 4))
    np.testing.assert_array_equal(on_cpu(layer.weight.data), expected)


@pytest.mark.parametrize("change", ["init", "load_state_dict"])
def test_a_change_after_recording_is_noticed(change: str, device: str) -> None:
    layer = nn.Linear(3, 3).to(device)
    loss = layer(layer(nn.ones(2, 3, device=device))).sum()
    if change == "init":
        init.constant_(layer.weight, 1)
    else:
        layer.load_state_dict(nn.Linear(3, 3).state_dict())
    with pytest.raises(RuntimeError, match="has been changed in place since"):
        loss.backward()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda w: init.eye_(w), ValueError, r"\[eye_\] needs a matrix.*\(2, 3, 1\)"),
        (lambda w: init.uniform_(w, 1, 0), ValueError, r"\[uniform_\] a must be at most b"),
        (lambda w: init.normal_(w, 0, -1), ValueError, r"\[normal_\] std must be at least 0"),
        (lambda w: init.constant_(w, wrong("1")), TypeError, r"\[constant_\] val must be a number"),
        (lambda w: init.trunc_normal_(w, std=0), ValueError, "std must be above 0"),
        (lambda w: init.trunc_normal_(w, a=2, b=2), ValueError, "a must be less than b, got 2"),
        (lambda w: init.kaiming_normal_(w, wrong("a")), TypeError, "param must be a number"),
        (lambda w: init.xavier_normal_(w[0, 0]), ValueError, "at least two axes"),
        (lambda _: init.zeros_(wrong([1.0])), TypeError, r"\[zeros_\] takes a parameter"),
    ],
)
def test_what_is_refused(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call(Parameter(np.zeros((2, 3, 1), np.float32)))
