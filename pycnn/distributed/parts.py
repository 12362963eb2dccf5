"""A rank's part of the data: of each batch, and of the validation data."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from pycnn.data import Batches, Dataset
from pycnn.distributed.channel import Channel
from pycnn.distributed.mpi import DistributedError


class Parts:
    """Goes through the batches of a training in step with the other ranks.

    Parameters
    ----------
    channel : Channel
        Of the ranks.

    Attributes
    ----------
    before : int
        Samples of the current batch that lower ranks have.
    counts : bool
        Whether this rank has a part of the current batch: if the last batch is smaller than the
        number of ranks, some have none.
    whole : float
        Samples of a batch, to which the weights of the ranks' parts are relative.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._batches: Any = None
        self.before = 0
        self.counts = True
        self.whole = 0.0

    def share(self, batches: Any, validation: Any) -> tuple[Any, Any]:
        """Return this rank's part of the training data and of the validation data.

        An iterable that is not `Batches` is taken as the rank's part already.

        Raises
        ------
        DistributedError
            If there are more ranks than samples, or than samples in a batch.
        """
        rank, size = self._channel.rank, self._channel.size
        if isinstance(batches, Batches):
            if len(batches.data) < size:
                raise DistributedError(
                    f"there are {len(batches.data)} training samples for {size} ranks: each needs "
                    "at least one"
                )
            if batches.batch_size < size:
                raise DistributedError(
                    f"a batch of {batches.batch_size} is shared by {size} ranks: batch_size, which "
                    "counts the samples of all ranks together, must be at least that"
                )
            batches = copy.copy(batches)
            batches.rank, batches.ranks = rank, size
            self.whole = float(batches.batch_size)
        self._batches = batches
        if isinstance(validation, Dataset):
            ends = [one * len(validation) // size for one in (rank, rank + 1)]
            validation = validation[slice(*ends)]
        return batches, validation

    def steps(self, source: Iterable[tuple[Any, Any]], first: int) -> Iterator[tuple[Any, Any]]:
        """Return the batches of an epoch from number `first` on.

        Raises
        ------
        DistributedError
            On all ranks, if the iterable of one rank has fewer batches than another's.
        """
        if not isinstance(self._batches, Batches):
            yield from self._own_steps(iter(source), first)
            return
        for number, part in enumerate(source, start=first):
            start, stop = self._batches.bounds(number)
            self.counts = start < stop
            self.before = start - number * self._batches.batch_size
            yield part

    def _own_steps(
        self, source: Iterator[tuple[Any, Any]], number: int
    ) -> Iterator[tuple[Any, Any]]:
        """Ask the other ranks for their numbers of samples before each step."""
        while True:
            batch = next(source, None)
            samples = -1 if batch is None else len(batch[1])
            counts = self._channel.gathered(np.array([samples], np.int64))[:, 0]
            if batch is None and (counts < 0).all():
                return
            number += 1
            if batch is None or (counts < 0).any():
                raise DistributedError(
                    f"rank {np.argmin(counts)} has no batch {number} of this epoch, rank "
                    f"{np.argmax(counts)} has: each rank must give as many batches"
                )
            self.before = int(counts[: self._channel.rank].sum())
            self.whole = self.whole or float(counts.sum())
            yield batch
