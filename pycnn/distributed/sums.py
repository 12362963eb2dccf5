"""Sums of flat arrays over all ranks: MPI's own, or in a fixed order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pycnn.layers.parameter import Array

if TYPE_CHECKING:
    from mpi4py import MPI

# Numbers in one call: MPI counts them in 32-bit ints, and some implementations bytes as well.
MOST = 1 << 28


def allreduce(comm: MPI.Intracomm, flat: Array) -> None:
    """Sum a flat float array over the ranks, in place, in whatever order MPI takes."""
    from mpi4py import MPI

    for start in range(0, flat.size, MOST):
        comm.Allreduce(MPI.IN_PLACE, flat[start : start + MOST], MPI.SUM)


def tree_sum(comm: MPI.Intracomm, flat: Array) -> None:
    """Sum a flat float array over the ranks, in place, in a fixed order.

    Each rank receives every rank's numbers for its piece of the array, adds them up, and sends the
    sums to all. The order is a binary tree over the ranks: ``((0 + 1) + (2 + 3)) + (4 + ..)``. So
    the bits depend only on the numbers and on how many ranks there are, not on which rank comes
    first or on MPI's algorithm. It moves as many bytes as the best algorithms of MPI, twice the
    array for each rank, but needs memory for one more array.
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
    """Sum the rows of an array into the first: neighbours, then neighbouring sums, and so on."""
    step = 1
    while step < len(parts):
        for row in range(0, len(parts) - step, 2 * step):
            parts[row] += parts[row + step]
        step *= 2
