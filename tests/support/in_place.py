"""Ops that write gradients into a given place: the same bits there, and nothing outside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# One float more than a multiple of every vector: what lies behind is aligned to floats alone.
MARGIN = 65


def poisoned(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return an array full of NaN, and the memory around it."""
    size = int(np.prod(shape))
    memory = np.full(size + 2 * MARGIN, np.nan, np.float32)
    return memory[MARGIN : MARGIN + size].reshape(shape), memory


def assert_in_place(op: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """Check that the last two results are written to `out` with the bits of new arrays."""
    fresh = op(*arguments, **options)
    places, memories = zip(*(poisoned(array.shape) for array in fresh[-2:]), strict=True)
    result = op(*arguments, **options, out=places)
    assert len(result) == len(fresh)
    for place, memory, found, expected in zip(
        places, memories, result[-2:], fresh[-2:], strict=True
    ):
        assert found is place
        assert place.tobytes() == expected.tobytes()
        around = np.concatenate([memory[:MARGIN], memory[-MARGIN:]])
        assert around.tobytes() == np.full(2 * MARGIN, np.nan, np.float32).tobytes()
