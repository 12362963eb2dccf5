"""Layers of activations and of local response normalisation: their ops, gradients, arguments."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from support.gradients import assert_gradients, reference_ops

from pycnn import ops
from pycnn.layers import (
    ELU,
    GELU,
    Flatten,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    Linear,
    LocalResponseNorm,
    Mish,
    Module,
    ReLU6,
    ScaledTanh,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    evaluation_mode,
)

Make = Callable[[], Module]
IMAGES, ROWS = (2, 7, 3, 4), (5, 6)

LAYERS: dict[str, tuple[Make, tuple[int, ...]]] = {
    "LeakyReLU()": (LeakyReLU, IMAGES),
    "LeakyReLU(0.3)": (lambda: LeakyReLU(0.3), IMAGES),
    "Tanh": (Tanh, IMAGES),
    "ScaledTanh()": (ScaledTanh, IMAGES),
    "ScaledTanh(-2, 0.5)": (lambda: ScaledTanh(-2, 0.5), IMAGES),
    "Sigmoid": (Sigmoid, IMAGES),
    "GELU": (GELU, IMAGES),
    "GELU tanh": (lambda: GELU("tanh"), IMAGES),
    "SiLU": (SiLU, IMAGES),
    "ELU": (lambda: ELU(0.7), IMAGES),
    "Hardswish": (Hardswish, IMAGES),
    "Hardsigmoid": (Hardsigmoid, IMAGES),
    "Softplus": (lambda: Softplus(2, 3), IMAGES),
    "Mish": (Mish, IMAGES),
    "Hardtanh": (lambda: Hardtanh(-0.5, 0.25), IMAGES),
    "ReLU6": (ReLU6, IMAGES),
    "Softmax": (Softmax, ROWS),
    "LRN": (lambda: LocalResponseNorm(5), IMAGES),
    "LRN 4": (lambda: LocalResponseNorm(4, 0.3, 0.6, 1.5), IMAGES),
    "LRN paper": (lambda: LocalResponseNorm(3, alpha=0.5, k=2, form="paper"), IMAGES),
}
EACH = pytest.mark.parametrize(("make", "shape"), LAYERS.values(), ids=LAYERS)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


@EACH
def test_gradients_are_the_slopes(make: Make, shape: tuple[int, ...]) -> None:
    assert_gradients(make(), normal(*shape).astype(np.float64))


@EACH
def test_the_compiled_ops_agree_with_the_reference(make: Make, shape: tuple[int, ...]) -> None:
    """Every argument reaches both ops: a wrong or missing one would show."""
    layer, x, dy = make(), normal(*shape), normal(*shape, seed=1)
    y = layer(x)
    dx = layer.backward(dy)
    assert y.dtype == dx.dtype == np.float32
    assert y.shape == dx.shape == shape
    with reference_ops():
        np.testing.assert_allclose(y, layer(x.astype(np.float64)), atol=1e-6)
        np.testing.assert_allclose(dx, layer.backward(dy.astype(np.float64)), atol=1e-5)


@EACH
def test_backward_needs_a_forward_of_its_own(make: Make, shape: tuple[int, ...]) -> None:
    layer, x = make(), normal(*shape)
    with pytest.raises(RuntimeError, match="needs a forward pass before it"):
        layer.backward(x)
    layer(x)
    layer.backward(x)
    with pytest.raises(RuntimeError, match="allows one backward"):
        layer.backward(x)
    with evaluation_mode(layer):
        layer(x)
    with pytest.raises(RuntimeError, match="evaluation_mode allow none"):
        layer.backward(x)
    layer.eval()(x)
    layer.backward(x)


@EACH
def test_a_layer_has_no_parameters_and_takes_an_empty_batch(
    make: Make, shape: tuple[int, ...]
) -> None:
    layer, nothing = make(), normal(0, *shape[1:])
    assert not layer.state_dict()
    assert layer(nothing).shape == nothing.shape
    assert layer.backward(nothing).shape == nothing.shape


def test_the_layers_pass_their_arguments() -> None:
    x, images = normal(3, 4), normal(*IMAGES)
    np.testing.assert_array_equal(LeakyReLU(0.3)(x), ops.leaky_relu(x, 0.3))
    np.testing.assert_array_equal(ScaledTanh()(x), ops.tanh(x, amplitude=1.7159, slope=2 / 3))
    np.testing.assert_array_equal(GELU("tanh")(x), ops.gelu(x, "tanh"))
    np.testing.assert_array_equal(ELU(0.3)(x), ops.activation(x, "elu", 0.3))
    np.testing.assert_array_equal(Softplus(2, 1)(x), ops.activation(x, "softplus", 2, 1))
    np.testing.assert_array_equal(ReLU6()(x), np.clip(x, 0, 6))
    np.testing.assert_array_equal(Hardtanh()(x), np.clip(x, -1, 1))
    layer = LocalResponseNorm(3, 0.5, 0.6, 2.0, "paper")
    expected, _ = ops.local_response_norm(images, 3, alpha=0.5, beta=0.6, k=2.0, form="paper")
    np.testing.assert_array_equal(layer(images), expected)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (LeakyReLU(), "LeakyReLU(0.01)"),
        (Tanh(), "Tanh()"),
        (ScaledTanh(2, 0.5), "ScaledTanh(amplitude=2.0, slope=0.5)"),
        (GELU(), "GELU()"),
        (GELU("tanh"), "GELU(approximate='tanh')"),
        (SiLU(), "SiLU()"),
        (Mish(True), "Mish(inplace=True)"),
        (ELU(), "ELU(alpha=1.0)"),
        (ELU(0.5, True), "ELU(alpha=0.5, inplace=True)"),
        (Softplus(), "Softplus(beta=1.0, threshold=20.0)"),
        (Hardtanh(0, 2, True), "Hardtanh(min_val=0.0, max_val=2.0, inplace=True)"),
        (ReLU6(), "ReLU6()"),
        (Softmax(), "Softmax()"),
        (LocalResponseNorm(5), "LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=1.0)"),
        (
            LocalResponseNorm(5, k=2, form="paper"),
            "LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=2.0, form='paper')",
        ),
    ],
)
def test_repr_is_the_call_that_makes_it(layer: Module, text: str) -> None:
    assert repr(layer) == text


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: LeakyReLU("0.1"), TypeError, r"\[LeakyReLU\] negative_slope must be a number"),  # type: ignore[arg-type]
        (lambda: LeakyReLU(np.inf), ValueError, r"\[LeakyReLU\] negative_slope must be finite"),
        (lambda: ScaledTanh(0), ValueError, r"\[ScaledTanh\] amplitude must not be zero"),
        (lambda: ScaledTanh(slope=np.nan), ValueError, r"\[ScaledTanh\] slope must be finite"),
        (
            lambda: GELU("erf"),
            ValueError,
            r"\[GELU\] approximate must be one of none, tanh",
        ),
        (lambda: ELU(np.inf), ValueError, r"\[ELU\] alpha must be finite"),
        (lambda: SiLU(1), TypeError, r"\[SiLU\] inplace must be True or False"),  # type: ignore[arg-type]
        (lambda: Softplus(0), ValueError, r"\[Softplus\] beta must be above 0"),
        (lambda: Softplus(1e39), ValueError, r"\[Softplus\] beta must be a finite float32"),
        (lambda: Hardtanh(1, 1), ValueError, r"\[Hardtanh\] min_val must be below max_val, got 1"),
        (lambda: LocalResponseNorm(0), ValueError, "size must be at least 1, got 0"),
        (lambda: LocalResponseNorm(5.0), TypeError, "size must be an int, got float"),  # type: ignore[arg-type]
        (lambda: LocalResponseNorm(5, -1), ValueError, "alpha must be at least 0"),
        (lambda: LocalResponseNorm(5, beta=-1), ValueError, "beta must be at least 0"),
        (lambda: LocalResponseNorm(5, k=0), ValueError, "k must be above 0"),
        (
            lambda: LocalResponseNorm(5, form="caffe"),
            ValueError,
            r"form must be one of mean, paper",
        ),
        (lambda: LocalResponseNorm(4, form="paper"), ValueError, "needs an odd size, got 4"),
    ],
)
def test_wrong_arguments_are_named(make: Make, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


def test_wrong_inputs_name_the_layer() -> None:
    with pytest.raises(ValueError, match=r"\[0\] Softmax: expects \(N, C\).* \(2, 7, 3, 4\)"):
        Sequential(Softmax())(normal(*IMAGES))
    with pytest.raises(ValueError, match=r"\[1\] LocalResponseNorm: .*4 dimensions.*\(2, 84\)"):
        Sequential(Flatten(), LocalResponseNorm(5))(normal(*IMAGES))
    with pytest.raises(TypeError, match="float32"):
        Sequential(Linear(4, 3), Tanh())(np.zeros((2, 4)))
