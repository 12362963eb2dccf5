"""One convolution and its gradients, held to the bounds of the float64 reference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

import pycnn
from pycnn import _core, ops
from support import tolerance
from support.annotations import Shape
from support.in_place import assert_in_place
from support.oracle import oracle
from support.strategies import Values
from support.tolerance import assert_within, float64


def is_exact(
    kind: str,
    direction: str,
    x_shape: Shape,
    w_shape: Shape,
    geometry: dict[str, Any],
) -> bool:
    """Return whether results must be right to the last bit, as sums of products of integers."""
    return kind == "integer" and not tolerance.winograd(direction, x_shape, w_shape, **geometry)


def assert_convolution(x_shape: Shape, w_shape: Shape, geometry: dict[str, Any], kind: str) -> None:
    """Check that forward and both gradients are within their bounds, or exact for integers.

    Those of the weights have the same bits where they are written into arrays that are there.
    """
    x, w, b = Values(kind, 1).arrays(x_shape, w_shape, w_shape[:1])
    y = ops.conv2d(x, w, b, **geometry)
    (dy,) = Values(kind, 2).arrays(y.shape)
    x64, w64, b64, dy64 = float64(x, w, b, dy)
    checks = {
        "forward": [
            (
                y,
                oracle.conv2d(x64, w64, b64, **geometry),
                tolerance.conv2d(x64, w64, b64, **geometry),
            )
        ],
        "backward_input": [
            (
                ops.conv2d_backward_input(dy, w, x_shape, **geometry),
                oracle.conv2d_backward_input(dy64, w64, x_shape, **geometry),
                tolerance.conv2d_input(dy64, w64, x_shape, **geometry),
            )
        ],
        "backward_weight": zip(
            ops.conv2d_backward_weight(dy, x, w_shape, **geometry),
            oracle.conv2d_backward_weight(dy64, x64, w_shape, **geometry),
            tolerance.conv2d_weight(dy64, x64, w_shape, **geometry),
            strict=True,
        ),
    }
    for direction, results in checks.items():
        exactly = is_exact(kind, direction, x_shape, w_shape, geometry)
        for actual, exact, bound in results:
            assert_within(actual, exact, 0.0 if exactly else bound)
    assert_in_place(ops.conv2d_backward_weight, dy, x, w_shape, **geometry)


@contextmanager
def forced(algorithm: str) -> Iterator[None]:
    """Use this algorithm for every convolution it supports; "" leaves the choice free."""
    before = _core.forced_conv_algorithm()
    _core.force_conv_algorithm(algorithm)
    try:
        yield
    finally:
        _core.force_conv_algorithm(before)


def assert_same_bits(x_shape: Shape, w_shape: Shape, **geometry: Any) -> None:
    """Check for the same results with 1, 2 and 7 threads; use with `restore_threads`."""
    x, w, b = Values("normal", 1).arrays(x_shape, w_shape, w_shape[:1])
    results = []
    for threads in (1, 2, 7):
        pycnn.set_num_threads(threads)
        y = ops.conv2d(x, w, b, **geometry)
        dx = ops.conv2d_backward_input(y, w, x_shape, **geometry)
        results.append([y, dx, *ops.conv2d_backward_weight(y, x, w_shape, **geometry)])
    for other in results[1:]:
        for first, second in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(first, second)
