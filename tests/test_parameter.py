"""Parameters: which arrays they take, and which gradients."""

from __future__ import annotations

import numpy as np
import pytest

from pycnn.layers import Parameter, SparseRows

Array = np.ndarray


def test_parameters_are_contiguous() -> None:
    assert Parameter(np.zeros((2, 3), np.float32)).size == 6
    with pytest.raises(ValueError, match="C-contiguous"):
        Parameter(np.zeros((2, 3), np.float32).T)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (np.zeros(3, np.int64), "int64"),
        (np.zeros(3, ">f4"), ">f4"),
        (np.zeros(3, np.longdouble), str(np.dtype(np.longdouble))),
        ([1.0], "list"),
    ],
)
def test_parameters_are_float_arrays_that_a_checkpoint_holds(data: Array, found: str) -> None:
    with pytest.raises(
        TypeError, match=rf"^\[Parameter\] data must be a float array, got {found}$"
    ):
        Parameter(data)


def test_gradients_have_the_shape_of_their_parameter() -> None:
    p = Parameter(np.zeros((2, 3), np.float32))
    for _ in range(2):
        with pytest.raises(ValueError, match=r"gradient has shape \(3,\), data \(2, 3\)"):
            p.accumulate(np.ones(3, np.float32))  # NumPy would stretch it
        p.accumulate(np.ones((2, 3), np.float32))
    np.testing.assert_array_equal(p.grad, np.full((2, 3), 2))


@pytest.mark.parametrize(
    ("grad", "text"),
    [
        ([1.0, 2.0], "must be an array or SparseRows, got list"),
        (np.float32(1), "must be an array or SparseRows, got float32"),
        (np.ones(2), "is float64, data float32"),
        (SparseRows(np.array([1]), np.ones(1), (2,)), "is float64, data float32"),
    ],
    ids=repr,
)
def test_gradients_have_the_dtype_of_their_parameter(grad: Array, text: str) -> None:
    p = Parameter(np.zeros(2, np.float32))
    for _ in range(2):
        with pytest.raises(TypeError, match=rf"^\[Parameter\] gradient {text}$"):
            p.accumulate(grad)
        p.accumulate(np.ones(2, np.float32))
    np.testing.assert_array_equal(p.grad, [2, 2])
