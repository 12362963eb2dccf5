"""Ranks: the processes of MPI that train one model together."""

from __future__ import annotations

import atexit
import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from math import isfinite, nan
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pycnn import _core
from pycnn._arguments import choice, flag, positive
from pycnn.devices import EXTENSIONS, scale, zeros_like
from pycnn.distributed.agreement import (
    check_floats,
    check_settings,
    keep_one_model,
    take_over,
    total_of,
)
from pycnn.distributed.channel import Channel
from pycnn.distributed.cuda_device import choose_device, launched_as
from pycnn.distributed.device_gradients import DeviceGradients
from pycnn.distributed.failure import ENDED, ERROR, Agreed, end_job, guarded, meet, tell
from pycnn.distributed.gate import RanksGate
from pycnn.distributed.gradients import FlatGradients
from pycnn.distributed.memory import SharedSets
from pycnn.distributed.mpi import DistributedError, load, world
from pycnn.distributed.parts import Parts
from pycnn.distributed.tail import Gradients, Tail
from pycnn.distributed.threads import divide_threads
from pycnn.layers.module import Module
from pycnn.layers.spread import Spread, spread
from pycnn.optim import Optimizer
from pycnn.training.callbacks import Callback, TerminateOnNaN
from pycnn.training.meter import Meter
from pycnn.training.processes import Alone

if TYPE_CHECKING:
    from mpi4py import MPI

T = TypeVar("T")


class _Training:
    """What belongs to one training of the ranks: there may be another in a callback of it."""

    def __init__(self, channel: Channel) -> None:
        self.gate = RanksGate()
        self.parts = Parts(channel)
        self.gradients: Gradients | None = None
        self.own_loss = 0.0  # of this rank, in the last step


def _tell_of_the_end(comm: MPI.Intracomm) -> None:
    """Tell the others that this process ends, unless MPI has ended already."""
    if not load().Is_finalized():
        tell(comm, ENDED)


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
    overlap : bool
        Whether gradients are added up while the backward pass goes on, by a thread that wants a
        core of its own for the messages.
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
        overlap: bool = False,
        device: str = "cpu",
        timeout: float = 600.0,
    ) -> None:
        gpus = ""
        if device == "cuda" and (place := launched_as()) is not None:
            gpus = choose_device(*place, device)  # an MPI that reads GPUs starts CUDA itself
        self.deterministic = flag("[Ranks] deterministic", deterministic)
        self.sync_batch_norm = flag("[Ranks] sync_batch_norm", sync_batch_norm)
        self.overlap = flag("[Ranks] overlap", overlap)
        choice("[Ranks] device", device, ("cpu", *EXTENSIONS))
        seconds = positive("[Ranks] timeout", timeout)
        comm = world(communicator)
        meet(comm, seconds)
        self.channel = Channel(comm)
        self._seconds = seconds
        # Before MPI ends, which would wait for the others: they must not wait for this one.
        atexit.register(_tell_of_the_end, self.channel.comm)
        self.rank, self.size = self.channel.rank, self.channel.size
        with guarded(self.channel.comm, brief=False):
            if overlap and load().Query_thread() < load().THREAD_MULTIPLE:
                raise DistributedError("overlap=True needs an MPI with MPI_THREAD_MULTIPLE")
            shared = self.channel.comm.Split_type(load().COMM_TYPE_SHARED)
            self.node = Channel(shared)  # of this machine
            if device == "cuda" and not gpus:
                gpus = choose_device(self.node.rank, self.node.size, device)
            self._threads = divide_threads(self.channel, self.node)
            self._threads += f"; {gpus}" if gpus else ""
        self.brief = False  # whether a failure is told in one line, as a command does
        self._sets = SharedSets(self.node)
        self._training: _Training | None = None

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
        with self.guarded():
            return self._sets.load(load)

    @property
    def _now(self) -> _Training:
        """Give the training that is going on."""
        assert self._training is not None
        return self._training

    # What `fit` asks ------------------------------------------------------------------------

    def gate(self) -> RanksGate:
        """Give what keeps signals back until all ranks have agreed."""
        return self._now.gate

    def have_agreed(self, interruption: KeyboardInterrupt) -> bool:
        """Whether all ranks end the training at this step; one that was forced ends the job."""
        return isinstance(interruption, Agreed)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """End the job if this rank alone leaves by an exception; the outermost block does it."""
        outside = self._training
        self._training = _Training(self.channel)
        try:
            if outside is not None:  # a training in a callback of another, or in a command
                yield
            else:
                with guarded(self.channel.comm, self.brief), warnings.catch_warnings():
                    meet(self.channel.comm, self._seconds)
                    if self.rank:  # rank 0 gives pycnn's warnings
                        pattern = r"\[\w+\]|rank \d+: \["
                        warnings.filterwarnings("ignore", pattern, RuntimeWarning)
                    yield
            if self._training.gradients is not None:
                self._training.gradients.close()
        except Exception as error:
            if (gradients := self._training.gradients) is not None and gradients.busy:
                end_job(self.channel.comm, str(error), ERROR)  # sums that nobody would end
            raise
        finally:
            if self._training.gradients is not None:
                self._training.gradients.release()
            self._training = outside

    def share(self, batches: Any, validation: Any) -> tuple[Any, Any]:
        """Give this rank's part of the training data, and of those that are measured."""
        return self._now.parts.share(batches, validation)

    def agree(self, settings: dict[str, Any]) -> None:
        """Refuse to begin where a rank was asked for another training than rank 0."""
        options = ("deterministic", "sync_batch_norm", "overlap")
        own = {name: getattr(self, name) for name in options}
        # Others round in another way, and the ranks would drift apart.
        own["instruction set"] = _core.isa()
        check_settings(self.channel, {**own, **settings})

    def begin(self, model: Module, optimizer: Optimizer) -> None:
        """Take over the state of rank 0, and make room for the gradients."""
        check_floats(model, optimizer)
        take_over(self.channel, model, optimizer)
        parameters, ordered = optimizer.params, self.deterministic
        if (device := model.device) == "cpu":
            self._now.gradients = FlatGradients(
                parameters, self.channel, deterministic=ordered, overlap=self.overlap
            )
        else:
            self._now.gradients = DeviceGradients(
                parameters, self.channel, device, deterministic=ordered
            )

    def together(self, call: Callable[[], None]) -> None:
        """Call on all ranks; where it fails on one, all raise."""
        problem: Exception | None = None
        try:
            call()
        except Exception as error:
            problem = error
        self.channel.raise_together(problem)

    def by_first(self, call: Callable[[], T]) -> T:
        """Let rank 0 call, and give what it returned to all, or raise what it raised."""
        return self.channel.by_first(call)

    def steps(self, source: Iterable[tuple[Any, Any]], first: int) -> Iterator[tuple[Any, Any]]:
        """Go through the batches of an epoch from number `first` on, in step with the others."""
        return self._now.parts.steps(source, first)

    def part(self, samples: int) -> AbstractContextManager[None]:
        """Let layers know where the samples of this rank stand in the batch."""
        total = self.channel.total if self.sync_batch_norm else None
        parts = self._now.parts
        return spread(Spread(parts.before, samples, total, parts.counts))

    @property
    def counts(self) -> bool:
        """Whether the samples at hand belong to the batch: this rank may have none of it."""
        return self._now.parts.counts

    def weighted(self, gradient: Any, weight: float) -> Any:
        """Give a loss gradient of this part as one of the mean over the batch."""
        if not weight:  # a mean over nothing has none
            return zeros_like(gradient)
        factor = weight / self._now.parts.whole
        if isinstance(gradient, np.ndarray):
            return gradient * gradient.dtype.type(factor)
        scale(gradient, factor)
        return gradient

    def sum_gradients(self, loss: float, weight: float) -> tuple[float, float]:
        """Add the gradients of all ranks up; give the loss of the whole batch and its weight."""
        assert self._now.gradients is not None
        whole = self._now.parts.whole
        self._now.own_loss = loss if weight else 0.0
        mine = loss * (weight / whole) if weight else 0.0
        found = self._now.gradients.sum(Tail(mine, weight, float(self._now.gate.asked)))
        self._now.gate.agreed = found.signals > 0
        if not found.weight:
            return nan, 0.0
        if found.weight != whole:
            self._now.gradients.scale(whole / found.weight)
        return found.loss * (whole / found.weight), found.weight

    def text(self, text: str | None) -> str | None:
        """Give the text of a rank that has one, with its number where others say otherwise.

        A rank whose own loss is not finite knows more of a broken step than the others.
        """
        texts = self.channel.texts(text or "")
        if not any(texts):
            return None
        if all(one == texts[0] for one in texts):
            return texts[0]
        suspects = self.channel.gathered(np.array([not isfinite(self._now.own_loss)]))[:, 0]
        speaking = [rank for rank, one in enumerate(texts) if one]
        rank = next((rank for rank in speaking if suspects[rank]), speaking[0])
        return f"rank {rank}: {texts[rank]}"

    def stop_reason(self, reason: str | None, callbacks: Sequence[Callback]) -> str | None:
        """Give the reason of a rank in which one of these callbacks stops the training.

        Those of pycnn that look at a step see the same on all ranks: what others do is asked for.
        """
        if all(type(callback) is TerminateOnNaN for callback in callbacks):
            return reason
        return self.text(reason)

    def ask_for_signals(self) -> None:
        """Agree to end the training where a signal has come to a rank since the last step."""
        asked = np.array([self._now.gate.asked])
        self._now.gate.agreed = bool(self.channel.gathered(asked).any())

    def end_of_pass(self, model: Module) -> None:
        """Let all ranks have the buffers of rank 0, and see that they have the same parameters."""
        keep_one_model(self.channel, model)

    def gathered(self, state: dict[str, Any]) -> list[dict[str, Any]]:
        """Give the states, of JSON values, of all ranks."""
        return list(map(json.loads, self.channel.texts(json.dumps(state))))

    def total(self, meter: Meter) -> Meter:
        """Give a meter of what all ranks have counted."""
        return total_of(self.channel, meter, self.text(meter.where or None) or "")
