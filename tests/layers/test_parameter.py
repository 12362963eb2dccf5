"""Parameters: which arrays they take, and which gradients."""

from __future__ import annotations

import numpy as np
import pytest
from support.annotations import gradient_of

from pycnn.layers import Parameter, SparseRows
from pycnn.optim import SGD, clip_grad_norm

Array = np.ndarray


def test_parameters_are_contiguous() -> None:
    assert Parameter(np.zeros((2, 3), np.float32)).numel() == 6
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


def test_memory_that_two_gradients_share_is_scaled_once() -> None:
    gradient = np.ones(4, np.float32)
    for other in (gradient, gradient[:], gradient.reshape(2, 2), gradient[::-1]):
        gradient[:] = 1
        p, q = Parameter(np.ones(4, np.float32)), Parameter(np.ones(other.shape, np.float32))
        p.grad, q.grad = gradient, other
        assert clip_grad_norm([p, q], 0.5) == 2
        np.testing.assert_array_equal(gradient, 0.25)
    q = Parameter(np.ones(3, np.float32))
    q.grad = gradient[1:]
    with pytest.raises(ValueError, match=r"^\[clip_grad_norm\] gradients 0 and 1 share a part"):
        clip_grad_norm([p, q], 0.1)
    gradient.flags.writeable = False
    with pytest.raises(ValueError, match=r"^\[clip_grad_norm\] a gradient is read-only"):
        clip_grad_norm([p], 0.1)


def test_rows_that_two_gradients_share_are_scaled_once() -> None:
    values = np.ones((2, 2), np.float32)
    p, q = (Parameter(np.ones((3, 2), np.float32)) for _ in range(2))
    p.grad, q.grad = (SparseRows(np.array([0, 1]), values, (3, 2)) for _ in range(2))
    assert clip_grad_norm([p, q], 1) == 2
    np.testing.assert_array_equal(values, 0.5)


def test_parameters_in_one_memory_are_refused() -> None:
    data = np.ones(4, np.float32)
    with pytest.raises(ValueError, match=r"^\[SGD\] params: parameters 0 and 1 share memory"):
        SGD([Parameter(data), Parameter(data[1:])])


def test_a_gradient_that_two_parameters_were_given_stays_as_it_is() -> None:
    p, q = (Parameter(np.ones(2, np.float32)) for _ in range(2))
    gradient = np.ones(2, np.float32)
    for parameter in (p, q, p):
        parameter.accumulate(gradient)
    assert gradient_of(p).tolist() == [2, 2]
    assert gradient_of(q).tolist() == gradient.tolist() == [1, 1]
    p.accumulate(SparseRows(np.array([1]), np.ones(1, np.float32), (2,)))
    assert gradient_of(p).tolist() == [2, 3]
