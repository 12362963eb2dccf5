"""TF32 in matrix products on a device: off by default, within its bound, and really used.

Each factor is off by a factor (1 + d) with |d| <= v = 2^-11, so a product by (1 + v)^2 - 1 at most,
and the sum of the rounded products as one of float32 is (tolerance.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from support import tolerance
from support.annotations import Shape
from support.device_ops import OTHER_DEVICES, computed_on
from support.strategies import Values
from support.tolerance import assert_within, float64, magnitude

import pycnn
from pycnn import cuda, devices, ops, reference
from pycnn.reference.geometry import Array

PRODUCT = (1 + 2.0**-11) ** 2 - 1

# Roundings that a term of a sum takes. Tensor cores add blocks of 4 or more products and truncate
# all of a block to the largest one's last places, units of 2^-23: 6 of them for each block of 4.
ROUNDINGS = {"cuda_emulated": 1, "cuda": 3}


@pytest.fixture(params=OTHER_DEVICES)
def device(request: pytest.FixtureRequest) -> Iterator[str]:
    """Compute on a device that has TF32."""
    name: str = request.param
    if any(found["compute_capability"] < (8, 0) for found in devices.extension(name).devices()):
        pytest.skip("tensor cores without TF32")
    with computed_on(name):
        yield name


@pytest.fixture
def allow(device: str) -> Iterator[Callable[[bool], None]]:
    """Switch TF32, which is off before and after each test."""
    module = devices.extension(device)
    assert module.tf32_allowed() is False
    yield module.allow_tf32
    module.allow_tf32(False)


def rounded(numbers: Array) -> Array:
    """Round float32 to 10 bits of mantissa, to nearest, ties away from zero."""
    bits = np.abs(numbers).view(np.uint32) + np.uint32(0x1000)
    return np.copysign((bits & np.uint32(0xFFFFE000)).view(np.float32), numbers)


def root_mean_square(numbers: Array) -> float:
    return float(np.sqrt(np.mean(numbers**2)))


# Every pass as (result, reference, its terms' absolute values added up, bound in float32).
Passes = dict[str, tuple[Array, Array, Array, Array]]


def linear_passes(size: tuple[int, int, int], numbers: Callable[..., list[Array]]) -> Passes:
    rows, inputs, outputs = size
    x, w, b, dy = numbers((rows, inputs), (outputs, inputs), (outputs,), (rows, outputs))
    x64, w64, b64, dy64 = float64(x, w, b, dy)
    sizes = reference.linear_backward(*map(magnitude, (dy64, x64, w64)))
    gradients = zip(
        ops.linear_backward(dy, x, w),
        reference.linear_backward(dy64, x64, w64),
        sizes,
        tolerance.linear_backward(dy64, x64, w64),
        strict=True,
    )
    return {
        "forward": (
            ops.linear(x, w, b),
            reference.linear(x64, w64, b64),
            reference.linear(*map(magnitude, (x64, w64, b64))),
            tolerance.linear(x64, w64, b64),
        ),
        **dict(zip(("backward input", "backward weight", "bias"), gradients, strict=True)),
    }


def conv2d_passes(
    shapes: tuple[Shape, Shape],
    geometry: dict[str, Any],
    numbers: Callable[..., list[Array]],
) -> Passes:
    x_shape, w_shape = shapes
    x, w, b = numbers(x_shape, w_shape, w_shape[:1])
    y = ops.conv2d(x, w, b, **geometry)
    (dy,) = numbers(y.shape)
    x64, w64, b64, dy64 = float64(x, w, b, dy)
    x_size, w_size, b_size, dy_size = map(magnitude, (x64, w64, b64, dy64))
    gradients = zip(
        ops.conv2d_backward_weight(dy, x, w_shape, **geometry),
        reference.conv2d_backward_weight(dy64, x64, w_shape, **geometry),
        reference.conv2d_backward_weight(dy_size, x_size, w_shape, **geometry),
        tolerance.conv2d_weight(dy64, x64, w_shape, **geometry),
        strict=True,
    )
    return {
        "forward": (
            y,
            reference.conv2d(x64, w64, b64, **geometry),
            reference.conv2d(x_size, w_size, b_size, **geometry),
            tolerance.conv2d(x64, w64, b64, **geometry),
        ),
        "backward input": (
            ops.conv2d_backward_input(dy, w, x_shape, **geometry),
            reference.conv2d_backward_input(dy64, w64, x_shape, **geometry),
            reference.conv2d_backward_input(dy_size, w_size, x_shape, **geometry),
            tolerance.conv2d_input(dy64, w64, x_shape, **geometry),
        ),
        **dict(zip(("backward weight", "bias"), gradients, strict=True)),
    }


def normal(*shapes: tuple[int, ...]) -> list[Array]:
    return Values("normal", len(shapes)).arrays(*shapes)


def representable(*shapes: tuple[int, ...]) -> list[Array]:
    return [rounded(array) for array in normal(*shapes)]


def integer(*shapes: tuple[int, ...]) -> list[Array]:
    return Values("integer", len(shapes)).arrays(*shapes)


# Linear layers with an extent that is too small.
SMALL = [((32, 64), (64, 64)), ((64, 32), (64, 32)), ((64, 64), (32, 64))]

# Tiles have 64 or 128 rows and columns and steps of 8 terms; 600 rows are two slices of dw.
LINEAR = [(33, 33, 33), (64, 64, 64), (65, 66, 65), (129, 136, 250), (600, 40, 70)]
CONV2D = [
    (((2, 35, 9, 10), (34, 35, 3, 3)), {"padding": 1}),
    (((3, 66, 8, 8), (130, 66, 2, 3)), {"stride": (2, 1)}),
    (((2, 70, 9, 7), (140, 35, 3, 2)), {"groups": 2, "padding": (1, 0, 2, 1)}),
    (((8, 33, 10, 12), (36, 33, 3, 3)), {"dilation": 2, "padding": 2}),  # slices of dw
]
CASES = [
    *(pytest.param(linear_passes, (size,), id=f"linear {size}") for size in LINEAR),
    *(pytest.param(conv2d_passes, case, id=f"conv2d {case}") for case in CONV2D),
]


@pytest.mark.parametrize(("passes", "case"), CASES)
def test_it_is_used_where_allowed_and_within_its_bound(
    passes: Callable[..., Passes], case: Any, device: str, allow: Callable[[bool], None]
) -> None:
    before = passes(*case, normal)
    allow(True)
    allowed = passes(*case, normal)
    allow(False)
    after = passes(*case, normal)
    for name, (result, exact, size, bound) in allowed.items():
        np.testing.assert_array_equal(before[name][0], after[name][0])
        if name == "bias":
            np.testing.assert_array_equal(before[name][0], result)
            continue
        assert_within(before[name][0], exact, bound)
        assert_within(result, exact, PRODUCT * size + (1 + PRODUCT) * ROUNDINGS[device] * bound)
        assert root_mean_square(result - exact) > 100 * root_mean_square(before[name][0] - exact)


@pytest.mark.parametrize(("passes", "case"), CASES)
def test_factors_that_it_represents_lose_nothing(
    passes: Callable[..., Passes], case: Any, device: str, allow: Callable[[bool], None]
) -> None:
    allow(True)
    for result, exact, _, bound in passes(*case, representable).values():
        assert_within(result, exact, ROUNDINGS[device] * bound)
    for result, exact, _, _ in passes(*case, integer).values():
        assert_within(result, exact, 0.0)


def test_factors_are_rounded_to_nearest_ties_away_from_zero(
    allow: Callable[[bool], None],
) -> None:
    (x,) = Values("wide", 0).arrays((70, 64))
    x = np.where(np.arange(64) % 4 < 2, x, rounded(x) * np.float32(1 + 2.0**-11))  # ties
    one = np.eye(64, dtype=np.float32)
    allow(True)
    np.testing.assert_array_equal(ops.linear(x, one), rounded(x))
    np.testing.assert_array_equal(ops.linear(one, x), rounded(x).T)
    assert not np.array_equal(rounded(x), x)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_nan_and_infinity_stay_in_their_row(allow: Callable[[bool], None]) -> None:
    x = np.concatenate([*Values("nonfinite", 0).arrays((30, 40)), *normal((60, 40))])
    w, b = normal((50, 40), (50,))
    allow(True)
    result, exact = ops.linear(x, w, b), reference.linear(*float64(x, w, b))
    np.testing.assert_array_equal(np.isfinite(result), np.isfinite(exact))
    np.testing.assert_array_equal(result[~np.isfinite(exact)], exact[~np.isfinite(exact)])


def test_small_products_and_other_sums_stay_in_float32(allow: Callable[[bool], None]) -> None:
    def results() -> list[Array]:
        x, centres = normal((64, 64), (64, 64))
        small = [ops.linear(*normal(*shapes)) for shapes in SMALL]
        return [*small, ops.rbf(x, centres)]

    before = results()
    allow(True)
    for expected, result in zip(before, results(), strict=True):
        np.testing.assert_array_equal(result, expected)


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize(("passes", "case"), CASES[-2:])
def test_results_are_the_same_bits_each_time(
    passes: Callable[..., Passes], case: Any, device: str, allow: Callable[[bool], None]
) -> None:
    """For any number of the CPU's threads and any order of the device's."""
    module = devices.extension(device)
    allow(True)
    expected = passes(*case, normal)
    for threads, order in ((1, "forward"), (2, "reverse"), (7, "random")):
        pycnn.set_num_threads(threads)
        if device == "cuda_emulated":
            before = module.order()
            module.set_order(order)
        try:
            results = passes(*case, normal)
        finally:
            if device == "cuda_emulated":
                module.set_order(before)
        for name, (result, *_) in expected.items():
            np.testing.assert_array_equal(results[name][0], result)


def test_pycnn_cuda_asks_the_extension(
    device: str, allow: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda, "extension", lambda _: devices.extension(device))
    for allowed in (True, False):
        cuda.allow_tf32(allowed)
        assert cuda.tf32_allowed() is allowed


def test_only_a_bool_switches_it() -> None:
    for wrong in (1, None, "yes"):
        with pytest.raises(TypeError, match=r"\[allow_tf32\] allowed must be True or False, got"):
            cuda.allow_tf32(wrong)  # type: ignore[arg-type]
