"""Stand-ins for arrays, tables and data sets of other libraries, which have only what is needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class OnlyDlpack:
    """A tensor that offers its memory through DLPack alone."""

    def __init__(self, values: Array, device: tuple[int, int] = (1, 0)) -> None:
        self.values, self.device = np.asarray(values, order="C"), device

    def __dlpack__(self, **options: Any) -> Any:
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device


class Tensor(OnlyDlpack):
    """A tensor as PyTorch's: it has a shape, and gives rows, which are tensors."""

    requires_grad = False

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def ndim(self) -> int:
        return self.values.ndim

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: Any) -> Tensor:
        return Tensor(self.values[index])

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self.values, dtype)


class Trained(Tensor):
    """A tensor whose gradients are recorded: its memory is offered only once it is detached."""

    requires_grad = True

    def __dlpack__(self, **options: Any) -> Any:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

    def detach(self) -> Tensor:
        return Tensor(self.values)


class Table:
    """A table as pandas': columns by name, and `__array__`."""

    def __init__(self, values: Array) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[str]:
        return iter(["a", "b"])

    def __getitem__(self, name: str) -> Array:
        raise KeyError(name)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self.values, dtype)


class Sparse:
    """A matrix as SciPy's."""

    def __init__(self, values: Array) -> None:
        self.values, self.shape = values, values.shape

    def toarray(self) -> Array:
        return self.values


class Samples:
    """A data set as PyTorch's: `len`, and samples (x, y)."""

    def __init__(self, x: Any, y: Any) -> None:
        self.x, self.y_values = x, y
        self.read: list[int] = []

    def __len__(self) -> int:
        return len(self.y_values)

    def __getitem__(self, index: int) -> Any:
        self.read.append(index)
        return self.x[index], self.y_values[index]


class Loader:
    """A data loader as PyTorch's: lists [x, y] of tensors, in the same order each time."""

    def __init__(self, x: Array, y: Array, batch_size: int) -> None:
        self.x, self.y, self.batch_size = x, y, batch_size

    def __len__(self) -> int:
        return -(-len(self.y) // self.batch_size)

    def __iter__(self) -> Iterator[list[Tensor]]:
        for i in range(0, len(self.y), self.batch_size):
            part = slice(i, i + self.batch_size)
            yield [Tensor(self.x[part]), Tensor(self.y[part])]
