"""Samples and targets in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

from pycnn._arguments import positive, real, words, written
from pycnn._samples_html import pictures_html
from pycnn.arrays import take
from pycnn.arrays.column import Column
from pycnn.arrays.pixels import Values, values_of

Samples: TypeAlias = npt.NDArray[Any]
Targets: TypeAlias = npt.NDArray[Any]
Index: TypeAlias = npt.NDArray[np.int64]


class ArrayDataset:
    """Samples and their targets as arrays, or as whatever holds numbers.

    Parameters
    ----------
    x : (N, ...) array-like, or tuple of them
        Samples: images are (N, C, H, W), sentences (N, L) ints, the numbers of words; a tuple for a
        model of several inputs. Arrays, tensors in the CPU's memory, tables, buffers and lists are
        taken, without a copy if they are C-contiguous float32, int64, uint8 or bool. Other floats
        become float32, other ints int64. uint8 and bool stay bytes, and become float32 a batch at
        a time: pixels from 0 to 1, ``x.astype(np.float32) / 255``, and bools 0 or 1.
    y : (N, ...) array-like
        Targets: the class of each sample, or of each of its pixels (N, H, W), as ints or bools, or
        one name (str) for each sample; or float numbers (N,) or (N, K) to be learned.
    classes : sequence of str, optional
        Name of each class, in the order of their numbers; by default those in `y`, sorted.
    name : str, optional
        Name of the data set.
    mean, std : float or C floats, optional
        For uint8 pixels: samples are ``(x / 255 - mean) / std``, for each channel of (N, C, H, W).

    Attributes
    ----------
    x : array, or tuple of arrays
        The samples, as they were given; float32 if they are normalised pixels, and such a data set
        keeps the floats from the first use of this attribute on.
    y : int64 or float32 array
        The targets.
    named : bool
        Whether `y` was given as names.
    sample_shapes : tuple of shapes
        Shape of a sample of each input.

    Raises
    ------
    TypeError
        If `x` or `y` holds no numbers.
    ValueError
        If the lengths differ, rows have different lengths, a target is NaN or its name unknown.
    """

    __slots__ = ("_columns", "_several", "classes", "name", "named", "y")

    def __init__(
        self,
        x: Any,
        y: Any,
        classes: Sequence[str] = (),
        name: str = "",
        *,
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
    ) -> None:
        owner = type(self).__name__
        self._several = isinstance(x, tuple)
        known = words(owner, "classes", classes)
        parts, (self.y, names) = take.pairs(owner, ("x", "y"), x, y, known)
        values = None
        if mean is not None or std is not None:
            values = _normalisation(
                parts, 0.0 if mean is None else mean, 1.0 if std is None else std
            )
        self._columns = tuple(Column(part, values) for part in parts)
        self.classes, self.named = known or names, bool(names)
        self.name = name

    @classmethod
    def of_columns(
        cls, columns: Sequence[Column], y: Targets, like: Mapping[str, Any]
    ) -> ArrayDataset:
        """Make a data set of columns, with the other attributes in `like`."""
        data = ArrayDataset.__new__(cls)
        data._columns, data.y = tuple(columns), y
        for name in _OTHERS:
            setattr(data, name, like[name])
        return data

    def to_columns(self) -> tuple[tuple[Column, ...], Targets, dict[str, Any]]:
        """Return the arguments of `of_columns`."""
        return self._columns, self.y, {name: getattr(self, name) for name in _OTHERS}

    @property
    def x(self) -> Any:
        """The samples, see above."""
        return self._joined(column.numbers() for column in self._columns)

    @x.setter
    def x(self, samples: Any) -> None:
        new = ArrayDataset(samples, self.y)
        self._columns, self._several = new._columns, new._several

    @property
    def sample_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of a sample of each input."""
        return tuple(column.shape[1:] for column in self._columns)

    def _joined(self, arrays: Iterable[Any]) -> Any:
        several = tuple(arrays)
        return several if self._several else several[0]

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: slice | Index) -> ArrayDataset:
        """Return a part of the data set: a view for a slice of step 1, a copy for positions."""
        check_index("ArrayDataset", index)
        columns, y, like = self.to_columns()
        return ArrayDataset.of_columns([column.part(index) for column in columns], y[index], like)

    def __iter__(self) -> NoReturn:
        refuse_iteration("ArrayDataset")

    def gather(self, index: Index) -> Any:
        """Return the samples at these positions as a new array, or a tuple of arrays."""
        return self._joined(column.gather(index) for column in self._columns)

    def between(self, start: int, stop: int) -> Any:
        """Return consecutive samples, without a copy where they need none."""
        return self._joined(column.between(start, stop) for column in self._columns)

    def buffers(self, samples: int) -> list[Samples]:
        """Return arrays for `take_into`."""
        return [column.buffer(samples) for column in self._columns]

    def take_into(self, buffers: Sequence[Samples], index: Index) -> Any:
        """Return the samples at these positions, written to the beginnings of arrays."""
        pairs = zip(self._columns, buffers, strict=True)
        return self._joined(column.take(index, out[: len(index)]) for column, out in pairs)

    def _repr_html_(self) -> str:
        """Return the first samples, which a notebook shows."""
        return pictures_html(self)

    def __repr__(self) -> str:
        shapes = self._joined(self.sample_shapes)
        return f"ArrayDataset({self.name!r}, {len(self)} samples of shape {shapes})"


_OTHERS = ("_several", "classes", "name", "named")


def _normalisation(parts: Sequence[Samples], mean: Any, std: Any) -> Values:
    """Check the normalisation of pixels, and return what their bytes stand for."""
    owner = "ArrayDataset"
    if len(parts) > 1 or parts[0].dtype != np.uint8:
        found = "several inputs" if len(parts) > 1 else str(parts[0].dtype)
        raise ValueError(
            f"[{owner}] mean and std are for uint8 pixels of a single input, got {found}: floats "
            "are normalised as (x - mean) / std"
        )
    given = [value if isinstance(value, (tuple, list)) else [value] for value in (mean, std)]
    means = [real(owner, "mean", value) for value in given[0]]
    deviations = [positive(owner, "std", value) for value in given[1]]
    count = max(len(means), len(deviations))
    channels = parts[0].shape[1] if parts[0].ndim > 1 else 1
    if {len(means), len(deviations)} - {1, count} or count not in (1, channels):
        raise ValueError(
            f"[{owner}] mean and std must be one number, or one for each of the {channels} "
            f"channels (x: {parts[0].shape}), got {written(mean)} and {written(std)}"
        )
    return values_of(*(values * (count // len(values)) for values in (means, deviations)))


def check_index(owner: str, index: Any) -> None:
    """Refuse an index that does not choose a part of a data set, such as that of one sample."""
    positions = isinstance(index, (list, np.ndarray)) and np.ndim(index) == 1
    if not positions and not isinstance(index, slice):
        text = f"[{owner}] takes a slice or an array of positions, got {written(index)}"
        if isinstance(index, (int, np.integer)) and not isinstance(index, bool):
            text += f": data[{index}:{index + 1}] is that sample alone" if index >= 0 else ""
        raise TypeError(text)


def refuse_iteration(owner: str) -> NoReturn:
    """Raise an error that says how to iterate over a data set."""
    raise TypeError(
        f"[{owner}] is not a sequence of samples: iterate with "
        "pycnn.DataLoader(data, batch_size=...), which gives batches (x, y)"
    )
