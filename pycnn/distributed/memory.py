"""Data sets that all ranks of a machine share in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from pycnn.arrays.column import Column
from pycnn.arrays.pixels import Values
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
        columns, y, _ = one.to_columns() if one is not None else ((), None, None)
        kept: list[Array | None] = [column.state[0] for column in columns]
        kept = kept or [None] * len(head["columns"])
        shared = [
            Column(self._array(array, values), _values(numbers))
            for (array, numbers), values in zip(head["columns"], kept, strict=True)
        ]
        like = head["like"] | {"classes": tuple(head["like"]["classes"])}
        return ArrayDataset.of_columns(shared, self._array(head["y"], y), like)

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


def _head(one: ArrayDataset) -> dict[str, Any]:
    """Describe a data set in JSON; what its bytes stand for is in it, exactly."""
    columns, y, like = one.to_columns()
    states = [column.state for column in columns]
    return {
        "columns": [
            ((kept.dtype.str, kept.shape), None if values is None else [a.tolist() for a in values])
            for kept, values in states
        ],
        "y": (y.dtype.str, y.shape),
        "like": like,
    }


def _values(numbers: list[Any] | None) -> Values | None:
    if numbers is None:
        return None
    return Values(np.array(numbers[0], np.float32), np.array(numbers[1], np.float64))
