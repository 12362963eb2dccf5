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

from pycnn.inference.buffers import Images, Lifetime
from pycnn.inference.steps import Step

# Calls that look at one image at a time.
_CALLS = frozenset(
    (
        *("to_pixels", "convolution", "pooling", "area_means", "sum", "activation"),
        *("channel_copy", "channel_affine", "channel_product"),
    )
)

# Floats of a step's results that a cache of 1 MiB holds for all images: nothing is gained there.
_CACHED = 1 << 18
# Tiles of an image that go alone through Winograd: three quarters of kWinogradTaskTiles.
_TILES = 32


def stretches(steps: Sequence[Step], batch: int) -> list[range]:
    """Return the steps that go image by image in runs of at most `batch` images."""
    if batch == 1:
        return []
    found = []
    for taken, numbers in groupby(range(len(steps)), key=lambda number: _goes(steps[number])):
        row = list(numbers)
        largest = max(steps[number].writes.floats for number in row)
        worth = batch * largest > _CACHED and any(steps[number].work for number in row)
        if taken and worth and len(row) > 1:
            found.append(range(row[0], row[-1] + 1))
    return found


def _goes(step: Step) -> bool:
    """Whether a step reads no more for images one by one: its filters are then read for each.

    Winograd's tasks, of 42 tiles, read all filters anyway; for others, images are to be larger.
    """
    if step.call not in _CALLS:
        return False
    arrays = [one for one in step.arguments if isinstance(one, np.ndarray)]
    y = step.writes
    if step.arguments[0] == "winograd" and isinstance(y, Images):
        tile: int = 7 - arrays[0].shape[2]
        return -(-y.height // tile) * -(-y.width // tile) >= _TILES
    images = sum(buffer.floats for buffer in (*step.reads, step.writes))
    return sum(one.size for one in arrays) <= images


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
