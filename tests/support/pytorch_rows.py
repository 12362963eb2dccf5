"""Numbers for a layer of PyTorch and the same layer here: a row of a table, and what it gives.

A row is (expression, shape of the input, mode, output shape, y, dx, gradients): the last three are
sums of the output, of the gradient of the input and of those of the parameters, each weighted with
`wave`, as PyTorch gave them in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Shape = tuple[int, ...]
Row = tuple[str, Shape, str, Shape, float, float, float]


def wave(shape: Shape, phase: float) -> np.ndarray:
    """Return numbers between -1 and 1 without a pattern, float32 and the same everywhere."""
    count = int(np.prod(shape))
    steps = np.arange(1, count + 1) ** 1.5
    numbers: np.ndarray = np.sin(steps + phase).astype(np.float32).reshape(shape)
    return numbers


def fill(name: str, shape: Shape) -> np.ndarray:
    """Return the value of a parameter or buffer: a variance is positive."""
    values = wave(shape, len(name))
    return np.abs(values) + np.float32(0.5) if "var" in name else values


def weighted(array: Any, phase: float) -> float:
    """Return the sum of an array, each number with a weight of its own."""
    return float(np.vdot(wave(array.shape, phase).astype(np.float64), array.astype(np.float64)))
