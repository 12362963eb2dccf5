"""Functions on several tensors: grids, stacks, products, distances."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn.autograd import products, reducing, shaping
from pycnn.autograd.structure import on_arrays_too

__all__ = [
    "broadcast_tensors",
    "cartesian_prod",
    "cdist",
    "column_stack",
    "dstack",
    "hstack",
    "meshgrid",
    "tensordot",
    "vstack",
]


def _several(tensors: tuple[Any, ...]) -> list[Any]:
    """Return tensors given one by one or as one sequence."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        return list(tensors[0])
    return list(tensors)


@on_arrays_too
def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """Repeat tensors to the shape that arithmetic on them has."""
    listed = _several(tensors)
    shape = np.broadcast_shapes(*[x.shape for x in listed])
    return tuple(shaping.expand(x, shape) for x in listed)


@on_arrays_too
def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Any, ...]:
    """Return a grid of coordinates of each vector, one axis for each.

    Parameters
    ----------
    *tensors : vectors, or one sequence of them
    indexing : {'ij', 'xy'}
        Whether the first two axes are those of the first two vectors, or exchanged.
    """
    if indexing not in ("ij", "xy"):
        raise ValueError(f"[meshgrid] indexing must be 'ij' or 'xy', got {indexing!r}")
    listed = _several(tensors)
    sizes = [x.numel() for x in listed]
    swaps = indexing == "xy" and len(listed) > 1
    grids = []
    for i, x in enumerate(listed):
        shape = [1] * len(listed)
        shape[i] = sizes[i]
        grid = shaping.expand(shaping.reshape(x, shape), sizes)
        grids.append(shaping.transpose(grid, 0, 1) if swaps else grid)
    return tuple(grids)


@on_arrays_too
def cartesian_prod(*tensors: Any) -> Any:
    """Return every choice of a number from each vector, a row for each."""
    listed = _several(tensors)
    if len(listed) == 1:
        return listed[0]
    grids = meshgrid(*listed)
    return shaping.stack([shaping.reshape(grid, -1) for grid in grids], 1)


@on_arrays_too
def hstack(tensors: Any) -> Any:
    """Join along axis 1, or vectors along their only axis."""
    listed = [x.reshape(1) if not x.shape else x for x in tensors]
    return shaping.cat(listed, 0 if listed and listed[0].ndim == 1 else 1)


@on_arrays_too
def vstack(tensors: Any) -> Any:
    """Join along axis 0; a vector is a row."""
    return shaping.cat([x.reshape(1, -1) if x.ndim < 2 else x for x in tensors])


@on_arrays_too
def dstack(tensors: Any) -> Any:
    """Join along axis 2; a matrix gets it as a third one."""
    rows = [x.reshape(1, -1) if x.ndim < 2 else x for x in tensors]
    return shaping.cat([x.unsqueeze(2) if x.ndim < 3 else x for x in rows], 2)


@on_arrays_too
def column_stack(tensors: Any) -> Any:
    """Join along axis 1; a vector is a column."""
    return shaping.cat([x.reshape(-1, 1) if x.ndim < 2 else x for x in tensors], 1)


@on_arrays_too
def tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    """Sum products over axes: the last of a and the first of b, or those of two lists."""
    if isinstance(dims, int):
        first, second = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        first = [shaping.axis_of("tensordot", axis, a.ndim) for axis in dims[0]]
        second = [shaping.axis_of("tensordot", axis, b.ndim) for axis in dims[1]]
    summed = [a.shape[axis] for axis in first]
    if summed != [b.shape[axis] for axis in second]:
        raise ValueError(
            f"[tensordot] axes {first} of shape {a.shape} and {second} of {b.shape} differ"
        )
    rows = [axis for axis in range(a.ndim) if axis not in first]
    columns = [axis for axis in range(b.ndim) if axis not in second]
    count = int(np.prod(summed, dtype=int))
    left = shaping.reshape(shaping.permute(a, rows + first), -1, count)
    right = shaping.reshape(shaping.permute(b, second + columns), count, -1)
    shape = [a.shape[axis] for axis in rows] + [b.shape[axis] for axis in columns]
    return shaping.reshape(products.matmul(left, right), shape)


@on_arrays_too
def cdist(a: Any, b: Any, p: float = 2.0) -> Any:
    """Return the p-norm of the difference of each row of a and each of b: (..., N, M)."""
    return reducing.norm(shaping.unsqueeze(a, -2) - shaping.unsqueeze(b, -3), p, -1)
