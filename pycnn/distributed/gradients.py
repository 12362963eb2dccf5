"""The gradients of all parameters as one flat array, summed over the ranks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pycnn.distributed.buckets import Buckets
from pycnn.distributed.channel import Channel
from pycnn.distributed.home import Home, aligned_zeros, room
from pycnn.distributed.rows import sum_of_rows
from pycnn.distributed.sums import allreduce, tree_sum
from pycnn.distributed.tail import Tail, fill, read
from pycnn.layers.parameter import Array, Parameter
from pycnn.layers.sparse_rows import SparseRows


class FlatGradients:
    """Sums the gradients of parameters over the ranks, after each backward pass.

    The first backward pass shows which parameters have dense gradients. From then on these lie in
    one flat array, the last parameter first, in the order in which a backward pass computes them;
    ops write them there (see `pycnn.layers.parameter.Parameter`). Gradients with few rows
    (`SparseRows`) are not in it: the ranks exchange their rows.

    Parameters
    ----------
    parameters : sequence of Parameter
        The trained parameters, float32: the same on all ranks.
    channel : Channel
        Of the ranks.
    deterministic : bool
        Whether to sum in a fixed order: see `tree_sum`.
    overlap : bool
        Whether sums begin while the backward pass goes on: see `Buckets`.
    """

    def __init__(
        self,
        parameters: Sequence[Parameter],
        channel: Channel,
        *,
        deterministic: bool = False,
        overlap: bool = False,
    ) -> None:
        self._channel = channel
        # Sums may run in a thread at the same time as other calls of the channel.
        self._comm = channel.comm.Dup()
        self._sum = tree_sum if deterministic else allreduce
        self._overlap = overlap
        self._parameters = list(reversed(parameters))
        self._homes: list[Home] | None = None
        self._sparse: list[Parameter] = []
        self._flat = self._tail = np.zeros(0, np.float32)
        self._buckets: Buckets | None = None

    def sum(self, tail: Tail) -> Tail:
        """See `Gradients.sum`."""
        homes = self._lay_out() if self._homes is None else self._homes
        for home in homes:
            grad = home.parameter.gradient
            if grad is None:
                home.view[...] = 0
            elif grad is not home.view:  # another training has used the parameter meanwhile
                home.view[...] = grad.to_dense() if isinstance(grad, SparseRows) else grad
            home.parameter.home = home
        parameters = [home.parameter for home in homes] + self._sparse
        fill(self._tail, tail, parameters)
        if self._buckets is None:
            self._add(self._flat)
        else:
            self._buckets.finish()
        found, present = read(self._tail)
        for parameter, there in zip(parameters, present, strict=True):
            if not there:
                parameter.gradient = None
            elif parameter.home is None:
                parameter.gradient = sum_of_rows(self._channel, parameter)
            else:
                parameter.gradient = parameter.home.view
        return found

    def scale(self, factor: float) -> None:
        """Multiply all gradients."""
        self._flat[: -self._tail.size] *= np.float32(factor)
        for parameter in self._sparse:
            if isinstance(parameter.gradient, SparseRows):
                parameter.gradient.values[...] *= np.float32(factor)

    @property
    def busy(self) -> bool:
        """Whether sums have begun that other ranks may never join."""
        return self._buckets is not None and self._buckets.busy

    def release(self) -> None:
        """Release the parameters; their gradients stay where they are."""
        for home in self._homes or ():
            if home.parameter.home is home:
                home.parameter.home = None

    def close(self) -> None:
        """Free the resources of the sums, on all ranks."""
        if self._buckets is not None:
            self._buckets.close()
        self._comm.Free()

    def _add(self, stretch: Array) -> None:
        self._sum(self._comm, stretch)

    def _lay_out(self) -> list[Home]:
        """Make the flat array, and move the gradients of the first step into it."""
        rows = [isinstance(parameter.gradient, SparseRows) for parameter in self._parameters]
        anywhere = self._channel.gathered(np.array(rows)).sum(axis=0)
        dense = [p for p, sparse in zip(self._parameters, anywhere, strict=True) if not sparse]
        self._sparse = [p for p, sparse in zip(self._parameters, anywhere, strict=True) if sparse]
        starts = room(dense)
        self._flat = aligned_zeros(starts[-1] + len(Tail._fields) + len(self._parameters))
        self._tail = self._flat[starts[-1] :]
        self._homes = [
            Home(p, self._flat, start) for p, start in zip(dense, starts[:-1], strict=True)
        ]
        for home in self._homes:
            home.parameter.home = home
            if home.parameter.gradient is not None:
                home.parameter.gradient = home.add(None, home.parameter.gradient)
        if self._overlap:
            self._buckets = Buckets(self._flat, self._homes, self._add)
            for home in self._homes:
                home.on_arrival = self._buckets.arrived
        return self._homes
