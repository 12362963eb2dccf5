"""Data sets in memory, and the batches that training draws from them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from math import inf
from typing import Any, NoReturn, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from pycnn._arguments import array_of, integer, words, written
from pycnn._described import Described
from pycnn._hints import classes_hint, samples_hint
from pycnn._samples_html import pictures_html

Samples: TypeAlias = npt.NDArray[Any]
Labels: TypeAlias = npt.NDArray[np.int64]
Index: TypeAlias = npt.NDArray[np.int64]

Augment: TypeAlias = Callable[[Samples, np.random.Generator], Samples]
"""Changes a batch of samples at random, in place or not, such as `pycnn.augment.RandomCrop`."""

# Sub-streams of the random numbers of one epoch (see Batches): 1 is dropout's, in pycnn.fit.
AUGMENT_STREAM = 2


@runtime_checkable
class Dataset(Protocol):
    """What training needs from a data set, in memory or not.

    Attributes
    ----------
    y : (N,) int64 array
        Class of each sample.
    classes : tuple of str
        Name of each class.
    name : str
        Name of the data set.
    """

    y: Labels
    classes: tuple[str, ...]
    name: str

    def __len__(self) -> int:
        """Return the number of samples."""

    def __getitem__(self, index: slice | Index, /) -> Dataset:
        """Return part of the data set."""

    def gather(self, index: Index) -> Samples:
        """Return the samples at these positions as one new (len(index), ...) array."""


class ArrayDataset:
    """Samples and their labels as two arrays.

    Parameters
    ----------
    x : (N, ...) float32 or int64 array, C-contiguous
        Samples: images are float32 (N, C, H, W), sentences int64 (N, L), numbers of words.
    y : (N,) int64 array
        Class of each sample.
    classes : sequence of str, optional
        Name of each class.
    name : str, optional
        Name of the data set.

    Raises
    ------
    TypeError
        If a dtype is wrong.
    ValueError
        If the lengths differ, a shape is wrong or `x` is not contiguous.
    """

    __slots__ = ("classes", "name", "x", "y")

    def __init__(self, x: Samples, y: Labels, classes: Sequence[str] = (), name: str = "") -> None:
        if not isinstance(x, np.ndarray) or x.dtype.name not in ("float32", "int64"):
            # Signed integers are numbers of words rather than pixels.
            are_words = isinstance(x, np.ndarray) and x.dtype.kind == "i"
            raise TypeError(
                f"[ArrayDataset] x must be {array_of('float32', 'int64')}, got {_kind(x)}: "
                f"{samples_hint(x, np.int64 if are_words else np.float32)}"
            )
        if not isinstance(y, np.ndarray) or y.dtype != np.int64:
            hint = classes_hint(y)
            raise TypeError(
                f"[ArrayDataset] y must be {array_of('int64')}, got {_kind(y)}"
                + (f": {hint}" if hint else "")
            )
        if x.ndim < 1 or y.ndim != 1 or len(x) != len(y):
            hint = classes_hint(y) if y.ndim > 1 and len(x) == len(y) else ""
            raise ValueError(
                f"[ArrayDataset] needs one label for each sample (x: {x.shape}, y: {y.shape})"
                + (f": {hint}" if hint else "")
            )
        if not x.flags.c_contiguous:
            raise ValueError(
                f"[ArrayDataset] x must be C-contiguous (x: {x.shape}): "
                "give np.ascontiguousarray(x)"
            )
        self.x = x
        self.y = y
        self.classes = words("ArrayDataset", "classes", classes)
        self.name = name

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: slice | Index) -> ArrayDataset:
        """Return a part of the data set: a view for a slice of step 1, a copy for positions."""
        check_index("ArrayDataset", index)
        x = np.ascontiguousarray(self.x[index])
        return ArrayDataset(x, self.y[index], self.classes, self.name)

    def __iter__(self) -> NoReturn:
        refuse_iteration("ArrayDataset")

    def gather(self, index: Index) -> Samples:
        """Return the samples at these positions as one new array."""
        samples: Samples = self.x[index]
        return samples

    def _repr_html_(self) -> str:
        """Return the first samples, which a notebook shows."""
        return pictures_html(self)

    def __repr__(self) -> str:
        return f"ArrayDataset({self.name!r}, {len(self)} samples of shape {self.x.shape[1:]})"


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


def _kind(value: Any) -> Any:
    """Return the dtype of an array, or the name of the type of anything else."""
    return getattr(value, "dtype", type(value).__name__)


class Batches(Described):
    """The batches of a data set, in order or shuffled; each pass gives all samples once.

    Batches of an `ArrayDataset` are gathered into one buffer, which the next batch reuses (a fresh
    array of this size would cost a page fault for every 4 KiB, more than the copy itself). So use
    or copy a batch before asking for the next one.

    Parameters
    ----------
    data : Dataset
        At least one sample.
    batch_size : int
        Samples in a batch; the last batch of a pass holds the rest.
    seed : int, optional
        Shuffle: pass e (see `epoch`) has the order of ``default_rng([seed, e])``, whatever was
        drawn before. None keeps the order of the data set.
    augment : Augment, optional
        Applied to each batch; batch b of pass e has the random numbers of
        ``default_rng([seed or 0, e, 2, b])``, with the rank appended if there are several.

    Attributes
    ----------
    epoch : int
        Number of the next pass. Iterating advances it.
    rank, ranks : int
        Number of this process among those that share each batch, and their count; 0 and 1 at
        first. Each of them gets its own part of every batch, see `bounds`.

    Raises
    ------
    TypeError
        If an argument has a wrong type; while iterating, if `augment` does not return an array.
    ValueError
        If the data set is empty, the batch size not positive or the seed negative; while iterating,
        if `augment` changes the number of samples.
    """

    def __init__(
        self,
        data: Dataset,
        batch_size: int,
        seed: int | None = None,
        augment: Augment | None = None,
    ) -> None:
        owner = type(self).__name__
        if not isinstance(data, Dataset):
            raise TypeError(
                f"[{owner}] data must be a Dataset, got {type(data).__name__}; "
                "two arrays become one as pycnn.ArrayDataset(x, y)"
            )
        if len(data) == 0:
            raise ValueError(f"[{owner}] the data set is empty")
        if not (augment is None or callable(augment)):
            raise TypeError(
                f"[{owner}] augment must be a function of (x, rng) such as "
                f"pycnn.augment.RandomCrop(28, padding=1), got {written(augment)}"
            )
        self.data = data
        self.batch_size = min(integer(owner, "batch_size", batch_size, 1, inf), len(data))
        self.seed = None if seed is None else integer(owner, "seed", seed, 0, inf)
        self.augment = augment
        self.epoch = 0
        self.rank, self.ranks = 0, 1

    def __len__(self) -> int:
        """Return the batches in a pass: ceil(samples / batch size)."""
        return -(-len(self.data) // self.batch_size)

    def bounds(self, batch: int) -> tuple[int, int]:
        """Return where the samples of a batch begin and end in the order of a pass.

        If several processes share a batch, each has consecutive samples of it. Their numbers differ
        by one at most, and the first processes have the larger parts. If the last batch is smaller
        than the number of processes, the last ones have no sample.
        """
        start = batch * self.batch_size
        size = min(self.batch_size, len(self.data) - start)
        if self.ranks == 1:
            return start, start + size
        first, last = (-(-rank * size // self.ranks) for rank in (self.rank, self.rank + 1))
        return start + first, start + last

    def _part(self, batch: int) -> slice:
        """Return this process's part of a batch, or one borrowed sample if the part is empty."""
        first, last = self.bounds(batch)
        if first == last:
            first, last = batch * self.batch_size, batch * self.batch_size + 1
        return slice(first, last)

    def __iter__(self) -> Generator[tuple[Samples, Labels], None, None]:
        return self.pass_from(0)

    def pass_from(self, first: int) -> Generator[tuple[Samples, Labels], None, None]:
        """Return a pass that begins with batch number `first`; earlier ones are not made."""
        epoch, self.epoch = self.epoch, self.epoch + 1
        if isinstance(self.data, ArrayDataset) and self.augment is None and self.seed is None:
            return self._slices(self.data, first)
        order = self.order(epoch)
        if isinstance(self.data, ArrayDataset) and self.augment is None:
            return self._gathered(self.data, order, first)
        return (self.make(order, epoch, batch) for batch in range(first, len(self)))

    def order(self, epoch: int) -> Index:
        """Return the positions of the samples in the order of a pass."""
        if self.seed is None:
            return np.arange(len(self.data))
        return np.random.default_rng([self.seed, epoch]).permutation(len(self.data))

    def make(self, order: Index, epoch: int, batch: int) -> tuple[Samples, Labels]:
        """Make one batch of a pass, in new arrays."""
        index = order[self._part(batch)]
        x = self.data.gather(index)
        if self.augment is not None:
            seed = [self.seed or 0, epoch, AUGMENT_STREAM, batch]
            seed += [self.rank] if self.ranks > 1 else []
            x = self.augment(x, np.random.default_rng(seed))
            self._check_augmented(x, len(index))
        return x, self.data.y[index]

    def _check_augmented(self, x: Samples, samples: int) -> None:
        owner = type(self).__name__
        if not isinstance(x, np.ndarray):
            raise TypeError(f"[{owner}] augment must give an array, got {type(x).__name__}")
        if x.shape[:1] != (samples,):
            raise ValueError(
                f"[{owner}] augment must keep the {samples} samples of a batch, gave {x.shape}"
            )

    def _slices(
        self, data: ArrayDataset, first: int
    ) -> Generator[tuple[Samples, Labels], None, None]:
        for part in map(self._part, range(first, len(self))):
            yield data.x[part], np.ascontiguousarray(data.y[part])

    def _gathered(
        self, data: ArrayDataset, order: Index, first: int
    ) -> Generator[tuple[Samples, Labels], None, None]:
        x, shuffled = data.x, data.y[order]
        buffer = np.empty((-(-self.batch_size // self.ranks), *x.shape[1:]), x.dtype)
        for part in map(self._part, range(first, len(self))):
            batch = buffer[: part.stop - part.start]
            # With "clip" take writes into `out` directly; the default mode gathers into a copy.
            np.take(x, order[part], axis=0, out=batch, mode="clip")
            yield batch, shuffled[part]
