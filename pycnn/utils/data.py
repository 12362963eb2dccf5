"""Data sets and loaders under the names of ``torch.utils.data``, for programs with own loops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Any

import numpy as np

from pycnn._arguments import flag, integer
from pycnn._random import default_rng
from pycnn.arrays.samplewise import Samplewise
from pycnn.autograd.creation import as_tensor, tensor
from pycnn.autograd.functions import stack
from pycnn.autograd.structure import mapped
from pycnn.autograd.tensor import Tensor
from pycnn.autograd.value import Value
from pycnn.devices import is_array
from pycnn.init import Rng
from pycnn.init import generator as generator_of
from pycnn.splits import random_split

__all__ = [
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "Subset",
    "TensorDataset",
    "default_collate",
    "random_split",
]

# PyTorch's arguments that say how its processes work.
_OF_PROCESSES = (
    *("pin_memory", "timeout", "worker_init_fn", "multiprocessing_context", "prefetch_factor"),
    *("persistent_workers", "pin_memory_device"),
)


class Dataset:
    """A base class for data sets with ``__len__`` and ``__getitem__``; see `docs/data.md`."""

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"[{type(self).__name__}] the class defines no __getitem__")


class TensorDataset(Dataset):
    """Samples that are the rows of tensors: ``data[i]`` is a tuple with row i of each.

    Parameters
    ----------
    *tensors : Tensor or array
        Of one length.
    """

    def __init__(self, *tensors: Any) -> None:
        self.tensors = tuple(map(as_tensor, tensors))
        if len({len(x) for x in self.tensors}) != 1:
            shapes = [x.shape for x in self.tensors]
            raise ValueError(f"[TensorDataset] needs tensors of one length, got {shapes}")

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(x[index] for x in self.tensors)

    def __len__(self) -> int:
        return len(self.tensors[0])


class Subset(Dataset):
    """The samples of a data set at some positions."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Any:
        return self.dataset[int(self.indices[index])]

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset):
    """The samples of several data sets, one after the other."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        self._ends = np.cumsum([len(data) for data in self.datasets])

    def __getitem__(self, index: Any) -> Any:
        place = range(len(self))[index]
        which = int(np.searchsorted(self._ends, place, "right"))
        before = int(self._ends[which - 1]) if which else 0
        return self.datasets[which][place - before]

    def __len__(self) -> int:
        return int(self._ends[-1]) if self.datasets else 0


class DataLoader:
    """The batches of a data set as tensors, with PyTorch's arguments.

    `pycnn.fit` takes data sets themselves, and `pycnn.DataLoader` reads them in the background;
    this is for loops of one's own.

    Parameters
    ----------
    dataset : data set
        With ``len(dataset)`` and samples ``dataset[i]``, or one of pycnn.
    batch_size : int
        Samples in a batch.
    shuffle : bool
        Whether each pass has another order.
    sampler : iterable of int, optional
        The positions of a pass, in place of `shuffle`.
    num_workers : int
        Changes nothing: samples are read in the calling thread.
    collate_fn : callable, optional
        Makes a batch of a list of samples; `default_collate` by default.
    drop_last : bool
        Whether a pass leaves out a smaller batch at its end.
    generator : int or numpy.random.Generator, optional
        Draws the orders.
    **others
        PyTorch's arguments for its processes; they change nothing.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        drop_last: bool = False,
        generator: Rng = None,
        **others: Any,
    ) -> None:
        for name in others:
            if name not in _OF_PROCESSES:
                raise TypeError(f"[DataLoader] there is no argument {name!r}")
        if shuffle and sampler is not None:
            raise ValueError("[DataLoader] a sampler gives the order: leave out shuffle")
        self.dataset = dataset
        self.batch_size = integer("DataLoader", "batch_size", batch_size, 1, inf)
        self.shuffle = bool(shuffle)
        self.sampler = sampler
        self.num_workers = integer("DataLoader", "num_workers", num_workers, 0, inf)
        self.collate_fn = collate_fn
        self.drop_last = flag("DataLoader", "drop_last", drop_last)
        self._rng = None if generator is None else generator_of(generator, "DataLoader")

    def __len__(self) -> int:
        sampler: Any = self.sampler
        samples = len(self.dataset if sampler is None else sampler)
        whole = samples // self.batch_size
        return whole if self.drop_last else whole + (samples % self.batch_size > 0)

    def __iter__(self) -> Iterator[Any]:
        order = self._order()
        for start in range(0, len(order), self.batch_size):
            index = order[start : start + self.batch_size]
            if len(index) == self.batch_size or not self.drop_last:
                yield self._batch(index)

    def _order(self) -> Any:
        if self.sampler is not None:
            return np.array([int(i) for i in self.sampler], np.int64)
        if not self.shuffle:
            return np.arange(len(self.dataset))
        return (self._rng or default_rng()).permutation(len(self.dataset))

    def _batch(self, index: Any) -> Any:
        data = self.dataset
        if self.collate_fn is None:
            if isinstance(data, Samplewise):
                return mapped(as_tensor, list(data.pairs(index)))
            if hasattr(data, "gather"):
                return mapped(as_tensor, [data.gather(index), data.y[index]])
            if type(data) is TensorDataset:
                return list(data[index])
        samples = [data[int(i)] for i in index]
        return (self.collate_fn or default_collate)(samples)


def default_collate(samples: Sequence[Any]) -> Any:
    """Make a batch of samples: tensors of their arrays and numbers, along a new first axis.

    Samples that are tuples, lists or dicts give a list, or a dict, of batches; texts stay a list.
    """
    first = samples[0]
    if isinstance(first, Value):
        return stack(list(samples))
    if isinstance(first, Mapping):
        return {name: default_collate([one[name] for one in samples]) for name in first}
    if isinstance(first, (tuple, list)):
        return [default_collate(part) for part in zip(*samples, strict=True)]
    if isinstance(first, str):
        return list(samples)
    if is_array(first) or np.ndim(first) == 0:
        return tensor(np.stack([np.asarray(one) for one in samples]))
    return list(samples)
