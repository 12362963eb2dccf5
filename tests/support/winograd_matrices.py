"""Absolute values of the matrices of Winograd's tiles, as csrc/cpu/isa/winograd*.hpp has them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pycnn.reference.geometry import Array

# B^T; G's rows but for their powers; and the points, infinity last.
NEAR, FAR = 2 / 3, 3 / 2
BOTH = NEAR**2 + FAR**2
INPUT = np.array(
    [
        [1, 0, BOTH, 0, 1, 0],
        [0, NEAR * FAR**2, FAR**2, NEAR, 1, 0],
        [0, NEAR * FAR**2, FAR**2, NEAR, 1, 0],
        [0, FAR * NEAR**2, NEAR**2, FAR, 1, 0],
        [0, FAR * NEAR**2, NEAR**2, FAR, 1, 0],
        [0, 1, 0, BOTH, 0, 1],
    ]
)
SCALES = np.array([1, 81 / 130, 81 / 130, 8 / 65, 8 / 65, 1])
POINTS = np.array([0, NEAR, NEAR, FAR, FAR])
WINDOW = len(INPUT)  # inputs of a tile along an axis


def _powers(points: Array, count: int) -> Array:
    """Return powers 0 to count - 1 of each point; for infinity only the last one."""
    return np.vstack([points[:, np.newaxis] ** np.arange(count), np.arange(count) == count - 1])


def filter_matrix(taps: int) -> Array:
    """Return G for filters of 3 to 5 taps and a stride of 1."""
    return SCALES[:, np.newaxis] * _powers(POINTS, taps)


def output_matrix(taps: int) -> Array:
    """Return A^T for filters of 3 to 5 taps and a stride of 1."""
    return np.asarray(_powers(POINTS, WINDOW + 1 - taps).T)


class Transforms(NamedTuple):
    """A tile along one axis is ``output ((filter w) * (input x))``; the next is `step` inputs on.

    Each channel has `terms` products in a sum of the transformed tiles of a plane.
    """

    input: Array
    filter: Array
    output: Array
    step: int
    terms: int


# With a stride of 2 even inputs meet the outer taps, odd ones the middle tap (no infinity).
INNER, OUTER = 1 / 2, 3 / 2
HALF_POINTS = np.array([INNER, INNER, OUTER, OUTER])
HALF_SCALES = np.array([1 / 2, 1 / 2, 1 / 6, 1 / 6, 1])
HALF_INPUT = np.array(
    [
        [INNER * OUTER**2, OUTER**2, INNER, 1, 0],
        [INNER * OUTER**2, OUTER**2, INNER, 1, 0],
        [OUTER * INNER**2, INNER**2, OUTER, 1, 0],
        [OUTER * INNER**2, INNER**2, OUTER, 1, 0],
        [(INNER * OUTER) ** 2, 0, INNER**2 + OUTER**2, 0, 1],
    ]
)
HALF_OUTPUT = _powers(HALF_POINTS, 4).T


def _half_filter() -> Array:
    matrix = np.zeros((9, 3))
    matrix[:5, ::2] = HALF_SCALES[:, np.newaxis] * _powers(HALF_POINTS, 2)
    matrix[5:, 1] = HALF_SCALES[:4]
    return matrix


def forward(taps: int, stride: int) -> Transforms:
    """Return the matrices of a forward pass, whose transposes make the weights' gradient."""
    if stride == 1:
        return Transforms(INPUT, filter_matrix(taps), output_matrix(taps), WINDOW + 1 - taps, 1)
    inputs = np.zeros((9, 9))
    inputs[:5, ::2], inputs[5:, 1::2] = HALF_INPUT, HALF_INPUT[:4, :4]
    return Transforms(
        inputs, _half_filter(), np.hstack([HALF_OUTPUT, HALF_OUTPUT[:, :4]]), step=8, terms=4
    )


def backward_input(taps: int, stride: int) -> Transforms:
    """Return the matrices of dx, of which a tile with a stride of 2 begins with a middle tap."""
    if stride == 1:
        return forward(taps, stride)
    outputs = np.zeros((8, 9))
    outputs[1::2, :5], outputs[::2, 5:] = HALF_OUTPUT, HALF_OUTPUT[:, :4]
    return Transforms(
        np.vstack([HALF_INPUT, HALF_INPUT[:4]]), _half_filter(), outputs, step=4, terms=1
    )
