"""Stretches of a plan that go image by image: what passes between their steps stays in a cache.

A step of a whole batch writes images that no cache holds, and the next one reads them from memory.
16 images of 48 x 48 pixels and 96 channels are 14 MB, written in longer than they are computed.
Where activations are larger than filters, a thread therefore takes one image through several steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from pycnn.inference.buffers import Lifetime
from pycnn.inference.steps import Step

# Calls that neither allocate memory nor look at more than one image.
_CALLS = frozenset(
    (
        *("to_pixels", "convolution", "pooling", "area_means", "sum", "activation"),
        *("channel_copy", "channel_affine", "channel_product"),
    )
)


def stretches(steps: Sequence[Step], batch: int) -> list[range]:
    """Return the steps that go image by image in runs of at most `batch` images."""
    if batch == 1:
        return []
    found = []
    for taken, numbers in groupby(range(len(steps)), key=lambda number: _goes(steps[number])):
        row = list(numbers)
        if taken and len(row) > 1 and any(steps[number].work for number in row):
            found.append(range(row[0], row[-1] + 1))
    return found


def _goes(step: Step) -> bool:
    """Whether the images that a step reads and writes are larger than its filters.

    For each image all filters are read again. Winograd's work areas are allocated by each call.
    """
    if step.call not in _CALLS or step.arguments[0] == "winograd":
        return False
    filters = sum(one.size for one in step.arguments if isinstance(one, np.ndarray))
    return filters <= sum(buffer.floats for buffer in (*step.reads, step.writes))


def shared_out(
    lifetimes: Sequence[Lifetime], rows: Sequence[range]
) -> tuple[list[Lifetime], list[Lifetime]]:
    """Return the lifetimes of buffers that are kept for all images, and of those that pass.

    A buffer passes if it lives within a stretch. One that is kept is needed for a whole stretch if
    it is for a part: another image may be at any of its steps.
    """
    kept, passing = [], []
    for one in lifetimes:
        if any(one.first in row and one.last in row for row in rows):
            one.buffer.passes = True
            passing.append(one)
            continue
        for row in rows:
            if one.first < row.stop and row.start <= one.last:
                one = replace(
                    one, first=min(one.first, row.start), last=max(one.last, row.stop - 1)
                )
        kept.append(one)
    return kept, passing


def described(rows: Sequence[range]) -> str:
    """Return which steps go image by image, counted from 1, in words behind their number."""
    parts = [f"{row.start + 1} to {row.stop}" for row in rows]
    return f" ({', '.join(parts)} image by image)" if parts else ""
