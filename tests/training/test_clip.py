"""Limits on gradients."""

from __future__ import annotations

import numpy as np
import pytest

from pycnn.devices import move, on_cpu
from pycnn.layers import Parameter
from pycnn.optim import clip_grad_norm, clip_grad_value


def parameter() -> Parameter:
    return Parameter(np.array([1.0, -2.0, 0.5], np.float32))


def test_clip_scales_all_gradients_together() -> None:
    a, b, idle = parameter(), parameter(), parameter()
    a.grad, b.grad = np.array([3.0, 0, 0], np.float32), np.array([0, 0, 4.0], np.float32)
    assert clip_grad_norm([a, b, idle], 10) == 5
    np.testing.assert_array_equal(a.grad, [3, 0, 0])
    assert clip_grad_norm(iter([a, b, idle]), 1.0) == 5
    np.testing.assert_allclose(a.grad, [0.6, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(b.grad, [0, 0, 0.8], rtol=1e-6)
    assert clip_grad_norm([idle], 1.0) == 0


def test_clip_sums_in_double_precision_and_spares_what_is_not_finite() -> None:
    p = parameter()
    p.grad = np.full(3, 1e30, np.float32)  # its square overflows in float32
    assert clip_grad_norm([p], 1.0) == pytest.approx(np.sqrt(3) * 1e30, rel=1e-6)
    np.testing.assert_allclose(p.grad, np.sqrt(1 / 3), rtol=1e-6)
    p.grad = np.array([1.0, np.inf, 2.0], np.float32)
    assert clip_grad_norm([p], 1.0) == np.inf
    np.testing.assert_array_equal(p.grad, [1, np.inf, 2])
    with pytest.raises(ValueError, match="max_norm must be positive"):
        clip_grad_norm([p], 0)
    with pytest.raises(TypeError, match="max_norm must be a number, got str"):
        clip_grad_norm([p], "1")  # type: ignore[arg-type]


def test_clip_grad_norm_counts_a_shared_parameter_once() -> None:
    shared = Parameter(np.zeros(1, np.float32))
    shared.grad = np.full(1, 3.0, np.float32)
    other = Parameter(np.zeros(1, np.float32))
    other.grad = np.full(1, 4.0, np.float32)
    assert clip_grad_norm([shared, other, shared], 1.0) == 5.0
    np.testing.assert_allclose([shared.grad[0], other.grad[0]], [0.6, 0.8], rtol=1e-6)


def test_clip_grad_norm_scales_one_gradient_of_two_parameters_once() -> None:
    gradient = np.full(1, 4.0, np.float32)
    parameters = [Parameter(np.zeros(1, np.float32)) for _ in range(2)]
    for parameter in parameters:
        parameter.grad = gradient
    assert clip_grad_norm(parameters, 2.0) == 4.0
    assert gradient[0] == 2.0


def test_gradients_are_limited_by_value(device: str) -> None:
    p, idle = (Parameter(move(np.ones(4, np.float32), device)) for _ in range(2))
    p.grad = move(np.array([3, -np.inf, 0.5, np.nan], np.float32), device)
    clip_grad_value([p, p, idle], 1.5)
    np.testing.assert_array_equal(on_cpu(p.grad), [1.5, -1.5, 0.5, np.nan])
    with pytest.raises(ValueError, match="clip_value must be positive"):
        clip_grad_value([p], 0)
