"""What a forward pass saves for backward: the protocol for layers of one's own."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from support.threads import in_thread

import pycnn as nn
from pycnn.layers import Module, Sequential, evaluation_mode
from pycnn.layers.parameter import Array


class Power(Module):
    """y = x^n: saves an array and a number."""

    def __init__(self, n: int) -> None:
        self.n = n

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x, self.n)
        return x**self.n

    def backward(self, dy: Array) -> Array:
        x, n = self.saved()
        dx: Array = dy * n * x ** (n - 1)
        return dx


class Twice(Module):
    """y = 2 x: saves nothing but that there was a forward pass."""

    def forward(self, x: Array) -> Array:
        self.save_for_backward()
        return 2 * x

    def backward(self, dy: Array) -> Array:
        assert self.saved() == ()
        return 2 * dy


class Old(Module):
    """A layer as it was written for version 0.1, whose attributes may have any name."""

    def __init__(self, kept: Any) -> None:
        self.kept = kept
        self.saved: Any = False

    def forward(self, x: Array) -> Array:
        self._save(self.kept)
        return x

    def backward(self, dy: Array) -> Array:
        kept = self._saved()
        assert kept is self.kept or kept == self.kept
        return dy


X = np.array([[1, 2, 3]], np.float32)


def test_a_layer_gets_back_what_it_saved_and_only_once() -> None:
    layer = Power(3)
    with pytest.raises(RuntimeError, match="backward needs a forward pass before it"):
        layer.backward(X)
    layer(2 * X)
    layer(X)
    np.testing.assert_array_equal(layer.backward(X), 3 * X**3)
    with pytest.raises(RuntimeError, match="each forward pass allows one backward"):
        layer.backward(X)


@pytest.mark.parametrize("make", [lambda: Power(3), Twice, lambda: Old(X)])
def test_the_position_is_named_where_backward_comes_first(make: Any) -> None:
    model = Sequential(nn.ReLU(), make())
    with pytest.raises(RuntimeError, match=r"^Sequential\[1\] \w+: backward needs a forward pass"):
        model.backward(X)
    model.backward(model(X))
    with evaluation_mode(model):
        y = model(X)
    with pytest.raises(RuntimeError, match=r"^Sequential\[1\] \w+: backward needs a forward pass"):
        model.backward(y)


def test_threads_do_not_see_what_others_have_saved() -> None:
    layer = Power(2)
    layer(X)
    with pytest.raises(RuntimeError, match="in the same thread"):
        in_thread(lambda: layer.backward(X))
    in_thread(lambda: layer(5 * X))
    np.testing.assert_array_equal(layer.backward(X), 2 * X**2)


def test_evaluating_between_the_passes_leaves_what_was_saved() -> None:
    model = Sequential(Power(2), nn.Linear(3, 2, rng=0), nn.ReLU())
    y = model(X)
    nn.predict(model, 7 * X)
    dx = model.backward(y)
    model(X)
    np.testing.assert_array_equal(model.backward(y), dx)


def test_memory_is_free_after_backward_and_when_it_is_forgotten() -> None:
    layer = Power(2)

    def left() -> weakref.ref[Array]:
        x = X.copy()
        layer(x)
        return weakref.ref(x)

    for end in (lambda: layer.backward(X), layer.forget, lambda: layer(X)):
        kept = left()
        gc.collect()
        assert kept() is not None
        end()
        gc.collect()
        assert kept() is None


@pytest.mark.parametrize("kept", [X, (1, 2), (1,), (), [None], ((1, 2),)], ids=str)
def test_layers_of_version_0_1_go_on_working(kept: Any) -> None:
    model = Sequential(Old(kept))
    model(X)
    assert model.backward(X) is X
    with pytest.raises(RuntimeError, match=r"^Sequential\[0\] Old: backward needs a forward pass"):
        model.backward(X)
    old: Any = Old(None)
    old(X)
    with pytest.raises(RuntimeError, match="backward needs a forward pass"):
        old.backward(X)


def test_a_pass_of_version_0_1_fits_one_of_ours() -> None:
    class Forward(nn.MaxPool2d):
        def forward(self, x: Array) -> Array:
            y, indices = nn.ops.max_pool2d(x, self.kernel_size)  # type: ignore[arg-type]
            self._save((indices, x.shape))
            return y

    class Backward(nn.MaxPool2d):
        def backward(self, dy: Array) -> Array:
            indices, shape = self._saved()
            return nn.ops.max_pool2d_backward(dy, indices, shape)

    x = np.random.default_rng(0).standard_normal((1, 2, 4, 4)).astype(np.float32)
    plain = nn.MaxPool2d(2)
    dx = plain.backward(plain(x))
    for layer in (Forward(2), Backward(2)):
        np.testing.assert_array_equal(layer.backward(layer(x)), dx)
