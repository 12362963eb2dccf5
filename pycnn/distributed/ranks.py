"""Ranks: the processes of MPI that train one model together."""

from __future__ import annotations

import atexit
import copy
import json
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from math import isfinite, isnan, nan
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pycnn import _core
from pycnn._arguments import flag, positive
from pycnn.data import Batches, Dataset
from pycnn.devices import on_cpu, scale, zeros_like
from pycnn.distributed.channel import Channel
from pycnn.distributed.cuda_device import choose_device, launched_as
from pycnn.distributed.device_gradients import DeviceGradients
from pycnn.distributed.failure import ENDED, guarded, meet, tell
from pycnn.distributed.gate import RanksGate
from pycnn.distributed.gradients import FlatGradients
from pycnn.distributed.memory import SharedSets
from pycnn.distributed.mpi import DistributedError, load, world
from pycnn.distributed.tail import Gradients, Tail
from pycnn.distributed.threads import divide_threads
from pycnn.layers.module import Module
from pycnn.layers.spread import Spread, spread
from pycnn.optim import Optimizer
from pycnn.training.callbacks import Callback, TerminateOnNaN
from pycnn.training.meter import Meter
from pycnn.training.processes import Alone
from pycnn.training.same import differences

if TYPE_CHECKING:
    from mpi4py import MPI

T = TypeVar("T")


class Ranks(Alone):
    """The processes that a launcher such as ``mpiexec -n 4`` has started, to train one model.

    Each has a copy of the model and goes through its part of every batch; their gradients are added
    up before each update, so that all make the same one. To make an instance starts MPI, and all
    ranks must do so. Give it to `pycnn.fit` as ``distributed``, or True for one with the defaults.

    Parameters
    ----------
    communicator : mpi4py.MPI.Intracomm, optional
        The ranks; all that were started by default.
    deterministic : bool
        Whether gradients are added up in an order that is written down, a tree over the ranks,
        rather than as MPI likes: then the same number of ranks gives the same bits each time, with
        any MPI on any network.
    sync_batch_norm : bool
        Whether batch normalisation takes the statistics of the whole batch rather than those of the
        rank's part.
    overlap : bool, optional
        Whether gradients are added up while the backward pass goes on; by default where there are
        several machines.
    device : {'cpu', 'cuda', 'cuda_host'}
        Where the model will be. For 'cuda' each rank takes one GPU of its machine, before CUDA
        starts: make the instance before ``model.to("cuda")``.
    timeout : float
        Seconds to wait at the beginning for ranks that have not come yet.

    Attributes
    ----------
    rank, size : int
        Number of this process, from 0, and how many there are.
    threads : str
        A sentence about the machines and the threads. The cores of a machine are divided among its
        ranks, unless `pycnn.set_num_threads` or the environment says how many each takes.

    Raises
    ------
    DistributedError
        A ValueError: there is no mpi4py, no MPI, or one rank only.
    TypeError, ValueError
        If an argument is of another kind.

    Examples
    --------
    >>> ranks = pycnn.distributed.Ranks()
    >>> train, test = ranks.shared(pycnn.datasets.mnist)  # in memory once a machine
    >>> model = pycnn.models.lenet5(rng=0)
    >>> history = pycnn.fit(model, train, test, epochs=3, distributed=ranks)
    """

    def __init__(
        self,
        communicator: MPI.Intracomm | None = None,
        *,
        deterministic: bool = False,
        sync_batch_norm: bool = False,
        overlap: bool | None = None,
        device: str = "cpu",
        timeout: float = 600.0,
    ) -> None:
        gpus = ""
        if device == "cuda" and (place := launched_as()) is not None:
            gpus = choose_device(*place, device)  # an MPI that reads GPUs starts CUDA itself
        self.deterministic = flag("[Ranks] deterministic", deterministic)
        self.sync_batch_norm = flag("[Ranks] sync_batch_norm", sync_batch_norm)
        seconds = positive("[Ranks] timeout", timeout)
        comm = world(communicator)
        meet(comm, seconds)
        self.channel = Channel(comm)
        self._seconds = seconds
        # Before MPI ends, which would wait for the others: they must not wait for this one.
        atexit.register(tell, self.channel.comm, ENDED)
        self.rank, self.size = self.channel.rank, self.channel.size
        MPI = load()
        self.node = Channel(self.channel.comm.Split_type(MPI.COMM_TYPE_SHARED))  # of this machine
        if device == "cuda" and not gpus:
            gpus = choose_device(self.node.rank, self.node.size, device)
        self._threads = divide_threads(self.channel, self.node) + (f"; {gpus}" if gpus else "")
        machines = int(self.channel.gathered(np.array([self.node.rank == 0])).sum())
        self.overlap = machines > 1 if overlap is None else flag("[Ranks] overlap", overlap)
        self.brief = False  # whether a failure is told in one line, as a command does
        self._sets = SharedSets(self.node)
        self._depth = 0
        self._gate = RanksGate()
        self._batches: Any = None
        self._before = 0  # samples of the batch in lower ranks
        self._whole = 0.0  # samples of a batch, to which weights are relative
        self._own_loss = 0.0  # of the last step
        self._gradients: Gradients | None = None

    @property
    def threads(self) -> str:
        """Say how many ranks, machines and threads there are."""
        return self._threads

    def shared(self, load: Callable[[], T]) -> T:
        """Load data sets so that they are in memory once for all ranks of a machine.

        Parameters
        ----------
        load : function without arguments
            Gives one data set or a tuple of them, such as `pycnn.datasets.mnist`. Where they are
            `pycnn.ArrayDataset`, it is called on one rank of each machine, and the arrays, which
            are read-only, are one memory. Others each rank loads for itself.
        """
        return self._sets.load(load)

    # What `fit` asks ------------------------------------------------------------------------

    def gate(self) -> RanksGate:
        """Give what keeps signals back until all ranks have agreed."""
        self._gate = RanksGate()
        return self._gate

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """End the job if this rank alone leaves by an exception; the outermost block does it."""
        if self._depth:
            yield
            return
        self._depth += 1
        try:
            meet(self.channel.comm, self._seconds)
            with guarded(self.channel.comm, self.brief), warnings.catch_warnings():
                if self.rank:  # rank 0 gives pycnn's warnings
                    warnings.filterwarnings("ignore", r"\[\w+\]|rank \d+: \[", RuntimeWarning)
                yield
        finally:
            self._depth -= 1
            if self._gradients is not None:
                self._gradients.close()
                self._gradients = None

    def share(self, batches: Any, validation: Any) -> tuple[Any, Any]:
        """Give this rank's part of the training data, and of those that are measured.

        Batches of a user's own, which are no `Batches`, are the part of each rank as they are.
        """
        if isinstance(batches, Batches):
            size = self.size
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
            batches.rank, batches.ranks = self.rank, size
            self._whole = float(batches.batch_size)
        self._batches = batches
        if isinstance(validation, Dataset):
            ends = [rank * len(validation) // self.size for rank in (self.rank, self.rank + 1)]
            validation = validation[slice(*ends)]
        return batches, validation

    def agree(self, settings: dict[str, Any]) -> None:
        """Refuse to begin where a rank was asked for another training than rank 0."""
        mine = json.loads(json.dumps({"pycnn": _core.version, **settings}))
        theirs = json.loads(self.channel.broadcast_text(json.dumps(mine)))
        other = differences(theirs, mine, ("on rank 0", f"on rank {self.rank}"))
        error = DistributedError(f"the ranks differ: {'; '.join(other)}") if other else None
        self.channel.raise_together(error)

    def begin(self, model: Module, optimizer: Optimizer) -> None:
        """Take over the state of rank 0, and make room for the gradients."""
        from pycnn.training.state import layers_state, restore_layers

        names = {id(parameter): name for name, parameter in model.named_parameters()}
        for parameter in optimizer.params:
            if parameter.data.dtype != np.float32:
                raise TypeError(
                    f"[fit] {names.get(id(parameter), 'a parameter')} is {parameter.data.dtype}: "
                    "ranks add float32 gradients up"
                )
        state = self.channel.broadcast_state(
            {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "layers": layers_state(model),
            }
            if self.rank == 0
            else None
        )
        if self.rank:
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
            restore_layers(model, state["layers"])
        if (device := model.device) == "cpu":
            self._gradients = FlatGradients(
                optimizer.params,
                self.channel,
                deterministic=self.deterministic,
                overlap=self.overlap,
            )
        else:
            self._gradients = DeviceGradients(
                optimizer.params, self.channel, device, deterministic=self.deterministic
            )

    def by_first(self, call: Callable[[], T]) -> T:
        """Let rank 0 call, and give what it returned to all, or raise what it raised."""
        return self.channel.by_first(call)

    def steps(self, source: Iterable[tuple[Any, Any]], first: int) -> Iterator[tuple[Any, Any]]:
        """Go through the batches of an epoch from number `first` on, in step with the others."""
        if isinstance(self._batches, Batches):
            for number, part in enumerate(source, start=first):
                start, _ = self._batches.bounds(number)
                self._before = start - number * self._batches.batch_size
                yield part
            return
        iterator = iter(source)
        number = first
        while True:
            batch = next(iterator, None)
            samples = 0 if batch is None else len(batch[1])
            counts = self.channel.gathered(np.array([samples], np.int64))[:, 0]
            if not counts.any():
                return
            number += 1
            if not counts.all():
                rank = int(np.argmin(counts))
                raise DistributedError(
                    f"rank {rank} has no batch {number} of this epoch, rank {np.argmax(counts)} "
                    "has: each rank must give as many batches"
                )
            self._before = int(counts[: self.rank].sum())
            self._whole = self._whole or float(counts.sum())
            assert batch is not None
            yield batch

    def part(self, samples: int) -> AbstractContextManager[None]:
        """Let layers know where the samples of this rank stand in the batch."""
        total = self.channel.total if self.sync_batch_norm else None
        return spread(Spread(self._before, samples, total))

    def weighted(self, gradient: Any, weight: float) -> Any:
        """Give a loss gradient of this part as one of the mean over the batch."""
        if not weight:  # a mean over nothing has none
            return zeros_like(gradient)
        factor = weight / self._whole
        if isinstance(gradient, np.ndarray):
            return gradient * gradient.dtype.type(factor)
        scale(gradient, factor)
        return gradient

    def sum_gradients(self, loss: float, weight: float) -> tuple[float, float]:
        """Add the gradients of all ranks up; give the loss of the whole batch and its weight."""
        assert self._gradients is not None
        self._own_loss = loss if weight else 0.0
        mine = loss * (weight / self._whole) if weight else 0.0
        found = self._gradients.sum(Tail(mine, weight, float(self._gate.asked)))
        self._gate.agreed = found.signals > 0
        if not found.weight:
            return nan, 0.0
        if found.weight != self._whole:
            self._gradients.scale(self._whole / found.weight)
        return found.loss * (self._whole / found.weight), found.weight

    def text(self, text: str | None) -> str | None:
        """Give the text of a rank that has one, with its number where others say otherwise.

        A rank whose own loss is not finite knows more of a broken step than the others.
        """
        texts = self.channel.texts(text or "")
        if not any(texts):
            return None
        if all(one == texts[0] for one in texts):
            return texts[0]
        suspects = self.channel.gathered(np.array([not isfinite(self._own_loss)]))[:, 0]
        speaking = [rank for rank, one in enumerate(texts) if one]
        rank = next((rank for rank in speaking if suspects[rank]), speaking[0])
        return f"rank {rank}: {texts[rank]}"

    def stop_reason(self, reason: str | None, callbacks: Sequence[Callback]) -> str | None:
        """Give the reason of the first rank in which one of these callbacks stops the training.

        Callbacks of pycnn that look at a step see the same on all ranks: what others do is asked
        for.
        """
        if reason is None and all(isinstance(callback, TerminateOnNaN) for callback in callbacks):
            return None
        return self.text(reason)

    def end_of_pass(self, model: Module) -> None:
        """Let all ranks have the buffers of rank 0, and see that they have the same parameters.

        Running statistics differ between ranks that normalise by the statistics of their parts.

        Raises
        ------
        RuntimeError
            On all ranks, if one has other parameters.
        """
        parameters = {id(parameter.data) for parameter in model.parameters()}
        differing = []
        for name, array in model.state_dict().items():
            checksums = self.channel.gathered(np.array([_checksum(array)], np.uint32))[:, 0]
            if (checksums == checksums[0]).all():
                continue
            if id(array) not in parameters:
                differing.append(name)
                continue
            rank = int(np.argmax(checksums != checksums[0]))
            raise RuntimeError(
                f"[fit] {name} of rank {rank} is not that of rank 0 any more: the ranks train "
                "different models (does a callback change the model on one rank only?)"
            )
        if differing:
            state = model.state_dict()
            theirs = self.channel.broadcast_state({name: state[name] for name in differing})
            if self.rank:
                model.load_state_dict(theirs, strict=False)

    def gathered(self, state: dict[str, Any]) -> list[dict[str, Any]]:
        """Give the states, of JSON values, of all ranks."""
        return list(map(json.loads, self.channel.texts(json.dumps(state))))

    def total(self, meter: Meter) -> Meter:
        """Give a meter of what all ranks have counted."""
        state = meter.state_dict()
        names = [name for name in state if name != "where"]
        numbers = [nan if state[name] is None else float(state[name]) for name in names]
        added = self.channel.total(np.array(numbers)).tolist()
        found = copy.copy(meter)
        found.load_state_dict(
            {
                **{
                    name: _like(state[name], value)
                    for name, value in zip(names, added, strict=True)
                },
                "where": self.text(meter.where or None) or "",
            }
        )
        return found


def _checksum(array: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(on_cpu(array)).data)


def _like(before: Any, value: float) -> Any:
    """Give a sum in the kind of number that it is a sum of; None where a rank does not count it."""
    if isinstance(before, float):
        return value
    return None if isnan(value) else int(value)
