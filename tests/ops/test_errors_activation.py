"""Wrong input of activations, softmax's gradient and local response normalisation is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.refusals import assert_refuses, row, zeros

from pycnn import ops as typed_ops

# What is wrong with an argument is for the ops to say, not for a type checker.
ops: Any = typed_ops

X, ROWS = zeros(2, 3, 4, 4), zeros(5, 10)
lrn, d_lrn = ops.local_response_norm, ops.local_response_norm_backward


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32, ">f4", bool])
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("leaky_relu", ops.leaky_relu),
        ("leaky_relu_backward", lambda a: ops.leaky_relu_backward(X, a)),
        ("tanh", ops.tanh),
        ("tanh_backward", lambda a: ops.tanh_backward(a, X)),
        ("sigmoid", ops.sigmoid),
        ("sigmoid_backward", lambda a: ops.sigmoid_backward(X, a)),
        ("gelu", ops.gelu),
        ("gelu_backward", lambda a: ops.gelu_backward(a, X)),
        ("softmax_backward", lambda a: ops.softmax_backward(a[0, 0], X[0, 0])),
        ("local_response_norm", lrn),
        ("local_response_norm_backward", lambda a: d_lrn(X, X, X, a)),
    ],
)
def test_dtypes_are_not_converted(name: str, call: Callable[[np.ndarray], Any], dtype: Any) -> None:
    array = np.zeros(X.shape, dtype)
    assert_refuses(lambda: call(array), TypeError, (f"[{name}]", "float32", str(array.dtype)))


@pytest.mark.parametrize(
    ("call", "facts"),
    [
        row(lambda: ops.leaky_relu(X, "0.1"), "[leaky_relu]", "negative_slope", "str"),
        row(lambda: ops.leaky_relu(X, True), "[leaky_relu]", "negative_slope", "bool"),
        row(lambda: ops.tanh(X, amplitude=None), "[tanh]", "amplitude", "None"),
        row(lambda: ops.tanh_backward(X, X, slope=1j), "[tanh_backward]", "slope", "complex"),
        row(lambda: ops.tanh([0.0]), "[tanh]", "x", "list"),
        row(lambda: ops.gelu(X, True), "[gelu]", "approximate", "bool"),
        row(lambda: lrn(X, 5.0), "[local_response_norm]", "size", "float"),
        row(lambda: lrn(X, alpha="1"), "[local_response_norm]", "alpha", "str"),
        row(lambda: lrn(X, form=None), "[local_response_norm]", "form", "None"),
        row(lambda: d_lrn(X, X, X, None), "[local_response_norm_backward]", "scale", "None"),
    ],
)
def test_types(call: Callable[[], Any], facts: tuple[str, ...]) -> None:
    assert_refuses(call, TypeError, facts)


@pytest.mark.parametrize(
    ("call", "facts"),
    [
        row(lambda: ops.leaky_relu(X, np.inf), "[leaky_relu]", "negative_slope", "inf"),
        row(lambda: ops.leaky_relu(X, 1e39), "[leaky_relu]", "negative_slope", "1e+39"),
        row(lambda: ops.leaky_relu(X[:, :, ::2]), "[leaky_relu]", "contiguous"),
        row(lambda: ops.leaky_relu_backward(X, X[0]), "(2, 3, 4, 4)", "(3, 4, 4)"),
        row(lambda: ops.tanh(X, amplitude=0), "[tanh]", "amplitude", "zero"),
        row(lambda: ops.tanh(X, amplitude=1e-50), "[tanh]", "amplitude", "zero"),
        row(lambda: ops.tanh(X, slope=np.nan), "[tanh]", "slope", "nan"),
        row(lambda: ops.tanh(X, slope=1e30, amplitude=1e-30), "slope / amplitude"),
        row(lambda: ops.tanh_backward(X, X, amplitude=0), "[tanh_backward]", "zero"),
        row(lambda: ops.tanh_backward(X, X[0]), "(2, 3, 4, 4)", "(3, 4, 4)"),
        row(lambda: ops.sigmoid_backward(X, X[0]), "(2, 3, 4, 4)", "(3, 4, 4)"),
        row(lambda: ops.gelu(X, "erf"), "[gelu]", "'none' or 'tanh'", "'erf'"),
        row(lambda: ops.gelu_backward(X, X, "erf"), "[gelu_backward]", "'erf'"),
        row(lambda: ops.gelu_backward(X, X[0]), "(2, 3, 4, 4)", "(3, 4, 4)"),
        row(lambda: ops.softmax_backward(X, X), "[softmax_backward]", "2", "(2, 3, 4, 4)"),
        row(lambda: ops.softmax_backward(ROWS, ROWS[:4]), "(5, 10)", "(4, 10)"),
        row(lambda: ops.softmax_backward(zeros(3, 0), zeros(3, 0)), "class", "(3, 0)"),
        row(lambda: lrn(X[0]), "[local_response_norm]", "4", "(3, 4, 4)"),
        row(lambda: lrn(zeros(2, 0, 4, 4)), "[local_response_norm]", "(2, 0, 4, 4)"),
        row(lambda: lrn(X, 0), "[local_response_norm]", "size", "0"),
        row(lambda: lrn(X, 4, form="paper"), "[local_response_norm]", "odd", "4"),
        row(lambda: lrn(X, form="caffe"), "'mean' or 'paper'", "'caffe'"),
        row(lambda: lrn(X, alpha=-1e-4), "[local_response_norm]", "alpha", "-0.0001"),
        row(lambda: lrn(X, beta=-0.5), "[local_response_norm]", "beta", "-0.5"),
        row(lambda: lrn(X, k=0), "[local_response_norm]", "k", "above 0"),
        row(lambda: lrn(X, k=np.nan), "[local_response_norm]", "k", "nan"),
        row(lambda: d_lrn(X[:1], X, X, X), "dy", "(1, 3, 4, 4)", "(2, 3, 4, 4)"),
        row(lambda: d_lrn(X, X, X[:1], X), "y", "(1, 3, 4, 4)", "(2, 3, 4, 4)"),
        row(lambda: d_lrn(X, X, X, X[:1]), "scale", "(1, 3, 4, 4)", "(2, 3, 4, 4)"),
        row(lambda: d_lrn(X, X, X, X, 2, form="paper"), "[local_response_norm_backward]", "odd"),
    ],
)
def test_values(call: Callable[[], Any], facts: tuple[str, ...]) -> None:
    assert_refuses(call, ValueError, facts)


@pytest.mark.parametrize("op", [ops.tanh, ops.tanh_backward])
def test_tanh_refuses_amplitudes_whose_square_overflows(op: Callable[..., Any]) -> None:
    arrays = (X,) if op is ops.tanh else (X, X)
    for options in ({"amplitude": 2.0**64}, {"amplitude": 1e-30}, {"amplitude": -1e20}):
        with pytest.raises(ValueError, match=rf"^\[{op.__name__}\] amplitude must be between"):
            op(*arrays, **options)
    with pytest.raises(ValueError, match=r"slope \* amplitude must be a finite float32"):
        op(*arrays, amplitude=1e17, slope=1e30)
    assert np.isfinite(op(*arrays, amplitude=1e18)).all()
