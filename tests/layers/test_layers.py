"""Each layer against the ops and the float64 reference, and its own duties as an object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.annotations import gradient_of

from pycnn import init, reference
from pycnn.layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    evaluation_mode,
)


def f64(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


CONVOLUTIONS = [
    {},
    {"stride": 2, "padding": 1},
    {"stride": (2, 1), "padding": "same"},
    {"padding": (0, 1, 2, 3), "dilation": 2},
    {"groups": 2, "bias": False},
    {"padding": "valid", "groups": 2},
]


@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
def test_conv2d_is_the_op_with_its_parameters(options: dict[str, Any]) -> None:
    x = normal(2, 4, 9, 8)
    layer = Conv2d(4, 6, (3, 2), **options, rng=0)
    geometry = {key: value for key, value in options.items() if key != "bias"}
    w64 = f64(layer.weight.data)
    b64 = None if layer.bias is None else f64(layer.bias.data)

    y = layer(x)
    np.testing.assert_allclose(y, reference.conv2d(f64(x), w64, b64, **geometry), atol=1e-5)

    dy = normal(*y.shape, seed=1)
    dx = layer.backward(dy)
    expected_dx = reference.conv2d_backward_input(f64(dy), w64, x.shape, **geometry)
    dw, db = reference.conv2d_backward_weight(f64(dy), f64(x), w64.shape, **geometry)
    np.testing.assert_allclose(dx, expected_dx, atol=1e-4)
    np.testing.assert_allclose(gradient_of(layer.weight), dw, atol=1e-4)
    if layer.bias is not None:
        np.testing.assert_allclose(gradient_of(layer.bias), db, atol=1e-4)


@pytest.mark.parametrize("bias", [True, False])
def test_linear_is_the_op_with_its_parameters(bias: bool) -> None:
    x, dy = normal(5, 7), normal(5, 3, seed=1)
    layer = Linear(7, 3, bias, rng=0)
    w64 = f64(layer.weight.data)
    b64 = f64(layer.bias.data) if layer.bias is not None else None
    np.testing.assert_allclose(layer(x), reference.linear(f64(x), w64, b64), atol=1e-5)
    np.testing.assert_allclose(
        layer.backward(dy), reference.linear_backward_input(f64(dy), w64), atol=1e-5
    )
    dw, db = reference.linear_backward_weight(f64(dy), f64(x))
    np.testing.assert_allclose(gradient_of(layer.weight), dw, atol=1e-5)
    if layer.bias is not None:
        np.testing.assert_allclose(gradient_of(layer.bias), db, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "options"),
    [
        (MaxPool2d(3, 2, 1, 1, False, True), (3, 2, 1, 1, True)),
        (MaxPool2d((2, 3), dilation=2), ((2, 3), None, 0, 2, False)),
    ],
)
def test_max_pool_passes_its_arguments_in_order(layer: MaxPool2d, options: tuple[Any, ...]) -> None:
    x = normal(2, 3, 9, 9)
    y64, indices = reference.max_pool2d(f64(x), *options)
    y = layer(x)
    np.testing.assert_array_equal(y, y64)
    dy = normal(*y.shape, seed=1)
    expected = reference.max_pool2d_backward(f64(dy), indices, x.shape)
    np.testing.assert_allclose(layer.backward(dy), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "options"),
    [
        (AvgPool2d(3, 2, 1, True, False), (3, 2, 1, True, False, None)),
        (AvgPool2d((2, 3), divisor_override=5), ((2, 3), None, 0, False, True, 5)),
    ],
)
def test_avg_pool_passes_its_arguments_in_order(layer: AvgPool2d, options: tuple[Any, ...]) -> None:
    x = normal(2, 3, 9, 9)
    y = layer(x)
    np.testing.assert_allclose(y, reference.avg_pool2d(f64(x), *options), atol=1e-5)
    dy = normal(*y.shape, seed=1)
    expected = reference.avg_pool2d_backward(f64(dy), x.shape, *options)
    np.testing.assert_allclose(layer.backward(dy), expected, atol=1e-5)


def test_relu_forward_and_backward() -> None:
    layer = ReLU()
    y = layer(np.array([[-1.0, 0.0, 2.0]], np.float32))
    np.testing.assert_array_equal(y, [[0, 0, 2]])
    np.testing.assert_array_equal(layer.backward(np.ones_like(y)), [[0, 0, 1]])


def test_dropout_keeps_the_mean_and_the_share() -> None:
    layer, x = Dropout(0.3, rng=0), np.ones((200, 500), np.float32)
    y = layer(x)
    # 100,000 draws: the share of zeros has a standard deviation of 0.0015.
    assert abs(np.mean(y == 0) - 0.3) < 0.01
    np.testing.assert_allclose(y[y != 0], 1 / 0.7, rtol=1e-6)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(layer.backward(x), y)


def test_dropout_in_evaluation_mode_is_nothing() -> None:
    layer, x = Dropout(0.5, rng=0).eval(), normal(3, 4)
    assert layer(x) is x
    assert layer.backward(x) is x


def test_dropout_repeats_from_its_seed() -> None:
    x = np.ones((8, 8), np.float32)
    layer = Dropout(0.5, rng=3)
    first, second = layer(x), layer(x)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(Dropout(0.5, rng=3)(x), first)
    layer.reseed([5, 1])
    third = layer(x)
    layer.reseed([5, 1])
    np.testing.assert_array_equal(layer(x), third)


LAYERS: list[tuple[Callable[[], Module], tuple[int, ...]]] = [
    (lambda: Conv2d(2, 3, 3, rng=0), (1, 2, 5, 5)),
    (lambda: Linear(4, 3, rng=0), (2, 4)),
    (lambda: MaxPool2d(2), (1, 2, 4, 4)),
    (lambda: AvgPool2d(2), (1, 2, 4, 4)),
    (ReLU, (2, 3)),
    (lambda: Dropout(0.5, rng=0), (2, 3)),
    (Flatten, (2, 3, 1, 1)),
]


@pytest.mark.parametrize(("make", "shape"), LAYERS)
def test_backward_needs_a_forward_of_its_own(
    make: Callable[[], Module], shape: tuple[int, ...]
) -> None:
    layer, x = make(), normal(*shape)
    with pytest.raises(RuntimeError, match="needs a forward pass before it"):
        layer.backward(x)
    dy = np.ones_like(layer(x))
    layer.backward(dy)
    with pytest.raises(RuntimeError, match="allows one backward"):
        layer.backward(dy)
    layer(x)
    with evaluation_mode(layer):
        layer(x)  # must not leave the activations of the pass before behind
    with pytest.raises(RuntimeError, match="those of evaluate, predict and evaluation_mode"):
        layer.backward(dy)
    layer.eval()(x)
    layer.backward(dy)


@pytest.mark.parametrize(("make", "shape"), LAYERS[:2])
def test_gradients_accumulate_until_zero_grad(
    make: Callable[[], Module], shape: tuple[int, ...]
) -> None:
    layer, x = make(), normal(*shape)
    layer.backward(np.ones_like(layer(x)))
    once = [gradient_of(p).copy() for p in layer.parameters()]
    layer.backward_parameters(np.ones_like(layer(x)))
    for parameter, grad in zip(layer.parameters(), once, strict=True):
        np.testing.assert_array_equal(parameter.grad, 2 * grad)
    layer.zero_grad()
    assert all(parameter.grad is None for parameter in layer.parameters())


@pytest.mark.parametrize(
    ("layer", "fan_in"), [(Conv2d(8, 64, 5, groups=2, rng=0), 100), (Linear(400, 120, rng=0), 400)]
)
def test_initial_values_fill_the_interval_of_pytorch(layer: Conv2d | Linear, fan_in: int) -> None:
    bound = 1 / np.sqrt(fan_in)
    assert init.fan_in(layer.weight.shape) == fan_in
    assert layer.bias is not None
    for values in (layer.weight.data, layer.bias.data):
        assert values.dtype == np.float32
        assert np.abs(values).max() <= bound * (1 + 1e-6)
        assert np.abs(values).max() > 0.9 * bound
    # Standard deviation of a uniform distribution: bound / sqrt(3).
    assert abs(layer.weight.data.std() - bound / np.sqrt(3)) < 0.02 * bound
    assert abs(layer.weight.data.mean()) < 0.02 * bound


def test_initial_values_come_from_rng_only() -> None:
    np.testing.assert_array_equal(Linear(3, 2, rng=1).weight.data, Linear(3, 2, rng=1).weight.data)
    generator = np.random.default_rng(1)
    first, second = Linear(3, 2, rng=generator), Linear(3, 2, rng=generator)
    np.testing.assert_array_equal(first.weight.data, Linear(3, 2, rng=1).weight.data)
    assert not np.array_equal(first.weight.data, second.weight.data)
    assert not np.array_equal(Linear(3, 2).weight.data, Linear(3, 2).weight.data)


def test_kaiming_normal_has_variance_two_over_fan_in() -> None:
    values = init.kaiming_normal((64, 32, 3, 3), rng=0)
    assert values.dtype == np.float32
    # 18,432 draws: the standard deviation is known to 0.5 %.
    np.testing.assert_allclose(values.std(), np.sqrt(2 / (32 * 9)), rtol=0.03)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda: Conv2d(3, 4, 3, padding_mode="same"),
            ValueError,
            "one of zeros, reflect, ",
        ),
        (lambda: Conv2d(3, 4, 3, groups=2), ValueError, "groups=2 must divide in_channels=3"),
        (lambda: Conv2d(4, 3, 3, groups=2), ValueError, "out_channels=3"),
        (lambda: Conv2d(0, 4, 3), ValueError, "in_channels must be at least 1, got 0"),
        (lambda: Conv2d(1, 4, 0), ValueError, "kernel_size must be at least 1"),
        (lambda: Conv2d(1, 4, 3, stride=0), ValueError, "stride must be at least 1"),
        (lambda: Conv2d(1, 4, 3, padding=-1), ValueError, "padding must be at least 0"),
        (lambda: Conv2d(1, 4, 3, padding="full"), ValueError, "'valid' or 'same', got 'full'"),
        (lambda: Conv2d(1, 4, 3, padding=(1, 2, 3)), ValueError, "height, width"),
        (lambda: Conv2d(1, 4, 2.5), TypeError, "kernel_size must be an int, got float"),  # type: ignore[arg-type]
        (lambda: Conv2d(3, 4, True), TypeError, "kernel_size must be an int, got bool"),
        (lambda: Conv2d(1, 4, 3, stride=2**40), ValueError, "stride must be at most 2147483647"),
        (lambda: MaxPool2d(2**31), ValueError, "kernel_size must be at most 2147483647"),
        (lambda: Linear(4, -1), ValueError, "out_features must be at least 1"),
        (lambda: Linear("4", 1), TypeError, "in_features must be an int"),  # type: ignore[arg-type]
        (lambda: MaxPool2d(2, padding=2), ValueError, "at most half of kernel_size"),
        (
            lambda: MaxPool2d(2, return_indices="yes"),  # type: ignore[arg-type]
            TypeError,
            "return_indices must be True",
        ),
        (lambda: AvgPool2d(2, divisor_override=0), ValueError, "divisor_override"),
        (lambda: AvgPool2d((2, 2, 2)), ValueError, "height, width"),
        (lambda: Dropout(1.0), ValueError, r"p must be in \[0, 1\), got 1.0"),
        (lambda: Dropout("x"), TypeError, "p must be a number, got str"),  # type: ignore[arg-type]
    ],
)
def test_wrong_arguments_are_named(
    make: Callable[[], Module], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        make()


def test_linear_says_what_it_expects() -> None:
    with pytest.raises(ValueError, match=r"^Linear: expects 400 features, got 256 \(input was \(2"):
        Linear(400, 3)(normal(2, 16, 4, 4))
    with pytest.raises(ValueError, match="is a Flatten missing"):
        Linear(400, 3)(normal(2, 16, 5, 5))
    with pytest.raises(TypeError, match="float32"):
        Linear(4, 3)(np.ones((2, 4)))


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Conv2d(1, 6, 5, padding=2), "Conv2d(1, 6, kernel_size=(5, 5), padding=(2, 2))"),
        (
            Conv2d(4, 6, 3, 2, "same", (1, 2), 2, False),
            "Conv2d(4, 6, kernel_size=(3, 3), stride=(2, 2), padding='same', dilation=(1, 2), "
            "groups=2, bias=False)",
        ),
        (Linear(4, 3, bias=False), "Linear(4, 3, bias=False)"),
        (Dropout(0.5), "Dropout(0.5)"),
    ],
)
def test_repr_is_the_call_that_makes_it(layer: Module, text: str) -> None:
    assert repr(layer) == text


@pytest.mark.parametrize(
    ("channels", "shape", "hint"),
    [(1, (5, 8, 8), "channel axis"), (3, (5, 8, 8), "batch axis"), (1, (8, 8), r"\(8, 8\)$")],
)
def test_images_without_an_axis_say_which_one(
    channels: int, shape: tuple[int, ...], hint: str
) -> None:
    layer = Conv2d(channels, 2, 3, rng=0)
    with pytest.raises(ValueError, match=hint):
        layer.forward(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((2, 3, 1), r"expects \(N, 3\), input was \(2, 3, 1\): is a Flatten missing\?"),
        ((2, 5, 4), r"expects \(N, 3\), input was \(2, 5, 4\)$"),
        ((), r"expects \(N, 3\), input was \(\)"),
        ((4,), r"expects \(N, 3\), input was \(4,\)"),
        ((2, 4), r"expects 3 features, got 4 \(input was \(2, 4\)\)"),
    ],
)
def test_linear_says_the_truth_about_inputs_of_any_shape(shape: tuple[int, ...], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Linear(3, 4, rng=0)(np.zeros(shape, np.float32))
