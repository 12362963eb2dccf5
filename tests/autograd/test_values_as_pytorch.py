"""Values, dtypes and gradients at the edges of tensor functions: those of PyTorch 2.13."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pycnn as nn
import pycnn.functional as F

I = nn.tensor([1, -2, 3])  # noqa: E741 - integers
B = nn.tensor([True, False, True])
U = nn.tensor(np.array([200, 100, 0], np.uint8))
X: Any = nn.tensor([1.5, -2.0, 0.0])
untyped: Any = F  # for calls that a type checker would refuse
INF = float("inf")

VALUES: dict[str, tuple[Callable[[], Any], Any, str]] = {
    "an int to the power of an int": (lambda: I**2, [1, 4, 9], "int64"),
    "squares of bools": (lambda: B.square(), [1, 0, 1], "int64"),
    "rest of bools": (lambda: B % B.clone().fill_(1), [0, 0, 0], "int64"),
    "floor of ints": (lambda: I.floor(), [1, -2, 3], "int64"),
    "an int over a tensor": (lambda: 7 // I, [7, -4, 2], "int64"),
    "the rest of an int": (lambda: 7 % I, [0, -1, 1], "int64"),
    "exclusive or": (lambda: True ^ B, [False, True, False], "bool"),
    "and of a bool": (lambda: True & B, [True, False, True], "bool"),
    "ints and floats": (lambda: I * X, [1.5, 4, 0], "float32"),
    "where of two ints": (lambda: nn.where(B, 1, 0), [1, 0, 1], "int64"),
    "where of two floats": (lambda: nn.where(B, 1.5, 0), [1.5, 0, 1.5], "float32"),
    "a filled place keeps the dtype": (lambda: I.masked_fill(B, 1.5), [1, -2, 1], "int64"),
    "a border keeps the dtype": (lambda: F.pad(I, (1, 0)), [0, 1, -2, 3], "int64"),
    "parts of two dtypes": (lambda: nn.cat([I, X]), [1, -2, 3, 1.5, -2, 0], "float32"),
    "sum of bytes": (lambda: U.sum(), 300, "int64"),
    "product of bools": (lambda: B.prod(), 0, "int64"),
    "running sum of bytes": (lambda: U.cumsum(0), [200, 300, 300], "int64"),
    "running sum of bools": (lambda: B.cumsum(0), [1, 1, 2], "int64"),
    "logsumexp of bytes": (lambda: U.logsumexp(0), 200, "float32"),
    "logsumexp of infinities": (
        lambda: nn.tensor([[INF, 1], [-INF, -INF]]).logsumexp(1), [INF, -INF], "float32",
    ),
    "norms": (
        lambda: nn.stack([X.norm(p) for p in ("fro", 0, 1, 3, INF, -INF)]),
        [2.5, 2, 3.5, 11.375 ** (1 / 3), 2, 0], "float32",
    ),
    "a mask of bytes": (lambda: X[U], [1.5, -2], "float32"),
    "no positions": (lambda: X[[]], [], "float32"),
    "place in all, with its axes": (
        lambda: nn.ones(2, 2).argmax(keepdim=True), [[0]], "int64",
    ),
    "largest of a single number": (lambda: nn.tensor(2.5).max(0)[0], 2.5, "float32"),
    "place in a single number": (lambda: nn.tensor(2.5).argmax(0), 0, "int64"),
    "running sum of a single number": (lambda: nn.tensor(2.5).cumsum(0), 2.5, "float32"),
    "a single number sorted": (lambda: nn.tensor(2.5).sort()[1], 0, "int64"),
    "shifted in memory": (lambda: nn.arange(4).view(2, 2).roll(1), [[3, 0], [1, 2]], "int64"),
    "shifted along two axes": (
        lambda: nn.arange(4).view(2, 2).roll((1, 1), (0, 1)), [[3, 2], [1, 0]], "int64",
    ),
    "floats of 64 bits": (lambda: nn.Tensor(np.ones(2)), [1, 1], "float32"),
    "full like": (lambda: nn.full_like(I, 2), [2, 2, 2], "int64"),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_values(name: str) -> None:
    call, expected, dtype = VALUES[name]
    y = call()
    np.testing.assert_allclose(y.tolist(), expected, rtol=1e-6)
    assert y.dtype == dtype


SLOPES: dict[str, tuple[Callable[[Any], Any], list[float], list[float]]] = {
    "spread of equal numbers": (lambda x: x.std(), [2, 2], [0, 0]),
    "norm of zeros": (lambda x: x.norm(3), [0, 0], [0, 0]),
    "root norm with a zero": (lambda x: x.norm(0.5), [4, 0], [1, 0]),
    "norm of large numbers": (lambda x: x.norm(3), [1e12, 0], [1, 0]),
    "smallest size": (lambda x: x.norm(-INF), [-3, 5], [-1, 0]),
    "rest": (lambda x: x % 3, [7, -7], [1, 1]),
    "divisor": (lambda x: nn.tensor([7.0, -7.0]) % x, [3, 3], [-2, 3]),
    "whole quotient": (lambda x: (x // 2) * x, [5, -5], [2, -3]),
    "with ints": (lambda x: x * nn.tensor([2, 3]), [1, 1], [2, 3]),
    "power of ints": (lambda x: x ** nn.tensor([2, 3]), [3, 2], [6, 12]),
    "product of nothing": (lambda x: x[:0].prod() * x[0], [2, 3], [1, 0]),
}


@pytest.mark.parametrize("name", SLOPES)
def test_gradients(name: str) -> None:
    function, numbers, expected = SLOPES[name]
    x = nn.tensor(numbers, np.float32, requires_grad=True)
    function(x).sum().backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_allclose(x.grad, expected, rtol=1e-5)


def test_a_rest_has_the_same_bits_when_it_is_recorded() -> None:
    x = nn.tensor([1e6, 7.0])  # 1e6 - floor(1e6 / 0.1) * 0.1 is far from the rest
    np.testing.assert_array_equal((x.clone().requires_grad_() % 0.1).numpy(), (x % 0.1).numpy())


def test_sums_of_a_single_number_are_copies() -> None:
    x = nn.tensor(3.0)
    for y in (x.sum(), x.amax(), x.prod(), x.max()):
        y += 1
    assert x.item() == 3


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: X[X], IndexError, r"\[index\] positions must be whole numbers or bools"),
        (lambda: X[5], IndexError, r"\[index\] index 5 is out of bounds .*\(tensor: \(3,\)\)"),
        (lambda: X.clone().__setitem__(0, X), ValueError, r"\[setitem\] .*\(tensor: \(3,\)\)"),
        (lambda: I**-1, ValueError, r"\[pow\] whole numbers have no negative powers"),
        (lambda: X @ I, TypeError, r"\[matmul\] .* float32 and int64"),
        (lambda: nn.einsum("i,i", X, I), TypeError, r"\[einsum\] .* float32 and int64"),
        (lambda: I.norm(), TypeError, r"\[norm\] needs floats, got int64"),
        (lambda: X.norm("nuc"), ValueError, r"\[norm\] p must be a number or 'fro'"),
        (lambda: X.clamp(), ValueError, r"\[clamp\] needs min or max"),
        (lambda: X.roll((1, 2), 0), ValueError, r"\[roll\] needs a shift for each axis"),
        (lambda: nn.ones(0).argmax(), ValueError, r"\[argmax\] there is no max of no numbers"),
        (lambda: X.sum("a"), TypeError, r"\[sum\] dim must be an int, got str"),
        (lambda: X.reshape("a"), TypeError, r"\[Tensor\] sizes must be ints"),
        (lambda: nn.cat([X, 3]), TypeError, r"\[cat\] needs a sequence of tensors, got int"),
        (lambda: nn.matmul(X, 3), TypeError, r"\[matmul\] needs tensors, got int"),
        (lambda: untyped.conv2d(X, 3), TypeError, r"\[conv2d\] needs tensors, got int"),
        (lambda: untyped.relu("a"), TypeError, r"\[relu\] needs a tensor or an array, got str"),
        (lambda: nn.where(B, X, "a"), TypeError, r"\[where\] needs tensors or numbers, got str"),
        (lambda: nn.where(B, X, nn.ones(4)), ValueError, r"\[where\] .*\(3,\) and \(4,\) do not"),
        (lambda: X.lt(nn.ones(4)), ValueError, r"\[less\] shapes \(3,\) and \(4,\) do not"),
        (lambda: X.masked_fill(B, "a"), TypeError, r"\[masked_fill\] value must be a number"),
        (lambda: X.narrow(0, 2, 2), ValueError, r"\[narrow\] 2 from 2 is not within the 3"),
        (lambda: X.clone().copy_(nn.ones(4)), ValueError, r"\[copy_\] shape \(4,\) does not"),
        (lambda: X.clone().__setitem__(0, None), TypeError, r"\[setitem\] needs a tensor"),
        (lambda: nn.einsum("ij", X), ValueError, r"\[einsum\] 'ij' for shapes \(3,\): "),
        (lambda: nn.zeros(-1), ValueError, r"\[Tensor\] sizes must not be negative"),
        (lambda: nn.full((2,), "a"), TypeError, r"\[Tensor\] values must be numbers"),
        (lambda: X.type("float7"), TypeError, r"\[Tensor\] there is no dtype 'float7'"),
        (lambda: nn.tensor([[1], [2, 3]]), ValueError, r"\[tensor\] .* even rows"),
        (lambda: nn.bernoulli(X), ValueError, r"\[bernoulli\] .* from 0 to 1"),
        (lambda: nn.randint(3, 3, (1,)), ValueError, r"\[randint\] there is no whole number"),
        (lambda: F.pad(X, (-4, 0)), ValueError, r"\[pad\] \(-4, 0\) cuts off more than the 3"),
    ],
)
def test_errors(call: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_recording_is_switched_off_at_once() -> None:
    x = nn.tensor([1.0], requires_grad=True)

    @nn.set_grad_enabled(False)  # type: ignore[misc]
    def decorated() -> bool:
        return bool((x * 2).requires_grad)

    assert nn.is_grad_enabled()
    assert not decorated()
    with nn.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad
    try:
        nn.set_grad_enabled(False)
        assert not (x * 2).requires_grad
    finally:
        nn.set_grad_enabled(True)
    assert (x * 2).requires_grad


@pytest.mark.parametrize("dtype", [None, np.int64])
def test_a_tensor_of_a_tensor_stays_on_its_device(dtype: Any) -> None:
    x = nn.tensor([1.0, 2.0]).to("reference")
    y = nn.tensor(x, dtype=dtype)
    assert (y.device, y.dtype) == ("reference", dtype or np.float64)
    y.zero_()
    assert x.tolist() == [1, 2]
