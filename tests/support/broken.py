"""Trainings that go wrong, and the warnings of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from support.small_training import blobs

NAN, INF = float("nan"), float("inf")


def told(call: Callable[[], Any]) -> list[str]:
    """Return the texts of the warnings of a call."""
    with pytest.warns(RuntimeWarning) as caught:
        call()
    assert {warning.filename for warning in caught} == {call.__code__.co_filename}
    return [str(warning.message) for warning in caught]


def spoilt(batch: int, value: float = NAN, label: int | None = None) -> list[Any]:
    """Return five batches, one of which holds a value that is not a number."""
    batches = [(data.x, data.y) for data in map(lambda i: blobs(8, seed=i), range(5))]
    batches[batch - 1][0][3, 0, 1, 2] = value
    if label is not None:
        for _, y in batches:
            y[:] = label
    return batches


class OwnLoss:
    """A user's loss, the mean of squares."""

    def __call__(self, output: np.ndarray, target: np.ndarray) -> float:
        self.error = output - target
        return float(np.mean(self.error**2))

    def backward(self) -> np.ndarray:
        gradient: np.ndarray = 2 * self.error / np.float32(self.error.size)
        return gradient
