"""Data sets in memory, and the batches that training draws from them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from math import inf
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from pycnn._arguments import flag, integer, written
from pycnn._described import Described
from pycnn.arrays.dataset import (
    ArrayDataset,
    Index,
    Samples,
    Targets,
    check_index,
    refuse_iteration,
)
from pycnn.arrays.samplewise import Samplewise, is_samplewise

Labels: TypeAlias = npt.NDArray[np.int64]

Augment: TypeAlias = Callable[[Samples, np.random.Generator], Samples]
"""Changes a batch of samples at random, in place or not, such as `pycnn.augment.RandomCrop`."""

# Sub-streams of the random numbers of one epoch (see Batches): 1 is dropout's, in pycnn.fit.
AUGMENT_STREAM = 2

__all__ = [
    "AUGMENT_STREAM",
    "ArrayDataset",
    "Augment",
    "Batches",
    "Dataset",
    "Index",
    "Labels",
    "Samples",
    "Targets",
    "check_index",
    "refuse_iteration",
]


@runtime_checkable
class Dataset(Protocol):
    """What training needs from a data set, in memory or not.

    Attributes
    ----------
    y : (N, ...) int64 or float32 array
        Target of each sample: usually its class, an int64.
    classes : tuple of str
        Name of each class.
    name : str
        Name of the data set.
    """

    y: Targets
    classes: tuple[str, ...]
    name: str

    def __len__(self) -> int:
        """Return the number of samples."""

    def __getitem__(self, index: slice | Index, /) -> Dataset:
        """Return part of the data set."""

    def gather(self, index: Index) -> Any:
        """Return the samples at these positions as one new (len(index), ...) array.

        For a model of several inputs it is a tuple of arrays.
        """


class Batches(Described):
    """The batches of a data set, in order or shuffled; each pass gives all samples once.

    Batches of an `ArrayDataset` are gathered into one buffer, which the next batch reuses (a fresh
    array of this size would cost a page fault for every 4 KiB, more than the copy itself). So use
    or copy a batch before asking for the next one.

    Parameters
    ----------
    data : Dataset, or data set of another library
        At least one sample. Of another library, such as PyTorch, what has ``len(data)`` and gives
        samples ``(x, y) = data[i]``.
    batch_size : int
        Samples in a batch; the last batch of a pass holds the rest.
    seed : int, optional
        Shuffle: pass e (see `epoch`) has the order of ``default_rng([seed, e])``, whatever was
        drawn before. None keeps the order of the data set.
    augment : Augment, optional
        Applied to each batch; batch b of pass e has the random numbers of
        ``default_rng([seed or 0, e, 2, b])``, with the rank appended if there are several.
    drop_last : bool
        Whether a pass leaves out a last batch that is smaller than the others.

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
        *,
        drop_last: bool = False,
    ) -> None:
        owner = type(self).__name__
        if is_samplewise(data):
            data = Samplewise(data)
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
        self.drop_last = flag(owner, "drop_last", drop_last)
        if self.drop_last and len(data) < batch_size:
            raise ValueError(
                f"[{owner}] drop_last leaves nothing of {len(data)} samples in batches of "
                f"{batch_size}"
            )
        self.epoch = 0
        self.rank, self.ranks = 0, 1

    def __len__(self) -> int:
        """Return the batches in a pass: ceil(samples / batch size), with drop_last the floor."""
        if self.drop_last:
            return len(self.data) // self.batch_size
        return -(-len(self.data) // self.batch_size)

    @property
    def samples(self) -> int:
        """Samples in a pass."""
        return min(len(self) * self.batch_size, len(self.data))

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

    def part(self, batch: int) -> slice:
        """Return this process's part of a batch in the order of a pass.

        It has at least one sample: an empty part borrows one.
        """
        first, last = self.bounds(batch)
        if first == last:
            first, last = batch * self.batch_size, batch * self.batch_size + 1
        return slice(first, last)

    def __iter__(self) -> Generator[tuple[Any, Targets], None, None]:
        return self.pass_from(0)

    def pass_from(self, first: int) -> Generator[tuple[Any, Targets], None, None]:
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

    def make(self, order: Index, epoch: int, batch: int) -> tuple[Any, Targets]:
        """Make one batch of a pass, in new arrays."""
        index = order[self.part(batch)]
        if isinstance(self.data, Samplewise):
            x, y = self.data.pairs(index)
        else:
            x, y = self.data.gather(index), self.data.y[index]
        if self.augment is not None:
            seed = [self.seed or 0, epoch, AUGMENT_STREAM, batch]
            seed += [self.rank] if self.ranks > 1 else []
            x = self.augment(x, np.random.default_rng(seed))
            self._check_augmented(x, len(index))
        return x, y

    def _check_augmented(self, x: Any, samples: int) -> None:
        owner = type(self).__name__
        if isinstance(x, tuple):
            for part in x:
                self._check_augmented(part, samples)
            return
        if not isinstance(x, np.ndarray):
            raise TypeError(f"[{owner}] augment must give an array, got {type(x).__name__}")
        if x.shape[:1] != (samples,):
            raise ValueError(
                f"[{owner}] augment must keep the {samples} samples of a batch, gave {x.shape}"
            )

    def _slices(self, data: ArrayDataset, first: int) -> Generator[tuple[Any, Targets], None, None]:
        for part in map(self.part, range(first, len(self))):
            yield data.between(part.start, part.stop), np.ascontiguousarray(data.y[part])

    def _gathered(
        self, data: ArrayDataset, order: Index, first: int
    ) -> Generator[tuple[Any, Targets], None, None]:
        shuffled, buffers = data.y[order], data.buffers(-(-self.batch_size // self.ranks))
        for part in map(self.part, range(first, len(self))):
            yield data.take_into(buffers, order[part]), shuffled[part]
