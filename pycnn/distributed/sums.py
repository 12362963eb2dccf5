"""Sums of flat arrays over all ranks: MPI's own, or in an order that is written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pycnn.layers.parameter import Array

if TYPE_CHECKING:
    from mpi4py import MPI

# Numbers in one call: MPI counts in 32-bit ints, and of bytes some implementations do, too.
MOST = 1 << 28


def allreduce(comm: MPI.Intracomm, flat: Array) -> None:
    """Add a flat float array up over the ranks, in place, as MPI does it: in any order."""
    from mpi4py import MPI

    for start in range(0, flat.size, MOST):
        comm.Allreduce(MPI.IN_PLACE, flat[start : start + MOST], MPI.SUM)


def tree_sum(comm: MPI.Intracomm, flat: Array) -> None:
    """Add a flat float array up over the ranks, in place, in a fixed order.

    Each rank adds up its piece of the array, of which it gets every rank's numbers, and gives the
    sums to all. They are added as a binary tree over the ranks: ``((0 + 1) + (2 + 3)) + (4 + ..)``.
    So the bits follow from the numbers and how many ranks there are: not from who comes first, nor
    from the way MPI would take. It moves as many bytes as the best ways of MPI do, twice the array
    for each rank, but takes memory for one array more.
    """
    for start in range(0, flat.size, MOST):
        _tree_sum(comm, flat[start : start + MOST])


def _tree_sum(comm: MPI.Intracomm, flat: Array) -> None:
    ranks, rank = comm.Get_size(), comm.Get_rank()
    ends = [flat.size * (r + 1) // ranks for r in range(ranks)]
    counts = np.diff(ends, prepend=0).tolist()
    starts = [end - count for end, count in zip(ends, counts, strict=True)]
    own = counts[rank]
    parts = np.empty((ranks, own), flat.dtype)
    received = [own] * ranks, [own * r for r in range(ranks)]
    comm.Alltoallv([flat, (counts, starts)], [parts, received])
    add_up(parts)
    comm.Allgatherv(parts[0], [flat, (counts, starts)])


def add_up(parts: Array) -> None:
    """Add the rows of an array up into the first: neighbours, then neighbouring sums, and so on."""
    step = 1
    while step < len(parts):
        for row in range(0, len(parts) - step, 2 * step):
            parts[row] += parts[row + step]
        step *= 2
