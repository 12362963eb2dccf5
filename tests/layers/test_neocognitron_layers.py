"""S- and C-layers of the neocognitron: the formulas of the paper, written as loops, decide."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tolerance import assert_within, gamma

import pycnn
from pycnn.layers import CLayer, Module, SLayer
from pycnn.layers.cells import decaying

Array = np.ndarray


def s_layer(planes: tuple[int, int], area: int, padding: int, r: float, seed: int) -> SLayer:
    """Make a layer with connections as after much learning."""
    layer = SLayer(*planes, area, padding, r=r, q=1.0, rng=seed)
    rng = np.random.default_rng(seed)
    layer.excitatory.data[...] = 8 * layer.fixed * rng.random(layer.excitatory.shape)
    layer.inhibitory.data[...] = 6 * rng.random(planes[1])
    return layer


def activity(shape: tuple[int, ...], seed: int = 0) -> Array:
    """Make images of which a third is dark."""
    rng = np.random.default_rng([seed, 1])
    return (rng.random(shape) * (rng.random(shape) > 1 / 3)).astype(np.float32)


def pad(x: Array, sides: tuple[int, int, int, int]) -> Array:
    top, bottom, left, right = sides
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))


def s_reference(layer: SLayer, x: Array) -> tuple[Array, Array]:
    """Return the output of an S-layer, and r (E + I) / (1 + I), the scale of its error; float64."""
    x, side, r = pad(x.astype(np.float64), layer.padding), layer.area, layer.r
    c, a, b = (
        k.astype(np.float64) for k in (layer.fixed, layer.excitatory.data, layer.inhibitory.data)
    )
    shape = (len(x), len(a), x.shape[2] - side + 1, x.shape[3] - side + 1)
    y, scale = np.zeros(shape), np.zeros(shape)
    for n, j, p, q in np.ndindex(*shape):
        seen = x[n, :, p : p + side, q : q + side]
        e = (a[j] * seen).sum()
        i = 2 * r / (1 + r) * b[j] * math.sqrt((c[0] * seen**2).sum())
        y[n, j, p, q] = r * max((1 + e) / (1 + i) - 1, 0)
        scale[n, j, p, q] = r * (e + i) / (1 + i)
    return y, scale


def c_reference(layer: CLayer, x: Array) -> tuple[Array, Array]:
    """Return the output of a C-layer, and (D + v) / (1 + v), the scale of its error; float64."""
    x, side, (down, right) = pad(x.astype(np.float64), layer.padding), layer.area, layer.stride
    rows, columns = range(0, x.shape[2] - side + 1, down), range(0, x.shape[3] - side + 1, right)
    d = np.float64(layer.fixed[0, 0])
    y = np.zeros((len(x), layer.planes, len(rows), len(columns)))
    scale = np.zeros_like(y)
    for n, p, q in np.ndindex(len(x), len(rows), len(columns)):
        seen = x[n, :, rows[p] : rows[p] + side, columns[q] : columns[q] + side]
        excitation = (d * seen).sum(axis=(1, 2))
        v = excitation.mean()
        t = np.maximum((1 + excitation) / (1 + v) - 1, 0)
        y[n, :, p, q] = t / (layer.alpha + t)
        scale[n, :, p, q] = (excitation + v) / (1 + v)
    return y, scale


SIZES = st.sampled_from((1, 2, 3, 5, 8, 9))


@pytest.mark.usefixtures("backend")
@given(
    st.integers(0, 2), SIZES, SIZES, st.sampled_from((1, 2, 3, 5)), st.integers(0, 2),
    st.integers(0, 4), st.sampled_from((0.5, 1.5, 4.0)), st.integers(0, 999),
)  # fmt: skip
def test_s_cells(
    n: int, inputs: int, planes: int, area: int, padding: int, more: int, r: float, seed: int
) -> None:
    layer = s_layer((inputs, planes), area, padding, r, seed)
    x = activity((n, inputs, area + more, area + more // 2), seed)
    y, scale = s_reference(layer, x)
    # One rounding for each of n products and sums in E; six more in I (square, root, three
    # factors, sum); five for the quotient and r. E - I may cancel, hence E + I.
    terms = inputs * area * area
    assert_within(layer(x), y, gamma(2 * terms + 20) * scale)


@pytest.mark.usefixtures("backend")
@given(
    st.integers(0, 2), SIZES, st.sampled_from((1, 2, 3, 5)), st.integers(1, 3), st.integers(0, 4),
    st.sampled_from(((0, 0, 0, 0), (3, 4, 3, 4), (0, 1, 2, 0))), st.integers(0, 999),
)  # fmt: skip
def test_c_cells(
    n: int,
    planes: int,
    area: int,
    stride: int,
    more: int,
    padding: tuple[int, int, int, int],
    seed: int,
) -> None:
    layer = CLayer(planes, area, stride, padding, alpha=0.5)
    x = activity((n, planes, area + more, area + more // 2), seed)
    y, scale = c_reference(layer, x)
    # D - v may cancel, hence D + v; the slope of psi is at most 1 / alpha.
    terms = area * area + planes
    assert_within(layer(x), y, gamma(2 * terms + 12) * scale / layer.alpha + gamma(4))


def test_a_trained_plane_measures_similarity() -> None:
    """Strong connections: 1 for the pattern itself, 0 from the cosine r / (1 + r) down."""
    layer = SLayer(1, 1, 3, r=4.0, q=1.0)
    c, r = layer.fixed[0], layer.r
    rng = np.random.default_rng(0)
    pattern = rng.random((1, 3, 3)).astype(np.float32)
    strength = 1e5
    layer.excitatory.data[0] = strength * c * pattern
    layer.inhibitory.data[0] = strength / 2 * math.sqrt((c * pattern**2).sum())
    for _ in range(50):
        x = (pattern + 0.6 * rng.random(pattern.shape)).astype(np.float32)
        lengths = math.sqrt((c * x**2).sum() * (c * pattern**2).sum())
        cosine = float((c * x * pattern).sum()) / lengths
        expected = max((r + 1) * cosine - r, 0)
        assert layer(x[np.newaxis]).item() == pytest.approx(expected, abs=1e-3)
    assert layer(pattern[np.newaxis]).item() == pytest.approx(1, abs=1e-3)


def test_fixed_connections() -> None:
    layer = SLayer(3, 2, 5, r=1.0, q=1.0)
    assert layer.fixed.sum() == pytest.approx(1, abs=1e-6)
    assert layer.fixed.min() > 0
    weights = decaying("SLayer", 4, 0.5)
    np.testing.assert_array_equal(weights, weights.T)
    np.testing.assert_array_equal(weights, weights[::-1])
    assert weights[0, 0] == np.float32(0.5 ** math.hypot(1.5, 1.5))
    assert decaying("SLayer", 5, 0.9)[2, 2] == 1


def test_without_decay_only_the_centre_is_connected() -> None:
    x = activity((1, 2, 5, 5))
    simple = SLayer(2, 3, 3, r=1.0, q=1.0, decay=0, rng=0)
    complex_ = CLayer(3, 3, decay=0)
    for layer in (simple, complex_):
        assert np.count_nonzero(layer.fixed) == layer.fixed.size // 9
        assert layer.fixed[:, :, 1, 1].all()
    np.testing.assert_allclose(simple(x), s_reference(simple, x)[0], atol=1e-7)
    y = activity((1, 3, 5, 5))
    np.testing.assert_allclose(complex_(y), c_reference(complex_, y)[0], atol=1e-6)


@pytest.mark.parametrize(
    ("make", "reference"),
    [
        (lambda: s_layer((2, 3), 3, 1, 1.5, 0), s_reference),
        (lambda: CLayer(2, 3, 2, (1, 2, 1, 0)), c_reference),
    ],
)
def test_backward_is_the_derivative(
    make: Callable[[], Module], reference: Callable[[Module, Array], tuple[Array, Array]]
) -> None:
    """Central differences of the loops; no cell of these lies at the edge of its threshold."""
    layer, step = make(), 1e-5
    x = activity((2, 2, 5, 6))
    y = layer(x)
    assert 0.2 < (y > 0).mean() < 0.9
    dy = np.random.default_rng(2).standard_normal(y.shape).astype(np.float32)
    dx = layer.backward(dy)
    expected = np.zeros(x.shape)
    for index in np.ndindex(*x.shape):
        above, below = x.astype(np.float64), x.astype(np.float64)
        above[index] += step
        below[index] -= step
        change = reference(layer, above)[0] - reference(layer, below)[0]
        expected[index] = (dy * change).sum() / (2 * step)
    np.testing.assert_allclose(dx, expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(RuntimeError, match="one backward"):
        layer.backward(dy)


def test_dark_images_give_nothing_and_pass_no_gradient() -> None:
    for layer in (s_layer((1, 2), 3, 0, 4.0, 0), CLayer(1, 3)):
        y = layer(np.zeros((1, 1, 4, 4), np.float32))
        assert not y.any()
        assert not layer.backward(np.ones_like(y)).any()


def test_nan_passes() -> None:
    x = activity((1, 2, 5, 5))
    x[0, 0, 0, 0] = np.nan
    for layer in (s_layer((2, 3), 3, 0, 4.0, 0), CLayer(2, 3)):
        y = layer(x)
        assert np.isnan(y[0, :, 0, 0]).all()
        assert np.isfinite(y[0, :, 2, 2]).all()


@pytest.mark.usefixtures("backend", "restore_threads")
def test_same_bits_for_any_number_of_threads() -> None:
    x = activity((9, 8, 21, 23))
    results = []
    for threads in (1, 2, 7):
        pycnn.set_num_threads(threads)
        layers = s_layer((8, 24), 5, 2, 1.5, 0), CLayer(24, 5, 2, (3, 4, 3, 4))
        simple = layers[0](x)
        y = layers[1](simple)
        dx = layers[0].backward(layers[1].backward(np.ones_like(y)))
        results.append((simple.tobytes(), y.tobytes(), dx.tobytes()))
    assert results[0] == results[1] == results[2]


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match=r"\[SLayer\] planes must be an int, got float"):
        SLayer(1, 2.0, r=1.0, q=1.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\[SLayer\] r must be above 0, got 0"):
        SLayer(1, 2, r=0, q=1.0)
    with pytest.raises(ValueError, match=r"\[SLayer\] decay must be in \[0, 1\), got 1"):
        SLayer(1, 2, r=1, q=1.0, decay=1)
    with pytest.raises(ValueError, match=r"\[CLayer\] padding must be at least 0, got -1"):
        CLayer(2, 3, padding=(0, 0, 0, -1))
    with pytest.raises(ValueError, match=r"\[SLayer\] decay 0.0 leaves no connection .* of 4"):
        SLayer(1, 2, 4, r=1, q=1.0, decay=0)
    with pytest.raises(ValueError, match=r"\[CLayer\] decay 1e-100 leaves no connection .* of 2"):
        CLayer(2, 2, decay=1e-100)
    with pytest.raises(ValueError, match=r"\[CLayer\] alpha must be above 0"):
        CLayer(2, alpha=-1)
    with pytest.raises(ValueError, match="weight has 2 input channels, x has 1"):
        SLayer(2, 3, r=1, q=1.0)(np.zeros((1, 1, 9, 9), np.float32))
