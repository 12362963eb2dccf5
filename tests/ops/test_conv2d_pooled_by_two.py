"""Gradients of convolution, ReLU and 2 x 2 pooling in one op: the bits of the three at edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.annotations import wrong
from support.convolution import forced
from support.strategies import Values

from pycnn import _core, ops


@pytest.mark.parametrize(
    ("shape", "taps", "padding"),
    [
        ((33, 1, 28, 28), (5, 5), 2),  # dx in two blocks of filters, an image alone
        ((32, 7, 9, 12), (2, 7), (1, 1, 3, 2)),  # two tiles of channels and of columns
        ((64, 1, 30, 29), (2, 2), 0),  # 29 x 28 outputs are two runs, cut within a window
        ((32, 1, 32, 32), (3, 3), 1),  # 1024 outputs are one block of a sum
        ((32, 1, 33, 32), (3, 3), 1),  # 1056 are more
        ((32, 30, 6, 7), (3, 4), (2, 0, 3, 1)),  # pairs begin in the padding
        ((32, 2, 3, 3), (2, 2), 0),  # one window
        ((32, 1, 4, 2), (3, 1), 1),
    ],
)
def test_gradients_of_windows_of_four(
    backend: str, shape: tuple[int, ...], taps: tuple[int, int], padding: Any
) -> None:
    """Any numbers in dy, where runs, tiles and pairs of the kernels end."""
    on_cpu = backend in _core.isa_available()
    if not on_cpu:
        shape = (2, *shape[1:])
    x, w = Values("normal", 8).arrays(shape, (17, shape[1], *taps))
    with forced("batch_lanes" if on_cpu else ""):
        y, winners = ops.conv2d_relu_max_pool2d(x, w, window=2, padding=padding)
        (dy,) = Values("normal", 9).arrays(y.shape)
        result = ops.conv2d_relu_max_pool2d_backward(dy, winners, x, w, window=2, padding=padding)
        rectified = ops.relu(ops.conv2d(x, w, padding=padding))
        _, indices = ops.max_pool2d(rectified, 2)
        spread = ops.max_pool2d_backward(dy, indices, rectified.shape)
        spread = ops.relu_backward(spread, rectified)
        dx = ops.conv2d_backward_input(spread, w, x.shape, padding=padding)
        expected = [dx, *ops.conv2d_backward_weight(spread, x, w.shape, padding=padding)]
    for one, other in zip(wrong(result), expected, strict=True):
        np.testing.assert_array_equal(one, other)
