"""Gradients with few rows, such as those of word vectors: ranks exchange rows, not the table."""

from __future__ import annotations

import numpy as np

from pycnn.devices import device_of, move, on_cpu
from pycnn.distributed.channel import Channel
from pycnn.layers.parameter import Array, Parameter
from pycnn.layers.sparse_rows import SparseRows


def sum_of_rows(channel: Channel, parameter: Parameter) -> SparseRows:
    """Return the sum of a parameter's gradients over all ranks; a missing one counts as zero.

    Rows are added in the order of the ranks, so that the bits are always the same.
    """
    grad = parameter.gradient
    shape = parameter.shape
    width = int(np.prod(shape[1:]))
    if grad is None:
        rows, values = np.zeros(0, np.int64), np.zeros((0, width), np.float32)
    elif isinstance(grad, SparseRows):
        rows, values = on_cpu(grad.rows), on_cpu(grad.values).reshape(-1, width)
    else:  # a dense gradient was added to it in this step
        rows, values = np.arange(shape[0]), on_cpu(grad).reshape(-1, width)
    counts = channel.gathered(np.array([len(rows)], np.int64))[:, 0]
    all_rows = np.empty(int(counts.sum()), np.int64)
    channel.comm.Allgatherv(np.ascontiguousarray(rows), [all_rows, counts.tolist()])
    all_values = np.empty((len(all_rows), width), np.float32)
    numbers = (counts * width).tolist()
    channel.comm.Allgatherv(np.ascontiguousarray(values), [all_values, numbers])
    return merged(all_rows, all_values, counts, parameter)


def merged(rows: Array, values: Array, counts: Array, parameter: Parameter) -> SparseRows:
    """Sum the rows of several ranks, one rank after the other.

    Parameters
    ----------
    rows, values : arrays
        Those of all ranks, in the order of the ranks.
    counts : (ranks,) array
        Number of rows of each rank.
    parameter : Parameter
        The parameter.
    """
    union, places = np.unique(rows, return_inverse=True)
    total = np.zeros((len(union), values.shape[1]), np.float32)
    for end, count in zip(np.cumsum(counts), counts, strict=True):
        part = slice(int(end - count), int(end))
        total[places[part]] += values[part]  # within one rank, every row appears once
    shape, device = parameter.shape, device_of(parameter.data)
    return SparseRows(
        move(union, device), move(total.reshape(len(union), *shape[1:]), device), shape
    )
