"""conv_transpose2d, its gradients and its layer: against the reference, and conv2d's transpose."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.annotations import gradient_of
from support.finite_differences import assert_gradient
from support.repeated_ops import assert_same_bits
from support.strategies import Values, values
from support.tolerance import TINY, assert_within, float64, gamma, magnitude
from support.tolerance_norm import in_double
from support.windows import window_axes

from pycnn import ops, reference
from pycnn.layers import ConvTranspose2d

pytestmark = pytest.mark.usefixtures("backend")

F = np.float32
Array = np.ndarray


@dataclass(frozen=True)
class Case:
    x_shape: tuple[int, ...]
    w_shape: tuple[int, ...]
    bias: bool
    geometry: dict[str, Any]
    values: Values

    def operands(self) -> tuple[Array, Array, Array | None]:
        outputs = self.w_shape[1] * self.geometry["groups"]
        x, w, b = self.values.arrays(self.x_shape, self.w_shape, (outputs,))
        return x, w, b if self.bias else None

    def gradient(self) -> Array:
        """Make the gradient of the output."""
        shape = reference.conv_transpose2d(*self.operands(), **self.geometry).shape
        return Values(self.values.kind, self.values.seed + 1).arrays(shape)[0]


@st.composite
def cases(draw: st.DrawFn, *kinds: str) -> Case:
    names = ("stride", "padding", "output_padding", "dilation")
    picked: dict[str, list[int]] = {name: [] for name in (*names, "size", "taps")}
    for _ in range(2):
        if draw(st.booleans()):
            # The other way round: its outputs are the input here, and their remainder is added.
            axis = draw(window_axes(lambda taps, dilation: taps + dilation, dilations=(1, 1, 2, 3)))
            numbers = (axis.stride, axis.before, axis.left_over, axis.dilation, axis.outputs)
            for name, value in zip(picked, (*numbers, axis.taps), strict=True):
                picked[name].append(value)
            continue
        size = draw(st.sampled_from((1, 2, 3, 4, 5, 8, 13, 17)))
        taps = draw(st.sampled_from((1, 2, 3, 4, 5, 7)))
        stride = draw(st.sampled_from((1, 2, 2, 3, 4, 8)))
        dilation = draw(st.sampled_from((1, 1, 2, 3)))
        extra = draw(st.integers(0, max(stride, dilation) - 1))
        whole = (size - 1) * stride + dilation * (taps - 1) + 1 + extra
        padding = draw(st.integers(0, min((whole - 1) // 2, taps + 2)))
        for name, value in zip(picked, (stride, padding, extra, dilation, size, taps), strict=True):
            picked[name].append(value)
    groups, inputs, outputs = (
        draw(st.sampled_from(options))
        for options in ((1, 1, 2, 3), (1, 2, 5, 9), (1, 2, 3, 7, 16, 17))
    )
    return Case(
        (draw(st.sampled_from((0, 1, 2, 3))), groups * inputs, *picked["size"]),
        (groups * inputs, outputs, *picked["taps"]),
        draw(st.booleans()),
        {name: tuple(picked[name]) for name in names} | {"groups": groups},
        draw(values(*kinds)),
    )


def sum_bound(terms: float, total: Array) -> Array:
    return np.asarray(gamma(terms + 1) * total + (terms + 1) * TINY)


@given(cases())
def test_forward(case: Case) -> None:
    x, w, b = case.operands()
    y = ops.conv_transpose2d(x, w, b, **case.geometry)
    wide = float64(x, w, b)
    x64, w64, b64 = (magnitude(a) for a in wide)
    total = reference.conv_transpose2d(x64, w64, b64, **case.geometry)
    terms = math.prod(case.w_shape[2:]) * case.w_shape[0] // case.geometry["groups"]
    bound = 0.0 if case.values.exact else sum_bound(terms, total)
    assert_within(y, reference.conv_transpose2d(*wide, **case.geometry), bound)


@given(cases())
def test_backward(case: Case) -> None:
    x, w, _ = case.operands()
    dy = case.gradient()
    dx = ops.conv_transpose2d_backward_input(dy, w, x.shape, **case.geometry)
    dw, db = ops.conv_transpose2d_backward_weight(dy, x, w.shape, **case.geometry)
    wide_x, wide_w, wide_dy = float64(x, w, dy)

    def gradients(dy: Array, x: Array, w: Array) -> list[Array]:
        return [
            reference.conv_transpose2d_backward_input(dy, w, x.shape, **case.geometry),
            *reference.conv_transpose2d_backward_weight(dy, x, w.shape, **case.geometry),
        ]

    exact = gradients(wide_dy, wide_x, wide_w)
    totals = gradients(np.abs(wide_dy), np.abs(wide_x), np.abs(wide_w))
    bounds = (
        sum_bound(math.prod(case.w_shape[1:]), totals[0]),
        sum_bound(x.size // x.shape[1], totals[1]),
        gamma(1) * np.abs(exact[2]) + in_double(dy.size, totals[2]) + TINY,
    )
    for got, want, bound in zip((dx, dw, db), exact, bounds, strict=True):
        assert_within(got, want, 0.0 if case.values.exact else bound)


@given(cases("integer"))
def test_adjoints(case: Case) -> None:
    """<y(x, w), g> = <x, dx(g)> = <w, dw(g)>, exactly: integer data round nowhere."""
    x, w, _ = case.operands()
    g = case.gradient()
    expected = np.vdot(*float64(ops.conv_transpose2d(x, w, **case.geometry), g))
    dx = ops.conv_transpose2d_backward_input(g, w, x.shape, **case.geometry)
    dw, _ = ops.conv_transpose2d_backward_weight(g, x, w.shape, **case.geometry)
    assert np.vdot(*float64(x, dx)) == expected
    assert np.vdot(*float64(w, dw)) == expected


@given(cases("integer"))
def test_the_reference_is_the_transpose_of_conv2d(case: Case) -> None:
    """<conv_transpose(x), g> = <x, conv(g)> where conv2d sees g without the output padding."""
    x, w, _ = float64(*case.operands())
    g = case.gradient().astype(float)
    y = reference.conv_transpose2d(x, w, **case.geometry)
    (t, left), (bottom, right) = case.geometry["padding"], case.geometry["output_padding"]
    padded = np.pad(g, ((0, 0), (0, 0), (t, t), (left, left)))
    padded = padded[:, :, : padded.shape[2] - bottom, : padded.shape[3] - right]
    rest = {name: case.geometry[name] for name in ("stride", "dilation", "groups")}
    assert np.vdot(y, g) == np.vdot(x, reference.conv2d(padded, w, **rest))


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@given(cases("nonfinite"))
def test_nan_and_infinity_go_where_they_belong(case: Case) -> None:
    x = case.operands()[0]
    outputs = case.w_shape[1] * case.geometry["groups"]
    w, b = Values("normal", case.values.seed).arrays(case.w_shape, (outputs,))
    exact = reference.conv_transpose2d(*float64(x, w, b), **case.geometry)
    y = ops.conv_transpose2d(x, w, b, **case.geometry)
    np.testing.assert_array_equal(y[~np.isfinite(exact)], exact[~np.isfinite(exact)])
    assert np.isfinite(y[np.isfinite(exact)]).all()


def test_gradients_of_the_reference() -> None:
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(shape) for shape in ((2, 4, 3, 5), (4, 3, 3, 2), (6,)))
    geometry: dict[str, Any] = {
        "stride": (2, 3), "padding": 1, "output_padding": (1, 2), "dilation": (2, 1), "groups": 2
    }  # fmt: skip
    y = reference.conv_transpose2d(x, w, b, **geometry)
    g = rng.standard_normal(y.shape)
    dx = reference.conv_transpose2d_backward_input(g, w, x.shape, **geometry)
    dw, db = reference.conv_transpose2d_backward_weight(g, x, w.shape, **geometry)
    op = reference.conv_transpose2d
    assert_gradient(lambda a: np.vdot(g, op(a, w, b, **geometry)), x, dx, 1)
    assert_gradient(lambda a: np.vdot(g, op(x, a, b, **geometry)), w, dw, 1)
    assert_gradient(lambda a: np.vdot(g, op(x, w, a, **geometry)), b, db, 1)


def test_output_padding_chooses_among_the_sizes_that_conv2d_maps_to_one() -> None:
    """Guide to convolution arithmetic, 4.6: 5x5 and 6x6 both yield 2x2 for k = 3, s = 2, p = 0."""
    x = np.ones((1, 1, 2, 2), F)
    w = np.ones((1, 1, 3, 3), F)
    small = ops.conv_transpose2d(x, w, stride=2)
    row = np.array([1, 1, 2, 1, 1])
    np.testing.assert_array_equal(small[0, 0], np.outer(row, row))
    large = ops.conv_transpose2d(x, w, np.full(1, 7, F), stride=2, output_padding=1)
    np.testing.assert_array_equal(large[0, 0], np.pad(np.outer(row, row), (0, 1)) + 7)


def test_where_no_tap_reaches_there_is_the_bias() -> None:
    x, w = np.ones((2, 1, 2, 3), F), np.ones((1, 2, 1, 1), F)
    y = ops.conv_transpose2d(x, w, np.array([5, -1], F), stride=3)
    expected = np.zeros((4, 7))
    expected[::3, ::3] = 1
    np.testing.assert_array_equal(y, np.broadcast_to([[expected + 5, expected - 1]], y.shape))


@pytest.mark.usefixtures("restore_threads")
def test_same_bits_for_any_number_of_threads() -> None:
    x, w, b = Values("normal", 0).arrays((9, 24, 19, 21), (24, 11, 4, 3), (22,))
    geometry: dict[str, Any] = {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2}
    dy = ops.conv_transpose2d(x, w, b, **geometry)
    assert_same_bits(
        [
            (ops.conv_transpose2d, [x, w, b], geometry),
            (ops.conv_transpose2d_backward_input, [dy, w], {"input_shape": x.shape, **geometry}),
            (ops.conv_transpose2d_backward_weight, [dy, x], {"weight_shape": w.shape, **geometry}),
        ]
    )


def test_the_bias_of_images_of_one_filter_s_width() -> None:
    """Without a bias these shapes have their own algorithm."""
    x, w, b = Values("integer", 1).arrays((2, 5, 9, 1), (5, 3, 2, 70), (3,))
    expected = reference.conv_transpose2d(*float64(x, w, b))
    assert_within(ops.conv_transpose2d(x, w, b), expected, 0.0)
    expected = reference.conv_transpose2d(*float64(x, w))
    assert_within(ops.conv_transpose2d(x, w), expected, 0.0)


@pytest.mark.parametrize(
    "options",
    [{}, {"stride": (2, 3), "output_padding": 1, "groups": 2}, {"dilation": 2, "bias": False}],
)
def test_the_layer_is_the_op_with_its_parameters(options: dict[str, Any]) -> None:
    layer = ConvTranspose2d(4, 6, (3, 2), padding=1, **options, rng=0)
    (x,) = Values("normal", 1).arrays((2, 4, 5, 6))
    geometry = {"padding": 1, **{k: v for k, v in options.items() if k != "bias"}}
    bias = None if layer.bias is None else layer.bias.data
    y = layer(x)
    expected = reference.conv_transpose2d(*float64(x, layer.weight.data, bias), **geometry)
    np.testing.assert_allclose(y, expected, atol=1e-5)
    dy = np.cos(y)
    dx = layer.backward(dy)
    w64, dy64, x64 = float64(layer.weight.data, dy, x)
    expected = reference.conv_transpose2d_backward_input(dy64, w64, x.shape, **geometry)
    np.testing.assert_allclose(dx, expected, atol=1e-5)
    dw, db = reference.conv_transpose2d_backward_weight(dy64, x64, w64.shape, **geometry)
    np.testing.assert_allclose(gradient_of(layer.weight), dw, atol=1e-4)
    if layer.bias is not None:
        np.testing.assert_allclose(gradient_of(layer.bias), db, atol=1e-4)
    layer(x)
    layer.backward_parameters(dy)
    np.testing.assert_allclose(gradient_of(layer.weight), 2 * dw, atol=1e-4)
    bound = 1 / math.sqrt(math.prod(layer.weight.shape[1:]))
    assert 0.8 * bound < np.abs(layer.weight.data).max() <= bound * (1 + 1e-6)


def test_repr() -> None:
    layer = ConvTranspose2d(4, 6, 3, 2, 1, 1, 2, False)
    assert repr(layer) == (
        "ConvTranspose2d(4, 6, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), "
        "output_padding=(1, 1), groups=2, bias=False)"
    )
    assert layer.flop((1, 4, 5, 5), (1, 6, 10, 10)) == 2 * 25 * 4 * 3 * 9


X, W = np.zeros((2, 4, 3, 3), F), np.zeros((4, 3, 2, 2), F)
transposed = ops.conv_transpose2d


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: transposed(X, W[:3]), ValueError, "weight has 3 input channels, x has 4"),
        (lambda: transposed(X, W, groups=3), ValueError, "groups=3 must divide"),
        (lambda: transposed(X, W, W[0, :2, 0, 0].copy()), ValueError, "bias has 2 .* 3 channels"),
        (lambda: transposed(X, W, padding=2), ValueError, "leaves no output: 0 x 0"),
        (lambda: transposed(X, W, output_padding=1), ValueError, "output_padding must be less"),
        (lambda: transposed(X, W, stride=0), ValueError, "stride must be between 1"),
        (lambda: transposed(X, W, stride=2**31 - 1), ValueError, "output height"),
        (lambda: transposed(X, W, padding="same"), TypeError, "padding must be an int, got str"),  # type: ignore[arg-type]
        (lambda: transposed(X.astype(float), W), TypeError, "x must be float32"),
        (
            lambda: ops.conv_transpose2d_backward_input(X, W, X.shape),
            ValueError,
            r"dy has shape \(2, 4, 3, 3\), the forward pass gives \(2, 3, 4, 4\)",
        ),
        (lambda: reference.conv_transpose2d(X, W[:3]), ValueError, "weight has 3 input channels"),
        (lambda: reference.conv_transpose2d(X, W, padding=2), ValueError, "leaves no output"),
        (lambda: reference.conv_transpose2d(X, W, output_padding=1), ValueError, "output_padding"),
        (lambda: ConvTranspose2d(3, 4, 3, groups=2), ValueError, "must divide in_channels=3"),
        (lambda: ConvTranspose2d(3, 4, 3, output_padding=1), ValueError, "output_padding must be"),
        (
            lambda: ConvTranspose2d(3, 4, 3, padding_mode="reflect"),
            ValueError,
            "must be one of zeros",
        ),
        (lambda: ConvTranspose2d(3, 4, 3)(X), ValueError, r"expects \(N, 3, H, W\)"),
    ],
)
def test_wrong_arguments_are_named(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
