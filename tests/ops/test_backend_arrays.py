"""Arithmetic and reductions of whole arrays on every back-end, compared with plain NumPy.

In the dtype of the back-end (float64 in the reference) what IEEE 754 rounds once has NumPy's bits;
sums and elementary functions are compared with float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.backend_arrays import (
    assert_near,
    assert_same,
    computed,
    floats,
    integers,
    result,
    wide,
)
from support.strategies import Values
from support.tolerance import TINY, U, gamma

import pycnn
from pycnn import backends
from pycnn.reference.geometry import Array

SHAPES = [(), (1,), (7,), (0,), (3, 0, 2), (2, 1, 5), (70_001,), (2, 1, 3, 1, 2, 2, 3)]
PAIRS = [
    ((), ()),
    ((5,), ()),
    ((), (2, 3)),
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((2, 1), (1, 3)),
    ((4, 1, 3), (2, 1)),
    ((0, 3), (3,)),
    ((0,), (1,)),
    ((3, 1, 2, 1, 2, 1), (2, 1, 3, 1, 2, 1, 2)),
    ((70_001,), (70_001,)),
    ((257, 1, 33), (1, 9, 1)),
]
EXACT = ["negative", "absolute", "sign", "floor", "ceil", "round", "square", "reciprocal", "sqrt"]
FLAGS = ["isnan", "isinf", "isfinite", "logical_not"]
ELEMENTARIES = ["exp", "log", "tanh", "sin", "cos"]
ARITHMETIC = ["add", "subtract", "multiply", "divide", "maximum", "minimum"]
ROUNDED_DOWN = ["floor_divide", "remainder"]
COMPARISONS = ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]
LOGICAL = ["logical_and", "logical_or"]


# Numbers ------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_functions_of_each_number(arrays: backends.Backend, shape: tuple[int, ...]) -> None:
    (x,) = floats(shape)
    kept = wide(arrays, x)
    for name in (*EXACT, *FLAGS):
        assert_same(computed(arrays, "unary", name, x), getattr(np, name)(kept))
    for name in ELEMENTARIES:
        exact = np.asarray(getattr(np, name)(x.astype(np.float64)))
        y = computed(arrays, "unary", name, x)
        assert y.dtype == kept.dtype
        assert_near(y, exact, 8 * U * np.abs(exact) + TINY)
    (whole,) = integers(shape)
    for name in ("negative", "absolute", "sign", "square", "logical_not"):
        assert_same(computed(arrays, "unary", name, whole), getattr(np, name)(whole))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("shapes", PAIRS, ids=str)
def test_functions_of_pairs(
    arrays: backends.Backend, shapes: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    a, b = floats(*shapes)
    kept = wide(arrays, a), wide(arrays, b)
    for name in (*ARITHMETIC, *ROUNDED_DOWN, *COMPARISONS, *LOGICAL):
        assert_same(computed(arrays, "binary", name, a, b), getattr(np, name)(*kept))
    power = computed(arrays, "binary", "power", np.abs(a), b)
    exact = np.asarray(np.power(np.abs(a).astype(np.float64), b))
    assert_near(power, exact, 16 * U * exact + TINY)
    i, j = integers(*shapes)
    for name in ("add", "subtract", "multiply", "maximum", "floor_divide", *COMPARISONS):
        assert_same(computed(arrays, "binary", name, i, j), getattr(np, name)(i, j))
    condition = np.asarray(np.broadcast_arrays(i, j)[0] > 4)
    assert_same(computed(arrays, "where", condition, a, b), np.where(condition, *kept))
    assert_same(computed(arrays, "where", np.asarray(i > 4), a, b), np.where(i > 4, *kept))
    assert_same(computed(arrays, "where", condition, i, j), np.where(condition, i, j))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("shape", [(), (2, 3), (0,)], ids=str)
@pytest.mark.parametrize("number", [2.5, 0.0, -1, True, np.float64(0.1), np.inf, 1e300])
def test_a_number_has_the_dtype_of_the_array(
    arrays: backends.Backend, shape: tuple[int, ...], number: Any
) -> None:
    (x,) = floats(shape)
    kept = wide(arrays, x)
    same = kept.dtype.type(number)
    for name in (*ARITHMETIC, *COMPARISONS, "remainder"):
        function = getattr(np, name)
        assert_same(computed(arrays, "binary", name, x, number), function(kept, same))
        assert_same(computed(arrays, "binary", name, number, x), function(same, kept))
    for a, b in ((x, number), (number, x)):
        y = computed(arrays, "where", np.asarray(x > 0), a, b)
        assert_same(y, np.where(x > 0, *(kept if v is x else same for v in (a, b))))
    (whole,) = integers(shape)
    if isinstance(number, int):
        for name in ("add", "multiply", "less", "equal"):
            y = computed(arrays, "binary", name, whole, number)
            assert_same(y, getattr(np, name)(whole, np.int64(number)))


@pytest.mark.parametrize(
    "kinds",
    [
        ("int32", "int64"),
        ("uint8", "bool"),
        ("bool", "bool"),
        ("float32", "bool"),
        ("float32", "uint8"),
        ("float32", "int64"),
        ("int32", "int32"),
    ],
)
def test_pairs_of_dtypes(arrays: backends.Backend, kinds: tuple[str, str]) -> None:
    """Where NumPy gives float64, a device rounds it to float32."""
    a, b = (x.astype(kind) for x, kind in zip(integers((2, 3), (3,)), kinds, strict=True))
    kept = wide(arrays, a), wide(arrays, b)
    for name in ("add", "multiply", "divide", *COMPARISONS, *LOGICAL):
        expected = np.asarray(getattr(np, name)(*kept))
        if arrays.name.startswith("cuda") and expected.dtype == np.float64:
            expected = expected.astype(np.float32)
        assert_same(computed(arrays, "binary", name, a, b), expected)
    assert_same(computed(arrays, "unary", "logical_not", a), np.logical_not(a))


@pytest.mark.parametrize("dtype", ["float32", "int32", "int64", "uint8", "bool"])
def test_dtypes(arrays: backends.Backend, dtype: str) -> None:
    """Conversions cut towards zero, as NumPy's do, and whatever is not 0 is True."""
    held = wide(arrays, np.zeros(0, dtype)).dtype
    zeros = result(arrays, arrays.zeros((2, 3), dtype))
    assert_same(zeros, np.zeros((2, 3), held))
    for x in (*integers((2, 3), (0,), ()), *Values("normal", 1).arrays((2, 3), ())):
        x = np.asarray(np.abs(x) * 3)
        assert_same(computed(arrays, "astype", x, dtype), x.astype(dtype).astype(held))
        there = arrays.from_numpy(x.astype(dtype))
        assert there.dtype == held
        back = result(arrays, arrays.astype(there, np.int64))
        assert_same(back, x.astype(dtype).astype(np.int64))
    flags = computed(arrays, "binary", "less", *integers((4,), (4,)))
    assert_same(computed(arrays, "astype", flags, dtype), flags.astype(held))


# Reductions ---------------------------------------------------------------------------------

REDUCED = [
    ((), ()),
    ((7,), (0,)),
    ((2, 3), ()),
    ((2, 3), (0,)),
    ((2, 3), (1,)),
    ((2, 3), (0, 1)),
    ((2, 0, 3), (0,)),
    ((4, 3, 5), (0, 2)),
    ((3, 5, 4), (1,)),
    ((3, 1, 4, 5), (1, 3)),
    ((70_001,), (0,)),
    ((1500, 3), (0,)),
    ((3, 1500), (1,)),
    ((20_000, 3), (0,)),
    ((2, 3, 2, 2, 3, 2, 2), (0, 2, 4, 6)),
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("shape", "axes"), REDUCED, ids=str)
def test_reductions(
    arrays: backends.Backend, shape: tuple[int, ...], axes: tuple[int, ...]
) -> None:
    for x in (*floats(shape), *Values("wide", 3).arrays(shape)):
        kept = wide(arrays, x)
        for name in ("max", "min"):
            expected = getattr(np, name)(kept, axis=axes, keepdims=True)
            assert_same(computed(arrays, "reduce", name, x, axes), expected)
        total = computed(arrays, "reduce", "sum", x, axes)
        assert total.dtype == kept.dtype
        exact = np.sum(x, axes, np.float64, keepdims=True)
        terms = x.size // max(exact.size, 1)
        magnitude = np.sum(np.abs(x), axes, np.float64, keepdims=True)
        assert_near(total, exact, gamma(terms + 1) * magnitude)
    (x,) = Values("normal", 2).arrays(shape)
    product = computed(arrays, "reduce", "prod", x, axes)
    exact = np.prod(x, axes, np.float64, keepdims=True)
    assert_near(product, exact, gamma(terms + 1) * np.abs(exact) + terms * TINY)
    (whole,) = integers(shape)
    for name, function in (("sum", np.sum), ("max", np.max), ("min", np.min)):
        expected = function(whole, axis=axes, keepdims=True)
        assert_same(computed(arrays, "reduce", name, whole, axes), expected)
    expected = np.sum(whole > 4, axis=axes, keepdims=True)
    assert_same(computed(arrays, "reduce", "sum", np.asarray(whole > 4), axes), expected)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((4000, 2), (0,)), ((2, 4000), (1,)), ((4000,), (0,)), ((50, 80), (0, 1)),
        ((50, 3, 80), (0, 2)),
    ],
    ids=str,
)  # fmt: skip
def test_long_sums(arrays: backends.Backend, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    """Next to 2^24 a plain sum in float loses every 1."""
    x = np.ones(shape, np.float32)
    x[tuple(0 if axis in axes else slice(None) for axis in range(len(shape)))] = 2.0**24
    total = computed(arrays, "reduce", "sum", x, axes)
    np.testing.assert_allclose(total, 2.0**24 + 3999, rtol=64 * U)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32"])
def test_sums_of_narrow_numbers_are_int64(arrays: backends.Backend, dtype: str) -> None:
    x = np.full((3, 2), 200).astype(dtype)
    for name, function in (("sum", np.sum), ("prod", np.prod)):
        expected = function(x, axis=0, keepdims=True, dtype=np.int64)
        assert_same(computed(arrays, "reduce", name, x, (0,)), expected)


def test_sums_of_nothing(arrays: backends.Backend) -> None:
    x = np.zeros((2, 0), np.float32)
    kind = wide(arrays, x).dtype
    assert_same(computed(arrays, "reduce", "sum", x, (1,)), np.zeros((2, 1), kind))
    assert_same(computed(arrays, "reduce", "prod", x, (1,)), np.ones((2, 1), kind))
    for name in ("max", "min"):
        with pytest.raises(ValueError, match="no identity"):
            computed(arrays, "reduce", name, x, (1,))
        with pytest.raises(ValueError, match="empty"):
            computed(arrays, "arg_reduce", name, x, 1)


@pytest.mark.parametrize("shape", [(7,), (2, 3), (4, 3, 5), (3, 1500), (1500, 3), (3, 0, 2)])
def test_where_the_largest_is(arrays: backends.Backend, shape: tuple[int, ...]) -> None:
    """The first of equal numbers, and the first NaN if there is any."""
    for x in (*floats(shape), *integers(shape)):
        for axis in range(len(shape)):
            if shape[axis] == 0:
                continue
            for name, function in (("max", np.argmax), ("min", np.argmin)):
                expected: Array = function(x, axis=axis, keepdims=True)
                assert_same(computed(arrays, "arg_reduce", name, x, axis), expected)


PRODUCTS = [
    ((2, 3), (3, 4)),
    ((1, 1), (1, 1)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
    ((5, 2, 3), (5, 3, 4)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (4, 3, 1)),
    ((2, 1, 4, 33), (3, 33, 5)),
    ((0, 2, 3), (3, 4)),
    ((3, 40, 70), (3, 70, 36)),
    ((65, 400), (400, 33)),
]


@pytest.mark.parametrize("shapes", PRODUCTS, ids=str)
def test_products_of_matrices(
    arrays: backends.Backend, shapes: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    a, b = Values("normal", 4).arrays(*shapes)
    c = computed(arrays, "matmul", a, b)
    assert c.dtype == wide(arrays, a).dtype
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    bound = gamma(a.shape[-1] + 1) * (np.abs(wide_a) @ np.abs(wide_b))
    assert_near(c, wide_a @ wide_b, bound)


@pytest.mark.usefixtures("restore_threads")
def test_products_have_the_same_bits_for_any_number_of_threads() -> None:
    a, b = Values("normal", 9).arrays((3, 1, 65, 130), (2, 130, 70))
    multiply = backends.of_cpu().matmul
    products = [multiply(a, b) for n in (1, 2, 7) if pycnn.set_num_threads(n) is None]  # type: ignore[func-returns-value]
    np.testing.assert_array_equal(products[1:], [products[0]] * 2)
