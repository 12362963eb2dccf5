"""Gradients on a device, summed over the ranks there or on the CPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pycnn import backends
from pycnn.distributed.channel import Channel
from pycnn.distributed.device_sum import device_sum
from pycnn.distributed.rows import sum_of_rows
from pycnn.distributed.sums import allreduce, tree_sum
from pycnn.distributed.tail import Tail, fill, read
from pycnn.layers.parameter import Array, Parameter, gradient_values
from pycnn.layers.sparse_rows import SparseRows


class DeviceGradients:
    """Sums the gradients of parameters on a device over the ranks: see `device_sum`.

    Parameters
    ----------
    parameters : sequence of Parameter
        The trained parameters, float32: the same on all ranks.
    channel : Channel
        Of the ranks.
    device : {'cuda', 'cuda_emulated'}
        Where they are.
    deterministic : bool
        Whether to sum in a fixed order: see `tree_sum`.
    """

    busy = False  # no sum outlasts its call

    def __init__(
        self,
        parameters: Sequence[Parameter],
        channel: Channel,
        device: str,
        *,
        deterministic: bool = False,
    ) -> None:
        self._channel = channel
        self._parameters = list(reversed(parameters))
        self._sum = tree_sum if deterministic else allreduce
        self._device = device_sum(channel.comm, device, deterministic=deterministic)
        self._tail = np.zeros(len(Tail._fields) + 2 * len(parameters), np.float32)

    def sum(self, tail: Tail) -> Tail:
        """See `Gradients.sum`."""
        count = len(self._parameters)
        fill(self._tail[:-count], tail, self._parameters)
        self._tail[-count:] = [isinstance(p.gradient, SparseRows) for p in self._parameters]
        self._add(self._tail)
        found, present = read(self._tail[:-count])
        sparse = (self._tail[-count:] > 0).tolist()
        dense = []
        for parameter, there, rows in zip(self._parameters, present, sparse, strict=True):
            if rows:
                parameter.gradient = sum_of_rows(self._channel, parameter)
            elif there:
                if parameter.gradient is None:
                    parameter.gradient = backends.of(parameter.data).zeros_like(parameter.data)
                dense.append(parameter.gradient)
        self._device.sum(dense, self._add)
        return found

    def scale(self, factor: float) -> None:
        """Multiply all gradients."""
        for parameter in self._parameters:
            if parameter.gradient is not None:
                gradient = gradient_values(parameter.gradient)
                backends.of(gradient).scale(gradient, factor)

    def release(self) -> None:
        """Do nothing: the parameters hold no reference to the sums."""

    def close(self) -> None:
        """Free the resources of the sums, on all ranks."""
        self._device.close()

    def _add(self, flat: Array) -> None:
        self._sum(self._channel.comm, flat)
