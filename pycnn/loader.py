"""Batches that background threads prepare while the network computes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from math import inf
from typing import Any

from pycnn._arguments import flag, integer, written
from pycnn.arrays import take
from pycnn.arrays.read import is_number
from pycnn.arrays.samplewise import Samplewise
from pycnn.data import ArrayDataset, Augment, Batches, Dataset, Targets

Batch = tuple[Any, Targets]


class DataLoader(Batches):
    """The batches of `Batches`, bit for bit, prepared ahead by background threads.

    Worth it if a batch takes work, such as decoding pictures or augmenting samples. The order of
    the batches and their random numbers do not depend on the number of threads. Decoding and NumPy
    release Python's lock most of the time, so the threads do run at once.

    Parameters
    ----------
    data : Dataset
        At least one sample; `gather` is called from several threads at once.
    batch_size : int
        Samples in a batch; the last batch of a pass holds the rest.
    seed : int, optional
        Shuffle, as in `Batches`; None keeps the order of the data set.
    augment : Augment, optional
        Applied to each batch, from several threads at once.
    workers : int
        Threads.
    ahead : int
        Batches that may be ready or in progress, besides the one in use.
    shuffle : bool, optional
        As in PyTorch: True shuffles, with the seed 0 if none is given; False keeps the order, as
        None does without a seed.
    drop_last : bool
        Whether a pass leaves out a last batch that is smaller than the others.

    Raises
    ------
    TypeError, ValueError
        As for `Batches`, or if `workers` or `ahead` is not a positive int, or there is an unknown
        argument, such as PyTorch's ``num_workers``.

    Notes
    -----
    The threads of a pass end with it: at its last batch, when its iterator is closed or dropped
    (a ``break``), at an error, and with the program. An error in a worker is raised when its batch
    is due, after the batches before it. A forked child, which has none of these threads, may go on
    with a pass of its parent: it starts new threads.
    """

    def __init__(
        self,
        data: Dataset,
        batch_size: int,
        seed: int | None = None,
        augment: Augment | None = None,
        workers: int = 2,
        ahead: int = 4,
        *,
        shuffle: bool | None = None,
        drop_last: bool = False,
        **others: Any,
    ) -> None:
        if others:
            raise TypeError(
                f"[DataLoader] there is no argument {next(iter(others))!r}: shuffle=True or seed=0 "
                "shuffles; workers=2 is the number of threads"
            )
        if shuffle is not None:
            wanted = flag("DataLoader", "shuffle", shuffle)
            if not wanted and seed is not None:
                raise ValueError("[DataLoader] shuffle=False keeps the order, and takes no seed")
            seed = (0 if seed is None else seed) if wanted else None
        super().__init__(data, batch_size, seed, augment, drop_last=drop_last)
        self.workers = integer("DataLoader", "workers", workers, 1, inf)
        self.ahead = integer("DataLoader", "ahead", ahead, 1, inf)

    def pass_from(self, first: int) -> Generator[Batch, None, None]:
        """Return a pass that begins with batch number `first`; earlier ones are not made."""
        epoch, self.epoch = self.epoch, self.epoch + 1
        order = self.order(epoch)
        return self._pass(lambda batch: self.make(order, epoch, batch), first)

    def _pass(self, make: Callable[[int], Batch], first: int) -> Generator[Batch, None, None]:
        work = _Work(make, first, len(self), self.ahead, self.workers)
        try:
            for batch in range(first, len(self)):
                yield work.take(batch)
        finally:
            work.stop()


def batches_of(
    data: Dataset,
    batch_size: int,
    seed: int | None = None,
    augment: Augment | None = None,
    drop_last: bool = False,
) -> Batches:
    """Return the batches of a data set, from background threads if these have work to do.

    A data set of another library is read in this thread: nothing says that it allows others.
    """
    if isinstance(data, Samplewise) or (isinstance(data, ArrayDataset) and augment is None):
        return Batches(data, batch_size, seed, augment, drop_last=drop_last)
    return DataLoader(data, batch_size, seed, augment, drop_last=drop_last)


Prepare = Callable[[Any], tuple[Any, Any]]
"""Turns a batch of any kind into arrays for a model, see `preparing`."""


def preparing(
    owner: str, dtype: Any, *, words: bool, classes: Sequence[str] = (), several: bool = False
) -> Prepare:
    """Return a function that turns batches (x, y) into arrays for a model.

    Parameters
    ----------
    owner : str
        For errors.
    dtype : float32 or int64
        What the model takes: `Module.input_dtype`.
    words : bool
        Whether a part of the model takes int64.
    classes : sequence of str
        Names of the classes, where targets are names.
    several : bool
        Whether the model takes several inputs.
    """

    def prepare(batch: Any) -> tuple[Any, Any]:
        x, y = _pair(batch, f"[{owner}] ")
        x = take.in_tuple(x, several)
        x = take.batch(owner, "x", x, dtype, words=words)
        y = take.batch_targets(owner, "y", y, classes)
        sizes = len(x[0] if isinstance(x, tuple) else x), len(y[0] if isinstance(y, tuple) else y)
        if sizes[0] != sizes[1] or sizes[0] == 0:
            at_least = "" if sizes[0] != sizes[1] else ", and at least one"
            at_least += "; several targets are a tuple" if isinstance(batch[1], list) else ""
            raise ValueError(
                f"[{owner}] a batch needs as many labels as samples, got {sizes[0]} and {sizes[1]}"
                f"{at_least}"
            )
        return x, y

    return prepare


def _pair(batch: Any, head: str = "") -> tuple[Any, Any]:
    """Unpack a batch, or say what it should have been; `head` begins the text."""
    if isinstance(batch, Mapping):
        raise TypeError(
            f"{head}data must yield batches (x, y), got a {type(batch).__name__} with "
            f"{', '.join(map(str, list(batch)[:4]))}: several inputs go in a tuple ((a, b), y), in "
            "the order of the arguments of the model's forward"
        )
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        found = type(batch).__name__
        found += f" of {len(batch)}" if isinstance(batch, (tuple, list)) else ""
        raise TypeError(
            f"{head}data must yield batches (x, y), got {found}; two arrays are given as "
            "fit(model, x, y), or become a data set as pycnn.ArrayDataset(x, y); several inputs go "
            "in a tuple ((a, b), y)"
        )
    x, y = batch
    if is_number(y) or getattr(y, "shape", None) == ():
        raise TypeError(
            f"{head}data must yield batches (x, y), got a single sample with the target "
            f"{written(y)}: torch.utils.data.DataLoader(data, batch_size=32), for one, makes "
            "batches of samples"
        )
    return x, y


@contextmanager
def one_pass(
    batches: Iterable[Any], first: int = 0, prepare: Prepare | None = None
) -> Iterator[Iterator[tuple[Any, Any]]]:
    """Iterate over batches once, and `prepare` each; their threads end even after an error.

    Batches before number `first` are skipped; an iterable of the user still has to make them.
    """
    prepare = prepare or _pair
    if isinstance(batches, Batches) and type(batches).__iter__ is Batches.__iter__:
        with closing(batches.pass_from(first)) as source:
            yield map(prepare, source)
        return
    own = iter(batches)
    if sum(1 for _ in islice(own, first)) < first:
        raise ValueError(
            f"the training data have fewer than the {first} batches of the epoch that is resumed "
            "(a generator must give those already done again)"
        )
    try:
        yield map(prepare, own)
    finally:
        if isinstance(batches, Batches) and isinstance(own, Generator):
            own.close()


class _Work:
    """State that the threads of a pass share.

    The threads hold no reference to the iterator, so that it can be dropped, which ends them.

    Parameters
    ----------
    make : function
        Makes batch number b.
    first, count : int
        First batch, and number of batches in all.
    ahead : int
        Batches that may be begun beyond the one taken last.
    workers : int
        Threads; limited to the number of batches.
    """

    def __init__(
        self, make: Callable[[int], Batch], first: int, count: int, ahead: int, workers: int
    ) -> None:
        self.make = make
        self.count = count
        self.ahead = ahead
        self.workers = min(workers, count - first)
        self.taken = first  # batches that were asked for
        self.stopped = False
        self.process = 0  # the process of the threads, 0 while there are none

    def start(self) -> None:
        """Start the threads, as daemons, so that they do not keep the program from ending.

        A forked child starts them again: batches that were ready or in progress are made again, and
        the lock is new, because a thread of the parent may have held the old one.
        """
        self.process = os.getpid()
        self.begun = self.taken  # batches that a thread has made or begun
        self.results: dict[int, Batch | BaseException] = {}
        self.changed = threading.Condition()
        for number in range(self.workers):
            name = f"pycnn-loader-{number}"
            threading.Thread(target=self._run, name=name, daemon=True).start()

    def stop(self) -> None:
        """Tell the threads to end: waiting ones at once, the others after their batch."""
        if self.process != os.getpid():
            return
        with self.changed:
            self.stopped = True
            self.results.clear()
            self.changed.notify_all()

    def take(self, batch: int) -> Batch:
        """Wait for a batch; raise the error of its thread, if any."""
        if self.process != os.getpid():
            self.start()
        with self.changed:
            self.taken = batch + 1
            self.changed.notify_all()
            self.changed.wait_for(lambda: batch in self.results)
            result = self.results.pop(batch)
        if isinstance(result, BaseException):
            raise result
        return result

    def _run(self) -> None:
        """Make batches until none is left or the pass is over; this is the loop of a thread."""
        while (batch := self._begin()) is not None:
            result: Batch | BaseException
            try:
                result = self.make(batch)
            # Any error at all: otherwise the caller would wait forever for this batch.
            except BaseException as error:
                result = error
            with self.changed:
                if not self.stopped:
                    self.results[batch] = result
                    self.changed.notify_all()
            del result  # otherwise it stays in memory while this thread waits

    def _begin(self) -> int | None:
        """Wait for room ahead; return the number of the next batch, or None at the end."""
        with self.changed:
            self.changed.wait_for(self._may_go_on)
            if self.stopped or self.begun == self.count:
                return None
            self.begun += 1
            return self.begun - 1

    def _may_go_on(self) -> bool:
        return self.stopped or self.begun == self.count or self.begun < self.taken + self.ahead
