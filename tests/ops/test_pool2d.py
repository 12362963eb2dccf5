"""Maximum and average pooling against the float64 reference, for every geometry and ISA."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from support import tolerance
from support.strategies import Values, examples
from support.strategies_pool import PoolCase, avg_pool_cases, max_pool_cases
from support.tolerance import assert_within, float64

from pycnn import fit, ops, reference
from pycnn.layers import AvgPool2d, Conv2d, Flatten, Linear, ReLU, Sequential

pytestmark = pytest.mark.usefixtures("backend")

MANY = examples(2)


def gradient(case: PoolCase, shape: tuple[int, ...], kind: str) -> np.ndarray:
    return Values(kind, case.values.seed + 1).arrays(shape)[0]


@MANY
@given(max_pool_cases())
def test_max_pool(case: PoolCase) -> None:
    """Choosing an element rounds nothing: values and positions are equal."""
    (x,) = case.values.arrays(case.x_shape)
    y, indices = ops.max_pool2d(x, *case.arguments)
    exact, positions = reference.max_pool2d(x, *case.arguments)
    assert_within(y, exact, 0.0)
    assert indices.dtype == np.int32
    np.testing.assert_array_equal(indices, positions)


@MANY
@given(max_pool_cases())
def test_max_pool_backward(case: PoolCase) -> None:
    (x,) = case.values.arrays(case.x_shape)
    y, indices = ops.max_pool2d(x, *case.arguments)
    dy = gradient(case, y.shape, "wide")
    exact = reference.max_pool2d_backward(*float64(dy), indices, case.x_shape)
    bound = tolerance.max_pool2d_backward(*float64(dy), indices, case.x_shape, case.taps)
    assert_within(ops.max_pool2d_backward(dy, indices, case.x_shape), exact, bound)


@given(max_pool_cases())
def test_max_pool_adjoint(case: PoolCase) -> None:
    """<y, g> = <x, dx(g)>, exactly for integer data."""
    (x,) = Values("integer", case.values.seed).arrays(case.x_shape)
    y, indices = ops.max_pool2d(x, *case.arguments)
    g = gradient(case, y.shape, "integer")
    dx = ops.max_pool2d_backward(g, indices, case.x_shape)
    assert np.vdot(*float64(y, g)) == np.vdot(*float64(x, dx))


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@MANY
@given(avg_pool_cases())
def test_avg_pool(case: PoolCase) -> None:
    (x,) = case.values.arrays(case.x_shape)
    exact = reference.avg_pool2d(*float64(x), *case.arguments)
    bound = tolerance.avg_pool2d(*float64(x), case.taps, *case.arguments)
    assert_within(ops.avg_pool2d(x, *case.arguments), exact, bound)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@MANY
@given(avg_pool_cases())
def test_avg_pool_backward(case: PoolCase) -> None:
    shape = reference.avg_pool2d(np.zeros(case.x_shape), *case.arguments).shape
    dy = gradient(case, shape, case.values.kind)
    arguments = (case.x_shape, *case.arguments)
    exact = reference.avg_pool2d_backward(*float64(dy), *arguments)
    bound = tolerance.avg_pool2d_backward(*float64(dy), case.taps, *arguments)
    assert_within(ops.avg_pool2d_backward(dy, *arguments), exact, bound)


@given(avg_pool_cases())
def test_avg_pool_adjoint(case: PoolCase) -> None:
    """<pool(x), g> = <x, dx(g)> up to the bounds of both sides."""
    (x,) = Values("normal", case.values.seed).arrays(case.x_shape)
    y = ops.avg_pool2d(x, *case.arguments)
    g = gradient(case, y.shape, "normal")
    arguments = (case.x_shape, *case.arguments)
    dx = ops.avg_pool2d_backward(g, *arguments)
    x64, y64, g64, dx64 = float64(x, y, g, dx)
    slack = np.vdot(np.abs(g64), tolerance.avg_pool2d(x64, case.taps, *case.arguments))
    slack += np.vdot(np.abs(x64), tolerance.avg_pool2d_backward(g64, case.taps, *arguments))
    assert abs(np.vdot(y64, g64) - np.vdot(x64, dx64)) <= slack


@pytest.mark.parametrize(("kernel", "pad"), [(2, 0), (2, 1), (3, 0), (3, 1), (4, 0), (5, 2)])
@pytest.mark.parametrize("extra", [1, 2, 3, 7, 8, 15, 16, 17, 33, 100])
def test_average_of_a_lone_output_gives_uncovered_columns_no_gradient(
    kernel: int, pad: int, extra: int
) -> None:
    """One column of outputs with input left over: the gradient read NaN behind its shares."""
    size = max(kernel - 2 * pad, 1) + extra
    for stride in (size + 2 * pad, 2**31 - 1):
        for shape in ((2, 3, size, size), (1, 1, kernel, size), (1, 1, size, kernel)):
            window = (kernel, stride, pad)
            y = ops.avg_pool2d(np.ones(shape, np.float32), *window)
            (dy,) = Values("integer", size).arrays(y.shape)
            exact = reference.avg_pool2d_backward(*float64(dy), shape, *window)
            bound = tolerance.avg_pool2d_backward(*float64(dy), kernel**2, shape, *window)
            dx = ops.avg_pool2d_backward(dy, shape, *window)
            assert_within(dx, exact, bound)
            np.testing.assert_array_equal(dx[exact == 0], exact[exact == 0])


def test_average_gradient_of_the_default_stride_with_input_left_over() -> None:
    layer = AvgPool2d(3)
    dx = layer.backward(np.ones_like(layer(np.ones((1, 1, 5, 5), np.float32))))
    expected = np.zeros((5, 5))
    expected[:3, :3] = 1 / 9
    np.testing.assert_allclose(dx[0, 0], expected, rtol=1e-6)


@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_a_lone_output_of_three_million_columns(kernel: int) -> None:
    """The gradient read millions of floats behind its shares, and the process crashed."""
    shape = (1, 1, kernel, 3_000_000)
    dy = np.ones((1, 1, 1, 1), np.float32)
    dx = ops.avg_pool2d_backward(dy, shape, kernel, (1, 2**31 - 1))
    assert dx[..., :kernel].sum() == pytest.approx(1)
    assert not dx[..., kernel:].any()
    y, indices = ops.max_pool2d(dx, kernel, (1, 2**31 - 1))
    assert y.item() == dx[0, 0, 0, 0]
    assert ops.max_pool2d_backward(dy, indices, shape)[0, 0, 0, 0] == 1


def test_a_net_with_average_pooling_of_input_left_over_trains_without_nan() -> None:
    net = Sequential(
        Conv2d(1, 4, 3, padding=1, rng=0), ReLU(), AvgPool2d(3, 5), Flatten(), Linear(4, 2, rng=1)
    )
    x, y = Values("normal", 0).arrays((4, 16, 1, 7, 7))[0], np.arange(64).reshape(4, 16) % 2
    history = fit(net, list(zip(x, y, strict=True)), epochs=3, progress=False)
    assert np.isfinite([epoch.loss for epoch in history]).all()
    assert all(np.isfinite(p.data).all() for p in net.parameters())


def test_equal_maxima_choose_the_first() -> None:
    x = np.ones((1, 1, 4, 34), np.float32)
    _, indices = ops.max_pool2d(x, 2)
    rows, columns = np.divmod(indices[0, 0], 34)
    np.testing.assert_array_equal(rows, np.full((2, 17), [[0], [2]]))
    np.testing.assert_array_equal(columns, np.arange(0, 34, 2) + np.zeros((2, 1), int))


def test_nan_wins_over_infinity() -> None:
    x = np.array([[[[np.inf, np.nan], [np.nan, 7]]]], np.float32)
    y, indices = ops.max_pool2d(x, 2)
    assert np.isnan(y).all()
    assert indices.item() == 2  # the last NaN, as in PyTorch: each one beats what came before


def test_windows_of_minus_infinity_point_into_the_image() -> None:
    x = np.full((1, 1, 2, 2), -np.inf, np.float32)
    y, indices = ops.max_pool2d(x, 2, 1, 1)
    np.testing.assert_array_equal(y, np.full((1, 1, 3, 3), -np.inf))
    np.testing.assert_array_equal(indices[0, 0], [[0, 0, 1], [0, 0, 1], [2, 2, 3]])


def test_backward_adds_up_overlapping_windows() -> None:
    x = np.zeros((1, 1, 5, 5), np.float32)
    x[0, 0, 2, 2] = 1
    y, indices = ops.max_pool2d(x, 3, 1)
    dx = ops.max_pool2d_backward(np.ones_like(y), indices, x.shape)
    assert dx[0, 0, 2, 2] == 9
    assert dx.sum() == 9


@pytest.mark.parametrize("step", [1, 2, 3, 1024, 8192])
@pytest.mark.parametrize("order", [1, -1])
def test_backward_of_an_element_that_wins_many_windows_of_a_large_plane(
    step: int, order: int
) -> None:
    """A float that has reached 2^24 takes no more ones, wherever in the plane they come from."""
    indices = 1 + np.arange(8192, dtype=np.int32)[::order]
    indices[::step] = 0
    dy = np.ones(8192, np.float32)
    dy[0] = 2**24
    shape = (1, 2, 64, 128)
    planes, winners = np.tile(dy, 2).reshape(shape), np.tile(indices, 2).reshape(shape)
    dx = ops.max_pool2d_backward(planes, winners, (1, 2, 128, 128)).reshape(2, -1)
    exact = np.bincount(indices, dy.astype(np.float64), 128 * 128)
    assert (np.abs(dx - exact) <= 2.0**-13 * exact).all()


def test_ceil_mode_drops_a_window_that_starts_behind_the_image() -> None:
    """6 elements, kernel 1, stride 4: windows at 0 and 4; one at 8 would see nothing."""
    x = np.arange(36, dtype=np.float32).reshape(1, 1, 6, 6)
    y, _ = ops.max_pool2d(x, 1, 4, ceil_mode=True)
    np.testing.assert_array_equal(y[0, 0], [[0, 4], [24, 28]])
    assert ops.avg_pool2d(x, 3, 5, 1, ceil_mode=True).shape == (1, 1, 2, 2)


def test_ceil_mode_admits_a_window_larger_than_the_image() -> None:
    x = np.array([[[[1, 2], [3, 6]]]], np.float32)
    assert ops.max_pool2d(x, 3, 2, ceil_mode=True)[0].item() == 6
    assert ops.avg_pool2d(x, 3, 2, ceil_mode=True).item() == 3


def test_divisor_counts_padding_but_nothing_behind_it() -> None:
    """Size 4, kernel 3, stride 2, padding 1, ceil: the windows start at -1, 1 and 3.

    The third one would end at 6, but the padding ends at 5: it counts 2 rows and columns.
    """
    x = np.ones((1, 1, 4, 4), np.float32)
    counted = ops.avg_pool2d(x, 3, 2, 1, ceil_mode=True)[0, 0]
    inside, sizes = np.outer([2, 3, 1], [2, 3, 1]), np.outer([3, 3, 2], [3, 3, 2])
    np.testing.assert_allclose(counted, inside / sizes, rtol=1e-6)
    plain = ops.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False)[0, 0]
    np.testing.assert_allclose(plain, np.ones((3, 3)), rtol=1e-6)
    fixed = ops.avg_pool2d(x, 3, 2, 1, ceil_mode=True, divisor_override=2)[0, 0]
    np.testing.assert_allclose(fixed, inside / 2, rtol=1e-6)
