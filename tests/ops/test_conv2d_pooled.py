"""Convolution, ReLU and max pooling in one op: the bits of the three, and `Sequential`'s use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.annotations import gradient_of, layer_of, wrong
from support.convolution import forced
from support.in_place import assert_in_place
from support.small_training import snapshot
from support.strategies import LANES, Values
from support.tolerance import float64
from support.windows import window_axes

import pycnn as nn
from pycnn import _core, ops, reference
from pycnn.layers.module import evaluation_mode

Arrays = list[np.ndarray]


def pooled(x: np.ndarray, w: np.ndarray, b: Any, window: Any, **geometry: Any) -> Arrays:
    """Return the output and all gradients of the fused op, for a non-constant gradient."""
    y, winners = ops.conv2d_relu_max_pool2d(x, w, b, window=window, **geometry)
    dy = gradient(y)
    dx, dw, db = ops.conv2d_relu_max_pool2d_backward(dy, winners, x, w, window=window, **geometry)
    none, dw2, db2 = ops.conv2d_relu_max_pool2d_backward(
        dy, winners, x, w, window=window, input_gradient=False, **geometry
    )
    assert none is None
    assert dx is not None
    np.testing.assert_array_equal(dw, dw2)
    np.testing.assert_array_equal(db, db2)
    assert_in_place(
        ops.conv2d_relu_max_pool2d_backward, dy, winners, x, w, window=window, **geometry
    )
    return [y, dx, dw, db]


def gradient(y: np.ndarray) -> np.ndarray:
    return np.random.default_rng(7).integers(-4, 5, y.shape).astype(y.dtype)


def one_by_one(x: np.ndarray, w: np.ndarray, b: Any, window: Any, **geometry: Any) -> Arrays:
    """Return the same results, from the three ops and their gradients."""
    rectified = ops.relu(ops.conv2d(x, w, b, **geometry))
    y, indices = ops.max_pool2d(rectified, window)
    dy = ops.max_pool2d_backward(gradient(y), indices, rectified.shape)
    dy = ops.relu_backward(dy, rectified)
    dx = ops.conv2d_backward_input(dy, w, x.shape, **geometry)
    return [y, dx, *ops.conv2d_backward_weight(dy, x, w.shape, **geometry)]


def assert_same(actual: Arrays, expected: Arrays, signs: bool = True) -> None:
    """Check for equal numbers, NaN included, and with `signs` for equal signs of zeros."""
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(one, other)
        if signs:
            zeros = one == 0  # the sign of a NaN means nothing, and depends on the compiler
            np.testing.assert_array_equal(np.signbit(one[zeros]), np.signbit(other[zeros]))
        assert one.flags.c_contiguous


def of_the_cpu(backend: str, algorithm: str = "") -> bool:
    """Return whether a back-end is an instruction set; skip algorithms that a device lacks."""
    on_cpu = backend in _core.isa_available()
    if algorithm and not on_cpu:
        pytest.skip("the algorithms of the CPU: a device has one, which is tried without a choice")
    return on_cpu


geometries = st.fixed_dictionaries(
    {
        "stride": st.sampled_from((1, 1, 1, 2)),
        "padding": st.sampled_from((0, 1, 2, "same", (3, 0, 0, 2))),
        "dilation": st.sampled_from((1, 1, 1, (1, 2))),
        "groups": st.sampled_from((1, 1, 2)),
    }
)


@pytest.mark.parametrize("algorithm", ["", "batch_lanes", "gemm"])
@given(
    images=st.sampled_from((*LANES, 0, 31, 32, 33, 50, 64, 65)),
    channels=st.sampled_from((1, 2, 3, 7, 40)),
    filters=st.sampled_from((1, 2, 6, 7, 16, 29)),
    taps=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    slack=st.tuples(st.integers(2, 9), st.integers(2, 9)),
    window=st.sampled_from((1, 2, 2, 2, 3, (1, 2), (3, 2))),
    geometry=geometries,
    kind=st.sampled_from(("normal", "integer", "nonfinite")),
)
def test_the_bits_are_those_of_the_three_ops(
    backend: str,
    algorithm: str,
    images: int,
    channels: int,
    filters: int,
    taps: tuple[int, int],
    slack: tuple[int, int],
    window: int | tuple[int, int],
    geometry: dict[str, Any],
    kind: str,
) -> None:
    on_cpu = of_the_cpu(backend, algorithm)
    if not on_cpu:
        images %= 8  # it has no lanes that a batch could fill
    down, across = np.broadcast_to(geometry["dilation"], 2).tolist()
    groups, (r, s) = geometry["groups"], np.broadcast_to(window, 2).tolist()
    step = geometry["stride"]
    height = down * (taps[0] - 1) + 1 + step * (r - 1) + slack[0]
    width = across * (taps[1] - 1) + 1 + step * (s - 1) + slack[1]
    # Beyond the edge of an image, an infinite weight makes a NaN or is left out.
    (x,) = Values(kind, 1).arrays((images, groups * channels, height, width))
    w, b = Values("normal" if kind == "nonfinite" else kind, 2).arrays(
        (groups * filters, channels, *taps), (groups * filters,)
    )
    with forced(algorithm):
        result = pooled(x, w, b, window, **geometry)
        expected = one_by_one(x, w, b, window, **geometry)
    if kind == "nonfinite":
        # Infinity or NaN times a gradient of zero makes a NaN, or is left out: only dw sees x.
        result[2] = np.where(np.isnan(expected[2]), expected[2], result[2])
    assert_same(result, expected)
    if kind == "integer" and (algorithm or not on_cpu):  # the choice may be Winograd's
        wide = float64(x, w, b)
        y, winners = reference.conv2d_relu_max_pool2d(*wide, window=window, **geometry)
        exact = reference.conv2d_relu_max_pool2d_backward(
            gradient(y), winners, *wide[:2], window=window, **geometry
        )
        assert_same(result, [y, *wrong(exact)], signs=False)


@pytest.mark.parametrize("algorithm", ["", *_core.conv_algorithms()])
@given(data=st.data())
def test_the_bits_at_the_edges_of_windows(
    backend: str, algorithm: str, data: st.DataObject
) -> None:
    """Single rows of outputs, of the convolution or of the pooling, with some left over."""
    on_cpu = of_the_cpu(backend, algorithm)
    sides = [data.draw(window_axes(lambda t, d: t + d, dilations=(1, 1, 2))) for _ in range(2)]
    window = tuple(
        data.draw(st.sampled_from(sorted({1, min(2, n), n // 2 + 1, n})))
        for n in (side.outputs for side in sides)
    )
    images = data.draw(st.sampled_from((1, 3, 32, 33) if on_cpu else (1, 3)))
    geometry = {
        "stride": tuple(side.stride for side in sides),
        "padding": tuple(side.before for side in sides),
        "dilation": tuple(side.dilation for side in sides),
    }
    shapes = (images, 2, *(side.size for side in sides)), (5, 2, *(side.taps for side in sides))
    x, w, b = Values("integer", 3).arrays(*shapes, (5,))
    with forced(algorithm):
        assert_same(pooled(x, w, b, window, **geometry), one_by_one(x, w, b, window, **geometry))


def test_small_images_of_full_batches_have_lanes(backend: str) -> None:
    """One byte an output is remembered; of a batch that leaves lanes empty, positions.

    A device has no lanes that a batch could fill.
    """
    rng = np.random.default_rng(0)
    w = rng.standard_normal((6, 1, 5, 5)).astype(np.float32)
    full: tuple[Any, int] = (np.uint8, 5) if backend in _core.isa_available() else (np.int32, 4)
    for images, dtype, ndim in ((64, *full), (1, np.int32, 4)):
        x = rng.standard_normal((images, 1, 28, 28)).astype(np.float32)
        with forced(""):
            _, winners = ops.conv2d_relu_max_pool2d(x, w, window=2, padding=2)
        assert (winners.dtype, winners.ndim) == (dtype, ndim)
        assert winners.size == images * 6 * 14 * 14


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("window", [(15, 17), (1, 255), (51, 5), (16, 16), (2, 128)])
@pytest.mark.parametrize("images", [1, 32])
def test_windows_around_what_a_byte_can_tell(images: int, window: tuple[int, int]) -> None:
    """Of 255 elements a byte names the winner; of 256 it is a position in the plane."""
    x, w = Values("integer", 4).arrays((images, 1, window[0] + 2, window[1] + 1), (3, 1, 2, 2))
    with forced("batch_lanes"):
        result = pooled(x, w, None, window)
        assert_same(result, one_by_one(x, w, None, window))
        _, winners = ops.conv2d_relu_max_pool2d(x, w, window=window)
    lanes = np.prod(window) <= 255 and winners.dtype == np.uint8
    assert lanes or winners.dtype == np.int32


@pytest.mark.usefixtures("backend")
def test_a_weight_beyond_the_edge_may_be_left_out() -> None:
    """An infinite weight makes a NaN with padding, as in the three ops, or is left out."""
    x, w = Values("normal", 5).arrays((64, 1, 8, 8), (2, 1, 3, 3))
    w = w.copy()
    w[0, 0, 0, 0] = -np.inf
    y, _ = ops.conv2d_relu_max_pool2d(x, w, window=2, padding=1)
    expected, *_ = one_by_one(x, w, None, 2, padding=1)
    inside = np.s_[:, :, 1:, 1:]  # windows that no padding meets
    np.testing.assert_array_equal(y[inside], expected[inside])
    np.testing.assert_array_equal(y[:, 1], expected[:, 1])


@pytest.mark.usefixtures("restore_threads")
def test_same_bits_for_any_number_of_threads(backend: str) -> None:
    images = 70 if of_the_cpu(backend) else 7
    x, w, b = Values("normal", 3).arrays((images, 6, 14, 14), (16, 6, 5, 5), (16,))
    results = []
    for threads in (1, 2, 7):
        nn.set_num_threads(threads)
        results.append(pooled(x, w, b, 2))
    for other in results[1:]:
        assert_same(other, results[0])


def test_errors_name_the_op_and_both_shapes() -> None:
    x, w, b = Values("normal", 1).arrays((32, 2, 8, 8), (3, 2, 3, 3), (3,))
    y, winners = ops.conv2d_relu_max_pool2d(x, w, b, window=2)
    back = ops.conv2d_relu_max_pool2d_backward
    with pytest.raises(ValueError, match=r"\[conv2d_relu_max_pool2d\] window of 7 x 7 .* 6 x 6"):
        ops.conv2d_relu_max_pool2d(x, w, b, window=7)
    with pytest.raises(ValueError, match=r"\[conv2d_relu_max_pool2d\] bias has 2 elements"):
        ops.conv2d_relu_max_pool2d(x, w, b[:2], window=2)
    with pytest.raises(TypeError, match=r"\[conv2d_relu_max_pool2d\] x must be float32"):
        ops.conv2d_relu_max_pool2d(x.astype(np.float64), w, b, window=2)
    with pytest.raises(ValueError, match=r"_backward\] dy has shape \(32, 3, 2, 3\)"):
        back(np.ascontiguousarray(y[:, :, :2]), winners, x, w, window=2)
    with pytest.raises(TypeError, match=r"_backward\] winners must be"):
        back(y, y, x, w, window=2)
    with pytest.raises(ValueError, match="winners"):
        back(y, np.zeros((9, 3, 3, 3, 3), np.uint8), x, w, window=2)
    with pytest.raises(ValueError, match="winners must lie in a plane of 36 elements"):
        back(y, np.full(y.shape, 36, np.int32), x, w, window=2)
    strided = ops.conv2d_relu_max_pool2d(x, w, b, window=1, stride=2)[0]
    with pytest.raises(ValueError, match="another convolution"):
        back(strided, np.zeros((1, 3, 3, 3, 32), np.uint8), x, w, window=1, stride=2)


def test_winners_of_another_instruction_set_are_refused() -> None:
    if len(_core.isa_available()) < 2:
        pytest.skip("this machine has one instruction set")
    x, w = Values("normal", 1).arrays((32, 2, 8, 8), (3, 2, 3, 3))
    before = _core.isa()
    with forced("batch_lanes"):
        y, winners = ops.conv2d_relu_max_pool2d(x, w, window=2)
        _core.set_isa(next(name for name in _core.isa_available() if name != before))
        try:
            with pytest.raises(ValueError, match="instruction set"):
                ops.conv2d_relu_max_pool2d_backward(y, winners, x, w, window=2)
        finally:
            _core.set_isa(before)


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2, rng=0),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, rng=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),  # overlapping: not fused
        nn.Flatten(),
        nn.Linear(8 * 5 * 5, 4, rng=2),
    )


@pytest.mark.parametrize("images", [5, 64])
@pytest.mark.parametrize("input_gradient", [False, True])
def test_sequential_gives_the_bits_of_its_layers(images: int, input_gradient: bool) -> None:
    (x,) = Values("normal", 1).arrays((images, 1, 28, 28))
    fused, layers = network(), network()
    y = fused(x)
    *_, (_, _, expected) = layers.trace(x)
    np.testing.assert_array_equal(y, expected)
    one, other = (model.backward(gradient(y), wrong(input_gradient)) for model in (fused, layers))
    np.testing.assert_array_equal(one, other)
    for one, other in zip(fused.parameters(), layers.parameters(), strict=True):
        np.testing.assert_array_equal(one.grad, other.grad)
    with evaluation_mode(fused):
        np.testing.assert_array_equal(fused(x), expected)


def test_a_layer_of_ones_own_is_called() -> None:
    """A sub-class, or a method on the object itself, is not passed over."""

    class Loud(nn.ReLU):
        def forward(self, x: np.ndarray) -> np.ndarray:
            return 2 * super().forward(x)

    (x,) = Values("normal", 1).arrays((2, 1, 8, 8))
    quiet = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.ReLU(), nn.MaxPool2d(2))
    loud = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), Loud(), nn.MaxPool2d(2))
    np.testing.assert_array_equal(loud(x), 2 * quiet(x))
    relu = quiet[1]
    vars(relu)["forward"] = lambda x: nn.ops.relu(-x)
    assert not np.array_equal(quiet(x), loud(x) / 2)


def test_backward_needs_a_forward_pass_of_its_own() -> None:
    (x,) = Values("normal", 1).arrays((2, 1, 28, 28))
    model = network()
    y = model(x)
    model.backward(y)
    with pytest.raises(RuntimeError, match=r"Sequential\[\d\] .*backward needs a forward pass"):
        model.backward(y)
    with evaluation_mode(model):
        model(x)
    with pytest.raises(RuntimeError, match="backward needs a forward pass"):
        model.backward(y)


def test_what_a_pass_leaves_is_forgotten_with_the_next() -> None:
    (x,) = Values("normal", 1).arrays((2, 1, 28, 28))
    model = network()
    y = model(x)
    model.to("cpu")
    with pytest.raises(RuntimeError, match="backward needs a forward pass"):
        model.backward(y)
    for _ in model.trace(x):
        pass
    model(x)
    assert all(model[i]._memory is None for i in (1, 2))
    with evaluation_mode(model):
        model(x)
    assert all(layer._memory is None for layer in model.modules())
    model(x)
    with evaluation_mode(model):
        for _ in model.trace(x):
            pass
    assert all(layer._memory is None for layer in model.modules())
    y = model(x)
    model[2].forward(model[0].forward(x))
    with pytest.raises(RuntimeError, match=r"Sequential\[2\] .*forward pass of the whole"):
        model.backward(y)


def test_a_wrong_gradient_is_refused_by_the_layer_that_it_comes_to() -> None:
    (x,) = Values("normal", 1).arrays((2, 1, 8, 8))
    model = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.ReLU(), nn.MaxPool2d(2))
    y = model(x)
    with pytest.raises(ValueError, match=r"^Sequential\[2\] MaxPool2d: .*dy has shape"):
        model.backward(np.ascontiguousarray(y[:, :, :2]))


def test_an_error_that_no_layer_has_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ValueError("only here")

    monkeypatch.setattr(ops, "conv2d_relu_max_pool2d", refuse)
    with pytest.raises(ValueError, match="only here"):
        network()(Values("normal", 1).arrays((2, 1, 28, 28))[0])


def test_an_error_names_the_layer_that_fails() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(8))
    with pytest.raises(ValueError, match=r"^Sequential\[2\] MaxPool2d: \[max_pool2d\] window"):
        model(np.zeros((1, 1, 8, 8), np.float32))
    with pytest.raises(ValueError, match=r"^Sequential\[0\] Conv2d: \[conv2d\] weight has 1"):
        model(np.zeros((1, 2, 8, 8), np.float32))
    with pytest.raises(ValueError, match="grey images need a channel axis"):
        model(np.zeros((5, 8, 8), np.float32))


def test_a_table_of_connections_is_respected() -> None:
    table = [[True, False], [True, True], [False, True]]
    layers = (nn.Conv2d(2, 3, 3, connections=table, rng=0), nn.ReLU(), nn.MaxPool2d(2))
    model = nn.Sequential(*layers)
    (x,) = Values("normal", 1).arrays((32, 2, 8, 8))
    y = model(x)
    assert_same([y], one_by_one(x, layers[0].filters(), layer_of(model, 0).bias.data, 2)[:1])
    model.backward(gradient(y))
    assert gradient_of(layers[0].weight).shape == (4, 3, 3)
    assert "0.weight" in snapshot(model)
