"""Ops of one's own: a forward and a backward, and the check of gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pycnn as nn


def leaf(*shape: int, seed: int = 0) -> Any:
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return nn.tensor(values, requires_grad=True)


class Cube(nn.Function):
    """A pair of passes."""

    @staticmethod
    def forward(ctx: Any, x: Any, factor: float) -> Any:
        ctx.save_for_backward(x)
        ctx.factor = factor
        return factor * x * x * x

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * ctx.factor * x * x * dy, None


def test_a_function_is_one_op() -> None:
    x = nn.tensor([1.0, 2.0], requires_grad=True)
    y = Cube.apply(x, 2.0)
    assert "made_by=Cube" in repr(y)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [6, 24])
    assert nn.gradcheck(lambda x: Cube.apply(x, 0.5), nn.randn(3))


def test_gradcheck_names_the_worst_element() -> None:
    class Wrong(Cube):
        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            (x,) = ctx.saved_tensors
            return x * dy, None

    with pytest.raises(AssertionError, match=r"gradient of input 0 is wrong: element \(\d,\) is"):
        nn.gradcheck(lambda x: Wrong.apply(x, 1.0), nn.tensor([1.0, 5.0]))
    assert not nn.gradcheck(
        lambda x: Wrong.apply(x, 1.0), nn.tensor([1.0, 5.0]), raise_exception=False
    )
    assert nn.gradcheck(nn.Linear(2, 3), nn.randn(4, 2))


def test_a_function_must_return_gradients_that_fit() -> None:
    class Short(Cube):
        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            return dy

    class Small(Cube):
        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            return dy[:1], None

    with pytest.raises(ValueError, match="a gradient for each of 2 inputs, returned 1"):
        Short.apply(leaf(2), 1.0).sum().backward()
    with pytest.raises(ValueError, match=r"gradient has shape \(1,\), its input \(2,\)"):
        Small.apply(leaf(2), 1.0).sum().backward()


def test_passes_that_change_tensors_in_place_change_nothing_else() -> None:
    class Doubled(nn.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.mul_(2)

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            return dy.mul_(2)

    x = nn.tensor([1.0, 3.0], requires_grad=True)
    y = x * 1
    z = y * y  # has saved [1, 3]
    (Doubled.apply(y) + z).sum().backward()
    np.testing.assert_array_equal(y.numpy(), [2, 6])
    np.testing.assert_array_equal(x.grad, [2 + 2, 2 + 6])


def test_gradients_take_the_dtype_of_their_inputs() -> None:
    class Constant(nn.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            return np.full(2, 2.0)

    weight: Any = nn.Parameter(np.ones(2, np.float32))
    Constant.apply(weight).sum().backward()
    assert weight.grad.dtype == np.float32
