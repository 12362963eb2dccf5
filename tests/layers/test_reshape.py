"""Flatten, Unsqueeze, Reshape: views of the same numbers; refusals of theirs and of Dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pycnn.layers import Dropout, Flatten, Reshape, Sequential, Unsqueeze


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def test_flatten_gives_views_both_ways() -> None:
    layer, x = Flatten(), normal(2, 3, 4, 5)
    y = layer(x)
    assert y.shape == (2, 60)
    assert np.shares_memory(x, y)
    dx = layer.backward(y)
    assert dx.shape == x.shape
    assert np.shares_memory(dx, y)
    assert Flatten()(normal(0, 3, 4, 5)).shape == (0, 60)
    with pytest.raises(ValueError, match="at least 2 dimensions"):
        layer(normal(3))


def test_reshaping_gives_views() -> None:
    x = normal(2, 12)
    for layer, shape in (
        (Unsqueeze(1), (2, 1, 12)), (Unsqueeze(2), (2, 12, 1)), (Reshape(3, 2, 2), (2, 3, 2, 2)),
        (Reshape(-1, 4), (2, 3, 4)), (Reshape(12), (2, 12)),
    ):  # fmt: skip
        y = layer(x)
        assert y.shape == shape
        assert np.shares_memory(x, y)
        assert layer.backward(y).shape == x.shape
    assert Reshape(-1, 4)(normal(0, 12)).shape == (0, 3, 4)
    layer(x)
    with pytest.raises(ValueError, match=r"^\[Reshape\] dy must be C-contiguous"):
        layer.backward(normal(12, 2).T)
    assert repr(Sequential(Unsqueeze(1), Reshape(3, -1))) == (
        "Sequential(\n  (0): Unsqueeze(1)\n  (1): Reshape(3, -1)\n)"
    )


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Unsqueeze(0), ValueError, r"^\[Unsqueeze\] axis must be at least 1"),
        (lambda: Reshape(), ValueError, "needs the shape of a sample"),
        (lambda: Reshape(-1, -1), ValueError, "only one size can be -1"),
        (lambda: Reshape(3, 0), ValueError, r"^\[Reshape\] shape must be at least 1"),
        (lambda: Reshape(5)(normal(2, 12)), ValueError, r"shape \(5,\) \(input was \(2, 12\)\)"),
        (lambda: Reshape(5, -1)(normal(2, 12)), ValueError, "cannot give a sample the shape"),
        (lambda: Reshape(1)(np.array(1.0)), ValueError, r"\(input was \(\)\)"),
        (lambda: Reshape(4)([1, 2]), TypeError, r"^\[Reshape\] x must be .*, got list$"),
        (lambda: Flatten()(np.array([[None]])), TypeError, "x must be .*, got object$"),
        (lambda: Flatten()(normal(2, 12)[:, ::2]), ValueError, r"^\[Flatten\] x must be C-"),
        (lambda: Unsqueeze(1)(normal(2, 3).T), ValueError, r"C-contiguous \(x: \(3, 2\)\)$"),
        (lambda: Dropout()([1, 2]), TypeError, r"^\[Dropout\] x must be an array, got list$"),
        (lambda: Dropout().eval()(np.ones(2, np.int64)), TypeError, "a float array, got int64"),
        (lambda: Unsqueeze(3)(normal(2, 12)), ValueError, "at least 3 dimensions"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(
    make: Callable[[], Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        make()
