"""Data sets that all ranks of a machine share in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from pycnn.data import ArrayDataset
from pycnn.distributed.channel import Channel
from pycnn.layers.parameter import Array

T = TypeVar("T")

# Arrays begin at cache lines.
ALIGNMENT = 64


class SharedSets:
    """Loads data sets on one rank of each machine, and shares its memory with the others.

    The memory is freed with the process: its arrays may be in use anywhere until then.

    Parameters
    ----------
    node : Channel
        Of the ranks of this machine.
    """

    def __init__(self, node: Channel) -> None:
        self._node = node
        self._windows: list[Any] = []

    def load(self, load: Callable[[], T]) -> T:
        """Return what `load` returns: one data set or a tuple of them.

        If all are `pycnn.ArrayDataset`, `load` is called on one rank of each machine only, and the
        arrays are read-only views of one memory. Otherwise, as for folders of pictures, which are
        read when they are needed, each rank calls `load`.

        Raises
        ------
        Exception
            On all ranks of the machine, if `load` raised it on one.
        """
        node = self._node
        loaded: Any = None
        problem: Exception | None = None
        if node.rank == 0:
            try:
                loaded = load()
            except Exception as error:
                problem = error
        node.raise_together(problem)
        sets = loaded if isinstance(loaded, tuple) else (loaded,)
        heads = (
            [_head(one) for one in sets] if all(type(one) is ArrayDataset for one in sets) else []
        )
        text = json.dumps([isinstance(loaded, tuple), heads])
        several, heads = json.loads(node.broadcast_text(text))
        if not heads:
            return loaded if node.rank == 0 else load()
        shared = tuple(
            self._share(head, sets[index] if node.rank == 0 else None)
            for index, head in enumerate(heads)
        )
        return shared if several else shared[0]  # type: ignore[return-value]

    def _share(self, head: dict[str, Any], one: ArrayDataset | None) -> ArrayDataset:
        x = self._array(head["x"], None if one is None else one.x)
        y = self._array(head["y"], None if one is None else one.y)
        return ArrayDataset(x, y, head["classes"], head["name"])

    def _array(self, head: tuple[str, list[int]], values: Array | None) -> Array:
        """Return an array in the machine's shared memory, filled by the rank with the values."""
        from mpi4py import MPI

        dtype, shape = np.dtype(head[0]), tuple(head[1])
        size = dtype.itemsize * int(np.prod(shape))
        window = MPI.Win.Allocate_shared(
            size + ALIGNMENT if values is not None else 0, 1, comm=self._node.comm
        )
        self._windows.append(window)
        memory, _ = window.Shared_query(0)
        data: Array = np.frombuffer(memory, np.uint8)  # type: ignore[call-overload]
        # The address may differ between processes, but not its place in a page.
        skipped = -data.ctypes.data % ALIGNMENT
        array: Array = data[skipped : skipped + size].view(dtype).reshape(shape)
        window.Fence()
        if values is not None:
            array[...] = values
        window.Fence()
        array.flags.writeable = False
        return array


def _head(one: Any) -> dict[str, Any]:
    return {
        "x": (one.x.dtype.str, one.x.shape),
        "y": (one.y.dtype.str, one.y.shape),
        "classes": list(one.classes),
        "name": one.name,
    }
