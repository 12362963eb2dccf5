"""Rows of a table looked up by number, and the gradient of the table."""

from __future__ import annotations

import numpy as np

from pycnn.reference.geometry import Array

__all__ = ["embedding", "embedding_backward"]


def embedding(weight: Array, index: Array) -> Array:
    """``y[..., d] = weight[index[...], d]``.

    Parameters, results and errors are those of `pycnn.ops.embedding`.
    """
    if ((index < 0) | (index >= len(weight))).any():
        raise ValueError(f"[embedding] an index is outside 0 .. {len(weight) - 1}")
    return np.asarray(weight[index])


def embedding_backward(
    dy: Array, index: Array, padding_idx: int | None = None
) -> tuple[Array, Array]:
    """Gradient of the rows that were used: the sum of `dy` over the places of each.

    Parameters, results and errors are those of `pycnn.ops.embedding_backward`.
    """
    kept = np.ones(index.shape, bool) if padding_idx is None else index != padding_idx
    rows, place = np.unique(index[kept], return_inverse=True)
    values = np.zeros((len(rows), dy.shape[-1]), dy.dtype)
    np.add.at(values, place.reshape(-1), dy[kept])
    return rows, values
