"""Data sets of other libraries, which give one sample at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn._arguments import written
from pycnn.arrays import take
from pycnn.arrays.dataset import Index, Targets, check_index, refuse_iteration
from pycnn.arrays.read import is_number, is_table

OWNER = "Dataset"


def is_samplewise(data: Any) -> bool:
    """Return whether this is a data set as PyTorch knows it: ``len(data)``, and ``data[i]``.

    What can be iterated over, such as a list, is not: it may give batches. Neither are arrays, nor
    data sets of pycnn, which have `gather`.
    """
    kind = type(data)
    return (
        hasattr(kind, "__getitem__")
        and hasattr(kind, "__len__")
        and not hasattr(kind, "__iter__")
        and not hasattr(kind, "gather")
        and not is_table(data)
    )


class Samplewise:
    """A data set whose samples ``(x, y) = data[i]`` are read one by one, in the calling thread.

    Parameters
    ----------
    data : object
        Gives arrays, tensors or numbers; x may be a tuple of them, for a model of several inputs.
    index : (n,) int64 array, optional
        Which samples; all by default.

    Attributes
    ----------
    y : array-like
        The targets, which are read when they are asked for.
    classes : tuple of str
        The `classes` of the data, if they are names; where targets are names those, sorted.
    name : str
        Name of the type of the data.
    """

    def __init__(self, data: Any, index: Index | None = None) -> None:
        self._data = data
        self._index = np.arange(len(data)) if index is None else index
        self.name = type(data).__name__
        self.y: Any = _TargetsOf(self)
        given = getattr(data, "classes", ())
        are_names = isinstance(given, (list, tuple)) and all(isinstance(c, str) for c in given)
        self.classes: tuple[str, ...] = tuple(map(str, given)) if are_names else ()
        self.named = False

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, index: slice | Index) -> Samplewise:
        """Return part of the data set."""
        check_index(OWNER, index)
        part = Samplewise(self._data, self._index[index])
        part.classes, part.named = self.classes, self.named
        return part

    def __iter__(self) -> Any:
        refuse_iteration(OWNER)

    def gather(self, index: Index) -> Any:
        """Return the samples at these positions, as one array or a tuple of arrays."""
        return self.pairs(index)[0]

    def pairs(self, index: Index) -> tuple[Any, Targets]:
        """Return the samples at these positions and their targets."""
        pairs = [self._pair(int(i)) for i in self._index[index]]
        xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
        x = tuple(map(list, zip(*xs, strict=True))) if isinstance(xs[0], tuple) else xs
        taken = take.batch(OWNER, "x", x, np.float32, words=True)
        return taken, take.targets(OWNER, "y", ys, self._known(ys)).y

    def targets(self) -> list[Any]:
        """Read all targets, and with them all samples."""
        return [self._pair(int(i))[1] for i in self._index]

    def _known(self, ys: list[Any]) -> tuple[str, ...]:
        """Return the names of the classes, for which all samples are read if targets are names."""
        if isinstance(ys[0], str) and not self.named:
            self.classes = self.classes or tuple(sorted(set(map(str, self.targets()))))
            self.named = True
        return self.classes

    def _pair(self, position: int) -> tuple[Any, Any]:
        sample = self._data[position]
        if isinstance(sample, Mapping):
            names = ", ".join(map(str, list(sample)[:4]))
            raise TypeError(
                f"[{OWNER}] sample {position} of {self.name} is a {type(sample).__name__} with "
                f"{names}: it has to be (x, y), with x a tuple for a model of several inputs"
            )
        if not isinstance(sample, (tuple, list)) or len(sample) != 2:
            raise TypeError(
                f"[{OWNER}] sample {position} of {self.name} must be (x, y), with x a tuple for a "
                f"model of several inputs, got {_summary(sample)}"
            )
        x, y = sample
        return x, y


def _summary(sample: Any) -> str:
    if isinstance(sample, (tuple, list)):
        return f"a {type(sample).__name__} of {len(sample)}"
    return written(sample) if is_number(sample) else type(sample).__name__


class _TargetsOf:
    """The targets of a data set, read when they are needed."""

    def __init__(self, data: Samplewise) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        targets = self._data.targets()
        known = self._data._known(targets) if targets else ()
        return np.asarray(take.targets(OWNER, "y", targets, known).y, dtype)

    def __getitem__(self, index: Any) -> Targets:
        targets: Targets = np.asarray(self)[index]
        return targets
