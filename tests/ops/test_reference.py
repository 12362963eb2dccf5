"""The specification itself: gradients against finite differences, and facts known by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.annotations import Options, wrong
from support.finite_differences import assert_gradient
from support.strategies import ConvCase, Values, conv_cases, examples
from support.strategies_pool import avg_pool_cases, max_pool_cases

from pycnn import reference

FEW = examples(0.5)


def normal(seed: int, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


@given(conv_cases())
def test_conv2d_gradients(case: ConvCase) -> None:
    x, w, b = normal(case.values.seed, case.x_shape, case.w_shape, case.w_shape[:1])
    geometry = case.geometry
    g = normal(1, reference.conv2d(x, w, b, **geometry).shape)[0]
    dx = reference.conv2d_backward_input(g, w, x.shape, **geometry)
    dw, db = reference.conv2d_backward_weight(g, x, w.shape, **geometry)
    assert_gradient(lambda a: np.vdot(g, reference.conv2d(a, w, b, **geometry)), x, dx, 1)
    assert_gradient(lambda a: np.vdot(g, reference.conv2d(x, a, b, **geometry)), w, dw, 1)
    assert_gradient(lambda a: np.vdot(g, reference.conv2d(x, w, a, **geometry)), b, db, 1)


@FEW
@given(conv_cases())
def test_conv2d_follows_its_formula(case: ConvCase) -> None:
    """One output, drawn at random, summed term by term as the definition says."""
    x, w, b = normal(case.values.seed, case.x_shape, case.w_shape, case.w_shape[:1])
    y = reference.conv2d(x, w, b, **case.geometry)
    assume(y.size)
    rng = np.random.default_rng(case.values.seed)
    n, k, p, q = (int(rng.integers(size)) for size in y.shape)
    padding = case.geometry["padding"]
    strides, dilations = (
        (value, value) if isinstance(value, int) else value
        for value in (case.geometry["stride"], case.geometry["dilation"])
    )
    if padding == "same":
        before = []
        for size, taps, u, d in zip(x.shape[2:], w.shape[2:], strides, dilations, strict=True):
            total = max((math.ceil(size / u) - 1) * u + d * (taps - 1) + 1 - size, 0)
            before.append(total // 2)
    elif padding == "valid":
        before = [0, 0]
    elif isinstance(padding, int):
        before = [padding, padding]
    else:
        before = [padding[0], padding[len(padding) // 2]]
    group = k // (w.shape[0] // case.geometry["groups"])
    total = b[k]
    for c, r, s in np.ndindex(w.shape[1:]):
        h = p * strides[0] + r * dilations[0] - before[0]
        v = q * strides[1] + s * dilations[1] - before[1]
        if 0 <= h < x.shape[2] and 0 <= v < x.shape[3]:
            total += x[n, group * w.shape[1] + c, h, v] * w[k, c, r, s]
    assert y[n, k, p, q] == pytest.approx(total, rel=1e-10, abs=1e-10)


@given(max_pool_cases())
def test_max_pool2d_gradient(case: Any) -> None:
    """Elements that differ by 1 keep their order under small changes: the maximum is linear."""
    x, v = np.empty(case.x_shape), normal(2, case.x_shape)[0]
    x.flat[:] = np.random.default_rng(case.values.seed).permutation(x.size)
    y, indices = reference.max_pool2d(x, *case.arguments)
    planes = x.reshape(*x.shape[:2], x.shape[2] * x.shape[3])
    chosen = np.take_along_axis(planes, indices.reshape(*y.shape[:2], y.shape[2] * y.shape[3]), 2)
    np.testing.assert_array_equal(chosen.reshape(y.shape), y)
    g = normal(1, y.shape)[0]
    dx = reference.max_pool2d_backward(g, indices, x.shape)
    moved, _ = reference.max_pool2d(x + 0.01 * v, *case.arguments)
    assert np.vdot(dx, v) == pytest.approx(np.vdot(g, (moved - y) / 0.01), rel=1e-6, abs=1e-4)


@given(avg_pool_cases())
def test_avg_pool2d_gradient(case: Any) -> None:
    x = normal(case.values.seed, case.x_shape)[0]
    g = normal(1, reference.avg_pool2d(x, *case.arguments).shape)[0]
    dx = reference.avg_pool2d_backward(g, x.shape, *case.arguments)
    assert_gradient(lambda a: np.vdot(g, reference.avg_pool2d(a, *case.arguments)), x, dx, 1)


def test_relu_and_linear_gradients() -> None:
    x, w, b, g = normal(0, (5, 7), (3, 7), (3,), (5, 3))
    dx, dw, db = reference.linear_backward(g, x, w)
    assert_gradient(lambda a: np.vdot(g, reference.linear(a, w, b)), x, dx, 1)
    assert_gradient(lambda a: np.vdot(g, reference.linear(x, a, b)), w, dw, 1)
    assert_gradient(lambda a: np.vdot(g, reference.linear(x, w, a)), b, db, 1)
    g = normal(1, x.shape)[0]
    dx = reference.relu_backward(g, reference.relu(x))
    assert_gradient(lambda a: np.vdot(g, reference.relu(a)), x, dx, 1e-6)


@FEW
@given(
    st.integers(0, 99),
    st.sampled_from(["mean", "sum", "none"]),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.booleans(),
)
def test_cross_entropy_gradient(
    seed: int, reduction: str, smoothing: float, weighted: bool
) -> None:
    x, dloss = normal(seed, (6, 5), (6,))
    options: dict[str, Any] = {
        "weight": np.linspace(0.2, 2, 5) if weighted else None,
        "ignore_index": 3,
        "label_smoothing": smoothing,
        "reduction": reduction,
    }
    target = np.array([0, 3, 4, 1, 2, 3])
    scale = dloss if reduction == "none" else 0.7

    def loss(logits: np.ndarray) -> float:
        return float(np.sum(scale * reference.softmax_cross_entropy(logits, target, **options)[0]))

    probs = reference.softmax(x)
    gradient = reference.softmax_cross_entropy_backward(probs, target, scale, **options)
    assert_gradient(loss, x, gradient, 1e-6)
    assert not gradient[target == 3].any()


def test_cross_entropy_by_hand() -> None:
    """Softmax of log(1), log(3) is 1/4, 3/4."""
    x = np.log([[1.0, 3.0], [1.0, 3.0]])
    target = np.array([1, 0])
    quarter, three = math.log(4), math.log(4 / 3)
    loss, probs = reference.softmax_cross_entropy(x, target)
    assert loss == pytest.approx((three + quarter) / 2)
    np.testing.assert_allclose(probs, [[0.25, 0.75]] * 2)
    weight = np.array([3.0, 1.0])
    weighted, _ = reference.softmax_cross_entropy(x, target, weight=weight)
    assert weighted == pytest.approx((three + 3 * quarter) / 4)
    smooth, _ = reference.softmax_cross_entropy(x, target, label_smoothing=0.2, reduction="none")
    np.testing.assert_allclose(np.asarray(smooth)[0], 0.8 * three + 0.1 * (three + quarter))


def test_sgd_by_hand() -> None:
    w, velocity, grad = np.array([1.0]), np.array([99.0]), np.array([0.5])
    options: Options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.2}
    reference.sgd_step(w, grad, velocity, first=True, dampening=0.5, **options)
    assert (w.item(), velocity.item()) == pytest.approx((0.93, 0.7))  # no dampening at first
    reference.sgd_step(w, grad, velocity, dampening=0.5, **options)
    assert velocity.item() == pytest.approx(0.9 * 0.7 + 0.5 * (0.5 + 0.2 * 0.93))


def test_adam_by_hand() -> None:
    w, m, v = np.array([1.0]), np.array([0.0]), np.array([0.0])
    reference.adam_step(w, np.array([0.5]), m, v, step=1, lr=0.1, eps=0.0)
    assert (w.item(), m.item(), v.item()) == pytest.approx((0.9, 0.05, 0.00025))
    reference.adam_step(w, np.array([0.0]), m, v, step=2, lr=0.1, weight_decay=1, decoupled=True)
    m_hat, v_hat = 0.9 * 0.05 / (1 - 0.9**2), 0.999 * 0.00025 / (1 - 0.999**2)
    assert w.item() == pytest.approx(0.9 * 0.9 - 0.1 * m_hat / math.sqrt(v_hat))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_float_dtype_is_kept(dtype: type[np.floating[Any]]) -> None:
    x = np.ones((1, 2, 4, 4), dtype)
    w, b = np.ones((2, 2, 3, 3), dtype), np.ones(2, dtype)
    y = reference.conv2d(x, w, b)
    rows = np.ones((2, 3), dtype)
    target = np.zeros(2, np.int64)
    results = [
        y,
        reference.conv2d_backward_input(y, w, x.shape),
        *reference.conv2d_backward_weight(y, x, w.shape),
        reference.max_pool2d(x, 2)[0],
        reference.avg_pool2d(x, 3, 1, 1, count_include_pad=False),
        reference.avg_pool2d_backward(y, y.shape, 1),
        reference.relu(x),
        *reference.linear_backward(rows, rows, np.ones((3, 3), dtype)),
        reference.softmax(rows),
        reference.softmax_cross_entropy(rows, target, label_smoothing=0.1, reduction="none")[0],
        reference.softmax_cross_entropy_backward(rows, target, 0.5, label_smoothing=0.1),
    ]
    assert {np.asarray(array).dtype for array in results} == {np.dtype(dtype)}


def test_integer_values_are_exact_in_any_order() -> None:
    """The basis of exact comparisons: sums of the `integer` kind stay below 2^24."""
    x, w = Values("integer", 0).arrays((1000,), (1000,))
    assert np.abs(x).max() <= 4
    assert np.abs(w).max() * np.abs(x).max() * 10**6 < 2**24


@pytest.mark.parametrize(
    ("call", "fact"),
    [
        (lambda x, w: reference.conv2d(x, w[:, :1]), "input channels"),
        (lambda x, w: reference.conv2d(x, w, groups=3), "groups = 3"),
        (lambda x, w: reference.conv2d(x, w, stride=0), "stride must be at least 1"),
        (lambda x, w: reference.conv2d(x, w, padding=(0, -1)), "must not be negative"),
        (lambda x, w: reference.conv2d(x, w, padding="full"), "'same' or 'valid'"),
        (lambda x, w: reference.conv2d(x, w, dilation=4), "9 elements does not fit"),
        (lambda x, w: reference.max_pool2d(x, 3, padding=2), "half the kernel"),
        (lambda x, w: reference.max_pool2d(x[..., :1, :1], 2, 1, 1, 2), "wholly in the padding"),
        (lambda x, w: reference.avg_pool2d(x, 9), "9 elements does not fit"),
        (lambda x, w: reference.avg_pool2d(x, 2, divisor_override=0), "must not be zero"),
        (lambda x, w: reference.linear(x[0, 0], w[0, 0]), "input features"),
    ],
)
def test_impossible_geometry_is_refused(call: Callable[..., Any], fact: str) -> None:
    x, w = np.zeros((1, 2, 6, 6)), np.zeros((4, 2, 3, 3))
    with pytest.raises(ValueError, match=fact):
        call(x, w)


def test_numpy_ints_are_ints_and_bools_are_none() -> None:
    x, w = np.ones((1, 1, 5, 5)), np.ones((1, 1, 3, 3))
    two = wrong(np.int64(2))
    exact = reference.conv2d(x, w, stride=2, padding=2, dilation=2)
    found = reference.conv2d(
        x, w, stride=two, padding=wrong(np.int8(2)), dilation=wrong(np.uint16(2))
    )
    np.testing.assert_array_equal(found, exact)
    pair = (wrong(np.int32(2)), 2)
    np.testing.assert_array_equal(
        reference.conv2d(x, w, stride=pair, padding=(two, 2, 2, 2), dilation=pair), exact
    )
    np.testing.assert_array_equal(reference.zero_pad2d(x, two), reference.zero_pad2d(x, 2))
    np.testing.assert_array_equal(reference.avg_pool2d(x, two), reference.avg_pool2d(x, 2))
    np.testing.assert_array_equal(reference.upsample2d(x, two), reference.upsample2d(x, (2, 2)))
    with pytest.raises(TypeError, match="got bool"):
        reference.conv2d(x, w, stride=True)
